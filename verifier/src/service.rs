//! The payee's HTTP service.
//!
//! | listener | endpoints |
//! |---|---|
//! | public | `GET /v1/payee`, `POST /v1/pay`, `GET /v1/payments/{id}`, `GET /health` |
//! | control socket | `GET /v1/payee`, `POST /v1/invoices`, `GET /v1/payments?limit=` |
//!
//! Every refusal is a [`Problem`] with a stable code.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Path, Query};
use farthing_http::problem::{Code, Problem};
use farthing_http::server::{Limits, harden};
use farthing_protocol::api::{
    InvoiceAnswer, InvoiceRequest, PayAnswer, PayRequest, PayeeAnswer, PaymentAnswer, PaymentsAnswer, verifier_path,
};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::text::TextForm;
use serde::{Deserialize, Serialize};

use crate::merchant::Merchant;

/// Path of the health check, on both listeners: answers 200 while payments can be recorded.
pub const HEALTH: &str = "/health";

/// How many payments are listed unless a limit is given, and how many at most.
pub const LISTED: (usize, usize) = (50, 1000);

/// What [`HEALTH`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Whether payments can be recorded: always true, for otherwise the answer is a problem.
    pub ok: bool,
}

/// Endpoints for payers.
pub fn public_router(merchant: Merchant) -> Router {
    let router = Router::new()
        .route(verifier_path::PAYEE, get(payee))
        .route(verifier_path::PAY, post(pay))
        .route(verifier_path::PAYMENT, get(payment))
        .route(HEALTH, get(health));
    harden(router.with_state(merchant), Limits::default())
}

/// Endpoints for the payee alone.
///
/// # Security
/// MUST be served where nobody else can reach it: a control socket.
pub fn control_router(merchant: Merchant) -> Router {
    let router = Router::new()
        .route(verifier_path::PAYEE, get(payee))
        .route(verifier_path::INVOICES, post(invoice))
        .route(verifier_path::PAYMENTS, get(payments))
        .route(HEALTH, get(health));
    harden(router.with_state(merchant), Limits::default())
}

async fn payee(State(merchant): State<Merchant>) -> Result<Json<PayeeAnswer>, Problem> {
    Ok(Json(merchant.about()?))
}

async fn pay(State(merchant): State<Merchant>, Json(request): Json<PayRequest>) -> Result<Json<PayAnswer>, Problem> {
    // Runs on in a task of its own when the payer goes away.
    Ok(Json(PayAnswer { receipt: merchant.pay(request).await? }))
}

async fn payment(State(merchant): State<Merchant>, Path(id): Path<String>) -> Result<Json<PaymentAnswer>, Problem> {
    let id = PaymentId::from_text(&id)
        .map_err(|_| Problem::new(Code::BadRequest).with_detail("The path does not hold a payment id."))?;
    let receipt = merchant.payment(&id).await?;
    let receipt = receipt.ok_or(Problem::new(Code::NotFound).with_detail("No accepted payment has this id."))?;
    Ok(Json(PaymentAnswer { receipt }))
}

async fn invoice(
    State(merchant): State<Merchant>,
    Json(request): Json<InvoiceRequest>,
) -> Result<Json<InvoiceAnswer>, Problem> {
    let invoice = merchant.invoice(request)?;
    let text = invoice.to_text();
    Ok(Json(InvoiceAnswer { invoice, text }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    limit: Option<usize>,
}

async fn payments(
    State(merchant): State<Merchant>,
    Query(Listing { limit }): Query<Listing>,
) -> Result<Json<PaymentsAnswer>, Problem> {
    let (usual, most) = LISTED;
    let payments = merchant.payments(limit.unwrap_or(usual).min(most)).await?;
    Ok(Json(PaymentsAnswer { payments }))
}

async fn health(State(merchant): State<Merchant>) -> Result<Json<Health>, Problem> {
    if merchant.is_available() { Ok(Json(Health { ok: true })) } else { Err(Problem::new(Code::Unavailable)) }
}
