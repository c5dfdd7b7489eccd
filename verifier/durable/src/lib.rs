//! sled made safe: one writer, group commit, fdatasync before anything is acknowledged.
//!
//! An [`Engine`] is one folder on disk, opened by one process. Work is handed to it as *jobs*: closures that
//! read and write through a [`Txn`]. All jobs run on one thread, in the order in which they were submitted,
//! so a job never races another. The writer takes everything that is waiting as one *group*, runs it,
//! writes it as one atomic batch and one fdatasync, and only then releases the answers.
//!
//! # Guarantees
//!
//! - When an answer arrives, everything the job wrote **and everything it read** is on the disk.
//! - A job is kept whole or not at all. One that returns `Err`, or panics, leaves nothing behind.
//! - After a crash at any instant the folder holds a prefix of the groups, each whole.
//! - After any failure to write or to sync, nothing is answered until the folder is opened again: every
//!   [`Pending`] ends in [`Unavailable`], which says whether the outcome is known.
//! - A folder opens with what was last answered, or not at all: damage to sled's file that lost or exchanged anything is
//!   [`OpenError::Truncated`] or [`OpenError::Damaged`].
//!
//! What takes long to read, an audit or a copy, is read in many short jobs, all of one moment: see [`Cut`] and [`Copying`].
//!
//! # Kinds of data
//!
//! | written with | for | limits |
//! |---|---|---|
//! | [`Txn::put`] | small values that change: balances, counters, states | [`MAX_KEY`], [`MAX_VALUE`] |
//! | [`Txn::put_large`] | long values; kept apart from small ones of the same key | [`MAX_KEY`], [`MAX_LARGE`] |
//! | [`Txn::append`] | many immutable entries found by several keys: spent serials | [`MAX_ENTRY`] |
//!
//! Entries are packed, many to one value under sequential keys, and found through an index in memory
//! (about 20 bytes for each key) that is rebuilt when the folder is opened.
//!
//! The crate knows nothing of tokens or payments and depends on no other crate of the workspace.

mod copy;
mod cut;
mod engine;
mod error;
mod folder;
mod index;
mod note;
mod options;
mod overlay;
mod packed;
mod pending;
mod records;
mod store;
mod tally;
mod txn;

pub use copy::{CopyFault, Copying, Portion, RestoreError, restore};
pub use cut::{Cut, CutFault};
pub use engine::Engine;
pub use error::{OpenError, StoreFault, Unavailable};
pub use note::noted_at;
pub use options::{Indexer, Options};
#[doc(hidden)]
pub use options::{Step, Verdict};
pub use pending::Pending;
pub use records::{Cursor, Partition};
pub use txn::{Pairs, Txn};

/// The longest key of [`Txn::put`] and [`Txn::put_large`], in bytes.
///
/// An inner node of sled holds up to about 320 keys and must stay below 128 KiB, or it would go to a file
/// that sled never syncs.
pub const MAX_KEY: usize = 256;

/// The longest value of [`Txn::put`], in bytes.
pub const MAX_VALUE: usize = 4096;

/// The longest value of [`Txn::put_large`], in bytes.
pub const MAX_LARGE: usize = 4 << 20;

/// The longest entry of [`Txn::append`], in bytes.
pub const MAX_ENTRY: usize = 4000;
