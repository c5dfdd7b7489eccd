//! A fair without a network: payers with tokens locked to the merchant, who deposits them later.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

use crate::harness::{Server, World};
use crate::net::Proxy;
use crate::purse::Purse;
use crate::stage::{cents, units};

/// A mint that goes away and comes back, and a merchant who takes locked tokens.
pub(crate) struct Fair {
    pub(crate) world: World,
    mint: Mutex<Option<Server>>,
    pub(crate) to_mint: Proxy,
}

impl Fair {
    /// Everything that is done at home: the merchant has a list of keysets, and the mint is gone.
    pub(crate) fn new(filled: &[&str]) -> (Self, Vec<String>) {
        let world = World::new();
        let mint = world.mint();
        let to_mint = Proxy::new(mint.address());
        let fair = Self { world, mint: Mutex::new(Some(mint)), to_mint };
        fair.world.run(&["verifier", "init", "--mint", &fair.to_mint.url(), "--locked", "--yes"]);
        let record = fair.path("record");
        fair.world.run(&["verifier", "recipient", "--file", &record]);
        for name in filled {
            let purse = Purse::at(&fair.world, name);
            purse.json("wallet-init", &["init", "--mint", &fair.to_mint.url(), "--yes", "--no-passphrase"]);
            let account = purse.json("wallet-account", &["account"]);
            fair.world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
            purse.fails(8, "nobody_to_ask", &["withdraw", "--bundle", "0", "--lock-to", &record]);
            let locked = ["withdraw", "--bundle", "0", "--lock-to", &record, "--yes"];
            let withdrawn = purse.json("wallet-withdraw", &locked);
            assert_eq!(withdrawn["amount"]["text"], "5.10 EUR");
        }
        let list = fair.path("keysets.json");
        fair.world.run(&["verifier", "export-keysets", "--file", &list]);
        fair.mint_is_lost();
        (fair, vec![list, record])
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.world.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn stall(&self) -> Server {
        self.world.serve(&["verifier", "run", "--offline", "--listen", "127.0.0.1:0"])
    }

    pub(crate) fn invoice(&self, amount: &str) -> String {
        self.world.run(&["verifier", "request", amount])
    }

    pub(crate) fn mint_is_back(&self) {
        let mint = self.world.mint();
        self.to_mint.leads_to(mint.address());
        *self.mint.lock().unwrap() = Some(mint);
    }

    /// SIGKILL.
    pub(crate) fn mint_is_lost(&self) {
        self.mint.lock().unwrap().take().unwrap().kill();
    }

    /// Changes a setting.
    fn set(&self, from: &str, to: &str) {
        let config = self.world.path(".farthing/verifier/config.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&config, text.replace(from, to)).unwrap();
    }

    pub(crate) fn deposit(&self, exit: i32, arguments: &[&str]) -> Value {
        let output = self.world.output(&[&["verifier", "deposit", "--json"], arguments].concat());
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{complaint}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What accounts hold at the mint, and what tokens are out, from its books.
    pub(crate) fn books(&self) -> (u64, u64) {
        let books = self.world.run(&["mint", "audit"]);
        assert!(books.contains("balanced"), "{books}");
        let figure = |name: &str| cents(books.lines().find(|line| line.trim_start().starts_with(name)).unwrap());
        (figure("account balances"), figure("tokens issued") - figure("tokens redeemed"))
    }
}

/// What a wallet holds for payees, and how much of it is perhaps paid or suspected.
fn held(purse: &Purse<'_>) -> [u64; 4] {
    let output = purse.shows(&["balance"]).0;
    let balance = purse.json("wallet-balance", &["balance"]);
    match balance["held"].as_array().unwrap().as_slice() {
        [] => [0; 4],
        [held] => {
            assert!(output.contains("payable there only"), "{output}");
            ["payable", "reserved", "perhaps_paid", "suspected"].map(|what| units(&held[what]))
        }
        more => panic!("{more:?}"),
    }
}

fn worth(sums: &Value) -> u64 {
    sums.as_array().unwrap().iter().map(|sum| sum["amount"].as_str().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn a_day_at_the_fair() {
    let (fair, files) = Fair::new(&["alice", "bob"]);
    // Nothing is taken without a list.
    let stall = fair.stall();
    assert!(fair.world.refused(&["verifier", "request", "0.37"]).contains("import-keysets"));
    assert!(fair.world.run(&["verifier", "import-keysets", &files[0]]).contains("UTC"));
    let (alice, bob) = (Purse::at(&fair.world, "alice"), Purse::at(&fair.world, "bob"));

    // Over the local network.
    let invoice = fair.invoice("0.37");
    let paid = alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    assert_eq!((&paid["amount"]["text"], &paid["paid_before"]), (&"0.37 EUR".into(), &false.into()));
    assert_eq!(alice.json("wallet-pay", &["pay", &invoice, "--yes"])["paid_before"], true);

    // By files.
    let path = |name: &str| fair.path(name);
    let invoice = fair.invoice("1.00");
    let handed = alice.json("wallet-pay-by-hand", &["pay", &invoice, "--yes", "--to-file", &path("payment")]);
    assert_eq!((&handed["again"], &handed["text"]), (&false.into(), &Value::Null));
    let text = std::fs::read_to_string(path("payment")).unwrap();
    assert!(text.starts_with("farthingpay1"), "{text}");
    let again = alice.json("wallet-pay-by-hand", &["pay", &invoice, "--yes", "--by-hand"]);
    assert_eq!((again["text"].as_str().unwrap(), &again["again"]), (text.trim(), &true.into()));
    // A damaged copy is known as one.
    let damaged = text.trim().replacen('q', "p", 1);
    assert!(fair.world.refused(&["verifier", "accept", &damaged]).contains("damaged"));
    fair.world.run(&["verifier", "accept", "--file", &path("payment"), "--receipt", &path("receipt")]);
    // And once more it is the same.
    let receipt = std::fs::read_to_string(path("receipt")).unwrap();
    assert_eq!(fair.world.run(&["verifier", "accept", "--file", &path("payment")]), receipt.trim());
    alice.json("wallet-receipt-in", &["receipt-in", "--file", &path("receipt")]);

    // By pictures.
    let invoice = fair.invoice("0.05");
    let handed = bob.json("wallet-pay-by-hand", &["pay", &invoice, "--yes", "--by-hand", "--png", &path("paid.png")]);
    let mut accept = vec!["verifier".to_owned(), "accept".to_owned(), "--png".to_owned(), path("receipt.png")];
    for file in handed["files"].as_array().unwrap() {
        accept.extend(["--image".to_owned(), file.as_str().unwrap().to_owned()]);
    }
    fair.world.run(&accept.iter().map(String::as_str).collect::<Vec<_>>());
    let mut taken = vec!["receipt-in".to_owned()];
    for entry in std::fs::read_dir(Path::new(&path("receipt.png")).parent().unwrap()).unwrap() {
        let file = entry.unwrap().path();
        if file.file_name().unwrap().to_str().unwrap().starts_with("receipt")
            && file.extension() == Some("png".as_ref())
        {
            taken.extend(["--image".to_owned(), file.to_str().unwrap().to_owned()]);
        }
    }
    bob.json("wallet-receipt-in", &taken.iter().map(String::as_str).collect::<Vec<_>>());

    assert_eq!((held(&alice), held(&bob)), ([510 - 137, 0, 0, 0], [505, 0, 0, 0]));
    let waiting = fair.deposit(0, &["--dry-run"]);
    assert_eq!((worth(&waiting["open"]), waiting["open"][0]["payments"].as_u64()), (142, Some(3)));
    // It asks nobody while it runs without a network.
    assert!(fair.world.refused(&["verifier", "deposit"]).contains("without a network"));

    // Back at home.
    drop(stall);
    assert_eq!(worth(&fair.deposit(3, &[])["open"]), 142, "the mint is not back yet");
    fair.mint_is_back();
    let deposited = fair.deposit(0, &[]);
    assert_eq!((worth(&deposited["credited"]), worth(&deposited["open"])), (142, 0));
    assert_eq!(deposited["refused"], serde_json::json!([]));
    assert_eq!(worth(&fair.deposit(0, &[])["credited"]), 0, "once");
    // To the unit: what the two did not withdraw, what the merchant was paid, and what they hold.
    assert_eq!(fair.books(), (2 * 490 + 142, 2 * 510 - 142));
    assert_eq!((held(&alice)[0] + held(&bob)[0], fair.books().1), (878, 878));
}

#[test]
fn what_must_not_be_taken_at_a_fair() {
    let (fair, files) = Fair::new(&["alice"]);
    fair.world.run(&["verifier", "import-keysets", &files[0]]);
    let alice = Purse::at(&fair.world, "alice");
    let stall = fair.stall();
    // The same tokens twice: an old copy of the wallet.
    let copied = std::process::Command::new("cp").args(["-a", &fair.path("alice"), &fair.path("copy")]).status();
    assert!(copied.unwrap().success());
    let copy = Purse::at(&fair.world, "copy");
    alice.json("wallet-pay", &["pay", &fair.invoice("0.08"), "--yes"]);
    let refused = copy.fails(1, "taken_back", &["pay", &fair.invoice("0.08"), "--yes"]);
    assert!(refused.contains("double_spend"), "{refused}");
    assert_eq!(held(&copy), [502, 0, 0, 8], "it is not offered again");
    // A payee of another stall, and tokens that are locked to nobody, are refused by the verifier's own tests.

    // More than is allowed.
    drop(stall);
    fair.set("max_offline_value = 50000", "max_offline_value = 20");
    let stall = fair.stall();
    let refused = alice.fails(1, "taken_back", &["pay", &fair.invoice("0.16"), "--yes"]);
    assert!(refused.contains("offline_limit"), "{refused}");
    alice.json("wallet-pay", &["pay", &fair.invoice("0.12"), "--yes"]);
    assert_eq!(held(&alice), [490, 0, 0, 0]);

    // A list that is too old, for a payer who had his invoice before.
    let invoice = fair.invoice("0.01");
    alice.json("wallet-pay-by-hand", &["pay", &invoice, "--yes", "--to-file", &fair.path("late")]);
    drop(stall);
    fair.set("max_list_age_hours = 168", "max_list_age_hours = 0");
    let stall = fair.stall();
    assert!(fair.world.refused(&["verifier", "request", "0.01"]).contains("import-keysets"));
    assert!(fair.world.refused(&["verifier", "accept", "--file", &fair.path("late")]).contains("list_outdated"));
    assert!(fair.world.refused(&["verifier", "import-keysets", &files[0]]).contains("list_outdated"));
    drop(stall);
    fair.set("max_list_age_hours = 0", "max_list_age_hours = 168");
    fair.set("max_offline_value = 20", "max_offline_value = 50000");

    // One key at two stalls, which must not be: the mint pays for it once, and says so.
    let folder = fair.path(".farthing/verifier");
    let second = fair.path("second");
    assert!(std::process::Command::new("cp").args(["-a", &folder, &second]).status().unwrap().success());
    let stall = fair.stall();
    fair.world.run(&["verifier", "accept", "--file", &fair.path("late")]);
    drop(stall);
    let other = fair.world.serve(&["verifier", "run", "--offline", "--listen", "127.0.0.1:0", "--dir", &second]);
    let invoice = fair.world.run(&["verifier", "request", "0.01", "--dir", &second]);
    // The copy of the wallet that has not paid it yet.
    copy.json("wallet-pay", &["pay", &invoice, "--yes"]);
    drop(other);
    fair.mint_is_back();
    let deposited = fair.deposit(0, &[]);
    assert_eq!(worth(&deposited["credited"]), 8 + 12 + 1);
    let output = fair.world.run(&["verifier", "deposit", "--json", "--dir", &second]);
    let deposited: Value = serde_json::from_str(&output).unwrap();
    let [refusal] = deposited["refused"].as_array().unwrap().as_slice() else { panic!("{deposited}") };
    assert_eq!((&refusal["code"], &refusal["amount"]), (&"double_spend".into(), &"1".into()));
    assert!(fair.world.run(&["verifier", "deposit", "--dir", &second]).contains("double_spend"));
    assert_eq!(fair.books(), (490 + 21, 510 - 21));
}

#[test]
fn an_offline_stall_opens_no_connection() {
    if !strace_works() {
        return;
    }
    let (fair, files) = Fair::new(&["alice"]);
    let trace = fair.world.path("trace");
    let strace = ["-D", "-f", "-q", "-e", "trace=connect,socket", "-o", trace.to_str().unwrap()];
    let run = ["verifier", "run", "--offline", "--listen", "127.0.0.1:0"];
    let stall = Server::start(fair.world.farthing_under("strace", &strace, &run));
    fair.world.run(&["verifier", "import-keysets", &files[0]]);
    let alice = Purse::at(&fair.world, "alice");
    alice.json("wallet-pay", &["pay", &fair.invoice("0.37"), "--yes"]);
    // A payment of a keyset that nobody knows is no reason to ask, nor is being told to deposit.
    fair.world.refused(&["verifier", "deposit"]);
    stall.kill();
    let seen = loop {
        let text = std::fs::read_to_string(&trace).unwrap();
        if text.contains("+++ killed by SIGKILL") {
            break text;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let outgoing: Vec<&str> =
        seen.lines().filter(|line| line.contains("connect(") && line.contains("AF_INET")).collect();
    assert!(outgoing.is_empty(), "{outgoing:?}");
    let sockets = seen.lines().filter(|line| line.contains("socket(AF_INET"));
    assert_eq!(sockets.count(), 1, "the one it listens on: {seen}");
}

fn strace_works() -> bool {
    let tried = std::process::Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        let required = std::env::var_os("FARTHING_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "strace is required and does not work here");
        let _gone = writeln!(std::fs::File::create("/dev/stderr").unwrap(), "skipped: strace does not work here");
    }
    works
}

#[test]
fn a_wallet_that_dies_while_paying_at_a_fair_pays_once() {
    let (fair, files) = Fair::new(&["alice"]);
    fair.world.run(&["verifier", "import-keysets", &files[0]]);
    let stall = fair.stall();
    let dir = fair.path("alice");
    let moments =
        ["PaymentStored:1", "PaymentAnswered:1", "ReceiptStored:1", "BeforeWrite:1", "BeforeSync:1", "Synced:1"];
    for (moment, amount) in moments.into_iter().zip(["0.01", "0.02", "0.04", "0.08", "0.16", "0.32"]) {
        let invoice = fair.invoice(amount);
        let pay = ["wallet", "--dir", &dir, "pay", &invoice, "--yes"];
        let killed = fair.world.farthing(&pay).env("FARTHING_TEST_KILL", moment).output().unwrap();
        assert_eq!(killed.status.code(), None, "{moment}: {}", String::from_utf8_lossy(&killed.stderr));
        // Whatever it was, the same invoice is paid in the end, once.
        let paid = fair.world.run(&pay);
        assert!(paid.contains(amount), "{moment}: {paid}");
    }
    let alice = Purse::at(&fair.world, "alice");
    assert_eq!(held(&alice), [510 - 63, 0, 0, 0]);
    drop(stall);
    fair.mint_is_back();
    assert_eq!(worth(&fair.deposit(0, &[])["credited"]), 63);
    assert_eq!(fair.books(), (490 + 63, 510 - 63));
}

#[test]
fn tokens_go_along_with_a_merchant_who_has_a_new_key() {
    let (fair, files) = Fair::new(&["alice"]);
    fair.world.run(&["verifier", "import-keysets", &files[0]]);
    let alice = Purse::at(&fair.world, "alice");
    fair.world.run(&["verifier", "rotate-key", "--yes", "--new-words", "--words-file", &fair.path("new words")]);
    let stall = fair.stall();
    let invoice = fair.invoice("0.37");
    alice.fails(4, "no_held_tokens", &["pay", &invoice, "--yes", "--by-hand"]);
    let record = fair.path("new record");
    fair.world.run(&["verifier", "recipient", "--file", &record]);
    alice.fails(8, "nobody_to_ask", &["follow", &record]);
    assert_eq!(alice.json("wallet-follow", &["follow", &files[1], "--yes"])["tokens"], 0, "the old record");
    assert_eq!(alice.json("wallet-follow", &["follow", &record, "--yes"])["tokens"], 16);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    assert_eq!(held(&alice), [510 - 37, 0, 0, 0]);
    drop(stall);
    fair.mint_is_back();
    assert_eq!(worth(&fair.deposit(0, &[])["credited"]), 37);
    assert_eq!(fair.books(), (490 + 37, 510 - 37));
}
