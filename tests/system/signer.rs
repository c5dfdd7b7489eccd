//! A mint whose keys are with a process of their own, and keys at rest, as an operator meets them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::accounts::Paper;
use crate::harness::{Server, World};
use crate::operating::{judge_service_file, sections};
use crate::purse::Purse;
use crate::schema::read;

/// Runs a command of the mint that must end with this exit code, and reads its answer.
fn json(world: &World, exit: i32, schema: &str, arguments: &[&str]) -> Value {
    let output = world.output(&[&["mint"], arguments, &["--json"]].concat());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {out}{err}");
    read(schema, &out)
}

fn fails(world: &World, exit: i32, code: &str, arguments: &[&str]) {
    let failure = json(world, exit, "failure", arguments);
    assert_eq!(failure["error"]["code"], code, "{failure}");
}

fn signer(world: &World) -> Server {
    world.serve(&["mint", "signer", "run"])
}

fn held(purse: &Purse<'_>) -> u64 {
    let balance = purse.json("wallet-balance", &["balance"]);
    let units = |value: &Value| value["units"].as_str().unwrap().parse::<u64>().unwrap();
    let tokens: u64 = balance["balances"].as_array().unwrap().iter().map(|row| units(&row["available"])).sum();
    let account: u64 = balance["accounts"].as_array().unwrap().iter().map(|row| units(&row["balance"])).sum();
    tokens + account
}

#[test]
fn a_signer_is_killed_while_wallets_withdraw_and_nothing_is_lost() {
    let world = World::new();
    world.run(&["mint", "init"]);
    let made = json(&world, 0, "mint-signer", &["signer", "init", "--withdrawn-per-hour", "20.00"]);
    assert_eq!((made["withdrawn_per_hour"]["units"].as_str(), &made["swapped_per_hour"]), (Some("2000"), &Value::Null));
    assert!(!world.path(".farthing/mint/keys").exists());
    fails(&world, 1, "bad_file", &["keys", "backup", world.path("none").to_str().unwrap()]);
    let mut process = signer(&world);
    let mint = world.mint();
    fails(&world, 5, "mint_running", &["passphrase", "set", "--dir", &folder(&world), "--new-key-file", &file(&world)]);
    let status = json(&world, 0, "mint-status", &["status"]);
    assert_eq!((&status["running"], status["signer"].as_str()), (&Value::Bool(true), Some("reached")));
    let answers = json(&world, 0, "mint-check-config", &["check-config"]);
    let of_signer = |answer: &Value| {
        let findings = answer["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["code"] == "signer").unwrap();
        found["severity"].as_str().unwrap().to_owned()
    };
    assert_eq!(of_signer(&answers), "fine");
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "30.00"]);
    alice.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
    assert_eq!(held(&alice), 3000);
    process.end();
    let refused = world.output(&["wallet", "--dir", world.path("alice").to_str().unwrap(), "withdraw", "1.00"]);
    assert!(!refused.status.success());
    let status = json(&world, 1, "mint-status", &["status"]);
    assert_eq!(
        (status["signer"].as_str(), &status["alarms"][0]["code"]),
        (Some("unreached"), &"signer_unreached".into())
    );
    assert!(status["signer_unreached_since"].is_u64());
    // A mint runs without it: it would be wrong to keep it from starting.
    assert_eq!(of_signer(&json(&world, 0, "mint-check-config", &["check-config"])), "warning");
    let mut process = signer(&world);
    assert_eq!(held(&alice), 3000);
    alice.json("wallet-withdraw", &["withdraw", "1.00"]);
    // The limit of twenty in an hour counts across the restart, and is the signer's alone.
    alice.json("wallet-withdraw", &["withdraw", "13.00"]);
    let over = world.output(&["wallet", "--dir", world.path("alice").to_str().unwrap(), "withdraw", "8.00"]);
    assert!(!over.status.success());
    process.end();
    let process = signer(&world);
    let report = json(&world, 0, "mint-signer-report", &["signer", "report"]);
    let units = |name: &str| report["keysets"][0][name]["units"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(units("withdrawn") >= 1910 && units("withdrawn") <= 2000, "{report}");
    assert!(units("withdrawn") + units("swapped") >= units("recorded"));
    assert!(world.run(&["mint", "audit"]).contains("balanced"));
    assert_eq!(held(&alice), 3000);
    let listen = format!("127.0.0.1:{}", mint.port());
    drop((process, mint));
    // A mint without its signer runs, and issues nothing.
    let _mint = world.serve(&["mint", "run", "--listen", &listen]);
    assert_eq!(held(&alice), 3000);
    let refused = world.output(&["wallet", "--dir", world.path("alice").to_str().unwrap(), "withdraw", "0.01"]);
    assert!(!refused.status.success());
    assert_eq!(held(&alice), 3000);
}

