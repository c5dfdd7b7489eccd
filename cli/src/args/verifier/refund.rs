use std::path::PathBuf;

use clap::Args;

use super::{Reply, VerifierFolder};
use crate::unlock::WalletUnlocking;

const EXAMPLE: &str = "\
For example:
  farthing verifier refund y1ZkC2 farthingrequest1...

It is paid from a wallet of yours. To fill it with what you were paid:
  farthing verifier payout 0.37 --to $(farthing wallet account)
  farthing wallet withdraw 0.37";

/// `farthing verifier refund`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct VerifierRefund {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The payment's id; its beginning is enough where it is the only one
    #[arg(allow_hyphen_values = true)]
    pub(crate) payment: String,
    /// The request of the customer's wallet, as `farthing wallet request` prints it
    pub(crate) request: String,
    /// The folder of the wallet that pays [default: ~/.farthing/wallet]
    #[arg(long, value_name = "DIR", env = "FARTHING_WALLET_DIR")]
    pub(crate) wallet: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) unlocking: WalletUnlocking,
    /// Reach the mint through a SOCKS proxy only: socks5h://127.0.0.1:9050
    #[arg(long, value_name = "URL", env = "FARTHING_PROXY")]
    pub(crate) proxy: Option<String>,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) reply: Reply,
}
