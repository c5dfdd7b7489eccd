use std::path::PathBuf;

use clap::Subcommand;
use farthing_protocol::api::{SecondFactor, TimeCode};

use crate::factor::{read_code, read_time_code};

/// What is done with the second factor and the limit of an account.
#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Say how the account's second factor and limit stand
    Show,
    /// Draw a second factor: a secret for an authenticator, and recovery codes
    ///
    /// Both are shown once. It is asked for as soon as its first code has confirmed it, for what leaves the account beyond the
    /// limit within a day. Whoever has your words alone can then take no more than that.
    Enrol {
        /// How much may leave within a day without a code, such as 50.00; 0 for nothing
        #[arg(long, value_name = "AMOUNT")]
        limit: String,
        /// Code of the unit, if the account holds several
        #[arg(long, value_name = "UNIT")]
        unit: Option<String>,
        /// A code of the second factor that there is; asked for if it is needed and not given
        #[arg(long, value_name = "CODE", value_parser = read_code)]
        code: Option<SecondFactor>,
        /// Write the secret and the recovery codes into a new file instead of showing them
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Confirm a second factor that was drawn, by its first code
    Confirm {
        /// The six digits that the authenticator shows
        #[arg(value_name = "DIGITS", value_parser = read_time_code)]
        first: TimeCode,
    },
    /// Set another limit, or none
    Limit {
        /// How much may leave within a day without a code, such as 50.00, or none
        #[arg(value_name = "AMOUNT|none")]
        limit: String,
        /// Code of the unit, if the account holds several
        #[arg(long, value_name = "UNIT")]
        unit: Option<String>,
        /// A code of the second factor; asked for if it is not given
        #[arg(long, value_name = "CODE", value_parser = read_code)]
        code: Option<SecondFactor>,
    },
    /// Draw new recovery codes; the old ones are void
    RecoveryCodes {
        /// A code of the second factor; asked for if it is not given
        #[arg(long, value_name = "CODE", value_parser = read_code)]
        code: Option<SecondFactor>,
        /// Write them into a new file instead of showing them
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Take the second factor away, and the limits
    Remove {
        /// A code of the second factor; asked for if it is not given
        #[arg(long, value_name = "CODE", value_parser = read_code)]
        code: Option<SecondFactor>,
    },
}
