//! A mint whose keys are with a process of their own, and keys at rest, as an operator meets them.

use std::fs;

use serde_json::Value;

use crate::harness::{Server, World};
use crate::purse::Purse;
use crate::schema::read;

/// Runs a command of the mint that must end with this exit code, and reads its answer.
fn json(world: &World, exit: i32, schema: &str, arguments: &[&str]) -> Value {
    let output = world.output(&[&["mint"], arguments, &["--json"]].concat());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {out}{err}");
    read(schema, &out)
}

fn fails(world: &World, exit: i32, code: &str, arguments: &[&str]) {
    let failure = json(world, exit, "failure", arguments);
    assert_eq!(failure["error"]["code"], code, "{failure}");
}

fn signer(world: &World) -> Server {
    world.serve(&["mint", "signer", "run"])
}

fn held(purse: &Purse<'_>) -> u64 {
    let balance = purse.json("wallet-balance", &["balance"]);
    let units = |value: &Value| value["units"].as_str().unwrap().parse::<u64>().unwrap();
    let tokens: u64 = balance["balances"].as_array().unwrap().iter().map(|row| units(&row["available"])).sum();
    let account: u64 = balance["accounts"].as_array().unwrap().iter().map(|row| units(&row["balance"])).sum();
    tokens + account
}

#[test]
fn a_signer_is_killed_while_wallets_withdraw_and_nothing_is_lost() {
    let world = World::new();
    world.run(&["mint", "init"]);
    let made = json(&world, 0, "mint-signer", &["signer", "init", "--withdrawn-per-hour", "20.00"]);
    assert_eq!((made["withdrawn_per_hour"]["units"].as_str(), &made["swapped_per_hour"]), (Some("2000"), &Value::Null));
    assert!(!world.path(".farthing/mint/keys").exists());
    fails(&world, 1, "bad_file", &["keys", "backup", world.path("none").to_str().unwrap()]);
    let mut process = signer(&world);
    let mint = world.mint();
    fails(&world, 5, "mint_running", &["passphrase", "set", "--dir", &folder(&world), "--new-key-file", &file(&world)]);
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "30.00"]);
    alice.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
    assert_eq!(held(&alice), 3000);
    process.end();
    let refused = world.output(&["wallet", "--dir", world.path("alice").to_str().unwrap(), "withdraw", "1.00"]);
    assert!(!refused.status.success());
    let mut process = signer(&world);
    assert_eq!(held(&alice), 3000);
    alice.json("wallet-withdraw", &["withdraw", "1.00"]);
    // The limit of twenty in an hour counts across the restart, and is the signer's alone.
    alice.json("wallet-withdraw", &["withdraw", "13.00"]);
    let over = world.output(&["wallet", "--dir", world.path("alice").to_str().unwrap(), "withdraw", "8.00"]);
    assert!(!over.status.success());
    process.end();
    let process = signer(&world);
    let report = json(&world, 0, "mint-signer-report", &["signer", "report"]);
    let units = |name: &str| report["keysets"][0][name]["units"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(units("withdrawn") >= 1910 && units("withdrawn") <= 2000, "{report}");
    assert!(units("withdrawn") + units("swapped") >= units("recorded"));
    assert!(world.run(&["mint", "audit"]).contains("balanced"));
    assert_eq!(held(&alice), 3000);
    let listen = format!("127.0.0.1:{}", mint.port());
    drop((process, mint));
    // A mint without its signer runs, and issues nothing.
    let _mint = world.serve(&["mint", "run", "--listen", &listen]);
    assert_eq!(held(&alice), 3000);
    let refused = world.output(&["wallet", "--dir", world.path("alice").to_str().unwrap(), "withdraw", "0.01"]);
    assert!(!refused.status.success());
    assert_eq!(held(&alice), 3000);
}

fn folder(world: &World) -> String {
    world.path(".farthing/signer").to_str().unwrap().to_owned()
}

fn file(world: &World) -> String {
    world.path("other.key").to_str().unwrap().to_owned()
}

#[test]
fn a_passphrase_is_changed_and_keys_come_back_from_their_backup() {
    let world = World::new();
    for name in ["one", "two", "safe"] {
        fs::write(world.path(name), format!("the passphrase {name}\n")).unwrap();
    }
    let path = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let (one, two, safe, backup) = (path("one"), path("two"), path("safe"), path("keys.backup"));
    world.run(&["mint", "init", "--passphrase-file", &one]);
    let set = ["passphrase", "set", "--passphrase-file", &one, "--new-passphrase-file", &two];
    assert_eq!(json(&world, 0, "mint-passphrase-set", &set)["protection"], "passphrase");
    fails(&world, 5, "wrong_secret", &set);
    let (run, listen) = (["mint", "run", "--listen", "127.0.0.1:0", "--passphrase-file"], [two.as_str()]);
    let mint = world.serve(&[&run[..], &listen].concat());
    let back_up = ["keys", "backup", &backup, "--passphrase-file", &two, "--backup-passphrase-file", &safe];
    assert_eq!(json(&world, 0, "mint-keys", &back_up)["keysets"], 1);
    fails(&world, 1, "exists", &back_up);
    let restore = ["keys", "restore", &backup, "--backup-passphrase-file", &safe, "--new-passphrase-file", &one];
    fails(&world, 5, "mint_running", &restore);
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    alice.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
    let port = mint.port();
    drop(mint);
    fs::remove_dir_all(world.path(".farthing/mint/keys")).unwrap();
    fails(
        &world,
        5,
        "wrong_secret",
        &[&restore[..3], &["--backup-passphrase-file", &one, "--new-passphrase-file", &one]].concat(),
    );
    assert_eq!(json(&world, 0, "mint-keys", &restore)["keysets"], 1);
    let again = ["mint", "run", "--listen", &format!("127.0.0.1:{port}"), "--passphrase-file", &one];
    let _mint = world.serve(&again);
    alice.json("wallet-withdraw", &["withdraw", "1.00"]);
    assert_eq!(held(&alice), 1000);
}
