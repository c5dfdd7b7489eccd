use farthing_http::client::CallError;
use farthing_http::problem::Code;

use crate::error::{MintError, StoreError};
use crate::operation::OpId;

/// Why tokens of a revoked keyset were not claimed (yet).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoupError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint or its keysets.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The mint's list does not say that the keyset is revoked.
    #[error("the keyset was not revoked")]
    NotRevoked,
    /// The wallet has no tokens of the keyset that could be claimed.
    #[error("the wallet has no tokens of this keyset to claim")]
    Nothing,
    /// The mint was not to be asked: the operation stays, and [`resume`](crate::Wallet::resume) goes on with it.
    #[error("operation {op} is not finished: {cause}")]
    Pending {
        /// The operation.
        op: OpId,
        /// What came between.
        cause: Box<CallError>,
    },
    /// The mint refuses what it must not refuse. The operation stays as it is.
    #[error("the mint refused a claim of operation {op} ({code})")]
    Refused {
        /// The operation.
        op: OpId,
        /// The mint's code.
        code: Code,
    },
}
