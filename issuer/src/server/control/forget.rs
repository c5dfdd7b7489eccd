//! Accounts that are forgotten.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};

use super::guard::Administrator;
use crate::control::{ForgetAnswer, ForgetRequest, path};
use crate::ledger::{Erased, ForgetError};
use crate::mint::Mint;

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::FORGET, post(forget))
}

async fn forget(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(request): Json<ForgetRequest>,
) -> Result<Json<ForgetAnswer>, Problem> {
    // In a task of its own: it is many transactions.
    let work = tokio::spawn(async move { mint.books().forget_by(authority, request.account).await });
    let Erased { rows, is_payee } = work.await.map_err(|_| Code::Internal)??;
    Ok(Json(ForgetAnswer { rows, is_payee }))
}

impl From<ForgetError> for Problem {
    fn from(error: ForgetError) -> Self {
        match error {
            ForgetError::Holds => Self::new(Code::FundingUsed).with_detail("The account holds something."),
            ForgetError::Pending => Self::new(Code::FundingUsed).with_detail("A payout of the account is not settled."),
            ForgetError::Recent => {
                Self::new(Code::FundingUsed).with_detail("The account asked for a payout less than a day ago.")
            }
            ForgetError::Claims => Self::new(Code::FundingUsed)
                .with_detail("Claims of the account on tokens of a revoked keyset are not settled."),
            ForgetError::Ledger(error) => Self::new(error.code()),
        }
    }
}
