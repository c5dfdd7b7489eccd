use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use farthing_http::extract::{Binary, Json, Path};
use farthing_http::problem::{Code, Problem};
use farthing_http::server::{Limits, harden};
use farthing_openapi::{Api, Document, Encoded, Operation};
use farthing_protocol::api::{
    AccountAnswer, AccountRequest, ArchiveAnswer, DepositAnswer, DepositRequest, FinishAnswer, FinishRequest,
    KeysetsAnswer, OpenAnswer, OpenRequest, PayoutAnswer, PayoutCall, PermitAnswer, PermitCall, QuoteAnswer, QuoteCall,
    RecoupAnswer, RecoupCall, RecoupsAnswer, SettingsAnswer, SettingsCall, mint_path,
};
use farthing_protocol::ids::KeysetId;
use farthing_verifier::service::{HEALTH, Health, READY, Ready};

use crate::archive::Wanted;
use crate::ledger::QuoteError;
use crate::mint::Mint;
use crate::watchdog::Alarm;

/// A mint's public endpoints, with the limits that requests have.
pub fn public_router(mint: Mint) -> Router {
    let (router, _) = api().finish();
    let router = router.layer(from_fn_with_state(mint.clone(), heed)).with_state(mint);
    harden(router, Limits::default())
}

/// Counts a request before anything of its body is read. Whoever watches the mint is not counted.
async fn heed(State(mint): State<Mint>, request: Request, next: Next) -> Response {
    let counted = !matches!(request.uri().path(), HEALTH | READY);
    match counted.then(|| mint.heed_anybody()) {
        Some(Err(error)) => Problem::from(error).into_response(),
        Some(Ok(())) | None => next.run(request).await,
    }
}

/// What [`public_router`] serves, as OpenAPI.
pub fn public_document() -> Document {
    api().finish().1
}

fn api() -> Api<Mint> {
    let about = "Issues tokens without seeing them, and clears payments. Every endpoint can be asked again without harm; the \
                 same request for an issuance, or the same deposit, is answered the same.";
    Api::new("Farthing mint", about)
        .get(mint_path::KEYSETS, keysets, about_keysets())
        .post(mint_path::OPEN, open, about_open())
        .post(mint_path::FINISH, finish, about_finish())
        .post(mint_path::DEPOSIT, deposit, about_deposit())
        .post(mint_path::ACCOUNT, account, about_account())
        .post(mint_path::SETTINGS, settings, about_settings())
        .post(mint_path::PERMIT, permit, about_permit())
        .post(mint_path::PAYOUT, payout, about_payout())
        .get(mint_path::RECOUPS, recoups, about_recoups())
        .post(mint_path::RECOUP_CLAIM, recoup, about_recoup())
        .post(mint_path::QUOTE, quote, about_quote())
        .get(mint_path::ARCHIVE, archive, about_archive())
        .get(mint_path::ISSUED, issued, about_issued())
        .get(mint_path::SPENT, spent, about_spent())
        .get(HEALTH, health, about_health())
        .get(READY, ready, about_ready())
}

/// What the ledger refuses with, besides what every service does.
const LEDGER: &[Code] = &[Code::ClockBehind, Code::ClockAhead, Code::AmountOutOfRange, Code::RateLimited];

/// Whoever asks too often is told so.
const RATES: &[Code] = &[Code::RateLimited];

fn about_keysets() -> Operation {
    Operation::new("keysets", "All keysets, and the signed list of them.")
        .about("The same bytes for everyone: who asks learns nothing that others do not, and shows nothing of himself.")
        .refuses(LEDGER)
}

fn about_open() -> Operation {
    Operation::new("openIssuance", "Opens a session, in which tokens can be signed.")
        .about("Nothing is paid yet. A session ends after ten minutes, or when the mint starts anew.")
        .refuses(&[
            Code::UnknownKeyset,
            Code::KeysetNotIssuing,
            Code::AmountOutOfRange,
            Code::LimitExceeded,
            Code::InvalidShape,
        ])
        .refuses(RATES)
}

