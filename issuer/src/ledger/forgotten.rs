//! What is left of accounts that were forgotten: sums that are nobody's.

use farthing_durable::Txn;
use farthing_protocol::amount::Unit;
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::KeysetId;

use super::LedgerError;
use super::book::keyset_unit;
use super::ended::{Carried, carry, tombstone};
use super::erase::ForgetError;
use super::income::{Fate, IncomeRow};
use super::records::{AccountState, Table, account_key, get, parse, put};
use super::recoup::{TokenRow, Verdict};
use super::summed::{Said, Summed, add, merge, summed};

/// Whose name stands for accounts that were forgotten. Its key is a point of small order, under which no signature is ever valid.
pub(crate) const NOBODY: AccountKey = AccountKey::from_bytes([0; 32]);

/// Takes an account's name out of what came in for it. The row stays, because a processor's id is used once, for ever; what a payer wrote
/// does not.
pub(super) fn erase_income(
    txn: &mut Txn<'_>,
    account: &AccountKey,
    number: &[u8],
    row: IncomeRow,
) -> Result<bool, LedgerError> {
    let fate = match row.fate {
        Fate::Credited { account: of, late } if of == *account => Fate::Credited { account: NOBODY, late },
        Fate::Assigned { account: of, at } if of == *account => Fate::Assigned { account: NOBODY, at },
        _ => return Ok(false),
    };
    add(txn, account, &row.unit, Said::Received(row.amount))?;
    add(txn, &NOBODY, &row.unit, Said::Gone(row.amount))?;
    put(txn, Table::Income, number, &IncomeRow { fate, quote: String::new(), ..row })?;
    Ok(true)
}

/// Takes an account's name out of claims on a token of a revoked keyset. They stay, because each token is paid once.
pub(super) fn erase_claims(
    txn: &mut Txn<'_>,
    account: &AccountKey,
    key: &[u8],
    mut row: TokenRow,
) -> Result<bool, ForgetError> {
    let mut is_own = false;
    for claim in row.claims.iter_mut().filter(|claim| claim.account == *account) {
        (claim.account, is_own) = (NOBODY, true);
    }
    if !is_own {
        return Ok(false);
    }
    let keyset: KeysetId = parse(key.get(..KeysetId::LENGTH).unwrap_or_default())?;
    // Once the keyset has a tombstone, what was paid is carried, and the row says nothing more.
    let is_over = tombstone(txn, &keyset)?.is_some();
    match &mut row.verdict {
        // It may still be shown where the token came from: then the account is paid, and nobody else may be.
        Verdict::Open if !is_over => return Err(ForgetError::Claims),
        Verdict::Paid(_, paid, _) if *paid == *account => {
            *paid = NOBODY;
            if !is_over {
                let (unit, worth) = (keyset_unit(txn, &keyset)?, row.denomination.value());
                add(txn, account, &unit, Said::Received(worth))?;
                add(txn, &NOBODY, &unit, Said::Gone(worth))?;
            }
        }
        Verdict::Open | Verdict::Paid(..) | Verdict::Excluded(_) | Verdict::Unpaid(_) => {}
    }
    put(txn, Table::Recoup, key, &row)?;
    Ok(true)
}

/// What was found of an account in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Rows that are gone.
    pub(super) rows: u64,
    /// Whether payments to it are on record still, and so its sums.
    pub(super) is_payee: bool,
}

/// Takes an account's own rows in a unit away. It holds nothing there. What is said of it by rows that are erased or dropped becomes nobody's
/// as soon as it comes to nothing by itself: until then it must add up with payments that are on record still.
pub(super) fn leave(txn: &mut Txn<'_>, account: &AccountKey, unit: &Unit) -> Result<Left, LedgerError> {
    let key = account_key(account, unit);
    let (state, carried): (Option<AccountState>, Option<Carried>) =
        (get(txn, Table::Account, &key)?, get(txn, Table::Carried, &key)?);
    let mut sums = summed(txn, account, unit)?;
    if let Some(state) = &state {
        sums.waived = sums.waived.checked_add(state.fee_owed.0.into()).ok_or(LedgerError::Overflow)?;
        txn.delete(&Table::Account.key(&key))?;
    }
    let rows = u64::from(state.is_some());
    if !comes_to_nothing(&sums, carried.as_ref()) {
        put(txn, Table::Summed, &key, &sums)?;
        return Ok(Left { rows, is_payee: true });
    }
    if let Some(carried) = &carried {
        carry(txn, &NOBODY, unit, carried)?;
        txn.delete(&Table::Carried.key(&key))?;
    }
    merge(txn, &NOBODY, unit, &sums)?;
    txn.delete(&Table::Summed.key(&key))?;
    Ok(Left { rows: rows.saturating_add(carried.is_some().into()), is_payee: false })
}

/// Whether the audit makes a balance of zero of this alone, and no fee that is owed.
fn comes_to_nothing(sums: &Summed, carried: Option<&Carried>) -> bool {
    let (deposited, debited, fees) = carried.map(Carried::sums).unwrap_or_default();
    let into = u128::from(sums.received.units()).checked_add(deposited);
    let from = u128::from(sums.gone.units()).checked_add(debited);
    let (Some(into), Some(from), Some(fees)) = (into, from, fees.checked_sub(sums.waived.into())) else {
        return false;
    };
    fees % 1_000_000 == 0 && from.checked_add(fees / 1_000_000) == Some(into)
}
