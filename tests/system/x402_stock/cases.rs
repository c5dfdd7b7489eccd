//! What every server and client must do, whichever library they are built on.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use super::Town;
use super::tools::{Tool, ask, paid_by_hand, tampered};
use crate::harness::{Server, World};
use crate::schema::read;

/// The library that is meant.
pub(super) type Which = fn(&World) -> Option<Tool>;

/// How often a handler ran.
fn ran(shop: &Server, path: &str) -> u64 {
    let counts: Value = serde_json::from_str(&ask(shop, "/ran", None).body).unwrap();
    counts[path].as_u64().unwrap_or(0)
}

fn buys(town: &Town, tool: &Tool, shop: &Server, path: &str) -> Value {
    tool.buys(town, &[&format!("{}{path}", shop.url)])
}

pub(super) fn a_stock_server_sells_to_a_stock_client_and_to_the_wallet(of: Which) {
    let town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let shop = tool.shop(&town);
    for (path, content) in [("/tea", "tea"), ("/late", "late tea")] {
        let bought = buys(&town, &tool, &shop, path);
        assert_eq!((&bought["status"], &bought["body"]), (&json!(200), &json!(content)), "{bought}");
        let settled = &bought["settled"];
        assert_eq!(
            (&settled["success"], &settled["amount"], &settled["payer"]),
            (&json!(true), &json!("5"), &json!("anonymous"))
        );
        assert!(settled["extra"]["receipt"].is_string());
        // The wallet is not told. It finds out.
        let operation = town.handed();
        assert_eq!(town.later(&operation), "paid");
    }
    for (path, content) in [("/tea", "tea"), ("/late", "late tea")] {
        let url = format!("{}{path}", shop.url);
        let bought = town.wallet().json("wallet-get", &["get", &url, "--max-amount", "0.05"]);
        assert_eq!((&bought["payment"], &bought["body"]), (&json!("paid"), &json!(content)));
        assert!(bought["receipt"].as_str().unwrap().starts_with("farthingreceipt1"), "{bought}");
    }
    assert_eq!((town.payments(), town.wallet().available()), (4, 490));
    assert_eq!((ran(&shop, "/tea"), ran(&shop, "/late")), (2, 2));
    town.world.audit();
}

pub(super) fn the_examples_work_as_they_stand(of: Which) {
    let town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let (server, client) = tool.examples();
    let shop = tool.serve(&town, &server);
    let output = tool.run(&town.world, &[&client, &shop.url]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "here is your tea\n");
    assert!(output.status.success());
    assert_eq!(town.payments(), 1);
}

pub(super) fn one_payment_is_served_once(of: Which) {
    let town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let shop = tool.shop(&town);
    for path in ["/tea", "/late"] {
        let bought = buys(&town, &tool, &shop, path);
        let sent = bought["sent"].as_str().unwrap();
        let replayed = ask(&shop, path, Some(sent));
        assert_eq!((replayed.status, replayed.body.as_str()), (402, "{}"));
        // What comes twice at once, too.
        let (_, sent) = paid_by_hand(&town, &shop, path);
        let served = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..6).map(|_| scope.spawn(|| ask(&shop, path, Some(&sent)).status)).collect();
            asking.into_iter().map(|one| one.join().unwrap()).filter(|status| *status == 200).count()
        });
        assert_eq!(served, 1);
    }
    // Paid first, served then: nobody made the handler work for nothing.
    assert_eq!(ran(&shop, "/tea"), 2);
    assert_eq!(town.payments(), 4);
}

