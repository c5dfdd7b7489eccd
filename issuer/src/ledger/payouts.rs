//! Payouts that account owners ask for: the money leaves the account at once, and the books when the operator says that he paid it.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{PayoutDraft, PayoutState};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::OperationId;

use super::LedgerError;
use super::book::{Place, TransferError, transfer};
use super::records::{Table, get, put};
use crate::limits::TooOften;

/// Why a payout was not taken or settled. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayoutError {
    /// The account's owner did not sign this request to this mint.
    #[error("the request is not signed by the account's owner")]
    InvalidSignature,
    /// It was made too long ago, or in the future.
    #[error("the request was not made now")]
    NotNow,
    /// The account used this operation id for another payout.
    #[error("the operation id was used for another payout")]
    OperationUsed,
    /// The account does not hold so much.
    #[error("the account does not hold so much")]
    InsufficientFunds,
    /// The account's owner asked too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// There is no payout with this number.
    #[error("there is no payout with this number")]
    Unknown,
    /// It was settled otherwise before.
    #[error("the payout was settled otherwise before")]
    Settled,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<TransferError> for PayoutError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Insufficient => Self::InsufficientFunds,
            TransferError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// Takes a payout request whose signature was verified, once for each account and operation id.
pub(crate) fn request_payout(txn: &mut Txn<'_>, now: UnixTime, draft: &PayoutDraft) -> Result<PayoutRow, PayoutError> {
    let asked = asked_key(&draft.account, &draft.operation);
    if let Some(number) = get::<PayoutNumber>(txn, Table::PayoutAsked, &asked)? {
        let row = payout(txn, number)?.ok_or(LedgerError::Damaged)?;
        return if row.draft == *draft { Ok(row) } else { Err(PayoutError::OperationUsed) };
    }
    let asked_at = draft.requested_at;
    if asked_at > now.plus(PayoutDraft::MAX_SKEW) || now > asked_at.plus(PayoutDraft::MAX_AGE) {
        return Err(PayoutError::NotNow);
    }
    let to = draft.to.as_ref().map_or(Place::Payouts, Place::Account);
    transfer(txn, &draft.unit, Place::Account(&draft.account), to, draft.amount)?;
    let number = get::<PayoutNumber>(txn, Table::PayoutCount, &[])?.unwrap_or_default();
    put(txn, Table::PayoutCount, &[], &number.next()?)?;
    put(txn, Table::PayoutAsked, &asked, &number)?;
    let settled = if draft.to.is_some() { Settled::Paid(now) } else { Settled::Pending };
    let row = PayoutRow { draft: draft.clone(), taken_at: now, settled };
    put(txn, Table::Payout, &number.key(), &row)?;
    if settled == Settled::Pending {
        put(txn, Table::PayoutOpen, &number.key(), &draft.amount)?;
    }
    Ok(row)
}

/// Says of a pending payout that it was paid outside, or that it is not: then the money goes back to the account. Said again, it changes
/// nothing.
pub(crate) fn settle_payout(
    txn: &mut Txn<'_>,
    now: UnixTime,
    number: PayoutNumber,
    paid: bool,
) -> Result<PayoutRow, PayoutError> {
    let mut row = payout(txn, number)?.ok_or(PayoutError::Unknown)?;
    let settled = if paid { Settled::Paid(now) } else { Settled::Rejected(now) };
    match (row.settled, settled) {
        (Settled::Pending, _) => {}
        (Settled::Paid(_), Settled::Paid(_)) | (Settled::Rejected(_), Settled::Rejected(_)) => return Ok(row),
        _ => return Err(PayoutError::Settled),
    }
    let PayoutDraft { account, unit, amount, .. } = &row.draft;
    let to = if paid { Place::World } else { Place::Account(account) };
    transfer(txn, unit, Place::Payouts, to, *amount)?;
    row.settled = settled;
    put(txn, Table::Payout, &number.key(), &row)?;
    txn.delete(&Table::PayoutOpen.key(&number.key())).map_err(LedgerError::from)?;
    Ok(row)
}

