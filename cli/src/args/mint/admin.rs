use std::path::PathBuf;

use clap::{Args, Subcommand};
use farthing_protocol::api::TimeCode;

use super::{MintFolder, SignerFolder, Unlocking};
use crate::factor::read_time_code;

const ADMIN: &str = "\
For example:
  farthing mint admin init             draw a second factor, and confirm it
  farthing mint admin show             how it stands
  farthing mint admin recovery-codes   when few are left
  farthing mint admin remove           without it nothing needs a code
  farthing mint admin reset            authenticator and recovery codes are lost

Once there is one, every command that changes something asks for a code, or
takes --code.";

/// `farthing mint admin`
#[derive(Debug, Args)]
#[command(after_help = ADMIN)]
pub(crate) struct MintAdmin {
    #[command(subcommand)]
    pub(crate) command: MintAdminCommand,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What is done with the administrator's second factor.
#[derive(Debug, Subcommand)]
pub(crate) enum MintAdminCommand {
    /// Draw a second factor: a secret for an authenticator, and recovery codes
    ///
    /// Both are shown once. It is asked for as soon as its first code has confirmed it, so that you cannot lock yourself out.
    Init {
        #[command(flatten)]
        folder: MintFolder,
        /// Write the secret and the recovery codes into a new file instead of showing them
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Confirm a second factor that was drawn, by its first code
    Confirm {
        #[command(flatten)]
        folder: MintFolder,
        /// The six digits that the authenticator shows
        #[arg(value_name = "DIGITS", value_parser = read_time_code)]
        first: TimeCode,
    },
    /// Say how the second factor stands
    Show {
        #[command(flatten)]
        folder: MintFolder,
    },
    /// Draw new recovery codes; the old ones are void
    RecoveryCodes {
        #[command(flatten)]
        folder: MintFolder,
        /// Write them into a new file instead of showing them
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Take the second factor away
    Remove {
        #[command(flatten)]
        folder: MintFolder,
    },
    /// Take it away with what opens the mint's keys, because everything else is lost
    ///
    /// The mint must not run meanwhile. If its keys are with a signer, they are opened in the signer's folder.
    Reset {
        #[command(flatten)]
        folder: MintFolder,
        #[command(flatten)]
        signer: SignerFolder,
        #[command(flatten)]
        unlocking: Unlocking,
    },
}
