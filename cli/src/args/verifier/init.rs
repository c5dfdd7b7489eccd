//! `farthing verifier init`

use std::path::PathBuf;

use clap::Args;

use super::{Reply, VerifierFolder};

/// `farthing verifier init`
#[derive(Debug, Args)]
pub(crate) struct VerifierInit {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The mint's address
    #[arg(long, value_name = "URL")]
    pub(crate) mint: String,
    /// The mint's identity, if you know it from elsewhere: refuse any other
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) mint_id: Option<String>,
    /// Code of the unit to be paid in, if the mint has several
    #[arg(long)]
    pub(crate) unit: Option<String>,
    /// Take tokens that are locked to you too, as is needed where there is no network
    #[arg(long)]
    pub(crate) locked: bool,
    /// Bring the payee key back from its words, which are asked for
    #[arg(long)]
    pub(crate) restore: bool,
    /// With --restore: which key of the words it was, as `init` and `rotate-key` said
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "restore", value_parser = clap::value_parser!(u32).range(..MOST_KEYS))]
    pub(crate) key: u32,
    /// Write the words into a new file instead of showing them; with --restore, read them from a file (- is standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) words_file: Option<PathBuf>,
    /// Do not ask whether the words were written down, nor whether the mint is the right one
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) reply: Reply,
}

/// Nobody rotates a key so often.
const MOST_KEYS: i64 = 1000;
