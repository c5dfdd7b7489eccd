use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Unlocking;

/// Where secret keys lie.
#[derive(Debug, Args)]
pub(crate) struct KeysFolder {
    /// The mint's folder, or its signer's [default: ~/.farthing/mint]
    #[arg(long, value_name = "DIR", env = "FARTHING_MINT_DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// `farthing mint passphrase …`
#[derive(Debug, Subcommand)]
pub(crate) enum MintPassphrase {
    /// Protect the secret keys by another passphrase, or by a key file
    ///
    /// The mint, or its signer, must not run. If the command is cut short, either the old or the new one opens all
    /// keys. Copies made before are opened by the old one for ever.
    Set(PassphraseSet),
}

/// `farthing mint passphrase set`
#[derive(Debug, Args)]
pub(crate) struct PassphraseSet {
    #[command(flatten)]
    pub(crate) folder: KeysFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    #[command(flatten)]
    pub(crate) new: NewSecret,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// What protects the keys from now on. A passphrase is asked for if neither is given.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct NewSecret {
    /// Read the new passphrase from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    /// Use this key file from now on; it is created if it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key_file: Option<PathBuf>,
}

/// `farthing mint keys …`
#[derive(Debug, Subcommand)]
pub(crate) enum MintKeys {
    /// Write all secret keys into one encrypted file, and nothing of the ledger
    ///
    /// It has a passphrase or key file of its own. Make one after each new keyset, and keep it in another place than
    /// the backups of the ledger.
    Backup(KeysBackup),
    /// Put the keys of a backup into a mint's folder, or its signer's
    ///
    /// The mint, or its signer, must not run. Keys alone are no mint: the ledger in the folder must be the one that
    /// belongs to them, with everything in it, or spent tokens would be redeemed again.
    Restore(KeysRestore),
}

/// `farthing mint keys backup`
#[derive(Debug, Args)]
pub(crate) struct KeysBackup {
    #[command(flatten)]
    pub(crate) folder: KeysFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    #[command(flatten)]
    pub(crate) backup: BackupSecret,
    /// The file to write; it must not be there yet
    pub(crate) file: PathBuf,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint keys restore`
#[derive(Debug, Args)]
pub(crate) struct KeysRestore {
    #[command(flatten)]
    pub(crate) folder: KeysFolder,
    #[command(flatten)]
    pub(crate) new: NewSecret,
    #[command(flatten)]
    pub(crate) backup: BackupSecret,
    /// The backup
    pub(crate) file: PathBuf,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// What protects a backup. A passphrase is asked for if neither is given.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct BackupSecret {
    /// Read the backup's passphrase from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) backup_passphrase_file: Option<PathBuf>,
    /// The backup's key file; `backup` creates it if it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) backup_key_file: Option<PathBuf>,
}
