//! More than can be served, and people who only want to be in the way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use farthing_http::client::{Answer, BaseUrl, HttpClient};
use farthing_protocol::api::{PayAnswer, PayRequest, verifier_path};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{Server, World};
use crate::raw::RawWallet;

/// How many payments a verifier works on at once.
const AT_ONCE: usize = 256;

/// Most memory that a verifier may ever have needed, in KiB: whatever is thrown at it. Its store's cache is 64 MiB of this.
const MEMORY: u64 = 512 << 10;

/// Eight tokens in each withdrawal, a payment of each.
const WITHDRAWALS: usize = 60;
const DIGITS: usize = 8;

/// A mint, a merchant, and payments for him that were not sent yet.
struct Shop {
    world: World,
    mint: Server,
    merchant: Server,
    client: HttpClient,
    orders: Vec<Order>,
}

#[derive(Clone)]
struct Order {
    id: PaymentId,
    units: u64,
    body: Vec<u8>,
}

/// What became of sending an order once.
enum Sent {
    Paid,
    TurnedAway,
}

impl Shop {
    async fn open(withdrawals: usize) -> Self {
        let world = World::new();
        let mint = world.mint();
        let merchant = world.merchant(&mint);
        let mut wallet = RawWallet::new(&mint.url).await;
        wallet.fund(&world, 100_000);
        let invoices: Vec<Invoice> = (0..DIGITS)
            .map(|digit| format!("{}.{:02}", (1 << digit) / 100, (1 << digit) % 100))
            .map(|price| Invoice::from_text(&world.run(&["verifier", "request", &price, "--reusable"])).unwrap())
            .collect();
        let mut orders = Vec::new();
        for _ in 0..withdrawals {
            let tokens = wallet.withdraw((1 << DIGITS) - 1).await;
            for (token, invoice) in tokens.iter().zip(&invoices) {
                let request: PayRequest = wallet.answer(std::slice::from_ref(token), invoice);
                let (id, units) = (request.payment.id(), request.payment.amount().units());
                orders.push(Order { id, units, body: serde_json::to_vec(&request).unwrap() });
            }
        }
        let client = HttpClient::builder().build().unwrap();
        Self { world, mint, merchant, client, orders }
    }

    /// Everybody at once, each on a connection of his own.
    fn send_all(&self, orders: impl IntoIterator<Item = Order>, counters: &Arc<Counters>) -> JoinSet<(Order, Sent)> {
        let mut sending = JoinSet::new();
        for order in orders {
            let (client, url, counters) = (self.client.clone(), self.merchant.url.clone(), Arc::clone(counters));
            sending.spawn(async move {
                let sent = send(&client, &url, &order).await;
                match sent {
                    Sent::Paid => counters.paid.fetch_add(1, Ordering::SeqCst),
                    Sent::TurnedAway => counters.turned_away.fetch_add(1, Ordering::SeqCst),
                };
                (order, sent)
            });
        }
        sending
    }

    /// What the merchant and the mint have counted.
    fn settle(&self, paid: &[Order]) {
        let total: u64 = paid.iter().map(|order| order.units).sum();
        assert_eq!(paid.iter().map(|order| order.id.to_text()).collect::<BTreeSet<_>>().len(), paid.len());
        let books = self.world.run(&["mint", "audit"]);
        assert!(books.contains("balanced"), "{books}");
        let redeemed = books.lines().find(|line| line.trim_start().starts_with("tokens redeemed")).unwrap();
        assert!(redeemed.contains(&format!("{}.{:02}", total / 100, total % 100)), "{total}: {books}");
    }
}

#[derive(Default)]
struct Counters {
    paid: AtomicUsize,
    turned_away: AtomicUsize,
}

/// Sends an order. It is paid, with the right receipt, or was not begun, and nothing else.
async fn send(client: &HttpClient, verifier: &str, order: &Order) -> Sent {
    let answer = post(client, verifier, &order.body).await;
    if answer.status() == 200 {
        let PayAnswer { receipt } = answer.into_json().unwrap();
        receipt.verify().unwrap();
        assert_eq!((receipt.draft().payment, receipt.draft().amount.units()), (order.id, order.units));
        return Sent::Paid;
    }
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
    let problem: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(problem["code"], "overloaded");
    Sent::TurnedAway
}

async fn post(client: &HttpClient, verifier: &str, body: &[u8]) -> Answer {
    let url = BaseUrl::parse(verifier).unwrap().join(verifier_path::PAY).unwrap();
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    client.request(Method::POST, &url, headers, body.to_vec()).await.unwrap()
}

