//! Issuance (protocol section 7): what funds it, the digest D that everybody signs, the mint's record.

mod field;
mod record;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;

use crate::amount::{Amount, Denomination};
use crate::blind::{Challenge, Commitment, SessionId, SessionSeal};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::{AccountKey, InvalidSignature, IssuanceId, Keypair, MintId, Signature, VoucherKey};
use crate::ids::{FundingId, IssuanceDigest, KeysetId, OperationId, RequestHash};
use crate::payment::Payment;
use crate::shape::Shape;
use crate::transcript::{Domain, TranscriptExt, label};

pub use field::{FIELD_PLAINTEXT, Field, FieldKey, InvalidField};
pub use record::{IssuanceRecord, RecordedOutput};

/// The most tokens in an issuance.
pub const MAX_OUTPUTS: usize = 256;

impl IssuanceId {
    /// Request hash of a swap: H(issuance id).
    pub fn swap_request(&self) -> RequestHash {
        let mut transcript = Transcript::for_domain(Domain::SwapRequest);
        transcript.append_bytes(label::ISSUANCE, self.as_bytes());
        RequestHash::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }
}

/// What pays for an issuance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Funding {
    /// An account, whose key signs D.
    Account {
        /// The account.
        account: AccountKey,
        /// Stays the same for an issuance and its replacements.
        operation: OperationId,
        /// The account key's signature over D.
        signature: Signature,
    },
    /// A voucher, whose key signs D.
    Voucher {
        /// The voucher's public key.
        voucher: VoucherKey,
        /// The voucher key's signature over D.
        signature: Signature,
    },
    /// Tokens: a payment of kind `swap` to the mint, whose authorization binds D.
    Tokens(Box<Payment>),
}

/// What pays for an issuance, before anybody signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FundingSource<'a> {
    /// An account and operation id.
    Account(AccountKey, OperationId),
    /// A voucher.
    Voucher(VoucherKey),
    /// The coin keys P of tokens of a keyset, in the order of the payment.
    Tokens(KeysetId, Vec<&'a crate::group::Element>),
}

impl FundingSource<'_> {
    /// The funding id: a hash of the source, unique in the mint's ledger.
    pub fn id(&self) -> FundingId {
        let mut transcript = Transcript::for_domain(Domain::FundingId);
        match self {
            Self::Account(account, operation) => {
                transcript.append_bytes(label::FUNDING_KIND, &[1]);
                transcript.append_bytes(label::ACCOUNT, account.as_bytes());
                transcript.append_bytes(label::OPERATION, operation.as_bytes());
            }
            Self::Voucher(voucher) => {
                transcript.append_bytes(label::FUNDING_KIND, &[2]);
                transcript.append_bytes(label::KEY, voucher.as_bytes());
            }
            Self::Tokens(keyset, coins) => {
                let mut body = Writer::default();
                coins.iter().for_each(|coin| body.part(*coin));
                transcript.append_bytes(label::FUNDING_KIND, &[3]);
                transcript.append_bytes(label::KEYSET, keyset.as_bytes());
                transcript.append_bytes(label::COINS, &body.finish());
            }
        }
        FundingId::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }
}

impl Funding {
    /// The source without its signature.
    pub fn source(&self) -> FundingSource<'_> {
        match self {
            Self::Account { account, operation, .. } => FundingSource::Account(*account, *operation),
            Self::Voucher { voucher, .. } => FundingSource::Voucher(*voucher),
            Self::Tokens(payment) => {
                FundingSource::Tokens(*payment.keyset(), payment.tokens().iter().map(|t| &t.coin).collect())
            }
        }
    }
}

impl Encode for Funding {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Account { account, operation, signature } => {
                out.u8(1);
                out.part(account);
                out.part(operation);
                out.part(signature);
            }
            Self::Voucher { voucher, signature } => {
                out.u8(2);
                out.part(voucher);
                out.part(signature);
            }
            Self::Tokens(payment) => {
                out.u8(3);
                out.part(payment.as_ref());
            }
        }
    }
}

impl Decode for Funding {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Account { account: input.part()?, operation: input.part()?, signature: input.part()? }),
            2 => Ok(Self::Voucher { voucher: input.part()?, signature: input.part()? }),
            3 => input.part().map(|payment| Self::Tokens(Box::new(payment))),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

/// One output of an issuance: d, A, B, c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// The denomination d.
    pub denomination: Denomination,
    /// (A, B), as the mint sent it.
    pub commitment: Commitment,
    /// c.
    pub challenge: Challenge,
}

impl Encode for Output {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.denomination);
        out.part(&self.commitment);
        out.part(&self.challenge);
    }
}

impl Decode for Output {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { denomination: input.part()?, commitment: input.part()?, challenge: input.part()? })
    }
}

/// Everything that D binds.
#[derive(Clone, Debug)]
pub struct IssuanceTerms {
    /// The mint.
    pub mint: MintId,
    /// The keyset of the outputs.
    pub keyset: KeysetId,
    /// What is made.
    pub shape: Shape,
    /// The issuance id.
    pub issuance: IssuanceId,
    /// The session.
    pub session: SessionId,
    /// What the outputs are worth.
    pub amount: Amount,
    /// What the funding is debited: the amount and the fee.
    pub debit: Amount,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// What the wallet keeps for itself, encrypted.
    pub field: Field,
}

