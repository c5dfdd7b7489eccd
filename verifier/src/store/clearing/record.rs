//! The own record of what was sent to the mint.

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::codec::{DecodeError, Reader, Wire, Writer};
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{Claim, KeysetId, PaymentId, RequestHash};
use farthing_protocol::payment::Payment;

use super::credited::{self, Credited};
use crate::check::VerifiedPayment;
use crate::store::AcceptedPayment;

const FORMAT: u8 = 1;
const RECORDS: &[u8] = b"clear/record/";
/// The payment's bytes, as long as its outcome is not known, or it is kept because it was credited.
pub(super) const PAYMENTS: &[u8] = b"clear/payment/";
/// The keys are the list of what is open. The value is until when the keyset can be deposited.
const OPEN: &[u8] = b"clear/open/";
/// Payments that somebody else had accepted, by time: they are nobody's to forget but this store's.
const ELSEWHERE: &[u8] = b"clear/elsewhere/";

/// What is known of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It may have been sent.
    Pending,
    /// The mint accepted it with this record's claim.
    Accepted { at: UnixTime },
    /// The mint had accepted it with another claim.
    Elsewhere { at: UnixTime },
}

/// A payment's record.
pub(super) struct Record {
    pub(super) state: State,
    pub(super) claim: Claim,
    keyset: KeysetId,
    payee: PayeeKey,
    amount: Amount,
    request: RequestHash,
}

/// What is to be sent.
pub(super) struct Begun {
    pub(super) payment: Payment,
    pub(super) claim: Claim,
    /// Whether it was written down just now, so that it cannot have been sent before.
    pub(super) fresh: bool,
}

