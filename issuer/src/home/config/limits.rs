//! `[limits]`

use std::num::NonZeroU32;

use farthing_protocol::amount::Amount;
use serde::Deserialize;

use crate::home::HomeError;
use crate::limits::{IssueLimits, RequestRates};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    max_issue: Option<u64>,
    max_issue_account_day: Option<u64>,
    max_issue_day: Option<u64>,
    max_outstanding: Option<u64>,
    requests_per_second: Option<u32>,
    account_requests_per_minute: Option<u32>,
}

impl Limits {
    pub(super) fn issue(&self) -> Result<IssueLimits, HomeError> {
        let amount = |units: Option<u64>| units.map(|units| Amount::new(units).ok_or(HomeError::Config)).transpose();
        Ok(IssueLimits {
            operation: amount(self.max_issue)?,
            account_day: amount(self.max_issue_account_day)?,
            day: amount(self.max_issue_day)?,
            outstanding: amount(self.max_outstanding)?,
        })
    }

    /// What is not said is as usual; 0 is no bound.
    pub(super) fn rates(&self) -> RequestRates {
        let usual = RequestRates::default();
        let rate = |said: Option<u32>, usual: Option<NonZeroU32>| said.map_or(usual, NonZeroU32::new);
        RequestRates {
            all: rate(self.requests_per_second, usual.all),
            account: rate(self.account_requests_per_minute, usual.account),
        }
    }
}

pub(super) fn text(limits: &IssueLimits, rates: &RequestRates) -> String {
    let line = |name: &str, limit: Option<Amount>, example: u64| match limit {
        Some(amount) => format!("{name} = {amount}\n"),
        None => format!("# {name} = {example}\n"),
    };
    let rate = |rate: Option<NonZeroU32>| rate.map_or(0, NonZeroU32::get);
    [
        "\
# What the mint issues at most, in the unit's smallest parts: 50000 is 500.00 of a unit with two decimals. Swaps make
# nothing, and are not limited. What is not set has no limit.
[limits]

# In one withdrawal.
"
        .to_owned(),
        line("max_issue", limits.operation, 50_000),
        "\n# To one account in a day. How much was issued to whom in which hour is then kept for that day.\n".to_owned(),
        line("max_issue_account_day", limits.account_day, 100_000),
        "\n# To all in a day.\n".to_owned(),
        line("max_issue_day", limits.day, 1_000_000),
        "\n# Tokens that are out at once: issued and not redeemed. `farthing mint backing` sets another bound, on what is owed.\n"
            .to_owned(),
        line("max_outstanding", limits.outstanding, 10_000_000),
        format!(
            "
# How often the mint is asked: all together in a second, and in a minute by requests that one account has signed. What is
# more is answered with 429. 0 is no bound. No address is looked at.
requests_per_second = {}
account_requests_per_minute = {}
",
            rate(rates.all),
            rate(rates.account)
        ),
    ]
    .concat()
}
