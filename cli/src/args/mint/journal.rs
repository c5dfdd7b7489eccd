use clap::Args;

use super::MintFolder;

const JOURNAL: &str = "\
For example:
  farthing mint journal                          the last changes, newest first
  farthing mint journal --limit 1000
  farthing mint journal --verify                 do all entries fit?
  farthing mint journal --verify --link mP0h...  did it ever end in this link?

Write the last link down where nobody who can write to this machine can change
it. Later, --link with it shows whether what was done until then still stands
there.";

/// `farthing mint journal`
#[derive(Debug, Args)]
#[command(after_help = JOURNAL)]
pub(crate) struct MintJournal {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    /// At most so many entries
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub(crate) limit: usize,
    /// Verify the whole journal
    #[arg(long)]
    pub(crate) verify: bool,
    /// Say after which entry it ended in this link, which you wrote down
    #[arg(long, value_name = "LINK", requires = "verify", allow_hyphen_values = true)]
    pub(crate) link: Option<String>,
    /// Answer with one JSON object on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}
