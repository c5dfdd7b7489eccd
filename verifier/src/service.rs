//! The payee's HTTP service.
//!
//! | listener | endpoints |
//! |---|---|
//! | public | `GET /v1/payee`, `GET /v1/recipient`, `POST /v1/pay`, `GET /v1/payments/{id}`, `GET /health`, `GET /ready`, and the x402 facilitator's under `/x402` |
//! | control socket | `GET /v1/payee`, `GET /v1/recipient`, `POST /v1/pay`, `POST /v1/invoices`, `GET /v1/payments`, `GET /v1/payments/{id}`, `POST /v1/refunds`, `POST /v1/refunds/end`, `GET /v1/webhooks`, `POST /v1/webhooks/retry`, `GET /health`, `GET /ready` |
//! | control socket, for locked tokens | `POST /v1/keysets`, `GET /v1/locked`, `POST /v1/locked/deposit` |
//!
//! Both serve their description at `GET /openapi.json`. Every refusal is a [`Problem`] with a stable code.

mod locked;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use farthing_http::extract::{Json, Path, Query};
use farthing_http::problem::{Code, Problem};
use farthing_http::server::{Limits, harden};
use farthing_openapi::{Api, Document, Input, Operation, Shelf, object};
use farthing_protocol::api::{
    InvoiceAnswer, InvoiceRequest, PayAnswer, PayRequest, PayeeAnswer, PaymentAnswer, PaymentsAnswer, PaymentsQuery,
    RefundAnswer, RefundEndRequest, RefundRequest, WebhookRetryAnswer, WebhookRetryRequest, WebhooksAnswer,
    WebhooksQuery, verifier_path,
};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::text::TextForm;
use serde::{Deserialize, Serialize};

use crate::facilitator;
use crate::merchant::{LISTED, Merchant};

pub use locked::answer as locked_answer;
pub use locked::claims_answer as locked_claims;
pub use locked::credited_answer as credited_claims;

/// Path of the health check, on both listeners: answers 200 while payments can be recorded.
pub const HEALTH: &str = "/health";

/// Path of the readiness check, on both listeners: answers 200 while payments can be recorded **and** the mint's list is current, so that
/// invoices can be made and payments be judged.
pub const READY: &str = "/ready";

/// What [`HEALTH`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Whether payments can be recorded: always true, for otherwise the answer is a problem.
    pub ok: bool,
}

/// What [`READY`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Whether it is so: always true, for otherwise the answer is a problem that says why not.
    pub ready: bool,
}

/// Endpoints for payers.
pub fn public_router(merchant: Merchant) -> Router {
    let (router, _) = public_api().finish();
    harden(router.with_state(merchant), Limits::default())
}

/// Endpoints for the payee alone.
///
/// # Security
/// MUST be served where nobody else can reach it: a control socket.
pub fn control_router(merchant: Merchant) -> Router {
    let (router, _) = control_api().finish();
    harden(router.with_state(merchant), Limits::default())
}

/// What [`public_router`] serves, as OpenAPI.
pub fn public_document() -> Document {
    public_api().finish().1
}

/// What [`control_router`] serves, as OpenAPI.
pub fn control_document() -> Document {
    control_api().finish().1
}

fn public_api() -> Api<Merchant> {
    let about = "Where payers pay. Every endpoint can be asked again without harm; `/v1/pay` answers the same payment with the \
                 same receipt.";
    let api = Api::new("Farthing verifier", about)
        .get(verifier_path::PAYEE, payee, about_payee())
        .get(verifier_path::RECIPIENT, locked::recipient, locked::about_recipient())
        .post(verifier_path::PAY, pay, about_pay())
        .get(verifier_path::PAYMENT, payment, about_payment())
        .get(HEALTH, health, about_health())
        .get(READY, ready, about_ready());
    facilitator::add(api)
}

