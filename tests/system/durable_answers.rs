//! Between the last write to sled's file and each acknowledgement lies an fdatasync: observed at the system calls of
//! a running mint and a running merchant. So it is before each message of a wallet's.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;

use crate::harness::{Server, World};
use crate::raw::RawWallet;
use crate::stage::{Purse, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_before_it_is_synced() {
    if !strace_works() {
        return;
    }
    let world = World::new();
    world.run(&["mint", "init"]);
    let (mint_trace, merchant_trace) = (world.path("mint.trace"), world.path("merchant.trace"));
    let mint = traced(&world, &mint_trace, &["mint", "run", "--listen", "127.0.0.1:0"]);
    world.run(&["verifier", "init", "--mint", &mint.url]);
    let merchant = traced(&world, &merchant_trace, &["verifier", "run", "--listen", "127.0.0.1:0"]);
    let mut wallet = RawWallet::new(&mint.url).await;
    wallet.fund(&world, 1000);
    for units in [1, 6, 37] {
        let tokens = wallet.withdraw(units).await;
        let sum = format!("0.{units:02}");
        let invoice = Invoice::from_text(&world.run(&["verifier", "request", &sum])).unwrap();
        let request = wallet.answer(&tokens, &invoice);
        let first = wallet.pay(&merchant.url, &request).await.unwrap();
        let second = wallet.pay(&merchant.url, &request).await.unwrap();
        assert_eq!(first.receipt, second.receipt);
    }
    drop((mint, merchant));
    // The mint answered 3 finishes and 3 deposits, the merchant 6 payments.
    for (trace, writes) in [(mint_trace, 7), (merchant_trace, 3)] {
        let seen = examine(&whole(&trace), ANSWER);
        assert!(seen.groups >= writes, "{}: {seen:?}", trace.display());
        assert!(seen.acknowledged >= 6, "{}: {seen:?}", trace.display());
        assert_eq!(seen.early, Vec::<String>::new(), "{}", trace.display());
    }
}

#[test]
fn nothing_leaves_a_wallet_before_its_state_is_synced() {
    if !strace_works() {
        return;
    }
    let stage = Stage::new();
    let purse = stage.purse(500);
    let (exact, split, rest) = (stage.invoice(64), stage.invoice(5), stage.invoice(64));
    // How much of each must be seen, so that nothing is shown by a trace that shows nothing.
    let commands: [(&[&str], usize, usize); 6] = [
        (&["withdraw", "1.28"], 3, 3),
        (&["withdraw", "0.64"], 3, 3),
        (&["pay", &exact, "--yes"], 2, 1),
        (&["pay", &split, "--yes"], 5, 3),
        (&["pay", &rest, "--yes"], 2, 1),
        (&["send", "0.03"], 1, 0),
    ];
    for (arguments, groups, messages) in commands {
        let whole = traced_to_its_end(&stage, &purse, arguments);
        let seen = examine(&whole, REQUEST);
        assert!(seen.groups >= groups && seen.acknowledged >= messages, "{arguments:?}: {seen:?}");
        assert_eq!(seen.early, Vec::<String>::new(), "{arguments:?}");
    }
    // A text that is money is printed when the wallet surely knows that it is given away.
    let seen = examine(&traced_to_its_end(&stage, &purse, &["send", "0.02"]), "\"farthingtoken1");
    assert!(seen.groups >= 1 && seen.acknowledged == 1, "{seen:?}");
    assert_eq!(seen.early, Vec::<String>::new());
    purse.assert_whole("traced");
}

fn traced_to_its_end(stage: &Stage, purse: &Purse<'_>, arguments: &[&str]) -> String {
    let trace = stage.world.path("wallet.trace");
    let strace = ["-f", "-y", "-q", "-s", "32", "-e", CALLS, "-o", trace.to_str().unwrap()];
    let ran = crate::stage::ran(&mut purse.command_under("strace", &strace, arguments));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    std::fs::read_to_string(&trace).unwrap()
}

#[derive(Debug, Default)]
struct Seen {
    /// Times that the file became dirty and was then synced.
    groups: usize,
    /// Successful answers, or requests, sent.
    acknowledged: usize,
    /// Those sent while writes were not synced.
    early: Vec<String>,
}

/// How an acknowledgement begins.
const ANSWER: &str = "\"HTTP/1.1 200";

/// How a wallet's message begins.
const REQUEST: &str = "\"POST /v1";

/// Reads a trace in which one request is answered after the other.
fn examine(trace: &str, message: &str) -> Seen {
    let mut seen = Seen::default();
    let mut unsynced = 0;
    // By thread: how many writes were under way or done when its fdatasync began.
    let mut syncing: BTreeMap<&str, usize> = BTreeMap::new();
    let mut written = 0;
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(char::is_whitespace) else { continue };
        let call = call.trim_start();
        let to_store = call.contains("/db>");
        if call.starts_with("pwrite64(") && to_store {
            written += 1;
            unsynced = written;
        } else if call.starts_with("fdatasync(") && to_store {
            if call.contains("<unfinished") {
                syncing.insert(thread, written);
            } else if call.trim_end().ends_with("= 0") {
                synced(&mut seen, &mut unsynced, written);
            }
        } else if call.starts_with("<... fdatasync resumed>") && call.trim_end().ends_with("= 0") {
            if let Some(covered) = syncing.remove(thread) {
                synced(&mut seen, &mut unsynced, covered);
            }
        } else if call.contains(message) {
            seen.acknowledged += 1;
            if unsynced != 0 {
                seen.early.push(line.to_owned());
            }
        }
    }
    seen
}

