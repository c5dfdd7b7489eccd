//! `[data]`

use std::path::PathBuf;

use serde::Deserialize;

use crate::home::HomeError;

/// References are kept for a day at least, in seconds: as long as a bank's file may be read in twice by mistake.
const LEAST: u64 = 86_400;

/// What is kept, and where it is counted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Data {
    /// Where the ledger's answers are counted, if it is not beside the folder.
    pub(crate) fence: Option<PathBuf>,
    /// How long references of credits are kept, in seconds; for ever if nothing is said.
    pub(crate) keep_seconds: Option<u64>,
}

impl Data {
    pub(super) fn checked(self) -> Result<Self, HomeError> {
        let is_possible = self.fence.as_ref().is_none_or(|fence| fence.is_absolute() && fence.file_name().is_some())
            && self.keep_seconds.is_none_or(|keep| keep >= LEAST);
        if is_possible { Ok(self) } else { Err(HomeError::Config) }
    }
}

pub(super) fn text(Data { fence, keep_seconds }: &Data) -> String {
    let fence = fence.as_ref().map(|fence| format!("fence = {:?}\n", fence.display().to_string())).unwrap_or_default();
    let keep = keep_seconds.map(|keep| format!("keep_seconds = {keep}\n")).unwrap_or_default();
    format!(
        "\
# A file outside of this folder in which the ledger's answers are counted, so that an older copy of the folder is never taken
# for the newest. Without this line it lies beside the folder. Better is a path on another machine's disk, which is not put
# back together with this one:
#   fence = \"/mnt/other/mint.fence\"
#
# How long the references of credits and payouts are kept, in seconds; without this line for ever. After that a hash of each is
# left, so that none is credited twice:
#   keep_seconds = 31536000
[data]
{fence}{keep}"
    )
}
