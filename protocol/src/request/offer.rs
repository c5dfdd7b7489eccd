//! Offers: what an unchanged x402 server asks, made into a request by the payer.

use alloc::string::String;
use core::fmt;

use merlin::Transcript;

use crate::amount::{Amount, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::identity::{MintId, PayeeKey};
use crate::ids::{RequestHash, RequestNonce};
use crate::transcript::{Domain, TranscriptExt, label};

/// The stable fields of an x402 requirement, with the client's nonce and time. Unsigned: payee, asset, amount
/// and time-out are judged against the server's own requirements, and `resource` is the client's statement.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// The mint, which the network names.
    pub mint: MintId,
    /// Who is to be paid.
    pub payee: PayeeKey,
    /// The unit's code, at most 16 bytes.
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

impl Offer {
    /// The longest resource, in bytes.
    pub const MAX_RESOURCE: usize = 2048;

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
        self.offered_at.plus(u64::from(self.timeout_seconds))
    }
}

impl Encode for Offer {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.payee);
        out.text(&self.asset);
        out.part(&self.amount);
        out.text(&self.resource);
        out.part(&self.nonce);
        out.part(&self.offered_at);
        out.u32(self.timeout_seconds);
    }
}

impl Decode for Offer {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offer = Self {
            mint: input.part()?,
            payee: input.part()?,
            asset: input.text(crate::amount::Unit::MAX_CODE)?.into(),
            amount: input.part()?,
            resource: input.text(Self::MAX_RESOURCE)?.into(),
            nonce: input.part()?,
            offered_at: input.part()?,
            timeout_seconds: input.u32()?,
        };
        if offer.amount.is_zero() { Err(DecodeError::OutOfRange) } else { Ok(offer) }
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offer(<redacted>)")
    }
}
