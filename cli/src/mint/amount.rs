//! Accounts and amounts as people write them.

use anyhow::{Context, Result};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::identity::{AccountKey, PayeeKey};
use farthing_protocol::text;
use farthing_wallet::ACCOUNT_PREFIX;

use crate::exit::{Trouble, fault};

/// Reads an account in the form that wallets print, or a payee's, which is his key.
pub(crate) fn read_account(text: &str) -> Result<AccountKey> {
    if let Ok(payee) = PayeeKey::from_text(text) {
        return Ok(payee.account());
    }
    let bytes = text::decode(ACCOUNT_PREFIX, text)
        .context("this is not an account: `farthing wallet account` prints one, farthingaccount1…")?;
    let bytes: [u8; 32] = bytes.try_into().ok().context("this is not an account: it has the wrong length")?;
    Ok(AccountKey::from_bytes(bytes))
}

/// Reads an amount as people write it.
pub(crate) fn read_amount(text: &str, unit: &Unit) -> Result<Amount> {
    let amount = read_amount_or_zero(text, unit)?;
    if amount.is_zero() { Err(fault(Trouble::BadAmount, "the amount is zero").into()) } else { Ok(amount) }
}

/// The same, where zero means something.
pub(crate) fn read_amount_or_zero(text: &str, unit: &Unit) -> Result<Amount> {
    let Ok(amount) = Amount::parse(text, unit) else {
        let example = Amount::new(150).unwrap_or_default().display(unit);
        let message = format!("{text:?} is no amount in {}", unit.code());
        let hint = format!("write it with at most {} decimals, such as {example}", unit.exponent());
        return Err(fault(Trouble::BadAmount, message).next(hint).into());
    };
    Ok(amount)
}
