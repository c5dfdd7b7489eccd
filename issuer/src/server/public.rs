use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use farthing_http::extract::{JSON, Json};
use farthing_http::problem::Problem;
use farthing_protocol::api::{
    AccountAnswer, AccountRequest, DepositAnswer, DepositRequest, FinishAnswer, FinishRequest, OpenAnswer, OpenRequest,
    mint_path,
};

use crate::mint::Mint;

pub(super) fn router(mint: Mint) -> Router {
    Router::new()
        .route(mint_path::KEYSETS, get(keysets))
        .route(mint_path::OPEN, post(open))
        .route(mint_path::FINISH, post(finish))
        .route(mint_path::DEPOSIT, post(deposit))
        .route(mint_path::ACCOUNT, post(account))
        .route("/health", get(health))
        .with_state(mint)
}

async fn keysets(State(mint): State<Mint>) -> Result<Response, Problem> {
    // In a task of its own: a list that is stored but not given out would be signed again for nothing.
    let body = tokio::spawn(async move { mint.keysets_answer().await });
    let body = body.await.map_err(|_| farthing_http::problem::Code::Internal)?.map_err(|error| error.code())?;
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn open(State(mint): State<Mint>, Json(request): Json<OpenRequest>) -> Result<Json<OpenAnswer>, Problem> {
    Ok(Json(mint.open_issuance(&request).await?))
}

async fn finish(State(mint): State<Mint>, Json(request): Json<FinishRequest>) -> Result<Json<FinishAnswer>, Problem> {
    Ok(Json(FinishAnswer { record: mint.finish(request.request).await? }))
}

async fn deposit(
    State(mint): State<Mint>,
    Json(request): Json<DepositRequest>,
) -> Result<Json<DepositAnswer>, Problem> {
    Ok(Json(DepositAnswer { outcomes: mint.deposit(request.deposits).await? }))
}

async fn account(
    State(mint): State<Mint>,
    Json(request): Json<AccountRequest>,
) -> Result<Json<AccountAnswer>, Problem> {
    Ok(Json(mint.answer_account(&request.query).await?))
}

/// 200 while the ledger takes jobs and the books are right.
async fn health(State(mint): State<Mint>) -> Response {
    if mint.books().is_healthy() { Json(serde_json::json!({ "ok": true })).into_response() } else { unavailable() }
}

fn unavailable() -> Response {
    Problem::new(farthing_http::problem::Code::Unavailable).into_response()
}
