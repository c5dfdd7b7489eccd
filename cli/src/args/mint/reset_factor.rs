use clap::Args;

use super::MintFolder;

/// `farthing mint reset-factor`
#[derive(Debug, Args)]
pub(crate) struct MintResetFactor {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The account, as `farthing wallet account` prints it
    pub(crate) account: String,
}