/// An fdatasync that began after so many writes has succeeded.
fn synced(seen: &mut Seen, unsynced: &mut usize, covered: usize) {
    if *unsynced != 0 && covered >= *unsynced {
        *unsynced = 0;
        seen.groups += 1;
    }
}

const CALLS: &str = "trace=pwrite64,pwritev,fdatasync,fsync,write,writev,sendto,sendmsg";

fn traced(world: &World, trace: &Path, arguments: &[&str]) -> Server {
    // With -D our child is the server itself and strace its companion.
    let strace = ["-D", "-f", "-y", "-q", "-s", "32", "-e", CALLS, "-o", trace.to_str().unwrap()];
    Server::start(world.farthing_under("strace", &strace, arguments))
}

/// The trace, once strace has written its end.
fn whole(trace: &Path) -> String {
    loop {
        let text = std::fs::read_to_string(trace).unwrap();
        if text.contains("+++ killed by SIGKILL") {
            return text;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn strace_works() -> bool {
    let tried = std::process::Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        let required = std::env::var_os("FARTHING_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "strace is required and does not work here");
        // Past the test harness, which hides what a passing test writes.
        let _gone = writeln!(std::fs::File::create("/dev/stderr").unwrap(), "skipped: strace does not work here");
    }
    works
}

#[test]
fn the_examination_finds_an_early_answer() {
    let good = "7 pwrite64(5</x/db>, \"..\", 9, 0) = 9\n7 fdatasync(5</x/db> <unfinished ...>\n8 write(9<socket:[1]>, \
                \"a\", 1) = 1\n7 <... fdatasync resumed>) = 0\n8 writev(9<socket:[1]>, [{\"HTTP/1.1 200 OK\"...";
    let seen = examine(good, ANSWER);
    assert_eq!((seen.groups, seen.acknowledged, seen.early.len()), (1, 1, 0));
    let swapped = "7 fdatasync(5</x/db>) = 0\n7 pwrite64(5</x/db>, \"..\", 9, 0) = 9\n8 writev(9<socket:[1]>, \
                   [{\"HTTP/1.1 200 OK\"...";
    assert_eq!(examine(swapped, ANSWER).early.len(), 1);
    let failed = "7 pwrite64(5</x/db>, \"..\", 9, 0) = 9\n7 fdatasync(5</x/db>) = -1 EIO\n8 sendto(9, \"HTTP/1.1 200";
    assert_eq!(examine(failed, ANSWER).early.len(), 1);
    let concurrent = "7 fdatasync(5</x/db> <unfinished ...>\n6 pwrite64(5</x/db>, \"..\", 9, 0) = 9\n\
                      7 <... fdatasync resumed>) = 0\n8 sendto(9, \"HTTP/1.1 200";
    assert_eq!(examine(concurrent, ANSWER).early.len(), 1);
}
