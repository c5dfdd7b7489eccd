use clap::Args;

use super::{Reply, VerifierFolder};

const EXAMPLE: &str = "\
For example:
  farthing verifier receipt 3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// `farthing verifier receipt`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct VerifierReceipt {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The payment's id; its beginning is enough where it is the only one
    #[arg(allow_hyphen_values = true)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) reply: Reply,
}
