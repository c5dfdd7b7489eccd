//! Wallets of the same words, and wallets that come back from them.

use std::net::SocketAddr;

use farthing_protocol::api::mint_path;

use super::Provoked;
use super::folder::file;
use crate::fake;
use crate::harness::{Server, World};
use crate::net::exchange;
use crate::purse::Purse;
use crate::words::copy;

/// A wallet with one token of 0.64, and a copy of it.
fn twins<'a>(world: &'a World, mint: &Server, name: &str) -> (Purse<'a>, Purse<'a>) {
    let one = Purse::new(world, name, mint);
    let account = one.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    one.json("wallet-withdraw", &["withdraw", "0.64"]);
    let other = format!("{name}-copy");
    copy(&world.path(name), &world.path(&other));
    (one, Purse::at(world, &other))
}

pub(super) fn of_the_same_words(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);

    // Both draw the same number.
    let (one, other) = twins(&world, &mint, "withdraws");
    one.json("wallet-withdraw", &["withdraw", "1.00"]);
    seen.by("words_used_elsewhere", &other, &["withdraw", "0.01"]);

    // Somebody swapped exactly the token that the other splits.
    let (one, other) = twins(&world, &mint, "sends");
    let sent = one.json("wallet-send", &["send", "0.64"]);
    Purse::new(&world, "bob", &mint).json("wallet-receive", &["receive", sent["text"].as_str().unwrap()]);
    seen.by("seed_used_elsewhere", &other, &["send", "0.32"]);

    // It was paid.
    let (one, other) = twins(&world, &mint, "pays");
    let invoice = world.run(&["verifier", "request", "0.64"]);
    one.json("wallet-pay", &["pay", &invoice, "--yes"]);
    seen.by("spent_elsewhere", &other, &["send", "0.32"]);
    drop(merchant);
    world.audit();
}

/// A way to a mint on which its archive is another mint's.
fn with_the_archive_of(mint: SocketAddr, another: SocketAddr) -> String {
    fake::serve(move |request| {
        let is_archive = request.starts_with(&format!("GET {}", mint_path::ARCHIVE));
        exchange(if is_archive { another } else { mint }, request.as_bytes())
    })
}

pub(super) fn that_are_being_restored(seen: &mut Provoked) {
    let (world, elsewhere) = (World::new(), World::new());
    let (mint, another) = (world.mint(), elsewhere.mint());
    let alice = Purse::at(&world, "alice");
    let paper = world.path("paper");
    let words = ["--words-file", paper.to_str().unwrap(), "--no-passphrase", "--yes"];
    let account = alice.json("wallet-init", &[&["init", "--mint", &mint.url], &words[..]].concat());
    world.run(&["mint", "credit", account["account"].as_str().unwrap(), "10.00"]);
    alice.json("wallet-withdraw", &["withdraw", "0.64"]);
    let restore = [&["restore", "--mint", &mint.url], &words[..]].concat();
    seen.by("not_to_be_restored", &alice, &restore);

    let back = Purse::at(&world, "back");
    let bad = file(&world, "bad", "zoo ".repeat(12));
    seen.by("bad_words", &back, &["restore", "--mint", &mint.url, "--words-file", &bad, "--no-passphrase", "--yes"]);
    let crossed = with_the_archive_of(mint.address(), another.address());
    let refused = seen.by("archive_refused", &back, &[&["restore", "--mint", &crossed], &words[..]].concat());
    assert!(refused.contains("ask the mint's operator"), "{refused}");
    seen.by("restore_first", &back, &["withdraw", "0.01"]);
}
