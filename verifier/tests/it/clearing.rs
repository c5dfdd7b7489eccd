//! Clearing with a mint over HTTP.

use std::path::Path;
use std::sync::Arc;

use farthing_durable::{Engine, Options};
use farthing_http::client::{BaseUrl, HttpClient};
use farthing_http::problem::Code;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{Deposit, DepositOutcome};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::{Claim, RequestHash};
use farthing_protocol::keyset::Redemption;
use farthing_verifier::check::{MintRules, VerifiedPayment, check_deposits};
use farthing_verifier::conformance::{self, Coin, TestMint, TokenFactory};
use farthing_verifier::spent;
use farthing_verifier::store::{Acceptance, ClearingStore, Outcome, Resumed, SpentStore, StoreError};

use crate::common::{NOW, keypair};
use crate::double::{Mood, Running};

fn client() -> HttpClient {
    HttpClient::builder().reuse_connections(true).build().unwrap()
}

fn open(folder: &Path, mint: MintId, url: &BaseUrl) -> ClearingStore {
    let engine = Engine::open(folder, Options::new().indexer(spent::indexer())).unwrap();
    ClearingStore::new(engine, mint, url, client()).unwrap()
}

fn payment(mint: &TestMint, coins: &[&Coin], payee: PayeeKey) -> VerifiedPayment {
    let (id, known) = (mint.id(), mint.known());
    let rules = MintRules { mint: &id, now: NOW, keysets: &known };
    let payment = mint.pay(coins, payee, RequestHash::from_bytes(rand::random()), None);
    check_deposits(&mut rand::rng(), &rules, vec![payment]).remove(0).unwrap()
}

struct Cleared<'a> {
    mint: &'a TestMint,
    payee: PayeeKey,
}

