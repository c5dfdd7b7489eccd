//! Asking a mint to pay out what an account holds.

use alloc::string::String;
use core::fmt;

use merlin::Transcript;
use serde::{Deserialize, Serialize};

use crate::amount::{Amount, Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, is_plain, wire_serde};
use crate::identity::{AccountKey, InvalidSignature, Keypair, MintId, Signature};
use crate::ids::{OperationId, PayoutDigest};
use crate::transcript::{Domain, TranscriptExt, label};

/// Everything of a payout request but the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct PayoutDraft {
    /// Whose balance it is taken from; signs the request.
    pub account: AccountKey,
    /// The mint that is asked.
    pub mint: MintId,
    /// Random. With the same one it is done once only.
    pub operation: OperationId,
    /// How much.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// When it was asked for.
    pub requested_at: UnixTime,
    /// What the operator needs to know to pay, such as a bank account: at most 128 bytes, perhaps none.
    pub reference: String,
    /// Another account at the mint: then the amount moves there at once, and nobody pays anything outside.
    pub to: Option<AccountKey>,
}

impl PayoutDraft {
    /// The longest reference, in bytes.
    pub const MAX_REFERENCE: usize = 128;
    /// How far `requested_at` may lie ahead of the mint's clock, in seconds.
    pub const MAX_SKEW: u64 = 300;
    /// How long a request is taken after `requested_at`, in seconds: a day. One that was not taken until then never is.
    pub const MAX_AGE: u64 = 86_400;

    /// Signs the request.
    ///
    /// # Errors
    /// A [`DecodeError`] when a field breaks its rule; [`DecodeError::OutOfRange`] also for another account's key.
    pub fn sign(self, key: &Keypair) -> Result<PayoutRequest, DecodeError> {
        if self.reference.len() > Self::MAX_REFERENCE {
            return Err(DecodeError::TooLong);
        }
        if !is_plain(&self.reference) {
            return Err(DecodeError::NonCanonicalText);
        }
        self.check()?;
        if self.account != AccountKey::from(key) {
            return Err(DecodeError::OutOfRange);
        }
        let signature = key.sign(self.digest().as_bytes());
        Ok(PayoutRequest { draft: self, signature })
    }

    fn check(&self) -> Result<(), DecodeError> {
        let to_itself = self.to == Some(self.account);
        if self.amount.is_zero() || to_itself { Err(DecodeError::OutOfRange) } else { Ok(()) }
    }

    /// What the account's owner signs: every field, as one hash.
    pub fn digest(&self) -> PayoutDigest {
        let mut body = Writer::default();
        self.encode_to(&mut body);
        let mut transcript = Transcript::for_domain(Domain::Payout);
        transcript.append_bytes(label::PAYOUT_BODY, &body.finish());
        PayoutDigest::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }
}

impl Encode for PayoutDraft {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.account);
        out.part(&self.mint);
        out.part(&self.operation);
        out.part(&self.amount);
        out.part(&self.unit);
        out.part(&self.requested_at);
        out.text(&self.reference);
        out.optional(self.to.as_ref());
    }
}

impl Decode for PayoutDraft {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let draft = Self {
            account: input.part()?,
            mint: input.part()?,
            operation: input.part()?,
            amount: input.part()?,
            unit: input.part()?,
            requested_at: input.part()?,
            reference: input.text(Self::MAX_REFERENCE)?.into(),
            to: input.optional()?,
        };
        draft.check()?;
        Ok(draft)
    }
}

impl fmt::Debug for PayoutDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayoutDraft(<redacted>)")
    }
}

/// A payout request: well-formed, **its signature not checked yet**.
#[derive(Clone, PartialEq, Eq)]
pub struct PayoutRequest {
    draft: PayoutDraft,
    signature: Signature,
}

impl PayoutRequest {
    /// Everything but the signature.
    pub fn draft(&self) -> &PayoutDraft {
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
        self.draft.account.verify(self.draft.digest().as_bytes(), &self.signature)
    }
}

impl Encode for PayoutRequest {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.signature);
    }
}

impl Decode for PayoutRequest {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, signature: input.part()? })
    }
}

wire_serde!(PayoutRequest);

impl fmt::Debug for PayoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayoutRequest(<redacted>)")
    }
}

/// Asks for a payout, or again what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutCall {
    /// The signed request.
    pub request: PayoutRequest,
}

/// What became of a payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutAnswer {
    /// How far it is.
    pub state: PayoutState,
    /// When the mint took it, and with it the money from the account.
    pub taken_at: UnixTime,
    /// When it was paid or refused.
    pub settled_at: Option<UnixTime>,
    /// Under which reference it was paid outside, or why it was not.
    #[serde(default)]
    pub note: Option<String>,
}

/// How far a payout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutState {
    /// The money left the account, and the mint's operator has not said anything yet.
    Pending,
    /// He says that it is to be paid.
    Approved,
    /// The mint's operator says that he paid it; or it went to another account.
    Paid,
    /// He did not: the money is in the account again.
    Rejected,
}

impl PayoutState {
    /// Whether nothing becomes of it any more.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Paid | Self::Rejected)
    }
}
