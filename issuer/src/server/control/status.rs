//! How the mint stands.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use farthing_http::extract::Json;

use crate::control::{StatusReport, path};
use crate::mint::Mint;

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::STATUS, get(status))
}

async fn status(State(mint): State<Mint>) -> Json<StatusReport> {
    Json(mint.status())
}
