//! Money from outside, by the command line: vouchers, and what a payment processor reports.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use farthing_protocol::identity::Keypair;
use farthing_protocol::text::TextForm;
use farthing_protocol::voucher::VoucherCode;
use serde_json::Value;

use crate::harness::World;
use crate::purse::Purse;
use crate::schema::read;

/// Sets what stands under `[funding]` of the mint's settings.
pub(crate) fn configure(world: &World, lines: &str) {
    let file = world.path(".farthing/mint/mint.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("[funding]").unwrap();
    std::fs::write(&file, format!("{before}[funding]\n{lines}\n")).unwrap();
}

/// A code like another one, of a key that nobody gave the mint.
pub(crate) fn made_up(like: &str) -> String {
    let terms = VoucherCode::from_text(like).unwrap().terms();
    VoucherCode::new(Keypair::from_secret(&rand::random()), &terms).unwrap().to_text()
}

fn json(world: &World, name: &str, arguments: &[&str]) -> Value {
    read(name, &world.run(&[&["mint"], arguments, &["--json"]].concat()))
}

fn fails(world: &World, exit: i32, code: &str, arguments: &[&str]) {
    let output = world.output(&[&["mint"], arguments, &["--json"]].concat());
    let answer = read("failure", std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!((output.status.code(), &answer["error"]["code"]), (Some(exit), &Value::from(code)), "{answer}");
}

fn codes(sheet: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(sheet).unwrap();
    text.split("\"farthing:").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// Whether a file below a folder holds these bytes.
fn is_in(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_in(&path, bytes);
        }
        std::fs::read(path).is_ok_and(|content| content.windows(bytes.len()).any(|window| window == bytes))
    })
}

#[test]
fn vouchers_from_the_sheet_to_the_wallet() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let sheet = world.path("fair.html");
    let create = ["vouchers", "create", "--count", "3", "--amount", "5.25", "--title", "Summer fair", "--sheet"];
    let create = [&create[..], &[sheet.to_str().unwrap()]].concat();
    let made = json(&world, "mint-vouchers-create", &create);
    assert_eq!((&made["batch"]["number"], &made["batch"]["open"]["units"]), (&0.into(), &"1575".into()));
    assert_eq!(std::fs::metadata(&sheet).unwrap().permissions().mode() & 0o777, 0o600);
    // A sheet is never written over, nor made for what the mint cannot issue.
    fails(&world, 1, "bad_file", &create);
    fails(&world, 1, "bad_file", &["vouchers", "create", "--count", "1", "--amount", "1.00", "--sheet", "fair.pdf"]);
    fails(&world, 1, "bad_date", &[&create[..9], &["new.html", "--expires", "soon"]].concat());
    let new = world.path("new.html");
    let huge = ["vouchers", "create", "--count", "1", "--amount", "99999999.00", "--sheet", new.to_str().unwrap()];
    fails(&world, 1, "failed", &huge);
    assert!(!new.exists(), "what is worth nothing is not left behind");

    // The codes are on the sheet and nowhere else: the mint never sees them, not even when they are redeemed.
    let codes = codes(&sheet);
    assert_eq!(codes.len(), 3);
    let redeemed = alice.json("wallet-redeem", &["redeem", &format!("FARTHING:{}", codes[0].to_uppercase())]);
    assert_eq!(redeemed["amount"]["text"], "5.25 EUR");
    assert_eq!(alice.available(), 525);
    for code in &codes {
        let secret = VoucherCode::from_text(code).unwrap().into_key().secret();
        assert!(!is_in(&world.path(".farthing/mint"), secret.as_slice()));
    }
    assert_eq!(alice.json("wallet-history", &["history"])["finished"][0]["kind"], "voucher");
    let listed = json(&world, "mint-vouchers", &["vouchers", "list"]);
    assert_eq!((&listed["batches"][0]["redeemed"], &listed["batches"][0]["state"]), (&1.into(), &"open".into()));
    let known = json(
        &world,
        "mint-vouchers-create",
        &["vouchers", "register", sheet.to_str().unwrap(), "--title", "Summer fair"],
    );
    assert_eq!((&known["known"], &known["batch"]["number"]), (&true.into(), &0.into()));
    fails(&world, 1, "failed", &["vouchers", "register", sheet.to_str().unwrap(), "--title", "Another"]);

    // The mint need not run.
    mint.kill();
    fails(&world, 8, "nobody_to_ask", &["vouchers", "revoke", "0"]);
    fails(&world, 1, "bad_number", &["vouchers", "revoke", "1", "--yes"]);
    for _ in 0..2 {
        let revoked = json(&world, "mint-vouchers-revoke", &["vouchers", "revoke", "0", "--yes"]);
        assert_eq!((&revoked["state"], &revoked["open"]["units"]), (&"revoked".into(), &"1050".into()));
    }
    let pages = world.path("more.svg");
    let many = ["vouchers", "create", "--count", "11", "--amount", "0.01", "--expires", "30d", "--sheet"];
    let made = json(&world, "mint-vouchers-create", &[&many[..], &[pages.to_str().unwrap()]].concat());
    assert_eq!(made["sheets"].as_array().unwrap().len(), 2);
    let table = world.run(&["mint", "vouchers", "list"]);
    assert!(table.contains("Summer fair") && table.contains("1 of 3") && table.contains("0 of 11"), "{table}");
    world.audit();
    let mint = world.mint();
    alice.json("wallet-mint", &["mint", "add", &mint.url, "--yes"]);
    fails(&world, 1, "bad_number", &["vouchers", "revoke", "7", "--yes"]);
    let first = self::codes(&world.path("more-1-of-2.svg"));
    let shown = alice.shows(&["redeem", &first[9]]).0;
    assert!(shown.contains("redeemed 0.01 EUR in 1 tokens"), "{shown}");
    world.audit();
}

