//! A resource server that speaks x402 version 2: it verifies payments itself and clears them with a real mint.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use farthing_durable::{Engine, Options, StoreFault};
use farthing_http::client::{BaseUrl, HttpClient};
use farthing_protocol::api::PayRequest;
use farthing_protocol::codec::{Wire, to_base64url};
use farthing_protocol::identity::{Keypair, MintId, PayeeKey};
use farthing_protocol::ids::{Claim, HttpBinding, PaymentId};
use farthing_protocol::receipt::ReceiptDraft;
use farthing_protocol::request::PaymentRequest;
use farthing_verifier::check::{PayeeRules, Requirements, VerifiedPayment, check_offered};
use farthing_verifier::keyring::Keyring;
use farthing_verifier::store::{Acceptance, ClearingStore, Outcome, SpentStore, StoreError};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::raw::{amount, now};

/// What the shop does with payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Honest,
    /// Says when a payment is settled, and then answers no more.
    StopAfterSettling,
    /// Its handler fails, so that nothing is settled.
    HandlerFails,
    /// It settles, fails then, and says nothing of the payment.
    FailsAfterSettling,
    /// It settles, says so, and has nothing to give.
    SettlesAndFails,
    /// It sends whoever pays somewhere else.
    Redirects,
    /// It asks for another price of whoever pays.
    RaisesThePrice,
}

/// What stays when the process dies.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) folder: PathBuf,
    pub(crate) secret: [u8; 32],
    pub(crate) mint: MintId,
    pub(crate) mint_url: String,
    pub(crate) price: u64,
    /// How long it waits for the mint.
    pub(crate) patience: Duration,
}

/// A running shop, in a runtime of its own: dropped, it dies with every connection it has.
pub(crate) struct Shop {
    runtime: Option<Runtime>,
    pub(crate) address: SocketAddr,
    pub(crate) settled: mpsc::UnboundedReceiver<()>,
    inner: Arc<Inner>,
}

struct Inner {
    setup: Setup,
    key: Keypair,
    engine: Engine,
    keyring: Keyring,
    clearing: ClearingStore,
    mode: Mutex<Mode>,
    /// Entries before its own.
    foreign: Mutex<Vec<Value>>,
    seen: Mutex<Vec<(Method, Uri, HeaderMap, Bytes)>>,
    served: Mutex<u32>,
    settled: mpsc::UnboundedSender<()>,
}

/// Served to whoever paid: no text.
pub(crate) const CONTENT: [u8; 6] = [0, 159, 146, 150, b'\r', b'\n'];

