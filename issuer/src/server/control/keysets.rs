//! Keysets: listed and made.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};

use super::guard::Administrator;
use crate::control::{KeysetsReport, NewKeysetAnswer, NewKeysetRequest, path};
use crate::mint::{KeysetChangeError, Mint};

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::KEYSETS, get(keysets)).route(path::NEW_KEYSET, post(new_keyset))
}

async fn keysets(State(mint): State<Mint>) -> Json<KeysetsReport> {
    Json(KeysetsReport { keysets: mint.keysets() })
}

async fn new_keyset(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(NewKeysetRequest {}): Json<NewKeysetRequest>,
) -> Result<Json<NewKeysetAnswer>, Problem> {
    Ok(Json(NewKeysetAnswer { keyset: mint.new_keyset_by(authority).await? }))
}

impl From<KeysetChangeError> for Problem {
    fn from(error: KeysetChangeError) -> Self {
        match error {
            KeysetChangeError::Home(_) => {
                tracing::error!("the folder could not be changed");
                Self::new(Code::Internal)
            }
            KeysetChangeError::Ledger(error) => Self::new(error.code()),
            KeysetChangeError::Signing(error) => error.into(),
        }
    }
}
