//! Refunds: what was paid back of an accepted payment.
//!
//! | key | value |
//! |---|---|
//! | `shop/refund/` ‖ payment id ‖ request hash | how much of it is paid back to this transfer request, from which wallet, and how far that is |
//! | `shop/refunded/` ‖ request hash | the payment that is paid back to it |
//!
//! A refund is on record before the wallet begins, so that no more goes back than was paid, whatever dies in between. The wallet
//! answers a transfer request once; begun again with the same request, a refund goes on.

use farthing_durable::{StoreFault, Txn, Unavailable};
use farthing_http::problem::{Code, Problem};
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{RefundAnswer, RefundRequest, RefundState};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::{PaymentId, RequestHash};

use super::Books;
use super::record::{self, Accepted, key, read, write};
use crate::store::StoreError;

const REFUNDS: &[u8] = b"shop/refund/";
const REFUNDED: &[u8] = b"shop/refunded/";

/// The most refunds of one payment.
const MOST: usize = 64;

/// Why a refund is not on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefundError {
    /// No accepted payment has this id.
    #[error("no accepted payment has this id")]
    UnknownPayment,
    /// The request is not signed by who asks.
    #[error("the transfer request is not signed by who asks")]
    InvalidSignature,
    /// The request asks for another unit.
    #[error("the transfer request asks for another unit than was paid")]
    WrongUnit,
    /// More would be paid back than was paid, or in more than 64 refunds.
    #[error("more would be paid back than was paid")]
    TooMuch,
    /// The request has expired.
    #[error("the transfer request has expired")]
    Expired,
    /// The request was used to pay another payment back.
    #[error("another payment is paid back to this transfer request")]
    RequestTaken,
    /// It was begun from another wallet, which may be paying it.
    #[error("the refund was begun from another wallet")]
    OtherWallet,
    /// There is no such refund that is under way.
    #[error("there is no such refund that is under way")]
    NotBegun,
    /// The records.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::UnknownPayment => Self::new(Code::NotFound).with_detail("No accepted payment has this id."),
            RefundError::InvalidSignature => Self::new(Code::InvalidSignature),
            RefundError::WrongUnit => {
                Self::new(Code::WrongRequest).with_detail("The transfer request asks for another unit than was paid.")
            }
            RefundError::TooMuch => {
                Self::new(Code::AmountOutOfRange).with_detail("More would be paid back than was paid.")
            }
            RefundError::Expired => Self::new(Code::RequestExpired),
            RefundError::RequestTaken => {
                Self::new(Code::RequestTaken).with_detail("Another payment is paid back to this transfer request.")
            }
            RefundError::OtherWallet => {
                Self::new(Code::RequestTaken).with_detail("The refund was begun from another wallet.")
            }
            RefundError::NotBegun => {
                Self::new(Code::UnknownRequest).with_detail("There is no such refund that is under way.")
            }
            RefundError::Store(error) => error.into(),
        }
    }
}

impl From<Unavailable> for RefundError {
    fn from(error: Unavailable) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreFault> for RefundError {
    fn from(_: StoreFault) -> Self {
        Self::Store(StoreError::Stopped)
    }
}

#[derive(Clone, Copy)]
struct Refund {
    amount: Amount,
    by: AccountKey,
    at: UnixTime,
    done: bool,
}

impl Books {
    /// Puts a refund on record, before the wallet that is to pay it begins. The same one again goes on.
    ///
    /// # Errors
    /// A [`RefundError`]: then nothing MUST be paid.
    pub async fn begin_refund(&self, refund: RefundRequest, now: UnixTime) -> Result<RefundAnswer, RefundError> {
        refund.request.verify().map_err(|_| RefundError::InvalidSignature)?;
        self.engine().submit(move |txn| begin(txn, &refund, now)).await?
    }