/// The most memory that a process has had so far, in KiB.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_turned_away_and_everything_else_is_paid_once() {
    let shop = Shop::open(WITHDRAWALS).await;
    let count = shop.orders.len();
    assert!(count > AT_ONCE);
    // The mint stands still: as many payments as there are places wait for it, and no more.
    shop.mint.signal("STOP");
    let counters = Arc::new(Counters::default());
    let mut sending = shop.send_all(shop.orders.clone(), &counters);
    let mut sent = Vec::new();
    while counters.turned_away.load(Ordering::SeqCst) < count - AT_ONCE {
        // If one of them fails, nobody waits for it.
        sent.extend(sending.try_join_next().map(Result::unwrap));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // And many times as many again.
    for _ in 0..9 {
        // Not all of them: a place is held for half a minute at most.
        let some = shop.orders.iter().take(count - AT_ONCE).cloned();
        let again = shop.send_all(some, &Arc::default()).join_all().await;
        assert!(again.iter().all(|(_, sent)| matches!(sent, Sent::TurnedAway)));
    }
    assert_eq!(counters.paid.load(Ordering::SeqCst), 0);
    assert_eq!(counters.turned_away.load(Ordering::SeqCst), count - AT_ONCE);

    shop.mint.signal("CONT");
    let mut left = Vec::new();
    let mut paid = Vec::new();
    sent.extend(sending.join_all().await);
    for sent in sent {
        match sent {
            (order, Sent::Paid) => paid.push(order),
            (order, Sent::TurnedAway) => left.push(order),
        }
    }
    assert_eq!(paid.len(), AT_ONCE, "whoever had a place was served");
    shop.settle(&paid);
    // It recovers at once, and those who were turned away lost nothing.
    for order in left {
        assert!(matches!(send(&shop.client, &shop.merchant.url, &order).await, Sent::Paid));
    }
    shop.settle(&shop.orders);
    assert!(peak(&shop.merchant) < MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_flood_everybody_who_comes_again_is_served() {
    let shop = Shop::open(WITHDRAWALS / 2).await;
    let (own, others) = shop.orders.split_at(shop.orders.len() / 2);
    // More than there are places come again as soon as they are answered: with what is paid already, and answered so.
    for order in others {
        assert!(matches!(send(&shop.client, &shop.merchant.url, order).await, Sent::Paid));
    }
    let ended = Arc::new(AtomicBool::new(false));
    let mut flood = JoinSet::new();
    for place in 0..3 * AT_ONCE {
        let (client, url, ended) = (shop.client.clone(), shop.merchant.url.clone(), Arc::clone(&ended));
        let order = others[place % others.len()].clone();
        flood.spawn(async move {
            let mut turned_away = 0_usize;
            while !ended.load(Ordering::SeqCst) {
                turned_away += usize::from(matches!(send(&client, &url, &order).await, Sent::TurnedAway));
            }
            turned_away
        });
    }
    let mut paying = JoinSet::new();
    for order in own {
        let (client, url, order) = (shop.client.clone(), shop.merchant.url.clone(), order.clone());
        paying.spawn(async move { while !matches!(send(&client, &url, &order).await, Sent::Paid) {} });
    }
    paying.join_all().await;
    ended.store(true, Ordering::SeqCst);
    let turned_away: usize = flood.join_all().await.into_iter().sum();
    assert!(turned_away > 0);
    shop.settle(&shop.orders);
    assert!(peak(&shop.merchant) < MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_heads_and_bodies_keep_nobody_out() {
    let shop = Shop::open(1).await;
    let address = shop.merchant.address();
    // More than there are places for connections, and for bodies.
    let mut silent = Vec::new();
    for place in 0..1_500 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let begun: &[u8] = match place % 3 {
            0 => b"",
            1 => b"POST /v1/pay HTTP/1.1\r\nHost: shop\r\nX-Slow: ",
            _ => {
                b"POST /v1/pay HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{"
            }
        };
        stream.write_all(begun).await.unwrap();
        silent.push(stream);
    }
    for order in &shop.orders {
        assert!(matches!(send(&shop.client, &shop.merchant.url, order).await, Sent::Paid));
    }
    shop.settle(&shop.orders);
    assert!(peak(&shop.merchant) < MEMORY);
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_an_end_is_refused() {
    let shop = Shop::open(1).await;
    for head in [
        format!("GET /v1/payee HTTP/1.1\r\nHost: shop\r\nX-Large: {}\r\n\r\n", "x".repeat(1 << 20)),
        format!("GET /{} HTTP/1.1\r\nHost: shop\r\n\r\n", "x".repeat(1 << 20)),
        format!("GET /v1/payee HTTP/1.1\r\nHost: shop\r\n{}\r\n", "X-Many: x\r\n".repeat(100_000)),
    ] {
        let stream = TcpStream::connect(shop.merchant.address()).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let sending = tokio::spawn(async move { writer.write_all(head.as_bytes()).await.is_ok() });
        let mut answer = Vec::new();
        // Refused with its own status, or cut off.
        let ended = reader.read_to_end(&mut answer).await;
        let refused = [&b"HTTP/1.1 431"[..], b"HTTP/1.1 414"].iter().any(|status| answer.starts_with(status));
        assert!(refused || (answer.is_empty() && ended.is_err()), "{}", String::from_utf8_lossy(&answer));
        sending.await.unwrap();
    }
    for order in &shop.orders {
        assert!(matches!(send(&shop.client, &shop.merchant.url, order).await, Sent::Paid));
    }
    assert!(peak(&shop.merchant) < MEMORY);
}
