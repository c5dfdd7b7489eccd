//! What concerns tokens locked to the payee.

use axum::extract::State;
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};
use farthing_openapi::Operation;
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{
    CreditedCall, CreditedClaims, KeysetsAnswer, KeysetsTaken, LockedAnswer, LockedClaim, LockedClaims, LockedDeposit,
    LockedRefusal, LockedSum, RecipientAnswer,
};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::recoup::RecoupClaim;
use farthing_protocol::text::TextForm;

use crate::merchant::{CreditedClaim, DepositReport, Merchant};
use crate::offline::{RefusedDeposit, Sum};

pub(super) fn about_recipient() -> Operation {
    Operation::new("recipient", "The record by which wallets lock tokens to this payee.").refuses(&[Code::NotFound])
}

pub(super) fn about_keysets() -> Operation {
    Operation::new("keysets", "Takes over the mint's signed list of keysets, carried in.")
        .about("Where the mint is never asked it is the only way for one to come. It must continue every list known before.")
        .refuses(&[
            Code::UnknownMint,
            Code::InvalidSignature,
            Code::InvalidShape,
            Code::ListOutdated,
            Code::ClockBehind,
        ])
}

pub(super) fn about_locked() -> Operation {
    Operation::new(
        "locked",
        "What was taken in locked tokens and is not deposited, and what the mint refused. Asks nobody.",
    )
}

pub(super) fn about_deposit() -> Operation {
    Operation::new("deposit", "Deposits with the mint what was taken in locked tokens.")
        .about("Asked again it goes on: what is credited is credited once.")
        .refuses(&[Code::Offline])
}

pub(super) fn about_claims() -> Operation {
    Operation::new("claims", "What is to be filed with the mint for tokens of a keyset that was revoked. Asks nobody.")
        .about("Of deposits that the mint refused because their keyset was revoked or had ended.")
}

pub(super) fn about_credited() -> Operation {
    Operation::new("creditedClaims", "What is to be filed with a mint that has forgotten what it credited. Asks nobody.")
        .about("Of the keysets of which the mint says so: its ledger was put back from a copy. Some at once, in the order of their ids.")
}

pub(super) async fn credited(
    State(merchant): State<Merchant>,
    Json(CreditedCall { recoups, after }): Json<CreditedCall>,
) -> Result<Json<CreditedClaims>, Problem> {
    Ok(Json(credited_answer(merchant.credited_claims(recoups, after).await?)))
}

/// Claims as they are sent.
pub fn credited_answer((claims, next): (Vec<CreditedClaim>, Option<PaymentId>)) -> CreditedClaims {
    let claim = |CreditedClaim { payment, amount, unit, claim }: CreditedClaim| {
        let (unit, exponent) = (unit.code().to_owned(), unit.exponent());
        LockedClaim { payment, amount, unit, exponent, claim }
    };
    CreditedClaims { claims: claims.into_iter().map(claim).collect(), next }
}

pub(super) async fn claims(State(merchant): State<Merchant>) -> Result<Json<LockedClaims>, Problem> {
    Ok(Json(claims_answer(merchant.recoup_claims().await?)))
}

/// Claims as they are sent.
pub fn claims_answer(claims: Vec<(RefusedDeposit, RecoupClaim)>) -> LockedClaims {
    let claim = |(refused, claim): (RefusedDeposit, RecoupClaim)| {
        let RefusedDeposit { payment, amount, unit, .. } = refused;
        let (unit, exponent) = (unit.code().to_owned(), unit.exponent());
        LockedClaim { payment, amount, unit, exponent, claim }
    };
    LockedClaims { claims: claims.into_iter().map(claim).collect() }
}

pub(super) async fn recipient(State(merchant): State<Merchant>) -> Result<Json<RecipientAnswer>, Problem> {
    let recipient = merchant.recipient();
    let recipient = recipient.ok_or(Problem::new(Code::NotFound).with_detail("No locked tokens are taken here."))?;
    let text = recipient.to_text();
    Ok(Json(RecipientAnswer { recipient, text }))
}

pub(super) async fn keysets(
    State(merchant): State<Merchant>,
    Json(answer): Json<KeysetsAnswer>,
) -> Result<Json<KeysetsTaken>, Problem> {
    let taken = merchant.import_keysets(answer).await;
    let issued_at = taken.map_err(|error| {
        tracing::warn!(%error, "a list of keysets was not taken over");
        Problem::new(error.import_code())
    })?;
    Ok(Json(KeysetsTaken { issued_at }))
}

pub(super) async fn locked(State(merchant): State<Merchant>) -> Result<Json<LockedAnswer>, Problem> {
    Ok(Json(answer(merchant.deposits().await?)))
}

pub(super) async fn deposit(
    State(merchant): State<Merchant>,
    Json(LockedDeposit { again }): Json<LockedDeposit>,
) -> Result<Json<LockedAnswer>, Problem> {
    if !merchant.asks_the_mint() {
        return Err(Problem::new(Code::Offline));
    }
    if again {
        merchant.reopen_refused().await?;
    }
    Ok(Json(answer(merchant.deposit().await?)))
}

/// A report as it is sent.
pub fn answer(report: DepositReport) -> LockedAnswer {
    let DepositReport { credited, open, refused, cause } = report;
    LockedAnswer {
        credited: credited.into_iter().map(sum).collect(),
        open: open.into_iter().map(sum).collect(),
        refused: refused.into_iter().map(refusal).collect(),
        cause: cause.map(|cause| cause.code().as_str().to_owned()),
    }
}

fn sum((unit, Sum { payments, amount }): (Unit, Sum)) -> LockedSum {
    LockedSum { unit: unit.code().to_owned(), exponent: unit.exponent(), payments, amount }
}

fn refusal(refused: RefusedDeposit) -> LockedRefusal {
    let RefusedDeposit { payment, amount, unit, accepted_at, refused_at, code } = refused;
    let (unit, exponent) = (unit.code().to_owned(), unit.exponent());
    LockedRefusal { payment, unit, exponent, amount, accepted_at, refused_at, code }
}