fn about_finish() -> Operation {
    let refusals = [
        Code::UnsupportedKind,
        Code::UnknownMint,
        Code::UnknownKeyset,
        Code::KeysetNotIssuing,
        Code::KeysetEnded,
        Code::WrongPayee,
        Code::WrongRequest,
        Code::InvalidSignature,
        Code::InvalidProof,
        Code::InvalidShape,
        Code::UnknownSession,
        Code::SessionGone,
        Code::FundingUsed,
        Code::DoubleSpend,
        Code::InsufficientFunds,
        Code::SecondFactorRequired,
        Code::LimitExceeded,
        Code::VoucherEnded,
    ];
    Operation::new("finishIssuance", "Pays for tokens and has them signed.")
        .about(
            "What was recorded for this issuance id is answered again, whatever is asked: as long as the outcome is not known, \
             send the same bytes again.",
        )
        .refuses(LEDGER)
        .refuses(&refusals)
}

fn about_deposit() -> Operation {
    Operation::new("deposit", "Clears payments and credits their payees.")
        .about(
            "Each payment has its own outcome. One that was accepted before is told so before anything else about it is \
             judged; whether by the same depositor, says its claim.",
        )
        .refuses(LEDGER)
        .refuses(&[Code::InvalidShape])
}

fn about_account() -> Operation {
    Operation::new("account", "What an account holds, for its owner.")
        .about("The question is signed, and not older than five minutes.")
        .refuses(LEDGER)
        .refuses(&[Code::InvalidSignature, Code::RequestExpired])
}

const FACTOR: &[Code] =
    &[Code::InvalidSignature, Code::RequestExpired, Code::SecondFactorWrong, Code::SecondFactorLocked];

fn about_settings() -> Operation {
    Operation::new("accountSettings", "Shows an account's settings to its owner, or changes them.")
        .about(
            "A change names the version of the settings that it changes: of two only one is made. An answer that was lost is \
             asked for by showing the settings; a secret that was lost is drawn anew.",
        )
        .refuses(LEDGER)
        .refuses(FACTOR)
        .refuses(&[Code::UnknownAccount, Code::InvalidShape, Code::SettingsChanged, Code::SecondFactorRequired])
}

fn about_permit() -> Operation {
    Operation::new("permit", "Lets one operation take more from an account than its owner's limit.")
        .about(
            "The permission is good for a day and for this operation alone, which uses it up. The same permission again changes \
             nothing and needs no other code.",
        )
        .refuses(LEDGER)
        .refuses(FACTOR)
}

fn about_payout() -> Operation {
    Operation::new("payout", "Pays out what an account holds, or moves it to another account.")
        .about(
            "The same request again is answered with how far the payout is, and changes nothing: as long as the outcome is not \
             known, send the same bytes again. One that was not taken within a day never is, nor one that was refused for lack of funds, for \
             a limit, for the other account or for a time in the future; for want of a permission, not without it. Of `rate_limited`, and of \
             `unknown_account` for the account that asks, nothing was judged.",
        )
        .refuses(LEDGER)
        .refuses(&[Code::InvalidSignature, Code::FundingUsed, Code::RequestExpired, Code::InsufficientFunds])
        .refuses(&[Code::SecondFactorRequired, Code::LimitExceeded, Code::UnknownAccount])
}

fn about_recoups() -> Operation {
    Operation::new("recoups", "Which keysets were revoked, and until when claims on their tokens are collected.")
        .about("The same bytes for everyone.")
        .refuses(LEDGER)
}

