//! Accounts that the operator opens.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Query};
use farthing_http::problem::Problem;

use super::guard::Administrator;
use crate::control::{RegisteredQuery, RegisteredReport, RegistrationAnswer, RegistrationRequest, path};
use crate::mint::Mint;

/// The most accounts that are listed at once.
const LISTED: usize = 500;

pub(super) fn router() -> Router<Mint> {
    Router::new()
        .route(path::REGISTERED, get(registered))
        .route(path::OPEN_ACCOUNT, post(open))
        .route(path::CLOSE_ACCOUNT, post(close))
}

async fn registered(
    State(mint): State<Mint>,
    Query(RegisteredQuery { after, limit }): Query<RegisteredQuery>,
) -> Result<Json<RegisteredReport>, Problem> {
    let limit = limit.unwrap_or(100).min(LISTED);
    let accounts = mint.books().registered(after, limit).await.map_err(|error| error.code())?;
    Ok(Json(RegisteredReport { accounts, counts: mint.books().registers() }))
}

async fn open(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(RegistrationRequest { account }): Json<RegistrationRequest>,
) -> Result<Json<RegistrationAnswer>, Problem> {
    let was_open = mint.books().open_account(authority, account).await.map_err(|error| error.code())?;
    Ok(Json(RegistrationAnswer { was_open, counts: mint.books().registers() }))
}

async fn close(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(RegistrationRequest { account }): Json<RegistrationRequest>,
) -> Result<Json<RegistrationAnswer>, Problem> {
    let was_open = mint.books().close_account(authority, account).await.map_err(|error| error.code())?;
    Ok(Json(RegistrationAnswer { was_open, counts: mint.books().registers() }))
}
