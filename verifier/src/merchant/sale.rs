//! What a payment was given in for, and how often it was given.
//!
//! | key | value |
//! |---|---|
//! | `shop/sale/` ‖ payment id | how often it was served, and whether an answer was given that must not be had again |
//! | `shop/answer/` ‖ payment id | such an answer, to be repeated |
//! | `shop/kept/` ‖ time ‖ payment id | when it was kept, oldest first |

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::receipt::Receipt;

use super::pay::Taken;
use super::record::{key, read, write};
use super::{Inner, PayError};
use crate::store::StoreError;

const SALES: &[u8] = b"shop/sale/";
const ANSWERS: &[u8] = b"shop/answer/";
const KEPT: &[u8] = b"shop/kept/";

/// So often a request is answered for one payment, each time it is made again within the window.
pub const MAX_SERVED: u8 = 3;

/// The largest answer that is kept to be repeated, in bytes, with its headers.
pub const MAX_KEPT: usize = 256 << 10;

/// A payment that was accepted for one HTTP request.
pub struct Sale {
    inner: Arc<Inner>,
    id: PaymentId,
    receipt: Receipt,
    received_at: UnixTime,
}

/// What whoever paid gets now.
#[derive(Debug)]
pub enum Turn {
    /// The request is to be served.
    Serve(Serving),
    /// It was, and this was the answer.
    Repeat(KeptAnswer),
}

/// A request that is being served for a payment: the only one at a time.
///
/// Dropped without a word, it counts as served.
pub struct Serving {
    inner: Arc<Inner>,
    id: PaymentId,
    _flight: Flight,
}

/// An answer, as it was given.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Sale {
    pub(super) fn new(inner: Arc<Inner>, Taken { receipt, received_at }: Taken) -> Self {
        Self { inner, id: receipt.draft().payment, receipt, received_at }
    }

    /// The receipt.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Decides what is given for the payment now, and writes it down first.
    ///
    /// The request is served when it was not served before; and again, up to [`MAX_SERVED`] times in all, within `window` seconds
    /// after the payment first came. (Not after its authorization: whoever holds the tokens can sign for the same request again.) One
    /// that is not `repeatable` is never served again after an answer: the answer is repeated, within the window, while it is kept.
    /// What was never answered is served whenever it comes.
    ///
    /// # Errors
    /// [`PayError::InProgress`] while it is being served; [`PayError::Used`] when nothing more is given for it;
    /// [`PayError::Store`] when that could not be written down.
    pub async fn turn(&self, repeatable: bool, window: u64) -> Result<Turn, PayError> {
        let flight = self.inner.flights.begin(&self.id).ok_or(PayError::InProgress)?;
        let (id, now) = (self.id, (self.inner.clock)());
        let in_window = now < self.received_at.plus(window);
        let job = self.inner.engine.submit(move |txn| begin(txn, &id, repeatable, in_window));
        // It was accepted: that nothing can be noted now is no refusal.
        match job.await.map_err(|_| StoreError::Unavailable)?.map_err(|_| StoreError::Unavailable)? {
            Begun::Serve => Ok(Turn::Serve(Serving { inner: Arc::clone(&self.inner), id, _flight: flight })),
            Begun::Repeat(answer) => Ok(Turn::Repeat(answer)),
            Begun::Used => Err(PayError::Used),
        }
    }
}

impl Serving {
    /// It could not be served: nothing was given for the payment, and nothing can have been done that must not be done again.
    ///
    /// # Errors
    /// A [`StoreError`]: then it counts as served.
    pub async fn failed(self) -> Result<(), StoreError> {
        self.change(|sale| sale.served = sale.served.saturating_sub(1)).await
    }

    /// An answer is about to be given that must not be had again. Durable before the first byte of it leaves.
    ///
    /// # Errors
    /// A [`StoreError`]: then it MUST NOT leave.
    pub async fn answered(&self) -> Result<(), StoreError> {
        self.change(|sale| sale.answered = true).await
    }

    /// Keeps the answer to be repeated. One beyond [`MAX_KEPT`] is not kept.
    ///
    /// # Errors
    /// A [`StoreError`]: then it is not.
    pub async fn keep(self, answer: KeptAnswer) -> Result<(), StoreError> {
        let (id, now) = (self.id, (self.inner.clock)());
        let job = self.inner.engine.submit(move |txn| keep(txn, &id, &answer, now));
        job.await?.map_err(|_| StoreError::Stopped)
    }

    async fn change(&self, change: impl FnOnce(&mut Record) + Send + 'static) -> Result<(), StoreError> {
        let id = self.id;
        let job = self.inner.engine.submit(move |txn| {
            if super::record::accepted(txn, &id)?.is_none() {
                return Ok(());
            }
            let mut sale = record(txn, &id)?;
            change(&mut sale);
            write(txn, &key(SALES, id.as_bytes()), &sale)
        });
        job.await?.map_err(|_| StoreError::Stopped)
    }
}

/// Payments that are being served in this process.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashSet<PaymentId>>>);

struct Flight {
    flights: Flights,
    id: PaymentId,
}

impl Flights {
    fn begin(&self, id: &PaymentId) -> Option<Flight> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*id);
        fresh.then(|| Flight { flights: self.clone(), id: *id })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Says, once for each payment, that it was settled.
pub(super) fn answer_once(txn: &mut Txn<'_>, id: &PaymentId) -> Result<bool, StoreFault> {
    // Erased meanwhile, with what was given for it.
    if super::record::accepted(txn, id)?.is_none() {
        return Ok(false);
    }
    let mut sale = record(txn, id)?;
    if sale.served > 0 {
        return Ok(false);
    }
    sale.served = 1;
    write(txn, &key(SALES, id.as_bytes()), &sale)?;
    Ok(true)
}

