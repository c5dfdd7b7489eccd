//! Payouts that account owners ask for: the money leaves the account at once, and the books when the operator says that he paid it.
//!
//! ```text
//! asked ──▶ requested ── approved ──▶ approved ── paid outside ──▶ paid
//!   │           └────────── rejected ──────┴────▶ rejected: the money is in the account again
//!   └──▶ to another account: paid at once
//! ```

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{PayoutDraft, PermitPurpose};
use farthing_protocol::codec::is_plain;
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::{FundingId, OperationId};
use farthing_protocol::issuance::FundingSource;

use super::acts::{Act, Number, Text};
use super::authority::Authority;
use super::book::{Place, TransferError, account_state, transfer};
use super::outflow::{AccountRules, LeaveRefusal, Leaving, leave, may_receive};
use super::payout_row::{MAX_NOTE, PayoutNumber, PayoutRow, Progress};
use super::records::{Table, get, put, scan_keys};
use super::refusals::{self, Refusal};
use super::registration::is_open;
use super::{LedgerError, journal, permits};
use crate::limits::TooOften;

/// Why a payout was not taken or settled. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayoutError {
    /// The account's owner did not sign this request to this mint.
    #[error("the request is not signed by the account's owner")]
    InvalidSignature,
    /// Nobody ever credited the account. Nothing was judged.
    #[error("the account is not known")]
    UnknownAccount,
    /// It was made too long ago, or dated in the future. Either way it is never taken any more.
    #[error("the request was not made now")]
    NotNow,
    /// The account used this operation id for another payout.
    #[error("the operation id was used for another payout")]
    OperationUsed,
    /// The account does not hold so much. This request is never taken any more.
    #[error("the account does not hold so much")]
    InsufficientFunds,
    /// The account's owner asked too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// Too many requests of the account were refused, and are remembered. Nothing was judged.
    #[error("too many payouts of the account were refused within a day")]
    TooManyRefused,
    /// It is more than the owner lets go without a code, and he gave no permission for it.
    #[error("this needs a code of the account's second factor")]
    SecondFactor,
    /// It is more than the operator lets go within a day, or than the other account may hold. This request is never taken any more.
    #[error("it is more than the mint allows")]
    Limit,
    /// It is for an account that the operator has not opened. This request is never taken any more.
    #[error("the operator has not opened the account that it is for")]
    NotRegistered,
    /// There is no payout with this number.
    #[error("there is no payout with this number")]
    Unknown,
    /// It was settled otherwise before.
    #[error("the payout was settled otherwise before")]
    Settled,
    /// It was not approved.
    #[error("the payout was not approved")]
    NotApproved,
    /// A reference or a reason is empty, longer than 256 bytes, or holds characters that do not show.
    #[error("a reference or a reason has 1 to 256 bytes, none of them control characters")]
    Note,
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

/// What became of a request: a refusal is as durable as a success where it must stay one.
pub(crate) type Asked = Result<Result<PayoutRow, PayoutError>, PayoutError>;

/// Takes a payout request whose signature was verified, once for each account and operation id.
///
/// What is refused is remembered: whoever has seen the bytes cannot have it taken later. One that needs a permission is taken with it, which
/// its owner alone can give. Of an account that nobody ever credited nothing is judged and nothing kept.
pub(crate) fn request_payout(txn: &mut Txn<'_>, now: UnixTime, rules: &AccountRules, draft: &PayoutDraft) -> Asked {
    let asked = asked_key(&draft.account, &draft.operation);
    if let Some(number) = get::<PayoutNumber>(txn, Table::PayoutAsked, &asked)? {
        let row = payout(txn, number)?.ok_or(LedgerError::Damaged)?;
        return if row.draft == *draft { Ok(Ok(row)) } else { Err(PayoutError::OperationUsed) };
    }
    if scan_keys(txn, Table::Account, draft.account.as_bytes(), None, 1)?.is_empty() {
        return Err(PayoutError::UnknownAccount);
    }
    if now > draft.requested_at.plus(PayoutDraft::MAX_AGE) {
        return Err(PayoutError::NotNow);
    }
    let purpose = PermitPurpose::Payout(draft.digest());
    let operation = (purpose, FundingSource::Account(draft.account, draft.operation).id());
    match refusals::refusal(txn, &asked)? {
        Some(Refusal::SecondFactor)
            if permits::is_permitted(txn, now, &draft.account, &draft.unit, draft.amount, operation)? => {}
        Some(refusal) => return Err(refusal.error()),
        None if refusals::has_room(txn, now, &draft.account)? => {}
        None => return Err(PayoutError::TooManyRefused),
    }
    match judge(txn, now, rules, draft, operation)? {
        Ok(()) => take(txn, now, draft, &asked).map(Ok),
        Err(refusal) => {
            refusals::remember(txn, now, draft, &asked, refusal)?;
            Ok(Err(refusal.error()))
        }
    }
}

