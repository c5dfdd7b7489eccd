//! What a payee keeps: reservations, attempts, receipts.
//!
//! | key | value |
//! |---|---|
//! | `shop/request/` ‖ request hash | the payment that a single-use invoice is reserved to |
//! | `shop/attempt/` ‖ payment id | what was begun and has no definite end yet |
//! | `shop/receipt/` ‖ payment id | what is signed as the receipt, and the memo |
//! | `shop/log/` ‖ 2⁶⁴−1−n | the n-th accepted payment, so that the newest comes first, and when it was recorded |

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{Claim, PaymentId, RequestHash};
use farthing_protocol::keyset::ChainHead;
use farthing_protocol::receipt::ReceiptDraft;
use farthing_protocol::request::InvoiceDraft;

use super::door::Door;
pub(super) use super::values::{key, read, write};
use crate::webhook::outbox::{self, Accepts};

pub(super) const REQUESTS: &[u8] = b"shop/request/";
const ATTEMPTS: &[u8] = b"shop/attempt/";
pub(super) const RECEIPTS: &[u8] = b"shop/receipt/";
pub(super) const LOG: &[u8] = b"shop/log/";
const COUNT: &[u8] = b"shop/count";

/// A payment that was found in order and given to a store.
#[derive(Clone)]
pub(super) struct Attempt {
    /// When it was found in order: on a retry it is judged as of then.
    pub(super) received_at: UnixTime,
    pub(super) claim: Claim,
    pub(super) request: RequestHash,
    pub(super) single_use: bool,
    /// When the request ends: from then on nothing new is accepted for it.
    pub(super) expires_at: UnixTime,
    pub(super) unit: Unit,
    pub(super) head: ChainHead,
    pub(super) memo: Option<String>,
    pub(super) door: Door,
}

/// An accepted payment.
pub(super) struct Accepted {
    pub(super) draft: ReceiptDraft,
    pub(super) unit: Unit,
    pub(super) request: RequestHash,
    pub(super) expires_at: UnixTime,
    pub(super) memo: Option<String>,
    pub(super) door: Door,
    /// When it was found in order.
    pub(super) received_at: UnixTime,
}

/// A line of the log.
pub(super) struct Logged {
    /// The how manieth accepted payment it is, from 0.
    pub(super) number: u64,
    pub(super) payment: PaymentId,
    /// When it was written down here; `accepted_at` is the deciding store's time, which can be earlier by days.
    pub(super) recorded_at: UnixTime,
}

/// What stands in the way of a payment, or does not.
pub(super) enum Reservation {
    /// The payment may go on, with this attempt: its own earlier one, if there is one.
    Free(Box<Attempt>),
    /// The invoice belongs to another payment.
    Taken,
    /// The payment was begun by another door.
    OtherDoor,
}

impl Encode for Attempt {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.received_at);
        out.part(&self.claim);
        out.part(&self.request);
        out.u8(u8::from(self.single_use));
        out.part(&self.expires_at);
        out.part(&self.unit);
        out.part(&self.head);
        out.text(self.memo.as_deref().unwrap_or(""));
        out.part(&self.door);
    }
}

impl Decode for Attempt {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            received_at: input.part()?,
            claim: input.part()?,
            request: input.part()?,
            single_use: input.u8()? == 1,
            expires_at: input.part()?,
            unit: input.part()?,
            head: input.part()?,
            memo: memo(input)?,
            door: input.part()?,
        })
    }
}

impl Encode for Accepted {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.unit);
        out.part(&self.request);
        out.part(&self.expires_at);
        out.text(self.memo.as_deref().unwrap_or(""));
        out.part(&self.door);
        out.part(&self.received_at);
    }
}

impl Decode for Accepted {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            draft: input.part()?,
            unit: input.part()?,
            request: input.part()?,
            expires_at: input.part()?,
            memo: memo(input)?,
            door: input.part()?,
            received_at: input.part()?,
        })
    }
}

pub(super) fn attempt(txn: &Txn<'_>, id: &PaymentId) -> Result<Option<Attempt>, StoreFault> {
    read(txn, &key(ATTEMPTS, id.as_bytes()))
}

pub(super) fn accepted(txn: &Txn<'_>, id: &PaymentId) -> Result<Option<Accepted>, StoreFault> {
    read(txn, &key(RECEIPTS, id.as_bytes()))
}

/// Reserves the invoice to the payment and writes the attempt down.
pub(super) fn reserve(txn: &mut Txn<'_>, id: &PaymentId, attempt: Attempt) -> Result<Reservation, StoreFault> {
    if let Some(earlier) = self::attempt(txn, id)? {
        let same = earlier.door == attempt.door;
        return Ok(if same { Reservation::Free(Box::new(earlier)) } else { Reservation::OtherDoor });
    }
    if attempt.single_use {
        let request = key(REQUESTS, attempt.request.as_bytes());
        match txn.get(&request)? {
            Some(holder) if holder != id.as_bytes() => return Ok(Reservation::Taken),
            Some(_) => {}
            None => txn.put(&request, id.as_bytes())?,
        }
    }
    write(txn, &key(ATTEMPTS, id.as_bytes()), &attempt)?;
    Ok(Reservation::Free(Box::new(attempt)))
}

