use clap::Args;

use super::MintFolder;

const PAYOUTS: &str = "\
For example:
  farthing mint payouts                            what was asked for
  farthing mint payouts --approve 7,8              they are to be paid
  farthing mint payouts --csv > for-the-bank.csv   a table of what is to be paid
  farthing mint payouts --paid 7,8 --reference \"SEPA 2026-11-26\"
  farthing mint payouts --reject 9 --reason \"no such account\"

What is rejected is in the account again. Its owner reads reference and reason.";

/// `farthing mint payouts`
#[derive(Debug, Args)]
#[command(after_help = PAYOUTS)]
pub(crate) struct MintPayouts {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// List those that were paid or rejected, too
    #[arg(long, conflicts_with_all = ["approve", "paid", "reject"])]
    pub(crate) all: bool,
    /// Say that these are to be paid
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', num_args = 1.., conflicts_with_all = ["paid", "reject"])]
    pub(crate) approve: Vec<u64>,
    /// Say that you paid these outside, which were approved before
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', num_args = 1.., conflicts_with = "reject", requires = "reference")]
    pub(crate) paid: Vec<u64>,
    /// Under which reference you paid them
    #[arg(long, value_name = "TEXT", requires = "paid")]
    pub(crate) reference: Option<String>,
    /// Say that you do not pay these: the money goes back to their accounts
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', num_args = 1.., requires = "reason")]
    pub(crate) reject: Vec<u64>,
    /// Why you do not pay them
    #[arg(long, value_name = "TEXT", requires = "reject")]
    pub(crate) reason: Option<String>,
    /// Write those that are approved as CSV, or all with --all
    #[arg(long, conflicts_with_all = ["json", "approve", "paid", "reject"])]
    pub(crate) csv: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