impl Record {
    pub(super) fn accepted(&self, payment: &PaymentId) -> Option<AcceptedPayment> {
        let State::Accepted { at } = self.state else { return None };
        Some(AcceptedPayment {
            payment: *payment,
            keyset: self.keyset,
            payee: self.payee,
            amount: self.amount,
            request: self.request,
            accepted_at: at,
            claim: self.claim,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let (tag, at) = match self.state {
            State::Pending => (0, UnixTime::default()),
            State::Accepted { at } => (1, at),
            State::Elsewhere { at } => (2, at),
        };
        let mut out = Writer::default();
        out.u8(FORMAT);
        out.u8(tag);
        out.part(&at);
        out.part(&self.claim);
        out.part(&self.keyset);
        out.part(&self.payee);
        out.part(&self.amount);
        out.part(&self.request);
        out.finish()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        if input.u8()? != FORMAT {
            return Err(DecodeError::UnsupportedVersion);
        }
        let (tag, at) = (input.u8()?, input.part()?);
        let state = match tag {
            0 => State::Pending,
            1 => State::Accepted { at },
            2 => State::Elsewhere { at },
            _ => return Err(DecodeError::UnknownTag),
        };
        let (claim, keyset, payee) = (input.part()?, input.part()?, input.part()?);
        let record = Self { state, claim, keyset, payee, amount: input.part()?, request: input.part()? };
        input.finish()?;
        Ok(record)
    }
}

pub(super) fn read(txn: &Txn<'_>, id: &PaymentId) -> Result<Option<Record>, StoreFault> {
    match txn.get(&key(RECORDS, id))? {
        None => Ok(None),
        Some(bytes) => Record::from_bytes(&bytes).map(Some).map_err(|_| StoreFault::Damaged),
    }
}

/// What was written down to be sent, if the outcome is not known.
pub(super) fn pending(txn: &Txn<'_>, id: &PaymentId) -> Result<Option<Begun>, StoreFault> {
    let Some(Record { state: State::Pending, claim, .. }) = read(txn, id)? else { return Ok(None) };
    let bytes = txn.get_large(&key(PAYMENTS, id))?.ok_or(StoreFault::Damaged)?;
    let payment = Payment::from_bytes(&bytes).map_err(|_| StoreFault::Damaged)?;
    Ok(Some(Begun { payment, claim, fresh: false }))
}

/// Writes a payment and a claim down before they are sent for the first time.
pub(super) fn begin(txn: &mut Txn<'_>, payment: &VerifiedPayment, claim: &Claim) -> Result<Begun, StoreFault> {
    let (id, inner) = (payment.id(), payment.payment());
    let record = Record {
        state: State::Pending,
        claim: *claim,
        keyset: *inner.keyset(),
        payee: *inner.payee(),
        amount: inner.amount(),
        request: *inner.request(),
    };
    txn.put(&key(RECORDS, id), &record.to_bytes())?;
    txn.put_large(&key(PAYMENTS, id), &inner.to_bytes())?;
    txn.put(&key(OPEN, id), &payment.keyset().terms().deposit_until.seconds().to_be_bytes())?;
    Ok(Begun { payment: inner.clone(), claim: *claim, fresh: true })
}

pub(super) fn settle(txn: &mut Txn<'_>, id: &PaymentId, state: State) -> Result<(), StoreFault> {
    let record = read(txn, id)?.ok_or(StoreFault::Damaged)?;
    // What a version began that did not note the time is not kept.
    let until = txn.get(&key(OPEN, id))?.and_then(|until| until.try_into().ok()).map(u64::from_be_bytes);
    if let (State::Accepted { at } | State::Elsewhere { at }, Some(until)) = (state, until) {
        let (keyset, until) = (record.keyset, UnixTime::from_seconds(until));
        credited::keep(txn, id, Credited { at, keyset, until, locked: None })?;
    }
    if let State::Elsewhere { at } = state {
        txn.put(&[ELSEWHERE, &at.seconds().to_be_bytes(), id.as_bytes()].concat(), &[])?;
    }
    txn.put(&key(RECORDS, id), &Record { state, ..record }.to_bytes())?;
    close(txn, id)
}

pub(super) fn forget(txn: &mut Txn<'_>, id: &PaymentId) -> Result<(), StoreFault> {
    txn.delete(&key(RECORDS, id))?;
    close(txn, id)
}

/// Whether a payment was written down to be sent, and is not forgotten.
pub(crate) fn was_begun(txn: &Txn<'_>, id: &PaymentId) -> Result<bool, StoreFault> {
    Ok(read(txn, id)?.is_some())
}

/// Forgets a payment whose outcome is known and was taken note of, but for what was credited. The mint knows it, whoever asks again.
pub(crate) fn forget_settled(txn: &mut Txn<'_>, id: &PaymentId) -> Result<(), StoreFault> {
    match read(txn, id)? {
        None | Some(Record { state: State::Pending, .. }) => Ok(()),
        Some(_) => txn.delete(&key(RECORDS, id)),
    }
}

/// Forgets payments that somebody else had accepted before a time, at most so many, and says whether there may be more.
pub(super) fn forget_elsewhere(txn: &mut Txn<'_>, before: UnixTime, at_most: usize) -> Result<bool, StoreFault> {
    let found = txn.scan_prefix(ELSEWHERE, None, at_most)?;
    let count = found.len();
    for (entry, _) in found {
        let (at, id) = entry.get(ELSEWHERE.len()..).and_then(<[u8]>::split_first_chunk).ok_or(StoreFault::Damaged)?;
        if UnixTime::from_seconds(u64::from_be_bytes(*at)) >= before {
            return Ok(false);
        }
        let id = PaymentId::from_bytes(id.try_into().map_err(|_| StoreFault::Damaged)?);
        forget_settled(txn, &id)?;
        credited::forget_credited(txn, &id)?;
        txn.delete(&entry)?;
    }
    Ok(count == at_most)
}

/// Payments whose outcome is not known, in the order of their ids.
pub(super) fn open_after(txn: &Txn<'_>, after: Option<&PaymentId>, limit: usize) -> Result<Vec<PaymentId>, StoreFault> {
    let after = after.map(|id| key(OPEN, id));
    let found = txn.scan_prefix(OPEN, after.as_deref(), limit)?;
    let id = |key: Vec<u8>| key.get(OPEN.len()..).and_then(|id| id.try_into().ok()).map(PaymentId::from_bytes);
    found.into_iter().map(|(key, _)| id(key).ok_or(StoreFault::Damaged)).collect()
}

fn close(txn: &mut Txn<'_>, id: &PaymentId) -> Result<(), StoreFault> {
    if !credited::is_kept(txn, id)? {
        txn.delete_large(&key(PAYMENTS, id))?;
    }
    txn.delete(&key(OPEN, id))
}

pub(super) fn key(prefix: &[u8], id: &PaymentId) -> Vec<u8> {
    [prefix, id.as_bytes()].concat()
}
