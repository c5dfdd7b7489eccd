//! `[accounts]`

use farthing_protocol::amount::Amount;
use serde::Deserialize;

use crate::home::HomeError;
use crate::ledger::{AccountRules, MOST_PAYMENT, Registration};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Accounts {
    most_balance: u64,
    most_per_day: u64,
    most_payment: Option<u64>,
    registration: Registration,
}

impl Accounts {
    pub(super) fn rules(&self) -> Result<AccountRules, HomeError> {
        let limit = |units: u64| match units {
            0 => Ok(None),
            units => Amount::new(units).map(Some).ok_or(HomeError::Config),
        };
        let (most_balance, most_per_day) = (limit(self.most_balance)?, limit(self.most_per_day)?);
        let most_payment = match self.most_payment {
            None => MOST_PAYMENT,
            Some(units) => Amount::new(units).filter(|most| !most.is_zero()).ok_or(HomeError::Config)?,
        };
        Ok(AccountRules { most_balance, most_per_day, most_payment, registration: self.registration })
    }
}

pub(super) fn text(rules: &AccountRules) -> String {
    let units = |limit: Option<Amount>| limit.map_or(0, Amount::units);
    format!(
        "\
# What an account may hold and what may leave it, in the smallest unit; 0 is no limit. Money that comes from outside, from
# another account or by a deposit is refused where it would make the balance larger than most_balance. What leaves within a day, as
# tokens, payouts or transfers, is refused beyond most_per_day. Owners can set limits of their own, above which a second factor
# is asked for.
[accounts]
most_balance = {balance}
most_per_day = {day}

# The most that comes from outside at once, by a credit, a message of your payment processor or a batch of vouchers, in the
# smallest unit. More is refused: it is a slip, or somebody else's message. Raise it here if it is neither.
most_payment = {payment}

# Who may have an account: \"open\" for whoever has a key; \"closed\" for those alone whose account you opened
# (`farthing mint account open`). Into others nothing is deposited or transferred then, and they get no quotes.
registration = \"{registration}\"
",
        registration = match rules.registration {
            Registration::Open => "open",
            Registration::Closed => "closed",
        },
        balance = units(rules.most_balance),
        day = units(rules.most_per_day),
        payment = rules.most_payment.units(),
    )
}
