//! A verifier as whoever operates it sees it: words and keys, settings, certificates, figures, its end.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use data_encoding::BASE64;
use farthing_http::client::{CallError, Endpoint, HttpClient};
use serde_json::Value;

use crate::harness::{Server, World};
use crate::schema::read;
use crate::terminal::{Terminal, confirm_words, possible};

/// Certificates for `localhost` with their keys, known to nobody but these tests.
pub(crate) const FIRST: (&[u8], &[u8]) = (
    include_bytes!("../../verifier/http/tests/http/tls/localhost.cert.der"),
    include_bytes!("../../verifier/http/tests/http/tls/localhost.key.der"),
);
pub(crate) const SECOND: (&[u8], &[u8]) = (
    include_bytes!("../../verifier/http/tests/http/tls/second.cert.der"),
    include_bytes!("../../verifier/http/tests/http/tls/second.key.der"),
);

/// Runs a verifier's command that must answer with this exit code, as its schema says.
fn json(world: &World, exit: i32, schema: &str, arguments: &[&str]) -> Value {
    let output = world.output(&[&["verifier"], arguments, &["--json"]].concat());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {out}{err}");
    read(schema, &out)
}

fn fails(world: &World, exit: i32, code: &str, arguments: &[&str]) -> String {
    let failure = json(world, exit, "failure", arguments);
    assert_eq!(failure["error"]["code"], code, "{failure}");
    failure["error"].to_string()
}

/// What the running verifier answers at its control socket: the status, and the body.
fn control(world: &World, path: &str) -> (u16, String) {
    ask_socket(&world.path(".farthing/verifier/control.sock"), path)
}

