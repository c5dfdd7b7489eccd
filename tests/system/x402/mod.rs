//! A wallet that pays for what it fetches, a shop that verifies and clears, a mint as a process.

pub(crate) mod shop;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use farthing_http::client::{BaseUrl, HttpClient};
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{AccountAnswer, AccountQuery, AccountRequest, mint_path};
use farthing_protocol::identity::{Keypair, MintId};
use farthing_wallet::{
    GetError, GetLimits, GetOutcome, HttpPayment, HttpRequest, Options, Price, Protection, Wallet, WithdrawWhat,
    WordCount, Words, account_text,
};
use serde_json::json;

use self::shop::{CONTENT, Mode, Setup, Shop};
use crate::harness::{Server, World};
use crate::raw::{amount, now};

struct Town {
    world: World,
    mint: Option<Server>,
    mint_port: u16,
    id: MintId,
    wallet: Wallet,
    /// How far the wallet's clock is ahead.
    ahead: Arc<AtomicU64>,
    setup: Setup,
}

const PRICE: u64 = 37;

impl Town {
    /// A wallet with 10.00 EUR in tokens, of which some are exactly the price.
    async fn new() -> Self {
        let world = World::new();
        let mint = world.mint();
        let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
        let ahead = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&ahead);
        let options = Options::new()
            .clock(move || now().plus(clock.load(Ordering::SeqCst)))
            .attempts(2, Duration::from_millis(10));
        let wallet = Wallet::create(&world.path("purse"), &words, Protection::NoPassphrase, options).await.unwrap();
        let view = wallet.add_mint(&mint.url).await.unwrap();
        wallet.pin_mint(&view.id).await.unwrap();
        world.run(&["mint", "credit", &account_text(&wallet.account(&view.id)), "20.00"]);
        for units in [1000 - PRICE, PRICE] {
            wallet.withdraw(&view.id, &eur(), WithdrawWhat::Amount(amount(units))).await.unwrap();
        }
        std::fs::create_dir(world.path("shop")).unwrap();
        let setup = Setup {
            folder: world.path("shop"),
            secret: rand::random(),
            mint: view.id,
            mint_url: mint.url.clone(),
            price: PRICE,
            patience: Duration::from_secs(40),
        };
        let mint_port = mint.port();
        Self { world, mint: Some(mint), mint_port, id: view.id, wallet, ahead, setup }
    }

    fn open(&self, mode: Mode) -> Shop {
        Shop::open(&self.setup, 0, mode)
    }

    async fn get(&self, shop: &Shop) -> Result<GetOutcome, GetError> {
        self.wallet.get(HttpRequest::new("GET", &shop.url()).unwrap(), &limits()).await
    }

    /// What the shop's account at the mint holds.
    async fn earned(&self) -> u64 {
        let key = Keypair::from_secret(&self.setup.secret);
        let query = AccountQuery::sign(&key, self.id, now());
        let url = BaseUrl::parse(&self.setup.mint_url).unwrap().join(mint_path::ACCOUNT).unwrap();
        let client = HttpClient::builder().build().unwrap();
        let answer: Result<AccountAnswer, _> = client.post_json(&url, &AccountRequest { query }).await;
        answer.map_or(0, |answer| answer.balances.first().map_or(0, |balance| balance.balance.units()))
    }

    /// So many purchases were paid for, no value is missing, and nothing is under way.
    async fn assert_bought(&self, times: u64) {
        assert_eq!(self.wallet.operations().await.unwrap(), []);
        let balance = self.wallet.balance().await.unwrap().remove(0);
        assert_eq!((balance.available.units(), balance.reserved.units()), (1000 - times * PRICE, 0));
        assert_eq!(self.earned().await, times * PRICE);
        self.world.audit();
    }

    /// Goes on past the time of every payment that was made.
    async fn settle(&self) {
        self.ahead.store(200, Ordering::SeqCst);
        let resumed = self.wallet.resume().await.unwrap();
        self.ahead.store(0, Ordering::SeqCst);
        assert!(resumed.iter().all(|one| one.result.is_ok()), "{resumed:?}");
    }
}

fn eur() -> Unit {
    Unit::new("EUR", 2).unwrap()
}

fn limits() -> GetLimits {
    GetLimits { max_amount: Some(Price { amount: amount(50), unit: eur() }), ..GetLimits::default() }
}