/// Payouts in the order in which they were taken, those that are pending or all of them.
pub(crate) fn payouts(
    txn: &Txn<'_>,
    all: bool,
    after: Option<PayoutNumber>,
    limit: usize,
) -> Result<Vec<(PayoutNumber, PayoutRow)>, LedgerError> {
    let table = if all { Table::Payout } else { Table::PayoutOpen };
    let after = after.map(|number| table.key(&number.key()));
    let mut found = Vec::new();
    for (key, _) in txn.scan_prefix(table.prefix(), after.as_deref(), limit)? {
        let number = PayoutNumber::of(key.get(table.prefix().len()..).unwrap_or_default())?;
        found.push((number, payout(txn, number)?.ok_or(LedgerError::Damaged)?));
    }
    Ok(found)
}

fn payout(txn: &Txn<'_>, number: PayoutNumber) -> Result<Option<PayoutRow>, LedgerError> {
    get(txn, Table::Payout, &number.key())
}

pub(super) fn asked_key(account: &AccountKey, operation: &OperationId) -> Vec<u8> {
    [account.as_bytes().as_slice(), operation.as_bytes()].concat()
}

impl PayoutRow {
    /// How far it is, and since when if it is settled.
    pub(crate) fn state(&self) -> (PayoutState, Option<UnixTime>) {
        match self.settled {
            Settled::Pending => (PayoutState::Pending, None),
            Settled::Paid(at) => (PayoutState::Paid, Some(at)),
            Settled::Rejected(at) => (PayoutState::Rejected, Some(at)),
        }
    }

    /// How much of it is in the pending payouts, was paid outside, and is missing in the account.
    pub(crate) fn amounts(&self) -> (Amount, Amount, Amount) {
        let (amount, none) = (self.draft.amount, Amount::ZERO);
        match self.settled {
            Settled::Pending => (amount, none, amount),
            Settled::Paid(_) if self.draft.to.is_some() => (none, none, amount),
            Settled::Paid(_) => (none, amount, amount),
            Settled::Rejected(_) => (none, none, none),
        }
    }
}

/// A payout's place in the order in which they were taken, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PayoutNumber(pub(crate) u64);

impl PayoutNumber {
    /// Numbers order as their keys do.
    pub(crate) const fn key(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(crate) fn of(key: &[u8]) -> Result<Self, LedgerError> {
        key.try_into().map(|key| Self(u64::from_be_bytes(key))).map_err(|_| LedgerError::Damaged)
    }

    pub(crate) fn next(self) -> Result<Self, LedgerError> {
        self.0.checked_add(1).map(Self).ok_or(LedgerError::Overflow)
    }
}

impl Encode for PayoutNumber {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for PayoutNumber {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

/// How a payout ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Settled {
    #[default]
    Pending,
    Paid(UnixTime),
    Rejected(UnixTime),
}

impl Encode for Settled {
    fn encode_to(&self, out: &mut Writer) {
        let (tag, at) = match self {
            Self::Pending => (0, None),
            Self::Paid(at) => (1, Some(at)),
            Self::Rejected(at) => (2, Some(at)),
        };
        out.u8(tag);
        if let Some(at) = at {
            out.part(at);
        }
    }
}

impl Decode for Settled {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Pending),
            1 => input.part().map(Self::Paid),
            2 => input.part().map(Self::Rejected),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

/// A payout that an account's owner asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PayoutRow {
    pub(crate) draft: PayoutDraft,
    pub(crate) taken_at: UnixTime,
    pub(crate) settled: Settled,
}

impl Encode for PayoutRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.taken_at);
        out.part(&self.settled);
    }
}

impl Decode for PayoutRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, taken_at: input.part()?, settled: input.part()? })
    }
}
