//! A disk that is full, or becomes full at any moment of an operation: it is said plainly, nothing is lost, and with room the
//! wallet works again.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::harness::World;
use crate::stage::{Purse, Ran, Stage, ran};

/// `farthing` under a shell that ignores SIGXFSZ, as a disk without room sends none, and perhaps limits the size of files.
fn under_shell(purse: &Purse<'_>, limit: &str, arguments: &[&str]) -> Command {
    let script = format!("trap '' XFSZ; {limit} exec \"$0\" \"$@\"");
    purse.command_under("bash", &["-c", &script], arguments)
}

fn says_so(ran: &Ran) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.err.contains("disk full") || ran.err.contains("File too large") || ran.err.contains("No space"),
        "{ran:?}"
    );
}

#[test]
fn a_disk_that_becomes_full_at_any_moment_loses_nothing() {
    let stage = Stage::new();
    let mut held = Vec::new();
    let mut refused = 0;
    for kind in 0..3 {
        for moment in 1.. {
            let purse = stage.purse(500);
            purse.run(&["withdraw", "0.64"]).succeeded();
            // A withdrawal, a payment, a payment that needs a swap.
            let cents = [0, 64, 37][kind];
            let invoice = if cents > 0 { stage.invoice(cents) } else { String::new() };
            let arguments: &[&str] = if kind == 0 { &["withdraw", "1.05"] } else { &["pay", &invoice, "--yes"] };
            let full = ran(under_shell(&purse, "", arguments).env("FARTHING_TEST_FULL", moment.to_string()));
            if !full.err.contains("full at ") {
                held.push(purse.assert_whole("nothing"));
                break;
            }
            // What came after the last write succeeds.
            if full.code != Some(0) {
                says_so(&full);
                refused += 1;
            }
            let resumed = purse.run(&["balance"]).succeeded();
            let after = purse.assert_whole(&resumed.err);
            assert!(after.paid == 0 || after.paid == cents);
            purse.run(arguments).succeeded();
            let after = purse.assert_whole(&full.err);
            assert_eq!(after.paid, cents);
            held.push(after);
        }
    }
    assert!(refused >= 10, "only {refused}");
    stage.assert_conserved(&held);
}

#[test]
fn a_disk_full_from_the_beginning_is_said_and_changes_nothing() {
    let stage = Stage::new();
    let purse = stage.purse(500);
    purse.run(&["withdraw", "0.64"]).succeeded();
    let before = purse.assert_whole("nothing");
    for kibibytes in [0, 4, 64, 511] {
        for arguments in [&["withdraw", "1.05"][..], &["balance"], &["history"]] {
            says_so(&ran(&mut under_shell(&purse, &format!("ulimit -f {kibibytes};"), arguments)));
        }
        assert_eq!(purse.assert_whole("full"), before);
    }
    stage.assert_conserved(&[before]);
}

/// A file system of a few pages, where files exist and nothing more fits.
#[test]
fn a_file_system_without_room_loses_nothing() {
    let stage = Stage::new();
    let Some(small) = Mounted::new(&stage.world) else {
        // Whoever is not root cannot; the other tests here need nothing.
        // Past the test harness, which hides what a passing test writes.
        let _gone =
            writeln!(std::fs::File::create("/dev/stderr").unwrap(), "skipped: no file system can be mounted here");
        return;
    };
    let purse = stage.purse_in(&small.folder.join("wallet"), 100_000);
    purse.run(&["withdraw", "0.64"]).succeeded();
    let ballast = small.folder.join("ballast");
    for round in 0.. {
        // Some rounds end where the state's file would begin to need more room.
        fill(&ballast, round % 7 * 4096);
        let full = purse.run(&["withdraw", "--bundle", "0"]);
        let refused = full.code != Some(0);
        if refused {
            says_so(&full);
        }
        std::fs::remove_file(&ballast).unwrap();
        let resumed = purse.run(&["balance"]).succeeded();
        purse.assert_whole(&resumed.err);
        if refused {
            break;
        }
        assert!(round < 120, "there was room all the time");
    }
    stage.assert_conserved(&[purse.assert_whole("all")]);
}

/// Takes all the room there is but so many bytes.
fn fill(ballast: &Path, leave: usize) {
    let mut file = std::fs::File::create(ballast).unwrap();
    let page = [7; 4096];
    while file.write_all(&page).is_ok() {}
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(leave as u64)).unwrap();
}

struct Mounted {
    folder: std::path::PathBuf,
}

impl Mounted {
    fn new(world: &World) -> Option<Self> {
        let folder = world.path("small");
        std::fs::create_dir(&folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(&folder).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg(&self.folder).output();
    }
}
