//! A mint's copies as its operator takes, checks and puts them back.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::accounts::{Paper, WRONG};
use crate::harness::{Server, World};
use crate::schema::read;

/// Runs a mint's command that must answer with this exit code, as its schema says.
fn json(world: &World, exit: i32, schema: &str, arguments: &[&str]) -> Value {
    let output = world.output(&[&["mint"], arguments, &["--json"]].concat());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {out}{err}");
    read(schema, &out)
}

fn fails(world: &World, code: &str, arguments: &[&str]) {
    let failure = json(world, 1, "failure", arguments);
    assert_eq!(failure["error"]["code"], code, "{failure}");
}

struct Shop {
    world: World,
    mint: Server,
}

impl Shop {
    /// A mint with a funded wallet.
    fn new() -> Self {
        let world = World::new();
        let mint = world.mint();
        let account = world.run(&["wallet", "init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
        world.run(&["mint", "credit", &account, "50.00"]);
        Self { world, mint }
    }

    fn path(&self, name: &str) -> String {
        self.world.path(name).to_str().unwrap().to_owned()
    }

    /// SIGKILL, and the disk is gone.
    fn lose(self) -> World {
        let Self { world, mint } = self;
        mint.kill();
        fs::rename(world.path(".farthing/mint"), world.path("lost")).unwrap();
        world
    }
}

#[test]
fn a_mint_whose_machine_is_lost_goes_on_from_a_backup_and_redeems_nothing_twice() {
    let shop = Shop::new();
    shop.world.run(&["wallet", "withdraw", "10.00"]);
    let backup = shop.path("backup");
    let taken = json(&shop.world, 0, "mint-backup", &["backup", &backup, "--with-keys"]);
    assert_eq!((&taken["last"], &taken["with_keys"]), (&false.into(), &true.into()));
    let fingerprint = taken["fingerprint"].as_str().unwrap().to_owned();
    // After the backup a merchant is paid.
    let merchant = shop.world.merchant(&shop.mint);
    let invoice = shop.world.run(&["verifier", "request", "3.00"]);
    let invoice = invoice.lines().find(|line| line.starts_with("farthing")).unwrap().to_owned();
    shop.world.run(&["wallet", "pay", &invoice, "--yes"]);
    drop(merchant);
    let newest = shop.world.path("newest.json");
    fs::write(&newest, get(&format!("{}/v1/keysets", shop.mint.url))).unwrap();
    let port = shop.mint.port();
    let world = shop.lose();

    fails(&world, "bad_backup", &["restore", &backup, "--fingerprint", "another"]);
    // The fence beside the folder says that the mint went on.
    let restored = json(&world, 0, "mint-restore", &["restore", &backup, "--fingerprint", &fingerprint]);
    assert_eq!((&restored["last"], &restored["went_on"]), (&false.into(), &true.into()));
    for refused in [&["run", "--listen", "127.0.0.1:0"][..], &["audit"], &["credit", "farthingaccount1x", "1"]] {
        assert!(!world.output(&[&["mint"], refused].concat()).status.success());
    }
    let refused = world.refused(&["mint", "audit"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(refused.contains("what the mint answered after that is not in it"), "{refused}");
    fails(&world, "something_lost", &["restore", "--nothing-lost", "--yes"]);
    let unasked = world.output(&["mint", "restore", "--accept-loss"]);
    assert_eq!(unasked.status.code(), Some(8), "nobody can be asked here");
    let newest = newest.to_str().unwrap();
    let decided = json(&world, 0, "mint-restore-decided", &["restore", "--accept-loss", "--keysets", newest, "--yes"]);
    assert_eq!(decided["revoked"].as_array().unwrap().len(), 1);
    world.audit();
    let mint = world.serve(&["mint", "run", "--listen", &format!("127.0.0.1:{port}")]);
    // The merchant's credit is not in the books, and what he was paid with is not redeemed again; the wallet's rest neither.
    let balance = world.output(&["wallet", "balance", "--json"]);
    assert!(balance.status.success(), "{}", String::from_utf8_lossy(&balance.stdout));
    assert!(world.run(&["mint", "keysets"]).contains("revoked"));
    world.audit();
    drop(mint);
}

fn get(url: &str) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_, body) = runtime.block_on(async {
        let (base, path) = url.split_at(url.find("/v1").unwrap());
        crate::harness::answer_of("GET", base, path, b"").await
    });
    serde_json::to_vec(&body).unwrap()
}

#[test]
fn a_mint_moves_to_another_folder_with_its_last_backup() {
    let shop = Shop::new();
    shop.world.run(&["wallet", "withdraw", "10.00"]);
    let (backup, elsewhere) = (shop.path("backup"), shop.path("elsewhere"));
    // It is served: it cannot be taken out of service.
    assert!(shop.world.refused(&["mint", "backup", "--last", &backup]).contains("in use"));
    let Shop { world, mint } = shop;
    let port = mint.port();
    mint.kill();
    let taken = json(&world, 0, "mint-backup", &["backup", "--last", "--with-keys", &backup]);
    assert_eq!(taken["last"], true);
    assert!(world.refused(&["mint", "run", "--listen", "127.0.0.1:0"]).contains("served no more"));
    let restored = json(&world, 0, "mint-restore", &["restore", &backup, "--dir", &elsewhere]);
    assert_eq!((&restored["last"], &restored["went_on"]), (&true.into(), &false.into()));
    assert!(!world.output(&["mint", "audit", "--dir", &elsewhere]).status.success());
    let said = ["restore", "--nothing-lost", "--dir", &elsewhere, "--yes"];
    assert_eq!(json(&world, 0, "mint-restore-decided", &said)["revoked"], Value::Array(vec![]));
    let mint = world.serve(&["mint", "run", "--dir", &elsewhere, "--listen", &format!("127.0.0.1:{port}")]);
    world.run(&["wallet", "withdraw", "5.00"]);
    assert!(world.run(&["mint", "audit", "--dir", &elsewhere]).contains("balanced"));
    drop(mint);
}

#[test]
fn backups_are_checked_and_what_is_wrong_is_named() {
    let shop = Shop::new();
    let (first, second) = (shop.path("first"), shop.path("second"));
    json(&shop.world, 0, "mint-backup", &["backup", &first]);
    assert!(!Path::new(&first).join("keys").exists());
    fails(&shop.world, "exists", &["backup", &first]);
    // One is taken while the mint does not run, too.
    let Shop { world, mint } = shop;
    mint.kill();
    json(&world, 0, "mint-backup", &["backup", &second]);
    json(&world, 0, "mint-backup", &["backup", "--check", &first]);
    let ledger = world.path("first/ledger");
    let mut bytes = fs::read(&ledger).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&ledger, bytes).unwrap();
    fails(&world, "bad_backup", &["backup", "--check", &first]);
    fails(&world, "bad_backup", &["restore", &first, "--dir", world.path("new").to_str().unwrap()]);
    fails(&world, "bad_backup", &["backup", "--check", world.path("nothing").to_str().unwrap()]);
    fails(&world, "exists", &["restore", &second]);
    assert!(!world.path("new").exists());
    // A backup is no mint, and an older folder is none either.
    assert!(world.refused(&["mint", "audit", "--dir", &second]).contains("ledger is missing"));
}

#[test]
fn an_account_is_forgotten_while_the_mint_runs_and_while_it_does_not() {
    let shop = Shop::new();
    let account = shop.world.run(&["wallet", "account"]);
    let account = account.split_whitespace().find(|word| word.starts_with("farthingaccount1")).unwrap().to_owned();
    fails(&shop.world, "account_in_use", &["forget", &account, "--yes"]);
    shop.world.run(&["wallet", "withdraw", "50.00"]);
    let forgotten = json(&shop.world, 0, "mint-forget", &["forget", &account, "--yes"]);
    assert!(forgotten["rows"].as_u64().unwrap() >= 3, "{forgotten}");
    assert_eq!(forgotten["named_until"], Value::Null);
    shop.world.audit();
    let Shop { world, mint } = shop;
    mint.kill();
    assert_eq!(json(&world, 0, "mint-forget", &["forget", &account, "--yes"])["rows"], 0);
    world.audit();
}

fn fails_with(world: &World, exit: i32, code: &str, arguments: &[&str]) {
    let failure = json(world, exit, "failure", arguments);
    assert_eq!(failure["error"]["code"], code, "{arguments:?}: {failure}");
}

#[test]
fn a_backup_on_another_machine_asks_for_the_originals_fence() {
    let shop = Shop::new();
    let (backup, elsewhere, there) = (shop.path("backup"), shop.path("elsewhere"), shop.path("there"));
    json(&shop.world, 0, "mint-backup", &["backup", &backup]);
    let fence = fs::read_dir(shop.world.path(".farthing")).unwrap().map(|item| item.unwrap().path());
    let fence = fence.into_iter().find(|path| path.to_str().unwrap().contains(".mint.fence-")).unwrap();
    let fence = fence.to_str().unwrap();
    shop.world.run(&["wallet", "withdraw", "10.00"]);
    let Shop { world, mint } = shop;
    mint.kill();
    let to = ["restore", &backup, "--dir", &elsewhere];
    fails_with(&world, 8, "nobody_to_ask", &to);
    fails(&world, "bad_file", &[&to[..], &["--fence", "missing"]].concat());
    assert!(!Path::new(&elsewhere).exists());
    assert_eq!(json(&world, 0, "mint-restore", &[&to[..], &["--fence", fence]].concat())["went_on"], true);
    assert!(fs::read_to_string(world.path("elsewhere/mint.toml")).unwrap().contains(fence));
    assert_eq!(json(&world, 0, "mint-restore", &["restore", &backup, "--dir", &there, "--no-fence"])["went_on"], false);
}

#[test]
fn what_changes_a_mint_that_does_not_run_asks_for_the_administrators_code() {
    let shop = Shop::new();
    let account = shop.world.run(&["wallet", "account"]);
    let account = account.split_whitespace().find(|word| word.starts_with("farthingaccount1")).unwrap().to_owned();
    shop.world.run(&["wallet", "withdraw", "50.00"]);
    let (backup, secret) = (shop.path("backup"), shop.path("admin.secret"));
    shop.world.run(&["mint", "admin", "init", "--secret-file", &secret]);
    let mut paper = Paper::read(&shop.world, "admin.secret");
    shop.world.run(&["mint", "admin", "confirm", &paper.now()]);
    let changes =
        [("mint-forget", vec!["forget", &account, "--yes"]), ("mint-funding-secret", vec!["funding", "secret"])];
    // While it runs, too.
    for (schema, change) in &changes {
        fails_with(&shop.world, 8, "nobody_to_ask", change);
        let code = paper.recovery();
        json(&shop.world, 0, schema, &[&change[..], &["--code", &code]].concat());
    }
    let Shop { world, mint } = shop;
    mint.kill();
    for (schema, change) in
        changes.into_iter().chain([("mint-backup", vec!["backup", "--last", "--with-keys", &backup])])
    {
        fails_with(&world, 8, "nobody_to_ask", &change);
        fails(&world, "second_factor_wrong", &[&change[..], &["--code", WRONG]].concat());
        let code = paper.recovery();
        json(&world, 0, schema, &[&change[..], &["--code", &code]].concat());
    }
    let moved = world.path("moved").to_str().unwrap().to_owned();
    json(&world, 0, "mint-restore", &["restore", &backup, "--dir", &moved]);
    let lost = ["restore", "--accept-loss", "--yes", "--dir", &moved];
    fails_with(&world, 8, "nobody_to_ask", &lost);
    fails(&world, "wrong_answer", &[&lost[..], &["--code", &paper.recovery()]].concat());
    json(&world, 0, "mint-restore-decided", &[&lost[..], &["--by-keys"]].concat());
    let journal = json(&world, 0, "mint-journal", &["journal", "--dir", &moved]);
    let entries: Vec<(&str, &str)> = journal["entries"].as_array().unwrap().iter().take(6).map(said).collect();
    let (administrator, forgotten, secret) = ("administrator_recovered", "account_forgotten", "webhook_secret_made");
    let expected = [
        ("key_holder", "loss_accepted"),
        (administrator, "given_away"),
        (administrator, secret),
        (administrator, forgotten),
        (administrator, secret),
        (administrator, forgotten),
    ];
    assert_eq!(entries, expected);
    json(&world, 0, "mint-journal-verify", &["journal", "--verify", "--dir", &moved]);
    assert!(world.run(&["mint", "audit", "--dir", &moved]).contains("balanced"));
}

fn said(entry: &Value) -> (&str, &str) {
    (entry["who"].as_str().unwrap(), entry["act"].as_str().unwrap())
}