#[test]
fn a_factor_is_reset_and_a_backup_is_taken_where_the_keys_are_with_a_signer() {
    let world = World::new();
    world.run(&["mint", "init"]);
    json(&world, 0, "mint-signer", &["signer", "init"]);
    let secret = world.path("admin.secret");
    json(&world, 0, "mint-admin", &["admin", "init", "--secret-file", secret.to_str().unwrap()]);
    let paper = Paper::read(&world, "admin.secret");
    assert_eq!(json(&world, 0, "mint-admin", &["admin", "confirm", &paper.now()])["factor"], "active");
    let nowhere = world.path("nowhere").to_str().unwrap().to_owned();
    fails(&world, 1, "bad_file", &["admin", "reset", "--signer-dir", &nowhere]);
    let mint = world.path(".farthing/mint").to_str().unwrap().to_owned();
    fails(&world, 1, "bad_file", &["admin", "reset", "--signer-dir", &mint]);
    assert_eq!(json(&world, 0, "mint-admin", &["admin", "show"])["factor"], "active");
    assert_eq!(json(&world, 0, "mint-admin", &["admin", "reset"])["factor"], "none");
    // What is not in a copy is said.
    let copy = world.path("copy").to_str().unwrap().to_owned();
    let taken = world.output(&["mint", "backup", "--with-keys", &copy]);
    let said = String::from_utf8(taken.stderr).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(taken.status.success() && said.contains("keys are with the signer, and not in it"), "{said}");
    assert_eq!(json(&world, 0, "mint-backup", &["backup", "--check", &copy])["with_keys"], false);
    let back = world.path("back").to_str().unwrap().to_owned();
    let restored = world.output(&["mint", "restore", "--dir", &back, "--no-fence", &copy]);
    let said = String::from_utf8_lossy(&restored.stderr).into_owned();
    assert!(restored.status.success() && said.contains("with the signer"), "{said}");
}

fn folder(world: &World) -> String {
    world.path(".farthing/signer").to_str().unwrap().to_owned()
}

fn file(world: &World) -> String {
    world.path("other.key").to_str().unwrap().to_owned()
}

#[test]
fn a_passphrase_is_changed_and_keys_come_back_from_their_backup() {
    let world = World::new();
    for name in ["one", "two", "safe"] {
        fs::write(world.path(name), format!("the passphrase {name}\n")).unwrap();
    }
    let path = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let (one, two, safe, backup) = (path("one"), path("two"), path("safe"), path("keys.backup"));
    world.run(&["mint", "init", "--passphrase-file", &one]);
    let set = ["passphrase", "set", "--passphrase-file", &one, "--new-passphrase-file", &two];
    assert_eq!(json(&world, 0, "mint-passphrase-set", &set)["protection"], "passphrase");
    fails(&world, 5, "wrong_secret", &set);
    let (run, listen) = (["mint", "run", "--listen", "127.0.0.1:0", "--passphrase-file"], [two.as_str()]);
    let mint = world.serve(&[&run[..], &listen].concat());
    let back_up = ["keys", "backup", &backup, "--passphrase-file", &two, "--backup-passphrase-file", &safe];
    assert_eq!(json(&world, 0, "mint-keys", &back_up)["keysets"], 1);
    fails(&world, 1, "exists", &back_up);
    fails(&world, 5, "mint_running", &["signer", "init", "--passphrase-file", &two]);
    assert!(world.path(".farthing/mint/keys").exists() && !world.path(".farthing/signer").exists());
    let restore = ["keys", "restore", &backup, "--backup-passphrase-file", &safe, "--new-passphrase-file", &one];
    fails(&world, 5, "mint_running", &restore);
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    alice.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
    let port = mint.port();
    drop(mint);
    assert_eq!(json(&world, 1, "mint-status", &["status"])["running"], false);
    fs::remove_dir_all(world.path(".farthing/mint/keys")).unwrap();
    fails(
        &world,
        5,
        "wrong_secret",
        &[&restore[..3], &["--backup-passphrase-file", &one, "--new-passphrase-file", &one]].concat(),
    );
    assert_eq!(json(&world, 0, "mint-keys", &restore)["keysets"], 1);
    let again = ["mint", "run", "--listen", &format!("127.0.0.1:{port}"), "--passphrase-file", &one];
    let _mint = world.serve(&again);
    alice.json("wallet-withdraw", &["withdraw", "1.00"]);
    assert_eq!(held(&alice), 1000);
}

