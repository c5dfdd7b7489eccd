use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::MintFolder;

const CREATE: &str = "\
For example:
  farthing mint vouchers create --count 50 --amount 5.00 --sheet fair.html
  farthing mint vouchers create --count 8 --amount 20.00 --expires 30d \\
      --title \"Summer fair\" --mint-url https://mint.example --sheet fair.svg";

/// Commands about vouchers.
#[derive(Debug, Subcommand)]
pub(crate) enum MintVouchersCommand {
    /// Make a batch of vouchers, and a sheet to print them from
    ///
    /// The codes are drawn here and written to the sheet, and to nothing else: the mint gets their public keys. Whoever reads a code
    /// can redeem it, so treat the sheet as money, and erase it when it is printed. Works while the mint runs, and also while
    /// it does not.
    #[command(after_help = CREATE)]
    Create(MintVouchersCreate),
    /// Put the vouchers of a sheet into the mint's books, if it is not known whether they are
    ///
    /// For when `create` was interrupted, or its outcome is not known. Vouchers that are there stay as they are.
    Register(MintVouchersRegister),
    /// List the batches, and how much of each was redeemed
    List(MintVouchersList),
    /// End a batch: none of its vouchers can be redeemed any more
    ///
    /// What nobody redeemed leaves the books. It cannot be undone.
    Revoke(MintVouchersRevoke),
}

/// `farthing mint vouchers create`
#[derive(Debug, Args)]
pub(crate) struct MintVouchersCreate {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// How many vouchers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    /// What each is worth in the mint's unit, such as 5.00
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// When they end: after so long (90d, 12h), or at the beginning of a day (2027-01-31, UTC)
    #[arg(long, value_name = "TIME", default_value = "365d")]
    pub(crate) expires: String,
    /// The new file for the sheet: .html, or .svg, which makes one file for each page
    #[arg(long, value_name = "FILE")]
    pub(crate) sheet: PathBuf,
    /// What stands on each voucher, and in the list of batches
    #[arg(long, value_name = "TEXT", default_value = "Voucher")]
    pub(crate) title: String,
    /// The mint's address, as it is printed on each voucher
    #[arg(long, value_name = "URL")]
    pub(crate) mint_url: Option<String>,
    /// The paper
    #[arg(long, value_enum, default_value_t = Paper::A4)]
    pub(crate) paper: Paper,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the sheet is printed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Paper {
    /// 210 mm × 297 mm
    A4,
    /// 8.5 in × 11 in
    Letter,
}

/// `farthing mint vouchers register`
#[derive(Debug, Args)]
pub(crate) struct MintVouchersRegister {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The sheet, all of its files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) sheet: Vec<PathBuf>,
    /// What stands in the list of batches: the same as before
    #[arg(long, value_name = "TEXT", default_value = "Voucher")]
    pub(crate) title: String,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint vouchers list`
#[derive(Debug, Args)]
pub(crate) struct MintVouchersList {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint vouchers revoke`
#[derive(Debug, Args)]
pub(crate) struct MintVouchersRevoke {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The number of the batch, as `list` shows it
    pub(crate) batch: u64,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

impl MintVouchersCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::Create(args) => args.json,
            Self::Register(args) => args.json,
            Self::List(args) => args.json,
            Self::Revoke(args) => args.json,
        }
    }
}
