//! Keysets: listed, made, revoked.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};

use crate::control::{KeysetsReport, NewKeysetAnswer, NewKeysetRequest, RevokeAnswer, RevokeRequest, path};
use crate::mint::{KeysetChangeError, Mint};

pub(super) fn router() -> Router<Mint> {
    Router::new()
        .route(path::KEYSETS, get(keysets))
        .route(path::NEW_KEYSET, post(new_keyset))
        .route(path::REVOKE, post(revoke))
}

async fn keysets(State(mint): State<Mint>) -> Json<KeysetsReport> {
    Json(KeysetsReport { keysets: mint.keysets() })
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

impl From<KeysetChangeError> for Problem {
    fn from(error: KeysetChangeError) -> Self {
        match error {
            KeysetChangeError::UnknownKeyset => Self::new(Code::UnknownKeyset),
            KeysetChangeError::Home(_) => {
                tracing::error!("the folder could not be changed");
                Self::new(Code::Internal)
            }
            KeysetChangeError::Ledger(error) => Self::new(error.code()),
            KeysetChangeError::Signing(error) => Self::new(error.code()),
        }
    }
}