fn about_recoup() -> Operation {
    let refusals = [
        Code::UnsupportedKind,
        Code::UnknownMint,
        Code::UnknownKeyset,
        Code::KeysetNotRevoked,
        Code::KeysetEnded,
        Code::NotDecidedHere,
        Code::WrongRequest,
        Code::InvalidSignature,
        Code::InvalidProof,
        Code::InvalidShape,
        Code::IssuanceExcluded,
        Code::DoubleSpend,
        Code::RateLimited,
    ];
    Operation::new("recoup", "Claims tokens of a revoked keyset.")
        .about(
            "Nothing is paid before claims are collected no more. The same claim again is answered with how it stands, and \
             changes nothing: as long as the outcome is not known, send the same bytes again.",
        )
        .refuses(LEDGER)
        .refuses(&refusals)
}

fn about_quote() -> Operation {
    Operation::new("fundingQuote", "How an account is paid money into, and what came so far.")
        .about(
            "The same request again is answered with how far the quote is, whatever the time. The mint credits what it is paid, not what \
             was asked.",
        )
        .refuses(LEDGER)
        .refuses(&[
            Code::InvalidSignature,
            Code::FundingUsed,
            Code::UnsupportedKind,
            Code::RequestExpired,
            Code::RateLimited,
        ])
}

fn about_archive() -> Operation {
    Operation::new("archive", "The signed index of the archive, from which wallets are restored.")
        .about("The same bytes for everyone. Until it was sealed for the first time it is `unavailable`.")
        .refuses(LEDGER)
}

fn about_issued() -> Operation {
    Operation::new("issued", "An issuance file of the archive.")
        .about(FILES)
        .parameter::<KeysetId>("keyset", "Of which keyset.")
        .parameter::<u32>("segment", "Which segment of it, by its place in the index.")
        .parameter::<u16>("prefix", "Which prefix of the hash of issuance ids.")
        .refuses(LEDGER)
        .refuses(&[Code::NotFound])
}

fn about_spent() -> Operation {
    Operation::new("spent", "A filter of spent serials.")
        .about(FILES)
        .parameter::<KeysetId>("keyset", "Of which keyset.")
        .parameter::<u32>("period", "Which filter of it, by its place in the index.")
        .parameter::<u16>("part", "Which part of the filter.")
        .refuses(LEDGER)
        .refuses(&[Code::NotFound])
}

const FILES: &str =
    "A wire object, the same bytes for everyone and for ever. Numbers are decimal without leading zeros.";

fn about_health() -> Operation {
    Operation::new("health", "Whether the ledger takes deposits and issuances.")
}

fn about_ready() -> Operation {
    Operation::new(
        "ready",
        "Whether the mint does all its work: its books are right and what it owes is backed, and it issues.",
    )
    .about("Deposits go on while the ledger is well, whatever is said here.")
}

async fn keysets(State(mint): State<Mint>) -> Result<Encoded<KeysetsAnswer>, Problem> {
    // In a task of its own: a list that is stored but not given out would be signed again for nothing.
    let body = tokio::spawn(async move { mint.keysets_answer().await });
    let body = body.await.map_err(|_| Code::Internal)?.map_err(|error| error.code())?;
    Ok(Encoded::new(body))
}

async fn archive(State(mint): State<Mint>) -> Result<Encoded<ArchiveAnswer>, Problem> {
    Ok(Encoded::new(mint.archive_answer().await?))
}

type FilePath = Path<(String, String, String)>;

async fn issued(State(mint): State<Mint>, Path(path): FilePath) -> Result<Binary, Problem> {
    let (keyset, segment, prefix) = parse(&path).ok_or(Code::NotFound)?;
    file(mint, Wanted::Issued(keyset, segment, prefix)).await
}

async fn spent(State(mint): State<Mint>, Path(path): FilePath) -> Result<Binary, Problem> {
    let (keyset, period, part) = parse(&path).ok_or(Code::NotFound)?;
    file(mint, Wanted::Spent(keyset, period, part)).await
}

async fn file(mint: Mint, wanted: Wanted) -> Result<Binary, Problem> {
    // In a task of its own: a file that has to be made again is made to its end.
    let bytes = tokio::spawn(async move { mint.archive_file(wanted).await });
    let bytes = bytes.await.map_err(|_| Code::Internal)??.ok_or(Code::NotFound)?;
    Ok(Binary::new(bytes).immutable())
}

