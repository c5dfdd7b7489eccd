use std::path::PathBuf;

use clap::Args;

use super::MintFolder;

const BACKUP: &str = "\
For example:
  farthing mint backup /mnt/backups/monday
  farthing mint backup --check /mnt/backups/monday
  farthing mint backup --last /mnt/moving     the mint goes on elsewhere";

/// `farthing mint backup`
#[derive(Debug, Args)]
#[command(after_help = BACKUP)]
pub(crate) struct MintBackup {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// A folder that is missing or empty: the copy goes there
    #[arg(value_name = "FOLDER")]
    pub(crate) place: PathBuf,
    /// Copy the secret keys, too, encrypted as they are
    ///
    /// Whoever has such a copy needs nothing but the passphrase or the key file.
    #[arg(long, conflicts_with = "check")]
    pub(crate) with_keys: bool,
    /// Take the mint out of service for good, and the copy with which it goes on
    ///
    /// The mint must be stopped.
    #[arg(long, conflicts_with = "check")]
    pub(crate) last: bool,
    /// Check a copy that was taken before: every byte, and its books
    #[arg(long)]
    pub(crate) check: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
