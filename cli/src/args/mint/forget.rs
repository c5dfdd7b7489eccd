use clap::Args;

use super::MintFolder;

/// `farthing mint forget`
#[derive(Debug, Args)]
pub(crate) struct MintForget {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The account, as `farthing wallet account` prints it
    pub(crate) account: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
