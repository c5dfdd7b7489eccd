//! Revoking a keyset, and what becomes of its honest tokens.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};

use super::guard::Administrator;
use crate::control::{CloseRecoupRequest, CoverAnswer, CoverRequest, RecoupsReport, RevokeAnswer, RevokeRequest, path};
use crate::mint::Mint;
use crate::recoup::{Leak, Revoked};

pub(super) fn router() -> Router<Mint> {
    Router::new()
        .route(path::REVOKE, post(revoke))
        .route(path::RECOUPS, get(recoups))
        .route(path::COVER_RECOUP, post(cover_recoup))
        .route(path::CLOSE_RECOUP, post(close_recoup))
}

async fn revoke(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(request): Json<RevokeRequest>,
) -> Result<Json<RevokeAnswer>, Problem> {
    let RevokeRequest { keyset, leaked_since, claims_seconds } = request;
    let leak = Leak { since: leaked_since, window: claims_seconds.unwrap_or(Leak::default().window) };
    // In a task of its own: the ledger's word and the memory's must not part.
    let work = tokio::spawn(async move { mint.books().revoke_by(authority, keyset, leak).await });
    let Revoked { revoked_at, leaked_since, claims_until } = work.await.map_err(|_| Code::Internal)??;
    Ok(Json(RevokeAnswer { revoked_at, leaked_since, claims_until }))
}

async fn recoups(State(mint): State<Mint>) -> Result<Json<RecoupsReport>, Problem> {
    Ok(Json(RecoupsReport { recoups: mint.books().recoup_reports().await.map_err(|error| error.code())? }))
}

async fn cover_recoup(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(request): Json<CoverRequest>,
) -> Result<Json<CoverAnswer>, Problem> {
    Ok(Json(mint.books().cover_recoup_by(authority, request).await?))
}

async fn close_recoup(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(CloseRecoupRequest { keyset }): Json<CloseRecoupRequest>,
) -> Result<Json<RecoupsReport>, Problem> {
    mint.books().close_recoup_by(authority, keyset).await?;
    recoups(State(mint)).await
}
