//! Callers who clear payments at the same time.

use std::sync::Arc;
use std::time::Duration;

use farthing_durable::{Engine, Options};
use farthing_http::client::HttpClient;
use farthing_http::problem::Code;
use farthing_protocol::api::Deposit;
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{Claim, RequestHash};
use farthing_verifier::check::{MintRules, VerifiedPayment, check_deposits};
use farthing_verifier::conformance::{Coin, TestMint};
use farthing_verifier::spent;
use farthing_verifier::store::{
    Acceptance, ClearingStore, MAX_DEPOSITS, MAX_WAITING, Outcome, Resumed, SpentStore, StoreError,
};
use tokio::task::JoinHandle;

use crate::common::{NOW, keypair};
use crate::double::{Mood, Running};

type Told = Result<Outcome, StoreError>;

const ACCEPTED: Told = Ok(Outcome::Accepted { accepted_at: NOW });

/// A store whose mint answers when it is let go, with two requests under way.
struct Busy {
    running: Running,
    store: Arc<ClearingStore>,
    payee: PayeeKey,
    first: Vec<JoinHandle<Vec<Told>>>,
    _folder: tempfile::TempDir,
}

impl Busy {
    async fn new() -> Self {
        let running = Running::start(TestMint::new(NOW)).await;
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), Options::new().indexer(spent::indexer())).unwrap();
        let client = HttpClient::builder().reuse_connections(true).timeout(Duration::from_secs(300)).build().unwrap();
        let store = ClearingStore::new(engine, running.double.mint.id(), &running.url(), client).unwrap();
        let payee = PayeeKey::from(&keypair());
        let mut busy = Self { running, store: Arc::new(store), payee, first: Vec::new(), _folder: folder };
        busy.running.mood(Mood::Waits);
        for asked in 1..=2 {
            let first = busy.accept(busy.payments(1));
            busy.first.push(first);
            busy.until(|busy| busy.running.asked() == asked).await;
        }
        busy
    }

    fn mint(&self) -> &TestMint {
        &self.running.double.mint
    }

    fn payment(&self, coins: &[&Coin]) -> VerifiedPayment {
        let (id, known) = (self.mint().id(), self.mint().known());
        let rules = MintRules { mint: &id, now: NOW, keysets: &known };
        let payment = self.mint().pay(coins, self.payee, RequestHash::from_bytes(rand::random()), None);
        check_deposits(&mut rand::rng(), &rules, vec![payment]).remove(0).unwrap()
    }

    fn payments(&self, count: usize) -> Vec<VerifiedPayment> {
        (0..count).map(|_| self.payment(&[&self.mint().coin(0)])).collect()
    }

    /// One caller.
    fn accept(&self, payments: Vec<VerifiedPayment>) -> JoinHandle<Vec<Told>> {
        let store = Arc::clone(&self.store);
        let claim = || Claim::from_bytes(rand::random());
        let acceptances = payments.into_iter().map(|payment| Acceptance { payment, claim: claim(), now: NOW });
        let acceptances = acceptances.collect();
        tokio::spawn(async move { store.accept(acceptances).await })
    }

    async fn until(&self, what: impl Fn(&Self) -> bool) {
        while !what(self) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn until_waiting(&self, payments: usize) {
        self.until(|busy| busy.store.figures().waiting == payments).await;
    }

    /// From now on the mint behaves so, also to those that wait.
    fn let_go(&self, mood: Mood) {
        self.running.mood(mood);
        self.running.double.gate.notify_waiters();
    }

    fn sizes(&self) -> Vec<usize> {
        self.running.double.sizes.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_goes_in_one_request() {
    let busy = Busy::new().await;
    let callers: Vec<_> = (0..20).map(|_| busy.accept(busy.payments(1))).collect();
    busy.until_waiting(20).await;
    assert_eq!(busy.sizes(), [1, 1], "a lone one goes at once");
    busy.let_go(Mood::Honest);
    for caller in callers.into_iter().chain(busy.first) {
        assert_eq!(caller.await.unwrap(), [ACCEPTED]);
    }
    let sizes = busy.running.double.sizes.lock().unwrap().clone();
    assert_eq!(sizes, [1, 1, 20]);
    let figures = busy.store.figures();
    assert_eq!((figures.requests, figures.payments, figures.waiting), (3, 22, 0));
    assert_eq!(busy.store.resume(NOW).await, Ok(Resumed::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_request_does_not_wait_and_no_caller_is_split() {
    let busy = Busy::new().await;
    let mut callers: Vec<_> = (0..4).map(|_| busy.accept(busy.payments(15))).collect();
    busy.until_waiting(60).await;
    // 64 would be full. This one makes it 75, of which 60 fit.
    callers.push(busy.accept(busy.payments(15)));
    busy.until(|busy| busy.running.asked() == 3).await;
    busy.until_waiting(15).await;
    busy.let_go(Mood::Honest);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), vec![ACCEPTED; 15]);
    }
    assert_eq!(busy.sizes(), [1, 1, 60, 15]);
    assert!(busy.sizes().iter().all(|size| *size <= MAX_DEPOSITS));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_his_own_answer_and_order_stays() {
    let busy = Busy::new().await;
    let (shared, taken) = (busy.mint().coin(2), busy.mint().coin(3));
    let [first, second] = [(); 2].map(|()| busy.payment(&[&shared]));
    let elsewhere = busy.payment(&[&taken]);
    let deposit = Deposit { payment: elsewhere.payment().clone(), claim: Claim::from_bytes([7; 32]) };
    busy.running.double.decide(vec![deposit]).await;
    let double = busy.payment(&[&taken]);
    let callers = [
        busy.accept(vec![first.clone(), second.clone()]),
        busy.accept(vec![double]),
        busy.accept(vec![elsewhere.clone()]),
        busy.accept(busy.payments(1)),
    ];
    busy.until_waiting(5).await;
    busy.let_go(Mood::Honest);
    let [pair, double, elsewhere_too, good] = callers;
    assert_eq!(pair.await.unwrap(), [ACCEPTED, Ok(Outcome::DoubleSpend { earlier: *first.id() })]);
    assert_eq!(double.await.unwrap(), [Ok(Outcome::DoubleSpend { earlier: *elsewhere.id() })]);
    let not_mine = Ok(Outcome::AlreadyAccepted { accepted_at: NOW, claim_matches: false });
    assert_eq!(elsewhere_too.await.unwrap(), [not_mine]);
    assert_eq!(good.await.unwrap(), [ACCEPTED]);
    assert_eq!(busy.sizes(), [1, 1, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_harms_nobody() {
    let busy = Busy::new().await;
    let (going, staying) = (busy.payments(8), busy.payments(8));
    let gone: Vec<_> = going.iter().map(|payment| busy.accept(vec![payment.clone()])).collect();
    let stayed: Vec<_> = staying.iter().map(|payment| busy.accept(vec![payment.clone()])).collect();
    busy.until_waiting(16).await;
    for caller in gone {
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
    }
    busy.let_go(Mood::Honest);
    for caller in stayed {
        assert_eq!(caller.await.unwrap(), [ACCEPTED]);
    }
    // What was begun was finished.
    for payment in going {
        while busy.store.find(payment.id()).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert_eq!(busy.store.resume(NOW).await, Ok(Resumed::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_leaves_all_of_its_request_open_and_each_is_settled_later() {
    let busy = Busy::new().await;
    let payments = busy.payments(10);
    let callers: Vec<_> = payments.iter().map(|payment| busy.accept(vec![payment.clone()])).collect();
    busy.until_waiting(10).await;
    busy.let_go(Mood::Stumbles);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), [Err(StoreError::Unavailable)]);
    }
    for payment in &payments {
        assert_eq!(busy.store.find(payment.id()).await, Ok(None));
    }
    busy.running.mood(Mood::Honest);
    assert_eq!(busy.store.resume(NOW).await, Ok(Resumed { settled: 10, open: 0 }));
    for payment in &payments {
        assert!(busy.store.find(payment.id()).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_mint_cannot_swallow_costs_the_others_nothing() {
    let busy = Busy::new().await;
    let payments = busy.payments(10);
    let bad = *payments[6].id();
    let callers: Vec<_> = payments.iter().map(|payment| busy.accept(vec![payment.clone()])).collect();
    busy.until_waiting(10).await;
    busy.let_go(Mood::ChokesOn(bad));
    for (place, caller) in callers.into_iter().enumerate() {
        let told = if place == 6 { Err(StoreError::NotReached) } else { ACCEPTED };
        assert_eq!(caller.await.unwrap(), [told]);
    }
    // It was refused each time: nothing is open.
    assert_eq!(busy.store.resume(NOW).await, Ok(Resumed::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_nothing_is_begun() {
    let busy = Busy::new().await;
    let open = busy.payments(1).remove(0);
    busy.let_go(Mood::Unavailable);
    assert_eq!(busy.accept(vec![open.clone()]).await.unwrap(), [Err(StoreError::Unavailable)]);
    busy.running.mood(Mood::Waits);
    let callers: Vec<_> = (0..MAX_WAITING / MAX_DEPOSITS).map(|_| busy.accept(busy.payments(MAX_DEPOSITS))).collect();
    // Eight full requests are under way, and the rest waits.
    busy.until_waiting(MAX_WAITING - 8 * MAX_DEPOSITS).await;
    let refused = busy.payments(1).remove(0);
    assert_eq!(busy.accept(vec![refused.clone()]).await.unwrap(), [Err(StoreError::Busy)]);
    // That there is too much to do says nothing of what was sent before.
    assert_eq!(busy.accept(vec![open.clone()]).await.unwrap(), [Err(StoreError::Unavailable)]);
    assert_eq!(StoreError::Busy.code(), Code::Overloaded);
    busy.let_go(Mood::Honest);
    for caller in callers {
        assert!(caller.await.unwrap().iter().all(|told| *told == ACCEPTED));
    }
    assert_eq!(busy.accept(vec![refused]).await.unwrap(), [ACCEPTED]);
    assert!(busy.accept(vec![open]).await.unwrap().iter().all(Result::is_ok));
}
