use clap::Args;

use super::MintFolder;

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
