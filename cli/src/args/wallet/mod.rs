//! `farthing wallet …`

mod money;
mod upkeep;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::unlock::WalletUnlocking;

pub(crate) use money::*;
pub(crate) use upkeep::*;

/// `farthing wallet`
#[derive(Debug, Args)]
pub(crate) struct WalletArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: WalletCommand,
}

/// What every command of a wallet takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every wallet command")]
pub(crate) struct Common {
    /// The wallet's folder [default: ~/.farthing/wallet]
    #[arg(long, value_name = "DIR", env = "FARTHING_WALLET_DIR", global = true)]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) unlocking: WalletUnlocking,
    /// Reach mints and payees through a SOCKS proxy only, such as Tor's: socks5h://127.0.0.1:9050
    ///
    /// Each operation gets a way of its own through it. Without one, mints and payees see your network address.
    #[arg(long, value_name = "URL", env = "FARTHING_PROXY", global = true)]
    pub(crate) proxy: Option<String>,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write nothing to standard error but questions and the reason of a failure
    #[arg(long, short = 'q', global = true)]
    pub(crate) quiet: bool,
}

/// Which mint and unit are meant, where the wallet knows several.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The mint, by its address or the beginning of its identity
    #[arg(long, value_name = "MINT", allow_hyphen_values = true)]
    pub(crate) mint: Option<String>,
    /// Code of the unit
    #[arg(long, value_name = "CODE")]
    pub(crate) unit: Option<String>,
}

/// Where a text comes from: an invoice, a request, a token.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// The text, or the farthing: link; several if it came in parts
    #[arg(conflicts_with_all = ["file", "image"])]
    pub(crate) text: Vec<String>,
    /// Read the text from a file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "image")]
    pub(crate) file: Option<PathBuf>,
    /// Read the text from the QR codes of pictures (PNG, JPEG); repeat it for several
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,
}

