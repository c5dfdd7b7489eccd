//! A mint's service in place of the real one: honest over a store of its own, or not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use farthing_http::client::BaseUrl;
use farthing_http::problem::{Code, Problem};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{Deposit, DepositAnswer, DepositOutcome, DepositRequest, KeysetsAnswer, mint_path};
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::{PaymentId, RequestHash};
use farthing_protocol::keyset::KeysetDocument;
use farthing_protocol::payment::Payment;
use farthing_verifier::check::{MintRules, check_deposits};
use farthing_verifier::conformance::TestMint;
use farthing_verifier::store::{Acceptance, AcceptedPayment, Outcome, SledStore, SpentStore};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::common::NOW;

/// How the mint behaves when asked to accept deposits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Honest,
    /// Decides, durably, and breaks the connection.
    LosesTheAnswer,
    /// Decides, durably, and answers 500.
    Stumbles,
    /// Decides nothing and breaks the connection.
    Deaf,
    /// Decides nothing: 429, nothing was begun.
    Busy,
    /// Each outcome is `unavailable`.
    Unavailable,
    /// Each outcome is a refusal.
    Refuses(Code),
    /// An answer with no outcomes.
    Empty,
    /// Honest, and its clock is an hour ahead.
    Ahead,
    /// Says that each payment is a double spend of itself.
    Ouroboros,
    /// Answers something that is no JSON.
    Babbles,
    /// Honest, once [`Double::gate`] lets it.
    Waits,
    /// Refuses a request whole if this payment is in it, and is honest otherwise.
    ChokesOn(PaymentId),
}

pub(crate) struct Double {
    pub(crate) mint: TestMint,
    pub(crate) mood: Mutex<Mood>,
    pub(crate) keysets: Mutex<KeysetsAnswer>,
    pub(crate) deposits_asked: AtomicUsize,
    /// How many payments each request held.
    pub(crate) sizes: Mutex<Vec<usize>>,
    pub(crate) keysets_asked: AtomicUsize,
    pub(crate) gate: Notify,
    pub(crate) store: SledStore,
    sent: Mutex<Vec<Vec<u8>>>,
    _folder: tempfile::TempDir,
}

