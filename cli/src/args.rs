//! The command line: what can be typed, and the help that teaches it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::unlock::{NewPassphrase, WalletUnlocking};

/// Private digital cash for small payments.
///
/// A mint signs tokens without seeing them, a wallet holds and spends them, a merchant's verifier checks
/// them and refuses double spends. Nobody, the mint included, can tell who paid whom.
///
/// Unaudited software: use it with small amounts only.
#[derive(Debug, Parser)]
#[command(name = "farthing", version, propagate_version = true, max_term_width = 100, after_help = FIRST_STEPS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) role: Role,

    /// What is logged to standard error, such as `info` or `farthing_issuer=debug`.
    ///
    /// Logs never hold serials, keys, payments or addresses.
    #[arg(long, global = true, env = "FARTHING_LOG", default_value = "warn", hide_env_values = true)]
    pub(crate) log: String,
}

const FIRST_STEPS: &str = "\
First steps:
  farthing demo                 a mint, a merchant, two wallets: see it work
  farthing mint init            make a mint, then `farthing mint run`
  farthing verifier init --mint http://127.0.0.1:3338
  farthing wallet init --mint http://127.0.0.1:3338";

/// Who runs the command.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Run a mint: sign tokens, keep accounts, clear deposits
    #[command(subcommand)]
    Mint(MintCommand),
    /// Be paid: issue invoices, verify payments, refuse double spends
    #[command(subcommand)]
    Verifier(VerifierCommand),
    /// Hold and spend tokens
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Watch a mint, a merchant and two wallets at work, in a temporary folder
    Demo(DemoArgs),
}

/// Where a mint lives, and what unlocks its keys.
#[derive(Debug, Args)]
pub(crate) struct MintFolder {
    /// The mint's folder [default: ~/.farthing/mint]
    #[arg(long, short = 'd', value_name = "DIR", env = "FARTHING_MINT_DIR")]
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
    /// funded − paid out = balances + fees + unused vouchers + (issued − redeemed), for each unit. Exits with 1
    /// when a figure differs, and names it.
    Audit(MintFolder),
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

/// Where a verifier lives.
#[derive(Debug, Args)]
pub(crate) struct VerifierFolder {
    /// The verifier's folder [default: ~/.farthing/verifier]
    #[arg(long, short = 'd', value_name = "DIR", env = "FARTHING_VERIFIER_DIR")]
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
}

/// `farthing verifier payments`
#[derive(Debug, Args)]
pub(crate) struct VerifierPayments {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
}

/// Where a wallet lives.
#[derive(Debug, Args)]
pub(crate) struct WalletFolder {
    /// The wallet's folder [default: ~/.farthing/wallet]
    #[arg(long, short = 'd', value_name = "DIR", env = "FARTHING_WALLET_DIR")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) unlocking: WalletUnlocking,
}

/// Commands of a wallet. Each first goes on with whatever was left unfinished.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommand {
    /// Make a wallet and show its words, once
    ///
    /// Everything in the wallet derives from the words: write them on paper. This version cannot restore a wallet from
    /// them yet, so keep its folder too. The folder is encrypted under a passphrase, which is asked for if it is not given;
    /// without it nobody opens the wallet, not even you.
    Init(WalletInit),
    /// Show what the wallet holds, and its account at the mint
    Balance(WalletFolder),
    /// Print the account that the mint's operator credits
    Account(WalletFolder),
    /// Turn money of the account into tokens
    Withdraw(WalletWithdraw),
    /// Pay an invoice
    Pay(WalletPay),
    /// List what was done, newest first
    History(WalletFolder),
    /// Change the wallet's passphrase
    ///
    /// Whoever has a copy of the folder from before still opens it with the old passphrase, and the words stay the same.
    Passphrase(WalletPassphrase),
}

/// `farthing wallet init`
#[derive(Debug, Args)]
pub(crate) struct WalletInit {
    #[command(flatten)]
    pub(crate) folder: WalletFolder,
    /// The mint's address
    #[arg(long, value_name = "URL")]
    pub(crate) mint: String,
    /// The mint's identity, if you know it from elsewhere: refuse any other
    #[arg(long, value_name = "ID")]
    pub(crate) mint_id: Option<String>,
    /// Protect the wallet by no passphrase: whoever reads its folder has the money
    #[arg(long, conflicts_with = "WalletUnlocking")]
    pub(crate) no_passphrase: bool,
    /// How many words: 12 or 24
    #[arg(long, default_value_t = 12, value_parser = parse_word_count)]
    pub(crate) words: u8,
    /// Do not ask whether the words were written down, nor whether the mint is the right one
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet withdraw`
#[derive(Debug, Args)]
pub(crate) struct WalletWithdraw {
    #[command(flatten)]
    pub(crate) folder: WalletFolder,
    /// The amount in the mint's unit, such as 5.10
    #[arg(required_unless_present = "bundle", conflicts_with = "bundle", allow_negative_numbers = true)]
    pub(crate) amount: Option<String>,
    /// One of the mint's bundles, by its number: tokens for many exact payments
    ///
    /// Everybody who takes the same bundle looks the same to the mint. `farthing wallet withdraw --bundle list`
    /// shows them.
    #[arg(long, value_name = "NUMBER|list")]
    pub(crate) bundle: Option<String>,
}

/// `farthing wallet pay`
#[derive(Debug, Args)]
pub(crate) struct WalletPay {
    #[command(flatten)]
    pub(crate) folder: WalletFolder,
    /// The invoice: farthinginvoice1…
    pub(crate) invoice: String,
    /// Do not ask before paying
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet passphrase`
#[derive(Debug, Args)]
pub(crate) struct WalletPassphrase {
    #[command(flatten)]
    pub(crate) folder: WalletFolder,
    #[command(flatten)]
    pub(crate) new: NewPassphrase,
}

/// `farthing demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the temporary folder, to look into it
    #[arg(long)]
    pub(crate) keep: bool,
}

fn parse_word_count(text: &str) -> Result<u8, String> {
    match text {
        "12" => Ok(12),
        "24" => Ok(24),
        _ => Err("a wallet has 12 or 24 words".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
