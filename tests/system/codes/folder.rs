//! Folders and passphrases.

use std::fs;

use super::Provoked;
use crate::fake;
use crate::harness::World;
use crate::purse::Purse;
use crate::words::copy;

/// A file with this content; its path.
pub(super) fn file(world: &World, name: &str, content: impl AsRef<[u8]>) -> String {
    fs::write(world.path(name), content).unwrap();
    world.path(name).to_str().unwrap().to_owned()
}

pub(super) fn under_a_passphrase(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let [right, wrong, empty] = [("right", "battery staple\n"), ("wrong", "battery\n"), ("empty", "\n")]
        .map(|(name, content)| file(&world, name, content));
    let alice = Purse::at(&world, "alice");
    let paper = world.path("paper");
    let init = ["init", "--mint", &mint.url, "--yes", "--words-file", paper.to_str().unwrap(), "--passphrase-file"];
    seen.by("passphrase_empty", &alice, &[&init[..], &[&empty]].concat());
    assert!(!paper.exists(), "words of no wallet");
    alice.json("wallet-init", &[&init[..], &[&right]].concat());
    seen.by("wallet_exists", &alice, &[&init[..], &[&right]].concat());
    seen.by("passphrase_needed", &alice, &["balance"]);
    seen.by("passphrase_wrong", &alice, &["balance", "--passphrase-file", &wrong]);
    seen.by("bad_variable", &alice, &["balance", "--passphrase-env", "NOWHERE"]);
    // The first number after the magic, the version and the kind says how much memory a guess takes.
    let keys = world.path("alice").join("keys");
    let mut bytes = fs::read(&keys).unwrap();
    let memory = bytes.windows(4).position(|four| four == 65_536_u32.to_le_bytes()).unwrap();
    bytes[memory..memory + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    fs::write(&keys, bytes).unwrap();
    seen.by("passphrase_cost", &alice, &["balance", "--passphrase-file", &right]);
}

pub(super) fn that_cannot_be_opened(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::filled(&world, "alice", &mint);
    let passphrase = file(&world, "passphrase", "battery\n");
    seen.by("wallet_missing", &Purse::at(&world, "nowhere"), &["balance"]);
    seen.by("passphrase_unexpected", &alice, &["balance", "--passphrase-file", &passphrase]);
    seen.by("network_setup", &alice, &["balance", "--proxy", "nonsense"]);
    fs::create_dir(world.path("old")).unwrap();
    file(&world, "old/seed", [7; 64]);
    seen.by("not_encrypted", &Purse::at(&world, "old"), &["balance"]);
    seen.by("folder_unusable", &Purse::at(&world, "passphrase/below"), &["balance"]);
    for (name, damage, code) in [("keyless", "keys", "keys_damaged"), ("stateless", "state", "state_damaged")] {
        copy(&world.path("alice"), &world.path(name));
        let part = world.path(name).join(damage);
        if part.is_dir() {
            fs::remove_dir_all(part).unwrap()
        } else {
            fs::write(part, "nothing").unwrap()
        }
        seen.by(code, &Purse::at(&world, name), &["balance"]);
    }
    seen.with("failed", &alice, &["balance"], &[("FARTHING_LOG", "farthing=nonsense")]);
    // No file may grow any more once the withdrawal is kept.
    let withdraw = ["wallet", "--dir", world.path("alice").to_str().unwrap(), "--json", "--quiet", "withdraw", "1.00"]
        .map(str::to_owned);
    let withdraw = withdraw.each_ref().map(String::as_str);
    let script = ["-c", "trap '' XFSZ; exec \"$0\" \"$@\" 2>/dev/null"];
    let mut full = world.farthing_under("bash", &script, &withdraw);
    seen.as_run("state_unavailable", &alice, &withdraw, full.env("FARTHING_TEST_FULL", "1"));

    // Somebody waits for a server.
    let (asked, is_asked) = std::sync::mpsc::channel();
    let waits = fake::serve(move |_| {
        asked.send(()).unwrap();
        std::thread::park();
        None
    });
    let mut waiting = alice.command(&["get", &waits]).spawn().unwrap();
    is_asked.recv().unwrap();
    seen.by("wallet_in_use", &alice, &["balance"]);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
}
