//! `farthing verifier rotate-key`

use std::path::PathBuf;

use clap::Args;

use super::{Reply, VerifierFolder};

/// `farthing verifier rotate-key`
#[derive(Debug, Args)]
pub(crate) struct VerifierRotateKey {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// Take the first key of new words, which are shown, instead of the next key of the words you have
    #[arg(long)]
    pub(crate) new_words: bool,
    /// Read the words from a file (- is standard input); with --new-words, write the new ones into a new file
    #[arg(long, value_name = "FILE")]
    pub(crate) words_file: Option<PathBuf>,
    /// Rotate the key that tokens are locked to as well
    #[arg(long)]
    pub(crate) lock_key: bool,
    /// For how many days invoices of the old key, and tokens locked to it, are still accepted
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) accept_for: u32,
    /// Do not ask whether to go on, nor whether new words were written down
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) reply: Reply,
}