/// What a service answers at a control socket: the status, and the body.
pub(crate) fn ask_socket(socket: &Path, path: &str) -> (u16, String) {
    let mut socket = UnixStream::connect(socket).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A figure of the running verifier; 0 if it was not counted yet.
fn figure(world: &World, name: &str) -> i64 {
    let (status, figures) = control(world, "/metrics");
    assert_eq!(status, 200);
    let line = figures.lines().find_map(|line| line.strip_prefix(&format!("farthing_verifier_{name} ")));
    line.map_or(0, |value| value.parse().unwrap())
}

fn folder(world: &World) -> PathBuf {
    world.path(".farthing/verifier")
}

/// Every file below a folder, with what is in it.
fn files(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}

fn funded(world: &World, name: &str, mint: &Server) -> PathBuf {
    let dir = world.path(name);
    let at = ["wallet", "--dir", dir.to_str().unwrap()];
    let account = world.run(&[&at[..], &["init", "--mint", &mint.url, "--yes", "--no-passphrase"]].concat());
    world.run(&["mint", "credit", &account, "10.00"]);
    world.run(&[&at[..], &["withdraw", "--bundle", "0"]].concat());
    dir
}

#[test]
fn a_payee_comes_back_from_words_that_lie_nowhere_else() {
    let world = World::new();
    let mint = world.mint();
    let paper = world.path("paper");
    let paper = paper.to_str().unwrap();
    // Nobody can be asked whether the words were written down, and nobody sees them.
    fails(&world, 8, "nobody_to_ask", &["init", "--mint", &mint.url, "--words-file", paper]);
    let made = json(&world, 0, "verifier-init", &["init", "--mint", &mint.url, "--yes", "--words-file", paper]);
    let words = std::fs::read_to_string(paper).unwrap();
    assert_eq!(words.split_whitespace().count(), 24);
    assert_eq!(std::fs::metadata(paper).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(made["key"], 0);
    fails(&world, 1, "exists", &["init", "--mint", &mint.url, "--yes"]);
    let nowhere = world.path("nowhere");
    let nowhere = ["init", "--mint", "http://127.0.0.1:1", "--yes", "--dir", nowhere.to_str().unwrap()];
    fails(&world, 6, "not_reached", &nowhere);
    let mut found = BTreeMap::new();
    files(&folder(&world), &mut found);
    for (path, bytes) in &found {
        let text = String::from_utf8_lossy(bytes);
        let beginning: Vec<&str> = words.split_whitespace().take(2).collect();
        assert!(!text.contains(&beginning.join(" ")), "{}", path.display());
    }

    let back = world.path("back");
    let back = ["--dir", back.to_str().unwrap()];
    let restore = [&["init", "--mint", &mint.url, "--restore", "--yes"], &back[..]].concat();
    fails(&world, 8, "nobody_to_ask", &restore);
    std::fs::write(world.path("wrong"), "zoo ".repeat(24)).unwrap();
    let wrong = world.path("wrong");
    fails(&world, 1, "bad_words", &[&restore[..], &["--words-file", wrong.to_str().unwrap()]].concat());
    assert!(!world.path("back").exists());
    let again = json(&world, 0, "verifier-init", &[&restore[..], &["--words-file", paper]].concat());
    assert_eq!(again["payee"], made["payee"]);
    fails(&world, 1, "failed", &[&restore[..], &["--words-file", paper]].concat());
    world.run(
        &[&["verifier", "init", "--mint", &mint.url, "--dir"], &[world.path("other").to_str().unwrap()][..]].concat(),
    );
}

#[test]
fn words_are_shown_once_and_asked_back() {
    if !possible() {
        return;
    }
    let world = World::new();
    let mint = world.mint();
    let terminal = Terminal::run(&world, &["verifier", "init", "--mint", &mint.url]);
    terminal.wait_for("Is that the mint you mean? [y/N]");
    terminal.type_line("y");
    confirm_words(&terminal, 24);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(folder(&world).join("config.toml").exists());
}

#[test]
fn a_rotated_key_keeps_what_is_out_and_what_it_owns() {
    let world = World::new();
    let mint = world.mint();
    let paper = world.path("paper");
    let paper = paper.to_str().unwrap();
    let made = json(&world, 0, "verifier-init", &["init", "--mint", &mint.url, "--yes", "--words-file", paper]);
    let merchant = world.merchant(&mint);
    let port = merchant.port();
    let wallet = funded(&world, "alice", &mint);
    let pay = |invoice: &str| world.run(&["wallet", "--dir", wallet.to_str().unwrap(), "pay", invoice, "--yes"]);
    let open = json(&world, 0, "verifier-request", &["request", "0.02", "--memo", "tea"]);
    assert_eq!((&open["payee"], &open["memo"]), (&made["payee"], &Value::from("tea")));
    let open = open["text"].as_str().unwrap();
    pay(&world.run(&["verifier", "request", "0.01"]));
    fails(&world, 8, "nobody_to_ask", &["rotate-key", "--words-file", paper]);
    std::fs::write(world.path("wrong"), "zoo ".repeat(23) + "vote").unwrap();
    let wrong = world.path("wrong");
    fails(&world, 1, "bad_words", &["rotate-key", "--yes", "--words-file", wrong.to_str().unwrap()]);
    let before = json(&world, 0, "verifier-keys", &["keys"]);
    assert_eq!(before["keys"].as_array().unwrap().len(), 1);
    let keys = json(&world, 0, "verifier-keys", &["rotate-key", "--yes", "--lock-key", "--words-file", paper]);
    assert_eq!((&keys["keys"][0]["key"], &keys["keys"][1]["payee"]), (&Value::from(1), &made["payee"]));
    assert_eq!(json(&world, 0, "verifier-keys", &["keys"]), keys);
    // It runs, and goes on as it was: also invoices of now are out for the old key.
    let late = world.run(&["verifier", "request", "0.03"]);
    merchant.kill();
    let merchant = world.serve(&["verifier", "run", "--listen", &format!("127.0.0.1:{port}")]);
    for invoice in [open, &late, &world.run(&["verifier", "request", "0.04"])] {
        assert!(pay(invoice).contains("paid"));
    }
    assert_eq!(world.run(&["verifier", "payments"]).lines().filter(|line| line.contains("EUR")).count(), 4);
    let new = world.path("new-paper");
    let keys = ["rotate-key", "--yes", "--new-words", "--words-file", new.to_str().unwrap()];
    let keys = json(&world, 0, "verifier-keys", &keys);
    assert_eq!((&keys["keys"][0]["key"], keys["keys"].as_array().unwrap().len()), (&Value::from(0), 3));
    // The first words bring back the key that was rotated with them.
    let dir = world.path("back");
    let restore = ["init", "--mint", &mint.url, "--restore", "--key", "1", "--yes", "--words-file", paper, "--dir"];
    let back = json(&world, 0, "verifier-init", &[&restore[..], &[dir.to_str().unwrap()]].concat());
    assert_eq!(back["payee"], keys["keys"][1]["payee"]);
    drop(merchant);
    world.audit();
}

/// The findings of a check that are no good ones.
fn findings(world: &World, exit: i32, arguments: &[&str]) -> Vec<(String, String)> {
    let answer = json(world, exit, "verifier-check-config", &[&["check-config"], arguments].concat());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = answer["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["severity"] != "fine")
        .map(|finding| (text(&finding["code"]), text(&finding["severity"])))
        .collect()
}

#[test]
fn settings_are_checked_and_nothing_is_changed() {
    let world = World::new();
    let faulty = |code: &str| vec![(code.to_owned(), "fault".to_owned())];
    assert_eq!(findings(&world, 1, &[]), faulty("config"));
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    assert_eq!(findings(&world, 0, &[]), []);
    merchant.kill();
    let config = folder(&world).join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("127.0.0.1:3339", "127.0.0.1:0");
    std::fs::write(&config, &text).unwrap();
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    files(&folder(&world), &mut before);
    assert_eq!(findings(&world, 0, &[]), []);
    files(&folder(&world), &mut after);
    assert!(before == after);

    let broken = |from: &str, to: &str| {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        std::fs::write(&config, changed).unwrap();
    };
    broken("locked =", "loked =");
    assert_eq!(findings(&world, 1, &[]), faulty("config"));
    broken("unit = \"EUR\"", "unit = \"XYZ\"");
    assert_eq!(findings(&world, 1, &[]), faulty("unit"));
    assert_eq!(findings(&world, 0, &["--offline"]), []);
    broken("tokens = \"open\"", "tokens = \"closed\"");
    assert_eq!(findings(&world, 1, &[]), faulty("unit"));
    broken("127.0.0.1:0", "0.0.0.0:0");
    let codes: Vec<String> = findings(&world, 1, &["--offline"]).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["listen", "public_url"]);
    broken("# [tls]\n# certificate = ", "[tls]\nkey = \"none\"\ncertificate = ");
    assert_eq!(findings(&world, 1, &["--offline"]).last(), faulty("tls").first());
    let rules = folder(&world).join("rules.toml");
    let gateway = "[gateway]\nupstream = \"http://127.0.0.1:1\"\nrules = \"rules.toml\"";
    broken("# [gateway]", gateway);
    assert_eq!(findings(&world, 1, &[]), faulty("gateway"));
    std::fs::write(&rules, "[[rule]]\npath = \"/**\"\nprice = \"0.001\"\n").unwrap();
    // That it is no amount of the unit is known when the unit is.
    assert_eq!(findings(&world, 0, &["--offline"]), []);
    assert_eq!(findings(&world, 1, &[]), faulty("gateway"));
    std::fs::write(&rules, "[[rule]]\npath = \"/**\"\nprice = \"0.01\"\n").unwrap();
    assert_eq!(findings(&world, 0, &[]), []);
    // Seventeen tokens, and then one.
    std::fs::write(&rules, "[[rule]]\npath = \"/**\"\nprice = \"1310.71\"\n").unwrap();
    assert_eq!(findings(&world, 0, &[]), [("gateway".to_owned(), "warning".to_owned())]);
    std::fs::write(&rules, "[[rule]]\npath = \"/**\"\nprice = \"1310.72\"\n").unwrap();
    assert_eq!(findings(&world, 0, &[]), []);
    broken("# [gateway]", &gateway.replace("http://", "ftp://"));
    assert_eq!(findings(&world, 1, &[]), faulty("gateway"));
    std::fs::write(&config, &text).unwrap();
    let keys = folder(&world).join("keys.toml");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(findings(&world, 1, &["--offline"]), faulty("permissions"));
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    mint.kill();
    assert_eq!(findings(&world, 6, &[]), faulty("mint_not_reached"));
    std::fs::write(&keys, "[[payee]]").unwrap();
    assert_eq!(findings(&world, 1, &[]), faulty("keys"));
}

pub(crate) fn write_pem(folder: &Path, (certificate, key): (&[u8], &[u8])) {
    let pem =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der));
    std::fs::write(folder.join("cert.pem"), pem("CERTIFICATE", certificate)).unwrap();
    std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", key)).unwrap();
    std::fs::set_permissions(folder.join("key.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn it_is_served_over_tls_and_reads_its_certificate_again() {
    let world = World::new();
    let mint = world.mint();
    world.run(&["verifier", "init", "--mint", &mint.url]);
    let config = folder(&world).join("config.toml");
    let tls = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"";
    let text = std::fs::read_to_string(&config).unwrap().replace("# [tls]", tls);
    std::fs::write(&config, text).unwrap();
    assert!(world.refused(&["verifier", "run", "--listen", "127.0.0.1:0"]).contains("cert.pem cannot be read"));
    write_pem(&folder(&world), FIRST);
    let merchant = world.serve(&["verifier", "run", "--listen", "127.0.0.1:0"]);
    assert!(merchant.url.starts_with("https://"), "{}", merchant.url);
    let endpoint = Endpoint::parse(&format!("https://localhost:{}/ready", merchant.port())).unwrap();
    let get = async |certificate: &[u8]| -> Result<Value, CallError> {
        let client = HttpClient::builder().root_certificate(certificate).build().unwrap();
        client.get_json(&endpoint).await
    };
    assert_eq!(get(FIRST.0).await.unwrap()["ready"], true);
    assert!(get(SECOND.0).await.is_err());
    write_pem(&folder(&world), SECOND);
    merchant.signal("HUP");
    while get(SECOND.0).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(get(FIRST.0).await.is_err());
}

/// Wallets whose payments are all at the verifier, who waits for a mint that stands still.
fn in_flight(world: &World, mint: &Server, wallets: &[PathBuf]) -> Vec<Child> {
    let invoices: Vec<String> = wallets.iter().map(|_| world.run(&["verifier", "request", "0.37"])).collect();
    mint.signal("STOP");
    let pay = |(dir, invoice): (&PathBuf, &String)| {
        let mut command = world.farthing(&["wallet", "--dir", dir.to_str().unwrap(), "pay", invoice, "--yes"]);
        command.env("FARTHING_TEST_ATTEMPTS", "1").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = wallets.iter().zip(&invoices).map(pay).collect();
    while figure(world, "payments_at_work") < i64::try_from(wallets.len()).unwrap() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    children
}

#[test]
fn what_is_in_flight_is_answered_before_the_end() {
    let world = World::new();
    let mint = world.mint();
    let mut merchant = world.merchant(&mint);
    let wallets: Vec<PathBuf> = (0..6).map(|n| funded(&world, &format!("wallet-{n}"), &mint)).collect();
    let children = in_flight(&world, &mint, &wallets);
    merchant.signal("TERM");
    // Nobody new gets in.
    while std::net::TcpStream::connect(merchant.address()).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    mint.signal("CONT");
    for child in children {
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("paid 0.37 EUR"), "{err}");
    }
    assert_eq!(merchant.ended(), Some(0));
    let _merchant = world.merchant(&mint);
    assert_eq!(world.run(&["verifier", "payments"]).lines().filter(|line| line.contains("0.37 EUR")).count(), 6);
    world.audit();
}

#[test]
fn a_second_signal_ends_at_once_and_what_was_begun_is_settled_later() {
    let world = World::new();
    let mint = world.mint();
    let mut merchant = world.merchant(&mint);
    let port = merchant.port();
    let wallet = funded(&world, "wallet", &mint);
    let mut children = in_flight(&world, &mint, std::slice::from_ref(&wallet));
    merchant.signal("TERM");
    while std::net::TcpStream::connect(merchant.address()).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    merchant.signal("TERM");
    assert_eq!(merchant.ended(), Some(1));
    let output = children.pop().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    mint.signal("CONT");
    let _merchant = world.serve(&["verifier", "run", "--listen", &format!("127.0.0.1:{port}")]);
    let at = ["wallet", "--dir", wallet.to_str().unwrap()];
    world.run(&[&at[..], &["resume"]].concat());
    assert!(!world.run(&[&at[..], &["balance"]].concat()).contains("unfinished"));
    assert_eq!(world.run(&["verifier", "payments"]).lines().filter(|line| line.contains("0.37 EUR")).count(), 1);
    world.audit();
}

#[test]
fn figures_count_and_name_nobody() {
    let world = World::new();
    let mint = world.mint();
    let _merchant = world.merchant(&mint);
    let wallet = funded(&world, "wallet", &mint);
    let invoice = world.run(&["verifier", "request", "0.37", "--memo", "secret"]);
    let pay = ["wallet", "--dir", wallet.to_str().unwrap(), "pay", &invoice, "--yes"];
    world.run(&pay);
    // Asked for again, it is no other payment.
    world.run(&pay);
    assert_eq!(figure(&world, "payments_accepted_total{door=\"direct\"}"), 1);
    assert_eq!(figure(&world, "outcomes_unknown_total"), 0);
    assert_eq!((figure(&world, "records_writable"), figure(&world, "mint_list_current")), (1, 1));
    assert_eq!(control(&world, "/ready"), (200, "{\"ready\":true}".to_owned()));
    let (_, figures) = control(&world, "/metrics");
    let payee = world.run(&["verifier", "keys"]);
    let payee = payee.strip_prefix("payee ").unwrap().lines().next().unwrap();
    for private in [payee, &invoice[20..60], "secret", "127.0.0.1"] {
        assert!(!figures.contains(private), "{figures}");
    }
}

/// A service file's assignments, by section.
pub(crate) fn sections(text: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let mut sections: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => current = name.to_owned(),
            None => {
                let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
                sections.entry(current.clone()).or_default().push((name.to_owned(), value.to_owned()));
            }
        }
    }
    sections
}

