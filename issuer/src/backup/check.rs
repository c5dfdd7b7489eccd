//! Checking a copy: every file is what was written, and the books in it are right.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use farthing_durable::{Options, restore};

use super::files::{self, Unfinished};
use super::manifest::{Kind, MANIFEST, Manifest, Name};
use super::{BackupError, BackupSummary};
use crate::home::MintHome;
use crate::ledger::{self, AuditReport, HeldLedger, KeysetFacts};

/// A copy that was found whole and right.
#[derive(Clone, Debug)]
pub struct CheckedBackup {
    /// What it is.
    pub summary: BackupSummary,
    /// What the audit of its books says.
    pub report: AuditReport,
}

/// Checks a copy: its files against their hashes, and its books by an audit of the ledger, which is put back for it in a new folder within `scratch`
/// and taken away again. Takes as long as an opening of the mint, and as much room as its ledger.
///
/// # Errors
/// A [`BackupError`].
pub fn check_backup(folder: &Path, scratch: &Path, fingerprint: Option<&str>) -> Result<CheckedBackup, BackupError> {
    let verified = Verified::open(folder, fingerprint)?;
    let scratch = Unfinished::beside(&scratch.join("checked"))?;
    let (ledger, _) = verified.put_ledger(&scratch.path().join("ledger"), None)?;
    Ok(CheckedBackup { report: verified.audit(&ledger)?, summary: verified.summary() })
}

/// A copy whose files are what was written.
pub(super) struct Verified {
    pub(super) home: MintHome,
    pub(super) manifest: Manifest,
    fingerprint: String,
}

impl Verified {
    pub(super) fn open(folder: &Path, expected: Option<&str>) -> Result<Self, BackupError> {
        let text = match fs::read_to_string(folder.join(MANIFEST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BackupError::NoBackup),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(BackupError::Damaged(MANIFEST.to_owned()));
            }
            text => text?,
        };
        let (manifest, fingerprint) = Manifest::parse(&text)?;
        if expected.is_some_and(|expected| expected != fingerprint) {
            return Err(BackupError::OtherFingerprint(fingerprint));
        }
        for entry in &manifest.files {
            files::require(folder, entry)?;
        }
        let home = MintHome::open(folder)?;
        if *home.mint_id() != manifest.mint {
            return Err(BackupError::Damaged("mint.toml".to_owned()));
        }
        Ok(Self { home, manifest, fingerprint })
    }

    pub(super) fn summary(&self) -> BackupSummary {
        self.manifest.summary(self.fingerprint.clone())
    }

    /// Puts the ledger back into a new folder. Answers with it the number of the original's last group in it.
    pub(super) fn put_ledger(&self, to: &Path, noted: Option<u64>) -> Result<(HeldLedger, u64), BackupError> {
        let mut copy = BufReader::with_capacity(1 << 20, File::open(Name::ledger().in_folder(self.home.folder()))?);
        let groups = restore(to, &mut copy, noted)?;
        Ok((HeldLedger::open(to, Options::new(), self.manifest.mint)?, groups))
    }

    /// Audits the books.
    pub(super) fn audit(&self, ledger: &HeldLedger) -> Result<AuditReport, BackupError> {
        let revocations = ledger.run(|txn| ledger::revocations(txn))?;
        let facts: KeysetFacts = self.home.load_book(revocations)?.facts();
        let at = self.manifest.taken_at;
        let report = ledger.at_moment(|moment| ledger::audit(moment, at, &facts))?;
        if report.is_right() { Ok(report) } else { Err(BackupError::Books(Box::new(report))) }
    }

    /// Copies everything but the ledger.
    pub(super) fn copy_rest(&self, to: &Path) -> Result<(), BackupError> {
        for entry in &self.manifest.files {
            if entry.name.kind() != Some(Kind::Ledger) {
                let copied = files::copy(self.home.folder(), entry.name.clone(), to)?;
                // It was read before; a medium that gives other bytes now is no better than damage.
                if copied.sha256 != entry.sha256 {
                    return Err(BackupError::Damaged(entry.name.as_str().to_owned()));
                }
            }
        }
        Ok(())
    }
}
