//! Wallets driven with `--json`, every answer held against its schema.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Server, World};
use crate::schema::read;

/// One of several wallets of a world.
pub(crate) struct Purse<'a> {
    world: &'a World,
    dir: PathBuf,
}

impl<'a> Purse<'a> {
    /// A new wallet that trusts a mint.
    pub(crate) fn new(world: &'a World, name: &str, mint: &Server) -> Self {
        let purse = Self { world, dir: world.path(name) };
        world.run(&purse.arguments(&["init", "--mint", &mint.url, "--yes", "--no-passphrase"]));
        purse
    }

    /// A wallet that is there, or is to be.
    pub(crate) fn at(world: &'a World, name: &str) -> Self {
        Self { world, dir: world.path(name) }
    }

    /// A new wallet that withdrew a bundle of 5.10.
    pub(crate) fn filled(world: &'a World, name: &str, mint: &Server) -> Self {
        let purse = Self::new(world, name, mint);
        let account = purse.json("wallet-account", &["account"]);
        world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
        purse.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
        purse
    }

    fn arguments<'b>(&'b self, arguments: &[&'b str]) -> Vec<&'b str> {
        [&["wallet", "--dir", self.dir.to_str().unwrap()], arguments].concat()
    }

    /// Runs a command that must succeed, and reads its answer.
    pub(crate) fn json(&self, name: &str, arguments: &[&str]) -> Value {
        self.json_with(0, name, arguments)
    }

    /// Runs a command that must answer and end with this exit code.
    pub(crate) fn json_with(&self, exit: i32, name: &str, arguments: &[&str]) -> Value {
        Self::answer(exit, name, arguments, &mut self.command(arguments))
    }

    /// A command that answers with JSON and is quiet otherwise.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.world.farthing(&self.arguments(&[&["--json", "--quiet"], arguments].concat()))
    }

    fn answer(exit: i32, name: &str, arguments: &[&str], command: &mut Command) -> Value {
        let output = command.output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = std::str::from_utf8(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {answer}{complaint}");
        assert!(complaint.is_empty(), "{arguments:?} is not quiet: {complaint}");
        read(name, answer)
    }

    /// Runs a command that must fail with these codes, and gives the message and hint.
    pub(crate) fn fails(&self, exit: i32, code: &str, arguments: &[&str]) -> String {
        self.fails_as(exit, code, arguments, &mut self.command(arguments))
    }

    /// The same for a command that is run in another way.
    pub(crate) fn fails_as(&self, exit: i32, code: &str, arguments: &[&str], command: &mut Command) -> String {
        let answer = Self::answer(exit, "failure", arguments, command);
        assert_eq!(answer["error"]["code"], code, "{arguments:?}: {answer}");
        answer["error"].to_string()
    }

    /// Runs a command for people that must succeed, and gives both outputs.
    pub(crate) fn shows(&self, arguments: &[&str]) -> (String, String) {
        let output = self.world.output(&self.arguments(arguments));
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        for line in out.lines().chain(err.lines()) {
            let breakable = line.trim().contains(' ') && !line.contains("farthing1") && !line.contains("://");
            assert!(!breakable || line.chars().count() <= 80, "too wide: {line}");
        }
        (out, err)
    }

    /// What can be spent, in cents.
    pub(crate) fn available(&self) -> u64 {
        self.held("available")
    }

    /// One of the sums of the balance, of all mints together.
    pub(crate) fn held(&self, what: &str) -> u64 {
        let balance = self.json("wallet-balance", &["balance"]);
        let mints = balance["balances"].as_array().unwrap().iter();
        mints.map(|held| held[what]["units"].as_str().unwrap().parse::<u64>().unwrap()).sum()
    }
}

/// Runs a command of the world's own wallet that must succeed.
pub(crate) fn json(world: &World, name: &str, arguments: &[&str]) -> Value {
    own(world).json(name, arguments)
}

/// Runs a command of the world's own wallet that must fail with these codes.
pub(crate) fn failure(world: &World, exit: i32, code: &str, arguments: &[&str]) {
    own(world).fails(exit, code, arguments);
}

fn own(world: &World) -> Purse<'_> {
    Purse { world, dir: world.path(".farthing/wallet") }
}
