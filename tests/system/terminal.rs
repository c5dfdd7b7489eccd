//! Sessions at a terminal, driven as a person would: what stands on the screen is read, and keys are typed.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::accounts::Paper;
use crate::harness::World;
use crate::purse::Purse;
use crate::schema::read;

/// Whoever waits longer than this for something on the screen waits in vain.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal of 80 columns in which one command runs.
pub(crate) struct Terminal {
    socket: PathBuf,
}

/// Whether there is tmux. Without it these tests cannot run, and say so where nobody captures it.
pub(crate) fn possible() -> bool {
    let there = Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success());
    if !there {
        let required = std::env::var_os("FARTHING_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "tmux is not installed");
        let _closed = std::fs::write("/dev/stderr", "skipped: tmux is not installed\n");
    }
    there
}

/// Runs a command, says with which exit code it ended, and stays.
const SAYS_THE_END: &str = r#""$@"; printf '[ended: %d]\n' $?; exec sleep 600"#;

impl Terminal {
    /// Runs a command in a new terminal.
    pub(crate) fn run(world: &World, arguments: &[&str]) -> Self {
        Self::run_with(world, arguments, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn run_with(world: &World, arguments: &[&str], more: &[&str]) -> Self {
        static OPENED: AtomicU32 = AtomicU32::new(0);
        let settings = world.path("tmux.conf");
        std::fs::write(&settings, "set -g history-limit 2000\n").unwrap();
        // A server of its own for each terminal: one that is being closed takes no new one.
        let terminal = Self { socket: world.path(&format!("tmux.{}", OPENED.fetch_add(1, Ordering::Relaxed))) };
        let mut words =
            vec!["-f", settings.to_str().unwrap(), "new-session", "-d", "-x", "80", "-y", "50", "env", "-i"];
        let environment = [
            format!("PATH={}", std::env::var("PATH").unwrap_or_default()),
            format!("HOME={}", world.path("").display()),
            "TERM=screen-256color".to_owned(),
        ];
        words.extend(environment.iter().map(String::as_str));
        words.extend(more);
        // The shell says how it ended: tmux itself does not always hear of it.
        words.extend(["sh", "-c", SAYS_THE_END, "sh", env!("CARGO_BIN_EXE_farthing-under-test")]);
        words.extend(arguments);
        let output = terminal.tmux(&words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        terminal
    }

    fn tmux(&self, words: &[&str]) -> std::process::Output {
        Command::new("tmux").arg("-S").arg(&self.socket).args(words).output().unwrap()
    }

    /// Everything on the screen and above it.
    fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p", "-S", "-"]).stdout).unwrap()
    }

    /// The same with what makes it coloured.
    fn coloured(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p", "-e", "-S", "-"]).stdout).unwrap()
    }

    /// Waits until something stands on the screen.
    pub(crate) fn wait_for(&self, what: &str) -> String {
        self.wait(what, |screen| screen.contains(what))
    }

    pub(crate) fn wait(&self, what: &str, there: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if there(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "never on the screen: {what}\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Types a line.
    pub(crate) fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// Waits for the end of the command, and gives its exit code and everything that it wrote.
    pub(crate) fn end(&self) -> (i32, String) {
        let code = |screen: &str| screen.rsplit_once("[ended: ")?.1.split_once(']')?.0.parse().ok();
        let screen = self.wait("the end", |screen| code(screen).is_some());
        let (before, _) = screen.rsplit_once("[ended: ").unwrap();
        (code(&screen).unwrap(), before.to_owned())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// The words of a new wallet, as a person copies them from the screen.
pub(crate) fn words_on(screen: &str) -> Vec<String> {
    let mut words: Vec<(usize, String)> = Vec::new();
    for line in screen.lines().filter(|line| line.starts_with("  ")) {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let pairs = parts.chunks(2).map(|pair| Some((pair.first()?.parse().ok()?, (*pair.get(1)?).to_owned())));
        words.extend(pairs.collect::<Option<Vec<_>>>().unwrap_or_default());
    }
    words.sort();
    words.into_iter().map(|(_, word)| word).collect()
}

/// Answers the questions after so many new words, as they stand on the screen.
pub(crate) fn confirm_words(terminal: &Terminal, count: usize) {
    let words = words_on(&terminal.wait_for("From your paper"));
    assert_eq!(words.len(), count);
    let asked = |screen: &str| -> Vec<usize> {
        let lines = screen.lines().filter_map(|line| line.trim().strip_prefix("word "));
        lines.filter_map(|line| line.split(':').next()?.parse().ok()).collect()
    };
    for number in 0..3 {
        let screen = terminal.wait("a word asked", |screen| asked(screen).len() > number);
        terminal.type_line(&words[asked(&screen)[number] - 1]);
    }
}

#[test]
fn a_wallet_is_made_and_pays() {
    if !possible() {
        return;
    }
    let world = World::new();
    let mint = world.mint();
    let _merchant = world.merchant(&mint);
    let terminal = Terminal::run(&world, &["wallet", "init", "--mint", &mint.url]);
    terminal.wait_for("Is that the mint you mean? [y/N]");
    terminal.type_line("y");
    terminal.wait_for("New passphrase for the wallet:");
    terminal.type_line("a long one");
    terminal.wait_for("Again:");
    terminal.type_line("a long one");
    confirm_words(&terminal, 12);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains("a long one"), "the passphrase stands on the screen");
    drop(terminal);

    let file = world.path("passphrase");
    std::fs::write(&file, "a long one\n").unwrap();
    let file = file.to_str().unwrap();
    let account = world.run(&["wallet", "account", "--passphrase-file", file]);
    world.run(&["mint", "credit", &account, "10.00"]);
    world.run(&["wallet", "withdraw", "--bundle", "0", "--passphrase-file", file]);
    let invoice = world.run(&["verifier", "request", "0.37", "--memo", "tea"]);
    let terminal = Terminal::run(&world, &["wallet", "pay", &invoice]);
    terminal.wait_for("Passphrase of the wallet:");
    terminal.type_line("a wrong one");
    let (code, screen) = terminal.end();
    assert_eq!(code, 5);
    assert!(screen.contains("the passphrase does not open the wallet"), "{screen}");
    drop(terminal);

    let terminal = Terminal::run(&world, &["wallet", "pay", &invoice]);
    terminal.wait_for("Passphrase of the wallet:");
    terminal.type_line("a long one");
    terminal.wait_for("Pay 0.37 EUR for \"tea\" to");
    terminal.type_line("perhaps");
    terminal.wait_for("Please answer y or n.");
    terminal.type_line("n");
    let (code, screen) = terminal.end();
    assert_eq!(code, 1);
    assert!(screen.contains("error: nothing was paid"), "{screen}");
    drop(terminal);

    let terminal = Terminal::run(&world, &["wallet", "pay", &invoice, "--passphrase-file", file]);
    terminal.wait_for("[y/N]");
    terminal.type_line("yes");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("paid 0.37 EUR"), "{screen}");
}

#[test]
fn wrong_words_make_no_wallet() {
    if !possible() {
        return;
    }
    let world = World::new();
    let mint = world.mint();
    let terminal = Terminal::run(&world, &["wallet", "init", "--mint", &mint.url, "--no-passphrase"]);
    terminal.wait_for("Is that the mint you mean? [y/N]");
    terminal.type_line("y");
    terminal.wait_for("From your paper");
    for attempt in 0..3 {
        terminal.wait("the question", |screen| screen.matches("  word ").count() > attempt);
        terminal.type_line("wrong");
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, 1);
    assert!(screen.contains("nothing was made, and these words are void"), "{screen}");
    assert!(!world.path(".farthing/wallet").exists());
}

#[test]
fn a_terminal_is_coloured_unless_somebody_wants_none() {
    if !possible() {
        return;
    }
    let world = World::new();
    let mint = world.mint();
    world.run(&["wallet", "init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
    for (arguments, code) in
        [(&["wallet", "send", "1.00"][..], 4), (&["wallet", "mint", "list"], 0), (&["wallet", "account", "--qr"], 0)]
    {
        let terminal = Terminal::run(&world, arguments);
        assert_eq!(terminal.end().0, code);
        assert!(terminal.coloured().contains("\x1b["), "{arguments:?} is not coloured");
        let terminal = Terminal::run_with(&world, arguments, &["NO_COLOR=1"]);
        assert_eq!(terminal.end().0, code);
        assert!(!terminal.coloured().contains("\x1b["), "{arguments:?} is coloured: {}", terminal.coloured());
    }
    // What is no terminal gets no colours.
    let output = world.output(&["wallet", "account", "--qr"]);
    assert!(!String::from_utf8(output.stdout).unwrap().contains('\x1b'));
}

#[test]
fn questions_before_money_leaves_can_be_declined() {
    if !possible() {
        return;
    }
    let (world, other) = (World::new(), World::new());
    let (mint, second) = (world.mint(), other.mint());
    let (alice, bob) = (Purse::filled(&world, "alice", &mint), Purse::new(&world, "bob", &mint));
    let text = |answer: serde_json::Value| answer["text"].as_str().unwrap().to_owned();
    let record = text(bob.json("wallet-recipient", &["recipient"]));
    let request = text(bob.json("wallet-request", &["request", "0.05"]));
    let dir = world.path("alice");
    let ask = |arguments: &[&str], question: &str, answer: &str| {
        let terminal =
            Terminal::run(&world, &[&["wallet", "--quiet", "--dir", dir.to_str().unwrap()], arguments].concat());
        terminal.wait_for(question);
        terminal.type_line(answer);
        terminal.end()
    };
    for (arguments, question, said) in [
        (&["send", "0.03", "--to", &record][..], "It cannot be taken back. [y/N]", "nothing was sent"),
        (&["pay", &request], "It cannot be taken back. [y/N]", "nothing was sent"),
        (&["mint", "add", &second.url], "Is that the mint you mean? [y/N]", "not trusted"),
        (&["forget", "--before", "2026-01-01"], "Forget it for good? [y/N]", "nothing was forgotten"),
    ] {
        let (code, screen) = ask(arguments, question, "");
        assert_eq!(code, 1, "{screen}");
        assert!(screen.replace('\n', " ").contains(said), "{screen}");
    }
    assert_eq!(alice.available(), 510);
    let (code, screen) = ask(&["mint", "trust", &second.url], "Is that the mint you mean? [y/N]", "y");
    // Who is asked sees what about, --quiet or not.
    assert!(code == 0 && screen.contains("says that it is"), "{screen}");
    assert_eq!(ask(&["pay", &request], "[y/N]", "y").0, 0);
    assert_eq!(alice.json("wallet-sent", &["sent", "--all"])["sent"][0]["state"], "locked");
}

#[test]
fn a_merchant_at_a_terminal_is_asked_for_a_code_that_his_payout_needs() {
    if !possible() {
        return;
    }
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, "alice", &mint);
    let invoice = world.run(&["verifier", "request", "3.00"]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    merchant.kill();
    let file = world.path("merchant.secret");
    world.run(&["verifier", "factor", "enrol", "--limit", "1.00", "--secret-file", file.to_str().unwrap()]);
    let mut paper = Paper::read(&world, "merchant.secret");
    world.run(&["verifier", "factor", "confirm", &paper.now()]);
    let terminal = Terminal::run(&world, &["verifier", "payout", "2.00", "--reference", "DE02"]);
    terminal.wait_for("Code of the account's second factor:");
    terminal.type_line(&paper.recovery());
    let (code, screen) = terminal.end();
    assert!(code == 0 && screen.contains("2.00 EUR pending"), "{screen}");
    // What was refused before is not there as another payout.
    let payouts = world.run(&["verifier", "payouts", "--json"]);
    assert_eq!(read("verifier-payouts", &payouts)["payouts"].as_array().unwrap().len(), 1, "{payouts}");
    world.audit();
}
