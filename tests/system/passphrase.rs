//! A wallet that is protected by a passphrase, as its owner meets it.

use std::fs;

use crate::harness::World;

/// A world with a wallet whose passphrase is in the file `old`.
fn protected(world: &World) -> crate::harness::Server {
    let mint = world.mint();
    for name in ["old", "new"] {
        fs::write(world.path(name), format!("the {name} passphrase\n")).unwrap();
    }
    world.run(&["wallet", "init", "--mint", &mint.url, "--yes", "--passphrase-file", &path(world, "old")]);
    mint
}

fn path(world: &World, name: &str) -> String {
    world.path(name).to_str().unwrap().to_owned()
}

#[test]
fn a_passphrase_is_needed_comes_from_a_file_or_a_variable_and_is_changed() {
    let world = World::new();
    let _mint = protected(&world);
    let (old, new) = (path(&world, "old"), path(&world, "new"));
    let account = world.run(&["wallet", "account", "--passphrase-file", &old]);
    assert!(world.fails(5, &["wallet", "account"]).contains("nobody can be asked for the passphrase"));
    let refused = world.fails(5, &["wallet", "account", "--passphrase-file", &new]);
    assert!(refused.contains("the passphrase does not open the wallet"), "{refused}");
    assert!(!refused.contains("the new passphrase"), "{refused}");
    let mut command = world.farthing(&["wallet", "account", "--passphrase-env", "SECRET"]);
    let output = command.env("SECRET", "the old passphrase").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), account);

    let change = ["wallet", "passphrase", "--passphrase-file", &old, "--new-passphrase-file", &new];
    assert!(world.run(&change).contains("passphrase changed"));
    assert!(world.fails(5, &change).contains("the passphrase does not open the wallet"));
    assert_eq!(world.run(&["wallet", "account", "--passphrase-file", &new]), account);
    world.run(&["wallet", "passphrase", "--passphrase-file", &new, "--no-passphrase"]);
    assert_eq!(world.run(&["wallet", "account"]), account);
    assert!(world.fails(5, &["wallet", "account", "--passphrase-file", &new]).contains("has no passphrase"));
}
