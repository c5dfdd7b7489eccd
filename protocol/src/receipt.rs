//! Receipts (protocol section 5).

use core::fmt;

use merlin::Transcript;

use crate::amount::{Amount, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::{InvalidSignature, Keypair, PayeeKey, Signature};
use crate::ids::PaymentId;
use crate::keyset::ChainHead;
use crate::text::TextForm;
use crate::transcript::{Domain, TranscriptExt, label};

/// Everything of a receipt but the signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReceiptDraft {
    /// The payment.
    pub payment: PaymentId,
    /// Who was paid; signs the receipt.
    pub payee: PayeeKey,
    /// How much.
    pub amount: Amount,
    /// When it was accepted.
    pub accepted_at: UnixTime,
    /// The head of the keyset chain as the payee knows it.
    pub head: ChainHead,
}

impl ReceiptDraft {
    /// Signs the receipt. The same draft gives the same bytes.
    ///
    /// # Errors
    /// [`DecodeError::OutOfRange`] for another payee's key.
    pub fn sign(self, payee: &Keypair) -> Result<Receipt, DecodeError> {
        if self.payee != PayeeKey::from(payee) {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Receipt { draft: self, signature: payee.sign(&self.digest()) })
    }

    fn digest(&self) -> [u8; 32] {
        let mut body = Writer::default();
        self.encode_to(&mut body);
        let mut transcript = Transcript::for_domain(Domain::Receipt);
        transcript.append_bytes(label::RECEIPT_BODY, &body.finish());
        transcript.draw_bytes(label::OUTPUT)
    }
}

impl Encode for ReceiptDraft {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.payment);
        out.part(&self.payee);
        out.part(&self.amount);
        out.part(&self.accepted_at);
        out.part(&self.head);
    }
}

impl Decode for ReceiptDraft {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            payment: input.part()?,
            payee: input.part()?,
            amount: input.part()?,
            accepted_at: input.part()?,
            head: input.part()?,
        })
    }
}

impl fmt::Debug for ReceiptDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptDraft(<redacted>)")
    }
}

/// A payee's word that a payment was accepted: well-formed, **its signature not checked yet**.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    draft: ReceiptDraft,
    signature: Signature,
}

impl Receipt {
    /// Everything but the signature.
    pub fn draft(&self) -> &ReceiptDraft {
        &self.draft
    }

    /// Verifies the payee's signature.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(&self) -> Result<(), InvalidSignature> {
        self.draft.payee.verify(&self.draft.digest(), &self.signature)
    }
}

impl Encode for Receipt {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.signature);
    }
}

impl Decode for Receipt {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, signature: input.part()? })
    }
}

wire_serde!(Receipt);

impl TextForm for Receipt {
    const PREFIX: &'static str = "farthingreceipt";
}
