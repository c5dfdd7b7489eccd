//! `farthing mint …`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Where a mint lives, and what unlocks its keys.
#[derive(Debug, Args)]
pub(crate) struct MintFolder {
    /// The mint's folder [default: ~/.farthing/mint]
    #[arg(long, value_name = "DIR", env = "FARTHING_MINT_DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// What protects the mint's keys on disk.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Unlocking {
    /// Read the passphrase from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Use a 32-byte key file instead of a passphrase; `init` creates it
    ///
    /// Without either, the environment's FARTHING_MINT_KEY_FILE or FARTHING_MINT_PASSPHRASE is used, or the
    /// passphrase is asked for.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Commands of a mint's operator.
#[derive(Debug, Subcommand)]
pub(crate) enum MintCommand {
    /// Make a mint: its identity, its first keyset, its ledger
    ///
    /// The secret keys are encrypted under a passphrase, which is asked for, or under a key file.
    /// Without it nobody can issue, not even you: keep a copy of it in another place.
    Init(MintInit),
    /// Serve wallets and merchants until interrupted
    Run(MintRun),
    /// Add money to an account, because its owner paid you for it
    ///
    /// Works while the mint runs, and also while it does not. With the same --reference the same credit is
    /// made once only, so a command whose outcome you do not know can be repeated.
    Credit(MintCredit),
    /// Show the keysets and their windows
    Keysets(MintFolder),
    /// Recompute the books from every record and compare
    ///
    /// funded − paid out = balances + fees + unused vouchers + pending payouts + (issued − redeemed), for each
    /// unit. Exits with 1 when a figure differs, and names it.
    Audit(MintFolder),
    /// List payouts that merchants asked for, and say which you paid
    ///
    /// Works while the mint runs, and also while it does not.
    Payouts(MintPayouts),
}

impl MintCommand {
    /// Whether the answer, or the failure, is one JSON object.
    pub(crate) fn wants_json(&self) -> bool {
        matches!(self, Self::Payouts(args) if args.json)
    }
}

const PAYOUTS: &str = "\
For example:
  farthing mint payouts                what is to be paid
  farthing mint payouts --paid 7       you paid number 7: it leaves the books
  farthing mint payouts --reject 7     you do not: it is in the account again";

/// `farthing mint payouts`
#[derive(Debug, Args)]
#[command(after_help = PAYOUTS)]
pub(crate) struct MintPayouts {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// List those that were paid or rejected, too
    #[arg(long, conflicts_with_all = ["paid", "reject"])]
    pub(crate) all: bool,
    /// Say that you paid this one outside
    #[arg(long, value_name = "NUMBER", conflicts_with = "reject")]
    pub(crate) paid: Option<u64>,
    /// Say that you do not pay this one: the money goes back to the account
    #[arg(long, value_name = "NUMBER")]
    pub(crate) reject: Option<u64>,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint init`
#[derive(Debug, Args)]
pub(crate) struct MintInit {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Code of the currency unit, up to 16 letters or digits
    #[arg(long, default_value = "EUR")]
    pub(crate) unit: String,
    /// How many decimals people see: with 2, one token unit is 0.01
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=12))]
    pub(crate) decimals: u8,
    /// How many denominations: tokens of 1, 2, 4, … 2^(n−1) units
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u8).range(1..=63))]
    pub(crate) denominations: u8,
}

/// `farthing mint run`
#[derive(Debug, Args)]
pub(crate) struct MintRun {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Address to listen on; port 0 takes a free one
    ///
    /// There is no TLS here: on anything but loopback, put a TLS proxy in front.
    #[arg(long, default_value = "127.0.0.1:3338")]
    pub(crate) listen: SocketAddr,
}

/// `farthing mint credit`
#[derive(Debug, Args)]
pub(crate) struct MintCredit {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The account, as `farthing wallet account` prints it
    pub(crate) account: String,
    /// The amount in the mint's unit, such as 12.50
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// Your own name for this credit, such as a bank reference; drawn at random if not given
    #[arg(long, value_name = "TEXT")]
    pub(crate) reference: Option<String>,
}