impl Shop {
    /// Opens a shop; port 0 for a free one.
    pub(crate) fn open(setup: &Setup, port: u16, mode: Mode) -> Self {
        let runtime = Runtime::new().unwrap();
        let (settled, receiver) = mpsc::unbounded_channel();
        let setup = setup.clone();
        let start = async move {
            let path = setup.folder.join("store");
            let engine = Engine::open(&path, Options::new()).unwrap();
            let client = HttpClient::builder().timeout(setup.patience).build().unwrap();
            let base = BaseUrl::parse(&setup.mint_url).unwrap();
            let mints = [(setup.mint, base.clone())];
            let keyring = Keyring::open(engine.clone(), setup.folder.join("evidence"), client.clone(), mints);
            let keyring = keyring.await.unwrap();
            // A mint that is away for a moment stops no shop that knows it.
            let _asked = keyring.refresh(&setup.mint, now()).await;
            let clearing = ClearingStore::new(engine.clone(), setup.mint, &base, client).unwrap();
            let key = Keypair::from_secret(&setup.secret);
            let (mode, foreign) = (Mutex::new(mode), Mutex::default());
            let (seen, served) = (Mutex::default(), Mutex::default());
            let inner = Arc::new(Inner { setup, key, engine, keyring, clearing, mode, foreign, seen, served, settled });
            let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = Router::new().fallback(handle).with_state(Arc::clone(&inner));
            tokio::spawn(async move { axum::serve(listener, router).await });
            (address, inner)
        };
        let started = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(start)).join());
        let (address, inner) = started.unwrap();
        Self { runtime: Some(runtime), address, settled: receiver, inner }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/report?year=2026", self.address)
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.inner.mode.lock().unwrap() = mode;
    }

    /// Ways of paying that stand before its own.
    pub(crate) fn prefer(&self, entries: Vec<Value>) {
        *self.inner.foreign.lock().unwrap() = entries;
    }

    pub(crate) fn entry(&self) -> Value {
        self.inner.entry(self.inner.setup.price)
    }

    /// How often content was given out.
    pub(crate) fn served(&self) -> u32 {
        *self.inner.served.lock().unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<(Method, Uri, HeaderMap, Bytes)> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// The values of the payments' headers that came in.
    pub(crate) fn payments(&self) -> Vec<String> {
        let value = |headers: &HeaderMap| Some(headers.get("payment-signature")?.to_str().unwrap().to_owned());
        self.seen().iter().filter_map(|(_, _, headers, _)| value(headers)).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn handle(State(shop): State<Arc<Inner>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let binding = HttpBinding::new(method.as_str(), &uri.to_string(), &body);
    shop.seen.lock().unwrap().push((method, uri, headers.clone(), body));
    let mode = *shop.mode.lock().unwrap();
    let price = if mode == Mode::RaisesThePrice && headers.contains_key("payment-signature") {
        shop.setup.price + 1
    } else {
        shop.setup.price
    };
    let Some(payload) = payload(&headers) else { return shop.demand(price, "Payment required") };
    let (verified, request) = match shop.verify(payload, price) {
        Ok(verified) => verified,
        Err(why) => return shop.demand(price, &why),
    };
    match mode {
        Mode::HandlerFails => return (StatusCode::INTERNAL_SERVER_ERROR, "the handler failed").into_response(),
        Mode::Redirects => {
            return (StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere")], "").into_response();
        }
        Mode::Honest
        | Mode::StopAfterSettling
        | Mode::FailsAfterSettling
        | Mode::SettlesAndFails
        | Mode::RaisesThePrice => {}
    }
    match shop.settle(verified.clone(), binding).await {
        Err(StoreError::Unavailable) => shop.failed("settlement_pending"),
        Err(error) => shop.failed(error.code().as_str()),
        Ok(None) => shop.failed("double_spend"),
        Ok(Some(draft)) => {
            if mode == Mode::StopAfterSettling {
                shop.settled.send(()).unwrap();
                std::future::pending::<()>().await;
            }
            if mode == Mode::FailsAfterSettling {
                return (StatusCode::INTERNAL_SERVER_ERROR, "out of paper").into_response();
            }
            *shop.served.lock().unwrap() += 1;
            let receipt = draft.sign(&shop.key).unwrap();
            let settled = json!({"success": true, "payer": "anonymous", "transaction": verified.id().to_text(),
                "network": shop.setup.mint.network(), "amount": request.amount(),
                "receipt": to_base64url(&receipt.to_bytes())});
            if mode == Mode::SettlesAndFails {
                let headers = [("payment-response", encoded(&settled))];
                return (StatusCode::INTERNAL_SERVER_ERROR, headers, "out of tea").into_response();
            }
            (StatusCode::OK, [("payment-response", encoded(&settled))], CONTENT).into_response()
        }
    }
}

impl Inner {
    fn entry(&self, price: u64) -> Value {
        json!({"scheme": "exact", "network": self.setup.mint.network(), "amount": price.to_string(), "asset": "EUR",
            "payTo": PayeeKey::from(&self.key).to_text(), "maxTimeoutSeconds": 60, "extra": {}})
    }

    fn demand(&self, price: u64, error: &str) -> Response {
        let mut accepts = self.foreign.lock().unwrap().clone();
        accepts.push(self.entry(price));
        let demand = json!({"x402Version": 2, "error": error, "resource": {"url": "a report"}, "accepts": accepts});
        let headers = [("payment-required", encoded(&demand)), ("cache-control", "no-store".to_owned())];
        (StatusCode::PAYMENT_REQUIRED, headers, "{}").into_response()
    }

    fn failed(&self, reason: &str) -> Response {
        let transaction = if reason == "settlement_pending" { "pending" } else { "" };
        let failed = json!({"success": false, "errorReason": reason, "errorMessage": "It was not settled.",
            "transaction": transaction, "network": self.setup.mint.network()});
        (StatusCode::PAYMENT_REQUIRED, [("payment-response", encoded(&failed))], "{}").into_response()
    }

    /// Judges a payment against this shop's own words.
    fn verify(&self, payload: PayRequest, price: u64) -> Result<(VerifiedPayment, PaymentRequest), String> {
        let PayRequest { payment, request } = payload;
        let PaymentRequest::Offer(offer) = &request else { return Err("an offer is wanted".to_owned()) };
        let (payee, now) = (PayeeKey::from(&self.key), now());
        let known = self.keyring.known(&self.setup.mint, now).map_err(|error| error.to_string())?;
        let rules = PayeeRules { payee: &payee, now, as_of: now, keysets: &known, lock: None };
        let amount = amount(price);
        let demanded =
            Requirements { mint: &self.setup.mint, payee: &payee, asset: "EUR", amount, timeout_seconds: 60 };
        let verdict = check_offered(&mut rand::rng(), &rules, vec![(payment, offer.clone(), demanded)]).remove(0);
        verdict.map(|verified| (verified, request)).map_err(|error| error.to_string())
    }

    /// Clears it with the claim that was written down first. A payment is for one request: that may be made again, no other.
    async fn settle(
        &self,
        verified: VerifiedPayment,
        binding: HttpBinding,
    ) -> Result<Option<ReceiptDraft>, StoreError> {
        let (id, fresh) = (*verified.id(), Claim::from_bytes(rand::random()));
        let job = self.engine.submit(move |txn| {
            let key = key(&id);
            if let Some(kept) = txn.get(&key)? {
                return Ok((kept.get(..32) == Some(binding.as_bytes())).then(|| kept[32..].to_vec()));
            }
            txn.put(&key, &[binding.as_bytes().as_slice(), fresh.as_bytes()].concat())?;
            Ok::<_, StoreFault>(Some(fresh.as_bytes().to_vec()))
        });
        let Some(claim) = job.await.unwrap().unwrap() else { return Ok(None) };
        let claim = Claim::from_bytes(claim.try_into().unwrap());
        let head = self.keyring.head_of(verified.keyset());
        let (payee, amount) = (*verified.payment().payee(), verified.payment().amount());
        let acceptance = Acceptance { payment: verified, claim, now: now() };
        match self.clearing.accept(vec![acceptance]).await.remove(0)? {
            Outcome::Accepted { accepted_at } | Outcome::AlreadyAccepted { accepted_at, claim_matches: true } => {
                Ok(Some(ReceiptDraft { payment: id, payee, amount, accepted_at, head }))
            }
            Outcome::AlreadyAccepted { claim_matches: false, .. } | Outcome::DoubleSpend { .. } => Ok(None),
        }
    }
}

fn key(id: &PaymentId) -> Vec<u8> {
    [b"sold/".as_slice(), id.as_bytes()].concat()
}

/// The payment in the header, unless it cannot be read: then nothing was paid.
fn payload(headers: &HeaderMap) -> Option<PayRequest> {
    let json = BASE64.decode(headers.get("payment-signature")?.as_bytes()).ok()?;
    let signature: Value = serde_json::from_slice(&json).ok()?;
    if signature["x402Version"] != json!(2) {
        return None;
    }
    serde_json::from_value(signature["payload"].clone()).ok()
}

fn encoded(json: &Value) -> String {
    BASE64.encode(json.to_string().as_bytes())
}