/// A service file says what systemd and the program understand, and keeps the service apart. `drain` is how long what was begun is waited
/// for, in seconds.
pub(crate) fn judge_service_file(name: &str, text: &str, drain: u32) {
    let unit = sections(text);
    assert_eq!(unit.keys().collect::<Vec<_>>(), ["Install", "Service", "Unit"]);
    let of = |name: &str| -> Vec<&str> {
        unit["Service"].iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    };
    let world = World::new();
    for command in [of("ExecStart"), of("ExecStartPre")].concat() {
        let words: Vec<&str> = command.strip_prefix("/usr/local/bin/farthing ").unwrap().split(' ').collect();
        world.run(&[&words[..], &["--help"]].concat());
    }
    let hardened =
        [("NoNewPrivileges", "yes"), ("ProtectSystem", "strict"), ("PrivateTmp", "yes"), ("CapabilityBoundingSet", "")];
    for (name, value) in hardened {
        assert_eq!(of(name), [value], "{name}");
    }
    // Longer than what was begun is waited for.
    assert!(of("TimeoutStopSec")[0].parse::<u32>().unwrap() > drain);
    let there = std::process::Command::new("systemd-analyze").arg("--version").output();
    if there.is_ok_and(|output| output.status.success()) {
        let file = world.path(name);
        std::fs::write(&file, text.replace("/usr/local/bin/farthing", "/bin/true")).unwrap();
        let output = std::process::Command::new("systemd-analyze").arg("verify").arg(&file).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        let stem = name.trim_end_matches(".service");
        assert!(output.status.success() && !complaint.contains(stem), "{complaint}");
        // Out of a hundred: how much of the machine somebody has who has the service.
        let options = ["security", "--offline=true", "--threshold=15"];
        let output = std::process::Command::new("systemd-analyze").args(options).arg(&file).output().unwrap();
        let old = String::from_utf8_lossy(&output.stderr).contains("unrecognized option");
        assert!(old || output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_service_file_says_what_systemd_and_the_program_understand() {
    judge_service_file(
        "farthing-verifier.service",
        include_str!("../../verifier/systemd/farthing-verifier.service"),
        30,
    );
}

#[test]
fn a_gateway_takes_its_settings_from_the_folder() {
    let world = World::new();
    let mint = world.mint();
    world.run(&["verifier", "init", "--mint", &mint.url]);
    let refused = world.refused(&["verifier", "gateway"]);
    assert!(refused.contains("--upstream is neither given nor set"), "{refused}");
    let config = folder(&world).join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let set = "[gateway]\nupstream = \"http://127.0.0.1:1\"\nrules = \"rules.toml\"\norigins = [\"https://a.example\"]";
    std::fs::write(&config, text.replace("# [gateway]", set).replace("127.0.0.1:3339", "127.0.0.1:0")).unwrap();
    std::fs::write(folder(&world).join("rules.toml"), "[[rule]]\npath = \"/**\"\nprice = \"0.01\"\n").unwrap();
    let gateway = world.serve(&["verifier", "gateway", "--listen", "127.0.0.1:0"]);
    let asked = |host: &str| {
        let mut stream = std::net::TcpStream::connect(gateway.address()).unwrap();
        write!(stream, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    assert_eq!(asked("a.example"), 402);
    assert_ne!(asked("b.example"), 402);
}

#[test]
fn a_hangup_without_a_certificate_ends_nothing() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    merchant.signal("HUP");
    assert_eq!(control(&world, "/health").0, 200);
    assert!(world.run(&["verifier", "request", "0.01"]).starts_with("farthinginvoice1"));
}
