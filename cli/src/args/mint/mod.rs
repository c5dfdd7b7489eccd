//! `farthing mint …`: one file for each command.

mod credit;
mod init;
mod payouts;
mod recoup;
mod run;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) use self::credit::MintCredit;
pub(crate) use self::init::MintInit;
pub(crate) use self::payouts::MintPayouts;
pub(crate) use self::recoup::{MintRecoup, MintRecoupCommand, MintRevoke};
pub(crate) use self::run::MintRun;

/// Where a mint lives, and what unlocks its keys.
#[derive(Debug, Args)]
pub(crate) struct MintFolder {
    /// The mint's folder [default: ~/.farthing/mint]
    #[arg(long, value_name = "DIR", env = "FARTHING_MINT_DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// What protects the mint's keys on disk.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Unlocking {
    /// Read the passphrase from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Use a 32-byte key file instead of a passphrase; `init` creates it
    ///
    /// Without either, the environment's FARTHING_MINT_KEY_FILE or FARTHING_MINT_PASSPHRASE is used, or the
    /// passphrase is asked for.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Commands of a mint's operator.
#[derive(Debug, Subcommand)]
pub(crate) enum MintCommand {
    /// Make a mint: its identity, its first keyset, its ledger
    ///
    /// The secret keys are encrypted under a passphrase, which is asked for, or under a key file.
    /// Without it nobody can issue, not even you: keep a copy of it in another place.
    Init(MintInit),
    /// Serve wallets and merchants until interrupted
    Run(MintRun),
    /// Add money to an account, because its owner paid you for it
    ///
    /// Works while the mint runs, and also while it does not. With the same --reference the same credit is
    /// made once only, so a command whose outcome you do not know can be repeated.
    Credit(MintCredit),
    /// Show the keysets and their windows
    Keysets(MintFolder),
    /// Recompute the books from every record and compare
    ///
    /// funded − paid out = balances + fees + unused vouchers + pending payouts + (issued − redeemed), for each
    /// unit. Exits with 1 when a figure differs, and names it.
    Audit(MintFolder),
    /// List payouts that merchants asked for, and say which you paid
    ///
    /// Works while the mint runs, and also while it does not.
    Payouts(MintPayouts),
    /// Revoke a keyset whose key leaked, or may have leaked
    ///
    /// From then on nobody pays, swaps or deposits its tokens. Their honest holders claim them, and are paid. What cannot
    /// be undone: forged tokens that were swapped or paid before. Works while the mint runs, and also while it does not.
    Revoke(MintRevoke),
    /// Show what is claimed of revoked keysets, or put money in that forged tokens took
    Recoup(MintRecoup),
}

impl MintCommand {
    /// Whether the answer, or the failure, is one JSON object.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Payouts(args) => args.json,
            Self::Revoke(args) => args.json,
            Self::Recoup(args) => args.json,
            Self::Init(_) | Self::Run(_) | Self::Credit(_) | Self::Keysets(_) | Self::Audit(_) => false,
        }
    }
}
