//! Taking a copy.

use std::io;
use std::path::{Path, PathBuf};

use farthing_durable::Options;
use farthing_protocol::amount::UnixTime;

use super::files::{self, Unfinished, Writing};
use super::manifest::{Entry, MANIFEST, Manifest, Name};
use super::{BackupError, BackupSummary, LedgerCopy, LedgerPortion, Proof};
use crate::home::MintHome;
use crate::keys::FACTORS;
use crate::ledger::{Duty, HeldLedger, LedgerOpenError, give_away};

/// What copy is taken.
#[derive(Clone, Debug)]
pub struct BackupPlan {
    /// Where it goes: a folder that is missing or empty.
    pub to: PathBuf,
    /// Whether the secret keys go with it, encrypted as they are in the mint's folder, and what secrets of second factors lie under. Keys that are
    /// with a signer do not.
    pub with_keys: bool,
    /// The time: everything that was answered before it will be in the copy.
    pub now: UnixTime,
}

/// Takes a copy of a mint. The portions of its ledger come from the running mint or from [`Books::copy_ledger`](crate::Books::copy_ledger), and
/// the first of them MUST be asked for by this function. When this returns, the copy is durable; [check](super::check_backup) it.
///
/// # Errors
/// A [`BackupError`]; nothing is then left at the place where it should go.
///
/// # Security
/// A copy holds what the ledger holds: accounts, balances, who was paid; but no secret of a second factor that could be read. With keys it holds what the
/// passphrase or the key file alone protects, and the secrets of second factors in the clear.
pub async fn write_backup(
    home: &MintHome,
    plan: BackupPlan,
    next: impl AsyncFnMut() -> Result<LedgerPortion, BackupError>,
) -> Result<BackupSummary, BackupError> {
    write(home, plan, false, next).await
}

/// Takes a mint that is not served out of service for good, and its last copy, to go on with elsewhere. Repeated after a crash it takes the same copy,
/// and needs no proof any more.
///
/// # Errors
/// A [`BackupError`]. Unless it is [`BackupError::Factor`], the mint may be out of service all the same.
pub async fn last_backup(home: &MintHome, plan: BackupPlan, proof: Proof) -> Result<BackupSummary, BackupError> {
    let (held, now) = (home.clone(), plan.now);
    let held = blocking(move || {
        let ledger = HeldLedger::open(&held.ledger(), held.ledger_options(Options::new()), *held.mint_id())?;
        match ledger.lineage()?.duty {
            Duty::Undecided { copied_at, .. } => {
                return Err(LedgerOpenError::Undecided(copied_at).into());
            }
            Duty::Given(_) => {}
            Duty::Serving => {
                let authority = proof.judge(&held, &ledger, now)?;
                ledger.run_at(now, move |txn, now| give_away(txn, now, &authority))?;
            }
        }
        Ok(ledger)
    })
    .await?;
    let mut copy = LedgerCopy(held.copy());
    write(home, plan, true, async || copy.portion().await).await
}

async fn write(
    home: &MintHome,
    plan: BackupPlan,
    is_last: bool,
    mut next: impl AsyncFnMut() -> Result<LedgerPortion, BackupError>,
) -> Result<BackupSummary, BackupError> {
    let BackupPlan { to, with_keys, now } = plan;
    let (folder, mut ledger) = blocking(move || {
        let folder = Unfinished::beside(&to)?;
        let ledger = Writing::create(folder.path(), Name::ledger())?;
        Ok((folder, ledger))
    })
    .await?;
    loop {
        let LedgerPortion { bytes, is_last } = next().await?;
        ledger = blocking(move || {
            ledger.add(&bytes)?;
            Ok(ledger)
        })
        .await?;
        if is_last {
            break;
        }
    }
    // Whatever the ledger speaks of was in the folder before it did, so the rest is read after it.
    let home = home.clone();
    blocking(move || {
        let mut entries = vec![ledger.finish()?];
        copy_all(home.folder(), folder.path(), with_keys, &mut entries)?;
        let holds_keys = with_keys && !home.has_signer();
        let manifest = Manifest::new(*home.mint_id(), now, (is_last, holds_keys), entries);
        let (text, fingerprint) = manifest.to_file()?;
        farthing_sealed::files::write_new(&folder.path().join(MANIFEST), text.as_bytes())?;
        folder.finish()?;
        Ok(manifest.summary(fingerprint))
    })
    .await
}

/// Copies everything of a mint's folder but its ledger.
fn copy_all(home: &Path, to: &Path, with_keys: bool, entries: &mut Vec<Entry>) -> Result<(), BackupError> {
    let mut names: Vec<Name> = Name::parse("mint.toml").into_iter().collect();
    // A keyset's secret keys are stored before it is, so they are read after it.
    names.extend(files::names(home, "keysets")?);
    if with_keys {
        names.extend(files::names(home, "keys")?);
        names.extend(Name::parse(FACTORS).filter(|_| home.join(FACTORS).is_file()));
    }
    names.extend(files::names(home, "archive")?);
    for name in names {
        let is_archived = name.kind() == Some(super::manifest::Kind::Archive);
        match files::copy(home, name, to) {
            // What ended meanwhile; what is still listed can be made again from the ledger.
            Err(error) if is_archived && error.kind() == io::ErrorKind::NotFound => {}
            copied => entries.push(copied?),
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work).await?
}
