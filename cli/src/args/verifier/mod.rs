//! `farthing verifier …`: one file for each command.

mod gateway;
mod init;
mod payments;
mod request;
mod run;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) use self::gateway::VerifierGateway;
pub(crate) use self::init::VerifierInit;
pub(crate) use self::payments::VerifierPayments;
pub(crate) use self::request::VerifierRequest;
pub(crate) use self::run::VerifierRun;

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
    /// Sell the answers of a server by the request: a gateway in front of it
    Gateway(VerifierGateway),
    /// Make an invoice; needs a running verifier
    Request(VerifierRequest),
    /// List accepted payments, newest first; needs a running verifier
    Payments(VerifierPayments),
}
