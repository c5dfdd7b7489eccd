use clap::Args;

use super::MintFolder;

/// `farthing mint credit`
#[derive(Debug, Args)]
pub(crate) struct MintCredit {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The account, as `farthing wallet account` prints it
    pub(crate) account: String,
    /// The amount in the mint's unit, such as 12.50
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// Your own name for this credit, such as a bank reference; drawn at random if not given
    #[arg(long, value_name = "TEXT")]
    pub(crate) reference: Option<String>,
}
