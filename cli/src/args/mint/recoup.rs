use clap::{Args, Subcommand};

use super::MintFolder;

const REVOKE: &str = "\
For example:
  farthing mint revoke KEYSET --leaked-since 2d   since when its key may be out
  farthing mint revoke KEYSET --leaked-since 2026-11-23 --claims-days 60
  farthing mint new-keyset                        it issues again";

/// `farthing mint revoke`
#[derive(Debug, Args)]
#[command(after_help = REVOKE)]
pub(crate) struct MintRevoke {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The keyset, as `farthing mint keysets` shows it
    #[arg(allow_hyphen_values = true)]
    pub(crate) keyset: String,
    /// Since when its key may be in other hands: a day (UTC), or how long ago, as 7d, 12h or 30m [default: now]
    ///
    /// What was issued from then on is not recouped. Said again before anything is paid, it can become earlier.
    #[arg(long, value_name = "TIME")]
    pub(crate) leaked_since: Option<String>,
    /// For so many days claims are collected before anything is paid, so that payees can come first
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) claims_days: u32,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint recoup`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct MintRecoup {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(subcommand)]
    pub(crate) command: Option<MintRecoupCommand>,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What is done about it.
#[derive(Debug, Subcommand)]
pub(crate) enum MintRecoupCommand {
    /// Put your own money in, where forged tokens took some
    ///
    /// With the same --reference the same sum is put in once only, so a command whose outcome you do not know can be repeated. It cannot be
    /// taken back: more than what `farthing mint recoup` shows as missing is put in only if you say so.
    Cover {
        #[command(flatten)]
        folder: MintFolder,
        /// The keyset
        #[arg(allow_hyphen_values = true)]
        keyset: String,
        /// How much
        amount: String,
        /// Your own name for it
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
        /// Do not ask, also if it is more than what is missing
        #[arg(long, short = 'y')]
        yes: bool,
    },
    /// Say that you put no more in: claims that the books do not cover are not paid, and the keyset can be dropped
    ///
    /// Only when nothing is claimed any more. Payees are paid as far as it goes, then holders.
    Close {
        #[command(flatten)]
        folder: MintFolder,
        /// The keyset
        #[arg(allow_hyphen_values = true)]
        keyset: String,
        /// Do not ask
        #[arg(long, short = 'y')]
        yes: bool,
    },
}
