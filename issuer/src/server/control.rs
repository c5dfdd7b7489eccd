use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Path, Query};
use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::AccountAnswer;
use farthing_protocol::identity::AccountKey;

use crate::control::{
    KeysetsReport, MoneyAnswer, MoneyRequest, NewKeysetAnswer, NewKeysetRequest, PayoutView, PayoutsQuery,
    PayoutsReport, RevokeAnswer, RevokeRequest, SettlePayoutRequest, path,
};
use crate::ledger::{AuditReport, Credited, MovementError, PayoutError};
use crate::mint::{KeysetChangeError, Mint};

/// So many payouts are listed in one answer.
const LISTED: usize = 500;

pub(super) fn router(mint: Mint) -> Router {
    Router::new()
        .route(path::CREDIT, post(credit))
        .route(path::PAY_OUT, post(pay_out))
        .route(path::AUDIT, get(audit))
        .route(path::KEYSETS, get(keysets))
        .route(path::ACCOUNT, get(account))
        .route(path::PAYOUTS, get(payouts))
        .route(path::SETTLE_PAYOUT, post(settle_payout))
        .route(path::NEW_KEYSET, post(new_keyset))
        .route(path::REVOKE, post(revoke))
        .with_state(mint)
}

async fn credit(State(mint): State<Mint>, Json(request): Json<MoneyRequest>) -> Result<Json<MoneyAnswer>, Problem> {
    let MoneyRequest { account, amount, reference } = request;
    Ok(Json(mint.credit(account, amount, reference).await.map(answer)?))
}

async fn pay_out(State(mint): State<Mint>, Json(request): Json<MoneyRequest>) -> Result<Json<MoneyAnswer>, Problem> {
    let MoneyRequest { account, amount, reference } = request;
    Ok(Json(mint.books().pay_out(account, amount, reference).await.map(answer)?))
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

async fn audit(State(mint): State<Mint>) -> Result<Json<AuditReport>, Problem> {
    Ok(Json(mint.audit().await.map_err(|error| error.code())?))
}

async fn keysets(State(mint): State<Mint>) -> Json<KeysetsReport> {
    Json(KeysetsReport { keysets: mint.keysets() })
}

async fn account(State(mint): State<Mint>, Path(account): Path<AccountKey>) -> Result<Json<AccountAnswer>, Problem> {
    Ok(Json(mint.account(&account).await.map_err(|error| error.code())?))
}

async fn new_keyset(
    State(mint): State<Mint>,
    Json(NewKeysetRequest {}): Json<NewKeysetRequest>,
) -> Result<Json<NewKeysetAnswer>, Problem> {
    Ok(Json(NewKeysetAnswer { keyset: mint.new_keyset().await? }))
}

async fn revoke(State(mint): State<Mint>, Json(request): Json<RevokeRequest>) -> Result<Json<RevokeAnswer>, Problem> {
    // In a task of its own: the ledger's word and the memory's must not part.
    let work = tokio::spawn(async move { mint.revoke(request.keyset).await });
    Ok(Json(RevokeAnswer { revoked_at: work.await.map_err(|_| Code::Internal)?? }))
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
            MovementError::InsufficientFunds => Self::new(Code::InsufficientFunds),
            MovementError::Ledger(error) => Self::new(error.code()),
        }
    }
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
            PayoutError::Unknown => Self::new(Code::NotFound).with_detail("There is no payout with this number."),
            PayoutError::Settled => {
                Self::new(Code::FundingUsed).with_detail("The payout was settled otherwise before.")
            }
            PayoutError::Ledger(error) => Self::new(error.code()),
        }
    }
}

impl From<KeysetChangeError> for Problem {
    fn from(error: KeysetChangeError) -> Self {
        match error {
            KeysetChangeError::UnknownKeyset => Self::new(Code::UnknownKeyset),
            KeysetChangeError::Home(_) => {
                tracing::error!("the folder could not be changed");
                Self::new(Code::Internal)
            }
            KeysetChangeError::Ledger(error) => Self::new(error.code()),
        }
    }
}