impl IssuanceTerms {
    /// D = H(version, mint, keyset, issuance id, sid, funding id, amount, debit, [(d, A, B, c)], field).
    pub fn digest(&self, funding: &FundingId) -> IssuanceDigest {
        let mut outputs = Writer::default();
        self.outputs.iter().for_each(|output| outputs.part(output));
        let mut transcript = Transcript::for_domain(Domain::IssuanceDigest);
        transcript.append_bytes(label::MINT, self.mint.as_bytes());
        transcript.append_bytes(label::KEYSET, self.keyset.as_bytes());
        transcript.append_bytes(label::ISSUANCE, self.issuance.as_bytes());
        transcript.append_bytes(label::SESSION, self.session.as_bytes());
        transcript.append_bytes(label::FUNDING, funding.as_bytes());
        transcript.append_number(label::AMOUNT, self.amount.units());
        transcript.append_number(label::DEBIT, self.debit.units());
        transcript.append_bytes(label::OUTPUTS, &outputs.finish());
        transcript.append_bytes(label::FIELD, self.field.as_bytes());
        IssuanceDigest::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }
}

/// Wallet to mint, to finish an issuance.
#[derive(Clone)]
pub struct IssuanceRequest {
    terms: IssuanceTerms,
    seal: SessionSeal,
    funding: Funding,
    signature: Signature,
}

impl IssuanceRequest {
    /// Signs the terms with the issuance key. The funding must have been made for the same terms.
    ///
    /// # Errors
    /// [`DecodeError::OutOfRange`] when the key is not the issuance id's, [`DecodeError::Empty`] or
    /// [`DecodeError::TooLong`] for no or too many outputs.
    pub fn sign(terms: IssuanceTerms, seal: SessionSeal, funding: Funding, key: &Keypair) -> Result<Self, DecodeError> {
        check_outputs(&terms.outputs)?;
        if IssuanceId::from(key) != terms.issuance {
            return Err(DecodeError::OutOfRange);
        }
        let digest = terms.digest(&funding.source().id());
        let signature = key.sign(digest.as_bytes());
        Ok(Self { terms, seal, funding, signature })
    }

    /// What D binds.
    pub fn terms(&self) -> &IssuanceTerms {
        &self.terms
    }

    /// The MAC over the commitments.
    pub fn seal(&self) -> &SessionSeal {
        &self.seal
    }

    /// What pays.
    pub fn funding(&self) -> &Funding {
        &self.funding
    }

    /// The digest D.
    pub fn digest(&self) -> IssuanceDigest {
        self.terms.digest(&self.funding.source().id())
    }

    /// Verifies the issuance key's signature, and the account's or voucher's. A swap's authorization is
    /// verified with the payment, bound to the returned D.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(&self) -> Result<IssuanceDigest, InvalidSignature> {
        let digest = self.digest();
        self.terms.issuance.verify(digest.as_bytes(), &self.signature)?;
        match &self.funding {
            Funding::Account { account, signature, .. } => account.verify(digest.as_bytes(), signature)?,
            Funding::Voucher { voucher, signature } => voucher.verify(digest.as_bytes(), signature)?,
            Funding::Tokens(_) => {}
        }
        Ok(digest)
    }
}

fn check_outputs(outputs: &[Output]) -> Result<(), DecodeError> {
    match outputs.len() {
        0 => Err(DecodeError::Empty),
        n if n > MAX_OUTPUTS => Err(DecodeError::TooLong),
        _ => Ok(()),
    }
}

impl Encode for IssuanceRequest {
    fn encode_to(&self, out: &mut Writer) {
        let terms = &self.terms;
        out.part(&terms.mint);
        out.part(&terms.keyset);
        out.part(&terms.shape);
        out.part(&terms.issuance);
        out.part(&terms.session);
        out.part(&self.seal);
        out.part(&terms.amount);
        out.part(&terms.debit);
        out.list(&terms.outputs);
        out.part(&terms.field);
        out.part(&self.funding);
        out.part(&self.signature);
    }
}

impl Decode for IssuanceRequest {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mint, keyset, shape) = (input.part()?, input.part()?, input.part()?);
        let (issuance, session, seal) = (input.part()?, input.part()?, input.part()?);
        let (amount, debit) = (input.part()?, input.part()?);
        let outputs = input.list(MAX_OUTPUTS)?;
        check_outputs(&outputs)?;
        let field = input.part()?;
        let terms = IssuanceTerms { mint, keyset, shape, issuance, session, amount, debit, outputs, field };
        Ok(Self { terms, seal, funding: input.part()?, signature: input.part()? })
    }
}

wire_serde!(IssuanceRequest);

impl fmt::Debug for IssuanceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuanceRequest").field("keyset", &self.terms.keyset).finish_non_exhaustive()
    }
}
