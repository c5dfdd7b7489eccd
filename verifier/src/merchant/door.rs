//! What a payment was given in for, and what it is judged against.

use farthing_protocol::amount::Amount;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::ids::HttpBinding;
use farthing_protocol::request::OfferDraft;

/// The door by which a payment came in: what its payer gets for it.
///
/// It is written down before the payment is given to a store, and stays. Whoever comes with the same payment by another door gets
/// nothing for it: one payment buys one thing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The receipt is all.
    Direct,
    /// The answer to one HTTP request.
    Http(HttpBinding),
    /// An x402 server was told, once, that it was settled.
    Facilitator,
}

impl Door {
    /// Its name in figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Http(_) => "http",
            Self::Facilitator => "facilitator",
        }
    }
}

/// What a server demands of payers who put the payment request together themselves. Mint and payee are the merchant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferTerms {
    /// The unit's code; if not given, the one that the merchant is paid in.
    pub asset: Option<String>,
    /// How much.
    pub amount: Amount,
    /// How long a payment is taken after the payer's time, in seconds.
    pub timeout_seconds: u32,
}

impl OfferTerms {
    /// Whether an offer says the same.
    pub(super) fn are_of(&self, offer: &OfferDraft) -> bool {
        let Self { asset, amount, timeout_seconds } = self;
        asset.as_ref().is_none_or(|asset| offer.asset == *asset)
            && offer.amount == *amount
            && offer.timeout_seconds == *timeout_seconds
    }
}

impl Encode for Door {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Direct => out.u8(0),
            Self::Http(binding) => {
                out.u8(1);
                out.part(binding);
            }
            Self::Facilitator => out.u8(2),
        }
    }
}

impl Decode for Door {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Direct),
            1 => input.part().map(Self::Http),
            2 => Ok(Self::Facilitator),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}
