//! A wallet that comes back from its words, as a command.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Server, World};
use crate::purse::Purse;
use crate::restore::quick_mint;
use crate::terminal::{Terminal, possible};

/// A wallet with 5.10 that spent 0.50 of it, and the file with its words.
fn written_down<'a>(world: &'a World, mint: &Server) -> (Purse<'a>, String) {
    let dir = world.path("alice");
    let file = world.path("paper");
    let paper = ["--words-file", file.to_str().unwrap()];
    let init = ["wallet", "--dir", dir.to_str().unwrap(), "init", "--mint", &mint.url, "--yes", "--no-passphrase"];
    let account = world.run(&[&init[..], &paper].concat());
    assert_eq!(std::fs::read_to_string(&file).unwrap().split_whitespace().count(), 12);
    world.run(&["mint", "credit", &account, "10.00"]);
    let alice = Purse::at(world, "alice");
    alice.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
    let bob = Purse::new(world, "bob", mint);
    let sent = alice.json("wallet-send", &["send", "0.50"]);
    bob.json("wallet-receive", &["receive", sent["text"].as_str().unwrap()]);
    (alice, file.to_str().unwrap().to_owned())
}

/// Goes on until the mint has published everything.
fn finished(purse: &Purse<'_>, arguments: &[&str]) -> Value {
    for _ in 0..600 {
        let answer = purse.json("wallet-restore", arguments);
        if answer["mints"][0]["state"] == "finished" {
            return answer;
        }
        assert_eq!(answer["mints"][0]["state"], "waiting");
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the mint does not publish");
}

#[test]
fn what_is_not_spent_comes_back_from_the_words() {
    let world = World::new();
    let mint = quick_mint(&world);
    let (alice, paper) = written_down(&world, &mint);
    let restore = ["restore", "--mint", &mint.url, "--words-file", &paper, "--no-passphrase", "--yes"];
    // In a folder that holds a wallet nothing but that wallet is restored.
    let refused = alice.fails(1, "wallet_exists", &["restore"]);
    assert!(refused.contains("no restore is under way") && refused.contains("--dir"), "{refused}");
    alice.fails(1, "not_to_be_restored", &restore);
    let other = Purse::new(&world, "other", &mint);
    let refused = other.fails(1, "wallet_exists", &restore);
    assert!(refused.contains("a wallet of other words") && refused.contains("--dir"), "{refused}");
    assert_eq!(other.held("restored"), 0);

    let back = Purse::at(&world, "back");
    back.fails(1, "ambiguous", &["restore"]);
    back.fails(8, "nobody_to_ask", &["restore", "--mint", &mint.url]);
    back.fails(8, "nobody_to_ask", &["restore", "--mint", &mint.url, "--no-passphrase", "--yes"]);
    back.fails(6, "mint_not_reached", &["restore", "--mint", "http://127.0.0.1:1", "--no-passphrase", "--yes"]);
    let bad = world.path("bad");
    std::fs::write(&bad, "zoo ".repeat(12)).unwrap();
    let mut wrong = restore;
    wrong[4] = bad.to_str().unwrap();
    back.fails(1, "bad_words", &wrong);
    assert!(!world.path("back").exists());

    let first = back.json("wallet-restore", &restore);
    assert_eq!(
        first["mints"][0]["mint_url"].as_str().map(|url| url.trim_end_matches('/')),
        Some(mint.url.trim_end_matches('/'))
    );
    other.fails(1, "wallet_exists", &["restore", "--mint", &mint.url]);
    // The same command goes on, and so does one without the words.
    back.json("wallet-restore", &restore);
    finished(&back, &["restore"]);
    let balance = back.json("wallet-balance", &["balance"]);
    assert_eq!(balance["balances"][0]["available"]["units"], "0");
    let renewed = back.json("wallet-restore", &["restore", "--renew-now"]);
    assert!(renewed["renewed"]["renewed"].as_u64().unwrap() > 0);
    assert_eq!((back.available(), back.held("restored")), (460, 0));
    let (shown, _) = back.shows(&["restore"]);
    assert!(shown.contains("the restore is finished"), "{shown}");
    world.audit();
}

/// Copies a folder, as a person would who makes a copy to be safe.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() { copy(&from, &to) } else { std::fs::copy(&from, &to).map(drop).unwrap() }
    }
}

#[test]
fn an_old_copy_stops_and_is_brought_together_again() {
    let world = World::new();
    let mint = quick_mint(&world);
    let (alice, _) = written_down(&world, &mint);
    copy(&world.path("alice"), &world.path("old"));
    let old = Purse::at(&world, "old");
    alice.json("wallet-withdraw", &["withdraw", "1.00"]);

    // It meets a number that it did not use, and moves nothing any more.
    old.fails(3, "words_used_elsewhere", &["withdraw", "0.01"]);
    let balance = old.json("wallet-balance", &["balance"]);
    assert!(balance["warnings"].to_string().contains("words_used_elsewhere"), "{balance}");
    old.fails(3, "words_used_elsewhere", &["send", "0.01"]);
    old.fails(8, "nobody_to_ask", &["resync"]);
    old.json("wallet-restore", &["resync", "--yes"]);
    finished(&old, &["resync", "--yes", "--mint", &mint.url]);
    // What was withdrawn when it stopped has arrived; all else waits to be renewed.
    assert_eq!(old.available(), 1);
    old.json("wallet-restore", &["restore", "--renew-now"]);
    assert!(old.available() >= 560);
    // Asked for though nothing was noticed, it looks at the one mint there is.
    let again = old.json("wallet-restore", &["resync", "--yes"]);
    assert_eq!(again["mints"].as_array().unwrap().len(), 1);
    world.audit();
}

#[test]
fn a_person_types_the_words() {
    if !possible() {
        return;
    }
    let world = World::new();
    let mint = quick_mint(&world);
    let (_alice, paper) = written_down(&world, &mint);
    let words = std::fs::read_to_string(&paper).unwrap();
    let dir = world.path("back");
    let arguments = ["wallet", "--dir", dir.to_str().unwrap(), "restore", "--mint", &mint.url];
    let terminal = Terminal::run(&world, &arguments);
    terminal.wait_for("Is that the mint you mean? [y/N]");
    terminal.type_line("y");
    let screen = terminal.wait_for("Go on? [y/N]").replace('\n', " ");
    assert!(screen.contains("The mint sees that somebody restores a wallet"), "{screen}");
    terminal.type_line("y");
    terminal.wait_for("The 12 or 24 words, in their order:");
    terminal.type_line(words.trim());
    terminal.wait_for("New passphrase for the wallet:");
    terminal.type_line("a long one");
    terminal.wait_for("Again:");
    terminal.type_line("a long one");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("tokens came back from"), "{screen}");
}

#[test]
fn a_proxy_is_the_only_way() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::filled(&world, "alice", &mint);
    let nowhere = ["--proxy", "socks5h://127.0.0.1:1"];
    alice.fails(6, "mint_not_reached", &[&["withdraw", "1.00"], nowhere.as_slice()].concat());
    alice.fails(6, "mint_not_reached", &[&["mint", "add", &mint.url], nowhere.as_slice()].concat());
    alice.fails(1, "network_setup", &["balance", "--proxy", "nonsense"]);
    let dir = world.path("alice");
    let mut command = world.farthing(&["wallet", "--dir", dir.to_str().unwrap(), "withdraw", "1.00"]);
    let output = command.env("FARTHING_PROXY", nowhere[1]).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(alice.available(), 510);
}
