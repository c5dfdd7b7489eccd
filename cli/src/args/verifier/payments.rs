use clap::{Args, ValueEnum};

use super::{Reply, VerifierFolder};

const EXAMPLES: &str = "\
For example:
  farthing verifier payments --since 7d --memo coffee
  farthing verifier payments --since 2026-11-01 --format csv > payments.csv";

/// `farthing verifier payments`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifierPayments {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// Only the payment with this id, or those whose ids begin so
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) id: Option<String>,
    /// Only those accepted then or later: a day such as 2026-11-23 (UTC), or how long ago, such as 7d or 12h
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only those accepted earlier
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Only those whose memo holds this, in capitals or not
    #[arg(long, value_name = "TEXT")]
    pub(crate) memo: Option<String>,
    /// How many at most [default: 50 in a table, else all]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
    /// How they are written
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) reply: Reply,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For spreadsheets: one line for each, all fields
    Csv,
    /// For programs: the same as --json
    Json,
}

impl VerifierPayments {
    pub(crate) fn wants_json(&self) -> bool {
        self.reply.json || self.format == Format::Json
    }
}
