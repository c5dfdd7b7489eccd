//! Money from and to the outside, balances, and the books.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Path};
use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::AccountAnswer;
use farthing_protocol::identity::AccountKey;

use super::guard::Administrator;
use crate::control::{MoneyAnswer, MoneyRequest, path};
use crate::ledger::{AuditReport, Credited, MovementError};
use crate::mint::Mint;

pub(super) fn router() -> Router<Mint> {
    Router::new()
        .route(path::CREDIT, post(credit))
        .route(path::PAY_OUT, post(pay_out))
        .route(path::AUDIT, get(audit))
        .route(path::ACCOUNT, get(account))
}

async fn credit(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(request): Json<MoneyRequest>,
) -> Result<Json<MoneyAnswer>, Problem> {
    let MoneyRequest { account, amount, reference } = request;
    Ok(Json(mint.books().credit_by(authority, account, amount, reference).await.map(answer)?))
}

async fn pay_out(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(request): Json<MoneyRequest>,
) -> Result<Json<MoneyAnswer>, Problem> {
    let MoneyRequest { account, amount, reference } = request;
    Ok(Json(mint.books().pay_out_by(authority, account, amount, reference).await.map(answer)?))
}

async fn audit(State(mint): State<Mint>) -> Result<Json<AuditReport>, Problem> {
    Ok(Json(mint.audit().await.map_err(|error| error.code())?))
}

async fn account(State(mint): State<Mint>, Path(account): Path<AccountKey>) -> Result<Json<AccountAnswer>, Problem> {
    Ok(Json(mint.account(&account).await.map_err(|error| error.code())?))
}

fn answer(Credited { balance, known }: Credited) -> MoneyAnswer {
    MoneyAnswer { balance, known }
}

impl From<MovementError> for Problem {
    fn from(error: MovementError) -> Self {
        match error {
            MovementError::Zero => Self::new(Code::AmountOutOfRange).with_detail("The amount is zero."),
            MovementError::Reference => {
                Self::new(Code::BadRequest).with_detail("The reference must have 1 to 128 bytes.")
            }
            MovementError::ReferenceUsed => {
                Self::new(Code::FundingUsed).with_detail("The reference was used for another account or amount.")
            }
            MovementError::ReferenceErased => Self::new(Code::FundingUsed)
                .with_detail("The reference was used before, and for what is not kept any more."),
            MovementError::InsufficientFunds => Self::new(Code::InsufficientFunds),
            MovementError::BalanceLimit => Self::new(Code::LimitExceeded),
            MovementError::Ledger(error) => Self::new(error.code()),
        }
    }
}
