//! Double entry: every operation moves amounts between two places, by [`transfer`] and nothing else.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::KeysetId;

use super::LedgerError;
use super::records::{AccountState, KeysetTotals, Millionths, Table, UnitTotals, account_key, get, put, unit_key};

/// Where value can be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// Outside of the mint.
    World,
    /// In an account.
    Account(&'a AccountKey),
    /// In the mint's fee income.
    Fees,
    /// In unused vouchers.
    Vouchers,
    /// In payouts that were asked for and are not settled.
    Payouts,
    /// In tokens of a keyset.
    Tokens(&'a KeysetId),
}

/// Why value was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransferError {
    /// There is not so much in the place it should come from.
    #[error("the funds do not cover the amount")]
    Insufficient,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Moves an amount of a unit from one place to another, in the records of both and in the running totals.
pub(crate) fn transfer(
    txn: &mut Txn<'_>,
    unit: &Unit,
    from: Place<'_>,
    to: Place<'_>,
    amount: Amount,
) -> Result<(), TransferError> {
    let mut totals = unit_totals(txn, unit)?;
    take(txn, unit, &mut totals, from, amount)?;
    give(txn, unit, &mut totals, to, amount)?;
    Ok(put(txn, Table::Unit, &unit_key(unit), &totals)?)
}

/// Σ tokens of a keyset that were issued.
pub(crate) fn issued_of(txn: &Txn<'_>, keyset: &KeysetId) -> Result<Amount, LedgerError> {
    let totals: Option<KeysetTotals> = get(txn, Table::Keyset, keyset.as_bytes())?;
    Ok(totals.map_or(Amount::ZERO, |totals| totals.issued))
}

pub(crate) fn unit_totals(txn: &Txn<'_>, unit: &Unit) -> Result<UnitTotals, LedgerError> {
    Ok(get(txn, Table::Unit, &unit_key(unit))?.unwrap_or(UnitTotals::ZERO))
}

pub(crate) fn account_state(txn: &Txn<'_>, account: &AccountKey, unit: &Unit) -> Result<AccountState, LedgerError> {
    let empty = AccountState { balance: Amount::ZERO, fee_owed: Millionths::default() };
    Ok(get(txn, Table::Account, &account_key(account, unit))?.unwrap_or(empty))
}

/// Σ payouts of a unit that are pending.
pub(crate) fn pending(txn: &Txn<'_>, unit: &Unit) -> Result<Amount, LedgerError> {
    Ok(get(txn, Table::Pending, &unit_key(unit))?.unwrap_or(Amount::ZERO))
}

fn put_pending(txn: &mut Txn<'_>, unit: &Unit, sum: Amount) -> Result<(), LedgerError> {
    put(txn, Table::Pending, &unit_key(unit), &sum)
}

fn take(
    txn: &mut Txn<'_>,
    unit: &Unit,
    totals: &mut UnitTotals,
    from: Place<'_>,
    amount: Amount,
) -> Result<(), TransferError> {
    match from {
        Place::World => totals.funded = plus(totals.funded, amount)?,
        Place::Account(account) => {
            let mut state = account_state(txn, account, unit)?;
            state.balance = state.balance.checked_sub(amount).ok_or(TransferError::Insufficient)?;
            put(txn, Table::Account, &account_key(account, unit), &state)?;
            totals.balances = minus(totals.balances, amount)?;
        }
        Place::Fees => totals.fees = totals.fees.checked_sub(amount).ok_or(TransferError::Insufficient)?,
        Place::Vouchers => totals.vouchers = minus(totals.vouchers, amount)?,
        Place::Payouts => put_pending(txn, unit, minus(pending(txn, unit)?, amount)?)?,
        Place::Tokens(keyset) => {
            let mut tokens = keyset_totals(txn, unit, keyset)?;
            tokens.redeemed = plus(tokens.redeemed, amount)?;
            if tokens.redeemed > tokens.issued {
                return Err(LedgerError::Forged { keyset: *keyset, redeemed: tokens.redeemed }.into());
            }
            put(txn, Table::Keyset, keyset.as_bytes(), &tokens)?;
        }
    }
    Ok(())
}

fn give(
    txn: &mut Txn<'_>,
    unit: &Unit,
    totals: &mut UnitTotals,
    to: Place<'_>,
    amount: Amount,
) -> Result<(), TransferError> {
    match to {
        Place::World => totals.paid_out = plus(totals.paid_out, amount)?,
        Place::Account(account) => {
            let mut state = account_state(txn, account, unit)?;
            state.balance = plus(state.balance, amount)?;
            put(txn, Table::Account, &account_key(account, unit), &state)?;
            totals.balances = plus(totals.balances, amount)?;
        }
        Place::Fees => totals.fees = plus(totals.fees, amount)?,
        Place::Vouchers => totals.vouchers = plus(totals.vouchers, amount)?,
        Place::Payouts => put_pending(txn, unit, plus(pending(txn, unit)?, amount)?)?,
        Place::Tokens(keyset) => {
            let mut tokens = keyset_totals(txn, unit, keyset)?;
            tokens.issued = plus(tokens.issued, amount)?;
            put(txn, Table::Keyset, keyset.as_bytes(), &tokens)?;
        }
    }
    Ok(())
}

/// The unit of a keyset of which something was issued.
pub(super) fn keyset_unit(txn: &Txn<'_>, keyset: &KeysetId) -> Result<Unit, LedgerError> {
    let totals: Option<KeysetTotals> = get(txn, Table::Keyset, keyset.as_bytes())?;
    totals.map(|totals| totals.unit).ok_or(LedgerError::Damaged)
}

fn keyset_totals(txn: &Txn<'_>, unit: &Unit, keyset: &KeysetId) -> Result<KeysetTotals, LedgerError> {
    match get::<KeysetTotals>(txn, Table::Keyset, keyset.as_bytes())? {
        None => Ok(KeysetTotals { unit: unit.clone(), issued: Amount::ZERO, redeemed: Amount::ZERO }),
        Some(totals) if totals.unit == *unit => Ok(totals),
        Some(_) => Err(LedgerError::Damaged),
    }
}

fn plus(total: Amount, amount: Amount) -> Result<Amount, LedgerError> {
    total.checked_add(amount).ok_or(LedgerError::Overflow)
}

/// For totals, which cover every part of themselves unless the books are damaged.
fn minus(total: Amount, amount: Amount) -> Result<Amount, LedgerError> {
    total.checked_sub(amount).ok_or(LedgerError::Damaged)
}
