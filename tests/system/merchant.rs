//! A merchant's records and money, by the command line.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Server, World};
use crate::purse::Purse;
use crate::schema::read;

fn json(world: &World, name: &str, arguments: &[&str]) -> Value {
    read(name, &world.run(&[arguments, &["--json"]].concat()))
}

fn fails(world: &World, exit: i32, code: &str, arguments: &[&str]) {
    let output = world.output(&[arguments, &["--json"]].concat());
    let answer = read("failure", std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {answer}");
    assert_eq!(answer["error"]["code"], code, "{arguments:?}: {answer}");
}

fn amounts(answer: &Value) -> Vec<&str> {
    let payments = answer["payments"].as_array().unwrap();
    payments.iter().map(|payment| payment["amount"]["units"].as_str().unwrap()).collect()
}

#[test]
fn payments_are_searched_and_exported_while_the_verifier_runs_and_while_it_does_not() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, "alice", &mint);
    for (amount, memo) in [("0.01", "tea, \"green\""), ("0.02", "=HYPERLINK(1)"), ("0.04", "Coffee")] {
        let invoice = world.run(&["verifier", "request", amount, "--memo", memo]);
        alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    }
    let list = |more: &[&str]| json(&world, "verifier-payments", &[&["verifier", "payments"], more].concat());
    let csv = || world.run(&["verifier", "payments", "--format", "csv"]);
    let all = list(&[]);
    assert_eq!((amounts(&all), &all["more"]), (vec!["4", "2", "1"], &Value::Bool(false)));
    let two = list(&["--limit", "2"]);
    assert_eq!((amounts(&two), &two["more"]), (vec!["4", "2"], &Value::Bool(true)));
    assert_eq!(amounts(&list(&["--limit", "3"])).len(), 3);
    assert_eq!(amounts(&list(&["--memo", "coffee"])), ["4"]);
    assert_eq!(amounts(&list(&["--since", "1h"])).len(), 3);
    assert!(amounts(&list(&["--until", "1h"])).is_empty());
    assert!(amounts(&list(&["--until", "2026-01-01"])).is_empty());
    let id = all["payments"][2]["payment"].as_str().unwrap();
    let by_id = |id: &str| format!("--id={id}");
    assert_eq!(amounts(&list(&[&by_id(&id[..6])])), ["1"]);
    assert_eq!(amounts(&list(&[&by_id(id)])), ["1"]);

    let table = world.run(&["verifier", "payments"]);
    assert!(table.contains("0.04 EUR") && table.contains("Coffee"), "{table}");
    let written = csv();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines[0], "time,accepted_at,payment,amount,unit,units,memo,request,refunded");
    assert!(lines[1].contains(",0.04,EUR,4,Coffee,"), "{written}");
    assert!(lines[2].contains(",'=HYPERLINK(1),"), "{written}");
    assert!(lines[3].contains(",\"tea, \"\"green\"\"\",") && lines.len() == 4, "{written}");
    let receipt = json(&world, "verifier-receipt", &["verifier", "receipt", &id[..6]]);
    assert_eq!(receipt["payment"], all["payments"][2]);
    let paid = alice.json("wallet-receipts", &["receipts"]);
    let theirs = paid["receipts"].as_array().unwrap().iter().find(|one| one["payment"] == id).unwrap();
    assert_eq!(theirs["receipt"], receipt["receipt"]);
    fails(&world, 1, "ambiguous", &["verifier", "receipt", "AAAAAAAAAAAAAAA"]);
    fails(&world, 1, "bad_date", &["verifier", "payments", "--since", "noon"]);

    merchant.kill();
    assert_eq!(list(&[]), all);
    assert_eq!(csv(), written);
    assert_eq!(json(&world, "verifier-receipt", &["verifier", "receipt", id]), receipt);
    assert_eq!(world.run(&["verifier", "receipt", id]), receipt["receipt"].as_str().unwrap());
}

