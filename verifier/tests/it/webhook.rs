//! Events of accepted payments, to receivers of every mood.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use data_encoding::BASE64;
use farthing_http::client::Endpoint;
use farthing_http::problem::Code;
use farthing_protocol::api::{
    WebhookFailure, WebhookRetryAnswer, WebhookRetryRequest, WebhookState, WebhookSummary, WebhooksAnswer,
    verifier_path,
};
use farthing_protocol::ids::PaymentId;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::home::{
    CheckOptions, FindingCode, HomeError, HomeOptions, Severity, VerifierHome, WebhookOptions, check_home,
};
use farthing_verifier::webhook::{AT_ONCE, MAX_ATTEMPTS};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::common::{NOW, pay};
use crate::service::{Shop, refused};

pub(crate) const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// How the receiver answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Answers(StatusCode),
    /// Refuses events of this amount alone.
    Dislikes(u64),
    Breaks,
    SendsElsewhere,
    WantsRest(u64),
}

/// What came: the body, and how often.
pub(crate) struct Receiver {
    seen: Arc<Mutex<Seen>>,
    url: Endpoint,
    server: JoinHandle<()>,
}

struct Seen {
    mood: Mood,
    /// By event id, all that were sent, whatever was answered.
    events: HashMap<String, Vec<Bytes>>,
    /// Those that were taken, in turn.
    taken: Vec<u64>,
    elsewhere: usize,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let seen = Seen { mood: Mood::Takes, events: HashMap::new(), taken: Vec::new(), elsewhere: 0 };
        let seen = Arc::new(Mutex::new(seen));
        let router = Router::new()
            .route("/hook", post(receive))
            .route("/elsewhere", any(elsewhere))
            .with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Endpoint::parse(&format!("http://{}/hook?shop=1", listener.local_addr().unwrap())).unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { seen, url, server }
    }

    fn mood(&self, mood: Mood) {
        self.seen.lock().unwrap().mood = mood;
    }

    fn taken(&self) -> Vec<u64> {
        self.seen.lock().unwrap().taken.clone()
    }

    /// How many different events came.
    pub(crate) fn events(&self) -> usize {
        self.seen.lock().unwrap().events.len()
    }

    pub(crate) fn has_taken(&self, payment: &PaymentId) -> bool {
        self.seen.lock().unwrap().events.contains_key(&format!("evt_{}", payment.to_text()))
    }

    pub(crate) fn options(&self) -> HomeOptions {
        let webhook = WebhookOptions { url: self.url.clone(), secret_file: "webhook.secret".into() };
        HomeOptions { webhook: Some(webhook), ..HomeOptions::default() }
    }

    async fn shop(&self) -> Shop {
        Shop::with_files(TestMint::new(NOW), &self.options(), &[("webhook.secret", SECRET)]).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, body: Bytes) -> Response {
    verify(&headers, &body);
    let event: Value = serde_json::from_slice(&body).unwrap();
    let units: u64 = event["amount"].as_str().unwrap().parse().unwrap();
    let mut seen = seen.lock().unwrap();
    seen.events.entry(headers["webhook-id"].to_str().unwrap().to_owned()).or_default().push(body);
    match seen.mood {
        Mood::Dislikes(disliked) if disliked == units => StatusCode::BAD_REQUEST.into_response(),
        Mood::Takes | Mood::Dislikes(_) => {
            seen.taken.push(units);
            StatusCode::NO_CONTENT.into_response()
        }
        Mood::Answers(status) => status.into_response(),
        Mood::Breaks => {
            drop(seen);
            panic!("the connection breaks, as it should")
        }
        Mood::SendsElsewhere => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response(),
        Mood::WantsRest(seconds) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, seconds.to_string())]).into_response()
        }
    }
}

async fn elsewhere(State(seen): State<Arc<Mutex<Seen>>>) {
    seen.lock().unwrap().elsewhere += 1;
}

