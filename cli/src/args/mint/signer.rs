use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{MintFolder, Unlocking};

/// Where a signer lives.
#[derive(Debug, Args)]
pub(crate) struct SignerFolder {
    /// The signer's folder [default: ~/.farthing/signer]
    #[arg(long, value_name = "DIR", env = "FARTHING_SIGNER_DIR")]
    pub(crate) signer_dir: Option<PathBuf>,
}

/// `farthing mint signer …`
#[derive(Debug, Subcommand)]
pub(crate) enum MintSigner {
    /// Hand a mint's keys over to a process of their own
    ///
    /// The mint must not run. Its keys are moved to the signer's folder, and mint.toml is told where the signer is.
    /// If the command is cut short, repeat it.
    Init(SignerInit),
    /// Run the signer until interrupted
    Run(SignerRun),
    /// Show what the signer has issued, by its own count and by the mint's
    ///
    /// Asks the running mint. What the signer counts more than the ledger are sessions whose answers were lost, and
    /// which no wallet has; if it grows without such failures, somebody else uses the signer.
    Report(SignerReport),
}

/// `farthing mint signer init`
#[derive(Debug, Args)]
pub(crate) struct SignerInit {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(flatten)]
    pub(crate) signer: SignerFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Listen on TCP with TLS instead of on a socket in the signer's folder
    #[arg(long, value_name = "ADDRESS", requires = "address")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the mint reaches it, with --listen
    #[arg(long, value_name = "HOST:PORT", requires = "listen")]
    pub(crate) address: Option<String>,
    /// The most that is withdrawn of one keyset within an hour, such as 500.00
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) withdrawn_per_hour: Option<String>,
    /// The most that is exchanged for tokens of one keyset within an hour
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) swapped_per_hour: Option<String>,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint signer run`
#[derive(Debug, Args)]
pub(crate) struct SignerRun {
    #[command(flatten)]
    pub(crate) signer: SignerFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
}

/// `farthing mint signer report`
#[derive(Debug, Args)]
pub(crate) struct SignerReport {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
