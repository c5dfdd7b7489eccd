use std::path::PathBuf;

use farthing_http::client::CallError;
use farthing_protocol::DecodeError;
use farthing_protocol::archive::{FileError, IndexError};

use crate::error::{MintError, StoreError};

/// Why a wallet was not restored (yet). What was found so far is kept, and the next call goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint or its keysets.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The wallet has done something with this mint already: it is not one to be restored, but to be resynchronised.
    #[error("this wallet was used with the mint already; it can be resynchronised")]
    InUse,
    /// The mint's index of its archive is not acceptable.
    #[error(transparent)]
    Index(IndexError),
    /// The mint's index lists more files than a wallet can read.
    #[error("the mint's archive lists more files than a wallet can read")]
    TooManyFiles,
    /// A file is not what was asked for, or not signed by the mint. It may have been spoiled on its way.
    #[error("a file of the mint's archive is not right: {0}")]
    File(BadFile),
    /// The mint signed a file with a record that is ours and wrong.
    #[error("the mint's archive holds wrong answers to this wallet's requests; the evidence is in {}", evidence.display())]
    Lie {
        /// Where the file was written.
        evidence: PathBuf,
    },
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFile {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// It is another one, or not signed.
    #[error(transparent)]
    NotAccepted(#[from] FileError),
    /// The mint signed it, and its index lists more or less than it holds.
    #[error("it does not hold what the mint's index lists")]
    OtherCount,
}

impl From<CallError> for RestoreError {
    fn from(error: CallError) -> Self {
        Self::Mint(error.into())
    }
}

impl From<BadFile> for RestoreError {
    fn from(error: BadFile) -> Self {
        Self::File(error)
    }
}
