//! Putting a copy back.

use std::path::Path;

use farthing_durable::noted_at;

use super::check::Verified;
use super::files::Unfinished;
use super::{BackupError, BackupSummary};
use crate::ledger::{AuditReport, put_back};

/// A mint that was put back from a copy.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The copy.
    pub summary: BackupSummary,
    /// What the audit of its books said.
    pub report: AuditReport,
    /// Whether the original certainly answered something after the copy was taken: the fence of the mint's folder says so.
    pub went_on: bool,
}

/// Makes a mint's folder of a copy that is whole and right. When this returns, it is durable. Its ledger knows that it was put back, and cannot be
/// served before it is [decided](super::decide) what became of the original.
///
/// # Errors
/// A [`BackupError`]; nothing is then left at the place where it should go.
pub fn restore_backup(from: &Path, to: &Path, fingerprint: Option<&str>) -> Result<Restored, BackupError> {
    let verified = Verified::open(from, fingerprint)?;
    let folder = Unfinished::beside(to)?;
    let (fence, _) = verified.home.moved_to(to).fence();
    let noted = noted_at(&fence)?;
    let (ledger, groups) = verified.put_ledger(&folder.path().join("ledger"), noted)?;
    let report = verified.audit(&ledger)?;
    let (taken_at, went_on) = (verified.manifest.taken_at, noted > Some(groups));
    // Before the folder has its name: nobody ever opens this ledger without the note.
    ledger.run(move |txn| put_back(txn, taken_at, went_on))?;
    drop(ledger);
    verified.copy_rest(folder.path())?;
    folder.finish()?;
    Ok(Restored { summary: verified.summary(), report, went_on })
}
