//! `farthing verifier …`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Delivery;

/// Where a verifier lives.
#[derive(Debug, Args)]
pub(crate) struct VerifierFolder {
    /// The verifier's folder [default: ~/.farthing/verifier]
    #[arg(long, value_name = "DIR", env = "FARTHING_VERIFIER_DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// Commands of a merchant.
#[derive(Debug, Subcommand)]
pub(crate) enum VerifierCommand {
    /// Make a verifier: the payee key, which owns what you are paid
    Init(VerifierInit),
    /// Take payments until interrupted, clearing each with the mint
    Run(VerifierRun),
    /// Make an invoice; needs a running verifier
    Request(VerifierRequest),
    /// List accepted payments, newest first; needs a running verifier
    Payments(VerifierPayments),
}

/// `farthing verifier init`
#[derive(Debug, Args)]
pub(crate) struct VerifierInit {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The mint's address
    #[arg(long, value_name = "URL")]
    pub(crate) mint: String,
    /// The mint's identity, if you know it from elsewhere: refuse any other
    #[arg(long, value_name = "ID")]
    pub(crate) mint_id: Option<String>,
    /// Code of the unit to be paid in, if the mint has several
    #[arg(long)]
    pub(crate) unit: Option<String>,
}

/// `farthing verifier run`
#[derive(Debug, Args)]
pub(crate) struct VerifierRun {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:3339")]
    pub(crate) listen: SocketAddr,
    /// Address that invoices name, if wallets reach you by another one
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

/// `farthing verifier request`
#[derive(Debug, Args)]
pub(crate) struct VerifierRequest {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The amount in the mint's unit, such as 0.37
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// A note for the payer
    #[arg(long)]
    pub(crate) memo: Option<String>,
    /// How long it can be paid, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub(crate) expires_in: u32,
    /// Let it be paid more than once
    #[arg(long)]
    pub(crate) reusable: bool,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// `farthing verifier payments`
#[derive(Debug, Args)]
pub(crate) struct VerifierPayments {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
}
