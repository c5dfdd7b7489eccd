//! Sums of what rows said that are not kept any more.
//!
//! An audit adds an account's rows up and compares. When rows are erased, what they came to is added to one row for the account and unit, and one for
//! the unit, in the same transaction: so no figure changes.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;

use super::LedgerError;
use super::ended::Count;
use super::records::{Table, account_key, get, put, unit_key};

/// What erased rows said about an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summed {
    /// Σ what came into it.
    pub(crate) received: Amount,
    /// Σ what left it, fees for withdrawals included.
    pub(crate) gone: Amount,
    /// Deposit fees in millionths that were owed when it was forgotten, and that nobody owes any more.
    pub(crate) waived: u64,
}

impl Encode for Summed {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.received);
        out.part(&self.gone);
        out.u64(self.waived);
    }
}

impl Decode for Summed {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { received: input.part()?, gone: input.part()?, waived: input.u64()? })
    }
}

/// What erased rows said about a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SummedTotals {
    /// Σ what came from outside.
    pub(crate) funded: Amount,
    /// Σ what went outside.
    pub(crate) paid_out: Amount,
}

impl Encode for SummedTotals {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.funded);
        out.part(&self.paid_out);
    }
}

impl Decode for SummedTotals {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { funded: input.part()?, paid_out: input.part()? })
    }
}

/// What an erased row said about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Money came from outside.
    Credit(Amount),
    /// Money went outside.
    PayOut(Amount),
    /// Money came from another account.
    Received(Amount),
    /// Money went to another account, or into tokens.
    Gone(Amount),
}

/// How many rows were summed so far. While it stays the same, no row names another account than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Erasures(Count);

pub(crate) fn erasures(txn: &Txn<'_>) -> Result<Erasures, LedgerError> {
    Ok(Erasures(get(txn, Table::Erasures, &[])?.unwrap_or_default()))
}

/// Adds what a row said. The caller erases the row in the same transaction.
pub(crate) fn add(txn: &mut Txn<'_>, account: &AccountKey, unit: &Unit, said: Said) -> Result<(), LedgerError> {
    let mut sums = summed(txn, account, unit)?;
    let mut totals: SummedTotals = get(txn, Table::SummedTotals, &unit_key(unit))?.unwrap_or_default();
    let sum = match said {
        Said::Credit(amount) | Said::Received(amount) => (&mut sums.received, amount),
        Said::PayOut(amount) | Said::Gone(amount) => (&mut sums.gone, amount),
    };
    *sum.0 = plus(*sum.0, sum.1)?;
    match said {
        Said::Credit(amount) => totals.funded = plus(totals.funded, amount)?,
        Said::PayOut(amount) => totals.paid_out = plus(totals.paid_out, amount)?,
        Said::Received(_) | Said::Gone(_) => {}
    }
    let Erasures(count) = erasures(txn)?;
    let count = count.0.checked_add(1).ok_or(LedgerError::Overflow)?;
    put(txn, Table::Erasures, &[], &Count(count))?;
    put(txn, Table::Summed, &account_key(account, unit), &sums)?;
    put(txn, Table::SummedTotals, &unit_key(unit), &totals)
}

/// Adds one account's sums to another's. Of what came and went again only the difference counts.
pub(super) fn merge(txn: &mut Txn<'_>, account: &AccountKey, unit: &Unit, more: &Summed) -> Result<(), LedgerError> {
    let net = |received: Amount, gone: Amount| {
        let both = received.min(gone);
        let without = |sum: Amount| sum.checked_sub(both).ok_or(LedgerError::Damaged);
        Ok::<_, LedgerError>((without(received)?, without(gone)?))
    };
    let (more_received, more_gone) = net(more.received, more.gone)?;
    let sums = summed(txn, account, unit)?;
    let (received, gone) = net(plus(sums.received, more_received)?, plus(sums.gone, more_gone)?)?;
    let waived = sums.waived.checked_add(more.waived).ok_or(LedgerError::Overflow)?;
    put(txn, Table::Summed, &account_key(account, unit), &Summed { received, gone, waived })
}

pub(crate) fn summed(txn: &Txn<'_>, account: &AccountKey, unit: &Unit) -> Result<Summed, LedgerError> {
    Ok(get(txn, Table::Summed, &account_key(account, unit))?.unwrap_or_default())
}

fn plus(sum: Amount, amount: Amount) -> Result<Amount, LedgerError> {
    sum.checked_add(amount).ok_or(LedgerError::Overflow)
}
