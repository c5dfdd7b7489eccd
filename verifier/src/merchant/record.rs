//! What a payee keeps: reservations, attempts, receipts.
//!
//! | key | value |
//! |---|---|
//! | `shop/request/` ‖ request hash | the payment that a single-use invoice is reserved to |
//! | `shop/attempt/` ‖ payment id | what was begun and has no definite end yet |
//! | `shop/receipt/` ‖ payment id | what is signed as the receipt, and the memo |
//! | `shop/log/` ‖ 2⁶⁴−1−n | the n-th accepted payment, so that the newest comes first |

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::PaymentSummary;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{Claim, PaymentId, RequestHash};
use farthing_protocol::keyset::ChainHead;
use farthing_protocol::receipt::ReceiptDraft;
use farthing_protocol::request::InvoiceDraft;

use super::door::Door;

const FORMAT: u8 = 1;
const REQUESTS: &[u8] = b"shop/request/";
const ATTEMPTS: &[u8] = b"shop/attempt/";
const RECEIPTS: &[u8] = b"shop/receipt/";
const LOG: &[u8] = b"shop/log/";
const COUNT: &[u8] = b"shop/count";

/// A payment that was found in order and given to a store.
#[derive(Clone)]
pub(super) struct Attempt {
    /// When it was found in order: on a retry it is judged as of then.
    pub(super) received_at: UnixTime,
    pub(super) claim: Claim,
    pub(super) request: RequestHash,
    pub(super) single_use: bool,
    pub(super) head: ChainHead,
    pub(super) memo: Option<String>,
    pub(super) door: Door,
}

/// An accepted payment.
pub(super) struct Accepted {
    pub(super) draft: ReceiptDraft,
    request: RequestHash,
    memo: Option<String>,
    pub(super) door: Door,
    /// When it was found in order.
    pub(super) received_at: UnixTime,
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
            head: input.part()?,
            memo: memo(input)?,
            door: input.part()?,
        })
    }
}

impl Encode for Accepted {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.request);
        out.text(self.memo.as_deref().unwrap_or(""));
        out.part(&self.door);
        out.part(&self.received_at);
    }
}

impl Decode for Accepted {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            draft: input.part()?,
            request: input.part()?,
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

/// Records an acceptance. The first record stays: the same receipt for ever.
pub(super) fn finish(txn: &mut Txn<'_>, draft: ReceiptDraft, attempt: Attempt) -> Result<ReceiptDraft, StoreFault> {
    let id = draft.payment;
    if let Some(earlier) = accepted(txn, &id)? {
        return Ok(earlier.draft);
    }
    let count = match txn.get(COUNT)? {
        None => 0,
        Some(bytes) => u64::from_be_bytes(bytes.try_into().map_err(|_| StoreFault::Damaged)?),
    };
    let next = count.checked_add(1).ok_or(StoreFault::Full)?;
    txn.put(COUNT, &next.to_be_bytes())?;
    txn.put(&key(LOG, &(u64::MAX - count).to_be_bytes()), id.as_bytes())?;
    let Attempt { request, memo, door, received_at, .. } = attempt;
    write(txn, &key(RECEIPTS, id.as_bytes()), &Accepted { draft, request, memo, door, received_at })?;
    txn.delete(&key(ATTEMPTS, id.as_bytes()))?;
    Ok(draft)
}

/// The newest accepted payments.
pub(super) fn newest(txn: &Txn<'_>, limit: usize) -> Result<Vec<PaymentSummary>, StoreFault> {
    let mut found = Vec::new();
    for (_, id) in txn.scan_prefix(LOG, None, limit)? {
        let payment = PaymentId::from_bytes(id.try_into().map_err(|_| StoreFault::Damaged)?);
        let Accepted { draft, request, memo, .. } = accepted(txn, &payment)?.ok_or(StoreFault::Damaged)?;
        let ReceiptDraft { amount, accepted_at, .. } = draft;
        found.push(PaymentSummary { payment, request, amount, accepted_at, memo });
    }
    Ok(found)
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

pub(super) fn key(prefix: &[u8], rest: &[u8]) -> Vec<u8> {
    [prefix, rest].concat()
}

pub(super) fn read<T: Decode>(txn: &Txn<'_>, key: &[u8]) -> Result<Option<T>, StoreFault> {
    let Some(bytes) = txn.get(key)? else { return Ok(None) };
    let decode = || {
        let mut input = Reader::new(&bytes);
        if input.u8()? != FORMAT {
            return Err(DecodeError::UnsupportedVersion);
        }
        let value = input.part()?;
        input.finish()?;
        Ok(value)
    };
    decode().map(Some).map_err(|_| StoreFault::Damaged)
}

pub(super) fn write<T: Encode>(txn: &mut Txn<'_>, key: &[u8], value: &T) -> Result<(), StoreFault> {
    let mut out = Writer::default();
    out.u8(FORMAT);
    out.part(value);
    txn.put(key, &out.finish())
}
