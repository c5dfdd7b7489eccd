//! Unfinished operations, several mints, a look through the wallet, and what it forgets.

use crate::fake;
use crate::harness::World;
use crate::purse::Purse;

#[test]
fn a_payment_without_an_answer_is_kept_and_given_up() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::filled(&world, "alice", &mint);
    world.run(&["verifier", "init", "--mint", &mint.url]);
    // A payee who takes whatever comes and never answers.
    let silent = fake::serve(|_| None);
    let arguments = ["verifier", "run", "--listen", "127.0.0.1:0", "--public-url", &silent];
    let _merchant = world.serve(&arguments);
    let invoice = world.run(&["verifier", "request", "0.37"]);

    alice.fails(3, "outcome_unknown", &["pay", &invoice, "--yes"]);
    assert_eq!((alice.available(), alice.held("reserved")), (473, 37));
    let balance = alice.json("wallet-balance", &["balance"]);
    assert_eq!(balance["warnings"][0]["code"], "still_unfinished");
    alice.fails(3, "in_progress", &["pay", &invoice, "--yes"]);
    let resumed = alice.json_with(3, "wallet-resume", &["resume"]);
    assert_eq!(
        (&resumed["resumed"][0]["outcome"], &resumed["resumed"][0]["code"]),
        (&"failed".into(), &"outcome_unknown".into())
    );
    let number = resumed["unfinished"][0]["operation"].to_string();
    let sick = alice.json_with(1, "wallet-doctor", &["doctor"]);
    assert_eq!((&sick["well"], &sick["findings"][0]["code"]), (&false.into(), &"unfinished".into()));

    // The rest of the wallet goes on meanwhile.
    alice.json("wallet-send", &["send", "0.08"]);
    alice.fails(8, "nobody_to_ask", &["give-up", &number]);
    alice.fails(1, "no_such_operation", &["give-up", "99", "--yes"]);
    assert_eq!(alice.json("wallet-give-up", &["give-up", &number, "--yes"])["outcome"], "taken_back");
    assert_eq!((alice.available(), alice.held("reserved"), alice.held("sent")), (502, 0, 8));
    assert_eq!(alice.json("wallet-history-show", &["history", "show", &number])["entry"]["state"], "taken_back");
    alice.fails(1, "no_such_operation", &["history", "show", "99"]);
    assert_eq!(alice.json("wallet-resume", &["resume"])["unfinished"].as_array().unwrap().len(), 0);
    world.audit();
}

