//! The `farthing` binary again, as the one that the whole-system tests run: cargo builds a package's binaries
//! for its own tests only. Unlike the shipped one, it takes orders from its tests:
//!
//! - `FARTHING_TEST_KILL=n` kills the process with SIGKILL at the n-th moment of the wallet's at which a crash makes a
//!   difference, `FARTHING_TEST_KILL=PaymentStored:n` at the n-th of that name. Which one it was is written to standard error first.
//! - `FARTHING_TEST_FULL=n` lets no file grow or change from the n-th moment on, as a full disk does; SIGXFSZ must be ignored.
//! - `FARTHING_TEST_ATTEMPTS=1` sends a message once and leaves what failed for the next command.
//! - `FARTHING_TEST_IMPATIENT=1` lets a mint do at once what cannot be undone.
//! - `FARTHING_TEST_CLOCK=-3600` sets the wallet's clock an hour back; with `FARTHING_TEST_CLOCK_FROM=n` from the n-th moment on.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use farthing_cli::Hooks;
use farthing_protocol::amount::UnixTime;

fn main() -> ExitCode {
    farthing_cli::main_under(hooks())
}

fn hooks() -> Hooks {
    let mut hooks = Hooks::default();
    if let Some(offset) = order("FARTHING_TEST_CLOCK").and_then(|text| text.parse::<i64>().ok()) {
        let off = Arc::new(AtomicI64::new(offset));
        if let Some(at) = order("FARTHING_TEST_CLOCK_FROM") {
            let off = Arc::clone(&off);
            off.store(0, Ordering::SeqCst);
            hooks = hooks.moments(at_moment(&at, move |_| off.store(offset, Ordering::SeqCst)));
        }
        hooks = hooks.clock(move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs());
            UnixTime::from_seconds(now.saturating_add_signed(off.load(Ordering::SeqCst)))
        });
    }
    if order("FARTHING_TEST_IMPATIENT").is_some() {
        hooks = hooks.impatient();
    }
    if let Some(attempts) = order("FARTHING_TEST_ATTEMPTS").and_then(|text| text.parse().ok()) {
        hooks = hooks.attempts(attempts);
    }
    if let Some(at) = order("FARTHING_TEST_KILL") {
        hooks = hooks.moments(at_moment(&at, die));
    } else if let Some(at) = order("FARTHING_TEST_FULL") {
        hooks = hooks.moments(at_moment(&at, fill_up));
    }
    hooks
}

/// Something that is done at the n-th moment, or at the n-th of a name: `n` or `Name:n`.
fn at_moment(at: &str, what: impl Fn(&str) + Send + Sync + 'static) -> impl Fn(&str) + Send + Sync + 'static {
    let (name, number) = match at.split_once(':') {
        Some((name, number)) => (Some(name.to_owned()), number.parse().unwrap_or(0)),
        None => (None, at.parse().unwrap_or(0)),
    };
    let passed = AtomicU64::new(0);
    move |moment| {
        if name.as_ref().is_none_or(|name| name == moment) && passed.fetch_add(1, Ordering::SeqCst) + 1 == number {
            what(moment);
        }
    }
}

fn order(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// As a power cut would: no destructor runs, no thread goes on.
fn die(moment: &str) {
    let _closed = writeln!(std::io::stderr(), "killed at {moment}");
    let _killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

fn fill_up(moment: &str) {
    let none = rustix::process::Rlimit { current: Some(0), maximum: None };
    if rustix::process::setrlimit(rustix::process::Resource::Fsize, none).is_ok() {
        let _closed = writeln!(std::io::stderr(), "full at {moment}");
    }
}