fn control_api() -> Api<Merchant> {
    let about = "The payee's own endpoints, on the socket in the verifier's folder.";
    Api::new("Farthing verifier, control", about)
        .get(verifier_path::PAYEE, payee, about_payee())
        .get(verifier_path::RECIPIENT, locked::recipient, locked::about_recipient())
        .post(verifier_path::PAY, pay, about_pay())
        .post(verifier_path::INVOICES, invoice, about_invoice())
        .get(verifier_path::PAYMENTS, payments, about_payments())
        .get(verifier_path::PAYMENT, payment, about_payment())
        .post(verifier_path::REFUNDS, begin_refund, about_refund())
        .post(verifier_path::REFUNDS_END, end_refund, about_refund_end())
        .get(verifier_path::WEBHOOKS, webhooks, about_webhooks())
        .post(verifier_path::WEBHOOKS_RETRY, retry_webhooks, about_webhooks_retry())
        .post(verifier_path::KEYSETS, locked::keysets, locked::about_keysets())
        .get(verifier_path::LOCKED, locked::locked, locked::about_locked())
        .post(verifier_path::LOCKED_DEPOSIT, locked::deposit, locked::about_deposit())
        .get(verifier_path::LOCKED_CLAIMS, locked::claims, locked::about_claims())
        .post(verifier_path::CREDITED_CLAIMS, locked::credited, locked::about_credited())
        .get(HEALTH, health, about_health())
        .get(READY, ready, about_ready())
}

fn about_payee() -> Operation {
    Operation::new("payee", "Who is paid, and with which mints' tokens.").refuses(&[
        Code::UnknownMint,
        Code::UnknownKeyset,
        Code::ListOutdated,
        Code::ClockBehind,
    ])
}

fn about_pay() -> Operation {
    Operation::new("pay", "Pays, and has the payment accepted.")
        .about(
            "Asked again with the same payment it gives the same receipt. As long as the outcome is not known, the payment \
             may have been accepted: send the same bytes again. A refusal by the mint that clears is passed on with its code.",
        )
        .refuses(PAY_REFUSALS)
}

/// What the checks, the stores and a mint that clears refuse with.
const PAY_REFUSALS: &[Code] = &[
    Code::UnsupportedKind,
    Code::UnknownMint,
    Code::UnknownKeyset,
    Code::KeysetEnded,
    Code::NotDecidedHere,
    Code::OfflineLimit,
    Code::ListOutdated,
    Code::WrongPayee,
    Code::WrongRequest,
    Code::InvalidSignature,
    Code::RequestExpired,
    Code::ClockBehind,
    Code::ClockAhead,
    Code::InvalidShape,
    Code::InvalidProof,
    Code::RequestTaken,
    Code::DoubleSpend,
    Code::AcceptedElsewhere,
    Code::AmountOutOfRange,
];

fn about_payment() -> Operation {
    Operation::new("payment", "The receipt of a payment that was accepted.")
        .parameter::<PaymentId>("id", "Which payment.")
        .refuses(&[Code::NotFound])
}

fn about_invoice() -> Operation {
    Operation::new("invoice", "Makes and signs an invoice.").refuses(&[
        Code::AmountOutOfRange,
        Code::InvalidShape,
        Code::UnknownKeyset,
        Code::UnknownMint,
        Code::ListOutdated,
        Code::ClockBehind,
    ])
}

fn about_payments() -> Operation {
    Operation::new("payments", "Lists accepted payments, newest first.")
        .about("An answer with `next` is not the end, however few there are in it.")
}

fn about_refund() -> Operation {
    Operation::new("beginRefund", "Puts a refund on record, before a wallet pays it.")
        .about("The same one again goes on. What is refused must not be paid.")
        .refuses(&[
            Code::NotFound,
            Code::InvalidSignature,
            Code::WrongRequest,
            Code::AmountOutOfRange,
            Code::RequestExpired,
            Code::RequestTaken,
        ])
}

