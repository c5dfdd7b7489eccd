//! `farthing verifier payments`

use clap::Args;

use super::VerifierFolder;

/// `farthing verifier payments`
#[derive(Debug, Args)]
pub(crate) struct VerifierPayments {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
}
