use farthing_http::problem::Code;
use farthing_protocol::blind::mint::SessionError;
use farthing_protocol::codec::DecodeError;

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
    /// A fault of this process.
    #[error("the signer has failed")]
    Failed,
}

impl SigningError {
    /// The stable code under which it is told to clients.
    pub const fn code(&self) -> Code {
        match self {
            Self::Rules(_) | Self::Keys(_) | Self::Failed => Code::Internal,
        }
    }
}
