//! Putting a copy back.

use std::path::{Path, PathBuf};

use farthing_durable::noted_at;

use super::check::Verified;
use super::files::Unfinished;
use super::{BackupError, BackupSummary};
use crate::home::{MintHome, note_fence_in};
use crate::ledger::{AuditReport, put_back};

/// A mint that was put back from a copy.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The copy.
    pub summary: BackupSummary,
    /// What the audit of its books said.
    pub report: AuditReport,
    /// Whether the original certainly answered something after the copy was taken: a fence says so.
    pub went_on: bool,
}

/// By what it is told whether the original answered something after the copy was taken.
#[derive(Clone, Debug)]
pub enum OriginalFence {
    /// By the file that the copy's configuration names, or the one beside the folder.
    Configured,
    /// By this file, which the mint that was put back goes on with.
    At(PathBuf),
    /// By nothing: it is gone.
    Gone,
}

/// Makes a mint's folder of a copy that is whole and right. When this returns, it is durable. Its ledger knows that it was put back, and cannot be
/// served before it is [decided](super::decide) what became of the original.
///
/// # Errors
/// A [`BackupError`]; nothing is then left at the place where it should go. [`BackupError::NoFence`] if nothing tells whether the original went on, and
/// nobody said that it is gone: but not for a last copy, whose original is out of service.
pub fn restore_backup(
    from: &Path,
    to: &Path,
    fingerprint: Option<&str>,
    fence: &OriginalFence,
) -> Result<Restored, BackupError> {
    let verified = Verified::open(from, fingerprint)?;
    let folder = Unfinished::beside(to)?;
    let noted = noted(&verified.home.moved_to(to), fence, verified.manifest.is_last)?;
    let (ledger, groups) = verified.put_ledger(&folder.path().join("ledger"), noted)?;
    let report = verified.audit(&ledger)?;
    let (taken_at, went_on) = (verified.manifest.taken_at, noted > Some(groups));
    // Before the folder has its name: nobody ever opens this ledger without the note.
    ledger.run(move |txn| put_back(txn, taken_at, went_on))?;
    drop(ledger);
    verified.copy_rest(folder.path())?;
    if let OriginalFence::At(path) = fence {
        note_fence_in(folder.path(), path)?;
    }
    folder.finish()?;
    Ok(Restored { summary: verified.summary(), report, went_on })
}

/// The number of the original's last group, as far as its fence says.
fn noted(home: &MintHome, fence: &OriginalFence, is_last: bool) -> Result<Option<u64>, BackupError> {
    let (path, is_named) = match fence {
        OriginalFence::Gone => return Ok(None),
        // The configuration, into which it is written, is text.
        OriginalFence::At(path) if !path.is_absolute() || path.to_str().is_none() => {
            return Err(BackupError::BadFence(path.clone()));
        }
        OriginalFence::At(path) => (path.clone(), true),
        OriginalFence::Configured => home.fence(),
    };
    let noted = noted_at(&path)?;
    match std::fs::metadata(&path) {
        // An empty one is somebody's word that there was none.
        Ok(file) if noted.is_some() || file.len() == 0 => Ok(noted),
        Ok(_) => Err(BackupError::BadFence(path)),
        Err(_) if is_named => Err(BackupError::BadFence(path)),
        Err(_) if is_last => Ok(None),
        Err(_) => Err(BackupError::NoFence),
    }
}
