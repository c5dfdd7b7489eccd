//! Payouts that account owners asked for.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Query};
use farthing_http::problem::{Code, Problem};

use crate::control::{PayoutView, PayoutsQuery, PayoutsReport, SettlePayoutRequest, path};
use crate::ledger::PayoutError;
use crate::mint::Mint;

/// So many payouts are listed in one answer.
const LISTED: usize = 500;

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::PAYOUTS, get(payouts)).route(path::SETTLE_PAYOUT, post(settle_payout))
}

async fn payouts(
    State(mint): State<Mint>,
    Query(PayoutsQuery { all, after }): Query<PayoutsQuery>,
) -> Result<Json<PayoutsReport>, Problem> {
    let payouts = mint.books().payouts(all, after, LISTED).await.map_err(|error| error.code())?;
    let next = if payouts.len() < LISTED { None } else { payouts.last().map(|payout| payout.number) };
    Ok(Json(PayoutsReport { payouts, next }))
}

async fn settle_payout(
    State(mint): State<Mint>,
    Json(SettlePayoutRequest { number, paid }): Json<SettlePayoutRequest>,
) -> Result<Json<PayoutView>, Problem> {
    Ok(Json(mint.books().settle_payout(number, paid).await?))
}

impl From<PayoutError> for Problem {
    fn from(error: PayoutError) -> Self {
        match error {
            PayoutError::InvalidSignature => Self::new(Code::InvalidSignature),
            PayoutError::NotNow => {
                Self::new(Code::RequestExpired).with_detail("A payout must be asked for within a day of its time.")
            }
            PayoutError::OperationUsed => {
                Self::new(Code::FundingUsed).with_detail("The operation id was used for another payout.")
            }
            PayoutError::InsufficientFunds => Self::new(Code::InsufficientFunds),
            PayoutError::TooOften(error) => error.into(),
            PayoutError::Unknown => Self::new(Code::NotFound).with_detail("There is no payout with this number."),
            PayoutError::Settled => {
                Self::new(Code::FundingUsed).with_detail("The payout was settled otherwise before.")
            }
            PayoutError::Ledger(error) => Self::new(error.code()),
        }
    }
}