    /// Says of a refund that the wallet has paid it; or that it has not begun and will not, and the refund is off the record.
    ///
    /// # Errors
    /// [`RefundError::NotBegun`] when there is no such refund, or it was paid and is to be taken off.
    pub async fn end_refund(
        &self,
        payment: PaymentId,
        request: RequestHash,
        paid: bool,
    ) -> Result<RefundAnswer, RefundError> {
        self.engine().submit(move |txn| end(txn, &payment, &request, paid)).await?
    }
}

fn begin(txn: &mut Txn<'_>, asked: &RefundRequest, now: UnixTime) -> Result<RefundAnswer, RefundError> {
    let RefundRequest { payment, request, by } = asked;
    let (hash, draft) = (request.hash(), request.draft());
    let Accepted { draft: paid, unit, .. } = record::accepted(txn, payment)?.ok_or(RefundError::UnknownPayment)?;
    let other = txn.get(&key(REFUNDED, hash.as_bytes()))?;
    if other.is_some_and(|other| other != payment.as_bytes()) {
        return Err(RefundError::RequestTaken);
    }
    let place = refund_key(payment, &hash);
    if let Some(known) = read::<Refund>(txn, &place)? {
        return if known.by == *by || known.done { Ok(known.answer()) } else { Err(RefundError::OtherWallet) };
    }
    if draft.unit != unit {
        return Err(RefundError::WrongUnit);
    }
    if now >= draft.expires_at {
        return Err(RefundError::Expired);
    }
    let (sum, count) = sum_of(txn, payment)?;
    let sum = sum.checked_add(draft.amount).ok_or(RefundError::TooMuch)?;
    if sum > paid.amount || count >= MOST {
        return Err(RefundError::TooMuch);
    }
    let refund = Refund { amount: draft.amount, by: *by, at: now, done: false };
    write(txn, &place, &refund)?;
    txn.put(&key(REFUNDED, hash.as_bytes()), payment.as_bytes())?;
    Ok(refund.answer())
}

fn end(txn: &mut Txn<'_>, payment: &PaymentId, request: &RequestHash, paid: bool) -> Result<RefundAnswer, RefundError> {
    let place = refund_key(payment, request);
    let mut refund: Refund = read(txn, &place)?.ok_or(RefundError::NotBegun)?;
    match (refund.done, paid) {
        (true, true) => {}
        (true, false) => return Err(RefundError::NotBegun),
        (false, true) => {
            refund.done = true;
            write(txn, &place, &refund)?;
        }
        (false, false) => {
            txn.delete(&place)?;
            txn.delete(&key(REFUNDED, request.as_bytes()))?;
        }
    }
    Ok(refund.answer())
}

/// How much of a payment was paid back, or is being paid back.
pub(super) fn refunded(txn: &Txn<'_>, payment: &PaymentId) -> Result<Amount, StoreFault> {
    Ok(sum_of(txn, payment)?.0)
}

/// The same, and in how many refunds.
fn sum_of(txn: &Txn<'_>, payment: &PaymentId) -> Result<(Amount, usize), StoreFault> {
    let rows = txn.scan_prefix(&key(REFUNDS, payment.as_bytes()), None, MOST)?;
    let mut sum = Amount::ZERO;
    for (place, _) in &rows {
        let refund: Refund = read(txn, place)?.ok_or(StoreFault::Damaged)?;
        sum = sum.checked_add(refund.amount).ok_or(StoreFault::Damaged)?;
    }
    Ok((sum, rows.len()))
}

/// Whether a refund was begun that has no end yet: a wallet may be paying it.
pub(super) fn is_open(txn: &Txn<'_>, payment: &PaymentId) -> Result<bool, StoreFault> {
    for (place, _) in txn.scan_prefix(&key(REFUNDS, payment.as_bytes()), None, MOST)? {
        let refund: Refund = read(txn, &place)?.ok_or(StoreFault::Damaged)?;
        if !refund.done {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Erases what is known of a payment's refunds, but for the requests that they answered: none answers for another payment.
pub(super) fn erase(txn: &mut Txn<'_>, payment: &PaymentId) -> Result<(), StoreFault> {
    let prefix = key(REFUNDS, payment.as_bytes());
    for (place, _) in txn.scan_prefix(&prefix, None, MOST)? {
        if let Some(request) = place.get(prefix.len()..) {
            txn.put(&key(REFUNDED, request), &[])?;
        }
        txn.delete(&place)?;
    }
    Ok(())
}

fn refund_key(payment: &PaymentId, request: &RequestHash) -> Vec<u8> {
    [REFUNDS, payment.as_bytes(), request.as_bytes()].concat()
}

impl Refund {
    fn answer(&self) -> RefundAnswer {
        let state = if self.done { RefundState::Paid } else { RefundState::Begun };
        RefundAnswer { amount: self.amount, begun_at: self.at, state }
    }
}

impl Encode for Refund {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.amount);
        out.part(&self.by);
        out.part(&self.at);
        out.u8(u8::from(self.done));
    }
}

impl Decode for Refund {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { amount: input.part()?, by: input.part()?, at: input.part()?, done: input.u8()? == 1 })
    }
}
