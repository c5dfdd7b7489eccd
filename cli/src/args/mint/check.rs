use clap::Args;

use super::MintFolder;

/// `farthing mint check-config`
#[derive(Debug, Args)]
pub(crate) struct MintCheckConfig {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
