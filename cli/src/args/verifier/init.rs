//! `farthing verifier init`

use clap::Args;

use super::VerifierFolder;

/// `farthing verifier init`
#[derive(Debug, Args)]
pub(crate) struct VerifierInit {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The mint's address
    #[arg(long, value_name = "URL")]
    pub(crate) mint: String,
    /// The mint's identity, if you know it from elsewhere: refuse any other
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) mint_id: Option<String>,
    /// Code of the unit to be paid in, if the mint has several
    #[arg(long)]
    pub(crate) unit: Option<String>,
}
