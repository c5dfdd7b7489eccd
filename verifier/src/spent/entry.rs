//! Bytes of an accepted payment and of a keyset's row.

use farthing_durable::{Partition, StoreFault};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{DecodeError, Reader, Writer};
use farthing_protocol::ids::{Claim, PaymentId};
use farthing_protocol::payment::PaymentKind;

use crate::check::VerifiedPayment;
use crate::store::AcceptedPayment;

/// Layout of this version's entries: format ‖ kind ‖ payment id ‖ keyset ‖ payee ‖ amount ‖ accepted_at ‖ claim ‖
/// request ‖ number of serials (1) ‖ P (32 each).
const FORMAT: u8 = 1;
const ID: usize = 2;
const HEAD: usize = ID + 32 + 32 + 32 + 8 + 8 + 32 + 32 + 1;

const BY_PAYMENT: u8 = 0;
const BY_SERIAL: u8 = 1;

/// A keyset's row.
pub(super) struct Row {
    pub(super) partition: Partition,
    pub(super) deposit_until: UnixTime,
}

impl Row {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u32(self.partition.0);
        out.part(&self.deposit_until);
        out.finish()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreFault> {
        let read = || {
            let mut input = Reader::new(bytes);
            let row = Self { partition: Partition(input.u32()?), deposit_until: input.part()? };
            input.finish()?;
            Ok::<_, DecodeError>(row)
        };
        read().map_err(|_| StoreFault::Damaged)
    }
}

pub(super) fn payment_key(payment: &PaymentId) -> [u8; 33] {
    tagged(BY_PAYMENT, payment.as_bytes())
}

/// Within a partition all serials are of one keyset, so P alone is the key.
pub(super) fn serial_key(coin: &[u8; 32]) -> [u8; 33] {
    tagged(BY_SERIAL, coin)
}

pub(super) fn encode(payment: &VerifiedPayment, claim: &Claim, accepted_at: UnixTime) -> Vec<u8> {
    let inner = payment.payment();
    let mut out = Writer::default();
    out.u8(FORMAT);
    out.u8(inner.kind().to_byte());
    out.part(payment.id());
    out.part(inner.keyset());
    out.part(inner.payee());
    out.part(&inner.amount());
    out.part(&accepted_at);
    out.part(claim);
    out.part(inner.request());
    out.u8(u8::try_from(inner.tokens().len()).unwrap_or(u8::MAX));
    for token in inner.tokens() {
        out.bytes(token.coin.as_bytes());
    }
    out.finish()
}

/// Reads everything but the serials.
pub(super) fn decode(bytes: &[u8]) -> Result<AcceptedPayment, DecodeError> {
    decode_with_kind(bytes).map(|(_, payment)| payment)
}

/// The same, with the payment's kind.
pub(super) fn decode_with_kind(bytes: &[u8]) -> Result<(PaymentKind, AcceptedPayment), DecodeError> {
    let mut input = Reader::new(bytes);
    if input.u8()? != FORMAT {
        return Err(DecodeError::UnsupportedVersion);
    }
    let kind = PaymentKind::from_byte(input.u8()?)?;
    let (payment, keyset, payee, amount) = (input.part()?, input.part()?, input.part()?, input.part()?);
    let (accepted_at, claim, request) = (input.part()?, input.part()?, input.part()?);
    if usize::from(input.u8()?) * 32 != input.remaining() {
        return Err(DecodeError::Truncated);
    }
    Ok((kind, AcceptedPayment { payment, keyset, payee, amount, request, accepted_at, claim }))
}

/// An entry's serials: the coin keys P, in the payment's order.
pub(super) fn coins(entry: &[u8]) -> &[[u8; 32]] {
    entry.get(HEAD..).unwrap_or_default().as_chunks::<32>().0
}

/// Names an entry's keys: its payment id and each serial.
pub(super) fn keys(entry: &[u8], emit: &mut dyn FnMut(&[u8])) {
    if let Some(id) = entry.get(ID..).and_then(|rest| rest.first_chunk()) {
        emit(&tagged(BY_PAYMENT, id));
    }
    for coin in coins(entry) {
        emit(&tagged(BY_SERIAL, coin));
    }
}

fn tagged(tag: u8, bytes: &[u8; 32]) -> [u8; 33] {
    let mut key = [tag; 33];
    if let Some((_, rest)) = key.split_first_mut() {
        rest.copy_from_slice(bytes);
    }
    key
}
