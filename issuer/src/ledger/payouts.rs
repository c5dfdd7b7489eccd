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
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer, is_plain};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::OperationId;
use farthing_protocol::issuance::FundingSource;

use super::acts::{Act, Number, Text};
use super::authority::Authority;
use super::book::{Place, TransferError, account_state, transfer};
use super::outflow::{AccountRules, LeaveRefusal, Leaving, leave, may_hold};
use super::payout_row::{MAX_NOTE, PayoutNumber, PayoutRow, Progress};
use super::records::{Table, get, put};
use super::registration::is_open;
use super::{LedgerError, journal, settings};
use crate::limits::TooOften;

/// So many refusals that are over are forgotten with each one that is remembered.
const FORGOTTEN: usize = 4;

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
    /// The account does not hold so much. This request is never taken any more.
    #[error("the account does not hold so much")]
    InsufficientFunds,
    /// The account's owner asked too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// It is more than the owner lets go without a code, and he gave no permission for it.
    #[error("this needs a code of the account's second factor")]
    SecondFactor,
    /// It is more than the operator lets go within a day, or than the other account may hold.
    #[error("it is more than the mint allows")]
    Limit,
    /// It is for an account that the operator has not opened.
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

impl From<LeaveRefusal> for PayoutError {
    fn from(refusal: LeaveRefusal) -> Self {
        match refusal {
            LeaveRefusal::SecondFactor => Self::SecondFactor,
            LeaveRefusal::DayLimit => Self::Limit,
            LeaveRefusal::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// What became of a request: a refusal is as durable as a success where it must stay one.
pub(crate) type Asked = Result<Result<PayoutRow, PayoutError>, PayoutError>;

/// Takes a payout request whose signature was verified, once for each account and operation id.
///
/// What is refused because the account does not hold so much, or because it needs a permission, is remembered: whoever has seen the
/// bytes cannot have it taken later. Its owner can still give a permission.
pub(crate) fn request_payout(txn: &mut Txn<'_>, now: UnixTime, rules: &AccountRules, draft: &PayoutDraft) -> Asked {
    let asked = asked_key(&draft.account, &draft.operation);
    if let Some(number) = get::<PayoutNumber>(txn, Table::PayoutAsked, &asked)? {
        let row = payout(txn, number)?.ok_or(LedgerError::Damaged)?;
        return if row.draft == *draft { Ok(Ok(row)) } else { Err(PayoutError::OperationUsed) };
    }
    let asked_at = draft.requested_at;
    if asked_at > now.plus(PayoutDraft::MAX_SKEW) || now > asked_at.plus(PayoutDraft::MAX_AGE) {
        return Err(PayoutError::NotNow);
    }
    let purpose = PermitPurpose::Payout(draft.digest());
    let operation = (purpose, FundingSource::Account(draft.account, draft.operation).id());
    let known: Option<Refusal> = get(txn, Table::PayoutRefused, &asked)?;
    let permitted = settings::is_permitted(txn, now, &draft.account, &draft.unit, draft.amount, operation)?;
    match known {
        Some(Refusal::Funds) => return Err(PayoutError::InsufficientFunds),
        Some(Refusal::SecondFactor) if !permitted => return Err(PayoutError::SecondFactor),
        Some(Refusal::SecondFactor) | None => {}
    }
    if account_state(txn, &draft.account, &draft.unit)?.balance < draft.amount {
        remember(txn, now, draft, &asked, Refusal::Funds)?;
        return Ok(Err(PayoutError::InsufficientFunds));
    }
    let leaving = Leaving { account: &draft.account, unit: &draft.unit, amount: draft.amount, operation };
    match leave(txn, now, rules, &leaving) {
        Err(LeaveRefusal::SecondFactor) => {
            remember(txn, now, draft, &asked, Refusal::SecondFactor)?;
            Ok(Err(PayoutError::SecondFactor))
        }
        left => {
            left?;
            take(txn, now, rules, draft, &asked).map(Ok)
        }
    }
}

fn take(
    txn: &mut Txn<'_>,
    now: UnixTime,
    rules: &AccountRules,
    draft: &PayoutDraft,
    asked: &[u8],
) -> Result<PayoutRow, PayoutError> {
    if let Some(to) = &draft.to
        && !is_open(txn, rules, to)?
    {
        return Err(PayoutError::NotRegistered);
    }
    let to = draft.to.as_ref().map_or(Place::Payouts, Place::Account);
    transfer(txn, &draft.unit, Place::Account(&draft.account), to, draft.amount)?;
    if let Some(to) = &draft.to
        && !may_hold(txn, rules, to, &draft.unit)?
    {
        return Err(PayoutError::Limit);
    }
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

/// Remembers a refusal for as long as the request could be taken, and forgets some that are over.
fn remember(
    txn: &mut Txn<'_>,
    now: UnixTime,
    draft: &PayoutDraft,
    asked: &[u8],
    why: Refusal,
) -> Result<(), LedgerError> {
    let table = Table::PayoutRefusedUntil;
    for (key, _) in txn.scan_prefix(table.prefix(), None, FORGOTTEN)? {
        let rest = key.get(table.prefix().len()..).unwrap_or_default();
        let (until, over) = rest.split_first_chunk().ok_or(LedgerError::Damaged)?;
        if now.seconds() <= u64::from_be_bytes(*until) {
            break;
        }
        txn.delete(&Table::PayoutRefused.key(over))?;
        txn.delete(&key)?;
    }
    let until = draft.requested_at.plus(PayoutDraft::MAX_AGE);
    put(txn, table, &[until.seconds().to_be_bytes().as_slice(), asked].concat(), &why)?;
    put(txn, Table::PayoutRefused, asked, &why)
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// For good.
    Funds,
    /// Until there is a permission for it.
    SecondFactor,
}

impl Encode for Refusal {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(match self {
            Self::Funds => 1,
            Self::SecondFactor => 2,
        });
    }
}

impl Decode for Refusal {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Funds),
            2 => Ok(Self::SecondFactor),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}
