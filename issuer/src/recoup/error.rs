use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, Problem};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::recoup::ProofError;
use farthing_verifier::check::CheckError;

use crate::ledger::{CloseError, CoverError, LedgerError, RecoupRefusal};

/// Why a claim was not filed. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoupError {
    /// It is made out to another mint.
    #[error("the claim is for another mint")]
    UnknownMint,
    /// The mint has no such keyset.
    #[error("the keyset is not known")]
    UnknownKeyset,
    /// The keyset is not revoked.
    #[error("the keyset is not revoked")]
    NotRevoked,
    /// Claims on its tokens are not taken any more.
    #[error("claims on the keyset's tokens are not taken any more")]
    Ended,
    /// The payment that claims.
    #[error(transparent)]
    Payment(#[from] CheckError),
    /// ρ does not show that a token came from the issuance that is named, or there is no such issuance.
    #[error("a token was not shown to come from an issuance")]
    Proof(Option<ProofError>),
    /// A token came from an issuance after the suspected leak, or from one that doubtful tokens paid for.
    #[error("a token came from an issuance that does not count")]
    Excluded,
    /// A token was spent before.
    #[error("a token was spent before")]
    Spent(PaymentId),
    /// Another token was shown to come from the same place.
    #[error("another token was shown to come from the same place")]
    OriginUsed,
    /// There are too many claims on a token, or too many tokens of which nobody has shown where they came from.
    #[error("there are too many claims")]
    TooMany,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why a keyset was not revoked. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// The mint has no such keyset.
    #[error("the keyset is not known")]
    UnknownKeyset,
    /// The leak is said to lie in the future.
    #[error("the leak lies in the future")]
    LeakInFuture,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::UnknownKeyset => Self::new(Code::UnknownKeyset),
            RevokeError::LeakInFuture => Self::new(Code::BadRequest).with_detail("The leak lies in the future."),
            RevokeError::Ledger(error) => Self::new(error.code()),
        }
    }
}

impl From<RecoupRefusal> for RecoupError {
    fn from(refusal: RecoupRefusal) -> Self {
        match refusal {
            RecoupRefusal::NotRevoked => Self::NotRevoked,
            RecoupRefusal::Ended => Self::Ended,
            RecoupRefusal::Spent(earlier) => Self::Spent(earlier),
            RecoupRefusal::Excluded => Self::Excluded,
            RecoupRefusal::OriginUsed => Self::OriginUsed,
            RecoupRefusal::TooMany => Self::TooMany,
            RecoupRefusal::Stale => Self::Ledger(LedgerError::Busy),
            RecoupRefusal::Ledger(error) => Self::Ledger(error),
        }
    }
}

impl From<RecoupError> for Problem {
    fn from(error: RecoupError) -> Self {
        match error {
            RecoupError::UnknownMint => Self::new(Code::UnknownMint),
            RecoupError::UnknownKeyset => Self::new(Code::UnknownKeyset),
            RecoupError::NotRevoked => Self::new(Code::KeysetNotRevoked),
            RecoupError::Ended => {
                Self::new(Code::KeysetEnded).with_detail("Claims on this keyset's tokens are not taken any more.")
            }
            RecoupError::Payment(error) => error.into(),
            RecoupError::Proof(_) | RecoupError::OriginUsed => {
                Self::new(Code::InvalidProof).with_detail("A token was not shown to come from the issuance.")
            }
            RecoupError::Excluded => Self::new(Code::IssuanceExcluded),
            RecoupError::Spent(earlier) => Self::new(Code::DoubleSpend).with(EARLIER_PAYMENT_ID, earlier.to_text()),
            RecoupError::TooMany => Self::new(Code::RateLimited),
            RecoupError::Ledger(error) => Self::new(error.code()),
        }
    }
}

impl From<CoverError> for Problem {
    fn from(error: CoverError) -> Self {
        match error {
            CoverError::UnknownKeyset => Self::new(Code::UnknownKeyset),
            CoverError::NotRevoked => Self::new(Code::KeysetNotRevoked),
            CoverError::Ended => Self::new(Code::KeysetEnded)
                .with_detail("The keyset is buried: nothing is paid for its tokens any more."),
            CoverError::Zero => Self::new(Code::AmountOutOfRange).with_detail("The amount is zero."),
            CoverError::Beyond(_) => Self::new(Code::AmountOutOfRange)
                .with_detail("It is more than what is missing for the claims that wait."),
            CoverError::Reference => Self::new(Code::BadRequest).with_detail("The reference must have 1 to 128 bytes."),
            CoverError::ReferenceUsed => {
                Self::new(Code::FundingUsed).with_detail("The reference was used for another keyset or amount.")
            }
            CoverError::Ledger(error) => Self::new(error.code()),
        }
    }
}

impl From<CloseError> for Problem {
    fn from(error: CloseError) -> Self {
        match error {
            CloseError::UnknownKeyset => Self::new(Code::UnknownKeyset),
            CloseError::NotRevoked => Self::new(Code::KeysetNotRevoked),
            CloseError::Running(_) => {
                Self::new(Code::BadRequest).with_detail("Claims on this keyset's tokens are still taken.")
            }
            CloseError::Ledger(error) => Self::new(error.code()),
        }
    }
}
