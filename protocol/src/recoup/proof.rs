//! How a token was blinded, shown by ρ.

use core::fmt;

use crate::blind::wallet::AwaitingResponse;
use crate::blind::{Commitment, VerificationKey};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::derive::{BlindingRoot, CoinContext, IssuanceContext, IssuanceNumber, Seed};
use crate::group::Element;
use crate::identity::IssuanceId;
use crate::issuance::IssuanceRecord;
use crate::keyset::Keyset;
use crate::token::Token;

/// Why ρ does not show that a token came from a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The record is of another issuance or keyset.
    #[error("the record is of another issuance")]
    OtherRecord,
    /// The issuance has no token at this place, or one of another denomination.
    #[error("the issuance has no such token")]
    NoSuchOutput,
    /// The challenge computed from ρ is not the recorded one.
    #[error("the recorded challenge was not computed from this")]
    OtherChallenge,
    /// The recorded response does not sign the token.
    #[error("the record does not make this token")]
    OtherSignature,
}

/// Which token of which recorded issuance, and ρ: issuance id (32) ‖ n (8) ‖ position (1) ‖ ρ (32), 73 bytes.
///
/// # Security
/// It links the token to its issuance, and with it to the account that paid: that is its purpose. It spends nothing.
pub struct BlindingProof {
    issuance: IssuanceId,
    number: IssuanceNumber,
    position: u8,
    root: BlindingRoot,
}

impl BlindingProof {
    /// How a wallet's own token was blinded, from its seed and what the mint committed to. None for a place that no
    /// issuance has.
    pub fn reveal(
        seed: &Seed,
        context: &CoinContext,
        key: &VerificationKey,
        coin: &Element,
        commitment: &Commitment,
    ) -> Option<Self> {
        Some(Self {
            issuance: IssuanceId::from(&seed.issuance_key(&context.issuance)),
            number: context.issuance.number,
            position: u8::try_from(context.position).ok()?,
            root: seed.blinding_root(context, key, coin, commitment),
        })
    }

    /// The issuance.
    pub fn issuance(&self) -> &IssuanceId {
        &self.issuance
    }

    /// The token's place in it, from 0.
    pub fn position(&self) -> u8 {
        self.position
    }

    /// Requires that a token came from a recorded issuance: α, r and β are computed from ρ, from them and the record's (A, B)
    /// R̄ and c, which must be the recorded c; then σ from the recorded response, which must be the token's.
    ///
    /// In variable time: all of it is public then.
    ///
    /// # Errors
    /// A [`ProofError`].
    ///
    /// # Security
    /// The record MUST be the mint's own, made before the key leaked. Whether it paid for anything is not asked here.
    pub fn verify(&self, keyset: &Keyset, token: &Token, record: &IssuanceRecord) -> Result<(), ProofError> {
        if record.keyset != *keyset.id() || record.issuance != self.issuance {
            return Err(ProofError::OtherRecord);
        }
        let recorded = record.outputs.get(usize::from(self.position)).ok_or(ProofError::NoSuchOutput)?;
        let denomination = recorded.output.denomination;
        let key = keyset.key(denomination).ok_or(ProofError::NoSuchOutput)?;
        if denomination != token.denomination {
            return Err(ProofError::NoSuchOutput);
        }
        let issuance = IssuanceContext { mint: keyset.terms().mint, keyset: *keyset.id(), number: self.number };
        let context = CoinContext { issuance, position: self.position.into(), denomination };
        let commitment = recorded.output.commitment;
        let (state, challenge) = AwaitingResponse::from_root(&self.root, &context, key, token.coin, commitment);
        if challenge != recorded.output.challenge {
            return Err(ProofError::OtherChallenge);
        }
        match state.unblind(key, &recorded.response) {
            Ok(signature) if signature == token.signature => Ok(()),
            _ => Err(ProofError::OtherSignature),
        }
    }
}

impl Encode for BlindingProof {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.issuance);
        out.part(&self.number);
        out.u8(self.position);
        out.part(&self.root);
    }
}

impl Decode for BlindingProof {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { issuance: input.part()?, number: input.part()?, position: input.u8()?, root: input.part()? })
    }
}

impl fmt::Debug for BlindingProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindingProof(<redacted>)")
    }
}
