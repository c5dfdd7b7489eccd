//! `[keysets]`

use farthing_protocol::amount::{Denomination, Fees};
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::keyset::{Bundle, Redemption};
use serde::Deserialize;

use super::Config;
use crate::home::{HomeError, Windows};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keysets {
    pub(crate) denominations: u8,
    redemption: String,
    #[serde(default)]
    pub(crate) closed_to: Vec<PayeeKey>,
    issue_seconds: u64,
    /// A mint made before keysets followed one another by themselves says nothing.
    ahead_seconds: Option<u64>,
    spend_seconds: u64,
    deposit_seconds: u64,
    withdrawal_fee_ppm: u32,
    deposit_fee_ppm: u32,
    bundles: Vec<Vec<(u8, u16)>>,
}

impl Keysets {
    pub(crate) fn windows(&self) -> Windows {
        Windows { issue: self.issue_seconds, spend: self.spend_seconds, deposit: self.deposit_seconds }
    }

    pub(super) fn ahead(&self) -> Result<u64, HomeError> {
        let ahead = self.ahead_seconds.unwrap_or_else(|| self.windows().usual_ahead());
        // A keyset that never issues is refused as such.
        if ahead < self.issue_seconds.max(1) { Ok(ahead) } else { Err(HomeError::Ahead) }
    }

    pub(crate) fn redemption(&self) -> Result<Redemption, HomeError> {
        Ok(match self.redemption.as_str() {
            "open" => Redemption::Open,
            payee => Redemption::Closed(PayeeKey::from_text(payee).map_err(|_| HomeError::Config)?),
        })
    }

    pub(crate) fn fees(&self) -> Fees {
        Fees { withdrawal_ppm: self.withdrawal_fee_ppm, deposit_ppm: self.deposit_fee_ppm }
    }

    pub(crate) fn bundles(&self) -> Result<Vec<Bundle>, HomeError> {
        let bundle = |counts: &Vec<(u8, u16)>| {
            let counts: Option<Vec<_>> =
                counts.iter().map(|(d, count)| Some((Denomination::new(*d)?, *count))).collect();
            Bundle::new(counts.ok_or(HomeError::Config)?).map_err(|_| HomeError::Config)
        };
        self.bundles.iter().map(bundle).collect()
    }
}

pub(crate) fn text(config: &Config) -> String {
    let redemption = match config.redemption {
        Redemption::Open => "open".to_owned(),
        Redemption::Closed(payee) => payee.to_text(),
    };
    let closed_to: Vec<String> = config.closed_to.iter().map(|payee| format!("\"{}\"", payee.to_text())).collect();
    let bundles: Vec<String> = config.bundles.iter().map(bundle_text).collect();
    format!(
        "\
# What the NEXT keyset will be like. A keyset that exists never changes.
[keysets]

# Tokens of 1, 2, 4, ... 2^(n-1) units.
denominations = {denominations}

# \"open\": tokens may be spent with any payee and are cleared here. Or a payee's key: with that payee only.
redemption = \"{redemption}\"

# Payees who are one operator with this mint and keep no store of spent tokens of their own: keysets closed to them
# are decided in this ledger. Never name a payee here who has a store: a token could then be spent twice.
closed_to = [{closed_to}]

# How long tokens are issued, how long they can be spent after that, how long payees can deposit after that.
issue_seconds = {issue}
spend_seconds = {spend}
deposit_seconds = {deposit}

# So long before a keyset ceases to issue, a running mint makes the next one and publishes it: wallets and payees see it
# coming. Less than issue_seconds.
ahead_seconds = {ahead}

# Fees in parts per million. Swaps are always free.
withdrawal_fee_ppm = {withdrawal}
deposit_fee_ppm = {deposit_fee}

# What a wallet can withdraw at once, as [exponent, count]: [3, 2] means two tokens of 2^3. Few, so that wallets
# look alike.
bundles = [
{bundles}]
",
        denominations = config.denominations,
        closed_to = closed_to.join(", "),
        issue = config.windows.issue,
        spend = config.windows.spend,
        deposit = config.windows.deposit,
        ahead = config.ahead,
        withdrawal = config.fees.withdrawal_ppm,
        deposit_fee = config.fees.deposit_ppm,
        bundles = bundles.concat(),
    )
}

fn bundle_text(bundle: &Bundle) -> String {
    let counts: Vec<String> = bundle.counts().iter().map(|(d, count)| format!("[{}, {count}]", d.exponent())).collect();
    format!("    [{}],\n", counts.join(", "))
}