#[test]
fn several_mints_are_told_apart() {
    let (world, other) = (World::new(), World::new());
    let (mint, second) = (world.mint(), other.mint());
    let alice = Purse::filled(&world, "alice", &mint);
    alice.fails(8, "nobody_to_ask", &["mint", "add", &second.url]);
    let listed = alice.json("wallet-mint-list", &["mint", "list"]);
    let untrusted: Vec<_> =
        listed["mints"].as_array().unwrap().iter().filter(|mint| mint["trusted"] == false).collect();
    assert_eq!(untrusted.len(), 1);
    let id = untrusted[0]["mint"].as_str().unwrap();
    // One mint is trusted, so that it is clear which one is meant.
    alice.json("wallet-account", &["account"]);
    alice.json_with(1, "wallet-doctor", &["doctor"]);
    let wrong = "A".repeat(43);
    alice.fails(1, "mint_is_another", &["mint", "add", &second.url, "--mint-id", &wrong]);
    assert_eq!(alice.json("wallet-mint", &["mint", "trust", &id[..6], "--yes"])["mint"]["trusted"], true);
    alice.json("wallet-mint", &["mint", "add", &second.url]);
    alice.fails(1, "ambiguous", &["account"]);
    alice.fails(1, "ambiguous", &["withdraw", "1.00"]);
    alice.fails(1, "ambiguous", &["account", "--mint", "http://127.0.0.1:1"]);
    let there = alice.json("wallet-account", &["account", "--mint", &second.url]);
    other.run(&["mint", "credit", there["text"].as_str().unwrap(), "3.00"]);
    alice.json("wallet-withdraw", &["withdraw", "1.00", "--mint", id]);
    let balance = alice.json("wallet-balance", &["balance"]);
    assert_eq!(balance["balances"].as_array().unwrap().len(), 2);
    let (shown, _) = alice.shows(&["mint", "list"]);
    assert_eq!(shown.matches("trusted").count(), 2);

    // A token of a mint that is not known.
    let bob = Purse::filled(&other, "bob", &second);
    let carol = Purse::new(&world, "carol", &mint);
    let sent = bob.json("wallet-send", &["send", "0.01"]);
    let said = carol.fails(1, "mint_unknown", &["receive", sent["text"].as_str().unwrap()]);
    assert!(said.contains("mint add"), "{said}");

    // One that is gone does not keep the other from being asked.
    let fine = alice.json("wallet-mint-refresh", &["mint", "refresh"]);
    assert!(fine["refreshed"].as_array().unwrap().iter().all(|one| one["code"].is_null()));
    second.kill();
    let refreshed = alice.json_with(1, "wallet-mint-refresh", &["mint", "refresh"]);
    let codes: Vec<_> = refreshed["refreshed"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert!(codes.contains(&"mint_not_reached".into()) && codes.contains(&serde_json::Value::Null), "{codes:?}");
    alice.fails(6, "mint_not_reached", &["mint", "refresh", id]);
    alice.fails(6, "mint_not_reached", &["mint", "add", "http://127.0.0.1:1"]);
    alice.fails(1, "bad_address", &["mint", "add", "nonsense"]);
    let sick = alice.json_with(1, "wallet-doctor", &["doctor"]);
    assert_eq!(sick["findings"][0]["code"], "mint");
}

#[test]
fn a_wallet_is_looked_through_exported_and_forgets() {
    let world = World::new();
    let mint = world.mint();
    let _merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, "alice", &mint);
    assert_eq!(alice.json("wallet-doctor", &["doctor"])["well"], true);
    let (shown, _) = alice.shows(&["doctor"]);
    assert!(shown.ends_with("all is well\n"), "{shown}");
    assert_eq!(alice.json("wallet-receipts", &["receipts"])["receipts"].as_array().unwrap().len(), 0);
    let invoice = world.run(&["verifier", "request", "0.37", "--memo", "tea"]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    let receipts = alice.json("wallet-receipts", &["receipts"]);
    assert_eq!(
        (&receipts["receipts"][0]["memo"], &receipts["receipts"][0]["amount"]["units"]),
        (&"tea".into(), &"37".into())
    );
    let (shown, _) = alice.shows(&["receipts"]);
    assert!(shown.contains("0.37 EUR"), "{shown}");

    let sent = alice.json("wallet-send", &["send", "0.01"]);
    let export = alice.json("wallet-export", &["export"]);
    assert_eq!((&export["export"]["format"], &export["file"]), (&1.into(), &serde_json::Value::Null));
    assert!(!export.to_string().contains("farthingtoken"));
    let file = world.path("export.json");
    let file = file.to_str().unwrap();
    alice.json("wallet-export", &["export", "--file", file]);
    let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(written["operations"], export["export"]["operations"]);
    alice.fails(1, "bad_file", &["export", "--file", file]);

    // What ended within the last day is never forgotten.
    let forgotten = alice.json("wallet-forget", &["forget", "--before", "2200-01-01", "--dry-run"]);
    assert_eq!((&forgotten["operations"], &forgotten["dry_run"]), (&0.into(), &true.into()));
    alice.fails(8, "nobody_to_ask", &["forget", "--before", "2200-01-01"]);
    alice.json("wallet-forget", &["forget", "--before", "2200-01-01", "--yes"]);
    alice.fails(1, "bad_date", &["forget", "--before", "yesterday"]);
    assert_eq!(alice.json("wallet-sent", &["sent"])["sent"][0]["operation"], sent["operation"]);
}

#[test]
fn everything_that_is_shown_fits_eighty_columns() {
    let world = World::new();
    let mint = world.mint();
    let _merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, "alice", &mint);
    let invoice = world.run(&["verifier", "request", "0.37", "--memo", &"a long note for a small sum ".repeat(5)]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    alice.json("wallet-send", &["send", "0.01", "--memo", &"another long note ".repeat(6)]);
    alice.json("wallet-budget", &["budget", "set", "https://a-server-with-a-long-name.example.org", "1.00"]);
    for arguments in [
        &["balance"][..],
        &["history"],
        &["receipts"],
        &["sent", "--all"],
        &["stock"],
        &["mint", "list"],
        &["budget", "list"],
        &["withdraw", "--bundle", "list"],
        &["doctor"],
        &["forget", "--before", "2026-01-01", "--dry-run"],
        &["resume"],
    ] {
        let (shown, _) = alice.shows(arguments);
        assert!(!shown.is_empty(), "{arguments:?}");
    }
}

#[test]
fn tokens_that_end_soon_are_warned_of_by_every_command() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::filled(&world, "alice", &mint);
    let end = alice.json("wallet-balance", &["balance"])["balances"][0]["first_end"].as_u64().unwrap();
    let ahead = |days: u64| (end - days * 86_400 - crate::raw::now().seconds()).to_string();
    let at = |days: u64, arguments: &[&str]| {
        let dir = world.path("alice");
        let arguments = [&["wallet", "--dir", dir.to_str().unwrap()], arguments].concat();
        let output = world.farthing(&arguments).env("FARTHING_TEST_CLOCK", ahead(days)).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for arguments in [&["history"][..], &["sent"], &["balance"]] {
        assert!(!at(61, arguments).contains("tokens worth"), "{arguments:?}");
        let said = at(59, arguments);
        assert!(said.contains("warning: tokens worth 5.10 EUR end on"), "{arguments:?}: {said}");
    }
}
