//! Every code of a failure that `docs/cli.md` lists is provoked by a command, and ends with the exit code that stands beside it.

mod factors;
mod folder;
mod funding;
mod invoices;
mod mints;
mod money;
mod requests;
mod terminals;
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::harness::World;
use crate::purse::Purse;
use crate::schema::docs;
use crate::terminal;

/// What provokes failures. Each is a world of its own.
const SCENES: [fn(&mut Provoked); 14] = [
    factors::that_are_asked_for,
    factors::of_an_operator,
    folder::under_a_passphrase,
    folder::that_cannot_be_opened,
    funding::that_does_not_come,
    invoices::that_are_not_paid,
    mints::that_answer_wrongly,
    mints::that_have_not_what_is_wanted,
    mints::that_cannot_finish,
    money::that_is_not_sent,
    money::that_is_not_received,
    requests::that_are_not_paid_for,
    twins::of_the_same_words,
    twins::that_are_being_restored,
];

/// Codes that no command of a wallet can give, and why. It stays short.
const UNPROVOKED: [(&str, &str); 11] = [
    // A command shows the settings and changes them at once: somebody else would have to come between.
    ("settings_changed", "no command waits in between"),
    // `Wallet::swap` answers it to programs. Commands plan their swaps themselves, with tokens that they hold.
    ("no_such_tokens", "no command swaps what somebody names"),
    // `Wallet::send` and `Wallet::request` answer it to programs. A command says `bad_amount` before.
    ("nothing_to_send", "no command reads an amount of zero"),
    // A wallet says which service it was, and what it is that there is already. `verifier init` provokes both in `operating.rs`.
    ("not_reached", "no command of a wallet says it"),
    ("exists", "no command of a wallet says it"),
    // `farthing verifier refund` says it: see the tests of the merchant.
    ("not_refunded", "no wallet pays a payment back"),
    // `farthing mint passphrase` and `farthing mint keys` say both: see the tests of the signer.
    ("mint_running", "no command of a wallet says it"),
    ("wrong_secret", "no command of a wallet says it"),
    // `farthing mint backup`, `restore` and `forget` say these: `backup.rs` provokes all three.
    ("bad_backup", "no wallet reads a mint's backup"),
    ("something_lost", "no wallet puts a mint back"),
    ("account_in_use", "no wallet forgets an account at a mint"),
];

/// The failures that were seen, held against the table.
pub(super) struct Provoked {
    table: BTreeMap<String, i32>,
    seen: BTreeSet<String>,
}

impl Provoked {
    fn new() -> Self {
        Self { table: table(), seen: BTreeSet::new() }
    }

    /// The exit code that the table names for a code.
    fn exit(&self, code: &str) -> i32 {
        *self.table.get(code).unwrap_or_else(|| panic!("docs/cli.md lacks {code}"))
    }

    /// Runs a command that must fail with this code, and gives message and hint.
    pub(super) fn by(&mut self, code: &str, purse: &Purse<'_>, arguments: &[&str]) -> String {
        self.as_run(code, purse, arguments, &mut purse.command(arguments))
    }

    /// The same with something in the environment.
    pub(super) fn with(
        &mut self,
        code: &str,
        purse: &Purse<'_>,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> String {
        self.as_run(code, purse, arguments, purse.command(arguments).envs(environment.iter().copied()))
    }

    /// The same for a command that is run in another way.
    pub(super) fn as_run(
        &mut self,
        code: &str,
        purse: &Purse<'_>,
        arguments: &[&str],
        command: &mut Command,
    ) -> String {
        let said = purse.fails_as(self.exit(code), code, arguments, command);
        self.seen.insert(code.to_owned());
        said
    }

    /// A command ended at a terminal, with its answer on the screen.
    pub(super) fn on_screen(&mut self, code: &str, (exit, screen): (i32, String)) {
        let lines = screen.replace('\n', "");
        let answer = &lines[lines.find("{\"error\"").expect(&screen)..];
        let answer = crate::schema::read("failure", answer);
        assert_eq!((answer["error"]["code"].as_str(), exit), (Some(code), self.exit(code)), "{screen}");
        self.seen.insert(code.to_owned());
    }
}

/// The codes of `docs/cli.md`, each with its exit code.
fn table() -> BTreeMap<String, i32> {
    let text = std::fs::read_to_string(docs().join("cli.md")).unwrap();
    let (_, section) = text.split_once("\n## Failures by code\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `")).map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].parse().unwrap())
    });
    let rows: Vec<(String, i32)> = rows.collect();
    let table: BTreeMap<_, _> = rows.iter().cloned().collect();
    assert_eq!(table.len(), rows.len(), "a code stands there twice");
    table
}

#[test]
fn every_code_of_the_table_is_provoked_by_a_command() {
    let mut scenes = SCENES.to_vec();
    if terminal::possible() {
        scenes.push(terminals::where_somebody_answers);
    }
    let run = |scene: fn(&mut Provoked)| {
        let mut provoked = Provoked::new();
        scene(&mut provoked);
        provoked.seen
    };
    let seen: BTreeSet<String> = std::thread::scope(|scope| {
        let running: Vec<_> = scenes.into_iter().map(|scene| scope.spawn(move || run(scene))).collect();
        running.into_iter().flat_map(|scene| scene.join().expect("a scene failed")).collect()
    });
    let mut expected: BTreeSet<String> = table().into_keys().collect();
    for (code, why) in UNPROVOKED {
        assert!(expected.remove(code), "docs/cli.md lacks {code}");
        assert!(!seen.contains(code), "{code} was provoked, though {why}");
    }
    if !terminal::possible() {
        terminals::CODES.iter().for_each(|code| assert!(expected.remove(*code)));
    }
    let missing: Vec<_> = expected.difference(&seen).collect();
    assert!(missing.is_empty(), "nothing provokes {missing:?}");
}

#[test]
fn a_command_without_json_ends_with_the_exit_code_of_its_code() {
    let exit = Provoked::new().exit("not_reached");
    World::new().fails(exit, &["verifier", "init", "--mint", "http://127.0.0.1:1"]);
}
