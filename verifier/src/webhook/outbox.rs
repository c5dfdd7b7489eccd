//! Events that wait to be sent, durably.
//!
//! | key | value |
//! |---|---|
//! | `hook/event/` ‖ payment id | what became of its event so far, and the bytes that are sent |
//! | `hook/due/` ‖ time ‖ number | the payment whose event is to be sent then |
//!
//! The number is the payment's in the log, so that events of the same second are sent in turn. What was taken by the receiver is
//! gone from here.

use farthing_durable::{StoreFault, Txn, Unavailable};
use farthing_http::problem::{Code, Problem};
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{WebhookFailure, WebhookState, WebhookSummary};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::ids::{PaymentId, RequestHash};
use serde::Serialize;

use crate::merchant::values::{key, read, write};
use crate::store::StoreError;

const EVENTS: &[u8] = b"hook/event/";
const DUE: &[u8] = b"hook/due/";

/// How often an event is sent before it is put aside.
pub const MAX_ATTEMPTS: u32 = 16;

/// The longest wait between two attempts, in seconds.
const MAX_WAIT: u64 = 6 * 3600;

/// The wait after the first attempt, in seconds. It doubles with each: sixteen attempts take about a day.
const FIRST_WAIT: u64 = 5;

/// Why an event was not put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// No event has this id.
    #[error("no event that was not delivered has this id")]
    Unknown,
    /// The records.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Unknown => {
                Self::new(Code::NotFound).with_detail("No event that was not delivered has this id.")
            }
            WebhookError::Store(error) => error.into(),
        }
    }
}

impl From<Unavailable> for WebhookError {
    fn from(error: Unavailable) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreFault> for WebhookError {
    fn from(_: StoreFault) -> Self {
        Self::Store(StoreError::Stopped)
    }
}

/// What is told of an accepted payment.
pub(crate) struct Accepts<'a> {
    pub(crate) payment: PaymentId,
    pub(crate) request: RequestHash,
    pub(crate) amount: Amount,
    pub(crate) unit: &'a Unit,
    pub(crate) accepted_at: UnixTime,
}

/// An event on its way.
pub(super) struct Parcel {
    pub(super) payment: PaymentId,
    pub(super) body: Vec<u8>,
}

/// What became of one attempt.
pub(super) enum Sent {
    /// The receiver took it.
    Taken,
    /// It did not, and wants to be left alone for so many seconds.
    Failed(WebhookFailure, u64),
}

/// The body, and nothing more.
#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    payment: PaymentId,
    request: RequestHash,
    amount: Amount,
    unit: &'a str,
    exponent: u8,
    accepted_at: UnixTime,
    memo: Option<&'a str>,
}

struct Event {
    number: u64,
    dead: bool,
    attempts: u32,
    recorded_at: UnixTime,
    due: UnixTime,
    failure: Option<WebhookFailure>,
    body: Vec<u8>,
}

/// The event's id: the same however often it is sent.
pub(super) fn event_id(payment: &PaymentId) -> String {
    format!("evt_{}", payment.to_text())
}

/// Writes an event, to be sent at once. `number` is the payment's in the log.
pub(crate) fn add(
    txn: &mut Txn<'_>,
    number: u64,
    accepts: &Accepts<'_>,
    memo: Option<&str>,
    now: UnixTime,
) -> Result<(), StoreFault> {
    let Accepts { payment, request, amount, unit, accepted_at } = *accepts;
    let (unit, exponent) = (unit.code(), unit.exponent());
    let id = event_id(&payment);
    let body = Body { id: &id, kind: "payment.accepted", payment, request, amount, unit, exponent, accepted_at, memo };
    let body = serde_json::to_vec(&body).map_err(|_| StoreFault::TooLarge)?;
    let event = Event { number, dead: false, attempts: 0, recorded_at: now, due: now, failure: None, body };
    put(txn, &payment, &event)
}

/// Events to be sent now, those due first in front; and if there are none, when the next is due.
pub(super) fn due(txn: &Txn<'_>, now: UnixTime, limit: usize) -> Result<(Vec<Parcel>, Option<UnixTime>), StoreFault> {
    let mut found = Vec::new();
    for (entry, id) in txn.scan_prefix(DUE, None, limit)? {
        let at = entry.get(DUE.len()..).and_then(<[u8]>::first_chunk).ok_or(StoreFault::Damaged)?;
        let at = UnixTime::from_seconds(u64::from_be_bytes(*at));
        // Nothing waits longer than this: the clock was set back.
        if at > now && at <= now.plus(MAX_WAIT) {
            let next = found.is_empty().then_some(at);
            return Ok((found, next));
        }
        let payment = PaymentId::from_bytes(id.try_into().map_err(|_| StoreFault::Damaged)?);
        let Event { body, .. } = event(txn, &payment)?.ok_or(StoreFault::Damaged)?;
        found.push(Parcel { payment, body });
    }
    Ok((found, None))
}

/// Writes down what became of an attempt.
pub(super) fn settle(txn: &mut Txn<'_>, payment: &PaymentId, sent: &Sent, now: UnixTime) -> Result<(), StoreFault> {
    // It may have been erased meanwhile.
    let Some(mut event) = event(txn, payment)? else { return Ok(()) };
    match *sent {
        Sent::Taken => erase(txn, payment),
        Sent::Failed(failure, rest) => {
            txn.delete(&due_key(&event))?;
            event.attempts = event.attempts.saturating_add(1);
            event.failure = Some(failure);
            event.dead = event.attempts >= MAX_ATTEMPTS;
            event.due = now.plus(wait(event.attempts).max(rest.min(MAX_WAIT)));
            put(txn, payment, &event)
        }
    }
}