fn about_refund_end() -> Operation {
    Operation::new("endRefund", "Says that a refund was paid; or that it was not begun, and is off the record.")
        .refuses(&[Code::UnknownRequest])
}

fn about_webhooks() -> Operation {
    Operation::new("webhooks", "Lists events that were not delivered, in the order of their payments' ids.")
}

fn about_webhooks_retry() -> Operation {
    Operation::new("retryWebhooks", "Sends events again that were not delivered.").refuses(&[Code::NotFound])
}

fn about_health() -> Operation {
    Operation::new("health", "Whether payments can be recorded.")
}

fn about_ready() -> Operation {
    Operation::new("ready", "Whether payments can be recorded and judged, and invoices be made.").about(
        "That is while the records can be written and the mint's list of keysets is current. Send payers here while it is so.",
    )
}

async fn payee(State(merchant): State<Merchant>) -> Result<Json<PayeeAnswer>, Problem> {
    Ok(Json(merchant.about()?))
}

/// There was room for one more payment before anything of it was read.
struct Room;

impl FromRequestParts<Merchant> for Room {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, merchant: &Merchant) -> Result<Self, Problem> {
        if merchant.is_busy() { Err(Problem::new(Code::Overloaded)) } else { Ok(Self) }
    }
}

/// Every service can be overloaded.
impl Input for Room {
    fn describe(_: &mut Shelf, _: &mut farthing_openapi::Parts) {}
}

async fn pay(
    State(merchant): State<Merchant>,
    _: Room,
    Json(request): Json<PayRequest>,
) -> Result<Json<PayAnswer>, Problem> {
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

object! {
    /// The service can work.
    Health {
        /// Always true: otherwise the answer is a problem.
        ok: bool,
    }

    /// The service does all its work.
    Ready {
        /// Always true: otherwise the answer is a problem that says why not.
        ready: bool,
    }
}

async fn payments(
    State(merchant): State<Merchant>,
    Query(query): Query<PaymentsQuery>,
) -> Result<Json<PaymentsAnswer>, Problem> {
    Ok(Json(merchant.books().payments(query).await?))
}

async fn begin_refund(
    State(merchant): State<Merchant>,
    Json(refund): Json<RefundRequest>,
) -> Result<Json<RefundAnswer>, Problem> {
    Ok(Json(merchant.begin_refund(refund).await?))
}

async fn end_refund(
    State(merchant): State<Merchant>,
    Json(RefundEndRequest { payment, request, paid }): Json<RefundEndRequest>,
) -> Result<Json<RefundAnswer>, Problem> {
    Ok(Json(merchant.books().end_refund(payment, request, paid).await?))
}

async fn webhooks(
    State(merchant): State<Merchant>,
    Query(WebhooksQuery { after, limit }): Query<WebhooksQuery>,
) -> Result<Json<WebhooksAnswer>, Problem> {
    let (usual, most) = LISTED;
    Ok(Json(merchant.books().webhooks(after, limit.unwrap_or(usual).min(most)).await?))
}

async fn retry_webhooks(
    State(merchant): State<Merchant>,
    Json(WebhookRetryRequest { payment }): Json<WebhookRetryRequest>,
) -> Result<Json<WebhookRetryAnswer>, Problem> {
    Ok(Json(WebhookRetryAnswer { retried: merchant.retry_webhooks(payment).await? }))
}

pub(crate) async fn health(State(merchant): State<Merchant>) -> Result<Json<Health>, Problem> {
    if merchant.is_available() { Ok(Json(Health { ok: true })) } else { Err(Problem::new(Code::Unavailable)) }
}

pub(crate) async fn ready(State(merchant): State<Merchant>) -> Result<Json<Ready>, Problem> {
    match merchant.is_ready() {
        Ok(()) => Ok(Json(Ready { ready: true })),
        Err(why) => Err(Problem::new(Code::Unavailable).with_detail(why)),
    }
}
