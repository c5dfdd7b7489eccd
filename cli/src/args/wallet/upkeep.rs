//! Looking at a wallet, and keeping it in order.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Which;
use crate::unlock::NewPassphrase;

/// `farthing wallet stock`
#[derive(Debug, Args)]
pub(crate) struct WalletStock {
    /// Payments up to this amount are usual; 0 keeps nothing ready
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) up_to: Option<String>,
    /// How many usual payments are kept ready, at most 16
    #[arg(long, value_name = "NUMBER")]
    pub(crate) ahead: Option<u8>,
    /// Withdraw a bundle by itself when less than this can be spent, or never
    #[arg(long, value_name = "AMOUNT|never")]
    pub(crate) withdraw_below: Option<String>,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// `farthing wallet refresh`
#[derive(Debug, Args)]
pub(crate) struct WalletRefresh {
    /// At most so many swaps and withdrawals each time
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub(crate) max_swaps: u32,
    /// Mean of the random pauses before each, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) pause: u32,
    /// Keep running, and do so at random times
    #[arg(long)]
    pub(crate) daemon: bool,
    /// Mean between the times of a daemon, in seconds; at least 60
    #[arg(long, value_name = "SECONDS", default_value_t = 21_600, requires = "daemon")]
    pub(crate) every: u32,
}

/// `farthing wallet history`
#[derive(Debug, Args)]
pub(crate) struct WalletHistory {
    #[command(subcommand)]
    pub(crate) command: Option<WalletHistoryCommand>,
}

/// Parts of the history.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletHistoryCommand {
    /// Show one operation
    Show {
        /// Its number
        #[arg(value_name = "NUMBER")]
        operation: u64,
    },
}

/// Commands about mints.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletMintCommand {
    /// Make a mint known, and trust it after you compared its identity
    Add(WalletMintAdd),
    /// List the mints that the wallet knows
    List,
    /// Fetch the keysets of one mint, or of all
    ///
    /// Doing so now and then, at times of no importance, keeps it from being necessary just before a payment.
    Refresh(WalletMintNamed),
    /// Trust a mint that is known, after you compared its identity
    Trust(WalletMintTrust),
}

/// `farthing wallet mint add`
#[derive(Debug, Args)]
pub(crate) struct WalletMintAdd {
    /// The mint's address
    pub(crate) url: String,
    /// The mint's identity, if you know it from elsewhere: refuse any other
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) mint_id: Option<String>,
    /// Do not ask whether it is the right mint
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// A mint, or all.
#[derive(Debug, Args)]
pub(crate) struct WalletMintNamed {
    /// The mint, by its address or the beginning of its identity
    #[arg(allow_hyphen_values = true)]
    pub(crate) mint: Option<String>,
}

/// `farthing wallet mint trust`
#[derive(Debug, Args)]
pub(crate) struct WalletMintTrust {
    /// The mint, by its address or the beginning of its identity
    #[arg(allow_hyphen_values = true)]
    pub(crate) mint: String,
    /// Do not ask whether it is the right mint
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet give-up`
#[derive(Debug, Args)]
pub(crate) struct WalletGiveUp {
    /// The operation's number, as `farthing wallet history` shows it
    #[arg(value_name = "NUMBER")]
    pub(crate) operation: u64,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet recoup`
#[derive(Debug, Args)]
pub(crate) struct WalletRecoup {
    /// Only at this mint, named by its address or the beginning of its identity
    #[arg(long, value_name = "MINT", allow_hyphen_values = true)]
    pub(crate) mint: Option<String>,
    /// Claim nothing: show what can be claimed, and how what was claimed stands
    #[arg(long, conflicts_with_all = ["for_payees", "yes"])]
    pub(crate) list: bool,
    /// Also show the mint where the tokens came from that you paid while they were locked to their payees, so that those are paid
    #[arg(long)]
    pub(crate) for_payees: bool,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet export`
#[derive(Debug, Args)]
pub(crate) struct WalletExport {
    /// Write it into a file, readable by you only
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// `farthing wallet forget`
#[derive(Debug, Args)]
pub(crate) struct WalletForget {
    /// What ended before this day, such as 2026-01-31 (in UTC)
    #[arg(long, value_name = "DATE")]
    pub(crate) before: String,
    /// Also what was locked to somebody: if he does not have its text yet, his money is lost
    #[arg(long)]
    pub(crate) locked: bool,
    /// Only say what would be forgotten
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// `farthing wallet passphrase`
#[derive(Debug, Args)]
pub(crate) struct WalletPassphrase {
    #[command(flatten)]
    pub(crate) new: NewPassphrase,
}
