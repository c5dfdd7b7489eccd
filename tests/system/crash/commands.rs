//! Commands that move no value and change what the wallet remembers: killed at every moment and at random instants, each can be given
//! again, and the wallet is whole.

use std::process::Command;

use super::Dice;
use crate::stage::{Purse, Stage, ran, ran_for};

/// What is done, and what must have been done before each time.
struct Given<'a> {
    before: Vec<&'a [&'a str]>,
    command: &'a [&'a str],
    /// How far ahead the wallet's clock is meanwhile, in seconds.
    ahead: u32,
}

#[test]
fn whatever_else_a_wallet_remembers_is_remembered_whole_or_not_at_all() {
    let stage = Stage::new();
    let purse = stage.purse(500);
    purse.run(&["withdraw", "1.00"]).succeeded();
    let known = purse.json(&["mint", "list"]);
    let (url, id) = (stage.to_mint.url(), known["mints"][0]["mint"].as_str().unwrap().to_owned());
    let shop = "https://shop.example/";
    let budget = ["budget", "set", shop, "1.00", "--window", "60"];
    let commands: [(&[&str], &[&str]); 11] = [
        (&[], &["stock", "--up-to", "1.00", "--ahead", "2", "--withdraw-below", "0.10"]),
        (&[], &["stock", "--withdraw-below", "never"]),
        (&[], &["recipient"]),
        (&[], &["request", "0.37", "--memo", "soup"]),
        (&[], &budget),
        (&budget, &["budget", "remove", shop]),
        (&[], &["mint", "add", &url, "--yes"]),
        (&[], &["mint", "trust", &id, "--yes"]),
        (&[], &["mint", "refresh"]),
        (&[], &["resume"]),
        (&[], &["doctor"]),
    ];
    let mut tried = Tried { purse, dice: Dice::new(11), killed: 0 };
    for (before, command) in commands {
        let before = if before.is_empty() { Vec::new() } else { vec![before] };
        tried.interrupted(&Given { before, command, ahead: 0 });
    }
    // Only what ended a day ago is forgotten.
    let before: Vec<&[&str]> = vec![&["withdraw", "0.01"], &["request", "0.01", "--expires-in", "60"]];
    let forget = ["forget", "--before", "2999-12-31", "--locked", "--yes"];
    tried.interrupted(&Given { before, command: &forget, ahead: 200_000 });
    assert!(tried.killed >= 30, "{}", tried.killed);
    stage.assert_conserved(&[tried.purse.assert_whole("all")]);
}

/// A wallet, and how often it was killed.
struct Tried<'a> {
    purse: Purse<'a>,
    dice: Dice,
    killed: usize,
}

impl Tried<'_> {
    fn interrupted(&mut self, given: &Given<'_>) {
        for moment in 1.. {
            self.prepare(given);
            let killed = ran(self.command(given).env("FARTHING_TEST_KILL", moment.to_string()));
            self.afterwards(given);
            if killed.killed.is_none() {
                break;
            }
            self.killed += 1;
        }
        for _ in 0..2 {
            self.prepare(given);
            let time = std::time::Duration::from_millis(self.dice.below(40) as u64);
            self.killed += usize::from(ran_for(&mut self.command(given), time).killed.is_some());
            self.afterwards(given);
        }
    }

    fn prepare(&self, given: &Given<'_>) {
        for before in &given.before {
            self.purse.run(before).succeeded();
        }
    }

    fn command(&self, given: &Given<'_>) -> Command {
        let mut command = self.purse.command(given.command);
        if given.ahead > 0 {
            command.env("FARTHING_TEST_CLOCK", given.ahead.to_string());
        }
        command
    }

    fn afterwards(&self, given: &Given<'_>) {
        ran(&mut self.command(given)).succeeded();
        let name = given.command.join(" ");
        self.purse.assert_whole(&name);
        assert_eq!(self.purse.files(), ["keys", "state"], "{name}");
    }
}