const MINT_UNIT: &str = include_str!("../../issuer/systemd/farthing-mint.service");
const SIGNER_UNIT: &str = include_str!("../../issuer/systemd/farthing-signer.service");

#[test]
fn the_signers_service_file_says_what_systemd_and_the_program_understand() {
    judge_service_file("farthing-signer.service", SIGNER_UNIT, 10);
}

/// A service as systemd starts it: its credentials lie in a folder of their own that nobody writes to, and what the unit says is all that it
/// is told.
struct Unit<'a> {
    world: &'a World,
    lines: Vec<(String, String)>,
    credentials: PathBuf,
}

impl<'a> Unit<'a> {
    /// The unit with the one credential that it names, and with folders of this world for those of the machine.
    fn of(world: &'a World, name: &str, text: &str, key: &[u8]) -> Self {
        let lines = sections(text).remove("Service").unwrap();
        let named = lines.iter().find(|(name, _)| name.starts_with("LoadCredential")).unwrap();
        let credential = named.1.split(':').next().unwrap();
        let credentials = world.path(name);
        fs::create_dir(&credentials).unwrap();
        fs::write(credentials.join(credential), key).unwrap();
        fs::set_permissions(credentials.join(credential), fs::Permissions::from_mode(0o400)).unwrap();
        fs::set_permissions(&credentials, fs::Permissions::from_mode(0o500)).unwrap();
        Self { world, lines, credentials }
    }

    fn told(&self, text: &str) -> String {
        let here = |name: &str| self.world.path(name).to_str().unwrap().to_owned();
        text.replace("%d", self.credentials.to_str().unwrap())
            .replace("/var/lib/farthing-signer/signer", &here("signer"))
            .replace("/var/lib/farthing/mint", &here("mint"))
    }

    fn command(&self, name: &str, more: &[&str]) -> Command {
        let line = &self.lines.iter().find(|(found, _)| found == name).unwrap().1;
        let line = self.told(line.strip_prefix("/usr/local/bin/farthing ").unwrap());
        let words: Vec<&str> = line.split(' ').chain(more.iter().copied()).collect();
        let mut command = self.world.farthing(&words);
        command.env_remove("FARTHING_MINT_KEY_FILE").env("CREDENTIALS_DIRECTORY", &self.credentials);
        for (_, value) in self.lines.iter().filter(|(name, _)| name == "Environment") {
            let (name, value) = value.split_once('=').unwrap();
            command.env(name, self.told(value));
        }
        command
    }

    /// What lies in the folder of credentials: whoever started with them has left nothing there.
    fn left(&self) -> usize {
        fs::read_dir(&self.credentials).unwrap().count()
    }
}

#[test]
fn a_mint_and_its_signer_start_with_credentials_as_systemd_hands_them_over() {
    let world = World::new();
    let path = |name: &str| world.path(name).to_str().unwrap().to_owned();
    world.run(&["mint", "init", "--dir", &path("mint"), "--key-file", &path("mint.key")]);
    let key = fs::read(world.path("mint.key")).unwrap();
    let mint = Unit::of(&world, "mint-credentials", MINT_UNIT, &key);
    let checked = mint.command("ExecStartPre", &[]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let listen = ["--listen", "127.0.0.1:0"];
    drop(Server::start(mint.command("ExecStart", &listen)));
    world.run(&["mint", "signer", "init", "--dir", &path("mint"), "--signer-dir", &path("signer")]);
    // From now on the key is the credential alone.
    fs::remove_file(world.path("mint.key")).unwrap();
    let signer = Unit::of(&world, "signer-credentials", SIGNER_UNIT, &key);
    let process = Server::start(signer.command("ExecStart", &[]));
    let served = Server::start(mint.command("ExecStart", &listen));
    let status = json(&world, 0, "mint-status", &["status", "--dir", &path("mint")]);
    assert_eq!(status["signer"], "reached");
    assert_eq!((mint.left(), signer.left()), (1, 1));
    drop((process, served));
    // Another key opens nothing, and a credential that everybody could read is none.
    let other = Unit::of(&world, "other-credentials", SIGNER_UNIT, &[7; 32]);
    assert!(!other.command("ExecStart", &[]).output().unwrap().status.success());
    let file = signer.credentials.join("mint-key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let refused = signer.command("ExecStart", &[]).output().unwrap();
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && complaint.contains("can be read by others"), "{complaint}");
}
