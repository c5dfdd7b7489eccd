use clap::Args;

use super::MintFolder;

/// `farthing mint dismiss-forgery`
#[derive(Debug, Args)]
pub(crate) struct MintDismissForgery {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The keyset, as `farthing mint keysets` shows it
    #[arg(allow_hyphen_values = true)]
    pub(crate) keyset: String,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
