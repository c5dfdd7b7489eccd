use clap::Args;

use super::VerifierFolder;
use crate::args::SettingsCommand;

const FACTOR: &str = "\
For example:
  farthing verifier factor show
  farthing verifier factor enrol --limit 100.00
  farthing verifier factor limit 250.00
  farthing verifier payout 1000.00 --reference \"DE02 1203\" --code 123456";

/// `farthing verifier factor`
#[derive(Debug, Args)]
#[command(after_help = FACTOR)]
pub(crate) struct VerifierFactor {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    #[command(subcommand)]
    pub(crate) command: SettingsCommand,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
}
