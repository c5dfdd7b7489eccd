//! Payments (protocol section 5): tokens, for a request, to a payee, under one authorization.

mod authorization;
mod kind;
mod verify;

use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;

use crate::amount::{Amount, Denomination, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::group::Element;
use crate::identity::{MintId, PayeeKey};
use crate::ids::{KeysetId, PaymentId, RequestHash};
use crate::text::TextForm;
use crate::token::{Serial, Token};
use crate::transcript::{Domain, TranscriptExt, label};

pub use authorization::{Authorization, AuthorizeError, Binding, Witness};
pub use kind::PaymentKind;
pub(crate) use verify::Accumulator;
pub use verify::{AuthenticPayment, CheckBinding, PaymentCheck, PaymentError, verify_payment, verify_payments};

/// The most tokens in a payment.
pub const MAX_TOKENS: usize = Denomination::COUNT as usize;

/// A payment without its tokens: who is paid what, by which mint's keyset, for what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PaymentTerms {
    /// Kind.
    pub kind: PaymentKind,
    /// The mint.
    pub mint: MintId,
    /// The keyset of all tokens.
    pub keyset: KeysetId,
    /// Hash of the request that is paid.
    pub request: RequestHash,
    /// Who is paid.
    pub payee: PayeeKey,
    /// How much.
    pub amount: Amount,
}

impl fmt::Debug for PaymentTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentTerms").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A payment: well-formed and canonical, **nothing verified yet**.
///
/// Layout: version ‖ kind ‖ mint (32) ‖ keyset (32) ‖ request hash (32) ‖ payee (32) ‖ amount (8) ‖
/// authorized_at (8) ‖ number of tokens (1) ‖ tokens (129 each) ‖ for kind `locked` E (32 each) ‖ K (32) ‖ s (32).
#[derive(Clone, PartialEq, Eq)]
pub struct Payment {
    terms: PaymentTerms,
    tokens: Vec<Token>,
    /// E of each token of a payment of kind `locked`; empty otherwise.
    ephemerals: Vec<Element>,
    authorized_at: UnixTime,
    authorization: Authorization,
}

impl Payment {
    /// Kind.
    pub fn kind(&self) -> PaymentKind {
        self.terms.kind
    }

    /// The mint.
    pub fn mint(&self) -> &MintId {
        &self.terms.mint
    }

    /// The keyset of all tokens.
    pub fn keyset(&self) -> &KeysetId {
        &self.terms.keyset
    }

    /// Hash of the request that is paid.
    pub fn request(&self) -> &RequestHash {
        &self.terms.request
    }

    /// Who is paid.
    pub fn payee(&self) -> &PayeeKey {
        &self.terms.payee
    }

    /// How much.
    pub fn amount(&self) -> Amount {
        self.terms.amount
    }

    /// When the holder authorized it.
    pub fn authorized_at(&self) -> UnixTime {
        self.authorized_at
    }

    /// The tokens, in canonical order.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// E of each token, for kind `locked`.
    pub fn ephemerals(&self) -> &[Element] {
        &self.ephemerals
    }

    /// The tokens' serials.
    pub fn serials(&self) -> impl Iterator<Item = Serial> + '_ {
        self.tokens.iter().map(|token| Serial::new(self.terms.keyset, token.coin))
    }

    /// The payment's id, which leaves signatures and authorization out.
    pub fn id(&self) -> PaymentId {
        payment_id(&self.terms, &self.tokens)
    }
}

/// payment_id = H(version, kind, mint, keyset id, [(d, P)], request hash, payee, amount).
pub fn payment_id(terms: &PaymentTerms, tokens: &[Token]) -> PaymentId {
    payment_id_of(terms, tokens.iter().map(|token| (token.denomination, *token.coin.as_bytes())))
}

/// The denominations of a payment of this kind and amount with so many tokens, in canonical order; none if there is no
/// such payment. With it a record that kept the amount and the coin keys alone can be held against its payment id.
pub fn canonical_denominations(kind: PaymentKind, amount: Amount, tokens: usize) -> Option<Vec<Denomination>> {
    let digits = amount.digits();
    match (kind, digits.as_slice()) {
        _ if digits.len() == tokens && tokens > 0 => Some(digits),
        // Two of 2^k, to be merged.
        (PaymentKind::Swap, [sum]) if tokens == 2 => {
            let half = sum.exponent().checked_sub(1).and_then(Denomination::new)?;
            Some(alloc::vec![half, half])
        }
        _ => None,
    }
}

