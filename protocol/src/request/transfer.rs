//! Transfer requests: one wallet asks another for money, by tokens locked to its key (protocol section 9).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;

use super::{AcceptedMint, MAX_MINTS, check_mints};
use crate::amount::{Amount, Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::{InvalidSignature, Keypair, PayeeKey, Signature};
use crate::ids::{RequestHash, RequestNonce};
use crate::locked::RecipientKey;
use crate::text::TextForm;
use crate::token::TextToken;
use crate::transcript::{Domain, TranscriptExt, label};

/// Everything of a transfer request but the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct TransferDraft {
    /// Who asks; signs the request.
    pub payee: PayeeKey,
    /// Q: to whom the tokens are to be locked.
    pub key: RecipientKey,
    /// How much; not zero.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// Whose tokens are taken: 1 to 16 mints, strictly ascending, each with the head that the payee knows.
    pub mints: Vec<AcceptedMint>,
    /// Random.
    pub nonce: RequestNonce,
    /// Must be answered before this.
    pub expires_at: UnixTime,
    /// A note for the payer, at most 140 bytes, so that it fits the token that answers.
    pub memo: Option<String>,
}

impl TransferDraft {
    /// The most mints.
    pub const MAX_MINTS: usize = MAX_MINTS;
    /// The longest memo, in bytes.
    pub const MAX_MEMO: usize = TextToken::MAX_MEMO;

    fn check(&self) -> Result<(), DecodeError> {
        if let Some(memo) = &self.memo {
            TextToken::check_memo(memo)?;
        }
        check_mints(&self.mints)?;
        if self.amount.is_zero() { Err(DecodeError::OutOfRange) } else { Ok(()) }
    }

    /// The hash of the request, which leaves the signature out.
    pub fn hash(&self) -> RequestHash {
        let mut body = Writer::default();
        self.encode_to(&mut body);
        let mut transcript = Transcript::for_domain(Domain::Transfer);
        transcript.append_bytes(label::REQUEST_BODY, &body.finish());
        RequestHash::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }

    /// Signs the request.
    ///
    /// # Errors
    /// A [`DecodeError`] when a field breaks its rule; [`DecodeError::OutOfRange`] also for another payee's key.
    pub fn sign(self, payee: &Keypair) -> Result<TransferRequest, DecodeError> {
        self.check()?;
        if self.payee != PayeeKey::from(payee) {
            return Err(DecodeError::OutOfRange);
        }
        let signature = payee.sign(self.hash().as_bytes());
        Ok(TransferRequest { draft: self, signature })
    }
}

impl Encode for TransferDraft {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.payee);
        out.part(&self.key);
        out.part(&self.amount);
        out.part(&self.unit);
        out.list(&self.mints);
        out.part(&self.nonce);
        out.part(&self.expires_at);
        out.text(self.memo.as_deref().unwrap_or(""));
    }
}

impl Decode for TransferDraft {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let draft = Self {
            payee: input.part()?,
            key: input.part()?,
            amount: input.part()?,
            unit: input.part()?,
            mints: input.list(Self::MAX_MINTS)?,
            nonce: input.part()?,
            expires_at: input.part()?,
            memo: Some(input.text(Self::MAX_MEMO)?).filter(|memo| !memo.is_empty()).map(String::from),
        };
        draft.check()?;
        Ok(draft)
    }
}

impl fmt::Debug for TransferDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransferDraft(<redacted>)")
    }
}

/// A transfer request: well-formed, **its signature not checked yet**. It is answered with a text token that is locked to its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRequest {
    draft: TransferDraft,
    signature: Signature,
}

impl TransferRequest {
    /// Everything but the signature.
    pub fn draft(&self) -> &TransferDraft {
        &self.draft
    }

    /// The hash by which a wallet knows it again.
    pub fn hash(&self) -> RequestHash {
        self.draft.hash()
    }

    /// Verifies the payee's signature.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(&self) -> Result<(), InvalidSignature> {
        self.draft.payee.verify(self.hash().as_bytes(), &self.signature)
    }
}

impl Encode for TransferRequest {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.signature);
    }
}

impl Decode for TransferRequest {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, signature: input.part()? })
    }
}

wire_serde!(TransferRequest);

impl TextForm for TransferRequest {
    const PREFIX: &'static str = "farthingrequest";
}
