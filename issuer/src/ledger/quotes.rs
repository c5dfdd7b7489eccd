//! Quotes: what account owners asked to pay in, and under which name.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{QuoteAnswer, QuoteDraft, QuoteId, QuoteState};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::OperationId;

use super::LedgerError;
use super::outflow::AccountRules;
use super::quote_queue::{self, Full, Room, Share};
use super::records::{Table, from_value, get, put, scan};
use super::registration::is_open;
use crate::limits::TooOften;

/// So many quotes of one account may wait to be paid.
pub(crate) const OPEN_OF_ONE: usize = 16;

/// So many end, or are forgotten, in one transaction.
const AT_ONCE: usize = 256;

/// Why a quote was not given. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// The account's owner did not sign this request to this mint.
    #[error("the request is not signed by the account's owner")]
    InvalidSignature,
    /// The account used this operation id for another quote.
    #[error("the operation id was used for another quote")]
    OperationUsed,
    /// The mint gives no quotes, or not in this unit.
    #[error("the mint gives no quotes in this unit")]
    NotOffered,
    /// The operator opens accounts himself, and has not opened this one.
    #[error("the operator has not opened this account")]
    NotRegistered,
    /// It was made too long ago, or in the future.
    #[error("the request was not made now")]
    NotNow,
    /// The account, or all of them together, have too many quotes that nothing was paid for, and none that has waited long.
    #[error("too many quotes wait to be paid")]
    TooMany,
    /// The account's owner asked too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What a new quote is to be like.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Random.
    pub(crate) id: QuoteId,
    /// How to pay.
    pub(crate) payment: String,
    /// How long it should be paid, in seconds.
    pub(crate) seconds: u64,
    /// How long after that it is remembered, in seconds.
    pub(crate) late: u64,
    /// So many of all accounts may wait to be paid.
    pub(crate) most_open: u64,
    /// Who may have accounts.
    pub(crate) rules: AccountRules,
}

/// Gives a quote for a request whose signature was verified, once for each account and operation id. Without an offer only one
/// that was given before is answered.
pub(crate) fn request_quote(
    txn: &mut Txn<'_>,
    now: UnixTime,
    draft: &QuoteDraft,
    offer: Option<Offer>,
) -> Result<(QuoteId, QuoteRow), QuoteError> {
    let asked = asked_key(&draft.account, &draft.operation);
    if let Some(id) = get::<QuoteId>(txn, Table::QuoteAsked, &asked)? {
        let row = quote(txn, &id)?.ok_or(LedgerError::Damaged)?;
        let same = row.amount == draft.amount && row.unit == draft.unit && row.requested_at == draft.requested_at;
        return if same { Ok((id, row)) } else { Err(QuoteError::OperationUsed) };
    }
    let Offer { id, payment, seconds, late, most_open, rules } = offer.ok_or(QuoteError::NotOffered)?;
    let asked_at = draft.requested_at;
    if asked_at > now.plus(QuoteDraft::MAX_SKEW) || now > asked_at.plus(QuoteDraft::MAX_SKEW) {
        return Err(QuoteError::NotNow);
    }
    if !is_open(txn, &rules, &draft.account)? {
        return Err(QuoteError::NotRegistered);
    }
    let own = Table::QuoteOpen.key(draft.account.as_bytes());
    let own = txn.scan_prefix(&own, None, OPEN_OF_ONE).map_err(LedgerError::from)?;
    if own.len() >= OPEN_OF_ONE {
        return Err(QuoteError::TooMany);
    }
    let share = Share::of(txn, &draft.account)?;
    match quote_queue::gives_way(txn, now, share, Room { most_open, seconds })? {
        Ok(None) => {}
        Ok(Some(oldest)) => end_early(txn, now, &oldest, seconds)?,
        Err(Full) => return Err(QuoteError::TooMany),
    }
    if quote(txn, &id)?.is_some() {
        // Ten random bytes were drawn twice.
        return Err(LedgerError::Busy.into());
    }
    let expires_at = now.plus(seconds);
    let row = QuoteRow {
        account: draft.account,
        operation: draft.operation,
        amount: draft.amount,
        unit: draft.unit.clone(),
        requested_at: asked_at,
        expires_at,
        forgotten_at: expires_at.plus(late),
        payment,
        credited: Amount::ZERO,
        open: true,
    };
    put(txn, Table::QuoteAsked, &asked, &id)?;
    put(txn, Table::Quote, id.as_bytes(), &row)?;
    put(txn, Table::QuoteOpen, &open_key(&row.account, &id), &id)?;
    put(txn, Table::QuoteDue, &due_key(expires_at, &id), &id)?;
    quote_queue::enter(txn, share, expires_at, &id)?;
    Ok((id, row))
}

