use clap::Args;

use super::{MintFolder, Unlocking};

/// `farthing mint keysets`
#[derive(Debug, Args)]
pub(crate) struct MintKeysets {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

const NEW_KEYSET: &str = "\
A mint makes the next keyset by itself, long before it is needed. One that is
made by hand begins at once if none issues, as after a revocation; otherwise
when the last one ceases to issue. It keeps the settings of today, and cannot
be taken back: changed fees hold from the next keyset on that is made.";

/// `farthing mint new-keyset`
#[derive(Debug, Args)]
#[command(after_help = NEW_KEYSET)]
pub(crate) struct MintNewKeyset {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Do not ask, also if one is announced already
    #[arg(long)]
    pub(crate) yes: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