/// How a text is handed over. Without any of these it is printed.
#[derive(Debug, Default, Args)]
pub(crate) struct Delivery {
    #[command(flatten)]
    pub(crate) pictures: Pictures,
    /// Write the text into a file, readable by you only
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// How a text is handed over as a picture.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Pictures {
    /// Show it as a QR code too, in parts if it is too large for one
    #[arg(long)]
    pub(crate) qr: bool,
    /// Write a QR code as a PNG picture; -1-of-3 and so on if it takes several
    #[arg(long, value_name = "FILE")]
    pub(crate) png: Option<PathBuf>,
    /// Write a QR code as an SVG picture
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// Commands of a wallet. Each first goes on with whatever was left unfinished.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommand {
    /// Make a wallet and show its words, once
    ///
    /// Everything in the wallet derives from the words: write them on paper. The folder is encrypted under a passphrase,
    /// which is asked for if it is not given; without it nobody opens the wallet, not even you, and only the words bring the
    /// money back.
    Init(WalletInit),
    /// Bring a wallet back from its words, or go on with that
    ///
    /// The words and the mint's address bring back every token that is not spent. Interrupted, the same command goes on. It is
    /// finished when the mint has published what happened just before: call it again after the time that it says.
    Restore(WalletRestore),
    /// Bring a wallet together again whose words were used elsewhere, or whose folder is an old copy
    Resync(WalletResync),
    /// Show what the wallet holds, and its account at each mint
    Balance,
    /// Print the account that the mint's operator credits, or protect it by a second factor
    #[command(args_conflicts_with_subcommands = true)]
    Account(WalletAccount),
    /// Turn money of the account into tokens
    Withdraw(WalletWithdraw),
    /// Pay an invoice of a merchant, or answer another wallet's request
    ///
    /// An invoice is paid over the network. A request of another wallet is answered with a text, locked to whoever asked:
    /// hand it over by any channel.
    Pay(WalletPay),
    /// Take the receipt of a payment that was handed over
    ///
    /// Until then the payment counts as unfinished. `farthing wallet pay --by-hand` of the same invoice gives the same payment
    /// again, and nothing more is paid.
    ReceiptIn(WalletReceiptIn),
    /// Pay a payee who has a new key with the tokens that are locked to him
    ///
    /// Tokens that are locked to a payee answer the invoices of one key. When he has put another in its place, his verifier
    /// gives a new record of the same lock: take it from himself, as the first one.
    Follow(WalletFollow),
    /// Ask for money: a request that another wallet answers with `pay`
    ///
    /// The answer comes as a text, which `receive` takes. It is locked to this wallet: nobody else can use it, whatever
    /// channel it comes by.
    Request(WalletRequest),
    /// Print the record by which others can lock money to this wallet
    ///
    /// It stays the same: whoever has it from two places knows that they are of one wallet. A request has keys of its own.
    Recipient(WalletRecipient),
    /// Make a text that is money: whoever has it first can claim it
    ///
    /// With --to it is locked to its recipient: nobody else can ever claim it, whatever channel it goes by, and you cannot
    /// take it back. Without, `send --reclaim` takes back what nobody claimed.
    Send(WalletSend),
    /// Fetch a URL as curl does, and pay if the server demands it (402, x402 version 2)
    ///
    /// It is paid once, within --max-amount and the server's budget; without either you are asked. The answer's body is
    /// printed. No redirection is followed. If no answer came, the same command sends the same payment again.
    Get(WalletGet),
    /// Say what servers may be paid without asking
    #[command(subcommand)]
    Budget(WalletBudgetCommand),
    /// List what was sent and may still be claimed, or show one text again
    Sent(WalletSent),
    /// Take money that somebody sent, and swap it at once, so that nobody else can claim it
    Receive(WalletReceive),
    /// Ask the mint how to pay money into the account, or whether it came
    ///
    /// The mint's operator says how: by a bank, a card, or whatever he takes. What is paid under the quote's name is credited to the
    /// account, and `withdraw` turns it into tokens.
    Fund(WalletFund),
    /// Turn a voucher into tokens: the text on it, or a photograph of it
    ///
    /// No account is needed. The mint sees that one of its vouchers is redeemed, and not by whom; the code itself is never sent.
    Redeem(WalletRedeem),
    /// Show what is kept ready for payments, or set what is to be
    Stock(WalletStock),
    /// Bring the stock to its policy by swaps at random times; renew what ends soon
    ///
    /// Done ahead of need, it keeps payments from showing anything but themselves. As a daemon it does a little now and then, at
    /// random times, until it is interrupted; other commands find the wallet free in between.
    Refresh(WalletRefresh),
    /// List what was done, newest first, or show one operation
    #[command(args_conflicts_with_subcommands = true)]
    History(WalletHistory),
    /// List the receipts of what was paid
    Receipts,
    /// Know mints: add, list, refresh, trust
    #[command(subcommand)]
    Mint(WalletMintCommand),
    /// Go on with every unfinished operation, and say how each stands
    Resume,
    /// Give up an unfinished operation: settle it with the mint now, or drop it if nothing is out
    ///
    /// A payment of which nobody knows whether it was accepted is settled: afterwards it was, or it never can be and its money
    /// is back.
    GiveUp(WalletGiveUp),
    /// Get back what tokens are worth whose mint's key leaked
    ///
    /// A mint that revoked a keyset takes its tokens no more. You claim them by showing how they were blinded, which gives up
    /// their privacy, and are paid into your account when the mint has collected all claims, after 30 days for example. The command
    /// says what is shown, and asks.
    Recoup(WalletRecoup),
    /// Change the wallet's passphrase
    ///
    /// Whoever has a copy of the folder from before still opens it with the old passphrase, and the words stay the same.
    Passphrase(WalletPassphrase),
    /// Check the wallet: its state, unfinished operations, mints, keysets that end, the clock
    Doctor,
    /// Write everything that the wallet knows as JSON: no words, no keys, no tokens
    Export(WalletExport),
    /// Erase the history of what is over since before a date, and say what can no longer be proven
    ///
    /// Never erased are tokens that are worth something, what is unfinished, what ended within the last day, and invoices
    /// that could be paid again. What is erased lies on the disk, encrypted, until its place is written again.
    Forget(WalletForget),
}