/// Counts what leaves the account, or refuses it. Nothing changed then.
fn judge(
    txn: &mut Txn<'_>,
    now: UnixTime,
    rules: &AccountRules,
    draft: &PayoutDraft,
    operation: (PermitPurpose, FundingId),
) -> Result<Result<(), Refusal>, LedgerError> {
    let PayoutDraft { account, unit, amount, requested_at, to, .. } = draft;
    if *requested_at > now.plus(PayoutDraft::MAX_SKEW) {
        return Ok(Err(Refusal::NotNow));
    }
    if account_state(txn, account, unit)?.balance < *amount {
        return Ok(Err(Refusal::Funds));
    }
    if let Some(to) = to {
        if !is_open(txn, rules, to)? {
            return Ok(Err(Refusal::NotRegistered));
        }
        if !may_receive(txn, rules, to, unit, *amount)? {
            return Ok(Err(Refusal::Limit));
        }
    }
    match leave(txn, now, rules, &Leaving { account, unit, amount: *amount, operation }) {
        Ok(()) => Ok(Ok(())),
        Err(LeaveRefusal::SecondFactor) => Ok(Err(Refusal::SecondFactor)),
        Err(LeaveRefusal::DayLimit) => Ok(Err(Refusal::Limit)),
        Err(LeaveRefusal::Ledger(error)) => Err(error),
    }
}

fn take(txn: &mut Txn<'_>, now: UnixTime, draft: &PayoutDraft, asked: &[u8]) -> Result<PayoutRow, PayoutError> {
    let to = draft.to.as_ref().map_or(Place::Payouts, Place::Account);
    transfer(txn, &draft.unit, Place::Account(&draft.account), to, draft.amount)?;
    let number = get::<PayoutNumber>(txn, Table::PayoutCount, &[])?.unwrap_or_default();
    put(txn, Table::PayoutCount, &[], &number.next()?)?;
    put(txn, Table::PayoutAsked, asked, &number)?;
    let progress = if draft.to.is_some() { Progress::Paid(now, None) } else { Progress::Requested };
    let row = PayoutRow { draft: draft.clone(), taken_at: now, progress };
    put(txn, Table::Payout, &number.key(), &row)?;
    if row.progress.is_open() {
        put(txn, Table::PayoutOpen, &number.key(), &draft.amount)?;
    }
    Ok(row)
}

/// What the operator says of a payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It is to be paid.
    Approve,
    /// It was paid outside, under this reference.
    Paid(String),
    /// It is not paid, for this reason: the money goes back to the account.
    Reject(String),
}

/// Says something of payouts, of all of them or of none. Said again, it changes nothing.
pub(crate) fn settle_payouts(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    numbers: &[PayoutNumber],
    word: &Word,
) -> Result<Vec<(PayoutNumber, PayoutRow)>, PayoutError> {
    if let Word::Paid(note) | Word::Reject(note) = word
        && (note.is_empty() || note.len() > MAX_NOTE || !is_plain(note))
    {
        return Err(PayoutError::Note);
    }
    let settle = |number: &PayoutNumber| Ok((*number, settle_payout(txn, now, authority, *number, word)?));
    numbers.iter().map(settle).collect()
}

fn settle_payout(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    number: PayoutNumber,
    word: &Word,
) -> Result<PayoutRow, PayoutError> {
    let mut row = payout(txn, number)?.ok_or(PayoutError::Unknown)?;
    let payout = Number(number.0);
    let PayoutDraft { account, unit, amount, .. } = row.draft.clone();
    let (progress, act, to) = match (&row.progress, word) {
        (Progress::Requested, Word::Approve) => {
            let act = Act::PayoutApproved { payout, account, unit: unit.clone(), amount };
            (Progress::Approved(now), act, None)
        }
        (Progress::Approved(_), Word::Approve) => return Ok(row),
        (Progress::Approved(_), Word::Paid(reference)) => {
            let act = Act::PayoutPaid { payout, account, reference: Text(reference.clone()) };
            (Progress::Paid(now, Some(reference.clone())), act, Some(Place::World))
        }
        (Progress::Requested, Word::Paid(_)) => return Err(PayoutError::NotApproved),
        (Progress::Requested | Progress::Approved(_), Word::Reject(reason)) => {
            let act = Act::PayoutRejected { payout, account, reason: Text(reason.clone()) };
            (Progress::Rejected(now, Some(reason.clone())), act, Some(Place::Account(&account)))
        }
        (Progress::Paid(_, known), Word::Paid(said)) | (Progress::Rejected(_, known), Word::Reject(said))
            if known.as_ref() == Some(said) =>
        {
            return Ok(row);
        }
        (Progress::Paid(..) | Progress::Rejected(..), _) => return Err(PayoutError::Settled),
    };
    journal::record(txn, now, authority, &act)?;
    if let Some(to) = to {
        transfer(txn, &unit, Place::Payouts, to, amount)?;
        txn.delete(&Table::PayoutOpen.key(&number.key())).map_err(LedgerError::from)?;
    }
    row.progress = progress;
    put(txn, Table::Payout, &number.key(), &row)?;
    Ok(row)
}

/// Payouts in the order in which they were taken, those that are to be paid or all of them.
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
