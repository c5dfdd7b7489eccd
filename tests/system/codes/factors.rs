//! Second factors and limits of accounts.

use super::Provoked;
use crate::accounts::{WRONG, protected};
use crate::harness::World;
use crate::purse::Purse;

pub(super) fn that_are_asked_for(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let _paper = protected(&world, &alice, "alice.secret");
    seen.by("second_factor_required", &alice, &["withdraw", "2.00"]);
    for _ in 0..4 {
        seen.by("second_factor_wrong", &alice, &["withdraw", "2.00", "--code", WRONG]);
    }
    seen.by("second_factor_locked", &alice, &["withdraw", "2.00", "--code", WRONG]);
}

pub(super) fn of_an_operator(seen: &mut Provoked) {
    let world = World::new();
    world.run(&["mint", "init"]);
    let path = world.path(".farthing/mint/mint.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("most_per_day = 0", "most_per_day = 100")).unwrap();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    seen.by("over_limit", &alice, &["withdraw", "1.01"]);
}
