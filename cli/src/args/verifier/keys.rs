//! `farthing verifier keys`

use clap::Args;

use super::{Reply, VerifierFolder};

/// `farthing verifier keys`
#[derive(Debug, Args)]
pub(crate) struct VerifierKeys {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    #[command(flatten)]
    pub(crate) reply: Reply,
}
