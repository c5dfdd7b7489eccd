//! A mint as whoever operates it sees it: questions, settings, certificates, limits, figures, alarms, its end.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use farthing_http::client::{CallError, Endpoint, HttpClient};
use farthing_protocol::api::{FinishAnswer, FinishRequest, mint_path};
use farthing_protocol::ids::OperationId;
use farthing_protocol::shape::Shape;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Server, World, answer_of};
use crate::operating::{FIRST, SECOND, ask_socket, judge_service_file, write_pem};
use crate::purse::Purse;
use crate::raw::{RawWallet, amount};
use crate::schema::read;
use crate::terminal::{Terminal, possible};

fn folder(world: &World) -> PathBuf {
    world.path(".farthing/mint")
}

/// Runs a command of the mint's that must end with this exit code, and answers as its schema says.
fn json(world: &World, exit: i32, schema: &str, arguments: &[&str]) -> Value {
    let output = world.output(&[&["mint"], arguments, &["--json"]].concat());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {out}{err}");
    read(schema, &out)
}

fn control(world: &World, path: &str) -> (u16, String) {
    ask_socket(&folder(world).join("control.sock"), path)
}

/// A figure of the running mint; 0 if it was not counted yet.
fn figure(world: &World, name: &str) -> i64 {
    let (status, figures) = control(world, "/metrics");
    assert_eq!(status, 200);
    let line = figures.lines().find_map(|line| line.strip_prefix(&format!("farthing_mint_{name} ")));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Changes the settings of a mint that does not run.
fn set(world: &World, changes: &[(&str, &str)]) {
    let path = folder(world).join("mint.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text.replace(from, to)
    });
    std::fs::write(&path, changed).unwrap();
}

/// A mint with these settings, served.
fn mint_with(world: &World, changes: &[(&str, &str)]) -> Server {
    world.run(&["mint", "init"]);
    set(world, changes);
    world.mint()
}

