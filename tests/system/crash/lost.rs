//! Wallets whose folder is gone, or is an old copy.

use super::scenarios::{Task, text_of};
use crate::stage::{Purse, Stage};
use crate::words::copy;

/// A wallet of which the words alone are left. It had tokens, of which some are spent, some given out as a text that nobody claimed,
/// some locked and claimed; and a withdrawal of which it does not know that it was answered.
pub(super) fn restored(stage: &Stage) -> Task<'_> {
    let (purse, other) = (stage.purse(500), stage.purse(1));
    purse.run(&["withdraw", "0.48"]).succeeded();
    other.json(&["receive", &text_of(&purse, &["send", "0.32"])]);
    let record = text_of(&other, &["recipient"]);
    other.json(&["receive", &text_of(&purse, &["send", "0.04", "--to", &record, "--yes"])]);
    text_of(&purse, &["send", "0.04"]);
    left_at(&purse, "RequestAnswered");
    std::fs::remove_dir_all(&purse.folder).unwrap();
    let (url, paper) = (stage.to_mint.url(), purse.paper());
    let words = ["--words-file", paper.to_str().unwrap(), "--no-passphrase", "--yes"];
    Task::restoring(purse, other, &[&["restore", "--mint", &url, "--renew-now"], &words[..]].concat(), 36)
}

/// An old copy of a wallet that has met a number of the newer one, which withdrew and spent meanwhile and is gone.
pub(super) fn brought_together(stage: &Stage) -> Task<'_> {
    let (purse, other) = (stage.purse(500), stage.purse(1));
    purse.run(&["withdraw", "0.48"]).succeeded();
    let old = purse.folder.with_extension("old");
    copy(&purse.folder, &old);
    purse.run(&["withdraw", "0.05"]).succeeded();
    other.json(&["receive", &text_of(&purse, &["send", "0.16"])]);
    std::fs::remove_dir_all(&purse.folder).unwrap();
    std::fs::rename(&old, &purse.folder).unwrap();
    let stopped = purse.run(&["withdraw", "0.01"]);
    assert_eq!(stopped.code, Some(3), "{stopped:?}");
    Task::restoring(purse, other, &["resync", "--yes"], 16)
}

/// Killed in a withdrawal.
fn left_at(purse: &Purse<'_>, step: &str) {
    let killed = purse.run_killed_at(&["withdraw", "0.02"], &format!("{step}:1"));
    assert_eq!(killed.killed.as_deref(), Some(step), "{killed:?}");
}
