//! `wallet pay --x402`: a payment for a request that another program makes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Output, Stdio};

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::harness::{Server, World, answer_of};
use crate::purse::Purse;
use crate::schema::read;
use crate::terminal::{Terminal, possible};

/// What a server demands that is paid through this verifier.
fn entry(merchant: &Server, units: u64) -> Value {
    let authority = merchant.url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let mut stream = TcpStream::connect(&authority).unwrap();
    write!(stream, "GET /x402/supported HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let kind: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    let kind = &kind["kinds"][0];
    json!({"scheme": "exact", "network": kind["network"], "payTo": kind["extra"]["payTo"], "asset": kind["extra"]["asset"],
        "amount": units.to_string(), "maxTimeoutSeconds": 60, "extra": {}})
}

/// Whether the verifier settles a payment.
async fn settles(merchant: &Server, entry: &Value, payload: &Value) -> bool {
    let body = json!({"x402Version": 2, "paymentRequirements": entry,
        "paymentPayload": {"x402Version": 2, "payload": payload, "accepted": entry}});
    let (status, answer) = answer_of("POST", &merchant.url, "/x402/settle", body.to_string().as_bytes()).await;
    assert_eq!(status, 200);
    answer["success"] == json!(true)
}

/// The command with something on its standard input.
fn piped(world: &World, arguments: &[&str], input: &str) -> Output {
    let mut command = world.farthing(&[&["wallet", "pay", "--x402", "-"], arguments].concat());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // Whoever refuses its options ends before it has read.
    let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn fails(world: &World, arguments: &[&str], input: &str, exit: i32, code: &str) -> String {
    let output = piped(world, &[arguments, &["--json", "--quiet"]].concat(), input);
    let answer = read("failure", std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!((output.status.code(), &answer["error"]["code"]), (Some(exit), &code.into()), "{answer}");
    answer["error"].to_string()
}

#[tokio::test]
async fn a_payment_is_printed_delivered_by_somebody_and_settled() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, ".farthing/wallet", &mint);
    let entry = entry(&merchant, 5);
    let text = entry.to_string();

    let output = piped(&world, &["--max-amount", "0.05", "--json", "--quiet"], &text);
    let paid = read("wallet-pay-x402", std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!((&paid["amount"]["text"], &paid["payee"]), (&"0.05 EUR".into(), &entry["payTo"]));
    assert!(output.stderr.is_empty());

    // For people it is one line, and what it means goes beside it.
    let output = piped(&world, &["--yes"], &text);
    let (line, note) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let payload: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(line.trim_end().as_bytes()).unwrap()).unwrap();
    assert_eq!(payload.as_object().unwrap().keys().collect::<Vec<_>>(), ["payment", "request"]);
    assert!(note.split_whitespace().collect::<Vec<_>>().join(" ").contains("can pay 0.05 EUR to"), "{note}");
    assert_ne!(payload, paid["payload"]);

    assert!(settles(&merchant, &entry, &payload).await);
    assert!(!settles(&merchant, &entry, &payload).await);
    let history = alice.json("wallet-history", &["history"]);
    let states: Vec<&Value> = history["unfinished"].as_array().unwrap().iter().map(|entry| &entry["state"]).collect();
    assert_eq!(states, ["out", "out"]);
    assert_eq!(alice.available(), 500);
    // The one that nobody delivered is given up, the other one is settled when its time has passed.
    let number = paid["operation"].to_string();
    assert_eq!(alice.json("wallet-give-up", &["give-up", &number, "--yes"])["outcome"], "taken_back");
    assert!(!settles(&merchant, &entry, &paid["payload"]).await);
    let mut later = world.farthing(&["wallet", "resume", "--json", "--quiet"]);
    let output = later.env("FARTHING_TEST_CLOCK", "200").output().unwrap();
    let resumed = read("wallet-resume", std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!((&resumed["resumed"][0]["outcome"], output.status.code()), (&"paid".into(), Some(0)), "{resumed}");
    assert_eq!(alice.available(), 505);
    world.audit();
}

#[test]
fn what_is_no_entry_or_was_not_allowed_is_not_paid() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, ".farthing/wallet", &mint);
    let text = entry(&merchant, 5).to_string();
    let whole = json!({"x402Version": 2, "accepts": [entry(&merchant, 5)]}).to_string();
    let most = ["--max-amount", "0.05"];
    assert!(fails(&world, &most, &whole, 1, "bad_text").contains("one entry of the accepts"));
    for text in ["", "[]", "farthinginvoice1x", "{", "{} {}"] {
        fails(&world, &most, text, 1, "bad_text");
    }
    fails(&world, &most, "{}", 1, "demand_unusable");
    assert!(fails(&world, &[], &text, 8, "nobody_to_ask").contains("--max-amount"));
    fails(&world, &["--max-amount", "0.04"], &text, 1, "price_not_allowed");
    fails(&world, &["--max-amount", "0.04", "--yes"], &text, 1, "price_not_allowed");
    fails(&world, &["--max-amount", "0.005"], &text, 1, "bad_amount");
    fails(&world, &["--max-amount", "0.05", "--unit", "USD"], &text, 1, "ambiguous");
    fails(&world, &["--yes"], &entry(&merchant, 900).to_string(), 4, "insufficient_funds");
    let mut stranger = entry(&merchant, 5);
    stranger["network"] = "farthing:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    fails(&world, &most, &stranger.to_string(), 1, "demand_unusable");
    assert_eq!(alice.available(), 510);
    assert_eq!(alice.json("wallet-history", &["history"])["unfinished"], json!([]));

    let file = world.path("entry.json");
    std::fs::write(&file, &text).unwrap();
    let file = file.to_str().unwrap();
    alice.json("wallet-pay-x402", &["pay", "--x402", file, "--max-amount", "0.05"]);
    alice.fails(1, "bad_file", &["pay", "--x402", "/nowhere", "--yes"]);
    if possible() {
        let terminal = Terminal::run(&world, &["wallet", "pay", "--x402", file]);
        terminal.wait_for("Pay 0.05 EUR to");
        terminal.type_line("n");
        let (code, screen) = terminal.end();
        assert!(code == 1 && screen.contains("nothing was paid"), "{screen}");
    }
    assert_eq!(alice.available(), 505);
}
