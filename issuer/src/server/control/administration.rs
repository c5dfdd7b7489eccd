//! The administrator's second factor, and the journal.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Query};
use farthing_http::problem::Problem;
use farthing_protocol::api::Enrolment;

use super::guard::Administrator;
use crate::control::{
    AdministratorReport, ConfirmRequest, JournalCheck, JournalCheckQuery, JournalQuery, JournalReport, Nothing,
    RecoveryCodesAnswer, ResetFactorAnswer, ResetFactorRequest, path,
};
use crate::mint::Mint;

/// So many entries are listed in one answer.
const LISTED: usize = 500;

pub(super) fn router() -> Router<Mint> {
    Router::new()
        .route(path::ADMINISTRATOR, get(administrator))
        .route(path::ADMINISTRATOR_DRAW, post(draw))
        .route(path::ADMINISTRATOR_CONFIRM, post(confirm))
        .route(path::ADMINISTRATOR_CODES, post(codes))
        .route(path::ADMINISTRATOR_REMOVE, post(remove))
        .route(path::RESET_FACTOR, post(reset_factor))
        .route(path::JOURNAL, get(journal))
        .route(path::JOURNAL_CHECK, get(check))
}

async fn administrator(State(mint): State<Mint>) -> Result<Json<AdministratorReport>, Problem> {
    Ok(Json(mint.books().administrator().await.map_err(|error| error.code())?))
}

async fn draw(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Json<Enrolment>, Problem> {
    Ok(Json(mint.books().draw_administrator(authority).await?))
}

async fn confirm(
    State(mint): State<Mint>,
    Json(ConfirmRequest { code }): Json<ConfirmRequest>,
) -> Result<Json<Nothing>, Problem> {
    mint.books().confirm_administrator(code).await?;
    Ok(Json(Nothing {}))
}

async fn codes(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Json<RecoveryCodesAnswer>, Problem> {
    Ok(Json(RecoveryCodesAnswer { recovery_codes: mint.books().renew_administrator_codes(authority).await? }))
}

async fn remove(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Json<Nothing>, Problem> {
    mint.books().remove_administrator(authority).await?;
    Ok(Json(Nothing {}))
}

async fn reset_factor(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(ResetFactorRequest { account }): Json<ResetFactorRequest>,
) -> Result<Json<ResetFactorAnswer>, Problem> {
    let removed = mint.books().reset_account(authority, account).await.map_err(|error| error.code())?;
    Ok(Json(ResetFactorAnswer { removed }))
}

async fn journal(
    State(mint): State<Mint>,
    Query(JournalQuery { before, limit }): Query<JournalQuery>,
) -> Result<Json<JournalReport>, Problem> {
    let limit = limit.unwrap_or(100).min(LISTED);
    Ok(Json(mint.books().journal(before, limit).await.map_err(|error| error.code())?))
}

async fn check(
    State(mint): State<Mint>,
    Query(JournalCheckQuery { link }): Query<JournalCheckQuery>,
) -> Result<Json<JournalCheck>, Problem> {
    Ok(Json(mint.books().check_journal(link).await.map_err(|error| error.code())?))
}
