//! `[data]`

use std::path::{Path, PathBuf};

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
    let fence = fence.as_deref().map(fence_line).unwrap_or_default();
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

fn fence_line(fence: &Path) -> String {
    format!("fence = {}\n", toml::Value::String(fence.display().to_string()))
}

/// A configuration with another fence. Everything else in it stays as somebody wrote it.
pub(crate) fn with_fence(config: &str, fence: &Path) -> String {
    let (mut changed, mut within, mut is_noted) = (String::new(), false, false);
    for line in config.lines() {
        let words = line.trim();
        if words.starts_with('[') {
            within = words.starts_with("[data]");
        }
        let is_old = within && words.strip_prefix("fence").is_some_and(|rest| rest.trim_start().starts_with('='));
        if !is_old {
            changed.push_str(line);
            changed.push('\n');
        }
        if within && !is_noted {
            changed.push_str(&fence_line(fence));
            is_noted = true;
        }
    }
    if !is_noted {
        changed.push_str("\n[data]\n");
        changed.push_str(&fence_line(fence));
    }
    changed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        data: Data,
        #[serde(default)]
        other: toml::Table,
    }

    fn read(text: &str) -> Option<Data> {
        toml::from_str::<File>(text).ok()?.data.checked().ok()
    }

    #[test]
    fn nothing_has_to_be_said() {
        for text in ["", "[data]\n", &text(&Data::default())] {
            let Data { fence, keep_seconds } = read(text).unwrap();
            assert_eq!((fence, keep_seconds), (None, None), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for fence in ["/mnt/other/mint.fence", "/a \"quoted\"\t/c\\d", "/ümlaut\u{7f}"] {
            let data = Data { fence: Some(PathBuf::from(fence)), keep_seconds: Some(LEAST) };
            let read = read(&text(&data)).unwrap();
            assert_eq!((read.fence, read.keep_seconds), (data.fence, data.keep_seconds));
        }
    }

    #[test]
    fn a_fence_is_a_whole_path_of_a_file_and_references_are_kept_for_a_day_at_least() {
        for wrong in [
            "fence = \"mint.fence\"",
            "fence = \"./a\"",
            "fence = \"\"",
            "fence = \"/\"",
            "fence = \"/a/..\"",
            "fence = 7",
        ] {
            assert!(read(&format!("[data]\n{wrong}\n")).is_none(), "{wrong}");
        }
        assert_eq!(read("[data]\nkeep_seconds = 86400\n").unwrap().keep_seconds, Some(LEAST));
        for wrong in ["86399", "0", "-1", "\"86400\"", "1e9"] {
            assert!(read(&format!("[data]\nkeep_seconds = {wrong}\n")).is_none(), "{wrong}");
        }
        assert!(read("[data]\nfences = \"/a\"\n").is_none());
    }

    #[test]
    fn a_fence_is_changed_and_nothing_else_is() {
        let fence = Path::new("/mnt/\"new\"");
        for (before, after) in [
            ("", "\n[data]\nX"),
            ("[data]\n", "[data]\nX"),
            ("[data]\nkeep_seconds = 90000\n", "[data]\nXkeep_seconds = 90000\n"),
            ("[data] # here\nkeep_seconds = 90000\n fence=\"/old\"", "[data] # here\nXkeep_seconds = 90000\n"),
            (
                "[other]\nfence = \"/its\"\n[data]\n#fence = \"/a\"\n",
                "[other]\nfence = \"/its\"\n[data]\nX#fence = \"/a\"\n",
            ),
            ("[data]\nfence = \"/old\"\n[other]\nfence = \"/its\"\n", "[data]\nX[other]\nfence = \"/its\"\n"),
        ] {
            let changed = with_fence(before, fence);
            assert_eq!(changed, after.replace('X', &fence_line(fence)));
            let (before, after): (File, File) = (toml::from_str(before).unwrap(), toml::from_str(&changed).unwrap());
            assert_eq!(after.data.fence.as_deref(), Some(fence));
            assert_eq!((before.data.keep_seconds, before.other), (after.data.keep_seconds, after.other));
        }
    }
}
