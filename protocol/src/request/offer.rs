//! Offers: what an unchanged x402 server asks, made into a request by the payer.

use alloc::string::String;
use core::fmt;

use merlin::Transcript;

use crate::amount::{Amount, Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, is_plain};
use crate::identity::{MintId, PayeeKey};
use crate::ids::{RequestHash, RequestNonce};
use crate::transcript::{Domain, TranscriptExt, label};

/// An offer whose fields keep their rules: [`OfferDraft::make`] or decoding makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer(OfferDraft);

/// The stable fields of an x402 requirement, with the client's nonce and time. Unsigned: payee, asset, amount
/// and time-out are judged against the server's own requirements, and `resource` is the client's statement.
#[derive(Clone, PartialEq, Eq)]
pub struct OfferDraft {
    /// The mint, which the network names.
    pub mint: MintId,
    /// Who is to be paid.
    pub payee: PayeeKey,
    /// The unit's code: 1 to 16 of `A–Z a–z 0–9 - _`.
    pub asset: String,
    /// How much; not zero.
    pub amount: Amount,
    /// What the client says it pays for, at most 2048 bytes.
    pub resource: String,
    /// The client's nonce.
    pub nonce: RequestNonce,
    /// The client's time.
    pub offered_at: UnixTime,
    /// How long the server accepts a payment, in seconds.
    pub timeout_seconds: u32,
}

impl OfferDraft {
    /// The longest resource, in bytes.
    pub const MAX_RESOURCE: usize = 2048;

    /// Checks the fields.
    ///
    /// # Errors
    /// A [`DecodeError`] that says which rule a field breaks.
    pub fn make(self) -> Result<Offer, DecodeError> {
        Unit::new(&self.asset, 0)?;
        if self.resource.len() > Self::MAX_RESOURCE {
            return Err(DecodeError::TooLong);
        }
        if !is_plain(&self.resource) {
            return Err(DecodeError::NonCanonicalText);
        }
        if self.amount.is_zero() { Err(DecodeError::OutOfRange) } else { Ok(Offer(self)) }
    }
}

impl Offer {
    /// The fields.
    pub fn draft(&self) -> &OfferDraft {
        &self.0
    }

    /// The hash that a payment names.
    pub fn hash(&self) -> RequestHash {
        let mut body = Writer::default();
        self.encode_to(&mut body);
        let mut transcript = Transcript::for_domain(Domain::Offer);
        transcript.append_bytes(label::REQUEST_BODY, &body.finish());
        RequestHash::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }

    /// Before when it must be paid.
    pub fn expires_at(&self) -> UnixTime {
        self.0.offered_at.plus(u64::from(self.0.timeout_seconds))
    }
}

impl Encode for Offer {
    fn encode_to(&self, out: &mut Writer) {
        let OfferDraft { mint, payee, asset, amount, resource, nonce, offered_at, timeout_seconds } = &self.0;
        out.part(mint);
        out.part(payee);
        out.text(asset);
        out.part(amount);
        out.text(resource);
        out.part(nonce);
        out.part(offered_at);
        out.u32(*timeout_seconds);
    }
}

impl Decode for Offer {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let draft = OfferDraft {
            mint: input.part()?,
            payee: input.part()?,
            asset: input.text(Unit::MAX_CODE)?.into(),
            amount: input.part()?,
            resource: input.text(OfferDraft::MAX_RESOURCE)?.into(),
            nonce: input.part()?,
            offered_at: input.part()?,
            timeout_seconds: input.u32()?,
        };
        draft.make()
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offer(<redacted>)")
    }
}

impl fmt::Debug for OfferDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfferDraft(<redacted>)")
    }
}
