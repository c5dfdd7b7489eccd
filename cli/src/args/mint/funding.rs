use clap::{Args, Subcommand};

use super::MintFolder;

/// Commands about what a payment processor reports.
#[derive(Debug, Subcommand)]
pub(crate) enum MintFundingCommand {
    /// List money that came in for nobody known, and waits for you
    List(MintFundingList),
    /// Say whose such money is: it is credited to an account
    Assign(MintFundingAssign),
    /// Say that you sent such money back: it leaves the books
    Return(MintFundingReturn),
    /// Make a secret for the payment processor
    ///
    /// It is written to the file that mint.toml names, before the last one, which stays valid until the next is made: so you can give
    /// it to the processor without a message being lost. It counts at once, also while the mint runs.
    Secret(MintFundingSecret),
}

/// `farthing mint funding list`
#[derive(Debug, Args)]
pub(crate) struct MintFundingList {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// List what was credited or sent back, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint funding assign`
#[derive(Debug, Args)]
pub(crate) struct MintFundingAssign {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The payment's number, as `list` shows it
    pub(crate) number: u64,
    /// The account, as `farthing wallet account` prints it
    pub(crate) account: String,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint funding return`
#[derive(Debug, Args)]
pub(crate) struct MintFundingReturn {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The payment's number, as `list` shows it
    pub(crate) number: u64,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint funding secret`
#[derive(Debug, Args)]
pub(crate) struct MintFundingSecret {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

impl MintFundingCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::List(args) => args.json,
            Self::Assign(args) => args.json,
            Self::Return(args) => args.json,
            Self::Secret(args) => args.json,
        }
    }
}
