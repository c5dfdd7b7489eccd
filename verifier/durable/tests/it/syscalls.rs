//! What the kernel is asked to do before an answer leaves, seen with strace.

use std::{collections::HashMap, io::Write, process::Command};

use crate::child::output;

/// Says on the real standard error, which the harness does not capture, that something was left out.
fn skip(why: &str) {
    assert_ne!(std::env::var("FARTHING_REQUIRE_ALL").as_deref(), Ok("1"), "{why}");
    // Not `eprintln`, which the harness captures.
    let mut out = std::io::stderr();
    out.write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
}

#[test]
fn each_answer_leaves_after_an_fdatasync_of_all_that_was_written() {
    let strace = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
    if !strace.is_ok_and(|status| status.success()) {
        return skip("strace cannot be used here; the order of system calls was not checked");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let (store, trace) = (path.join("store"), path.join("trace"));
    let calls = "trace=pwrite64,pwritev,pwritev2,write,writev,fdatasync,fsync,sync_file_range";
    let wrapper = ["strace", "-f", "-y", "-s", "16", "-e", calls, "-o", trace.to_str().unwrap()];
    let said = output("one by one", &store, &wrapper);
    let acknowledged = said.iter().filter(|line| line.starts_with("ack ")).count();
    assert_eq!(acknowledged, 120);

    let file = format!("<{}>", store.join("db").to_str().unwrap());
    let mut check = Check::default();
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        check.line(line, &file);
    }
    assert_eq!(check.acknowledged, acknowledged);
    assert!(check.writes >= 60, "{} writes to the file", check.writes);
    // One for the opening and one for each job that wrote; for the others only where sled wrote of its own accord.
    assert!((61..90).contains(&check.syncs), "{} syncs", check.syncs);
}

/// Follows a trace line by line.
#[derive(Default)]
struct Check {
    /// Calls under way, by thread: the call, and the number of writes begun before it.
    under_way: HashMap<String, (Call, usize)>,
    writes: usize,
    writes_ended: usize,
    /// How many writes the last successful sync covers.
    covered: usize,
    syncs: usize,
    acknowledged: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Call {
    Write,
    Sync,
    Other,
}

impl Check {
    fn line(&mut self, line: &str, file: &str) {
        let Some((thread, what)) = line.split_once(' ') else {
            return;
        };
        let what = what.trim_start();
        if what.starts_with("<... ") {
            if let Some((call, begun)) = self.under_way.remove(thread) {
                self.end(call, begun, what);
            }
            return;
        }
        let Some((name, arguments)) = what.split_once('(') else {
            return;
        };
        let on_file = arguments.contains(file);
        let call = match name {
            "pwrite64" | "pwritev" | "pwritev2" | "write" | "writev" if on_file => Call::Write,
            "fdatasync" if on_file => Call::Sync,
            _ => Call::Other,
        };
        if name == "write" && arguments.contains("\"ack ") {
            self.acknowledged += 1;
            assert_eq!(self.covered, self.writes, "answer {} left before its sync", self.acknowledged);
        }
        // A sync covers the writes that had ended when it began.
        let begun = if self.writes == self.writes_ended { self.writes } else { 0 };
        if call == Call::Write {
            self.writes += 1;
        }
        if what.ends_with("<unfinished ...>") {
            self.under_way.insert(thread.to_owned(), (call, begun));
        } else {
            self.end(call, begun, what);
        }
    }

    fn end(&mut self, call: Call, begun: usize, what: &str) {
        match call {
            Call::Write => self.writes_ended += 1,
            Call::Sync => {
                assert!(what.trim_end().ends_with("= 0"), "{what}");
                self.covered = begun;
                self.syncs += 1;
            }
            Call::Other => {}
        }
    }
}
