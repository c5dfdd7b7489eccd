//! What is counted, and what says that all is well.

use farthing_http::client::{BaseUrl, CallError};
use farthing_http::problem::Code;
use farthing_protocol::api::PayRequest;
use farthing_protocol::payment::Payment;
use farthing_protocol::request::Invoice;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::home::HomeOptions;
use farthing_verifier::metrics::METRICS;
use farthing_verifier::service::{HEALTH, Health, READY, Ready};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{NOW, pay, request};
use crate::double::Mood;
use crate::service::Shop;

/// The head and the figures, as Prometheus gets them.
async fn scrape(shop: &Shop) -> (String, String) {
    let mut stream = TcpStream::connect(shop.verifier().metrics.unwrap()).await.unwrap();
    let head = format!("GET {METRICS} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

async fn figure(shop: &Shop, name: &str) -> Option<String> {
    let (_, body) = scrape(shop).await;
    body.lines().find_map(|line| line.strip_prefix(&format!("farthing_verifier_{name} ")).map(str::to_owned))
}

async fn expect(shop: &Shop, name: &str, value: Option<&str>) {
    assert_eq!(figure(shop, name).await.as_deref(), value, "{name}");
}

async fn open() -> Shop {
    let metrics = Some("127.0.0.1:0".parse().unwrap());
    Shop::with(TestMint::new(NOW), &HomeOptions { metrics, ..HomeOptions::default() }).await
}

/// A payment of the same coins as another one.
fn twice(shop: &Shop, first: &Invoice, second: &Invoice) -> [Payment; 2] {
    let coins = shop.mint().coins(first.draft().amount);
    let coins: Vec<_> = coins.iter().collect();
    [first, second].map(|invoice| shop.mint().pay(&coins, invoice.draft().payee, invoice.hash(), None))
}

#[tokio::test]
async fn payments_are_counted_by_what_became_of_them() {
    let shop = open().await;
    expect(&shop, "payments_accepted_total{door=\"direct\"}", None).await;
    let (first, second) = (shop.invoice(3).await, shop.invoice(3).await);
    let [paid, again] = twice(&shop, &first, &second);
    shop.pay(&paid, &first).await.unwrap();
    // The same once more is no other payment.
    shop.pay(&paid, &first).await.unwrap();
    expect(&shop, "payments_accepted_total{door=\"direct\"}", Some("1")).await;
    expect(&shop, "payment_seconds_count{outcome=\"accepted\"}", Some("2")).await;
    shop.refuses(&again, &second, Code::DoubleSpend).await;
    shop.refuses(&pay(shop.mint(), &second), &first, Code::WrongRequest).await;
    expect(&shop, "double_spends_total", Some("1")).await;
    expect(&shop, "payments_refused_total{code=\"double_spend\"}", Some("1")).await;
    shop.mint.mood(Mood::LosesTheAnswer);
    let open = shop.invoice(2).await;
    shop.refuses(&pay(shop.mint(), &open), &open, Code::Unavailable).await;
    expect(&shop, "outcomes_unknown_total", Some("1")).await;
    shop.mint.mood(Mood::Deaf);
    assert_eq!(shop.verifier().merchant.resume().await.unwrap(), 1);
    expect(&shop, "payments_open", Some("1")).await;
    shop.mint.mood(Mood::Honest);
    assert_eq!(shop.verifier().merchant.resume().await.unwrap(), 0);
    expect(&shop, "payments_open", Some("0")).await;
    expect(&shop, "payments_accepted_total{door=\"direct\"}", Some("2")).await;

    let (head, body) = scrape(&shop).await;
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.ends_with("# EOF\n"));
    for private in [paid.id().to_text(), shop.verifier().merchant.payee().to_string(), "3 units".to_owned()] {
        assert!(!body.contains(&private));
    }
}

#[tokio::test]
async fn it_is_ready_while_it_knows_the_mint_and_healthy_also_when_not() {
    let shop = open().await;
    let get = async |path: &str| -> Result<bool, CallError> {
        let answers = path == READY;
        let url = shop.verifier().public_url.join(path).unwrap();
        if answers {
            shop.http.get_json(&url).await.map(|answer: Ready| answer.ready)
        } else {
            shop.http.get_json(&url).await.map(|answer: Health| answer.ok)
        }
    };
    assert_eq!((get(READY).await, get(HEALTH).await), (Ok(true), Ok(true)));
    expect(&shop, "mint_list_current", Some("1")).await;
    expect(&shop, "records_writable", Some("1")).await;
    let age: i64 = figure(&shop, "mint_list_age_seconds").await.unwrap().parse().unwrap();
    shop.mint.mood(Mood::Deaf);
    shop.at(1_000_000);
    let problem = get(READY).await.unwrap_err();
    let problem = problem.problem().unwrap();
    assert_eq!(problem.known(), Some(Code::Unavailable));
    assert_eq!(get(HEALTH).await, Ok(true));
    expect(&shop, "mint_list_current", Some("0")).await;
    expect(&shop, "mint_list_age_seconds", Some(&(age + 1_000_000).to_string())).await;
    // The figures' own address says the same, and takes no payments.
    let base = BaseUrl::parse(&format!("http://{}", shop.verifier().metrics.unwrap())).unwrap();
    assert!(shop.http.get_json::<Ready>(&base.join(READY).unwrap()).await.is_err());
    assert!(shop.http.get_json::<Health>(&base.join(HEALTH).unwrap()).await.is_ok());
    let invoice = Invoice::clone(&crate::common::invoice(&crate::common::keypair(), shop.mint(), 1));
    let body = PayRequest { payment: pay(shop.mint(), &invoice), request: request(&invoice) };
    let answer = shop.http.post_json::<_, Health>(&base.join("/v1/pay").unwrap(), &body).await;
    assert_eq!(answer.unwrap_err().problem().unwrap().known(), Some(Code::NotFound));
}