#[test]
fn what_a_merchant_has_at_the_mint_is_paid_out_once() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let balance = || json(&world, "verifier-balance", &["verifier", "balance"])["accounts"][0]["balances"].clone();
    let payouts = || json(&world, "verifier-payouts", &["verifier", "payouts"])["payouts"].clone();
    let mint_payouts = |more: &[&str]| json(&world, "mint-payouts", &[&["mint", "payouts"], more].concat());
    assert_eq!(balance(), Value::Array(Vec::new()));
    fails(&world, 1, "failed", &["verifier", "payout", "1.00"]);
    let alice = Purse::filled(&world, "alice", &mint);
    let invoice = world.run(&["verifier", "request", "3.00"]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    assert_eq!(balance()[0]["units"], "300");

    fails(&world, 4, "insufficient_funds", &["verifier", "payout", "3.01"]);
    fails(&world, 1, "bad_amount", &["verifier", "payout", "0"]);
    assert_eq!(payouts(), Value::Array(Vec::new()), "what was refused at once is forgotten");
    let first = json(&world, "verifier-payout", &["verifier", "payout", "1.00", "--reference", "DE02"]);
    let second = json(&world, "verifier-payout", &["verifier", "payout", "0.50"]);
    assert_eq!((&first["state"], &balance()[0]["units"]), (&"pending".into(), &"150".into()));
    let waiting = mint_payouts(&[]);
    assert_eq!((&waiting["payouts"][0]["reference"], &waiting["payouts"][1]["number"]), (&"DE02".into(), &1.into()));
    world.audit();

    let paid = |number| ["mint", "payouts", "--paid", number, "--reference", "bank"];
    fails(&world, 1, "bad_number", &paid("0"));
    json(&world, "mint-payouts", &["mint", "payouts", "--approve", "0"]);
    json(&world, "mint-payouts", &paid("0"));
    fails(&world, 1, "bad_number", &["mint", "payouts", "--reject", "0", "--reason", "no"]);
    fails(&world, 1, "bad_number", &paid("9"));
    // The verifier need not run for this, nor the mint for its operator.
    merchant.kill();
    mint.kill();
    let rejected = json(&world, "mint-payouts", &["mint", "payouts", "--reject", "1", "--reason", "no"]);
    assert_eq!(rejected["payouts"][0]["state"], "rejected");
    fails(&world, 1, "bad_number", &paid("1"));
    assert!(world.run(&["mint", "payouts"]).contains("no payouts to be paid"));
    assert_eq!(mint_payouts(&["--all"])["payouts"].as_array().unwrap().len(), 2);
    world.audit();
    fails(&world, 6, "not_reached", &["verifier", "balance"]);
    let unasked = json(&world, "verifier-payouts", &["verifier", "payouts"]);
    assert_eq!(unasked["warnings"][0]["code"], "mint_not_asked");
    drop((first, second));
}

#[test]
fn a_payout_whose_answer_is_lost_is_asked_for_again_and_taken_once() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, "alice", &mint);
    let invoice = world.run(&["verifier", "request", "3.00"]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    merchant.kill();
    // Between verifier and mint: lets the balance through, and loses the answer to the payout.
    let config = world.path(".farthing/verifier/config.toml");
    let honest = std::fs::read_to_string(&config).unwrap();
    let lossy = Lossy::start(mint.url.clone());
    std::fs::write(&config, honest.replace(&mint.url, &lossy)).unwrap();
    fails(&world, 3, "outcome_unknown", &["verifier", "payout", "1.00"]);
    std::fs::write(&config, honest).unwrap();
    for _ in 0..2 {
        let payouts = json(&world, "verifier-payouts", &["verifier", "payouts"]);
        assert_eq!(payouts["payouts"][0]["state"], "pending");
    }
    let balance = json(&world, "verifier-balance", &["verifier", "balance"]);
    assert_eq!(balance["accounts"][0]["balances"][0]["units"], "200");
    world.run(&["mint", "payouts", "--approve", "0"]);
    world.run(&["mint", "payouts", "--paid", "0", "--reference", "bank"]);
    mint.kill();
    // What has ended needs nobody to be asked.
    world.mint();
    world.audit();
}