/// The same from denominations and encoded coin keys, as a store may have kept them.
pub fn payment_id_of(terms: &PaymentTerms, tokens: impl IntoIterator<Item = (Denomination, [u8; 32])>) -> PaymentId {
    let mut coins = Writer::default();
    for (denomination, coin) in tokens {
        coins.part(&denomination);
        coins.bytes(&coin);
    }
    let mut transcript = Transcript::for_domain(Domain::PaymentId);
    transcript.append_bytes(label::KIND, &[terms.kind.to_byte()]);
    transcript.append_bytes(label::MINT, terms.mint.as_bytes());
    transcript.append_bytes(label::KEYSET, terms.keyset.as_bytes());
    transcript.append_bytes(label::COINS, &coins.finish());
    transcript.append_bytes(label::REQUEST, terms.request.as_bytes());
    transcript.append_bytes(label::PAYEE, terms.payee.as_bytes());
    transcript.append_number(label::AMOUNT, terms.amount.units());
    PaymentId::from_bytes(transcript.draw_bytes(label::OUTPUT))
}

/// Order, shape, repetition and sum, without any cryptography.
fn check_tokens(
    terms: &PaymentTerms,
    tokens: impl Iterator<Item = (Denomination, [u8; 32])> + Clone,
) -> Result<(), DecodeError> {
    let denominations: Vec<Denomination> = tokens.clone().map(|(d, _)| d).collect();
    if denominations.is_empty() {
        return Err(DecodeError::Empty);
    }
    let mut coins: Vec<[u8; 32]> = tokens.clone().map(|(_, coin)| coin).collect();
    coins.sort_unstable();
    if !coins.is_sorted_by(|a, b| a < b) {
        return Err(DecodeError::Repeated);
    }
    let canonical = match terms.kind {
        PaymentKind::Pay | PaymentKind::Locked | PaymentKind::Recoup => denominations.is_sorted_by(|a, b| a < b),
        PaymentKind::Swap => {
            let pairs: Vec<(Denomination, [u8; 32])> = tokens.collect();
            crate::shape::is_swap_input(&denominations) && pairs.is_sorted_by(|a, b| a < b)
        }
    };
    if !canonical {
        return Err(DecodeError::NonCanonicalShape);
    }
    if Amount::checked_sum(denominations.into_iter().map(Denomination::value)) != Some(terms.amount) {
        return Err(DecodeError::AmountMismatch);
    }
    Ok(())
}

/// A token's bytes before any point of it was decompressed.
struct RawToken<'a> {
    denomination: Denomination,
    coin: [u8; 32],
    bytes: &'a [u8],
}

impl<'a> RawToken<'a> {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let bytes = input.bytes(Token::LENGTH)?;
        let mut fields = Reader::new(bytes);
        Ok(Self { denomination: fields.part()?, coin: fields.array()?, bytes })
    }
}

impl Encode for Payment {
    fn encode_to(&self, out: &mut Writer) {
        let terms = &self.terms;
        out.u8(terms.kind.to_byte());
        out.part(&terms.mint);
        out.part(&terms.keyset);
        out.part(&terms.request);
        out.part(&terms.payee);
        out.part(&terms.amount);
        out.part(&self.authorized_at);
        out.u8(u8::try_from(self.tokens.len()).unwrap_or(u8::MAX));
        self.tokens.iter().for_each(|token| out.part(token));
        self.ephemerals.iter().for_each(|ephemeral| out.part(ephemeral));
        out.part(&self.authorization);
    }
}

impl Decode for Payment {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = PaymentKind::from_byte(input.u8()?)?;
        let (mint, keyset, request, payee, amount) =
            (input.part()?, input.part()?, input.part()?, input.part()?, input.part()?);
        let terms = PaymentTerms { kind, mint, keyset, request, payee, amount };
        let authorized_at = input.part()?;
        let count = usize::from(input.u8()?);
        if count > MAX_TOKENS {
            return Err(DecodeError::TooLong);
        }
        let raw = (0..count).map(|_| RawToken::read(input)).collect::<Result<Vec<_>, _>>()?;
        check_tokens(&terms, raw.iter().map(|token| (token.denomination, token.coin)))?;
        let tokens =
            raw.iter().map(|token| Token::decode_from(&mut Reader::new(token.bytes))).collect::<Result<_, _>>()?;
        let ephemerals = match kind {
            PaymentKind::Locked => (0..count).map(|_| input.part()).collect::<Result<_, _>>()?,
            PaymentKind::Pay | PaymentKind::Swap | PaymentKind::Recoup => Vec::new(),
        };
        Ok(Self { terms, tokens, ephemerals, authorized_at, authorization: input.part()? })
    }
}

wire_serde!(Payment);

impl TextForm for Payment {
    const PREFIX: &'static str = "farthingpayment";
}

impl fmt::Debug for Payment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payment").field("kind", &self.terms.kind).finish_non_exhaustive()
    }
}