#[test]
fn init_asks_for_what_it_needs_and_writes_it_down() {
    if !possible() {
        return;
    }
    let world = World::new();
    let key = world.path("mint.key");
    let terminal = Terminal::run(&world, &["mint", "init", "--key-file", key.to_str().unwrap(), "--deposit-fee", "1"]);
    let answers = [
        ("Code of the currency unit [EUR]:", "a unit"),
        ("a unit's code has 1 to 16 letters", "CHF"),
        ("How many decimals people see [2]:", ""),
        ("Address to listen on [127.0.0.1:3338]:", "127.0.0.1:0"),
        ("Address under which wallets and merchants reach it [http://127.0.0.1:0]:", "https://mint.example"),
        ("Fee on withdrawals, in percent [0]:", "0.25"),
        ("Most in one withdrawal, in CHF [no limit]:", "200"),
        ("Most to one account in a day, in CHF [no limit]:", ""),
        ("Most that is out in tokens at once, in CHF [no limit]:", "10000.50"),
    ];
    for (question, answer) in answers {
        terminal.wait_for(question);
        terminal.type_line(answer);
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    // What was said by an option was not asked.
    assert!(!screen.contains("Fee on deposits"), "{screen}");
    let text = std::fs::read_to_string(folder(&world).join("mint.toml")).unwrap();
    for line in [
        "unit = \"CHF\"",
        "listen = \"127.0.0.1:0\"",
        "public_url = \"https://mint.example\"",
        "withdrawal_fee_ppm = 2500",
        "deposit_fee_ppm = 10000",
        "max_issue = 20000",
        "# max_issue_account_day = 100000",
        "max_outstanding = 1000050",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let answer = json(&world, 0, "mint-check-config", &["check-config"]);
    assert_eq!(answer["well"], true);
}

#[test]
fn init_asks_nothing_where_nobody_answers() {
    let world = World::new();
    world.run(&[
        "mint",
        "init",
        "--unit",
        "sat",
        "--decimals",
        "0",
        "--max-issue",
        "5000",
        "--max-issue-account-day",
        "9000",
        "--max-outstanding",
        "100000",
        "--withdrawal-fee",
        "0.5",
        "--public-url",
        "http://mint.example:3338",
    ]);
    let text = std::fs::read_to_string(folder(&world).join("mint.toml")).unwrap();
    for line in ["unit = \"sat\"", "max_issue = 5000", "max_issue_account_day = 9000", "withdrawal_fee_ppm = 5000"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(world.refused(&["mint", "init"]).contains("there is a mint in"));
    let other = world.path("other");
    let refused = world.refused(&["mint", "init", "--dir", other.to_str().unwrap(), "--max-issue", "0.123"]);
    assert!(refused.contains("is no amount in EUR") && !other.exists(), "{refused}");
}

/// The findings of a check that are no good ones.
fn findings(world: &World, exit: i32) -> Vec<(String, String)> {
    let answer = json(world, exit, "mint-check-config", &["check-config"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = answer["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["severity"] != "fine")
        .map(|finding| (text(&finding["code"]), text(&finding["severity"])))
        .collect()
}

#[test]
fn settings_are_checked_and_nothing_is_changed() {
    let world = World::new();
    let one = |code: &str, severity: &str| vec![(code.to_owned(), severity.to_owned())];
    assert_eq!(findings(&world, 1), one("config", "fault"));
    world.run(&["mint", "init"]);
    set(&world, &[("127.0.0.1:3338", "127.0.0.1:0")]);
    assert_eq!(findings(&world, 0), []);
    let config = folder(&world).join("mint.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let entries = || {
        let all = std::fs::read_dir(folder(&world)).unwrap().map(|entry| entry.unwrap().file_name());
        all.collect::<std::collections::BTreeSet<_>>()
    };
    let before = entries();
    for (from, to, exit, expected) in [
        ("listen =", "lissen =", 1, one("config", "fault")),
        ("127.0.0.1:0", "0.0.0.0:0", 1, [one("listen", "warning"), one("public_url", "fault")].concat()),
        ("# public_url = \"https", "public_url = \"http", 0, one("public_url", "warning")),
        ("# metrics = \"127.0.0.1:9465\"", "metrics = \"0.0.0.0:0\"", 0, one("metrics", "warning")),
        ("# certificate =", "key = \"key.pem\"\ncertificate =", 1, one("tls", "fault")),
        ("# certificate =", "certificate =", 1, one("config", "fault")),
        ("# max_issue = 50000", "max_issue = 5", 0, one("limits", "warning")),
        ("# alert_command = [", "alert_command = [\"no such program\", ", 1, one("alert", "fault")),
        ("# alert_command = [", "alert_command = [\"sh\", ", 0, Vec::new()),
        ("unit = \"EUR\"", "unit = \"USD\"", 1, one("keysets", "fault")),
        ("# webhook_listen =", "webhook_listen =", 1, one("webhook", "fault")),
        ("audit_seconds = 86400", "audit_seconds = 0", 1, one("config", "fault")),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        std::fs::write(&config, changed).unwrap();
        let found = findings(&world, exit);
        // A certificate without a name in the address is worth a warning of its own.
        let found: Vec<_> = found
            .into_iter()
            .filter(|(code, _)| expected.len() > 1 || expected.iter().any(|(of, _)| of == code))
            .collect();
        assert_eq!(found, expected, "{to}");
    }
    assert_eq!(entries(), before);
    // Nobody else may read what anything can be credited with.
    std::fs::write(&config, text.replacen("# webhook_listen =", "webhook_listen =", 1)).unwrap();
    world.run(&["mint", "funding", "secret"]);
    assert_eq!(findings(&world, 0), []);
    std::fs::set_permissions(folder(&world).join("webhook.secret"), Permissions::from_mode(0o640)).unwrap();
    assert_eq!(findings(&world, 1), one("webhook", "fault"));
    std::fs::write(&config, &text).unwrap();
    std::fs::rename(folder(&world).join("keys/identity.key"), world.path("away")).unwrap();
    assert_eq!(findings(&world, 1), one("keys", "fault"));
    std::fs::rename(world.path("away"), folder(&world).join("keys/identity.key")).unwrap();
    std::fs::remove_dir_all(folder(&world).join("keysets")).unwrap();
    assert_eq!(findings(&world, 1), one("keysets", "fault"));
}

#[tokio::test]
async fn it_is_served_over_tls_and_reads_its_certificate_again() {
    let world = World::new();
    world.run(&["mint", "init"]);
    set(&world, &[("# certificate = ", "certificate = \"cert.pem\" # "), ("# key = ", "key = \"key.pem\" # ")]);
    assert!(world.refused(&["mint", "run", "--listen", "127.0.0.1:0"]).contains("cert.pem cannot be read"));
    write_pem(&folder(&world), FIRST);
    let mint = world.mint();
    assert!(mint.url.starts_with("https://"), "{}", mint.url);
    let endpoint = Endpoint::parse(&format!("https://localhost:{}/ready", mint.port())).unwrap();
    let get = async |certificate: &[u8]| -> Result<Value, CallError> {
        let client = HttpClient::builder().root_certificate(certificate).build().unwrap();
        client.get_json(&endpoint).await
    };
    assert_eq!(get(FIRST.0).await.unwrap()["ready"], true);
    assert!(get(SECOND.0).await.is_err());
    // What cannot be used changes nothing.
    std::fs::write(folder(&world).join("cert.pem"), "nonsense").unwrap();
    mint.signal("HUP");
    assert_eq!(get(FIRST.0).await.unwrap()["ready"], true);
    write_pem(&folder(&world), SECOND);
    mint.signal("HUP");
    while get(SECOND.0).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(get(FIRST.0).await.is_err());
    // The operator's commands are as before.
    assert!(world.run(&["mint", "audit"]).contains("balanced"));
}

#[test]
fn a_hangup_without_a_certificate_ends_nothing() {
    let world = World::new();
    let mint = world.mint();
    mint.signal("HUP");
    assert_eq!(control(&world, "/health").0, 200);
    assert!(world.run(&["mint", "audit"]).contains("balanced"));
}

#[test]
fn limits_are_told_to_the_wallet_and_debit_nothing() {
    let world = World::new();
    let mint = mint_with(
        &world,
        &[
            ("# max_issue = 50000", "max_issue = 600"),
            ("# max_issue_account_day = 100000", "max_issue_account_day = 1000"),
        ],
    );
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "100.00"]);
    alice.fails(1, "over_limit", &["withdraw", "6.01"]);
    alice.json("wallet-withdraw", &["withdraw", "6.00"]);
    // This one is told at the end, by the books.
    alice.fails(1, "over_limit", &["withdraw", "5.00"]);
    alice.json("wallet-withdraw", &["withdraw", "4.00"]);
    let balance = alice.json("wallet-balance", &["balance"]);
    assert_eq!(balance["accounts"][0]["balance"]["units"], "9000");
    assert_eq!(balance["balances"][0]["reserved"]["units"], "0");
    world.audit();
}

#[test]
fn what_is_not_backed_stops_withdrawals_until_it_is() {
    let world = World::new();
    let told = world.path("told");
    let script = format!("echo $FARTHING_ALERT_STATE $FARTHING_ALERT >> {}", told.display());
    let alert = format!("alert_command = [\"sh\", \"-c\", \"{script}\"] # ");
    let mint = mint_with(&world, &[("# alert_command = ", &alert)]);
    let merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, "alice", &mint);
    let backing = |more: &[&str]| json(&world, 0, "mint-backing", &[&["backing"], more].concat());
    assert_eq!(backing(&[])["backing"], Value::Null);
    let declared = backing(&["9.00"]);
    assert_eq!((&declared["owed"]["units"], &declared["backed"]), (&"1000".into(), &false.into()));
    assert!(world.run(&["mint", "backing"]).contains("9.00 EUR"));
    alice.fails(6, "mint_unavailable", &["withdraw", "1.00"]);
    // Payments, and what is deposited by them, go on.
    let invoice = world.run(&["verifier", "request", "0.37"]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    let (status, body) = control(&world, "/ready");
    assert!(status == 503 && body.contains("More is owed"), "{body}");
    let lines = |count: usize| loop {
        let text = std::fs::read_to_string(&told).unwrap_or_default();
        if text.lines().count() >= count {
            return text;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(lines(1), "began not_backed\n");
    assert_eq!(figure(&world, "alarm{alarm=\"not_backed\"}"), 1);
    assert_eq!(backing(&["10.00"])["backed"], true);
    assert_eq!(lines(2), "began not_backed\nended not_backed\n");
    alice.json("wallet-withdraw", &["withdraw", "1.00"]);
    mint.kill();
    // What was declared is in the ledger, and can be changed while nobody is served.
    assert_eq!(backing(&[])["backing"]["units"], "1000");
    assert_eq!(backing(&["--none"])["backing"], Value::Null);
    drop(merchant);
    world.audit();
}

#[tokio::test]
async fn who_asks_too_often_is_told_to_wait() {
    let world = World::new();
    let mint = mint_with(&world, &[("requests_per_second = 1000", "requests_per_second = 2")]);
    let mut refused = 0;
    for _ in 0..20 {
        let (status, problem) = answer_of("GET", &mint.url, "/v1/keysets", b"").await;
        match status {
            200 => {}
            429 => {
                assert_eq!(problem["code"], "rate_limited");
                refused += 1;
            }
            other => panic!("{other}: {problem}"),
        }
        // Whoever watches is not counted, and the operator is not either.
        assert_eq!(answer_of("GET", &mint.url, "/health", b"").await.0, 200);
    }
    assert!(refused > 0);
    assert_eq!(figure(&world, "requests_limited_total{limit=\"all\"}"), refused);
    assert!(world.run(&["mint", "audit"]).contains("balanced"));
}

#[test]
fn a_wallet_that_is_told_to_wait_loses_nothing() {
    let world = World::new();
    let mint = mint_with(&world, &[("account_requests_per_minute = 600", "account_requests_per_minute = 2")]);
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    // The balance is asked for, and then it is withdrawn: two requests that the account has signed.
    alice.json("wallet-withdraw", &["withdraw", "1.00"]);
    alice.fails(6, "mint_unavailable", &["withdraw", "1.00"]);
    assert_eq!(alice.available(), 100);
    mint.kill();
    set(&world, &[("account_requests_per_minute = 2", "account_requests_per_minute = 0")]);
    let _mint = world.serve(&["mint", "run", "--listen", "127.0.0.1:0"]);
    world.audit();
}

#[test]
fn fees_are_shown_before_anybody_pays_them() {
    let world = World::new();
    world.run(&["mint", "init", "--withdrawal-fee", "0.25", "--deposit-fee", "1.5"]);
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let alice = Purse::new(&world, "alice", &mint);
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    // 0.25 % of 5.00 is 1.25 cents: rounded up.
    let (out, err) = alice.shows(&["withdraw", "5.00"]);
    assert!(err.contains("0.02 EUR (0.25 %)") && out.contains("withdrew 5.00 EUR"), "{out}{err}");
    let withdrawn = alice.json("wallet-withdraw", &["withdraw", "0.01"]);
    assert_eq!((&withdrawn["amount"]["units"], &withdrawn["fee"]["units"]), (&"1".into(), &"1".into()));
    let balance = alice.json("wallet-balance", &["balance"]);
    assert_eq!(balance["accounts"][0]["balance"]["units"], "496");
    let merchant_balance = || {
        let output = world.run(&["verifier", "balance", "--json"]);
        read("verifier-balance", &output)
    };
    // 1.5 % of one cent is nothing yet; of 67 cents it is one.
    for (price, held) in [("0.01", "1"), ("0.32", "33"), ("0.33", "66"), ("0.01", "66")] {
        let invoice = world.run(&["verifier", "request", price]);
        alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
        assert_eq!(merchant_balance()["accounts"][0]["balances"][0]["units"], held, "{price}");
    }
    assert_eq!(merchant_balance()["deposit_fees"][0]["ppm"], 15_000);
    assert!(world.run(&["verifier", "balance"]).contains("1.5 %"));
    assert_eq!(figure(&world, "fees_units{unit=\"EUR\"}"), 4);
    drop(merchant);
    world.audit();
}

/// Half of a request is there when the mint is told to end; the other half comes when nobody new gets in any more.
#[tokio::test]
async fn what_is_in_flight_is_answered_before_the_end() {
    let world = World::new();
    let mut mint = world.mint();
    let mut wallet = RawWallet::new(&mint.url).await;
    wallet.fund(&world, 1_000);
    let shape = Shape::Withdrawal(amount(500));
    let opened = wallet.open(shape).await.unwrap();
    let prepared = wallet.prepare(shape, &opened, OperationId::from_bytes(rand::random()));
    let body = serde_json::to_vec(&FinishRequest { request: prepared.request.clone() }).unwrap();
    let (first, second) = body.split_at(body.len() / 2);
    let mut stream = tokio::net::TcpStream::connect(mint.address()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: mint\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        mint_path::FINISH,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(first).await.unwrap();
    // Behind this one, on a connection of its own, the first is surely being read.
    assert_eq!(answer_of("GET", &mint.url, "/health", b"").await.0, 200);
    mint.signal("TERM");
    while tokio::net::TcpStream::connect(mint.address()).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stream.write_all(second).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, record) = answer.split_once("\r\n\r\n").unwrap();
    let answer: FinishAnswer = serde_json::from_str(record).unwrap();
    assert_eq!(prepared.unblind(&wallet.keyset, &answer).len(), 6);
    assert_eq!(mint.ended(), Some(0));
    // The books have it, and a mint that is started again answers the same.
    let _mint = world.mint();
    world.audit();
}

#[test]
fn a_second_signal_ends_at_once() {
    let world = World::new();
    let mut mint = world.mint();
    // A request that never comes to its end keeps the first one waiting.
    let mut stream = std::net::TcpStream::connect(mint.address()).unwrap();
    std::io::Write::write_all(
        &mut stream,
        b"POST /v1/deposit HTTP/1.1\r\nhost: mint\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    )
    .unwrap();
    while control(&world, "/health").0 != 200 {}
    mint.signal("TERM");
    while std::net::TcpStream::connect(mint.address()).is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
    mint.signal("TERM");
    assert_eq!(mint.ended(), Some(1));
    world.audit();
}

#[test]
fn the_service_file_says_what_systemd_and_the_program_understand() {
    judge_service_file("farthing-mint.service", include_str!("../../issuer/systemd/farthing-mint.service"), 60);
}