/// As Standard Webhooks has it, written anew.
fn verify(headers: &HeaderMap, body: &[u8]) {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = BASE64.decode(SECRET.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(
        [text("webhook-id").as_bytes(), b".", text("webhook-timestamp").as_bytes(), b".", body].concat().as_ref(),
    );
    let signature = BASE64.decode(text("webhook-signature").strip_prefix("v1,").unwrap().as_bytes()).unwrap();
    mac.verify_slice(&signature).unwrap();
    assert_eq!(text("content-type"), "application/json");
}

async fn paid(shop: &Shop, units: u64) -> PaymentId {
    let invoice = shop.invoice(units).await;
    let payment = pay(shop.mint(), &invoice);
    shop.pay(&payment, &invoice).await.unwrap();
    payment.id()
}

async fn waiting(shop: &Shop) -> Vec<WebhookSummary> {
    let answer: WebhooksAnswer = shop.control().get_json(verifier_path::WEBHOOKS).await.unwrap();
    answer.events
}

/// Waits until that holds of the events that were not delivered.
async fn until(shop: &Shop, holds: impl Fn(&[WebhookSummary]) -> bool) -> Vec<WebhookSummary> {
    loop {
        let events = waiting(shop).await;
        if holds(&events) {
            return events;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets the task look, without changing anything.
async fn look(shop: &Shop) {
    assert_eq!(shop.verifier().merchant.retry_webhooks(None).await.unwrap(), 0);
}

#[tokio::test]
async fn an_accepted_payment_is_told_once_and_signed() {
    let receiver = Receiver::start().await;
    let shop = receiver.shop().await;
    let invoice = shop.invoice(37).await;
    let payment = pay(shop.mint(), &invoice);
    shop.pay(&payment, &invoice).await.unwrap();
    until(&shop, <[_]>::is_empty).await;
    // The receipt is given again; nothing is told again.
    shop.pay(&payment, &invoice).await.unwrap();
    assert!(waiting(&shop).await.is_empty());

    let id = payment.id().to_text();
    let seen = receiver.seen.lock().unwrap();
    let [body] = &seen.events[&format!("evt_{id}")][..] else { panic!("sent more than once") };
    let event: Value = serde_json::from_slice(body).unwrap();
    let expected = serde_json::json!({
        "id": format!("evt_{id}"), "type": "payment.accepted", "payment": id, "request": invoice.hash().to_text(),
        "amount": "37", "unit": "EUR", "exponent": 2, "accepted_at": NOW.seconds(), "memo": "37 units",
    });
    assert_eq!(event, expected);
    assert_eq!(seen.events.len(), 1);
}

#[tokio::test]
async fn a_payment_that_is_not_accepted_is_not_told() {
    let receiver = Receiver::start().await;
    let shop = receiver.shop().await;
    let invoice = shop.invoice(5).await;
    shop.mint.mood(crate::double::Mood::Unavailable);
    shop.refuses(&pay(shop.mint(), &invoice), &invoice, Code::Unavailable).await;
    assert!(waiting(&shop).await.is_empty());
    // It turns out later that it was: told then.
    shop.mint.mood(crate::double::Mood::Honest);
    assert_eq!(shop.verifier().merchant.resume().await, Ok(0));
    while receiver.taken() != [5] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_refused_waits_and_comes_again_after_a_restart() {
    let moods = [
        (Mood::Answers(StatusCode::INTERNAL_SERVER_ERROR), WebhookFailure::Refused { status: 500 }),
        (Mood::Answers(StatusCode::NOT_FOUND), WebhookFailure::Refused { status: 404 }),
        (Mood::Breaks, WebhookFailure::NoAnswer {}),
        (Mood::SendsElsewhere, WebhookFailure::Refused { status: 307 }),
    ];
    for (mood, failure) in moods {
        let receiver = Receiver::start().await;
        let mut shop = receiver.shop().await;
        receiver.mood(mood);
        let id = paid(&shop, 3).await;
        let events = until(&shop, |events| events.first().is_some_and(|event| event.attempts == 1)).await;
        assert_eq!((events[0].payment, events[0].state), (id, WebhookState::Pending));
        assert_eq!((events[0].failure, events[0].recorded_at), (Some(failure), NOW));
        let next = events[0].next_attempt.unwrap();
        assert!(next > NOW && next <= NOW.plus(5));

        receiver.mood(Mood::Takes);
        look(&shop).await;
        shop.stop().await;
        shop.start().await;
        assert_eq!(waiting(&shop).await, events, "it is not due yet");
        shop.at(6);
        look(&shop).await;
        until(&shop, <[_]>::is_empty).await;
        let seen = receiver.seen.lock().unwrap();
        let [first, second] = &seen.events[&events[0].id][..] else { panic!("sent otherwise than twice") };
        assert_eq!(first, second);
        assert_eq!(seen.elsewhere, 0, "no redirection is followed");
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_loses_nothing() {
    let receiver = Receiver::start().await;
    let shop = receiver.shop().await;
    receiver.mood(Mood::Answers(StatusCode::BAD_GATEWAY));
    let count = AT_ONCE + 3;
    for _ in 0..count {
        paid(&shop, 1).await;
    }
    // It is left in peace meanwhile: not every event is tried.
    let events = until(&shop, |events| events.iter().any(|event| event.attempts > 0)).await;
    assert_eq!(events.len(), count);
    receiver.mood(Mood::Takes);
    shop.at(6);
    look(&shop).await;
    until(&shop, <[_]>::is_empty).await;
    assert_eq!(receiver.taken().len(), count);
}

#[tokio::test]
async fn how_long_a_receiver_wants_rest_is_heeded() {
    let receiver = Receiver::start().await;
    let shop = receiver.shop().await;
    receiver.mood(Mood::WantsRest(700));
    paid(&shop, 1).await;
    let events = until(&shop, |events| events.first().is_some_and(|event| event.attempts == 1)).await;
    assert_eq!(events[0].next_attempt, Some(NOW.plus(700)));
}

#[tokio::test]
async fn one_event_that_is_never_taken_stops_no_other_and_is_put_aside() {
    let receiver = Receiver::start().await;
    let mut shop = receiver.shop().await;
    receiver.mood(Mood::Dislikes(13));
    let bad = paid(&shop, 13).await;
    for attempt in 1..=MAX_ATTEMPTS {
        let tried = |events: &[WebhookSummary]| events.first().is_some_and(|event| event.attempts == attempt);
        let events = until(&shop, tried).await;
        assert_eq!(events[0].state == WebhookState::Dead, attempt == MAX_ATTEMPTS);
        assert_eq!(events[0].next_attempt.is_none(), attempt == MAX_ATTEMPTS);
        paid(&shop, 1).await;
        until(&shop, |events| events.len() == 1).await;
        shop.later(u64::from(attempt) * 7 * 3600).await;
    }
    assert_eq!(receiver.taken().len(), MAX_ATTEMPTS as usize);

    receiver.mood(Mood::Takes);
    let retry = |payment| WebhookRetryRequest { payment };
    let control = shop.control();
    let path = verifier_path::WEBHOOKS_RETRY;
    let unknown = PaymentId::from_bytes([9; 32]);
    let answer = control.post_json::<_, WebhookRetryAnswer>(path, &retry(Some(unknown))).await;
    assert_eq!(refused(answer), Code::NotFound);
    let answer: WebhookRetryAnswer = control.post_json(path, &retry(None)).await.unwrap();
    assert_eq!(answer.retried, 1);
    until(&shop, <[_]>::is_empty).await;
    let answer = control.post_json::<_, WebhookRetryAnswer>(path, &retry(Some(bad))).await;
    assert_eq!(refused(answer), Code::NotFound, "it was delivered");
    assert_eq!(receiver.taken().last(), Some(&13));
}

#[tokio::test]
async fn events_are_listed_page_by_page() {
    let receiver = Receiver::start().await;
    let shop = receiver.shop().await;
    receiver.mood(Mood::Answers(StatusCode::FORBIDDEN));
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(paid(&shop, 1).await);
    }
    ids.sort();
    let books = shop.verifier().merchant.books();
    let first = books.webhooks(None, 2).await.unwrap();
    let second = books.webhooks(first.next, 2).await.unwrap();
    assert_eq!((first.next, second.next), (Some(ids[1]), None));
    let listed: Vec<PaymentId> = first.events.iter().chain(&second.events).map(|event| event.payment).collect();
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_stops_the_start_and_is_not_shown() {
    let receiver = Receiver::start().await;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("shop");
    let mint = TestMint::new(NOW);
    let url = farthing_http::client::BaseUrl::parse("http://127.0.0.1:9").unwrap();
    let home = VerifierHome::init(&folder, &url, &mint.id(), &receiver.options()).unwrap();
    let run = |home| farthing_verifier::home::run(home, "127.0.0.1:0".parse().unwrap(), std::future::pending());
    let found = async || {
        let findings = check_home(&folder, CheckOptions { ask_mint: false, now: NOW }).await;
        findings.into_iter().find(|finding| finding.code == FindingCode::Webhook).unwrap().severity
    };
    assert!(matches!(run(VerifierHome::open(&folder).unwrap()).await, Err(HomeError::SecretFile(..))));
    assert_eq!(found().await, Severity::Fault);
    std::fs::write(folder.join("webhook.secret"), "whsec_c2hvcnQ=").unwrap();
    let error = run(VerifierHome::open(&folder).unwrap()).await.unwrap_err();
    assert!(matches!(error, HomeError::Secret(..)));
    assert!(!format!("{error} {error:?}").contains("c2hvcnQ"));
    assert!(matches!(home.new_webhook_secret(), Err(HomeError::Io(_))), "a secret that is there stays");
    std::fs::remove_file(folder.join("webhook.secret")).unwrap();
    let path = home.new_webhook_secret().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(found().await, Severity::Warning, "there is no TLS");
    run(home).await.unwrap();
}
