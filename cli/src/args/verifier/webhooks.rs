use clap::Args;

use super::{Reply, VerifierFolder};

const EXAMPLES: &str = "\
For example:
  farthing verifier webhooks                 what waits, and what was put aside
  farthing verifier webhooks --retry all     send again what was put aside
  farthing verifier webhooks --new-secret   make the secret for the receiver";

/// `farthing verifier webhooks`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifierWebhooks {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// Send an event again at once, by its id or its payment's; `all` stands for all that were put aside
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) retry: Option<String>,
    /// Make the file with the secret, if there is none
    #[arg(long, conflicts_with = "retry")]
    pub(crate) new_secret: bool,
    #[command(flatten)]
    pub(crate) reply: Reply,
}
