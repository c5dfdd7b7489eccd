use clap::Args;

use super::MintFolder;

const BACKING: &str = "\
For example:
  farthing mint backing             what is owed, and what backs it
  farthing mint backing 25000.00    you hold so much: in the bank, in the till
  farthing mint backing --none      nothing is declared any more";

/// `farthing mint backing`
#[derive(Debug, Args)]
#[command(after_help = BACKING)]
pub(crate) struct MintBacking {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// What you hold, in the mint's unit
    #[arg(allow_negative_numbers = true, conflicts_with = "none")]
    pub(crate) amount: Option<String>,
    /// Declare nothing any more
    #[arg(long)]
    pub(crate) none: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