/// A mint that is killed while it makes a batch has it or not; the sheet says which codes, and `register` puts them there.
#[test]
fn a_batch_whose_making_was_interrupted_is_registered_from_its_sheet() {
    let world = World::new();
    let mut mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let mut expected = 0;
    for round in 0..6_u64 {
        let sheet = world.path(&format!("round-{round}.html"));
        let create = ["mint", "vouchers", "create", "--count", "40", "--amount", "0.01", "--sheet"];
        let mut creating = world.quiet(&[&create[..], &[sheet.to_str().unwrap()]].concat()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(12 * round));
        mint.end();
        creating.wait().unwrap();
        mint = world.mint();
        if !sheet.exists() {
            // It was refused before anything was made, or the mint was not reached: nothing is in the books.
            continue;
        }
        for known in [None, Some(true)] {
            let answer = json(&world, "mint-vouchers-create", &["vouchers", "register", sheet.to_str().unwrap()]);
            assert!(known.is_none_or(|known| answer["known"] == known));
        }
        expected += 40;
        alice.json("wallet-mint", &["mint", "add", &mint.url, "--yes"]);
        alice.json("wallet-redeem", &["redeem", &codes(&sheet)[7]]);
    }
    let listed = json(&world, "mint-vouchers", &["vouchers", "list"]);
    let counts = listed["batches"].as_array().unwrap().iter().map(|batch| batch["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), expected);
    world.audit();
}

fn python_works() -> bool {
    let works = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !works {
        let required = std::env::var_os("FARTHING_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "python3 is required and does not work here");
        let _gone = writeln!(std::fs::File::create("/dev/stderr").unwrap(), "skipped: python3 does not work here");
    }
    works
}

/// A mint that takes reports of payments.
struct Bank<'a> {
    world: &'a World,
    child: Child,
    url: String,
    webhook: String,
}

impl<'a> Bank<'a> {
    fn start(world: &'a World) -> Self {
        let mut command = world.farthing(&["mint", "run", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = || {
            let line = lines.find(|line| line.as_ref().unwrap().contains("://")).unwrap().unwrap();
            line.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned()
        };
        let (url, webhook) = (address(), address());
        std::thread::spawn(move || lines.for_each(drop));
        Self { world, child, url, webhook }
    }

    /// Runs the example script on a statement. What it printed, if everything was taken.
    fn statement(&self, secret: &Path, lines: &str) -> Option<String> {
        let (all, printed) = self.reported(secret, lines);
        all.then_some(printed)
    }

    /// Whether everything was taken, and what the script printed.
    fn reported(&self, secret: &Path, lines: &str) -> (bool, String) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/funding/bank.py");
        let mut python = Command::new("python3");
        python.args(["-B", script, &self.webhook, secret.to_str().unwrap()]);
        let mut running = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        running.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = running.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        *self = Self::start(self.world);
    }
}

impl Drop for Bank<'_> {
    fn drop(&mut self) {
        let _dead = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn a_bank_statement_credits_quotes_once_and_the_operator_assigns_the_rest() {
    if !python_works() {
        return;
    }
    let world = World::new();
    world.run(&["mint", "init"]);
    configure(&world, "payment = \"Pay {amount}, reference {quote}\"\nwebhook_listen = \"127.0.0.1:0\"");
    let secret = json(&world, "mint-funding-secret", &["funding", "secret"])["file"].as_str().unwrap().to_owned();
    let secret = Path::new(&secret);
    let mut bank = Bank::start(&world);
    let alice = Purse::at(&world, "alice");
    let paper = world.path("paper");
    let init = ["init", "--mint", &bank.url, "--yes", "--no-passphrase", "--words-file", paper.to_str().unwrap()];
    alice.json("wallet-init", &init);
    let picture = world.path("pay.png");
    let quote = alice.json("wallet-fund", &["fund", "20.00", "--png", picture.to_str().unwrap()]);
    assert!(quote["files"][0] == picture.to_str().unwrap() && picture.exists());
    let name = quote["quote"].as_str().unwrap().to_owned();
    assert_eq!(quote["payment"], format!("Pay 20.00 EUR, reference {name}"));
    assert_eq!(alice.json("wallet-fund-list", &["fund"])["quotes"][0]["state"], "open");

    // As a bank has it: other words around the name, and a blank in it.
    let spaced = format!("{} {}", &name[..9].to_lowercase(), &name[9..]);
    let lines = format!("a1,20.00,\"for {spaced}, thanks\"\na2,7.50,rent\n");
    assert_eq!(bank.statement(secret, &lines).unwrap(), "a1 20.00 credited\na2 7.50 held\n");
    // The statement of the next day has the same entries, and one that came late in the evening.
    bank.restart();
    alice.json("wallet-mint", &["mint", "add", &bank.url, "--yes"]);
    let more = format!("{lines}a3,0.50,{name}\n");
    assert_eq!(bank.statement(secret, &more).unwrap(), "a1 20.00 credited\na2 7.50 held\na3 0.50 credited\n");
    let quotes = alice.json("wallet-fund-list", &["fund"]);
    let quote = &quotes["quotes"][0];
    assert_eq!(quote["state"], "paid");
    assert_eq!(quote["credited"]["units"], "2050");
    alice.json("wallet-withdraw", &["withdraw", "20.50"]);

    // What left the account is passed over, and what cannot be taken keeps back nothing that comes behind it.
    let mixed = format!(
        "b1,-3.00,rent\n{lines}b2,much,rent\nb3\nb4,0.005,rent\na2,7.60,rent\nb5,0.25,\"to \u{202e}\u{7}\"\n\nb6,1.00,\"a mark left open\nb7,1.00,\"a\" b\nb8,0.50,{}\u{a0}{}\n",
        &name[..6],
        &name[6..]
    );
    let printed = "b1 -3.00 skipped\na1 20.00 credited\na2 7.50 held\nb5 0.25 held\nb8 0.50 credited\n";
    assert_eq!(bank.reported(secret, &mixed), (false, printed.to_owned()));

    // Signed with a secret of somebody else nothing is credited.
    let forged = world.path("forged");
    std::fs::write(&forged, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n").unwrap();
    assert_eq!(bank.statement(&forged, &format!("a4,1.00,{name}\n")), None);
    // A new secret counts at once, and the last one still does.
    std::fs::copy(secret, &forged).unwrap();
    json(&world, "mint-funding-secret", &["funding", "secret"]);
    for file in [secret, &forged] {
        assert!(bank.statement(file, &lines).is_some());
    }

    let held = json(&world, "mint-funding", &["funding", "list"]);
    let entry = &held["payments"][0];
    assert_eq!((&entry["quote"], &entry["id"], &entry["state"]), (&"rent".into(), &"bank-a2".into(), &"held".into()));
    let number = entry["number"].to_string();
    let account = alice.json("wallet-account", &["account"])["text"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let assigned = json(&world, "mint-funding-assign", &["funding", "assign", &number, &account]);
        assert_eq!((&assigned["state"], &assigned["account"]), (&"assigned".into(), &account.as_str().into()));
    }
    fails(&world, 1, "bad_number", &["funding", "return", &number]);
    fails(&world, 1, "bad_number", &["funding", "assign", "99", &account]);
    bank.statement(secret, "a5,0.01,who knows\n").unwrap();
    drop(bank);
    // The mint need not run.
    assert!(world.run(&["mint", "funding", "list"]).contains("who knows"));
    fails(&world, 1, "bad_number", &["funding", "return", "0"]);
    for number in ["3", "5"] {
        let returned = json(&world, "mint-funding-assign", &["funding", "return", number]);
        assert_eq!(returned["state"], "returned");
    }
    assert!(world.run(&["mint", "funding", "list"]).contains("no money waits for you"));
    assert_eq!(json(&world, "mint-funding", &["funding", "list", "--all"])["payments"].as_array().unwrap().len(), 6);
    world.audit();
}

/// A mint that is killed while payments are reported has credited each or not; reported again, each is credited once.
#[test]
fn a_mint_that_is_killed_credits_every_payment_once() {
    if !python_works() {
        return;
    }
    let world = World::new();
    world.run(&["mint", "init"]);
    configure(&world, "payment = \"{quote}\"\nwebhook_listen = \"127.0.0.1:0\"");
    world.run(&["mint", "funding", "secret"]);
    let secret = world.path(".farthing/mint/webhook.secret");
    let mut bank = Bank::start(&world);
    let alice = Purse::at(&world, "alice");
    let paper = world.path("paper");
    let init = ["init", "--mint", &bank.url, "--yes", "--no-passphrase", "--words-file", paper.to_str().unwrap()];
    alice.json("wallet-init", &init);
    let quote = alice.json("wallet-fund", &["fund", "1.00"]);
    let name = quote["quote"].as_str().unwrap();
    let statement: String = (0..60).map(|entry| format!("e{entry},0.01,{name}\n")).collect();
    for round in 0..5_u64 {
        std::thread::scope(|scope| {
            let reporting = scope.spawn(|| bank.statement(&secret, &statement));
            std::thread::sleep(std::time::Duration::from_millis(90 + 40 * round));
            let killed = Command::new("kill").args(["-KILL", &bank.child.id().to_string()]).status().unwrap();
            assert!(killed.success());
            reporting.join().unwrap();
        });
        bank.restart();
    }
    assert!(bank.statement(&secret, &statement).is_some());
    alice.json("wallet-mint", &["mint", "add", &bank.url, "--yes"]);
    assert_eq!(alice.json("wallet-fund-list", &["fund"])["quotes"][0]["credited"]["units"], "60");
    alice.json("wallet-withdraw", &["withdraw", "0.60"]);
    drop(bank);
    assert_eq!(json(&world, "mint-funding", &["funding", "list", "--all"])["payments"].as_array().unwrap().len(), 60);
    world.audit();
}
