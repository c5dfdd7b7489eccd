//! Keeping tokens ready, as a command and as a daemon.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::harness::World;
use crate::purse::Purse;
use crate::schema::read;

#[test]
fn a_stock_is_brought_to_its_policy_and_pays_without_a_swap() {
    let world = World::new();
    let mint = world.mint();
    let _merchant = world.merchant(&mint);
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "20.00"]);
    alice.json("wallet-withdraw", &["withdraw", "5.12"]);
    let stock = alice.json("wallet-stock", &["stock", "--up-to", "1.00", "--ahead", "2"]);
    assert_eq!(
        (&stock["covers"], &stock["ahead"], &stock["withdraw_below"]),
        (&0.into(), &2.into(), &serde_json::Value::Null)
    );
    assert!(stock["planned_swaps"].as_u64().unwrap() > 0);

    // One token of 5.12 must be swapped first, which is said.
    let invoice = world.run(&["verifier", "request", "0.05"]);
    let paid = alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    assert!(paid["swaps"].as_u64().unwrap() > 0);
    let warnings = paid["warnings"].to_string();
    assert_eq!(warnings.matches("must come first").count(), 1, "{warnings}");

    let done = alice.json("wallet-refresh", &["refresh", "--pause", "0"]);
    assert_eq!((&done["work_left"], done["failed"].as_array().unwrap().len()), (&false.into(), 0));
    let stock = alice.json("wallet-stock", &["stock"]);
    assert_eq!((&stock["covers"], &stock["planned_swaps"]), (&2.into(), &0.into()));
    let invoice = world.run(&["verifier", "request", "0.77"]);
    let (shown, notes) = alice.shows(&["pay", &invoice, "--yes"]);
    assert!(shown.contains("paid 0.77 EUR"), "{shown}");
    assert!(notes.contains("You hide among all who hold tokens") && !notes.contains("must come first"), "{notes}");

    let stock = alice.json("wallet-stock", &["stock", "--withdraw-below", "5.00"]);
    assert_eq!(stock["withdraw_below"]["text"], "5.00 EUR");
    let done = alice.json("wallet-refresh", &["refresh", "--pause", "0"]);
    assert!(done["done"].to_string().contains("withdrawn"), "{done}");
    assert_eq!(
        alice.json("wallet-stock", &["stock", "--withdraw-below", "never"])["withdraw_below"],
        serde_json::Value::Null
    );
    alice.fails(1, "bad_policy", &["stock", "--ahead", "17"]);
    alice.fails(1, "bad_amount", &["stock", "--up-to", "much"]);
    let (shown, _) = alice.shows(&["stock"]);
    assert!(shown.contains("2 payments of up to 1.00 EUR ready"), "{shown}");

    mint.kill();
    alice.json("wallet-stock", &["stock", "--ahead", "5"]);
    let failed = alice.json_with(6, "wallet-refresh", &["refresh", "--pause", "0"]);
    assert_eq!(failed["failed"][0]["code"], "mint_not_reached");
    world.audit();
}

#[test]
fn a_daemon_ends_when_it_is_told_to_and_leaves_the_wallet_free() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::filled(&world, "alice", &mint);
    let dir = world.path("alice");
    let mut command = world.farthing(&["wallet", "--dir", dir.to_str().unwrap(), "refresh", "--daemon", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(notes.next().unwrap().unwrap().starts_with("Looking after the stock"));
    assert!(notes.next().unwrap().unwrap().starts_with("The next look is at"));
    // It is waiting now, and the wallet is free.
    assert_eq!(alice.available(), 510);
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    read("wallet-refresh", &answer);
}
