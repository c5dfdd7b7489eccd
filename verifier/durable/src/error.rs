use std::io;

use thiserror::Error;

/// Why a folder could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another engine, in this process or another, has the folder open.
    #[error("the folder is in use by another process")]
    InUse,
    /// The operating system refused a read, a write or a sync.
    #[error("the folder could not be read, written or synced")]
    Io(#[from] io::Error),
    /// The contents do not decode, or are not those that were last written. Put back a copy that nothing was done with
    /// since; do not delete anything to make it open.
    #[error("the folder's contents are damaged: put back a copy that nothing was done with since")]
    Damaged,
    /// The contents are those of an earlier time: later groups, which were answered, are gone.
    ///
    /// # Security
    /// The folder must not be used, nor an older copy in its place: what was answered since would be forgotten, and given or
    /// accepted again. A mint would forget which serials are spent.
    #[error(
        "a part of the folder's contents is gone: do not go on with it, for what was answered last would be forgotten; put back a \
         copy that nothing was done with since"
    )]
    Truncated,
    /// The folder is an older copy: outside of it, later groups were noted.
    ///
    /// # Security
    /// As for [`Truncated`](Self::Truncated).
    #[error(
        "the folder is older than what was noted outside of it: it is a copy from before what was answered last, and must not be used"
    )]
    RolledBack,
    /// What should be noted outside of the folder is not there.
    #[error("the file that would tell an older copy of the folder from the newest is missing")]
    FenceMissing,
    /// The folder was created with settings this version does not use.
    #[error("the folder was not written by this version of the store")]
    Foreign,
    /// Values were found outside the synced file, where no sync covers them.
    #[error("the folder holds values outside its synced file")]
    Unsynced,
}

/// Why one read or write inside a job failed. The failing call changed nothing.
///
/// Return it from the job: the whole job is then rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// A key is empty or longer than [`MAX_KEY`](crate::MAX_KEY), or a value or entry is longer than its
    /// limit: a mistake of the caller.
    #[error("a key, a value or an entry is outside the size limits")]
    TooLarge,
    /// The partition has used all its record numbers.
    #[error("the partition is full")]
    Full,
    /// A stored record does not decode. The engine stops after this group.
    #[error("a stored record is damaged")]
    Damaged,
    /// The store could not be read. The engine stops after this group.
    #[error("the store could not be read")]
    Read,
}

/// Why there is no answer to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The queue is full. The job did not run.
    #[error("the store is busy")]
    Busy,
    /// Nothing of the job was stored, nor will be. The engine has stopped: open the folder again.
    #[error("the store is unavailable; nothing was stored")]
    NotStored,
    /// The job ran and its writes may or may not be found when the folder is opened again.
    /// The engine has stopped: open the folder again, and ask what is there.
    #[error("the store is unavailable; the outcome is unknown")]
    Unknown,
    /// The job panicked. It was rolled back, and the engine goes on.
    #[error("the job panicked and was rolled back")]
    Panicked,
}
