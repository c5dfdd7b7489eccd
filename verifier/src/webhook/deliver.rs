//! The task that sends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use farthing_durable::{Engine, StoreFault};
use farthing_http::client::{Answer, BuildError, CallError, Endpoint, HttpClient};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::WebhookFailure;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::outbox::{self, Parcel, Sent, event_id};
use super::{Secrets, WebhookTarget};
use crate::merchant::Clock;
use crate::store::StoreError;

/// So many events are on their way at the same time, and no more are in memory.
pub const AT_ONCE: usize = 8;

/// Longest time that a receiver may take: it is meant to take note, and to do its work afterwards.
const TIMEOUT: Duration = Duration::from_secs(20);

/// More of an answer is not read.
const ANSWER_BYTES: usize = 64 << 10;

/// Looked after at least so often.
const ROUND: Duration = Duration::from_secs(30);

/// The longest pause, in seconds, that a receiver gets who is not there at all.
const MAX_PAUSE: u64 = 300;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Sends a merchant's events. Clones share it.
#[derive(Clone)]
pub struct Webhooks {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    clock: Clock,
    http: HttpClient,
    url: Endpoint,
    secrets: Secrets,
    wake: Notify,
    /// Somebody wants to see it sent.
    at_once: AtomicBool,
}

/// A receiver that is not there is not asked with every event in turn.
#[derive(Default)]
struct Pause {
    failures: u32,
    until: UnixTime,
}

impl Webhooks {
    /// For the events in this engine. Nothing is sent yet.
    ///
    /// # Errors
    /// A [`BuildError`] when the HTTP client cannot be set up.
    pub fn new(engine: Engine, clock: Clock, target: WebhookTarget) -> Result<Self, BuildError> {
        let WebhookTarget { url, secrets } = target;
        let http = HttpClient::builder().reuse_connections(true).timeout(TIMEOUT).answer_bytes(ANSWER_BYTES).build()?;
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                clock,
                http,
                url,
                secrets,
                wake: Notify::new(),
                at_once: AtomicBool::new(false),
            }),
        })
    }

    /// There may be something to send.
    pub(crate) fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// There is something that somebody wants to see sent, though the receiver may not have been there just now.
    pub(crate) fn wake_at_once(&self) {
        self.inner.at_once.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Sends what is due, until `stopped` ends. What is on its way then is sent again after the next start.
    pub async fn deliver(self, stopped: impl Future<Output = ()>) {
        let work = async {
            let mut pause = Pause::default();
            loop {
                let wait = match self.inner.round(&mut pause).await {
                    Ok(wait) => wait,
                    Err(error) => {
                        tracing::warn!(%error, "events for the webhook were not looked through");
                        ROUND
                    }
                };
                // Nobody waits here for longer than a round: the clock may be set, and time goes on while a machine sleeps.
                let _woken = tokio::time::timeout(wait.min(ROUND), self.inner.wake.notified()).await;
            }
        };
        tokio::select! {
            () = stopped => {}
            () = work => {}
        }
    }
}

impl Inner {
    /// Sends what is due now. Returns how long nothing is to be done.
    async fn round(&self, pause: &mut Pause) -> Result<Duration, StoreError> {
        loop {
            let now = (self.clock)();
            if self.at_once.swap(false, Ordering::SeqCst) {
                *pause = Pause::default();
            }
            // A pause that is longer than any comes of a clock that was set back.
            if now < pause.until && pause.until <= now.plus(MAX_PAUSE) {
                return Ok(between(now, pause.until));
            }
            let job = self.engine.submit(move |txn| outbox::due(txn, now, AT_ONCE));
            let (parcels, next) = job.await?.map_err(|_: StoreFault| StoreError::Stopped)?;
            if parcels.is_empty() {
                return Ok(next.map_or(ROUND, |next| between(now, next)));
            }
            let sent = self.send_all(parcels).await;
            let now = (self.clock)();
            pause.learn(sent.iter().map(|(_, sent)| sent), now);
            let job = self
                .engine
                .submit(move |txn| sent.iter().try_for_each(|(payment, sent)| outbox::settle(txn, payment, sent, now)));
            job.await?.map_err(|_: StoreFault| StoreError::Stopped)?;
        }
    }

    async fn send_all(&self, parcels: Vec<Parcel>) -> Vec<(farthing_protocol::ids::PaymentId, Sent)> {
        let mut on_their_way = JoinSet::new();
        for parcel in parcels {
            let (http, url, at) = (self.http.clone(), self.url.clone(), (self.clock)());
            let id = event_id(&parcel.payment);
            let signature = self.secrets.sign(&id, at, &parcel.body);
            on_their_way.spawn(async move {
                let payment = parcel.payment;
                let sent = match headers(&id, at, &signature) {
                    Some(headers) => became(http.request(Method::POST, &url, headers, parcel.body).await),
                    None => Sent::Failed(WebhookFailure::NotReached {}, 0),
                };
                (payment, sent)
            });
        }
        // One that panicked has no outcome: it stays as it is, and is sent again.
        let mut sent = Vec::new();
        while let Some(one) = on_their_way.join_next().await {
            sent.extend(one.ok());
        }
        sent
    }
}

impl Pause {
    /// One event that is refused says nothing about the others; a receiver that does not answer, or says that it cannot now, does.
    fn learn<'a>(&mut self, sent: impl Iterator<Item = &'a Sent>, now: UnixTime) {
        let (mut answered, mut down) = (false, false);
        for one in sent {
            match one {
                Sent::Taken => answered = true,
                Sent::Failed(WebhookFailure::Refused { status }, _) => {
                    let later = *status == StatusCode::TOO_MANY_REQUESTS.as_u16() || *status >= 500;
                    (answered, down) = (answered || !later, down || later);
                }
                Sent::Failed(..) => down = true,
            }
        }
        if answered || !down {
            *self = Self::default();
        } else {
            let seconds = 1_u64.checked_shl(self.failures).unwrap_or(u64::MAX).min(MAX_PAUSE);
            self.failures = self.failures.saturating_add(1);
            self.until = now.plus(seconds);
        }
    }
}

fn became(answer: Result<Answer, CallError>) -> Sent {
    match answer {
        Ok(answer) if answer.status().is_success() => Sent::Taken,
        Ok(answer) => {
            let rest = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Sent::Failed(WebhookFailure::Refused { status: answer.status().as_u16() }, rest.unwrap_or(0))
        }
        Err(CallError::NotSent(_)) => Sent::Failed(WebhookFailure::NotReached {}, 0),
        Err(_) => Sent::Failed(WebhookFailure::NoAnswer {}, 0),
    }
}

fn headers(id: &str, at: UnixTime, signature: &str) -> Option<HeaderMap> {
    Some(HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ID, HeaderValue::from_str(id).ok()?),
        (TIMESTAMP, HeaderValue::from(at.seconds())),
        (SIGNATURE, HeaderValue::from_str(signature).ok()?),
    ]))
}

fn between(now: UnixTime, later: UnixTime) -> Duration {
    Duration::from_secs(later.seconds().saturating_sub(now.seconds()))
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("url", &self.inner.url).finish_non_exhaustive()
    }
}
