use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{MintFolder, SignerFolder, Unlocking};

const RESTORE: &str = "\
For example:
  farthing mint restore /mnt/backups/monday   makes a mint's folder of the copy
  farthing mint restore --accept-loss         the original went on, and is lost
  farthing mint restore --nothing-lost        it was stopped before the copy";

/// `farthing mint restore`
#[derive(Debug, Args)]
#[command(after_help = RESTORE)]
#[command(group = ArgGroup::new("what").args(["backup", "accept_loss", "nothing_lost"]).required(true))]
pub(crate) struct MintRestore {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The copy; a mint's folder that is missing or empty is made of it
    #[arg(value_name = "FOLDER")]
    pub(crate) backup: Option<PathBuf>,
    /// Put it back only if it is this very copy, as `farthing mint backup` named it
    #[arg(long, value_name = "FINGERPRINT", requires = "backup")]
    pub(crate) fingerprint: Option<String>,
    /// The fence of the original, by which it is told whether it went on after the copy
    ///
    /// The mint goes on with it. Without this it is the one that the copy's mint.toml names, or that lies beside the folder.
    #[arg(long, value_name = "FILE", requires = "backup")]
    pub(crate) fence: Option<PathBuf>,
    /// Say that the original's fence is gone
    #[arg(long, requires = "backup", conflicts_with = "fence")]
    pub(crate) no_fence: bool,
    /// Say that the original answered something after the copy, or may have
    ///
    /// All keysets are revoked: their tokens may have been spent since, and nothing is redeemed twice. All recovery codes are void.
    #[arg(long)]
    pub(crate) accept_loss: bool,
    /// Say that the original answered nothing after the copy, and never will
    #[arg(long)]
    pub(crate) nothing_lost: bool,
    /// The newest answer of the original at /v1/keysets that anybody has kept
    ///
    /// With it the mint makes no second keyset in the place of one that was published after the copy.
    #[arg(long, value_name = "FILE", conflicts_with = "backup")]
    pub(crate) keysets: Option<PathBuf>,
    /// Open the mint's keys instead of giving a code, because the administrator's second factor is lost
    #[arg(long, conflicts_with_all = ["backup", "code"])]
    pub(crate) by_keys: bool,
    #[command(flatten)]
    pub(crate) signer: SignerFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
