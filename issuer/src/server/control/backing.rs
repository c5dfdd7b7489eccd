//! What the operator holds against what the mint owes.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use farthing_http::extract::Json;
use farthing_http::problem::Problem;

use super::guard::Administrator;
use crate::control::{BackingReport, BackingRequest, path};
use crate::mint::Mint;

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::BACKING, get(backing).post(declare))
}

async fn backing(State(mint): State<Mint>) -> Result<Json<BackingReport>, Problem> {
    Ok(Json(mint.books().backing().await.map_err(|error| error.code())?))
}

async fn declare(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(BackingRequest { amount }): Json<BackingRequest>,
) -> Result<Json<BackingReport>, Problem> {
    Ok(Json(mint.books().declare_backing_by(authority, amount).await.map_err(|error| error.code())?))
}
