//! Figures for Prometheus. No serial, no id, no amount and no address is in them: labels are of the few values that stand here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use farthing_http::problem::{Code, Problem};
use farthing_http::server::{Limits, harden};
use farthing_protocol::amount::UnixTime;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::merchant::{Merchant, PayError};
use crate::service::{HEALTH, READY, health, ready};
use crate::store::StoreError;

/// Path of the figures.
pub const METRICS: &str = "/metrics";

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Label = [(&'static str, &'static str); 1];

/// The figures of one merchant. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    figures: Arc<Figures>,
}

struct Figures {
    registry: Registry,
    accepted: Family<Label, Counter>,
    refused: Family<Label, Counter>,
    double_spends: Counter,
    unknown: Counter,
    seconds: Family<Label, Histogram>,
    open: Gauge,
    at_work: Gauge,
    places: Gauge,
    writable: Gauge,
    list_current: Gauge,
    list_age: Gauge,
}

/// What is the case when figures are asked for.
pub(crate) struct Standing {
    /// Payments that are being worked on.
    pub(crate) at_work: usize,
    /// How many there may be.
    pub(crate) places: usize,
    /// Whether the records can be written.
    pub(crate) writable: bool,
    /// Whether the mint's list is valid.
    pub(crate) list_current: bool,
    /// When the list was signed.
    pub(crate) list_issued_at: Option<UnixTime>,
    pub(crate) now: UnixTime,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("farthing_verifier");
        let accepted = Family::default();
        registry.register("payments_accepted", "Payments accepted, by the door they came in by", accepted.clone());
        let refused = Family::default();
        registry.register("payments_refused", "Payments refused, by the code of the refusal", refused.clone());
        let double_spends = Counter::default();
        registry.register("double_spends", "Payments refused because a token was spent before", double_spends.clone());
        let unknown = Counter::default();
        let help = "Times that the outcome of a payment was not known when it was answered";
        registry.register("outcomes_unknown", help, unknown.clone());
        // 1 ms to 32 s.
        let seconds =
            Family::<Label, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 16)));
        registry.register("payment_seconds", "Time until a payment was answered, by its outcome", seconds.clone());
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let open = gauge("payments_open", "Payments whose outcome is not known, when it was last asked about");
        let at_work = gauge("payments_at_work", "Payments that are being worked on");
        let places = gauge("payments_at_work_limit", "Payments beyond which no more are begun");
        let writable = gauge("records_writable", "1 while the records can be written");
        let list_current = gauge("mint_list_current", "1 while the mint's signed list of keysets is valid");
        let list_age = gauge("mint_list_age_seconds", "Time since the mint signed the list that is known");
        let figures = Figures {
            registry,
            accepted,
            refused,
            double_spends,
            unknown,
            seconds,
            open,
            at_work,
            places,
            writable,
            list_current,
            list_age,
        };
        Self { figures: Arc::new(figures) }
    }
}

impl Metrics {
    /// A payment was accepted that was not before.
    pub(crate) fn accepted(&self, door: &'static str) {
        self.figures.accepted.get_or_create(&[("door", door)]).inc();
    }

    /// A payment was answered.
    pub(crate) fn answered<T>(&self, answer: Result<&T, &PayError>, took: Duration) {
        let outcome = match answer {
            Ok(_) => "accepted",
            Err(PayError::Store(StoreError::Unavailable)) => {
                self.figures.unknown.inc();
                "unknown"
            }
            Err(error) => {
                self.refused(error);
                "refused"
            }
        };
        self.figures.seconds.get_or_create(&[("outcome", outcome)]).observe(took.as_secs_f64());
    }

    /// A payment was refused, perhaps before it was begun.
    pub(crate) fn refused(&self, error: &PayError) {
        self.figures.refused.get_or_create(&[("code", error.code().as_str())]).inc();
        if matches!(error, PayError::DoubleSpend { .. }) {
            self.figures.double_spends.inc();
        }
    }

    /// So many payments have no known outcome.
    pub(crate) fn open(&self, count: usize) {
        self.figures.open.set(number(count));
    }

    /// All figures, as Prometheus reads them.
    pub(crate) fn to_text(&self, standing: &Standing) -> Result<String, fmt::Error> {
        let figures = &self.figures;
        figures.at_work.set(number(standing.at_work));
        figures.places.set(number(standing.places));
        figures.writable.set(standing.writable.into());
        figures.list_current.set(standing.list_current.into());
        let age = standing.list_issued_at.map(|at| standing.now.seconds().saturating_sub(at.seconds()));
        // Without a list there is no age: -1, which no age is.
        figures.list_age.set(age.map_or(-1, |age| i64::try_from(age).unwrap_or(i64::MAX)));
        let mut text = String::new();
        encode(&mut text, &figures.registry)?;
        Ok(text)
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `GET /metrics` alone, to be served beside other endpoints at a control socket.
pub(crate) fn metrics_route(merchant: Merchant) -> Router {
    Router::new().route(METRICS, get(metrics)).with_state(merchant)
}

/// `GET /metrics`, beside `/health` and `/ready`.
///
/// # Security
/// The figures tell how much business is done: they are to be served on an address of their own, not to payers.
pub fn metrics_router(merchant: Merchant) -> Router {
    let router = Router::new().route(METRICS, get(metrics)).route(HEALTH, get(health)).route(READY, get(ready));
    harden(router.with_state(merchant), Limits { concurrency: 8, ..Limits::default() })
}

async fn metrics(State(merchant): State<Merchant>) -> Result<Response, Problem> {
    figures_answer(merchant.figures())
}

/// The answer to whoever asks for figures, of any service.
///
/// # Errors
/// [`Code::Internal`] when there was no text.
pub fn figures_answer(text: Result<String, fmt::Error>) -> Result<Response, Problem> {
    let text = text.map_err(|_| Problem::new(Code::Internal))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
