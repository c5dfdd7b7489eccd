//! Copies of the ledger, in portions.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};
use farthing_protocol::codec::to_base64url;
use tokio::sync::Mutex;

use crate::backup::{BackupError, LedgerCopy};
use crate::control::{BeginCopyAnswer, BeginCopyRequest, CopyPortionAnswer, CopyPortionRequest, path};
use crate::mint::Mint;

/// The copy that is being taken, under its number.
#[derive(Clone, Default)]
struct Current(Arc<Mutex<(u64, Option<LedgerCopy>)>>);

pub(super) fn router() -> Router<Mint> {
    Router::new()
        .route(path::BEGIN_COPY, post(begin))
        .route(path::COPY_PORTION, post(portion))
        .layer(Extension(Current::default()))
}

async fn begin(
    State(mint): State<Mint>,
    Extension(current): Extension<Current>,
    Json(BeginCopyRequest {}): Json<BeginCopyRequest>,
) -> Json<BeginCopyAnswer> {
    let mut current = current.0.lock().await;
    // The old one ends before the new one begins.
    current.1 = None;
    current.0 = current.0.wrapping_add(1);
    let begun_at = mint.books().clock().now();
    current.1 = Some(mint.books().copy_ledger());
    Json(BeginCopyAnswer { copy: current.0, begun_at })
}

async fn portion(
    Extension(current): Extension<Current>,
    Json(CopyPortionRequest { copy }): Json<CopyPortionRequest>,
) -> Result<Json<CopyPortionAnswer>, Problem> {
    let mut current = current.0.lock().await;
    let over = || Problem::new(Code::NotFound).with_detail("There is no such copy any more: begin another one.");
    let taking = match &mut *current {
        (number, Some(taking)) if *number == copy => taking,
        _ => return Err(over()),
    };
    let portion = match taking.portion().await {
        Ok(portion) => portion,
        Err(error) => {
            current.1 = None;
            return Err(match error {
                BackupError::Ledger(error) => Problem::new(error.code()),
                _ => over(),
            });
        }
    };
    if portion.is_last {
        current.1 = None;
    }
    Ok(Json(CopyPortionAnswer { bytes: to_base64url(&portion.bytes), is_last: portion.is_last }))
}