fn is_paid(outcome: &GetOutcome) -> bool {
    matches!(&outcome.payment, HttpPayment::Paid { paid, settlement: Some(_) } if paid.receipt.is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_pays_for_what_it_fetches() {
    let town = Town::new().await;
    let shop = town.open(Mode::Honest);
    let outcome = town.get(&shop).await.unwrap();
    assert_eq!((outcome.answer.status().as_u16(), &outcome.answer.body()[..]), (200, &CONTENT[..]));
    assert!(is_paid(&outcome), "{outcome:?}");
    // With headers and a body, the same both times.
    let order = HttpRequest::new("POST", &shop.url()).unwrap().header("x-order", b"17").unwrap().body(CONTENT);
    assert!(is_paid(&town.wallet.get(order, &limits()).await.unwrap()));
    for (method, uri, headers, body) in &shop.seen()[2..] {
        assert_eq!((method.as_str(), uri.to_string().as_str()), ("POST", "/report?year=2026"));
        assert_eq!((headers["x-order"].as_bytes(), &body[..]), (b"17".as_slice(), &CONTENT[..]));
    }
    // Ways of paying of other networks and mints are passed over.
    let mut stranger = shop.entry();
    stranger["network"] = json!(MintId::from_bytes([5; 32]).network());
    let mut foreign = shop.entry();
    foreign["network"] = json!("eip155:8453");
    shop.prefer(vec![foreign, stranger]);
    assert!(is_paid(&town.get(&shop).await.unwrap()));
    assert_eq!((shop.payments().len(), shop.served()), (3, 3));
    town.assert_bought(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_dies_between_settling_and_answering_serves_the_same_payment_once() {
    let town = Town::new().await;
    let mut shop = town.open(Mode::StopAfterSettling);
    let url = shop.url();
    let port = shop.address.port();
    let wallet = town.wallet.clone();
    let asked = url.clone();
    let fetching = tokio::spawn(async move { wallet.get(HttpRequest::new("POST", &asked).unwrap(), &limits()).await });
    shop.settled.recv().await.unwrap();
    let first = shop.payments();
    drop(shop);
    let error = fetching.await.unwrap().unwrap_err();
    assert!(matches!(error, GetError::Unknown { .. }), "{error:?}");
    // Paid, and not known to be.
    assert_eq!(town.earned().await, PRICE);
    assert_eq!(town.wallet.balance().await.unwrap()[0].reserved.units(), PRICE);

    let shop = reopened(&town.setup, port);
    let outcome = town.wallet.get(HttpRequest::new("POST", &url).unwrap(), &limits()).await.unwrap();
    assert!(is_paid(&outcome), "{outcome:?}");
    assert_eq!(&outcome.answer.body()[..], &CONTENT[..]);
    assert_eq!((shop.payments(), shop.served()), (first, 1));
    town.assert_bought(1).await;
}

/// The same folder and port, once the one that died has let go of both.
fn reopened(setup: &Setup, port: u16) -> Shop {
    let lock = setup.folder.join("store");
    for _ in 0..200 {
        let free = std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free && farthing_durable::Engine::open(&lock, farthing_durable::Options::new()).is_ok() {
            return Shop::open(setup, port, Mode::Honest);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the folder stays locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shop_refuses_comes_back() {
    let town = Town::new().await;
    let shop = town.open(Mode::RaisesThePrice);
    let outcome = town.get(&shop).await.unwrap();
    let HttpPayment::TakenBack { reason, .. } = &outcome.payment else { panic!("{outcome:?}") };
    assert_eq!(reason.as_deref(), Some("the payment does not match the request"));
    assert_eq!((outcome.answer.status().as_u16(), shop.payments().len(), shop.served()), (402, 1, 0));
    town.assert_bought(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_handler_and_a_redirection_take_no_money() {
    let town = Town::new().await;
    let shop = town.open(Mode::Honest);
    for (mode, status, requests) in [(Mode::HandlerFails, 500, 2), (Mode::Redirects, 307, 4)] {
        shop.set(mode);
        let outcome = town.get(&shop).await.unwrap();
        assert_eq!(outcome.answer.status().as_u16(), status);
        assert!(matches!(outcome.payment, HttpPayment::Open { .. }), "{outcome:?}");
        town.wallet.resume().await.unwrap();
        assert!(shop.seen().iter().all(|(_, uri, _, _)| uri.path() == "/report"));
        assert_eq!(shop.seen().len(), requests);
        town.settle().await;
        assert_eq!(shop.seen().len(), requests);
    }
    town.assert_bought(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_cannot_reach_the_mint_takes_nothing() {
    let mut town = Town::new().await;
    let shop = town.open(Mode::Honest);
    town.mint.take().unwrap().kill();
    let outcome = town.get(&shop).await.unwrap();
    assert_eq!(outcome.answer.status().as_u16(), 402);
    // Refused, and the mint is not there to settle it with.
    let HttpPayment::Refused { op, .. } = outcome.payment else { panic!("{outcome:?}") };
    assert!(matches!(town.get(&shop).await, Err(GetError::Settle(_))));
    assert_eq!(shop.payments().len(), 1);
    town.mint = Some(town.world.serve(&["mint", "run", "--listen", &format!("127.0.0.1:{}", town.mint_port)]));
    // Settled first, and then bought anew.
    let outcome = town.get(&shop).await.unwrap();
    assert!(matches!(&outcome.payment, HttpPayment::Paid { paid, .. } if paid.op > op), "{outcome:?}");
    assert_eq!((shop.payments().len(), shop.served()), (2, 1));
    town.assert_bought(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_does_not_know_yet_is_sent_the_same_payment_until_it_does() {
    let mut town = Town::new().await;
    town.setup.patience = Duration::from_millis(300);
    let shop = town.open(Mode::Honest);
    // It takes connections and says nothing.
    town.mint.as_ref().unwrap().signal("STOP");
    let outcome = town.get(&shop).await.unwrap();
    assert_eq!(outcome.answer.status().as_u16(), 402);
    let HttpPayment::Open { op, .. } = outcome.payment else { panic!("{outcome:?}") };
    assert_eq!(shop.payments().len(), 2);
    town.mint.as_ref().unwrap().signal("CONT");
    for _ in 0..100 {
        match town.get(&shop).await.unwrap().payment {
            HttpPayment::Open { op: same, .. } => assert_eq!(same, op),
            HttpPayment::Paid { paid, .. } => {
                assert_eq!(paid.op, op);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let payments = shop.payments();
    assert!(payments.iter().all(|payment| *payment == payments[0]));
    assert_eq!(shop.served(), 1);
    town.assert_bought(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_whose_clock_is_minutes_off_is_served() {
    let town = Town::new().await;
    let shop = town.open(Mode::Honest);
    town.ahead.store(200, Ordering::SeqCst);
    assert!(is_paid(&town.get(&shop).await.unwrap()));
    town.assert_bought(1).await;
}
