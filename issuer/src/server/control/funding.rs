//! What a payment processor reported.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Query};
use farthing_http::problem::{Code, Problem};

use super::guard::Administrator;
use crate::control::{AssignIncomeRequest, IncomeQuery, IncomeReport, IncomeView, Nothing, path};
use crate::funding::WebhookSecretError;
use crate::ledger::IncomeError;
use crate::mint::Mint;

/// So many payments are listed in one answer.
const LISTED: usize = 500;

pub(super) fn router() -> Router<Mint> {
    Router::new()
        .route(path::INCOME, get(income))
        .route(path::ASSIGN_INCOME, post(assign))
        .route(path::WEBHOOK_SECRET, post(webhook_secret))
}

async fn income(
    State(mint): State<Mint>,
    Query(IncomeQuery { all, after }): Query<IncomeQuery>,
) -> Result<Json<IncomeReport>, Problem> {
    let payments = mint.books().incomes(all, after, LISTED).await.map_err(|error| error.code())?;
    let next = if payments.len() < LISTED { None } else { payments.last().map(|payment| payment.number) };
    Ok(Json(IncomeReport { payments, next }))
}

async fn assign(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(AssignIncomeRequest { number, account }): Json<AssignIncomeRequest>,
) -> Result<Json<IncomeView>, Problem> {
    Ok(Json(mint.books().release_income_by(authority, number, account).await?))
}

/// The secret itself stays in its file.
async fn webhook_secret(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Json<Nothing>, Problem> {
    let work = tokio::spawn(async move { mint.books().new_webhook_secret(authority).await.map(drop) });
    work.await.map_err(|_| Code::Internal)??;
    Ok(Json(Nothing {}))
}

impl From<WebhookSecretError> for Problem {
    fn from(error: WebhookSecretError) -> Self {
        match error {
            WebhookSecretError::Ledger(error) => Self::new(error.code()),
            error @ (WebhookSecretError::Io(..)
            | WebhookSecretError::ReadableByOthers(_)
            | WebhookSecretError::Secrets(..)) => {
                tracing::error!(%error, "no secret was made for the payment processor");
                Self::new(Code::Internal)
                    .with_detail("The file of the payment processor's secrets cannot be read or written.")
            }
        }
    }
}

impl From<IncomeError> for Problem {
    fn from(error: IncomeError) -> Self {
        match error {
            IncomeError::Zero => Self::new(Code::AmountOutOfRange).with_detail("The amount is zero."),
            IncomeError::Text => {
                Self::new(Code::BadRequest).with_detail("The id must be plain text of 1 to 128 bytes.")
            }
            IncomeError::IdUsed => {
                Self::new(Code::FundingUsed).with_detail("The id was reported with another amount or quote.")
            }
            IncomeError::Unknown => Self::new(Code::NotFound).with_detail("There is no payment with this number."),
            IncomeError::NotHeld => Self::new(Code::FundingUsed).with_detail("The payment is not held any more."),
            IncomeError::Ledger(error) => Self::new(error.code()),
        }
    }
}
