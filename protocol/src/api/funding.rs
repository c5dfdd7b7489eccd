//! Asking a mint how an account is to be paid money into.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;
use serde::{Deserialize, Serialize};

use crate::amount::{Amount, Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, malformed, wire_serde};
use crate::identity::{AccountKey, InvalidSignature, Keypair, MintId, Signature};
use crate::ids::OperationId;
use crate::transcript::{Domain, TranscriptExt, label};

/// The name of a quote: what whoever pays writes on his payment.
///
/// As text `FQ` and 16 characters of A–Z and 2–7 (RFC 4648 section 6): short enough for a bank's reference line, and without
/// characters that look like others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuoteId([u8; Self::LENGTH]);

impl QuoteId {
    /// Its length, in bytes.
    pub const LENGTH: usize = 10;
    const PREFIX: &'static str = "FQ";

    /// An id of these bytes, which MUST be random.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The text.
    pub fn to_text(&self) -> String {
        format!("{}{}", Self::PREFIX, data_encoding::BASE32_NOPAD.encode(&self.0))
    }

    /// Reads the text as people and banks write it: in upper or lower case, with blanks or hyphens in it.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalText`].
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        let written: Vec<u8> =
            text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')).map(|byte| byte.to_ascii_uppercase()).collect();
        let encoded = written.strip_prefix(Self::PREFIX.as_bytes()).ok_or(DecodeError::NonCanonicalText)?;
        let bytes = data_encoding::BASE32_NOPAD.decode(encoded).map_err(|_| DecodeError::NonCanonicalText)?;
        bytes.try_into().map(Self).map_err(|_| DecodeError::NonCanonicalText)
    }
}

impl Encode for QuoteId {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for QuoteId {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

impl Serialize for QuoteId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for QuoteId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Self::from_text(&text) {
            Ok(id) if id.to_text() == text => Ok(id),
            _ => Err(malformed(DecodeError::NonCanonicalText)),
        }
    }
}

/// It leads from an account to a payment outside.
impl fmt::Debug for QuoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuoteId(<redacted>)")
    }
}

/// Everything of a quote request but the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct QuoteDraft {
    /// The account that is to be credited; signs the request.
    pub account: AccountKey,
    /// The mint that is asked.
    pub mint: MintId,
    /// Random. With the same one the quote is the same.
    pub operation: OperationId,
    /// How much its owner means to pay, not zero.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// When it was asked for.
    pub requested_at: UnixTime,
}

impl QuoteDraft {
    /// How far `requested_at` may lie from the mint's clock when a quote is made, in seconds.
    pub const MAX_SKEW: u64 = 300;

    /// Signs the request.
    ///
    /// # Errors
    /// [`DecodeError::OutOfRange`] when the amount is zero, or for another account's key.
    pub fn sign(self, key: &Keypair) -> Result<QuoteRequest, DecodeError> {
        self.check()?;
        if self.account != AccountKey::from(key) {
            return Err(DecodeError::OutOfRange);
        }
        let signature = key.sign(&self.digest());
        Ok(QuoteRequest { draft: self, signature })
    }

    fn check(&self) -> Result<(), DecodeError> {
        if self.amount.is_zero() { Err(DecodeError::OutOfRange) } else { Ok(()) }
    }

    fn digest(&self) -> [u8; 32] {
        let mut body = Writer::default();
        self.encode_to(&mut body);
        let mut transcript = Transcript::for_domain(Domain::FundingQuote);
        transcript.append_bytes(label::QUOTE_BODY, &body.finish());
        transcript.draw_bytes(label::OUTPUT)
    }
}

impl Encode for QuoteDraft {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.account);
        out.part(&self.mint);
        out.part(&self.operation);
        out.part(&self.amount);
        out.part(&self.unit);
        out.part(&self.requested_at);
    }
}

impl Decode for QuoteDraft {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let draft = Self {
            account: input.part()?,
            mint: input.part()?,
            operation: input.part()?,
            amount: input.part()?,
            unit: input.part()?,
            requested_at: input.part()?,
        };
        draft.check()?;
        Ok(draft)
    }
}

impl fmt::Debug for QuoteDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuoteDraft(<redacted>)")
    }
}

/// A quote request: well-formed, **its signature not checked yet**.
#[derive(Clone, PartialEq, Eq)]
pub struct QuoteRequest {
    draft: QuoteDraft,
    signature: Signature,
}

impl QuoteRequest {
    /// Everything but the signature.
    pub fn draft(&self) -> &QuoteDraft {
        &self.draft
    }

    /// Verifies that the account's owner asks this mint.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(&self, mint: &MintId) -> Result<(), InvalidSignature> {
        if self.draft.mint != *mint {
            return Err(InvalidSignature);
        }
        self.draft.account.verify(&self.draft.digest(), &self.signature)
    }
}

impl Encode for QuoteRequest {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.signature);
    }
}

impl Decode for QuoteRequest {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, signature: input.part()? })
    }
}

wire_serde!(QuoteRequest);

impl fmt::Debug for QuoteRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuoteRequest(<redacted>)")
    }
}

/// Asks for a quote, or again what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteCall {
    /// The signed request.
    pub request: QuoteRequest,
}

/// How an account is to be paid money into, and what came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteAnswer {
    /// Its name, which goes with the payment.
    pub quote: QuoteId,
    /// How to pay, in the operator's words: a text of at most [`MAX_PAYMENT`](Self::MAX_PAYMENT) bytes, perhaps an address.
    pub payment: String,
    /// Until when it should be paid. What comes later is credited all the same while the mint remembers the quote.
    pub expires_at: UnixTime,
    /// How far it is.
    pub state: QuoteState,
    /// What was credited for it so far, whatever had been asked.
    pub credited: Amount,
}

impl QuoteAnswer {
    /// The longest text about how to pay, in bytes.
    pub const MAX_PAYMENT: usize = 2048;
}

/// How far a quote is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuoteState {
    /// Nothing came yet.
    Open,
    /// Money came, and is in the account.
    Paid,
    /// Nothing came in time.
    Expired,
}
