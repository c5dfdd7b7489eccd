//! Requests for payment (protocol section 5): a signed invoice, or an offer that needs no signature.

mod invoice;
mod offer;
mod transfer;

use crate::amount::{Amount, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::PayeeKey;
use crate::ids::RequestHash;

pub use invoice::{AcceptedMint, Invoice, InvoiceDraft};
pub use offer::{Offer, OfferDraft};
pub use transfer::{TransferDraft, TransferRequest};

/// The most mints that a request names.
const MAX_MINTS: usize = 16;

/// Requires 1 to 16 mints, strictly ascending.
fn check_mints(mints: &[AcceptedMint]) -> Result<(), DecodeError> {
    match mints.len() {
        0 => Err(DecodeError::Empty),
        n if n > MAX_MINTS => Err(DecodeError::TooLong),
        _ if !mints.is_sorted_by(|a, b| a.mint < b.mint) => Err(DecodeError::NonCanonicalShape),
        _ => Ok(()),
    }
}

/// What a payment answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentRequest {
    /// Signed by the payee.
    Invoice(Invoice),
    /// Put together by the payer from what an unchanged x402 server says.
    Offer(Offer),
}

impl PaymentRequest {
    /// The hash that the payment names.
    pub fn hash(&self) -> RequestHash {
        match self {
            Self::Invoice(invoice) => invoice.hash(),
            Self::Offer(offer) => offer.hash(),
        }
    }

    /// Who is to be paid.
    pub fn payee(&self) -> &PayeeKey {
        match self {
            Self::Invoice(invoice) => &invoice.draft().payee,
            Self::Offer(offer) => &offer.draft().payee,
        }
    }

    /// How much.
    pub fn amount(&self) -> Amount {
        match self {
            Self::Invoice(invoice) => invoice.draft().amount,
            Self::Offer(offer) => offer.draft().amount,
        }
    }

    /// Before when it must be paid.
    pub fn expires_at(&self) -> UnixTime {
        match self {
            Self::Invoice(invoice) => invoice.draft().expires_at,
            Self::Offer(offer) => offer.expires_at(),
        }
    }
}

impl Encode for PaymentRequest {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Invoice(invoice) => {
                out.u8(1);
                out.part(invoice);
            }
            Self::Offer(offer) => {
                out.u8(2);
                out.part(offer);
            }
        }
    }
}

impl Decode for PaymentRequest {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => input.part().map(Self::Invoice),
            2 => input.part().map(Self::Offer),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

wire_serde!(PaymentRequest);
