//! Invoices, signed by the payee.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;

use super::{MAX_MINTS, check_mints};
use crate::amount::{Amount, Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, is_plain, wire_serde};
use crate::identity::{InvalidSignature, Keypair, MintId, PayeeKey, Signature};
use crate::ids::{HttpBinding, RequestHash, RequestNonce};
use crate::keyset::ChainHead;
use crate::text::TextForm;
use crate::transcript::{Domain, TranscriptExt, label};

/// A mint whose tokens the payee takes, with the head of its keyset chain as the payee knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedMint {
    /// The mint.
    pub mint: MintId,
    /// The head the payee knows.
    pub head: ChainHead,
}

impl Encode for AcceptedMint {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.head);
    }
}

impl Decode for AcceptedMint {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { mint: input.part()?, head: input.part()? })
    }
}

/// Everything of an invoice but the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct InvoiceDraft {
    /// Who is to be paid; signs the invoice.
    pub payee: PayeeKey,
    /// How much; not zero.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// Whose tokens are taken: 1 to 16 mints, each once.
    pub mints: Vec<AcceptedMint>,
    /// Random.
    pub nonce: RequestNonce,
    /// Must be paid before this.
    pub expires_at: UnixTime,
    /// Whether it may be paid more than once.
    pub reusable: bool,
    /// A note for the payer, at most 280 bytes.
    pub memo: Option<String>,
    /// Where to send the payment, at most 512 bytes.
    pub endpoint: Option<String>,
    /// Binding to an HTTP request.
    pub http: Option<HttpBinding>,
}

impl InvoiceDraft {
    /// The longest memo, in bytes.
    pub const MAX_MEMO: usize = 280;
    /// The longest endpoint, in bytes.
    pub const MAX_ENDPOINT: usize = 512;
    /// The most mints.
    pub const MAX_MINTS: usize = MAX_MINTS;

    fn check(&self) -> Result<(), DecodeError> {
        let texts = [(&self.memo, Self::MAX_MEMO), (&self.endpoint, Self::MAX_ENDPOINT)];
        for (text, limit) in texts {
            let text = text.as_deref().unwrap_or("-");
            if text.len() > limit {
                return Err(DecodeError::TooLong);
            }
            if text.is_empty() || !is_plain(text) {
                return Err(DecodeError::NonCanonicalText);
            }
        }
        check_mints(&self.mints)?;
        if self.amount.is_zero() { Err(DecodeError::OutOfRange) } else { Ok(()) }
    }

    /// The hash of the invoice, which leaves the signature out.
    pub fn hash(&self) -> RequestHash {
        let mut body = Writer::default();
        self.encode_to(&mut body);
        let mut transcript = Transcript::for_domain(Domain::Invoice);
        transcript.append_bytes(label::REQUEST_BODY, &body.finish());
        RequestHash::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }

    /// Signs the invoice.
    ///
    /// # Errors
    /// A [`DecodeError`] when a field breaks its rule; [`DecodeError::OutOfRange`] also for another payee's key.
    pub fn sign(self, payee: &Keypair) -> Result<Invoice, DecodeError> {
        self.check()?;
        if self.payee != PayeeKey::from(payee) {
            return Err(DecodeError::OutOfRange);
        }
        let signature = payee.sign(self.hash().as_bytes());
        Ok(Invoice { draft: self, signature })
    }
}

impl Encode for InvoiceDraft {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.payee);
        out.part(&self.amount);
        out.part(&self.unit);
        out.list(&self.mints);
        out.part(&self.nonce);
        out.part(&self.expires_at);
        out.u8(u8::from(self.reusable));
        out.text(self.memo.as_deref().unwrap_or(""));
        out.text(self.endpoint.as_deref().unwrap_or(""));
        out.optional(self.http.as_ref());
    }
}

impl Decode for InvoiceDraft {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let filled = |text: &str| if text.is_empty() { None } else { Some(String::from(text)) };
        let draft = Self {
            payee: input.part()?,
            amount: input.part()?,
            unit: input.part()?,
            mints: input.list(Self::MAX_MINTS)?,
            nonce: input.part()?,
            expires_at: input.part()?,
            reusable: match input.u8()? {
                0 => false,
                1 => true,
                _ => return Err(DecodeError::UnknownTag),
            },
            memo: filled(input.text(Self::MAX_MEMO)?),
            endpoint: filled(input.text(Self::MAX_ENDPOINT)?),
            http: input.optional()?,
        };
        draft.check()?;
        Ok(draft)
    }
}

impl fmt::Debug for InvoiceDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvoiceDraft(<redacted>)")
    }
}

/// An invoice: well-formed, **its signature not checked yet**.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    draft: InvoiceDraft,
    signature: Signature,
}

impl Invoice {
    /// Everything but the signature.
    pub fn draft(&self) -> &InvoiceDraft {
        &self.draft
    }

    /// The hash that a payment names.
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

impl Encode for Invoice {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.signature);
    }
}

impl Decode for Invoice {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, signature: input.part()? })
    }
}

wire_serde!(Invoice);

impl TextForm for Invoice {
    const PREFIX: &'static str = "farthinginvoice";
}
