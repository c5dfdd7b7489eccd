use clap::{Args, Subcommand};

use super::MintFolder;

/// Commands about who may have an account.
#[derive(Debug, Subcommand)]
pub(crate) enum MintAccountCommand {
    /// Open an account, so that money can come into it
    ///
    /// Matters where `registration` in mint.toml is "closed". Works while the mint runs, and also while it does not.
    Open(MintAccountNamed),
    /// Close an account: nothing comes into it any more but by your own credits
    ///
    /// What it holds may leave: its owner can withdraw it, and have it paid out.
    Close(MintAccountNamed),
    /// List the accounts that you opened
    List(MintAccountList),
}

/// `farthing mint account open` and `close`
#[derive(Debug, Args)]
pub(crate) struct MintAccountNamed {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// The account, as `farthing wallet account` or `farthing verifier keys` prints it
    pub(crate) account: String,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

/// `farthing mint account list`
#[derive(Debug, Args)]
pub(crate) struct MintAccountList {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

impl MintAccountCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::Open(args) | Self::Close(args) => args.json,
            Self::List(args) => args.json,
        }
    }
}
