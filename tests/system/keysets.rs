//! A mint whose keysets live for seconds: made by themselves, ended, buried, while it serves and without.

use std::time::Duration;

use farthing_issuer::{InitOptions, MintHome, Protection, Windows};
use farthing_protocol::amount::Unit;
use serde_json::Value;

use crate::harness::World;

/// So often something is looked for that comes by itself.
const TRIES: u32 = 1200;

fn keysets(world: &World) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&world.run(&["mint", "keysets", "--json"])).unwrap();
    answer["keysets"].as_array().unwrap().clone()
}

/// Σ lapsed tokens of all buried keysets.
fn lapsed(keysets: &[Value]) -> u64 {
    let units = |keyset: &Value| keyset["lapsed"]["units"].as_str().map_or(0, |units| units.parse::<u64>().unwrap());
    keysets.iter().map(units).sum()
}

fn wait_until(world: &World, come: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..TRIES {
        let keysets = keysets(world);
        if come(&keysets) {
            return keysets;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{:?}", keysets(world));
}

#[test]
fn keysets_follow_one_another_end_and_are_buried() {
    let world = World::new();
    let protection = Protection::KeyFile(world.path("mint.key"));
    let mut options = InitOptions::new(Unit::new("EUR", 2).unwrap(), protection);
    options.windows = Windows { issue: 15, spend: 10, deposit: 5 };
    options.archive = farthing_issuer::ArchiveTimes { seal: 2, filter: 2 };
    std::fs::create_dir_all(world.path(".farthing")).unwrap();
    MintHome::init(world.path(".farthing/mint"), &options).unwrap();
    let mint = world.mint();
    world.run(&["wallet", "init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
    let account = world.run(&["wallet", "account"]);
    world.run(&["mint", "credit", &account, "10.00"]);
    world.run(&["wallet", "withdraw", "0.37"]);

    // The next one is there before the first one ends.
    let two = wait_until(&world, |keysets| keysets.len() > 1);
    assert_eq!(two[1]["active_from"], two[0]["issue_until"]);
    // What was withdrawn and never spent lapses with its keyset, and wallet and books say so.
    let buried = wait_until(&world, |keysets| lapsed(keysets) == 37);
    assert_eq!(buried[0]["state"], "buried");
    let issuing = |keysets: &[Value]| keysets.iter().filter(|keyset| keyset["state"] == "issuing").count();
    assert_eq!(issuing(&buried), 1, "{buried:?}");
    let balance: Value = serde_json::from_str(&world.run(&["wallet", "balance", "--json"])).unwrap();
    assert_eq!(balance["balances"][0]["ended"]["units"], "37", "{balance}");
    let books = world.run(&["mint", "audit"]);
    assert!(books.contains("balanced"), "{books}");
    let line = books.lines().find(|line| line.contains("lapsed")).unwrap();
    assert!(line.contains("0.37"), "{books}");
    // By hand one more can be made; and the mint goes on issuing.
    let made: Value = serde_json::from_str(&world.run(&["mint", "new-keyset", "--yes", "--json"])).unwrap();
    let last = keysets(&world).into_iter().find(|keyset| keyset["keyset"] == made["keyset"]).unwrap();
    assert_eq!((&last["sequence"], &made["state"]), (&made["sequence"], &Value::from("announced")));
    world.run(&["wallet", "withdraw", "0.05"]);
    drop(mint);

    // It was off past the end of all, and makes one by hand without being served.
    let until = last["issue_until"].as_u64().unwrap();
    for _ in 0..TRIES {
        if std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() > until {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(issuing(&keysets(&world)), 0);
    let text = world.run(&["mint", "new-keyset"]);
    assert!(text.contains("it issues from"), "{text}");
    assert_eq!(issuing(&keysets(&world)), 1);
    let table = world.run(&["mint", "keysets"]);
    assert!(table.contains("buried") && table.contains("0.37 EUR") && table.contains("issuing"), "{table}");
    let _mint = world.mint();
    wait_until(&world, |keysets| lapsed(keysets) == 42);
    assert!(world.run(&["mint", "audit"]).contains("balanced"));
}