#[test]
fn a_payout_that_was_refused_is_open_here_until_it_is_known_that_it_is_over() {
    let world = World::new();
    world.run(&["mint", "init"]);
    let settings = world.path(".farthing/mint/mint.toml");
    let free = std::fs::read_to_string(&settings).unwrap();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let alice = Purse::filled(&world, "alice", &mint);
    let invoice = world.run(&["verifier", "request", "3.00"]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    merchant.kill();
    let restart = |mint: Server, set: [&str; 2]| {
        let address = mint.address().to_string();
        mint.kill();
        std::fs::write(&settings, free.replace(set[0], set[1])).unwrap();
        world.serve(&["mint", "run", "--listen", &address])
    };
    let mint = restart(mint, ["most_per_day = 0", "most_per_day = 100"]);
    fails(&world, 1, "over_limit", &["verifier", "payout", "2.00"]);
    let states = || {
        let payouts = json(&world, "verifier-payouts", &["verifier", "payouts"])["payouts"].clone();
        payouts
            .as_array()
            .unwrap()
            .iter()
            .map(|payout| payout["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(), ["unknown"]);
    // Nobody has it taken when the limit would let it, not even by asking how far it is.
    let mint = restart(mint, ["", ""]);
    assert_eq!(states(), ["unknown"]);
    json(&world, "verifier-payout", &["verifier", "payout", "2.00"]);
    let minute = "account_requests_per_minute = ";
    let mint = restart(mint, [&format!("{minute}600"), &format!("{minute}1")]);
    let waits = world.refused(&["verifier", "payout", "0.50"]);
    assert!(waits.replace('\n', " ").contains("may still take it"), "{waits}");
    // What was not even looked at is the same request still, and taken when it is.
    let _mint = restart(mint, ["", ""]);
    let mut states = states();
    states.sort();
    assert_eq!(states, ["pending", "pending", "unknown"]);
    let balance = json(&world, "verifier-balance", &["verifier", "balance"]);
    assert_eq!(balance["accounts"][0]["balances"][0]["units"], "50");
    world.audit();
}

/// A proxy that passes requests on, and of those for payouts no answer back.
struct Lossy;

impl Lossy {
    fn start(mint: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = mint.trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut client = stream.unwrap();
                let mut server = TcpStream::connect(&target).unwrap();
                let request = read_request(&mut client);
                server.write_all(&request).unwrap();
                let answer = read_request(&mut server);
                if !request.starts_with(b"POST /v1/payout ") {
                    client.write_all(&answer).unwrap();
                }
            }
        });
        url
    }
}

/// Head and body of one HTTP message, by its content length.
fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:").map(str::trim));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return bytes;
            }
        }
        match stream.read(&mut buffer).unwrap() {
            0 => return bytes,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn events_are_told_and_listed_by_the_command_line() {
    let world = World::new();
    let mint = world.mint();
    drop(world.merchant(&mint));
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    let config = world.path(".farthing/verifier/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let table = format!("[webhook]\nurl = \"http://{address}/hook\"\nsecret_file = \"webhook.secret\"\n");
    std::fs::write(&config, format!("{text}\n{table}")).unwrap();
    assert!(world.fails(1, &["verifier", "run", "--listen", "127.0.0.1:0"]).contains("secret"));
    let made = json(&world, "verifier-webhooks-new-secret", &["verifier", "webhooks", "--new-secret"]);
    let secret = std::fs::read_to_string(made["file"].as_str().unwrap()).unwrap();
    fails(&world, 1, "failed", &["verifier", "webhooks", "--new-secret"]);

    // Nobody takes it yet.
    drop(receiver);
    let merchant = world.serve(&["verifier", "run", "--listen", "127.0.0.1:0", "--keep", "30d"]);
    let alice = Purse::filled(&world, "alice", &mint);
    let invoice = world.run(&["verifier", "request", "0.37", "--memo", "tea"]);
    alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    let waiting = || json(&world, "verifier-webhooks", &["verifier", "webhooks"])["events"].clone();
    let event = loop {
        let events = waiting();
        if events[0]["attempts"] != 0 {
            break events[0].clone();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&event["state"], &event["failure"]), (&"pending".into(), &"not reached".into()));
    merchant.kill();
    assert_eq!(waiting()[0]["id"], event["id"], "it is in the folder");

    let receiver = TcpListener::bind(address).unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in receiver.incoming() {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
            tell.send(String::from_utf8(request).unwrap()).unwrap();
        }
    });
    let retried =
        json(&world, "verifier-webhooks-retry", &["verifier", "webhooks", "--retry", event["id"].as_str().unwrap()]);
    assert_eq!(retried["retried"], 1);
    let _merchant = world.serve(&["verifier", "run", "--listen", "127.0.0.1:0"]);
    let request = told.recv().unwrap();
    let lower = request.to_lowercase();
    assert!(lower.starts_with("post /hook ") && lower.contains("webhook-signature: v1,"), "{request}");
    assert!(request.contains("\"type\":\"payment.accepted\"") && request.contains("\"memo\":\"tea\""), "{request}");
    assert!(!request.contains(secret.trim()));
    while waiting() != Value::Array(Vec::new()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(world.run(&["verifier", "webhooks"]).contains("every event was delivered"));
    fails(&world, 1, "failed", &["verifier", "webhooks", "--retry", event["id"].as_str().unwrap()]);
    fails(&world, 1, "bad_text", &["verifier", "webhooks", "--retry", "nonsense"]);
}