/// The double on a socket, until dropped.
pub(crate) struct Running {
    pub(crate) double: Arc<Double>,
    pub(crate) address: SocketAddr,
    server: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(mint: TestMint) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open_mint(folder.path(), mint.id()).unwrap();
        let keysets = KeysetsAnswer { list: mint.list(NOW), keysets: vec![mint.keyset().document().clone()] };
        let double = Arc::new(Double {
            mint,
            mood: Mutex::new(Mood::Honest),
            keysets: Mutex::new(keysets),
            deposits_asked: AtomicUsize::new(0),
            sizes: Mutex::default(),
            keysets_asked: AtomicUsize::new(0),
            gate: Notify::new(),
            store,
            sent: Mutex::new(Vec::new()),
            _folder: folder,
        });
        let router = Router::new()
            .route(mint_path::DEPOSIT, post(deposit))
            .route(mint_path::KEYSETS, get(keysets_answer))
            .with_state(Arc::clone(&double));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { double, address, server }
    }

    pub(crate) fn url(&self) -> BaseUrl {
        BaseUrl::parse(&format!("http://{}", self.address)).unwrap()
    }

    pub(crate) fn mood(&self, mood: Mood) {
        *self.double.mood.lock().unwrap() = mood;
    }

    /// Nobody listens any more.
    pub(crate) fn close(&mut self) {
        self.server.abort();
    }

    pub(crate) fn asked(&self) -> usize {
        self.double.deposits_asked.load(Ordering::SeqCst)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Double {
    pub(crate) fn publish(&self, answer: KeysetsAnswer) {
        *self.keysets.lock().unwrap() = answer;
    }

    pub(crate) fn add(&self, document: KeysetDocument, list: farthing_protocol::keyset::KeysetList) {
        let mut keysets = self.keysets.lock().unwrap();
        keysets.keysets.push(document);
        keysets.list = list;
    }

    /// The bytes of every deposit that was sent, payment and claim, in order.
    pub(crate) fn sent(&self) -> Vec<Vec<u8>> {
        self.sent.lock().unwrap().clone()
    }

    /// What is recorded for a request.
    pub(crate) async fn find(&self, request: &RequestHash) -> Option<AcceptedPayment> {
        let sent = self.sent();
        let ids = sent.iter().map(|bytes| Payment::from_bytes(&bytes[..bytes.len() - 32]).unwrap());
        let ids: Vec<_> = ids.filter(|payment| payment.request() == request).map(|payment| payment.id()).collect();
        self.store.find(ids.first()?).await.unwrap()
    }

    pub(crate) async fn decide(&self, deposits: Vec<Deposit>) -> Vec<DepositOutcome> {
        self.decide_at(deposits, NOW).await
    }

    pub(crate) async fn decide_at(&self, deposits: Vec<Deposit>, now: UnixTime) -> Vec<DepositOutcome> {
        let (id, known) = (self.mint.id(), self.mint.known());
        let rules = MintRules { mint: &id, now, keysets: &known };
        let (payments, claims): (Vec<_>, Vec<_>) = deposits.into_iter().map(|d| (d.payment, d.claim)).unzip();
        let verdicts = check_deposits(&mut rand::rng(), &rules, payments);
        let mut outcomes = Vec::new();
        for (verdict, claim) in verdicts.into_iter().zip(claims) {
            outcomes.push(match verdict {
                Err(error) => DepositOutcome::Refused { code: error.code().as_str().into() },
                Ok(payment) => match self.store.accept(vec![Acceptance { payment, claim, now }]).await.remove(0) {
                    Ok(Outcome::Accepted { accepted_at }) => DepositOutcome::Accepted { accepted_at },
                    Ok(Outcome::AlreadyAccepted { accepted_at, claim_matches }) => {
                        DepositOutcome::AlreadyAccepted { claim_matches, accepted_at }
                    }
                    Ok(Outcome::DoubleSpend { earlier }) => DepositOutcome::DoubleSpend { earlier_payment_id: earlier },
                    Err(_) => DepositOutcome::Unavailable {},
                },
            });
        }
        outcomes
    }
}

async fn keysets_answer(State(double): State<Arc<Double>>) -> Json<KeysetsAnswer> {
    double.keysets_asked.fetch_add(1, Ordering::SeqCst);
    Json(double.keysets.lock().unwrap().clone())
}

async fn deposit(State(double): State<Arc<Double>>, Json(request): Json<DepositRequest>) -> Response {
    double.deposits_asked.fetch_add(1, Ordering::SeqCst);
    double.sizes.lock().unwrap().push(request.deposits.len());
    let bytes = |one: &Deposit| [one.payment.to_bytes().as_slice(), one.claim.as_bytes()].concat();
    double.sent.lock().unwrap().extend(request.deposits.iter().map(bytes));
    let mood = *double.mood.lock().unwrap();
    let ids: Vec<_> = request.deposits.iter().map(|deposit| deposit.payment.id()).collect();
    let same = |outcome: DepositOutcome| vec![outcome; ids.len()];
    let outcomes = match mood {
        Mood::ChokesOn(payment) if ids.contains(&payment) => {
            return Problem::new(Code::MalformedObject).into_response();
        }
        Mood::Honest | Mood::ChokesOn(_) => double.decide(request.deposits).await,
        Mood::Ahead => double.decide_at(request.deposits, NOW.plus(3600)).await,
        Mood::Waits => {
            double.gate.notified().await;
            double.decide(request.deposits).await
        }
        Mood::LosesTheAnswer => {
            double.decide(request.deposits).await;
            panic!("the connection breaks, as it should");
        }
        Mood::Stumbles => {
            double.decide(request.deposits).await;
            return Problem::new(Code::Internal).into_response();
        }
        Mood::Deaf => panic!("the connection breaks, as it should"),
        Mood::Busy => return Problem::new(Code::RateLimited).into_response(),
        Mood::Unavailable => same(DepositOutcome::Unavailable {}),
        Mood::Refuses(code) => same(DepositOutcome::Refused { code: code.as_str().into() }),
        Mood::Empty => Vec::new(),
        Mood::Ouroboros => ids.iter().map(|id| DepositOutcome::DoubleSpend { earlier_payment_id: *id }).collect(),
        Mood::Babbles => return "<html>hello</html>".into_response(),
    };
    Json(DepositAnswer { outcomes }).into_response()
}