pub(super) fn a_payer_who_says_something_else_gets_nothing(of: Which) {
    let town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let shop = tool.shop(&town);
    let (operation, sent) = paid_by_hand(&town, &shop, "/tea");
    let other = Value::from("farthing:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let dear = tampered(&sent, |json| json["accepted"]["amount"] = "200".into());
    let cases = [
        // The stock server asks nobody about the amount of whoever claims version 1.
        ("/tea", tampered(&sent, |json| json["x402Version"] = 1.into())),
        ("/dear", tampered(&sent, |json| json["x402Version"] = 1.into())),
        ("/tea", tampered(&sent, |json| json["x402Version"] = 3.into())),
        ("/tea", tampered(&sent, |json| json["accepted"]["amount"] = "1".into())),
        ("/tea", tampered(&sent, |json| json["accepted"]["network"] = other)),
        ("/tea", tampered(&sent, |json| json["payload"] = json!({}))),
        ("/tea", tampered(&sent, |json| json["payload"]["payment"] = "AQ".into())),
        // A dear thing for the price of a cheap one.
        ("/dear", sent.clone()),
        ("/dear", dear),
        // What was made for one flow fits another only if its payer says so.
        ("/late", sent.clone()),
    ];
    for (path, header) in cases {
        let refused = ask(&shop, path, Some(&header));
        assert_eq!((refused.status, refused.body.as_str()), (402, "{}"), "{path} {refused:?}");
        assert!(refused.settled.is_none_or(|settled| settled["success"] == json!(false)));
    }
    assert_eq!((town.payments(), ran(&shop, "/tea"), ran(&shop, "/dear")), (0, 0, 0));
    // Nothing of it cost anything: it still buys what it was made for.
    assert_eq!(ask(&shop, "/tea", Some(&sent)).status, 200);
    assert_eq!(town.later(&operation), "paid");
}

pub(super) fn a_handler_that_fails_costs_what_its_flow_says(of: Which) {
    let town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let shop = tool.shop(&town);
    // Settled after the handler: never asked for. The payment stays spendable until its time has passed, and its value comes back.
    let bought = buys(&town, &tool, &shop, "/late-fails");
    assert_eq!((&bought["status"], &bought["settled"]), (&json!(500), &Value::Null));
    assert_eq!(town.payments(), 0);
    let operation = town.handed();
    assert_eq!(town.later(&operation), "taken_back");
    assert_eq!(town.wallet().available(), 510);
    // The wallet keeps it for the same request, until somebody gives it up.
    let url = format!("{}/late-fails", shop.url);
    let open = town.wallet().json_with(3, "wallet-get", &["get", &url, "--max-amount", "0.05"]);
    assert_eq!(open["payment"], "open");
    let number = open["operation"].to_string();
    let given_up = town.wallet().json("wallet-give-up", &["give-up", &number, "--yes"]);
    assert_eq!(given_up["outcome"], "taken_back");
    // Settled before the handler: gone, and both say so.
    let bought = buys(&town, &tool, &shop, "/fails");
    assert_eq!((&bought["status"], &bought["settled"]["success"]), (&json!(500), &json!(true)));
    let url = format!("{}/fails", shop.url);
    let spent = town.wallet().json_with(1, "wallet-get", &["get", &url, "--max-amount", "0.05"]);
    assert_eq!((&spent["payment"], &spent["status"]), (&json!("paid"), &json!(500)));
    assert_eq!(town.payments(), 2);
}

pub(super) fn a_server_that_settles_another_amount_is_paid_nothing(of: Which) {
    let town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let shop = tool.shop(&town);
    let url = format!("{}/cheaper", shop.url);
    let refused = town.wallet().json_with(1, "wallet-get", &["get", &url, "--max-amount", "0.05"]);
    assert_eq!((&refused["payment"], &refused["status"]), (&json!("taken_back"), &json!(402)));
    assert_eq!(refused["reason"], "The payment is not for exactly this amount.");
    assert_eq!((ran(&shop, "/cheaper"), town.payments(), town.wallet().available()), (1, 0, 510));
}

pub(super) fn without_the_verifier_nothing_is_sold_and_nothing_lost(of: Which) {
    let mut town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let shop = tool.shop(&town);
    // It asks what is settled when it meets the first request.
    assert_eq!(ask(&shop, "/tea", None).status, 402);
    town.verifier.take().unwrap().kill();
    let bought = buys(&town, &tool, &shop, "/tea");
    assert_eq!((&bought["status"], &bought["settled"]["success"]), (&json!(402), &json!(false)), "{bought}");
    let operation = town.handed();
    assert_eq!(town.later(&operation), "taken_back");
    for path in ["/tea", "/late"] {
        let url = format!("{}{path}", shop.url);
        let refused = town.wallet().json_with(1, "wallet-get", &["get", &url, "--max-amount", "0.05"]);
        assert_eq!((&refused["payment"], &refused["status"]), (&json!("taken_back"), &json!(402)));
    }
    assert_eq!((ran(&shop, "/tea"), ran(&shop, "/late"), town.wallet().available()), (0, 0, 510));
    town.world.audit();
}

pub(super) fn without_the_mint_nothing_is_taken_and_the_wallet_learns_it_later(of: Which) {
    let mut town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let shop = tool.shop(&town);
    let url = format!("{}/tea", shop.url);
    town.mint.take().unwrap().kill();
    let mut get = town.world.farthing(&["wallet", "get", &url, "--max-amount", "0.05", "--json"]);
    let output = get.env("FARTHING_LOG", "error").output().unwrap();
    let refused = read("wallet-get", std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!((&refused["payment"], &refused["status"]), (&json!("refused"), &json!(402)));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(refused["reason"], "The payment could not be judged at the moment, and was not accepted.");
    assert_eq!(ran(&shop, "/tea"), 0);
    town.reopen_mint();
    let resumed = town.wallet().json("wallet-resume", &["resume"]);
    assert_eq!(resumed["resumed"][0]["outcome"], "taken_back");
    assert_eq!(town.wallet().json("wallet-get", &["get", &url, "--max-amount", "0.05"])["payment"], "paid");
    assert_eq!((town.payments(), town.wallet().available()), (1, 505));
    town.world.audit();
}

pub(super) fn a_client_pays_no_more_than_it_may(of: Which) {
    let town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    let shop = tool.shop(&town);
    // The library's own limit, and the wallet's.
    let dear = buys(&town, &tool, &shop, "/dear");
    assert!(
        dear["error"].as_str().unwrap().contains("max_amount_per_payment")
            || dear["error"].as_str().unwrap().contains("maxAmountPerPayment"),
        "{dear}"
    );
    let url = format!("{}/tea", shop.url);
    let refused = tool.buys(&town, &[&url, "0.04"]);
    assert!(refused["error"].as_str().unwrap().contains("price_not_allowed"), "{refused}");
    assert_eq!((&refused["sent"], town.wallet().available()), (&Value::Null, 510));
}

/// Answers every request with a report, for as long as the test runs.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _head = stream.read(&mut head);
            let answer =
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nreport";
            let _closed = stream.write_all(answer.as_bytes());
        }
    });
    url
}

pub(super) fn a_stock_client_pays_the_gateway(of: Which) {
    let mut town = Town::new();
    let Some(tool) = of(&town.world) else { return };
    town.verifier.take().unwrap().kill();
    let rules = town.world.path("rules.toml");
    std::fs::write(&rules, "[[rule]]\npath = \"/reports/**\"\nmethods = [\"GET\"]\nprice = \"0.05\"\n").unwrap();
    let gateway = town.world.serve(&[
        "verifier",
        "gateway",
        "--upstream",
        &upstream(),
        "--rules",
        rules.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--pay-listen",
        "127.0.0.1:0",
    ]);
    let bought = tool.buys(&town, &[&format!("{}/reports/1", gateway.url.trim_end_matches('/'))]);
    assert_eq!((&bought["status"], &bought["body"]), (&json!(200), &json!("report")), "{bought}");
    assert_eq!(bought["settled"]["success"], json!(true));
    // An invoice may live long: the wallet asks now what became of it.
    let number = town.handed().to_string();
    assert_eq!(town.wallet().json("wallet-give-up", &["give-up", &number, "--yes"])["outcome"], "paid");
    assert_eq!((town.payments(), town.wallet().available()), (1, 505));
}
