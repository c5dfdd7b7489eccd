use clap::Args;

use super::MintFolder;

/// `farthing mint status`
#[derive(Debug, Args)]
pub(crate) struct MintStatus {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
