//! Making a wallet, and money in and out of it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use farthing_protocol::api::SecondFactor;

use super::{Delivery, Input, Pictures, Which};
use crate::args::SettingsCommand;
use crate::factor::read_code;

/// `farthing wallet init`
#[derive(Debug, Args)]
pub(crate) struct WalletInit {
    /// The mint's address
    #[arg(long, value_name = "URL")]
    pub(crate) mint: String,
    /// The mint's identity, if you know it from elsewhere: refuse any other
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) mint_id: Option<String>,
    /// Protect the wallet by no passphrase: whoever reads its folder has the money
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_env"])]
    pub(crate) no_passphrase: bool,
    /// How many words: 12 or 24
    #[arg(long, default_value_t = 12, value_parser = parse_word_count)]
    pub(crate) words: u8,
    /// Write the words into a new file instead of showing them, where nobody is at a terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) words_file: Option<PathBuf>,
    /// Do not ask whether the words were written down, nor whether the mint is the right one
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet restore`
#[derive(Debug, Args)]
pub(crate) struct WalletRestore {
    /// The mint's address; one that is being restored from already need not be named again
    #[arg(long, value_name = "URL")]
    pub(crate) mint: Option<String>,
    /// The mint's identity, if you know it from elsewhere: refuse any other
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) mint_id: Option<String>,
    /// Read the words from a file instead of asking for them; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) words_file: Option<PathBuf>,
    /// Protect the wallet by no passphrase: whoever reads its folder has the money
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_env"])]
    pub(crate) no_passphrase: bool,
    /// Renew what came back now, all at once, instead of leaving it to `refresh`
    ///
    /// The mint then sees many renewals at one time, and may take them for one wallet's.
    #[arg(long)]
    pub(crate) renew_now: bool,
    /// Do not ask whether it is the right mint, nor whether to go on
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet resync`
#[derive(Debug, Args)]
pub(crate) struct WalletResync {
    /// The mint, by its address or the beginning of its identity; without it every one where the words were used elsewhere
    #[arg(long, value_name = "MINT", allow_hyphen_values = true)]
    pub(crate) mint: Option<String>,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

const ACCOUNT: &str = "\
For example:
  farthing wallet account                       print it, to be credited
  farthing wallet account enrol --limit 50.00  ask for a code beyond 50.00 a day
  farthing wallet account show                  how that stands
  farthing wallet account limit none --code 123456";

/// `farthing wallet account`
#[derive(Debug, Args)]
#[command(after_help = ACCOUNT)]
pub(crate) struct WalletAccount {
    #[command(subcommand)]
    pub(crate) command: Option<SettingsCommand>,
    /// The mint, by its address or the beginning of its identity
    #[arg(long, value_name = "MINT", allow_hyphen_values = true, global = true)]
    pub(crate) mint: Option<String>,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// `farthing wallet withdraw`
#[derive(Debug, Args)]
pub(crate) struct WalletWithdraw {
    /// The amount in the mint's unit, such as 5.10
    #[arg(required_unless_present = "bundle", conflicts_with = "bundle", allow_negative_numbers = true)]
    pub(crate) amount: Option<String>,
    /// One of the mint's bundles, by its number: tokens for many exact payments
    ///
    /// Everybody who takes the same bundle looks the same to the mint. `farthing wallet withdraw --bundle list`
    /// shows them.
    #[arg(long, value_name = "NUMBER|list")]
    pub(crate) bundle: Option<String>,
    /// Lock the tokens to this payee, who can then be paid where there is no network
    ///
    /// The record that his `farthing verifier recipient` prints, as a text or in a file, or his verifier's address. They can
    /// be paid to him and to nobody else, and not be split or taken back: a bundle pays many amounts exactly.
    #[arg(long, value_name = "RECIPIENT")]
    pub(crate) lock_to: Option<String>,
    /// A code of the account's second factor, if it is more than the account's limit; asked for if it is needed and not given
    #[arg(long, value_name = "CODE", value_parser = read_code)]
    pub(crate) code: Option<SecondFactor>,
    /// Do not ask before locking
    #[arg(long, short = 'y', requires = "lock_to")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// `farthing wallet pay`
#[derive(Debug, Args)]
pub(crate) struct WalletPay {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Pay for another program's request: read one entry of the accepts of an x402 demand, as JSON; - is standard input
    ///
    /// The payment is printed, and that program delivers it: base64url of the JSON object that goes into the field
    /// payload. What became of it is settled with the mint when its time has passed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "file", "image", "qr", "png", "svg"])]
    pub(crate) x402: Option<PathBuf>,
    /// The most that it may cost with --x402, such as 0.05
    #[arg(long, value_name = "AMOUNT", requires = "x402", conflicts_with_all = ["text", "file", "image"])]
    pub(crate) max_amount: Option<String>,
    /// Code of the unit of --max-amount
    #[arg(long, value_name = "CODE", requires = "max_amount")]
    pub(crate) unit: Option<String>,
    /// Do not ask before paying
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Print the payment instead of sending it, to be handed over; of tokens that are locked to the payee
    #[arg(long)]
    pub(crate) by_hand: bool,
    /// Write the payment into a file instead of sending it, to be handed over
    #[arg(long, value_name = "FILE")]
    pub(crate) to_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) pictures: Pictures,
}

/// `farthing wallet receipt-in`
#[derive(Debug, Args)]
pub(crate) struct WalletReceiptIn {
    #[command(flatten)]
    pub(crate) input: Input,
}

/// `farthing wallet request`
#[derive(Debug, Args)]
pub(crate) struct WalletRequest {
    /// The amount, such as 2.50
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// A note for the payer, at most 140 bytes
    #[arg(long)]
    pub(crate) memo: Option<String>,
    /// How long it can be answered, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub(crate) expires_in: u32,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// `farthing wallet follow`
#[derive(Debug, Args)]
pub(crate) struct WalletFollow {
    /// The record that his `farthing verifier recipient` prints now, as a text or in a file, or his verifier's address
    pub(crate) recipient: String,
    /// Do not ask before
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet recipient`
#[derive(Debug, Args)]
pub(crate) struct WalletRecipient {
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// `farthing wallet send`
#[derive(Debug, Args)]
pub(crate) struct WalletSend {
    /// The amount, such as 2.50
    #[arg(required_unless_present = "reclaim", conflicts_with = "reclaim", allow_negative_numbers = true)]
    pub(crate) amount: Option<String>,
    /// Lock it to this recipient, for good: the text that his `farthing wallet recipient` prints
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "reclaim")]
    pub(crate) to: Option<String>,
    /// A note that goes with it, at most 140 bytes
    #[arg(long, conflicts_with = "reclaim")]
    pub(crate) memo: Option<String>,
    /// Take back what nobody claimed: the number of one operation, or all
    #[arg(long, value_name = "NUMBER|all")]
    pub(crate) reclaim: Option<String>,
    /// Do not ask before locking
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// `farthing wallet get`
#[derive(Debug, Args)]
pub(crate) struct WalletGet {
    /// The address
    pub(crate) url: String,
    /// The HTTP method [default: GET, or POST with --data]
    #[arg(long, short = 'X', value_name = "METHOD")]
    pub(crate) request: Option<String>,
    /// A header, such as "Accept: text/plain"; repeat it for several
    #[arg(long, short = 'H', value_name = "HEADER")]
    pub(crate) header: Vec<String>,
    /// The body; @FILE reads a file, @- standard input
    #[arg(long, short = 'd', value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// Write the answer's body into a file; - is standard output, a terminal too
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print status and headers of the answer before its body
    #[arg(long, short = 'i', conflicts_with = "output")]
    pub(crate) include: bool,
    /// Exit with 1 if the server answers with a status of 400 or more
    #[arg(long, short = 'f')]
    pub(crate) fail: bool,
    /// The most that this request may cost, such as 0.05
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_amount: Option<String>,
    /// Code of the unit of --max-amount
    #[arg(long, value_name = "CODE")]
    pub(crate) unit: Option<String>,
}

/// Commands about budgets.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletBudgetCommand {
    /// Show the budgets, and what was spent of them
    List,
    /// Let a server be paid up to an amount
    Set(WalletBudgetSet),
    /// Forget a server's budget
    Remove(WalletBudgetRemove),
}

/// `farthing wallet budget set`
#[derive(Debug, Args)]
pub(crate) struct WalletBudgetSet {
    /// The server's address
    pub(crate) url: String,
    /// The amount, such as 1.00
    pub(crate) amount: String,
    /// After so many seconds it counts from nothing again; without it never
    #[arg(long, value_name = "SECONDS")]
    pub(crate) window: Option<u64>,
    /// Code of the unit
    #[arg(long, value_name = "CODE")]
    pub(crate) unit: Option<String>,
}

/// `farthing wallet budget remove`
#[derive(Debug, Args)]
pub(crate) struct WalletBudgetRemove {
    /// The server's address
    pub(crate) url: String,
    /// Code of the unit
    #[arg(long, value_name = "CODE")]
    pub(crate) unit: Option<String>,
}

/// `farthing wallet sent`
#[derive(Debug, Args)]
pub(crate) struct WalletSent {
    /// Show the text of this operation again
    #[arg(value_name = "NUMBER")]
    pub(crate) operation: Option<u64>,
    /// List also what was claimed or taken back
    #[arg(long, conflicts_with = "operation")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// `farthing wallet receive`
#[derive(Debug, Args)]
pub(crate) struct WalletReceive {
    #[command(flatten)]
    pub(crate) input: Input,
}

/// `farthing wallet fund`
#[derive(Debug, Args)]
pub(crate) struct WalletFund {
    /// The amount to be paid in, such as 20.00; without it, what became of the quotes that were asked for
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: Option<String>,
    #[command(flatten)]
    pub(crate) which: Which,
    /// Show how to pay as a QR code too, for a telephone to read
    #[arg(long, requires = "amount")]
    pub(crate) qr: bool,
    /// Write it as a QR code into a PNG picture
    #[arg(long, value_name = "FILE", requires = "amount")]
    pub(crate) png: Option<PathBuf>,
    /// Write it as a QR code into an SVG picture
    #[arg(long, value_name = "FILE", requires = "amount")]
    pub(crate) svg: Option<PathBuf>,
}

/// `farthing wallet redeem`
#[derive(Debug, Args)]
pub(crate) struct WalletRedeem {
    #[command(flatten)]
    pub(crate) input: Input,
}

fn parse_word_count(text: &str) -> Result<u8, String> {
    match text {
        "12" => Ok(12),
        "24" => Ok(24),
        _ => Err("a wallet has 12 or 24 words".to_owned()),
    }
}
