//! Second factors, limits and the journal, by the command line.

use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use farthing_protocol::api::FactorSecret;
use serde_json::Value;
use totp_rs::{Builder, Secret};

use crate::harness::World;
use crate::purse::Purse;
use crate::schema::read;

/// What `--secret-file` wrote: an authenticator, and recovery codes.
pub(crate) struct Paper {
    secret: FactorSecret,
    recovery: Vec<String>,
}

impl Paper {
    pub(crate) fn read(world: &World, name: &str) -> Self {
        let path = world.path(name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let uri = lines.next().unwrap();
        let (_, secret) = uri.split_once("secret=").unwrap();
        let secret = FactorSecret::from_text(secret.split('&').next().unwrap()).unwrap();
        Self { secret, recovery: lines.map(str::to_owned).rev().collect() }
    }

    /// What the authenticator shows now.
    pub(crate) fn now(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let totp = Builder::new().with_secret(Secret::new_stack(*self.secret.as_bytes())).build().unwrap();
        totp.generate(now).to_string()
    }

    /// A recovery code that was not used.
    pub(crate) fn recovery(&mut self) -> String {
        self.recovery.pop().unwrap()
    }
}

/// A code that is right with a probability of one to many thousand.
pub(crate) const WRONG: &str = "AAAA-AAAA-AAAA-AAAA";

/// A wallet with 10.00 of which 1.00 may leave within a day without a code.
pub(crate) fn protected<'a>(world: &'a World, purse: &Purse<'a>, name: &str) -> Paper {
    let account = purse.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    let file = world.path(name);
    let drawn = purse.json(
        "wallet-account-settings",
        &["account", "enrol", "--limit", "1.00", "--secret-file", file.to_str().unwrap()],
    );
    assert_eq!((&drawn["factor"], &drawn["waiting"]), (&"pending".into(), &true.into()));
    let paper = Paper::read(world, name);
    let confirmed = purse.json("wallet-account-settings", &["account", "confirm", &paper.now()]);
    assert_eq!((&confirmed["factor"], &confirmed["recovery_codes_left"]), (&"active".into(), &10.into()));
    assert_eq!(confirmed["limits"][0]["limit"]["text"], "1.00 EUR");
    paper
}

#[test]
fn a_wallet_takes_more_than_its_limit_with_a_code_alone() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let mut paper = protected(&world, &alice, "alice.secret");
    alice.json("wallet-withdraw", &["withdraw", "0.60"]);
    alice.fails(1, "second_factor_required", &["withdraw", "0.60"]);
    alice.fails(1, "second_factor_wrong", &["withdraw", "0.60", "--code", WRONG]);
    alice.fails(1, "second_factor_wrong", &["withdraw", "0.60", "--code", &paper.now()]);
    let code = paper.recovery();
    alice.json("wallet-withdraw", &["withdraw", "5.00", "--code", &code]);
    alice.fails(1, "second_factor_wrong", &["withdraw", "0.60", "--code", &code]);
    assert_eq!(alice.available(), 560);
    let settings = alice.json("wallet-account-settings", &["account", "show"]);
    assert_eq!((&settings["limits"][0]["left"]["units"], &settings["recovery_codes_left"]), (&"40".into(), &9.into()));
    let (shown, _) = alice.shows(&["account", "show"]);
    assert!(shown.contains("1.00 EUR may leave within a day without a code, now 0.40 EUR"), "{shown}");

    let set = alice.json("wallet-account-settings", &["account", "limit", "none", "--code", &paper.recovery()]);
    assert!(set["limits"].as_array().unwrap().is_empty());
    alice.json("wallet-withdraw", &["withdraw", "2.00"]);
    let codes = world.path("alice.codes");
    let renew = ["account", "recovery-codes", "--code", &paper.recovery(), "--secret-file", codes.to_str().unwrap()];
    assert_eq!(alice.json("wallet-account-settings", &renew)["recovery_codes_left"], 10);
    let text = std::fs::read_to_string(&codes).unwrap();
    let new: Vec<&str> = text.lines().collect();
    assert_eq!(new.len(), 10);
    alice.fails(1, "second_factor_wrong", &["account", "remove", "--code", &paper.recovery()]);
    let removed = alice.json("wallet-account-settings", &["account", "remove", "--code", new[0]]);
    assert_eq!(removed["factor"], "none");

    // Both are lost: the operator takes the factor away.
    let bob = Purse::new(&world, "bob", &mint);
    let _lost = protected(&world, &bob, "bob.secret");
    let account = bob.json("wallet-account", &["account"])["text"].as_str().unwrap().to_owned();
    assert!(world.run(&["mint", "reset-factor", &account]).contains("no limit any more"));
    bob.json("wallet-withdraw", &["withdraw", "9.00"]);
    world.audit();
}

