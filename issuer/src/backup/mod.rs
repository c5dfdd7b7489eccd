//! Copies of a mint, and mints put back from copies.
//!
//! ```text
//! manifest           what is in the copy: lengths and hashes; written last
//! ledger             the books, in the form of `farthing_durable::restore`
//! mint.toml          the configuration
//! keysets/           public keysets
//! archive/           files that were published
//! keys/              secret keys, encrypted as they are at rest: on request only
//! factors.key        the key under which secrets of second factors lie in the ledger: with the secret keys only
//! ```
//!
//! It is no mint's folder: there is no ledger that could be opened in it. See docs/backup.md for what an old copy must never do, and how that is
//! prevented.

mod check;
mod decide;
mod files;
mod manifest;
mod prove;
mod restore;
mod write;

use std::io;
use std::path::PathBuf;

use farthing_durable::{CopyFault, Copying, RestoreError};
use farthing_http::client::CallError;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::ListError;

use crate::books::{Books, BooksError};
use crate::home::HomeError;
use crate::ledger::{self, Act, AuditReport, Authority, FactorError, LedgerError, LedgerOpenError};

pub use check::{CheckedBackup, check_backup};
pub use decide::{Decided, Decision, decide};
pub use farthing_durable::Portion as LedgerPortion;
pub use prove::Proof;
pub use restore::{OriginalFence, Restored, restore_backup};
pub use write::{BackupPlan, last_backup, write_backup};

/// Why there is no copy, or no mint of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is something where the copy, or the mint, should go.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// There is no copy in this folder, or one that was never finished.
    #[error("there is no finished backup in this folder")]
    NoBackup,
    /// A later version of this program made it.
    #[error("a later version of the program made this backup; use that version")]
    Newer,
    /// A file of the copy is missing, or is not what it was.
    #[error("the backup is damaged: {0} is missing, or is not what was written")]
    Damaged(String),
    /// It is not the copy that was asked for.
    #[error("this is another backup: its fingerprint is {0}")]
    OtherFingerprint(String),
    /// Its books are not right.
    #[error("the books in the backup are not right")]
    Books(Box<AuditReport>),
    /// The mint is served, or its ledger cannot be opened.
    #[error(transparent)]
    Open(#[from] LedgerOpenError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger's copy was not finished.
    #[error(transparent)]
    Copy(#[from] CopyFault),
    /// The ledger was not put back.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The running mint did not give a part of its ledger.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The mint's folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The ledger was not put back from a copy, or it is decided what became of the original.
    #[error("nothing is to be decided about this mint: its ledger is not one that was put back")]
    NothingToDecide,
    /// The original certainly answered something after the copy was taken.
    #[error("the original went on after this backup was taken ({0}): something is lost")]
    WentOn(&'static str),
    /// The administrator's second factor.
    #[error(transparent)]
    Factor(#[from] FactorError),
    /// A recovery code may have been used since the copy was taken.
    #[error("a recovery code may have been used since the backup was taken, so none is accepted for this")]
    RecoveryCode,
    /// Nothing is known by which it could be told whether the original went on.
    #[error(
        "nothing here tells whether the original went on after this backup was taken: the backup names no fence, and there is none beside \
         the folder"
    )]
    NoFence,
    /// The fence that the copy or the caller names is missing, or is none.
    #[error("{} is missing, or is no fence of a mint: is its disk mounted?", .0.display())]
    BadFence(PathBuf),
    /// A list of keysets is not this mint's, or older than the one in the ledger.
    #[error("the list of keysets is no newer one of this mint: {0}")]
    List(#[from] ListError),
    /// A list of keysets whose documents are not all there, or do not follow one another.
    #[error("the list of keysets names keysets that are not with it")]
    ListIncomplete,
    /// The operating system refused.
    #[error("a file could not be read or written: {}", .0.kind())]
    Io(#[from] io::Error),
}

impl From<BooksError> for BackupError {
    fn from(error: BooksError) -> Self {
        match error {
            BooksError::Home(error) => Self::Home(error),
            BooksError::Ledger(error) => Self::Open(error),
        }
    }
}

impl From<tokio::task::JoinError> for BackupError {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::Ledger(LedgerError::Stopped)
    }
}

/// A copy, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// Whose it is.
    pub mint: MintId,
    /// Everything that was answered before this time is in it.
    pub taken_at: UnixTime,
    /// Whether the original was taken out of service with it.
    pub is_last: bool,
    /// Whether the secret keys are in it, encrypted.
    pub with_keys: bool,
    /// How many files it has.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// A hash of all of it (43 characters, base64url): kept in another place, it shows that a copy is this one.
    pub fingerprint: String,
}

/// A copy of a ledger that is being taken.
#[derive(Debug)]
pub struct LedgerCopy(Copying);

impl LedgerCopy {
    /// The next portion.
    ///
    /// # Errors
    /// [`BackupError::Copy`] or [`BackupError::Ledger`]. The copy is then of no use.
    pub async fn portion(&mut self) -> Result<LedgerPortion, BackupError> {
        Ok(self.0.portion().await.map_err(LedgerError::from)??)
    }
}

impl Books {
    /// Says in the journal that a copy is taken. No code is asked for it: copies are taken at night.
    ///
    /// # Errors
    /// A [`LedgerError`]. A clock that is wrong is none: the copy is the more needed, and the log alone says that it is taken.
    pub async fn note_copy(&self) -> Result<(), LedgerError> {
        let noted = self
            .ledger()
            .run(move |txn, now| ledger::journal::record(txn, now, &Authority::of_a_reader(), &Act::CopyTaken {}));
        match noted.await {
            Err(error @ (LedgerError::ClockBehind | LedgerError::ClockAhead)) => {
                tracing::warn!(%error, "a copy of the ledger is taken, and the journal does not say so");
                Ok(())
            }
            noted => noted,
        }
    }

    /// A copy of the ledger as it is when its first portion is asked for. The mint goes on meanwhile.
    pub fn copy_ledger(&self) -> LedgerCopy {
        LedgerCopy(self.ledger().copy())
    }
}
