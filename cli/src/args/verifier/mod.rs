//! `farthing verifier …`: one file for each command.

mod check;
mod gateway;
mod init;
mod keys;
mod payments;
mod request;
mod rotate;
mod run;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) use self::check::VerifierCheckConfig;
pub(crate) use self::gateway::VerifierGateway;
pub(crate) use self::init::VerifierInit;
pub(crate) use self::keys::VerifierKeys;
pub(crate) use self::payments::VerifierPayments;
pub(crate) use self::request::VerifierRequest;
pub(crate) use self::rotate::VerifierRotateKey;
pub(crate) use self::run::VerifierRun;

/// Where a verifier lives.
#[derive(Debug, Args)]
pub(crate) struct VerifierFolder {
    /// The verifier's folder [default: ~/.farthing/verifier]
    #[arg(long, value_name = "DIR", env = "FARTHING_VERIFIER_DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// How a command answers.
#[derive(Debug, Args)]
pub(crate) struct Reply {
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// Commands of a merchant.
#[derive(Debug, Subcommand)]
pub(crate) enum VerifierCommand {
    /// Make a verifier and show its words, once
    ///
    /// The payee key, which owns what you are paid, derives from the words: write them on paper. They are not in the folder.
    /// `--restore` makes a verifier of the same payee from them, with the balance that he has at the mint. The list of
    /// payments does not come back.
    Init(VerifierInit),
    /// Take payments until interrupted, clearing each with the mint
    ///
    /// What a flag does not say, config.toml in the folder says. SIGHUP reads the certificate files again. SIGTERM or SIGINT
    /// answers what was begun and ends; a second one ends at once.
    Run(VerifierRun),
    /// Sell the answers of a server by the request: a gateway in front of it
    Gateway(VerifierGateway),
    /// Check settings, keys, records, certificates and the mint, and change nothing
    ///
    /// Each finding has a code. The exit code is 1 if one of them keeps the verifier from running or from being paid, and 6 if it
    /// is only that the mint was not reached.
    CheckConfig(VerifierCheckConfig),
    /// Put a new payee key in the place of the one in use
    ///
    /// The next key of your words, or the first one of new words. The old key keeps owning its balance at the mint, signs receipts
    /// of what was paid to it, and accepts what is out for it for some days. A verifier that is running goes on with the old key
    /// until it is started again.
    RotateKey(VerifierRotateKey),
    /// List the payee keys, the one in use first
    Keys(VerifierKeys),
    /// Make an invoice; needs a running verifier
    Request(VerifierRequest),
    /// List accepted payments, newest first; needs a running verifier
    Payments(VerifierPayments),
}

impl VerifierCommand {
    /// Whether the answer, or the failure, is one JSON object.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Init(args) => args.reply.json,
            Self::CheckConfig(args) => args.reply.json,
            Self::RotateKey(args) => args.reply.json,
            Self::Keys(args) => args.reply.json,
            Self::Request(args) => args.reply.json,
            Self::Run(_) | Self::Gateway(_) | Self::Payments(_) => false,
        }
    }
}