#[test]
fn a_payment_is_paid_back_once_and_never_for_more_than_it_was() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let (alice, till) = (Purse::filled(&world, "alice", &mint), Purse::new(&world, "till", &mint));
    let invoice = world.run(&["verifier", "request", "1.00", "--memo", "tea"]);
    let paid = alice.json("wallet-pay", &["pay", &invoice, "--yes"]);
    let listed = json(&world, "verifier-payments", &["verifier", "payments"]);
    let id = listed["payments"][0]["payment"].as_str().unwrap().to_owned();
    let ask = |amount: &str| alice.json("wallet-request", &["request", amount])["text"].as_str().unwrap().to_owned();
    let dir = world.path("till");
    let options = ["verifier", "refund", "--yes", "--wallet", dir.to_str().unwrap(), "--"];
    let refund = |id: &str, request: &str| -> Vec<String> {
        options.iter().copied().chain([id, request]).map(str::to_owned).collect()
    };
    let run = |id: &str, request: &str| {
        let arguments = refund(id, request);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (before, after) = arguments.split_at(2);
        json_of(&world, &[before, &["--json"], after].concat())
    };
    let first = ask("0.60");

    // There is nothing in the till: nothing is on record either.
    let empty = run(&id, &first);
    assert_eq!((empty.0, &empty.1["error"]["code"]), (4, &"insufficient_funds".into()));
    let account = till.json("wallet-account", &["account"]);
    let account = account["text"].as_str().unwrap();
    let moved = json(&world, "verifier-payout", &["verifier", "payout", "1.00", "--to", account]);
    assert_eq!(moved["state"], "paid");
    till.json("wallet-withdraw", &["withdraw", "1.00"]);

    let (exit, answer) = run(&id[..8], &first);
    assert_eq!((exit, &answer["again"]), (0, &Value::Bool(false)), "{answer}");
    let text = answer["text"].as_str().unwrap().to_owned();
    merchant.kill();
    // Again, also while the verifier does not run: the same text, and nothing more is taken.
    let (exit, again) = run(&id, &first);
    assert_eq!((exit, &again["again"], again["text"].as_str()), (0, &Value::Bool(true), Some(text.as_str())));
    let merchant = world.merchant(&mint);
    let listed = json(&world, "verifier-payments", &["verifier", "payments"]);
    assert_eq!(listed["payments"][0]["refunded"]["units"], "60");
    assert!(world.run(&["verifier", "payments"]).contains("tea (0.60 EUR paid back)"));

    let more = ask("0.41");
    let (exit, refused) = run(&id, &more);
    assert_eq!((exit, &refused["error"]["code"]), (1, &"not_refunded".into()), "{refused}");
    // Another wallet has not got the text, and pays nothing.
    let other = world.path("alice");
    let elsewhere = ["verifier", "refund", "--json", "--yes", "--wallet", other.to_str().unwrap(), "--", &id, &first];
    let (exit, refused) = json_of(&world, &elsewhere);
    assert_eq!((exit, &refused["error"]["code"]), (1, &"not_refunded".into()), "{refused}");
    let (exit, rest) = run(&id, &ask("0.40"));
    assert_eq!(exit, 0, "{rest}");
    for text in [text.as_str(), rest["text"].as_str().unwrap()] {
        alice.json("wallet-receive", &["receive", text]);
    }
    assert_eq!(alice.available(), 510);
    drop((paid, merchant));
    world.audit();
}

/// The exit code and the one JSON object of an answer or a failure.
fn json_of(world: &World, arguments: &[&str]) -> (i32, Value) {
    let output = world.output(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let exit = output.status.code().unwrap();
    (exit, read(if exit == 0 { "verifier-refund" } else { "failure" }, &text))
}
