//! Payouts that account owners asked for.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Query};
use farthing_http::problem::{Code, Problem};

use super::guard::Administrator;
use crate::control::{PayoutsQuery, PayoutsReport, SettlePayoutsRequest, path};
use crate::ledger::PayoutError;
use crate::mint::Mint;
use crate::server::public::NOT_REGISTERED;

/// Refused payouts are forgotten a day after their time.
const WAIT_FOR_REFUSALS: Duration = Duration::from_secs(3600);

/// So many payouts are listed in one answer.
const LISTED: usize = 500;

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::PAYOUTS, get(payouts)).route(path::SETTLE_PAYOUTS, post(settle_payouts))
}

async fn payouts(
    State(mint): State<Mint>,
    Query(PayoutsQuery { all, after }): Query<PayoutsQuery>,
) -> Result<Json<PayoutsReport>, Problem> {
    let payouts = mint.books().payouts(all, after, LISTED).await.map_err(|error| error.code())?;
    let next = if payouts.len() < LISTED { None } else { payouts.last().map(|payout| payout.number) };
    Ok(Json(PayoutsReport { payouts, next }))
}

async fn settle_payouts(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(SettlePayoutsRequest { numbers, word }): Json<SettlePayoutsRequest>,
) -> Result<Json<PayoutsReport>, Problem> {
    if numbers.len() > LISTED {
        return Err(Problem::new(Code::BadRequest).with_detail("At most 500 payouts are settled at once."));
    }
    let payouts = mint.books().settle_payouts(authority, &numbers, word).await?;
    Ok(Json(PayoutsReport { payouts, next: None }))
}

impl From<PayoutError> for Problem {
    fn from(error: PayoutError) -> Self {
        match error {
            PayoutError::InvalidSignature => Self::new(Code::InvalidSignature),
            PayoutError::NotNow => Self::new(Code::RequestExpired)
                .with_detail("A payout must be asked for within a day of its time, and not before it."),
            PayoutError::OperationUsed => {
                Self::new(Code::FundingUsed).with_detail("The operation id was used for another payout.")
            }
            PayoutError::InsufficientFunds => Self::new(Code::InsufficientFunds),
            PayoutError::TooOften(error) => error.into(),
            PayoutError::UnknownAccount => Self::new(Code::UnknownAccount),
            PayoutError::TooManyRefused => Self::new(Code::RateLimited)
                .with_detail("Too many payouts of this account were refused within a day.")
                .with_retry_after(WAIT_FOR_REFUSALS),
            PayoutError::SecondFactor => Self::new(Code::SecondFactorRequired),
            PayoutError::Limit => Self::new(Code::LimitExceeded),
            PayoutError::NotRegistered => Self::new(Code::UnknownAccount).with_detail(NOT_REGISTERED),
            PayoutError::NotApproved => Self::new(Code::InvalidShape).with_detail("The payout was not approved."),
            PayoutError::Note => Self::new(Code::BadRequest)
                .with_detail("A reference or a reason has 1 to 256 bytes, none of them control characters."),
            PayoutError::Unknown => Self::new(Code::NotFound).with_detail("There is no payout with this number."),
            PayoutError::Settled => {
                Self::new(Code::FundingUsed).with_detail("The payout was settled otherwise before.")
            }
            PayoutError::Ledger(error) => Self::new(error.code()),
        }
    }
}
