//! Commands for tokens locked to the payee, and for a place without a network.

use std::path::PathBuf;

use clap::Args;

use super::{Reply, VerifierFolder};
use crate::args::{Delivery, Input, Pictures};

/// `farthing verifier recipient`
#[derive(Debug, Args)]
pub(crate) struct VerifierRecipient {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// `farthing verifier export-keysets`
#[derive(Debug, Args)]
pub(crate) struct VerifierExportKeysets {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The mint's address [default: that of the verifier in the folder]
    #[arg(long, value_name = "URL")]
    pub(crate) mint: Option<String>,
    /// Write it into this file, in the place of an older one, instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// `farthing verifier import-keysets`
#[derive(Debug, Args)]
pub(crate) struct VerifierImportKeysets {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The file; - is standard input
    pub(crate) file: PathBuf,
}

/// `farthing verifier accept`
#[derive(Debug, Args)]
pub(crate) struct VerifierAccept {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    #[command(flatten)]
    pub(crate) input: Input,
    /// Write the receipt into a file instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) pictures: Pictures,
}

/// `farthing verifier recoup`
#[derive(Debug, Args)]
pub(crate) struct VerifierRecoup {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    #[command(flatten)]
    pub(crate) reply: Reply,
}

/// `farthing verifier deposit`
#[derive(Debug, Args)]
pub(crate) struct VerifierDeposit {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// Send once more what the mint refused before
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) again: bool,
    /// Ask nobody: show what there is to be deposited, and what was refused
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
