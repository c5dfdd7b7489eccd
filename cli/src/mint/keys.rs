//! `farthing mint passphrase` and `farthing mint keys`

use std::path::{Path, PathBuf};

use anyhow::Result;
use farthing_issuer::{HomeError, KeyError, KeyHome, KeysHandled, Passphrase, Protection, ProtectionKind, Unlock};
use serde::Serialize;

use super::home::{NEW_PASSPHRASE, new_passphrase, unlock_for};
use crate::args::{
    BackupSecret, KeysBackup, KeysFolder, KeysRestore, MintKeys, MintPassphrase, NewSecret, PassphraseSet,
};
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Screen};
use crate::unlock::read_passphrase;
use crate::{place, prompt};

/// The keys are protected in another way.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ProtectionAnswer {
    mint: String,
    protection: Kind,
}

/// What protects keys.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Passphrase,
    KeyFile,
}

/// Keys were backed up, or restored.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KeysAnswer {
    mint: String,
    file: String,
    /// How many keysets' secret keys.
    keysets: usize,
    #[serde(skip)]
    what: &'static str,
}

pub(super) async fn passphrase(command: MintPassphrase, screen: &Screen) -> Result<()> {
    let MintPassphrase::Set(PassphraseSet { folder, unlocking, new, .. }) = command;
    let home = open(folder)?;
    // Before anybody types three passphrases.
    home.check_free().map_err(explain)?;
    let unlock = unlock_for(home.protection(), &unlocking)?;
    let protection = new_protection(&new)?;
    let kind = match &protection {
        Protection::Passphrase { .. } => Kind::Passphrase,
        Protection::KeyFile(_) => Kind::KeyFile,
    };
    let mint = home.mint_id().to_text();
    let changed = tokio::task::spawn_blocking(move || home.change_protection(&unlock, &protection)).await?;
    changed.map_err(explain)?;
    screen.answer(&ProtectionAnswer { mint, protection: kind })
}

pub(super) async fn keys(command: MintKeys, screen: &Screen) -> Result<()> {
    match command {
        MintKeys::Backup(args) => back_up(args, screen).await,
        MintKeys::Restore(args) => restore(args, screen).await,
    }
}

async fn back_up(args: KeysBackup, screen: &Screen) -> Result<()> {
    let KeysBackup { folder, unlocking, backup, file, .. } = args;
    let home = open(folder)?;
    if file.exists() {
        return Err(fault(Trouble::Exists, format!("{} is there already", file.display())).into());
    }
    let unlock = unlock_for(home.protection(), &unlocking)?;
    let protection = match backup_secret(&backup)? {
        Some(Unlock::KeyFile(path)) => Protection::KeyFile(path),
        Some(Unlock::Passphrase(passphrase)) => Protection::passphrase(passphrase),
        None => Protection::passphrase(new_passphrase("New passphrase for the backup: ", BACKUP_OPTIONS)?),
    };
    let (mint, path) = (home.mint_id().to_text(), file.clone());
    let written = tokio::task::spawn_blocking(move || home.back_up(&unlock, &protection, &path)).await?;
    let KeysHandled { keysets } = written.map_err(explain)?;
    screen.answer(&KeysAnswer { mint, file: file.display().to_string(), keysets, what: "backed up in" })?;
    screen.note("Keep it apart from the ledger's backups: whoever has it and its secret can print money.");
    Ok(())
}

async fn restore(args: KeysRestore, screen: &Screen) -> Result<()> {
    let KeysRestore { folder, new, backup, file, .. } = args;
    let home = open(folder)?;
    let unlock = match backup_secret(&backup)? {
        Some(unlock) => unlock,
        None => {
            let typed = prompt::passphrase("Passphrase of the backup: ", BACKUP_OPTIONS)?;
            Unlock::Passphrase(Passphrase::new(typed.as_str()))
        }
    };
    let protection = new_protection(&new)?;
    let (mint, path) = (home.mint_id().to_text(), file.clone());
    let restored = tokio::task::spawn_blocking(move || home.restore(&path, &unlock, &protection)).await?;
    let KeysHandled { keysets } = restored.map_err(explain)?;
    screen.answer(&KeysAnswer { mint, file: file.display().to_string(), keysets, what: "restored from" })
}

const NEW_OPTIONS: &str = "--new-passphrase-file or --new-key-file";
const BACKUP_OPTIONS: &str = "--backup-passphrase-file or --backup-key-file";

fn open(folder: KeysFolder) -> Result<KeyHome> {
    let folder = place::folder(folder.dir, "mint")?;
    match KeyHome::open(&folder) {
        Err(HomeError::KeysApart) => {
            let message = format!("the keys of the mint in {} are with its signer", folder.display());
            Err(fault(Trouble::BadFile, message).next("name the signer's folder with --dir").into())
        }
        Err(HomeError::NoMint) => {
            let message = format!("there is neither a mint nor a signer in {}", folder.display());
            Err(fault(Trouble::BadFile, message).next("--dir names another").into())
        }
        home => Ok(home?),
    }
}

fn new_protection(new: &NewSecret) -> Result<Protection> {
    Ok(match secret(new.new_passphrase_file.as_deref(), new.new_key_file.as_ref())? {
        Some(Unlock::KeyFile(path)) => Protection::KeyFile(path),
        Some(Unlock::Passphrase(passphrase)) => Protection::passphrase(passphrase),
        None => Protection::passphrase(new_passphrase(NEW_PASSPHRASE, NEW_OPTIONS)?),
    })
}

fn backup_secret(backup: &BackupSecret) -> Result<Option<Unlock>> {
    secret(backup.backup_passphrase_file.as_deref(), backup.backup_key_file.as_ref())
}

fn secret(passphrase: Option<&Path>, key: Option<&PathBuf>) -> Result<Option<Unlock>> {
    Ok(match (passphrase, key) {
        (Some(path), _) => Some(Unlock::Passphrase(read_passphrase(path)?)),
        (None, Some(path)) => Some(Unlock::KeyFile(path.clone())),
        (None, None) => None,
    })
}

/// Codes for what an operator can mend at once.
pub(super) fn explain(error: HomeError) -> anyhow::Error {
    match &error {
        HomeError::InUse => fault(Trouble::MintRunning, error.to_string())
            .next("stop it, and repeat the command; nothing was changed")
            .into(),
        HomeError::Keys(KeyError::WrongSecret | KeyError::NeedsKeyFile | KeyError::NeedsPassphrase) => {
            fault(Trouble::WrongSecret, error.to_string()).next("nothing was changed; try again").into()
        }
        _ => error.into(),
    }
}

impl From<ProtectionKind> for Kind {
    fn from(kind: ProtectionKind) -> Self {
        match kind {
            ProtectionKind::Passphrase => Self::Passphrase,
            ProtectionKind::KeyFile => Self::KeyFile,
        }
    }
}

impl Answer for ProtectionAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(match self.protection {
            Kind::Passphrase => "the keys are protected by the new passphrase",
            Kind::KeyFile => "the keys are protected by the key file",
        });
    }
}

impl Answer for KeysAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("identity and keys of {} keysets {} {}", self.keysets, self.what, self.file));
    }
}
