//! Keysets whose keys somebody else signs with.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};

use super::guard::Administrator;
use crate::control::{DismissForgeryAnswer, DismissForgeryRequest, path};
use crate::mint::Mint;

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::DISMISS_FORGERY, post(dismiss))
}

async fn dismiss(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(DismissForgeryRequest { keyset }): Json<DismissForgeryRequest>,
) -> Result<Json<DismissForgeryAnswer>, Problem> {
    // In a task of its own: the ledger's word and the memory's must not part.
    let work = tokio::spawn(async move { mint.books().dismiss_forgery(authority, keyset).await });
    let dismissed = work.await.map_err(|_| Code::Internal)?.map_err(|error| error.code())?;
    Ok(Json(DismissForgeryAnswer { dismissed }))
}
