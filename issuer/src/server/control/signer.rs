//! The signer, where it is a process of its own.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};

use crate::control::{SignerReportAnswer, path};
use crate::mint::Mint;

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::SIGNER, get(report))
}

async fn report(State(mint): State<Mint>) -> Result<Json<SignerReportAnswer>, Problem> {
    let report = mint.signer_report().await?;
    let none = || Problem::new(Code::NotFound).with_detail("The mint holds its keys itself.");
    Ok(Json(report.ok_or_else(none)?))
}
