//! What the mint credited, kept whole as long as its keyset can be deposited: a mint whose ledger is put back from a copy has forgotten it, and
//! is then shown it.
//!
//! The payment's bytes stay where they lay when it was sent.
//!
//! | key | value |
//! |---|---|
//! | `credited/payment/` ‖ payment id | when, of which keyset, and of which locked payment |
//! | `credited/at/` ‖ time ‖ payment id | nothing: the order in which they are dropped |

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{DecodeError, Reader, Wire, Writer};
use farthing_protocol::ids::{KeysetId, PaymentId};
use farthing_protocol::payment::Payment;

use super::record::{PAYMENTS, key};

const FORMAT: u8 = 1;
const CREDITED: &[u8] = b"credited/payment/";
const BY_TIME: &[u8] = b"credited/at/";

/// So long after a keyset's end a mint may still take claims on its tokens, in seconds: 30 days.
const CLAIMS: u64 = 30 * 86_400;

/// What is known of a credited payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credited {
    /// When, by the mint's clock.
    pub(crate) at: UnixTime,
    pub(crate) keyset: KeysetId,
    /// Until when the keyset can be deposited.
    pub(crate) until: UnixTime,
    /// If it redeems a locked payment, that.
    pub(crate) locked: Option<PaymentId>,
}

impl Credited {
    fn to_bytes(self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(FORMAT);
        out.part(&self.at);
        out.part(&self.keyset);
        out.part(&self.until);
        out.optional(self.locked.as_ref());
        out.finish()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        if input.u8()? != FORMAT {
            return Err(DecodeError::UnsupportedVersion);
        }
        let credited =
            Self { at: input.part()?, keyset: input.part()?, until: input.part()?, locked: input.optional()? };
        input.finish()?;
        Ok(credited)
    }
}

/// Keeps a payment whose bytes lie there. What was known of its locked payment stays.
pub(super) fn keep(txn: &mut Txn<'_>, id: &PaymentId, credited: Credited) -> Result<(), StoreFault> {
    if read(txn, id)?.is_some() {
        return Ok(());
    }
    txn.put(&key(CREDITED, id), &credited.to_bytes())?;
    txn.put(&by_time(credited.at, id), &[])
}

pub(super) fn is_kept(txn: &Txn<'_>, id: &PaymentId) -> Result<bool, StoreFault> {
    Ok(read(txn, id)?.is_some())
}

/// Notes which locked payment a credited one redeems.
pub(crate) fn note_locked(txn: &mut Txn<'_>, id: &PaymentId, locked: PaymentId) -> Result<(), StoreFault> {
    match read(txn, id)? {
        Some(credited) => txn.put(&key(CREDITED, id), &Credited { locked: Some(locked), ..credited }.to_bytes()),
        None => Ok(()),
    }
}

/// Forgets a credited payment, if it is kept.
pub(crate) fn forget_credited(txn: &mut Txn<'_>, id: &PaymentId) -> Result<(), StoreFault> {
    let Some(credited) = read(txn, id)? else { return Ok(()) };
    txn.delete(&by_time(credited.at, id))?;
    txn.delete(&key(CREDITED, id))?;
    txn.delete_large(&key(PAYMENTS, id))
}

/// What a credited payment that is no longer kept is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Old {
    /// It was credited before this time.
    Before(UnixTime),
    /// No claim on its tokens is taken any more at this time.
    Ended(UnixTime),
}

/// Forgets the oldest ones, at most so many, as long as they are old. Says whether there may be more.
///
/// It stops at the first that is not: one of a keyset that ended earlier and was paid later stays until then.
pub(crate) fn forget_old(txn: &mut Txn<'_>, old: Old, at_most: usize) -> Result<bool, StoreFault> {
    let found = txn.scan_prefix(BY_TIME, None, at_most)?;
    let count = found.len();
    for (entry, _) in found {
        let id = entry.get(BY_TIME.len().saturating_add(8)..).and_then(|id| id.try_into().ok());
        let id = PaymentId::from_bytes(id.ok_or(StoreFault::Damaged)?);
        let credited = read(txn, &id)?.ok_or(StoreFault::Damaged)?;
        let is_old = match old {
            Old::Before(time) => credited.at < time,
            Old::Ended(now) => credited.until.plus(CLAIMS) <= now,
        };
        if !is_old {
            return Ok(false);
        }
        forget_credited(txn, &id)?;
    }
    Ok(count == at_most)
}

/// Credited payments in the order of their ids, at most so many, behind one.
pub(crate) fn credited_after(
    txn: &Txn<'_>,
    after: Option<&PaymentId>,
    limit: usize,
) -> Result<Vec<(PaymentId, Credited)>, StoreFault> {
    let after = after.map(|id| key(CREDITED, id));
    let rows = txn.scan_prefix(CREDITED, after.as_deref(), limit)?;
    let row = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let id = key.get(CREDITED.len()..).and_then(|id| id.try_into().ok()).map(PaymentId::from_bytes);
        let credited = Credited::from_bytes(value).map_err(|_| StoreFault::Damaged)?;
        Ok((id.ok_or(StoreFault::Damaged)?, credited))
    };
    rows.iter().map(row).collect()
}

/// A credited payment, whole.
pub(crate) fn credited_payment(txn: &Txn<'_>, id: &PaymentId) -> Result<Payment, StoreFault> {
    let bytes = txn.get_large(&key(PAYMENTS, id))?.ok_or(StoreFault::Damaged)?;
    Payment::from_bytes(&bytes).map_err(|_| StoreFault::Damaged)
}

fn read(txn: &Txn<'_>, id: &PaymentId) -> Result<Option<Credited>, StoreFault> {
    let bytes = txn.get(&key(CREDITED, id))?;
    bytes.map(|bytes| Credited::from_bytes(&bytes).map_err(|_| StoreFault::Damaged)).transpose()
}

fn by_time(at: UnixTime, id: &PaymentId) -> Vec<u8> {
    [BY_TIME, &at.seconds().to_be_bytes(), id.as_bytes()].concat()
}
