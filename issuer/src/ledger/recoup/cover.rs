//! The operator's money for what forged tokens took.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;

use super::leaks::leak;
use super::settle::outstanding;
use crate::ledger::LedgerError;
use crate::ledger::book::{Place, TransferError, transfer};
use crate::ledger::ended::tombstone;
use crate::ledger::outflow::AccountRules;
use crate::ledger::records::{Table, get, put, scan};

/// The longest reference, in bytes.
const MAX_REFERENCE: usize = 128;

/// Money that the operator put in for a revoked keyset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct CoverRow {
    pub(in crate::ledger) keyset: KeysetId,
    pub(in crate::ledger) amount: Amount,
    pub(in crate::ledger) at: UnixTime,
}

impl Encode for CoverRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.keyset);
        out.part(&self.amount);
        out.part(&self.at);
    }
}

impl Decode for CoverRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { keyset: input.part()?, amount: input.part()?, at: input.part()? })
    }
}

/// How much of what, under which reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Covering<'a> {
    pub(crate) keyset: &'a Keyset,
    pub(crate) amount: Amount,
    pub(crate) reference: &'a str,
    /// Also beyond what is missing.
    pub(crate) beyond: bool,
}

/// It stands in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Covered {
    /// What is in the books for the keyset's honest tokens.
    pub(crate) outstanding: Amount,
    /// Whether the reference was known: then nothing changed.
    pub(crate) known: bool,
}

/// Why no money was put in. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoverError {
    /// There is no such keyset.
    #[error("the keyset is not known")]
    UnknownKeyset,
    /// The keyset is not revoked: nothing of it is recouped.
    #[error("the keyset is not revoked")]
    NotRevoked,
    /// The keyset is buried: nothing is paid for its tokens any more.
    #[error("nothing is paid for the keyset's tokens any more")]
    Ended,
    /// The amount is zero.
    #[error("the amount is zero")]
    Zero,
    /// The reference is empty or longer than 128 bytes.
    #[error("the reference must have 1 to 128 bytes")]
    Reference,
    /// It is more than what is missing for the claims that wait: so much. Nothing brings it back.
    #[error("it is more than what is missing")]
    Beyond(Amount),
    /// The reference stands for another keyset or amount.
    #[error("the reference was used for another keyset or amount")]
    ReferenceUsed,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Puts money from outside in for the honest tokens of a revoked keyset, once for each reference.
pub(crate) fn cover(
    txn: &mut Txn<'_>,
    now: UnixTime,
    rules: &AccountRules,
    covering: Covering<'_>,
) -> Result<Covered, CoverError> {
    let Covering { keyset, amount, reference, beyond } = covering;
    if amount.is_zero() {
        return Err(CoverError::Zero);
    }
    if reference.is_empty() || reference.len() > MAX_REFERENCE {
        return Err(CoverError::Reference);
    }
    leak(txn, keyset.id(), now)?.ok_or(CoverError::NotRevoked)?;
    let known = match get::<CoverRow>(txn, Table::Cover, reference.as_bytes())? {
        Some(row) if row.keyset == *keyset.id() && row.amount == amount => true,
        Some(_) => return Err(CoverError::ReferenceUsed),
        None if tombstone(txn, keyset.id())?.is_some() => return Err(CoverError::Ended),
        None => {
            rules.admit_payment(amount)?;
            let missing = missing(txn, keyset)?;
            if amount > missing && !beyond {
                return Err(CoverError::Beyond(missing));
            }
            transfer(txn, &keyset.terms().unit, Place::World, Place::Tokens(keyset.id()), amount).map_err(|error| {
                match error {
                    TransferError::Insufficient => LedgerError::Damaged,
                    TransferError::Ledger(error) => error,
                }
            })?;
            let row = CoverRow { keyset: *keyset.id(), amount, at: now };
            put(txn, Table::Cover, reference.as_bytes(), &row)?;
            false
        }
    };
    Ok(Covered { outstanding: outstanding(txn, keyset)?, known })
}

/// What waits to be paid beyond what the books hold.
fn missing(txn: &Txn<'_>, keyset: &Keyset) -> Result<Amount, LedgerError> {
    let mut waiting = Amount::ZERO;
    scan(txn, Table::RecoupOpen, keyset.id().as_bytes(), &mut |_, worth: Amount| {
        waiting = waiting.checked_add(worth).ok_or(LedgerError::Overflow)?;
        Ok(())
    })?;
    Ok(waiting.checked_sub(outstanding(txn, keyset)?).unwrap_or(Amount::ZERO))
}
