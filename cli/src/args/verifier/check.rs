//! `farthing verifier check-config`

use clap::Args;

use super::{Reply, VerifierFolder};

/// `farthing verifier check-config`
#[derive(Debug, Args)]
pub(crate) struct VerifierCheckConfig {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// Do not ask the mint
    #[arg(long)]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) reply: Reply,
}
