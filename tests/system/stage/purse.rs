//! A wallet on a stage, and what it says that it holds.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::{Ran, Stage, money, ran, units};

/// A wallet on a stage.
pub(crate) struct Purse<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) folder: PathBuf,
    pub(super) passphrase: Option<PathBuf>,
    pub(super) funded: u64,
}

/// What a wallet says that it holds, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// Tokens that can be spent.
    pub(crate) tokens: u64,
    /// Tokens held by unfinished operations.
    pub(crate) reserved: u64,
    /// Tokens given out that nobody claimed, as far as the wallet knows.
    pub(crate) out: u64,
    pub(crate) account: u64,
    pub(crate) paid: u64,
    pub(crate) unfinished: usize,
}

impl Purse<'_> {
    /// A wallet is made in its folder, its words on paper.
    pub(crate) fn made(self) -> Self {
        let (url, paper) = (self.stage.to_mint.url(), self.paper());
        let protection: &[&str] = if self.passphrase.is_none() { &["--no-passphrase"] } else { &[] };
        let init = ["init", "--mint", &url, "--yes", "--words-file", paper.to_str().unwrap()];
        self.run(&[&init, protection].concat()).succeeded();
        self
    }

    /// The file with its words.
    pub(crate) fn paper(&self) -> PathBuf {
        self.folder.with_extension("paper")
    }

    /// Whatever lies in its folder, by name.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Every command is given this passphrase.
    pub(crate) fn protected(mut self, passphrase: &str) -> Self {
        let file = self.folder.with_extension("passphrase");
        std::fs::write(&file, format!("{passphrase}\n")).unwrap();
        self.passphrase = Some(file);
        self
    }

    /// The mint's operator credits the account.
    pub(crate) fn credited(mut self, cents: u64) -> Self {
        let account = self.run(&["account"]).succeeded().out;
        self.stage.world.run(&["mint", "credit", account.trim(), &money(cents)]);
        self.funded += cents;
        self.stage.funded.fetch_add(cents, Ordering::SeqCst);
        self
    }

    /// The mint's operator gives the wallet's owner a voucher, on paper.
    pub(crate) fn given_voucher(mut self, cents: u64) -> (Self, String) {
        let code = self.stage.world.vouchers(1, cents).remove(0);
        self.funded += cents;
        self.stage.funded.fetch_add(cents, Ordering::SeqCst);
        (self, code)
    }

    /// `farthing wallet …` in this wallet's folder: one attempt for each message, so that what fails is left for the next command.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.here(self.stage.world.farthing(&["wallet"]), arguments)
    }

    /// The same under another program.
    pub(crate) fn command_under(&self, program: &str, before: &[&str], arguments: &[&str]) -> Command {
        self.here(self.stage.world.farthing_under(program, before, &["wallet"]), arguments)
    }

    fn here(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).args(self.stage.world.paper(arguments));
        if let Some(file) = &self.passphrase {
            command.arg("--passphrase-file").arg(file);
        }
        command.env("FARTHING_WALLET_DIR", &self.folder).env("FARTHING_TEST_ATTEMPTS", "1");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// With a variable for the binary under test.
    pub(crate) fn run_with(&self, arguments: &[&str], name: &str, value: &str) -> Ran {
        ran(self.command(arguments).env(name, value))
    }

    pub(crate) fn run_killed_at(&self, arguments: &[&str], moment: &str) -> Ran {
        self.run_with(arguments, "FARTHING_TEST_KILL", moment)
    }

    /// A command's answer, read as JSON. It must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat()).succeeded();
        serde_json::from_str(&ran.out).unwrap()
    }

    /// What the wallet says, after it went on with whatever was unfinished.
    pub(crate) fn holdings(&self) -> Holdings {
        let (balance, history) = (self.json(&["balance"]), self.json(&["history"]));
        let list = |value: &Value| value.as_array().unwrap().clone();
        let sum = |values: &[Value], what: &str| values.iter().map(|value| units(&value[what])).sum::<u64>();
        let (balances, accounts) = (list(&balance["balances"]), list(&balance["accounts"]));
        assert_eq!(accounts.len(), 1, "the account could not be asked for: {balance}");
        assert_eq!(sum(&balances, "ended"), 0);
        let mut paid = list(&history["finished"]);
        paid.retain(|entry| entry["kind"] == "payment" && entry["state"] == "paid");
        Holdings {
            tokens: sum(&balances, "available"),
            reserved: sum(&balances, "reserved"),
            out: sum(&balances, "sent"),
            account: sum(&accounts, "balance"),
            paid: sum(&paid, "amount"),
            unfinished: list(&history["unfinished"]).len(),
        }
    }

    /// Nothing is under way or held back, and nothing is missing.
    pub(crate) fn assert_whole(&self, after: &str) -> Holdings {
        let holdings = self.holdings();
        holdings.assert_settled(after);
        assert_eq!(holdings.worth(), self.funded, "{after}: {holdings:?}");
        holdings
    }

    /// What the account was credited with.
    pub(crate) fn funded(&self) -> u64 {
        self.funded
    }
}

impl Holdings {
    /// Nothing is under way or held back.
    pub(crate) fn assert_settled(&self, after: &str) {
        assert_eq!((self.reserved, self.unfinished), (0, 0), "{after}: {self:?}");
    }

    /// Everything that was ever put in and did not go to another wallet.
    pub(crate) fn worth(&self) -> u64 {
        self.tokens + self.reserved + self.out + self.account + self.paid
    }
}
