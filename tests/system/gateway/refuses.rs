//! What no rule names is not served, whatever is said, and nothing is free by mistake.

use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::Ask;
use super::{Street, code};
use crate::fake;

#[tokio::test(flavor = "multi_thread")]
async fn what_no_rule_names_is_not_served() {
    let street = Street::new().await;
    for (ask, status, why) in [
        (Ask::get("/"), 403, "not_for_sale"),
        (Ask::get("/other"), 403, "not_for_sale"),
        (Ask::get("/orders"), 403, "not_for_sale"),
        (Ask::post("/reports/a", b""), 403, "not_for_sale"),
        (Ask::get("/reports/a").method("OPTIONS"), 403, "not_for_sale"),
        (Ask::get("/page/../reports/a"), 400, "bad_request"),
        (Ask::get("/page/..%2freports/a"), 400, "bad_request"),
        (Ask::get("/page/%2e%2e/reports/a"), 400, "bad_request"),
        (Ask::get("/reports;x/a"), 400, "bad_request"),
        (Ask::get("/page").header("host", "other.example"), 403, "not_for_sale"),
        (Ask::get("/reports/a").header("upgrade", "websocket").header("connection", "upgrade"), 400, "bad_request"),
        (Ask::get("/page").header("upgrade", "websocket").header("connection", "upgrade"), 400, "bad_request"),
    ] {
        let refused = street.ask(&ask).await;
        assert_eq!((refused.status, code(&refused).as_str()), (status, why), "{}", refused.text());
    }
    assert!(street.upstream.seen().is_empty());
    // HEAD costs what GET costs; case, doubled and closing slashes make no difference.
    for ask in
        [Ask::get("/reports/a").method("HEAD"), Ask::get("/REPORTS/a"), Ask::get("//reports//a/"), Ask::get("/reports")]
    {
        assert_eq!(street.ask(&ask).await.status, 402);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_cannot_be_read_is_none() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::get("/reports/a")).await;
    let good = paid.payment().to_owned();
    let version_one = {
        let json = data_encoding::BASE64.decode(good.as_bytes()).unwrap();
        let json = String::from_utf8(json).unwrap().replace("\"x402Version\":2", "\"x402Version\":1");
        data_encoding::BASE64.encode(json.as_bytes())
    };
    let cut = &good[..good.len() - 8];
    for bad in ["", "%", "e30=", "W10=", "bnVsbA==", cut, &version_one, &"A".repeat(40_000)] {
        let refused = street.ask(&Ask::get("/reports/a").header("payment-signature", bad)).await;
        assert_eq!(refused.status, 402, "{bad:.40}");
        assert_eq!(refused.invoice().draft().amount.units(), 5);
    }
    let twice = street.ask(&paid.clone().header("payment-signature", &good)).await;
    assert_eq!(twice.status, 402);
    assert_eq!(street.upstream.done(), 0);
    street.ask(&paid).await.assert_served("answer 1");
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_bound_is_refused_before_it_is_paid() {
    let street = Street::new().await;
    let large = vec![b'x'; (1 << 20) + 1];
    let refused = street.ask(&Ask::post("/orders", &large)).await;
    assert_eq!((refused.status, code(&refused).as_str()), (413, "body_too_large"));
    assert_eq!(street.ask(&Ask::post("/orders", &large[1..])).await.status, 402);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_nobody_says_is_no_price() {
    let mut street = Street::new().await;
    let said = std::sync::Arc::new(std::sync::Mutex::new(r#"{"price":"0.03","description":"Today's"}"#.to_owned()));
    let says = std::sync::Arc::clone(&said);
    let prices = fake::serve(move |_| Some(fake::json(says.lock().unwrap().clone())));
    let rules = format!("[[rule]]\npath = \"/reports/*\"\nprice_from = \"{prices}/price\"\nmax_price = \"0.10\"\n");
    fs::write(street.world.path("rules.toml"), rules).unwrap();
    street.kill();
    street.open();
    let demanded = street.ask(&Ask::get("/reports/a")).await;
    assert_eq!(demanded.invoice().draft().amount.units(), 3);
    assert_eq!(demanded.json("payment-required")["resource"]["description"], "Today's");
    for bad in [
        "",
        "{}",
        r#"{"price":"0"}"#,
        r#"{"price":"-1"}"#,
        r#"{"price":"0.11"}"#,
        r#"{"price":"free"}"#,
        r#"{"free":true}"#,
    ] {
        bad.clone_into(&mut said.lock().unwrap());
        let refused = street.ask(&Ask::get("/reports/a")).await;
        assert_eq!((refused.status, code(&refused).as_str()), (503, "price_unavailable"), "{bad}");
    }
    // An invoice that was signed is a price.
    r#"{"price":"0.03"}"#.clone_into(&mut said.lock().unwrap());
    let paid = street.paying(Ask::get("/reports/a")).await;
    "".clone_into(&mut said.lock().unwrap());
    street.ask(&paid).await.assert_served("answer 1");
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_are_none_stop_the_start() {
    let mut street = Street::new().await;
    street.kill();
    let folder = street.folder();
    for (rules, why) in [
        ("", "there is no rule"),
        ("[[rule]]\npath = \"/a\"\n", "rule 1: it needs one of price"),
        ("[[rule]]\npath = \"/a\"\nprice = \"0.001\"\n", "rule 1: the price is no amount"),
        ("[[rule]]\npath = \"/a\"\npreis = \"1\"\n", "unknown field"),
    ] {
        let path = street.world.path("bad.toml");
        fs::write(&path, rules).unwrap();
        let mut arguments = street.arguments(&folder);
        let at = arguments.iter().position(|part| part == "--rules").unwrap();
        arguments[at + 1] = path.to_str().unwrap().to_owned();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let refused = street.world.refused(&arguments);
        assert!(refused.contains(why), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_heads_and_slow_ones_cost_others_nothing() {
    let street = Street::new().await;
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut stream = tokio::net::TcpStream::connect(street.at()).await.unwrap();
        stream.write_all(b"GET /page HTTP/1.1\r\nhost: shop").await.unwrap();
        slow.push(stream);
    }
    let huge = street.ask(&Ask::get("/page").header("x-huge", &"a".repeat(200_000))).await;
    assert_eq!(huge.status, 431);
    assert_eq!(street.ask(&Ask::get("/page")).await.status, 200);
    let mut one = slow.remove(0);
    one.write_all(b".example\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    one.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