/// A keyset and two numbers, each in the one way to write it.
fn parse((keyset, first, second): &(String, String, String)) -> Option<(KeysetId, u32, u16)> {
    let (first_number, second_number): (u32, u16) = (first.parse().ok()?, second.parse().ok()?);
    let canonical = first_number.to_string() == *first && second_number.to_string() == *second;
    let keyset = KeysetId::from_text(keyset).ok()?;
    canonical.then_some((keyset, first_number, second_number))
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

async fn settings(State(mint): State<Mint>, Json(call): Json<SettingsCall>) -> Result<Json<SettingsAnswer>, Problem> {
    Ok(Json(mint.settings(&call.request).await?))
}

async fn permit(State(mint): State<Mint>, Json(call): Json<PermitCall>) -> Result<Json<PermitAnswer>, Problem> {
    Ok(Json(mint.give_permission(&call.request).await?))
}

async fn payout(State(mint): State<Mint>, Json(call): Json<PayoutCall>) -> Result<Json<PayoutAnswer>, Problem> {
    Ok(Json(mint.request_payout(&call.request).await?))
}

/// 200 while the ledger takes jobs, answers them, and believes its clock.
pub(super) async fn health(State(mint): State<Mint>) -> Result<Json<Health>, Problem> {
    if mint.is_healthy() { Ok(Json(Health { ok: true })) } else { Err(Code::Unavailable.into()) }
}

/// 200 while nothing is wrong; else the worst of what is.
pub(super) async fn ready(State(mint): State<Mint>) -> Result<Json<Ready>, Problem> {
    let Some(alarm) = mint.alarms().first().copied() else { return Ok(Json(Ready { ready: true })) };
    let problem = Problem::new(Code::Unavailable).with_detail(alarm.sentence());
    Err(match mint.signer_unreached_since().filter(|_| alarm == Alarm::SignerUnreached) {
        Some(since) => problem.with("since", since.seconds().to_string()),
        None => problem,
    })
}

async fn recoups(State(mint): State<Mint>) -> Result<Json<RecoupsAnswer>, Problem> {
    Ok(Json(mint.recoups().await.map_err(|error| error.code())?))
}

async fn recoup(State(mint): State<Mint>, Json(call): Json<RecoupCall>) -> Result<Json<RecoupAnswer>, Problem> {
    Ok(Json(mint.recoup(call.claim).await?))
}

async fn quote(State(mint): State<Mint>, Json(call): Json<QuoteCall>) -> Result<Json<QuoteAnswer>, Problem> {
    Ok(Json(mint.request_quote(&call.request).await?))
}

impl From<QuoteError> for Problem {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::InvalidSignature => Self::new(Code::InvalidSignature),
            QuoteError::OperationUsed => {
                Self::new(Code::FundingUsed).with_detail("The operation id was used for another quote.")
            }
            QuoteError::NotOffered => Self::new(Code::UnsupportedKind)
                .with_detail("The mint gives no quotes in this unit: its operator credits accounts."),
            QuoteError::NotRegistered => Self::new(Code::UnknownAccount).with_detail(NOT_REGISTERED),
            QuoteError::NotNow => Self::new(Code::RequestExpired)
                .with_detail("A quote must be asked for within five minutes of its time."),
            QuoteError::TooMany => Self::new(Code::RateLimited)
                .with_detail("Too many quotes wait to be paid.")
                .with_retry_after(WAIT_FOR_QUOTES),
            QuoteError::TooOften(error) => error.into(),
            QuoteError::Ledger(error) => Self::new(error.code()),
        }
    }
}

/// What is told where accounts are the operator's to open.
pub(super) const NOT_REGISTERED: &str = "The operator opens accounts here, and has not opened this one.";

/// Quotes end after a while.
const WAIT_FOR_QUOTES: Duration = Duration::from_secs(600);