/// The quote of this name, if the mint remembers it.
pub(super) fn quote(txn: &Txn<'_>, id: &QuoteId) -> Result<Option<QuoteRow>, LedgerError> {
    get(txn, Table::Quote, id.as_bytes())
}

/// Notes that so much was credited for a quote.
pub(super) fn note_credit(
    txn: &mut Txn<'_>,
    id: &QuoteId,
    mut row: QuoteRow,
    amount: Amount,
) -> Result<(), LedgerError> {
    row.credited = row.credited.checked_add(amount).ok_or(LedgerError::Overflow)?;
    close(txn, id, &mut row)?;
    put(txn, Table::Quote, id.as_bytes(), &row)
}

/// Closes quotes whose time has passed, and forgets those that are long over, as many as fit into one transaction. Says how many.
pub(crate) fn expire_quotes(txn: &mut Txn<'_>, now: UnixTime) -> Result<usize, LedgerError> {
    let mut done = 0;
    for (key, value) in txn.scan_prefix(Table::QuoteDue.prefix(), None, AT_ONCE)? {
        let id: QuoteId = from_value(&value)?;
        if now < due_time(&key)? {
            break;
        }
        let mut row = quote(txn, &id)?.ok_or(LedgerError::Damaged)?;
        close(txn, &id, &mut row)?;
        txn.delete(&key)?;
        if now < row.forgotten_at {
            put(txn, Table::Quote, id.as_bytes(), &row)?;
            put(txn, Table::QuoteDue, &due_key(row.forgotten_at, &id), &id)?;
        } else {
            txn.delete(&Table::Quote.key(id.as_bytes()))?;
            txn.delete(&Table::QuoteAsked.key(&asked_key(&row.account, &row.operation)))?;
        }
        done += 1;
    }
    Ok(done)
}

/// Forgets all quotes of an account before their time, and says how many. What is still paid for one of them is held.
pub(super) fn forget_quotes(txn: &mut Txn<'_>, account: &AccountKey) -> Result<u64, LedgerError> {
    let mut found: Vec<QuoteId> = Vec::new();
    scan(txn, Table::QuoteAsked, account.as_bytes(), &mut |_, id| {
        found.push(id);
        Ok(())
    })?;
    for id in &found {
        let mut row = quote(txn, id)?.ok_or(LedgerError::Damaged)?;
        close(txn, id, &mut row)?;
        // It is due to be closed, or to be forgotten.
        for at in [row.expires_at, row.forgotten_at] {
            txn.delete(&Table::QuoteDue.key(&due_key(at, id)))?;
        }
        txn.delete(&Table::Quote.key(id.as_bytes()))?;
        txn.delete(&Table::QuoteAsked.key(&asked_key(&row.account, &row.operation)))?;
    }
    Ok(u64::try_from(found.len()).unwrap_or(u64::MAX))
}