/// Gives the invoice back: the payment is definitely refused.
pub(super) fn release(txn: &mut Txn<'_>, id: &PaymentId) -> Result<(), StoreFault> {
    let Some(attempt) = attempt(txn, id)? else { return Ok(()) };
    let request = key(REQUESTS, attempt.request.as_bytes());
    if txn.get(&request)?.is_some_and(|holder| holder == id.as_bytes()) {
        txn.delete(&request)?;
    }
    txn.delete(&key(ATTEMPTS, id.as_bytes()))
}

/// Records an acceptance. The first record stays: the same receipt for ever. With `events`, what the merchant's own systems are
/// told of it is recorded with it.
pub(super) fn finish(
    txn: &mut Txn<'_>,
    draft: ReceiptDraft,
    attempt: Attempt,
    now: UnixTime,
    events: bool,
) -> Result<ReceiptDraft, StoreFault> {
    let id = draft.payment;
    if let Some(earlier) = accepted(txn, &id)? {
        return Ok(earlier.draft);
    }
    let number = count(txn)?;
    let next = number.checked_add(1).ok_or(StoreFault::Full)?;
    txn.put(COUNT, &next.to_be_bytes())?;
    txn.put(&log_key(number), &[id.as_bytes().as_slice(), &now.seconds().to_be_bytes()].concat())?;
    let Attempt { request, expires_at, unit, memo, door, received_at, .. } = attempt;
    if events {
        let event = Accepts { payment: id, request, amount: draft.amount, unit: &unit, accepted_at: draft.accepted_at };
        outbox::add(txn, number, &event, memo.as_deref(), now)?;
    }
    let accepted = Accepted { draft, unit, request, expires_at, memo, door, received_at };
    write(txn, &key(RECEIPTS, id.as_bytes()), &accepted)?;
    txn.delete(&key(ATTEMPTS, id.as_bytes()))?;
    Ok(draft)
}

/// How many payments were ever accepted.
pub(super) fn count(txn: &Txn<'_>) -> Result<u64, StoreFault> {
    match txn.get(COUNT)? {
        None => Ok(0),
        Some(bytes) => Ok(u64::from_be_bytes(bytes.try_into().map_err(|_| StoreFault::Damaged)?)),
    }
}

/// Lines of the log, newest first; with `before`, only those with lower numbers.
pub(super) fn log(txn: &Txn<'_>, before: Option<u64>, limit: usize) -> Result<Vec<Logged>, StoreFault> {
    let after = before.map(log_key);
    txn.scan_prefix(LOG, after.as_deref(), limit)?.iter().map(|(key, value)| logged(key, value)).collect()
}

/// One line of the log, if it was not erased.
pub(super) fn line(txn: &Txn<'_>, number: u64) -> Result<Option<Logged>, StoreFault> {
    let key = log_key(number);
    txn.get(&key)?.map(|value| logged(&key, &value)).transpose()
}

pub(super) fn log_key(number: u64) -> Vec<u8> {
    key(LOG, &(u64::MAX - number).to_be_bytes())
}

fn logged(key: &[u8], value: &[u8]) -> Result<Logged, StoreFault> {
    let number = key.get(LOG.len()..).and_then(|place| place.try_into().ok()).map(u64::from_be_bytes);
    let (id, at) = value.split_first_chunk().ok_or(StoreFault::Damaged)?;
    let at = at.try_into().map(u64::from_be_bytes).map_err(|_| StoreFault::Damaged)?;
    Ok(Logged {
        number: u64::MAX - number.ok_or(StoreFault::Damaged)?,
        payment: PaymentId::from_bytes(*id),
        recorded_at: UnixTime::from_seconds(at),
    })
}

/// Payments without a definite end, in the order of their ids.
pub(super) fn attempts_after(
    txn: &Txn<'_>,
    after: Option<&PaymentId>,
    limit: usize,
) -> Result<Vec<PaymentId>, StoreFault> {
    let after = after.map(|id| key(ATTEMPTS, id.as_bytes()));
    let found = txn.scan_prefix(ATTEMPTS, after.as_deref(), limit)?;
    let id = |key: Vec<u8>| key.get(ATTEMPTS.len()..).and_then(|id| id.try_into().ok()).map(PaymentId::from_bytes);
    found.into_iter().map(|(key, _)| id(key).ok_or(StoreFault::Damaged)).collect()
}

/// The receipt's draft of an accepted payment.
pub(super) fn draft(
    id: &PaymentId,
    payee: PayeeKey,
    amount: farthing_protocol::amount::Amount,
    accepted_at: UnixTime,
    head: ChainHead,
) -> ReceiptDraft {
    ReceiptDraft { payment: *id, payee, amount, accepted_at, head }
}

fn memo(input: &mut Reader<'_>) -> Result<Option<String>, DecodeError> {
    let text = input.text(InvoiceDraft::MAX_MEMO)?;
    Ok(if text.is_empty() { None } else { Some(text.to_owned()) })
}
