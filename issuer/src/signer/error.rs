use farthing_http::problem::{Code, Problem};
use farthing_protocol::blind::mint::SessionError;
use farthing_protocol::codec::DecodeError;

use super::SignerRefusal;
use crate::keys::KeyError;

/// Why a session was not opened, recognised or claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionRefusal {
    /// The session itself.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The signer has no keys of the keyset, or none that may be used now.
    #[error("the keyset is not issuing tokens")]
    NotIssuing,
    /// The signer's limit on value issued within an hour. A claimed session is burned.
    #[error("the signer's limit on value issued within an hour is reached")]
    Limit,
    /// Too much to do.
    #[error("the signer is busy")]
    Busy,
    /// The signer is not reached, or does not answer as it should. What it did is not known.
    #[error("the signer is not reached")]
    Unreached,
    /// A fault of this process.
    #[error("the signer has failed")]
    Failed,
}

/// Why the signer did not sign, or made no keyset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// What should be signed breaks a rule of the protocol, or is another mint's.
    #[error("what should be signed is not possible: {0}")]
    Rules(#[from] DecodeError),
    /// The keys at rest.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The signer is a process of its own, and is not reached.
    #[error("the signer is not reached; what it did is not known")]
    Unreached,
    /// It is a process of its own, and refuses.
    #[error(transparent)]
    Refused(SignerRefusal),
    /// It is a process of its own, and what it answers is not signed by this mint, or was not asked.
    #[error("the signer's answer is not this mint's signature")]
    Foreign,
    /// A fault of this process.
    #[error("the signer has failed")]
    Failed,
}

impl SigningError {
    /// The stable code under which it is told to clients.
    pub const fn code(&self) -> Code {
        match self {
            Self::Unreached | Self::Refused(_) => Code::Unavailable,
            Self::Rules(_) | Self::Keys(_) | Self::Foreign | Self::Failed => Code::Internal,
        }
    }
}

impl From<SigningError> for Problem {
    fn from(error: SigningError) -> Self {
        tracing::error!(%error, "nothing was signed");
        let problem = Self::new(error.code());
        match error {
            SigningError::Unreached => problem.with_detail("The signer is not reached."),
            SigningError::Refused(refusal) => problem.with_detail(refusal.sentence()),
            SigningError::Rules(_) | SigningError::Keys(_) | SigningError::Foreign | SigningError::Failed => problem,
        }
    }
}