#[test]
fn what_an_administrator_changes_needs_his_code_and_is_in_the_journal() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"])["text"].as_str().unwrap().to_owned();
    let json = |schema: &str, arguments: &[&str]| read(schema, &world.run(&[arguments, &["--json"]].concat()));
    let file = world.path("admin.secret");
    let init = ["mint", "admin", "init", "--secret-file", file.to_str().unwrap()];
    assert_eq!(json("mint-admin", &init)["factor"], "pending");
    let mut paper = Paper::read(&world, "admin.secret");
    assert_eq!(json("mint-admin", &["mint", "admin", "confirm", &paper.now()])["factor"], "active");

    // Nobody can be asked here.
    let refused = world.fails(8, &["mint", "credit", &account, "1.00"]);
    assert!(refused.contains("--code"), "{refused}");
    world.fails(1, &["mint", "credit", &account, "1.00", "--code", WRONG]);
    let code = paper.recovery();
    world.run(&["mint", "credit", &account, "1.00", "--reference", "bank 1", "--code", &code]);
    world.fails(1, &["mint", "credit", &account, "1.00", "--code", &code]);
    // What only looks needs none.
    world.audit();
    let journal = json("mint-journal", &["mint", "journal"]);
    let acts: Vec<&str> = journal["entries"].as_array().unwrap().iter().map(|e| e["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["credited", "administrator_factor_enrolled", "administrator_factor_drawn"]);
    assert_eq!(journal["entries"][0]["who"], "administrator_recovered");
    let link = json("mint-journal-verify", &["mint", "journal", "--verify"])["link"].as_str().unwrap().to_owned();

    // The same while the mint does not run.
    mint.kill();
    world.fails(8, &["mint", "credit", &account, "1.00"]);
    world.run(&["mint", "credit", &account, "2.00", "--code", &paper.recovery()]);
    let verified = json("mint-journal-verify", &["mint", "journal", "--verify", &format!("--link={link}")]);
    assert_eq!((&verified["found"], &verified["length"]), (&2.into(), &4.into()));
    let other = format!("--link={}", "A".repeat(43));
    world.fails(1, &["mint", "journal", "--verify", &other]);
    let listed = world.run(&["mint", "journal", "--limit", "1"]);
    assert!(listed.contains("credited") && listed.lines().count() == 1, "{listed}");

    // Everything is lost but what opens the keys.
    assert_eq!(json("mint-admin", &["mint", "admin", "reset"])["factor"], "none");
    world.run(&["mint", "credit", &account, "1.00"]);
    let last = json("mint-journal", &["mint", "journal", "--limit", "2"]);
    assert_eq!(last["entries"][1]["who"], "key_holder");
    world.audit();
}

#[test]
fn a_merchants_payout_beyond_his_limit_needs_a_code_and_is_approved_exported_and_paid() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, "alice", &mint);
    let invoice = world.run(&["verifier", "request", "3.00"]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    let json = |schema: &str, arguments: &[&str]| read(schema, &world.run(&[arguments, &["--json"]].concat()));
    let fails = |exit: i32, code: &str, arguments: &[&str]| {
        let output = world.output(&[arguments, &["--json"]].concat());
        let answer: Value = read("failure", std::str::from_utf8(&output.stdout).unwrap());
        assert_eq!((output.status.code(), &answer["error"]["code"]), (Some(exit), &code.into()), "{answer}");
    };
    let file = world.path("merchant.secret");
    json(
        "verifier-factor",
        &["verifier", "factor", "enrol", "--limit", "1.00", "--secret-file", file.to_str().unwrap()],
    );
    let mut paper = Paper::read(&world, "merchant.secret");
    json("verifier-factor", &["verifier", "factor", "confirm", &paper.now()]);
    fails(1, "second_factor_required", &["verifier", "payout", "2.00", "--reference", "DE02"]);
    fails(1, "second_factor_wrong", &["verifier", "payout", "2.00", "--reference", "DE02", "--code", WRONG]);
    let payout = ["verifier", "payout", "2.00", "--reference", "=DE02", "--code", &paper.recovery()];
    assert_eq!(json("verifier-payout", &payout)["state"], "pending");
    json("verifier-payout", &["verifier", "payout", "0.50", "--reference", "DE03"]);
    assert_eq!(json("verifier-payouts", &["verifier", "payouts"])["payouts"].as_array().unwrap().len(), 2);

    fails(1, "bad_number", &["mint", "payouts", "--paid", "0", "--reference", "x"]);
    let approved = json("mint-payouts", &["mint", "payouts", "--approve", "0,1"]);
    assert_eq!(approved["payouts"][1]["state"], "approved");
    let csv = world.run(&["mint", "payouts", "--csv"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "number,state,time,amount,unit,units,account,reference,to,settled,note");
    assert!(lines[1].contains(",2.00,EUR,200,farthingaccount1") && lines[1].contains(",'=DE02,"), "{csv}");
    json("mint-payouts", &["mint", "payouts", "--paid", "0", "--reference", "SEPA 1"]);
    json("mint-payouts", &["mint", "payouts", "--reject", "1", "--reason", "no such account"]);
    assert_eq!(world.run(&["mint", "payouts", "--csv"]).lines().count(), 1);
    assert_eq!(world.run(&["mint", "payouts", "--csv", "--all"]).lines().count(), 3);
    let known = json("verifier-payouts", &["verifier", "payouts"]);
    // Both may be of one second: their order says nothing.
    let known: std::collections::BTreeSet<_> =
        known["payouts"].as_array().unwrap().iter().map(|one| (one["state"].as_str(), one["note"].as_str())).collect();
    let told = [(Some("paid"), Some("SEPA 1")), (Some("rejected"), Some("no such account"))];
    assert_eq!(known, told.into());
    drop(merchant);
    world.audit();
}

#[test]
fn where_the_operator_opens_accounts_a_merchant_is_paid_when_his_is_open() {
    let world = World::new();
    world.run(&["mint", "init"]);
    let settings = world.path(".farthing/mint/mint.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("registration = \"open\"", "registration = \"closed\"")).unwrap();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"])["text"].as_str().unwrap().to_owned();
    // The operator credits whom he likes; nobody else does.
    world.run(&["mint", "credit", &account, "10.00"]);
    alice.json("wallet-withdraw", &["withdraw", "10.00"]);
    let merchant = world.merchant(&mint);
    let pay = |invoice: &str| alice.command(&["pay", invoice, "--yes", "--json"]).output().unwrap();
    let refused = pay(&world.run(&["verifier", "request", "0.37"]));
    let answer = read("failure", std::str::from_utf8(&refused.stdout).unwrap());
    assert_eq!(refused.status.code(), Some(1), "{answer}");
    assert_eq!(alice.available(), 1000, "nothing was taken");

    let registration = |exit: i32, schema: &str, arguments: &[&str]| {
        let output = world.output(&[&["mint", "account"], arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(exit), "{}", String::from_utf8_lossy(&output.stdout));
        read(schema, std::str::from_utf8(&output.stdout).unwrap())
    };
    let keys: Value = serde_json::from_str(&world.run(&["verifier", "keys", "--json"])).unwrap();
    let payee = keys["keys"][0]["payee"].as_str().unwrap();
    let opened = registration(0, "mint-account", &["open", payee]);
    assert!(opened["open"] == true && opened["was_open"] == false && opened["counts"] == true, "{opened}");
    let paid = pay(&world.run(&["verifier", "request", "0.37"]));
    assert!(paid.status.success(), "{}", String::from_utf8_lossy(&paid.stdout));
    assert_eq!(alice.available(), 963);
    assert!(world.run(&["mint", "journal"]).contains("account_opened"));
    registration(1, "failure", &["open", "nobody"]);

    // The same while the mint does not run.
    drop(merchant);
    mint.kill();
    assert_eq!(registration(0, "mint-account", &["open", &account])["was_open"], false);
    assert_eq!(registration(0, "mint-account-list", &["list"])["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(registration(0, "mint-account", &["close", payee])["was_open"], true);
    let listed = world.run(&["mint", "account", "list"]);
    assert!(listed.contains(&account), "{listed}");
    assert!(world.run(&["mint", "account", "close", payee]).contains("was not open"));
    world.audit();
}
