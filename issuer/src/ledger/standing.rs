//! How the mint stands, from its running totals alone: what is out, what is owed, and what it declared to hold against that.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};

use super::LedgerError;
use super::audit::UnitBooks;
use super::book::{pending, unit_totals};
use super::records::{Backing, KeysetTotals, Table, UnitTotals, get, parse, put, scan, unit_key};

/// One unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) books: UnitBooks,
    /// What was declared to be held against what is owed, if it was.
    pub(crate) backing: Option<Backing>,
}

impl Standing {
    /// Whether what is owed is covered, as far as anything was declared.
    pub(crate) fn is_backed(&self) -> bool {
        self.backing.as_ref().is_none_or(|backing| self.books.owed() <= backing.amount)
    }
}

/// How every unit stands that the ledger has totals of, by code.
pub(crate) fn standings(txn: &Txn<'_>) -> Result<Vec<Standing>, LedgerError> {
    let mut units: Vec<Unit> = Vec::new();
    scan(txn, Table::Unit, &[], &mut |key, _: UnitTotals| {
        units.push(parse(key)?);
        Ok(())
    })?;
    units.iter().map(|unit| standing_of(txn, unit)).collect()
}

/// How one unit stands.
pub(crate) fn standing_of(txn: &Txn<'_>, unit: &Unit) -> Result<Standing, LedgerError> {
    let (mut issued, mut redeemed) = (0_i128, 0_i128);
    scan(txn, Table::Keyset, &[], &mut |_, totals: KeysetTotals| {
        if totals.unit == *unit {
            issued = issued.saturating_add(totals.issued.units().into());
            redeemed = redeemed.saturating_add(totals.redeemed.units().into());
        }
        Ok(())
    })?;
    let books = UnitBooks::new(unit, &unit_totals(txn, unit)?, pending(txn, unit)?, (issued, redeemed));
    Ok(Standing { books, backing: backing(txn, unit)? })
}

/// What was declared to be held against what is owed in a unit.
pub(crate) fn backing(txn: &Txn<'_>, unit: &Unit) -> Result<Option<Backing>, LedgerError> {
    get(txn, Table::Backing, &unit_key(unit))
}

/// Declares what is held, or that nothing is declared any more. The same again changes nothing, not even since when.
pub(crate) fn declare(
    txn: &mut Txn<'_>,
    now: UnixTime,
    unit: &Unit,
    amount: Option<Amount>,
) -> Result<Standing, LedgerError> {
    let key = unit_key(unit);
    if backing(txn, unit)?.map(|backing| backing.amount) != amount {
        match amount {
            Some(amount) => put(txn, Table::Backing, &key, &Backing { amount, declared_at: now })?,
            None => txn.delete(&Table::Backing.key(&key))?,
        }
    }
    standing_of(txn, unit)
}
