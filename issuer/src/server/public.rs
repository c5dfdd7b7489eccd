use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use farthing_http::extract::{JSON, Json, OCTETS, Path};
use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::{
    AccountAnswer, AccountRequest, DepositAnswer, DepositRequest, FinishAnswer, FinishRequest, OpenAnswer, OpenRequest,
    mint_path,
};
use farthing_protocol::ids::KeysetId;

use crate::archive::Wanted;
use crate::mint::Mint;

pub(super) fn router(mint: Mint) -> Router {
    Router::new()
        .route(mint_path::KEYSETS, get(keysets))
        .route(mint_path::OPEN, post(open))
        .route(mint_path::FINISH, post(finish))
        .route(mint_path::DEPOSIT, post(deposit))
        .route(mint_path::ACCOUNT, post(account))
        .route(mint_path::ARCHIVE, get(archive))
        .route(mint_path::ISSUED, get(issued))
        .route(mint_path::SPENT, get(spent))
        .route("/health", get(health))
        .with_state(mint)
}

async fn keysets(State(mint): State<Mint>) -> Result<Response, Problem> {
    // In a task of its own: a list that is stored but not given out would be signed again for nothing.
    let body = tokio::spawn(async move { mint.keysets_answer().await });
    let body = body.await.map_err(|_| Code::Internal)?.map_err(|error| error.code())?;
    Ok(same_for_everyone(body, JSON, "no-store"))
}

async fn archive(State(mint): State<Mint>) -> Result<Response, Problem> {
    let body = mint.archive_answer().await?;
    Ok(same_for_everyone(body, JSON, "no-store"))
}

type FilePath = Path<(String, String, String)>;

async fn issued(State(mint): State<Mint>, Path(path): FilePath) -> Result<Response, Problem> {
    let (keyset, segment, prefix) = parse(&path).ok_or(Code::NotFound)?;
    file(mint, Wanted::Issued(keyset, segment, prefix)).await
}

async fn spent(State(mint): State<Mint>, Path(path): FilePath) -> Result<Response, Problem> {
    let (keyset, period, part) = parse(&path).ok_or(Code::NotFound)?;
    file(mint, Wanted::Spent(keyset, period, part)).await
}

async fn file(mint: Mint, wanted: Wanted) -> Result<Response, Problem> {
    // In a task of its own: a file that has to be made again is made to its end.
    let bytes = tokio::spawn(async move { mint.archive_file(wanted).await });
    let bytes = bytes.await.map_err(|_| Code::Internal)??.ok_or(Code::NotFound)?;
    Ok(same_for_everyone(bytes, OCTETS, "public, max-age=31536000, immutable"))
}

/// A keyset and two numbers, each in the one way to write it.
fn parse((keyset, first, second): &(String, String, String)) -> Option<(KeysetId, u32, u16)> {
    let (first_number, second_number): (u32, u16) = (first.parse().ok()?, second.parse().ok()?);
    let canonical = first_number.to_string() == *first && second_number.to_string() == *second;
    let keyset = KeysetId::from_text(keyset).ok()?;
    canonical.then_some((keyset, first_number, second_number))
}

fn same_for_everyone(body: Bytes, media_type: &'static str, cache: &'static str) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

async fn open(State(mint): State<Mint>, Json(request): Json<OpenRequest>) -> Result<Json<OpenAnswer>, Problem> {
    Ok(Json(mint.open_issuance(&request).await?))
}

async fn finish(State(mint): State<Mint>, Json(request): Json<FinishRequest>) -> Result<Json<FinishAnswer>, Problem> {
    Ok(Json(FinishAnswer { record: mint.finish(request.request).await? }))
}

async fn deposit(
    State(mint): State<Mint>,
    Json(request): Json<DepositRequest>,
) -> Result<Json<DepositAnswer>, Problem> {
    Ok(Json(DepositAnswer { outcomes: mint.deposit(request.deposits).await? }))
}

async fn account(
    State(mint): State<Mint>,
    Json(request): Json<AccountRequest>,
) -> Result<Json<AccountAnswer>, Problem> {
    Ok(Json(mint.answer_account(&request.query).await?))
}

/// 200 while the ledger takes jobs and the books are right.
async fn health(State(mint): State<Mint>) -> Response {
    if mint.books().is_healthy() { Json(serde_json::json!({ "ok": true })).into_response() } else { unavailable() }
}

fn unavailable() -> Response {
    Problem::new(Code::Unavailable).into_response()
}