/// A quote gives its place to another one. It is known for as long again as a quote waits: money for it is late then, and after
/// that it is held.
fn end_early(txn: &mut Txn<'_>, now: UnixTime, id: &QuoteId, seconds: u64) -> Result<(), LedgerError> {
    let mut row = quote(txn, id)?.ok_or(LedgerError::Damaged)?;
    close(txn, id, &mut row)?;
    txn.delete(&Table::QuoteDue.key(&due_key(row.expires_at, id)))?;
    if now < row.expires_at {
        row.expires_at = now;
        row.forgotten_at = row.forgotten_at.min(now.plus(seconds));
    }
    put(txn, Table::QuoteDue, &due_key(row.forgotten_at, id), id)?;
    put(txn, Table::Quote, id.as_bytes(), &row)
}

/// From now on it does not wait to be paid.
fn close(txn: &mut Txn<'_>, id: &QuoteId, row: &mut QuoteRow) -> Result<(), LedgerError> {
    if std::mem::take(&mut row.open) {
        txn.delete(&Table::QuoteOpen.key(&open_key(&row.account, id)))?;
        quote_queue::leave(txn, row.expires_at, id)?;
    }
    Ok(())
}

fn asked_key(account: &AccountKey, operation: &OperationId) -> Vec<u8> {
    [account.as_bytes().as_slice(), operation.as_bytes()].concat()
}

fn open_key(account: &AccountKey, id: &QuoteId) -> Vec<u8> {
    [account.as_bytes().as_slice(), id.as_bytes()].concat()
}

fn due_key(at: UnixTime, id: &QuoteId) -> Vec<u8> {
    [at.seconds().to_be_bytes().as_slice(), id.as_bytes()].concat()
}

/// When something is due, by its key.
fn due_time(key: &[u8]) -> Result<UnixTime, LedgerError> {
    let rest = key.get(Table::QuoteDue.prefix().len()..).and_then(|rest| rest.first_chunk());
    rest.map(|time| UnixTime::from_seconds(u64::from_be_bytes(*time))).ok_or(LedgerError::Damaged)
}

/// A quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuoteRow {
    pub(crate) account: AccountKey,
    pub(crate) operation: OperationId,
    /// What its owner means to pay.
    pub(crate) amount: Amount,
    pub(crate) unit: Unit,
    pub(crate) requested_at: UnixTime,
    pub(crate) expires_at: UnixTime,
    /// Until then money is credited for it.
    pub(crate) forgotten_at: UnixTime,
    /// How to pay, as it was told.
    pub(crate) payment: String,
    /// What came so far.
    pub(crate) credited: Amount,
    /// Whether it counts among those that wait to be paid.
    pub(crate) open: bool,
}

impl QuoteRow {
    /// What its owner is told.
    pub(crate) fn answer(self, id: QuoteId, now: UnixTime) -> QuoteAnswer {
        let state = match (self.credited.is_zero(), now < self.expires_at) {
            (false, _) => QuoteState::Paid,
            (true, true) => QuoteState::Open,
            (true, false) => QuoteState::Expired,
        };
        let Self { payment, expires_at, credited, .. } = self;
        QuoteAnswer { quote: id, payment, expires_at, state, credited }
    }
}

impl Encode for QuoteRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.account);
        out.part(&self.operation);
        out.part(&self.amount);
        out.part(&self.unit);
        out.part(&self.requested_at);
        out.part(&self.expires_at);
        out.part(&self.forgotten_at);
        out.text(&self.payment);
        out.part(&self.credited);
        out.u8(u8::from(self.open));
    }
}

impl Decode for QuoteRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            account: input.part()?,
            operation: input.part()?,
            amount: input.part()?,
            unit: input.part()?,
            requested_at: input.part()?,
            expires_at: input.part()?,
            forgotten_at: input.part()?,
            payment: input.text(QuoteAnswer::MAX_PAYMENT)?.to_owned(),
            credited: input.part()?,
            open: match input.u8()? {
                0 => false,
                1 => true,
                _ => return Err(DecodeError::UnknownTag),
            },
        })
    }
}