/// Puts an event back in front: one that was put aside begins anew. Returns whether there is one.
pub(crate) fn retry(txn: &mut Txn<'_>, payment: &PaymentId, now: UnixTime) -> Result<bool, StoreFault> {
    let Some(mut event) = event(txn, payment)? else { return Ok(false) };
    txn.delete(&due_key(&event))?;
    (event.dead, event.attempts, event.due) = (false, if event.dead { 0 } else { event.attempts }, now);
    put(txn, payment, &event)?;
    Ok(true)
}

/// Puts those back that were put aside, of the next so many events. Returns how many, and where to go on.
pub(crate) fn retry_dead(
    txn: &mut Txn<'_>,
    after: Option<&PaymentId>,
    limit: usize,
    now: UnixTime,
) -> Result<(u64, Option<PaymentId>), StoreFault> {
    let page = list(txn, after, limit)?;
    let next = if page.len() == limit { page.last().map(|event| event.payment) } else { None };
    let mut retried = 0_u64;
    for event in page.iter().filter(|event| event.state == WebhookState::Dead) {
        retried = retried.saturating_add(u64::from(retry(txn, &event.payment, now)?));
    }
    Ok((retried, next))
}

/// Erases a payment's event, if there is one.
pub(crate) fn erase(txn: &mut Txn<'_>, payment: &PaymentId) -> Result<(), StoreFault> {
    let Some(event) = event(txn, payment)? else { return Ok(()) };
    txn.delete(&due_key(&event))?;
    txn.delete(&key(EVENTS, payment.as_bytes()))
}

/// Events that were not delivered, in the order of their payments' ids.
pub(crate) fn list(txn: &Txn<'_>, after: Option<&PaymentId>, limit: usize) -> Result<Vec<WebhookSummary>, StoreFault> {
    let after = after.map(|id| key(EVENTS, id.as_bytes()));
    let mut found = Vec::new();
    for (entry, _) in txn.scan_prefix(EVENTS, after.as_deref(), limit)? {
        let id = entry.get(EVENTS.len()..).and_then(|id| id.try_into().ok()).ok_or(StoreFault::Damaged)?;
        let payment = PaymentId::from_bytes(id);
        let Event { dead, attempts, recorded_at, due, failure, .. } =
            event(txn, &payment)?.ok_or(StoreFault::Damaged)?;
        found.push(WebhookSummary {
            id: event_id(&payment),
            payment,
            state: if dead { WebhookState::Dead } else { WebhookState::Pending },
            recorded_at,
            attempts,
            next_attempt: (!dead).then_some(due),
            failure,
        });
    }
    Ok(found)
}

fn event(txn: &Txn<'_>, payment: &PaymentId) -> Result<Option<Event>, StoreFault> {
    read(txn, &key(EVENTS, payment.as_bytes()))
}

fn put(txn: &mut Txn<'_>, payment: &PaymentId, event: &Event) -> Result<(), StoreFault> {
    if !event.dead {
        txn.put(&due_key(event), payment.as_bytes())?;
    }
    write(txn, &key(EVENTS, payment.as_bytes()), event)
}

fn due_key(event: &Event) -> Vec<u8> {
    [DUE, &event.due.seconds().to_be_bytes(), &event.number.to_be_bytes()].concat()
}

/// How long to wait after so many attempts, in seconds. A little less for some than for others, so that not all come at once.
fn wait(attempts: u32) -> u64 {
    let doubled = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
    let full = FIRST_WAIT.saturating_mul(doubled).min(MAX_WAIT);
    let [jitter] = crate::random::random::<1>();
    full - full / 4 * u64::from(jitter) / 256
}

impl Encode for Event {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.number);
        out.u8(u8::from(self.dead));
        out.u32(self.attempts);
        out.part(&self.recorded_at);
        out.part(&self.due);
        let (tag, status) = match self.failure {
            None => (0, 0),
            Some(WebhookFailure::NotReached {}) => (1, 0),
            Some(WebhookFailure::NoAnswer {}) => (2, 0),
            Some(WebhookFailure::Refused { status }) => (3, status),
        };
        out.u8(tag);
        out.u32(status.into());
        out.u32(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
        out.bytes(&self.body);
    }
}

impl Decode for Event {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (number, dead, attempts) = (input.u64()?, input.u8()? == 1, input.u32()?);
        let (recorded_at, due) = (input.part()?, input.part()?);
        let (tag, status) = (input.u8()?, u16::try_from(input.u32()?).map_err(|_| DecodeError::OutOfRange)?);
        let failure = match tag {
            0 => None,
            1 => Some(WebhookFailure::NotReached {}),
            2 => Some(WebhookFailure::NoAnswer {}),
            3 => Some(WebhookFailure::Refused { status }),
            _ => return Err(DecodeError::UnknownTag),
        };
        let length = usize::try_from(input.u32()?).map_err(|_| DecodeError::TooLong)?;
        Ok(Self { number, dead, attempts, recorded_at, due, failure, body: input.bytes(length)?.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let mut all = 0;
        for attempts in 1..MAX_ATTEMPTS {
            let full = (FIRST_WAIT << (attempts - 1)).min(MAX_WAIT);
            let wait = wait(attempts);
            assert!(wait <= full && wait > full / 2, "{attempts}: {wait}");
            all += full;
        }
        assert!((12 * 3600..48 * 3600).contains(&all), "{all}");
        assert!(wait(u32::MAX) <= MAX_WAIT && wait(0) > 0);
    }
}
