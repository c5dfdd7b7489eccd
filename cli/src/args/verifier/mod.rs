//! `farthing verifier …`: one file for each command.

mod account;
mod check;
mod factor;
mod gateway;
mod init;
mod keys;
mod offline;
mod payments;
mod receipt;
mod refund;
mod request;
mod rotate;
mod run;
mod webhooks;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) use self::account::{VerifierBalance, VerifierPayout, VerifierPayouts};
pub(crate) use self::check::VerifierCheckConfig;
pub(crate) use self::factor::VerifierFactor;
pub(crate) use self::gateway::VerifierGateway;
pub(crate) use self::init::VerifierInit;
pub(crate) use self::keys::VerifierKeys;
pub(crate) use self::offline::{
    VerifierAccept, VerifierDeposit, VerifierExportKeysets, VerifierImportKeysets, VerifierRecipient, VerifierRecoup,
};
pub(crate) use self::payments::{Format, VerifierPayments};
pub(crate) use self::receipt::VerifierReceipt;
pub(crate) use self::refund::VerifierRefund;
pub(crate) use self::request::VerifierRequest;
pub(crate) use self::rotate::VerifierRotateKey;
pub(crate) use self::run::VerifierRun;
pub(crate) use self::webhooks::VerifierWebhooks;

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
    /// List, search and export accepted payments, newest first
    Payments(VerifierPayments),
    /// Print the signed receipt of an accepted payment
    Receipt(VerifierReceipt),
    /// Pay a customer back, from a wallet of yours, and keep that with the payment
    Refund(VerifierRefund),
    /// List events for your webhook that were not delivered, and send them again
    Webhooks(VerifierWebhooks),
    /// Ask the mint what you have there
    Balance(VerifierBalance),
    /// Ask the mint to pay out what you have there
    Payout(VerifierPayout),
    /// List the payouts that you asked for, and what became of them
    Payouts(VerifierPayouts),
    /// Protect what you have at the mint by a second factor
    Factor(VerifierFactor),
    /// Print the record by which wallets lock tokens to you
    ///
    /// A payer who withdraws tokens that are locked to you can pay you where there is no network.
    Recipient(VerifierRecipient),
    /// Write the mint's signed list of keysets into a file, where the mint can be reached
    ExportKeysets(VerifierExportKeysets),
    /// Take over a list of the mint's keysets that was carried in by a file
    ImportKeysets(VerifierImportKeysets),
    /// Take a payment that was handed over, and hand its receipt back; needs a running verifier
    Accept(VerifierAccept),
    /// Deposit with the mint what was taken in locked tokens
    ///
    /// Interrupted, the same command goes on with the same bytes. A running verifier that reaches the mint does it by itself.
    Deposit(VerifierDeposit),
    /// File with the mint what you took in locked tokens of a keyset that it revoked
    ///
    /// Also what it credited to you and says that it has forgotten, because it was put back from a backup.
    ///
    /// You come before your payers, and are paid for what they show to have come from an honest issuance: ask them for
    /// `farthing wallet recoup --for-payees`. Do it before the mint stops collecting claims; asked again, it says how they stand.
    Recoup(VerifierRecoup),
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
            Self::Payments(args) => args.wants_json(),
            Self::Receipt(args) => args.reply.json,
            Self::Refund(args) => args.reply.json,
            Self::Webhooks(args) => args.reply.json,
            Self::Balance(args) => args.reply.json,
            Self::Payout(args) => args.reply.json,
            Self::Payouts(args) => args.reply.json,
            Self::Factor(args) => args.json,
            Self::Deposit(args) => args.json,
            Self::Recoup(args) => args.reply.json,
            Self::Run(_)
            | Self::Gateway(_)
            | Self::Recipient(_)
            | Self::ExportKeysets(_)
            | Self::ImportKeysets(_)
            | Self::Accept(_) => false,
        }
    }
}
