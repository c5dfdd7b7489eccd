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

/// `farthing mint new-keyset`
#[derive(Debug, Args)]
pub(crate) struct MintNewKeyset {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
