//! `[archive]`

use serde::Deserialize;

use crate::home::{ArchiveTimes, HomeError, Windows};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Archive {
    seal_seconds: Option<u64>,
    filter_seconds: Option<u64>,
}

impl Archive {
    /// What is not said is as usual, or as seldom as it must be.
    pub(super) fn times(&self, windows: &Windows) -> Result<ArchiveTimes, HomeError> {
        let (least, usual) = (ArchiveTimes::least(windows), ArchiveTimes::default());
        let seal = self.seal_seconds.unwrap_or(usual.seal.max(least.seal));
        let filter = self.filter_seconds.unwrap_or(usual.filter.max(least.filter));
        if seal < least.seal || filter < least.filter {
            return Err(HomeError::ArchiveTimes(least));
        }
        Ok(ArchiveTimes { seal, filter })
    }
}

pub(super) fn text(archive: &ArchiveTimes) -> String {
    let ArchiveTimes { seal, filter } = archive;
    format!(
        "\
# What is published so that wallets can be restored from their words: issuances in files sealed every so many seconds,
# spent tokens in filters closed every so many seconds. A restore is finished after the next sealing. What was published
# stays listed, so there are at most 20000 of each in the life of a keyset.
[archive]
seal_seconds = {seal}
filter_seconds = {filter}
"
    )
}