/// Whether anything was given for the payment.
pub(super) fn was_answered(txn: &Txn<'_>, id: &PaymentId) -> Result<bool, StoreFault> {
    Ok(record(txn, id)?.served > 0)
}

/// Forgets answers kept before a time, at most so many, and says whether any are left.
pub(super) fn forget_answers(txn: &mut Txn<'_>, before: UnixTime, at_most: usize) -> Result<bool, StoreFault> {
    let found = txn.scan_prefix(KEPT, None, at_most)?;
    let count = found.len();
    for (entry, _) in found {
        let (time, id) = entry.get(KEPT.len()..).and_then(<[u8]>::split_first_chunk).ok_or(StoreFault::Damaged)?;
        if UnixTime::from_seconds(u64::from_be_bytes(*time)) >= before {
            return Ok(false);
        }
        txn.delete_large(&key(ANSWERS, id))?;
        txn.delete(&entry)?;
    }
    Ok(count == at_most)
}

/// Erases what is known of a payment's sale.
pub(super) fn erase(txn: &mut Txn<'_>, id: &PaymentId) -> Result<(), StoreFault> {
    // When it was kept is forgotten with the other answers of that time.
    txn.delete_large(&key(ANSWERS, id.as_bytes()))?;
    txn.delete(&key(SALES, id.as_bytes()))
}

#[derive(Default)]
struct Record {
    served: u8,
    answered: bool,
}

enum Begun {
    Serve,
    Repeat(KeptAnswer),
    Used,
}

fn begin(txn: &mut Txn<'_>, id: &PaymentId, repeatable: bool, in_window: bool) -> Result<Begun, StoreFault> {
    // Erased meanwhile, with what was given for it.
    if super::record::accepted(txn, id)?.is_none() {
        return Ok(Begun::Used);
    }
    let mut sale = record(txn, id)?;
    if sale.served > 0 && !in_window {
        return Ok(Begun::Used);
    }
    if sale.answered && !repeatable {
        let kept = txn.get_large(&key(ANSWERS, id.as_bytes()))?;
        return kept.map_or(Ok(Begun::Used), |kept| KeptAnswer::from_bytes(&kept).map(Begun::Repeat));
    }
    if sale.served >= MAX_SERVED {
        return Ok(Begun::Used);
    }
    sale.served = sale.served.saturating_add(1);
    write(txn, &key(SALES, id.as_bytes()), &sale)?;
    Ok(Begun::Serve)
}

fn keep(txn: &mut Txn<'_>, id: &PaymentId, answer: &KeptAnswer, now: UnixTime) -> Result<(), StoreFault> {
    let bytes = answer.to_bytes();
    // Of a payment that was erased meanwhile nothing is kept.
    if bytes.len() > MAX_KEPT || super::record::accepted(txn, id)?.is_none() {
        return Ok(());
    }
    txn.put_large(&key(ANSWERS, id.as_bytes()), &bytes)?;
    txn.put(&[KEPT, &now.seconds().to_be_bytes(), id.as_bytes()].concat(), &[])
}

fn record(txn: &Txn<'_>, id: &PaymentId) -> Result<Record, StoreFault> {
    Ok(read(txn, &key(SALES, id.as_bytes()))?.unwrap_or_default())
}

impl Encode for Record {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(self.served);
        out.u8(u8::from(self.answered));
    }
}

impl Decode for Record {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { served: input.u8()?, answered: input.u8()? == 1 })
    }
}

impl KeptAnswer {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u32(self.status.into());
        out.u32(u32::try_from(self.headers.len()).unwrap_or(u32::MAX));
        for (name, value) in &self.headers {
            blob(&mut out, name.as_bytes());
            blob(&mut out, value);
        }
        blob(&mut out, &self.body);
        out.finish()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, StoreFault> {
        let read = || {
            let mut input = Reader::new(bytes);
            let status = u16::try_from(input.u32()?).map_err(|_| DecodeError::OutOfRange)?;
            let mut headers = Vec::new();
            for _ in 0..input.u32()? {
                let name = String::from_utf8(unblob(&mut input)?).map_err(|_| DecodeError::NonCanonicalText)?;
                headers.push((name, unblob(&mut input)?));
            }
            let body = unblob(&mut input)?;
            input.finish()?;
            Ok::<_, DecodeError>(Self { status, headers, body })
        };
        read().map_err(|_| StoreFault::Damaged)
    }
}

fn blob(out: &mut Writer, bytes: &[u8]) {
    out.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.bytes(bytes);
}

fn unblob(input: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let length = usize::try_from(input.u32()?).map_err(|_| DecodeError::TooLong)?;
    Ok(input.bytes(length)?.to_vec())
}

impl fmt::Debug for Sale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sale(<redacted>)")
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving(<redacted>)")
    }
}

impl fmt::Debug for KeptAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_is_read_again() {
        let headers = vec![("content-type".to_owned(), b"text/plain".to_vec()), ("x".to_owned(), vec![255])];
        let answer = KeptAnswer { status: 201, headers, body: vec![0; 70_000] };
        let bytes = answer.to_bytes();
        assert!(KeptAnswer::from_bytes(&bytes).unwrap() == answer);
        for cut in [0, 5, 20, bytes.len() - 1] {
            assert!(KeptAnswer::from_bytes(&bytes[..cut]).is_err());
        }
    }
}
