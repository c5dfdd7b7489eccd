//! What is sold, to whom, and what neither side sees.

use farthing_protocol::codec::Wire;
use farthing_protocol::receipt::Receipt;
use serde_json::json;

use super::client::Ask;
use super::{Street, code};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_paid_for_and_served_and_made_again_it_is_not_charged_again() {
    let mut street = Street::new().await;
    let ask = Ask::get("/reports/a?year=2026");
    let demanded = street.ask(&ask).await;
    assert_eq!((demanded.status, demanded.text().as_str()), (402, "{}"));
    assert_eq!(demanded.header("cache-control"), Some("no-store"));
    let demand = demanded.json("payment-required");
    assert_eq!(demand["resource"]["url"], "http://shop.example/reports/a?year=2026");
    assert_eq!(demand["resource"]["description"], "One report");
    let entry = &demand["accepts"][0];
    assert_eq!((&entry["scheme"], &entry["amount"], &entry["asset"]), (&json!("exact"), &json!("5"), &json!("EUR")));
    assert_eq!(entry["network"], street.wallet.mint.network());
    assert_eq!(demand["accepts"].as_array().unwrap().len(), 1);
    let invoice = demanded.invoice();
    invoice.verify().unwrap();
    assert_eq!(invoice.draft().endpoint, None);
    assert!(street.upstream.seen().is_empty());

    let paid = street.paying(ask).await;
    let served = street.ask(&paid).await;
    served.assert_served("answer 1");
    assert_eq!(served.header("cache-control"), Some("private"));
    assert_eq!((served.header("settlement-overrides"), served.header("x-number")), (None, Some("1")));
    let receipt: Receipt = serde_json::from_value(served.json("payment-response")["receipt"].clone()).unwrap();
    receipt.verify().unwrap();
    assert_eq!(receipt.draft().amount.units(), 5);
    for number in [2, 3] {
        let again = street.ask(&paid).await;
        again.assert_served(&format!("answer {number}"));
        let same: Receipt = serde_json::from_value(again.json("payment-response")["receipt"].clone()).unwrap();
        assert_eq!(same.to_bytes(), receipt.to_bytes());
    }
    let fourth = street.ask(&paid).await;
    assert_eq!((fourth.status, code(&fourth).as_str()), (410, "payment_used"));
    assert_eq!(fourth.json("payment-response")["success"], true, "it was paid");
    assert_eq!(street.upstream.done(), 3);
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_behind_sees_the_request_and_no_payment() {
    let mut street = Street::new().await;
    let ask = Ask::get("/reports//A%20b/?x=%2F").header("x-mine", "1").header("farthing-payment", "forged");
    let ask = ask.header("x-forwarded-for", "10.0.0.1").header("te", "x-hop").header("x-hop", "1");
    let ask =
        ask.header("x-original-url", "/orders").header("x-forwarded-uri", "/orders").hop("x-hop, farthing-payment");
    let paid = street.paying(ask).await;
    street.ask(&paid).await.assert_served("answer 1");
    let (method, uri, headers, _) = street.upstream.seen().remove(0);
    assert_eq!((method.as_str(), uri.to_string().as_str()), ("GET", "/reports//A%20b/?x=%2F"));
    assert_eq!(headers["x-mine"], "1");
    assert_eq!(headers["x-forwarded-host"], "shop.example");
    assert_eq!(headers["farthing-payment"].len(), 43);
    for name in ["payment-signature", "x-forwarded-for", "x-hop", "connection", "x-original-url", "x-forwarded-uri"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    // What is free is let through, without what looks like a payment.
    let free = street.ask(&Ask::get("/page").header("payment-signature", "x").header("payment-other", "x")).await;
    assert_eq!((free.status, free.text().as_str(), free.header("payment-response")), (200, "answer 2", None));
    let (_, _, headers, _) = street.upstream.seen().remove(1);
    assert!(headers.keys().all(|name| !name.as_str().starts_with("payment-")));
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_for_one_method_url_and_body() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::post("/orders", b"one tea")).await;
    for other in [
        paid.clone().elsewhere("/orders?twice"),
        paid.clone().elsewhere("/orders/"),
        Ask::post("/orders", b"two teas").header("payment-signature", paid.payment()),
        Ask::get("/reports/a").header("payment-signature", paid.payment()),
    ] {
        let refused = street.ask(&other).await;
        assert_eq!(refused.status, 402);
        assert_eq!(refused.json("payment-required")["error"], "The payment does not match the payment request.");
    }
    assert_eq!(street.upstream.done(), 0);
    // It is given in with the request, and not for a receipt alone.
    let (wallet, paid_alone) = (&street.wallet, paid.pay_request());
    let pay = street.pay_url.clone();
    let refused = wallet.pay(&pay, &paid_alone).await.unwrap_err();
    assert_eq!(refused.problem().unwrap().known(), Some(farthing_http::problem::Code::WrongRequest));
    street.ask(&paid).await.assert_served("answer 1");
    // Once it was accepted, it is told that it bought something else.
    let bought = street.ask(&Ask::get("/reports/a").header("payment-signature", paid.payment())).await;
    assert_eq!(bought.status, 402);
    assert_eq!(street.upstream.done(), 1);
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_pays_a_gateway_at_its_own_address() {
    let mut street = Street::new().await;
    street.gateway = None;
    let arguments = street.arguments(&street.folder());
    let origin = arguments.iter().position(|part| part == "--origin").unwrap();
    let arguments: Vec<&str> = arguments
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != origin && *i != origin + 1)
        .map(|(_, part)| part.as_str())
        .chain(["--pay-listen", "127.0.0.1:0"])
        .collect();
    let gateway = street.world.serve(&arguments);
    let alice = crate::purse::Purse::filled(&street.world, "alice", street.mint.as_ref().unwrap());
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/reports/a", gateway.port());
        let answer = alice.json("wallet-get", &["get", &url, "--max-amount", "0.05"]);
        assert_eq!(answer["status"], 200, "{answer}");
    }
    let refused =
        alice.fails(1, "price_not_allowed", &["get", &format!("{}/reports/a", gateway.url), "--max-amount", "0.04"]);
    assert!(refused.contains("0.05"), "{refused}");
    assert_eq!(alice.available(), 500);
    assert_eq!(street.upstream.done(), 2);
    street.assert_paid(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_shown_a_page() {
    let street = Street::new().await;
    let page = street.ask(&Ask::get("/reports/a?it's&more").header("accept", "text/html,*/*")).await;
    assert_eq!(page.status, 402);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.text().contains("This costs 0.05 EUR") && page.text().contains("<svg"), "{}", page.text());
    assert!(page.text().contains("get 'http://shop.example/reports/a?it%27s&amp;more'"), "{}", page.text());
    assert_eq!(page.invoice().draft().amount.units(), 5);
}
