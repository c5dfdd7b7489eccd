//! Recoup (protocol section 10): what becomes of honest tokens when a keyset's key leaked.
//!
//! Whoever has the key makes tokens that nobody can tell from others. What he cannot make is a token that fits an
//! issuance which the mint recorded before the leak: its challenge c was computed from blinding scalars, and these from
//! ρ, by a hash. So a holder reveals ρ, the mint computes everything anew, and requires the c that it recorded.
//!
//! # Security
//! The scalars themselves would prove nothing: blindness is perfect, so that scalars exist which fit every token to every
//! record. No object here carries them.

mod proof;

use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::MintId;
use crate::ids::{KeysetId, PaymentId, RequestHash};
use crate::payment::{MAX_TOKENS, Payment, PaymentKind};
use crate::token::Token;
use crate::transcript::{Domain, TranscriptExt, label};

pub use proof::{BlindingProof, ProofError};

/// Request hash of every payment of kind `recoup` of a keyset's tokens.
pub fn recoup_request(keyset: &KeysetId) -> RequestHash {
    let mut transcript = Transcript::for_domain(Domain::RecoupRequest);
    transcript.append_bytes(label::KEYSET, keyset.as_bytes());
    RequestHash::from_bytes(transcript.draw_bytes(label::OUTPUT))
}

/// A token, and how it was blinded: 202 bytes.
pub struct Evidence {
    /// The token.
    pub token: Token,
    /// From which recorded issuance it came.
    pub proof: BlindingProof,
}

impl Encode for Evidence {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.token);
        out.part(&self.proof);
    }
}

impl Decode for Evidence {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { token: input.part()?, proof: input.part()? })
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evidence(<redacted>)")
    }
}

/// What is filed with a mint about tokens of a revoked keyset: well-formed, **nothing verified yet**.
///
/// | payment | evidence | who files it |
/// |---|---|---|
/// | kind `recoup`, to the account that is to be paid | of every token | a holder, who signs with p |
/// | kind `pay`, by which locked tokens are redeemed, with the id of the locked payment | of some tokens, or of none | a payee, who had accepted it |
/// | kind `pay`, without such an id | of some tokens, or of none | a payee whom the mint had credited it, before its ledger was put back from a copy |
/// | none | of some tokens | whoever knows ρ, for the good of others |
///
/// Layout: version ‖ mint (32) ‖ keyset (32) ‖ optional payment, without version byte ‖ optional payment id (32) ‖
/// list(63) of token (129) ‖ proof (73).
///
/// # Security
/// A payment of kind `pay` that names no locked one claims nothing, unless the mint has forgotten what it accepted then: where it decides
/// about unlocked tokens, nobody has accepted one that is unspent. Who was refused it, and served nothing, would else be paid before its holder.
pub struct RecoupClaim {
    mint: MintId,
    keyset: KeysetId,
    payment: Option<Payment>,
    locked: Option<PaymentId>,
    evidence: Vec<Evidence>,
}

impl RecoupClaim {
    /// Puts together a holder's claim, or that of a payee who was credited a payment, or without a payment bare evidence, which may come in
    /// any order.
    ///
    /// # Errors
    /// A [`DecodeError`] when a part breaks its rule.
    pub fn new(
        mint: MintId,
        keyset: KeysetId,
        payment: Option<Payment>,
        evidence: Vec<Evidence>,
    ) -> Result<Self, DecodeError> {
        Self { mint, keyset, payment, locked: None, evidence }.sorted()
    }

    /// Puts together a payee's claim: the payment by which he redeems tokens that are locked to him, the id of the locked payment
    /// that he had accepted, and what he was told of their blinding, in any order.
    ///
    /// # Errors
    /// A [`DecodeError`] when a part breaks its rule.
    pub fn redeeming(payment: Payment, locked: PaymentId, evidence: Vec<Evidence>) -> Result<Self, DecodeError> {
        let (mint, keyset) = (*payment.mint(), *payment.keyset());
        Self { mint, keyset, payment: Some(payment), locked: Some(locked), evidence }.sorted()
    }

    fn sorted(mut self) -> Result<Self, DecodeError> {
        if self.evidence.len() > MAX_TOKENS {
            return Err(DecodeError::TooLong);
        }
        self.evidence.sort_by_key(|evidence| evidence.token.coin);
        self.check()?;
        Ok(self)
    }

    /// The mint.
    pub fn mint(&self) -> &MintId {
        &self.mint
    }

    /// The revoked keyset, of which all the tokens are.
    pub fn keyset(&self) -> &KeysetId {
        &self.keyset
    }

    /// Who is to be paid, if anybody.
    pub fn payment(&self) -> Option<&Payment> {
        self.payment.as_ref()
    }

    /// Of a payee's claim, the locked payment that he had accepted, if he names one: the request hash of his payment MUST be
    /// [`deposit_request`](crate::locked::deposit_request) of it.
    pub fn locked(&self) -> Option<&PaymentId> {
        self.locked.as_ref()
    }

    /// How tokens were blinded, ascending by P.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The tokens that it is about: those of the payment in its order; without one, those of the evidence.
    pub fn tokens(&self) -> Vec<&Token> {
        match &self.payment {
            Some(payment) => payment.tokens().iter().collect(),
            None => self.evidence.iter().map(|evidence| &evidence.token).collect(),
        }
    }

    /// How a token was blinded, if that is told.
    pub fn proof_of(&self, token: &Token) -> Option<&BlindingProof> {
        self.evidence.iter().find(|evidence| evidence.token == *token).map(|evidence| &evidence.proof)
    }

    /// Kind, mint, keyset, what a payee redeems; order; evidence for the payment's tokens and no others. Without any cryptography.
    fn check(&self) -> Result<(), DecodeError> {
        if let Some(payment) = &self.payment {
            if !matches!(payment.kind(), PaymentKind::Pay | PaymentKind::Recoup) {
                return Err(DecodeError::UnknownTag);
            }
            if *payment.mint() != self.mint || *payment.keyset() != self.keyset {
                return Err(DecodeError::OutOfRange);
            }
        }
        let by_payee = self.payment.as_ref().is_some_and(|payment| payment.kind() == PaymentKind::Pay);
        if self.locked.is_some() && !by_payee {
            return Err(DecodeError::OutOfRange);
        }
        if !self.evidence.is_sorted_by(|a, b| a.token.coin < b.token.coin) {
            return Err(DecodeError::NonCanonicalShape);
        }
        match &self.payment {
            None if self.evidence.is_empty() => Err(DecodeError::Empty),
            None => Ok(()),
            Some(payment) => {
                let foreign = |evidence: &Evidence| !payment.tokens().contains(&evidence.token);
                if self.evidence.iter().any(foreign) {
                    return Err(DecodeError::OutOfRange);
                }
                let whole = self.evidence.len() == payment.tokens().len();
                if payment.kind() == PaymentKind::Recoup && !whole { Err(DecodeError::Empty) } else { Ok(()) }
            }
        }
    }
}

impl Encode for RecoupClaim {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.keyset);
        out.optional(self.payment.as_ref());
        out.optional(self.locked.as_ref());
        out.list(&self.evidence);
    }
}

impl Decode for RecoupClaim {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mint, keyset, payment) = (input.part()?, input.part()?, input.optional()?);
        let (locked, evidence) = (input.optional()?, input.list(MAX_TOKENS)?);
        let claim = Self { mint, keyset, payment, locked, evidence };
        claim.check()?;
        Ok(claim)
    }
}

wire_serde!(RecoupClaim);

impl fmt::Debug for RecoupClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoupClaim").field("keyset", &self.keyset).finish_non_exhaustive()
    }
}