impl TokenFactory for Cleared<'_> {
    fn coin(&self, d: u8) -> Coin {
        self.mint.coin(d)
    }

    fn pay(&self, coins: &[&Coin], request: RequestHash) -> VerifiedPayment {
        let (id, known) = (self.mint.id(), self.mint.known());
        let rules = MintRules { mint: &id, now: NOW, keysets: &known };
        let payment = self.mint.pay(coins, self.payee, request, None);
        check_deposits(&mut rand::rng(), &rules, vec![payment]).remove(0).unwrap()
    }

    fn undecided(&self) -> Vec<VerifiedPayment> {
        let closed = TestMint::with_terms(NOW, |terms| terms.redemption = Redemption::Closed(self.payee));
        let other = TestMint::new(NOW);
        vec![payment(&closed, &[&closed.coin(0)], self.payee), payment(&other, &[&other.coin(0)], self.payee)]
    }

    fn now(&self) -> UnixTime {
        NOW
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_conforms() {
    let running = Running::start(TestMint::new(NOW)).await;
    let folder = tempfile::tempdir().unwrap();
    let (url, mint) = (running.url(), &running.double.mint);
    let open = || -> Arc<dyn SpentStore> { Arc::new(open(folder.path(), mint.id(), &url)) };
    conformance::run(&open, &Cleared { mint, payee: PayeeKey::from(&keypair()) }).await;
}

/// A store with one payment, not sent yet.
struct Case {
    running: Running,
    folder: tempfile::TempDir,
    payment: VerifiedPayment,
    claim: Claim,
}

impl Case {
    async fn new() -> Self {
        let running = Running::start(TestMint::new(NOW)).await;
        let mint = &running.double.mint;
        let payment = payment(mint, &[&mint.coin(3)], PayeeKey::from(&keypair()));
        let claim = Claim::from_bytes(rand::random());
        Self { running, folder: tempfile::tempdir().unwrap(), payment, claim }
    }

    fn open(&self) -> ClearingStore {
        open(self.folder.path(), self.running.double.mint.id(), &self.running.url())
    }

    async fn accept(&self, store: &ClearingStore) -> Result<Outcome, StoreError> {
        let acceptance = Acceptance { payment: self.payment.clone(), claim: self.claim, now: NOW };
        store.accept(vec![acceptance]).await.remove(0)
    }

    /// What the mint says when somebody else asks.
    async fn at_mint(&self, claim: Claim) -> DepositOutcome {
        let payment = self.payment.payment().clone();
        self.running.double.decide(vec![Deposit { payment, claim }]).await.remove(0)
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_again_after_a_restart() {
    let case = Case::new().await;
    let store = case.open();
    case.running.mood(Mood::LosesTheAnswer);
    assert_eq!(case.accept(&store).await, Err(StoreError::Unavailable));
    assert_eq!(store.find(case.payment.id()).await, Ok(None));
    drop(store);

    let store = case.open();
    case.running.mood(Mood::Deaf);
    assert_eq!(store.resume(NOW).await, Ok(Resumed { settled: 0, open: 1 }));
    case.running.mood(Mood::Honest);
    assert_eq!(store.resume(NOW).await, Ok(Resumed { settled: 1, open: 0 }));
    assert_eq!(store.resume(NOW).await, Ok(Resumed::default()));
    let found = store.find(case.payment.id()).await.unwrap().unwrap();
    assert!(found.claim.matches(&case.claim), "the claim that was sent first is the one the mint keeps");
    let again = case.accept(&store).await;
    assert_eq!(again, Ok(Outcome::AlreadyAccepted { accepted_at: NOW, claim_matches: true }));
}

#[tokio::test]
async fn a_lost_answer_keeps_its_claim_when_asked_with_another() {
    let case = Case::new().await;
    let store = case.open();
    case.running.mood(Mood::LosesTheAnswer);
    assert_eq!(case.accept(&store).await, Err(StoreError::Unavailable));
    case.running.mood(Mood::Honest);
    let other = Acceptance { payment: case.payment.clone(), claim: Claim::from_bytes([1; 32]), now: NOW };
    let outcome = store.accept(vec![other]).await.remove(0);
    assert_eq!(outcome, Ok(Outcome::AlreadyAccepted { accepted_at: NOW, claim_matches: false }));
    let own = case.accept(&store).await;
    assert_eq!(own, Ok(Outcome::AlreadyAccepted { accepted_at: NOW, claim_matches: true }));
}

#[tokio::test]
async fn answers_that_make_no_sense_decide_nothing() {
    let case = Case::new().await;
    let store = case.open();
    let liars = [Mood::Empty, Mood::Ouroboros, Mood::Babbles, Mood::Unavailable, Mood::Deaf];
    for mood in liars {
        case.running.mood(mood);
        assert_eq!(case.accept(&store).await, Err(StoreError::Unavailable), "{mood:?}");
        assert_eq!(store.find(case.payment.id()).await, Ok(None), "{mood:?}");
        // It was sent, so that it is busy now says nothing of what it did then.
        case.running.mood(Mood::Busy);
        assert_eq!(case.accept(&store).await, Err(StoreError::Unavailable));
    }
    case.running.mood(Mood::Honest);
    assert_eq!(case.accept(&store).await, Ok(Outcome::Accepted { accepted_at: NOW }));
}

#[tokio::test]
async fn a_mint_whose_clock_is_ahead_is_believed() {
    let case = Case::new().await;
    let store = case.open();
    case.running.mood(Mood::Ahead);
    let at = NOW.plus(3600);
    assert_eq!(case.accept(&store).await, Ok(Outcome::Accepted { accepted_at: at }));
    assert_eq!(store.find(case.payment.id()).await.unwrap().unwrap().accepted_at, at);
    assert_eq!(store.resume(NOW).await, Ok(Resumed::default()));
    // Neither is a claim of somebody else doubted.
    let other = Case::new().await;
    let store = other.open();
    other.running.mood(Mood::Ahead);
    let payment = other.payment.payment().clone();
    let deposit = Deposit { payment, claim: Claim::from_bytes([7; 32]) };
    assert_eq!(other.running.double.decide_at(vec![deposit], at).await, [DepositOutcome::Accepted { accepted_at: at }]);
    assert_eq!(other.accept(&store).await, Ok(Outcome::AlreadyAccepted { accepted_at: at, claim_matches: false }));
}

#[tokio::test]
async fn what_was_surely_not_begun_leaves_nothing_open() {
    let case = Case::new().await;
    let store = case.open();
    case.running.mood(Mood::Busy);
    assert_eq!(case.accept(&store).await, Err(StoreError::Busy));
    assert_eq!(store.resume(NOW).await, Ok(Resumed::default()));
    drop(store);
    // Nobody listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let store = open(case.folder.path(), case.running.double.mint.id(), &nowhere);
    assert_eq!(case.accept(&store).await, Err(StoreError::NotReached));
    assert_eq!(store.resume(NOW).await, Ok(Resumed::default()));
    drop(store);
    // Once it may have been sent, a mint that is gone leaves it open.
    let store = case.open();
    case.running.mood(Mood::Deaf);
    assert_eq!(case.accept(&store).await, Err(StoreError::Unavailable));
    drop(store);
    let store = open(case.folder.path(), case.running.double.mint.id(), &nowhere);
    assert_eq!(case.accept(&store).await, Err(StoreError::Unavailable));
    assert_eq!(store.resume(NOW).await, Ok(Resumed { settled: 0, open: 1 }));
}

#[tokio::test]
async fn a_definite_refusal_is_passed_on_and_forgotten() {
    let case = Case::new().await;
    let store = case.open();
    case.running.mood(Mood::Refuses(Code::KeysetEnded));
    assert_eq!(case.accept(&store).await, Err(StoreError::Refused(Code::KeysetEnded)));
    assert_eq!(store.resume(NOW).await, Ok(Resumed::default()));
}

#[tokio::test]
async fn a_payment_accepted_elsewhere_is_not_ours() {
    let case = Case::new().await;
    let first = Claim::from_bytes([5; 32]);
    assert_eq!(case.at_mint(first).await, DepositOutcome::Accepted { accepted_at: NOW });
    let store = case.open();
    for _ in 0..2 {
        let outcome = case.accept(&store).await;
        assert_eq!(outcome, Ok(Outcome::AlreadyAccepted { accepted_at: NOW, claim_matches: false }));
        assert_eq!(store.find(case.payment.id()).await, Ok(None));
    }
}

#[tokio::test]
async fn several_payments_go_in_one_request() {
    let case = Case::new().await;
    let mint = &case.running.double.mint;
    let store = case.open();
    let payee = PayeeKey::from(&keypair());
    let acceptances: Vec<_> = (0..70)
        .map(|_| Acceptance {
            payment: payment(mint, &[&mint.coin(0)], payee),
            claim: Claim::from_bytes(rand::random()),
            now: NOW,
        })
        .collect();
    let before = case.running.asked();
    let outcomes = store.accept(acceptances).await;
    assert_eq!(outcomes, vec![Ok(Outcome::Accepted { accepted_at: NOW }); 70]);
    assert_eq!(case.running.asked() - before, 2);
}

#[tokio::test]
async fn work_begun_is_finished_when_nobody_waits_any_more() {
    let case = Case::new().await;
    let store = case.open();
    let mut accepting = Box::pin(case.accept(&store));
    // Polled once, so that it begins, and dropped.
    let begun = std::future::poll_fn(|context| std::task::Poll::Ready(accepting.as_mut().poll(context).is_pending()));
    assert!(begun.await);
    drop(accepting);
    // The lock on the payment makes this wait for the first.
    let outcome = case.accept(&store).await;
    assert!(matches!(outcome, Ok(Outcome::AlreadyAccepted { claim_matches: true, .. } | Outcome::Accepted { .. })));
    assert_eq!(store.resume(NOW).await, Ok(Resumed::default()));
}
