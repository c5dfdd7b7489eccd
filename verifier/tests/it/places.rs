//! How much a payee's service takes on at once.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use farthing_durable::{Engine, Options};
use farthing_http::client::HttpClient;
use farthing_http::problem::Code;
use farthing_protocol::api::{PayRequest, PaymentsQuery};
use farthing_protocol::identity::Keypair;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::keyring::Keyring;
use farthing_verifier::merchant::{Merchant, MerchantKeys, MerchantParts, PayError, Tokens};
use farthing_verifier::offline::LockedLimits;
use farthing_verifier::spent;
use farthing_verifier::store::{ClearingStore, StoreError};

use crate::common::{NOW, draft, keypair, pay, request};
use crate::double::{Mood, Running};

pub(crate) async fn merchant(folder: &Path, running: &Running, at_once: usize) -> (Merchant, Keypair) {
    let (key, mint) = (keypair(), running.double.mint.id());
    let engine = Engine::open(&folder.join("store"), Options::new().indexer(spent::indexer())).unwrap();
    let client = HttpClient::builder().build().unwrap();
    let mints = [(mint, running.url())];
    let keyring = Keyring::open(engine.clone(), folder.join("evidence"), client.clone(), mints).await.unwrap();
    keyring.refresh(&mint, NOW).await.unwrap();
    let parts = MerchantParts {
        keys: MerchantKeys::of(Keypair::from_secret(&key.secret())),
        mint,
        tokens: Tokens::Open,
        unit: None,
        endpoint: None,
        keyring,
        clearing: Some(ClearingStore::new(engine.clone(), mint, &running.url(), client).unwrap()),
        limits: LockedLimits::default(),
        engine,
        clock: Arc::new(|| NOW),
        at_once,
        webhooks: None,
    };
    (Merchant::new(parts).unwrap(), key)
}

async fn accepted(merchant: &Merchant) -> usize {
    merchant.books().payments(PaymentsQuery::default()).await.unwrap().payments.len()
}

/// An invoice of this payee, paid with fresh coins.
fn order(key: &Keypair, mint: &TestMint) -> PayRequest {
    let invoice = draft(key, mint, 3).sign(key).unwrap();
    PayRequest { payment: pay(mint, &invoice), request: request(&invoice) }
}

#[tokio::test]
async fn work_that_nobody_waits_for_still_counts() {
    let running = Running::start(TestMint::new(NOW)).await;
    let folder = tempfile::tempdir().unwrap();
    let (merchant, key) = merchant(folder.path(), &running, 2).await;
    let mint = &running.double.mint;
    let order = || order(&key, mint);
    running.mood(Mood::Waits);
    for _ in 0..2 {
        let mut paying = pin!(merchant.pay(order()));
        // Begun, and then the payer goes away.
        let pending = std::future::poll_fn(|context| Poll::Ready(paying.as_mut().poll(context).is_pending())).await;
        assert!(pending);
    }
    while running.asked() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let refused = merchant.pay(order()).await.unwrap_err();
    assert_eq!(refused, PayError::Store(StoreError::Busy));
    assert_eq!(refused.code(), Code::Overloaded);
    assert_eq!(running.asked(), 2, "nothing was begun");

    // A place is free again when the work has ended, not before.
    running.mood(Mood::Honest);
    running.double.gate.notify_one();
    running.double.gate.notify_one();
    while accepted(&merchant).await < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let last = order();
    let mut receipt = merchant.pay(last.clone()).await;
    while receipt == Err(PayError::Store(StoreError::Busy)) {
        tokio::time::sleep(Duration::from_millis(2)).await;
        receipt = merchant.pay(last.clone()).await;
    }
    assert_eq!(receipt.unwrap().draft().payment, last.payment.id());
}

/// With the one thread for long work taken, the check waits, and the runtime's own thread goes on with everything else.
#[test]
fn checks_are_no_work_for_the_runtimes_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let running = Running::start(TestMint::new(NOW)).await;
        let folder = tempfile::tempdir().unwrap();
        let (merchant, key) = merchant(folder.path(), &running, 1).await;
        let (release, released) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || released.recv().unwrap());
        let order = order(&key, &running.double.mint);
        let mut paying = pin!(merchant.pay(order));
        let others = async {
            for _ in 0..500 {
                assert_eq!(accepted(&merchant).await, 0);
            }
        };
        tokio::select! {
            biased;
            _ = &mut paying => panic!("it was checked on the runtime's thread"),
            () = others => {}
        }
        assert_eq!(running.asked(), 0);
        release.send(()).unwrap();
        busy.await.unwrap();
        assert!(paying.await.is_ok());
    });
}
