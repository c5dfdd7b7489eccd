//! The x402 facilitator: judges and settles payments for a server that sells with an x402 library.
//!
//! | endpoint | answer |
//! |---|---|
//! | `GET /x402/supported` | the one kind of payment that is settled here |
//! | `POST /x402/verify` | whether a payment is in order; spends nothing |
//! | `POST /x402/settle` | whether it was accepted: yes at most once |
//!
//! Both are asked `{"x402Version":2,"paymentPayload":{…},"paymentRequirements":{…}}`. The requirements are the server's word, and all that a
//! payment is judged by; the payload is the payer's, and what he says there that he accepted is not looked at. Whatever comes of it is
//! answered with 200.

mod asked;
mod reason;

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::Json;
use farthing_http::problem::Problem;
use farthing_protocol::codec::{Wire, to_base64url};
use farthing_protocol::receipt::Receipt;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::merchant::Merchant;
use crate::store::StoreError;

use asked::Asked;
use reason::Reason;

/// The version that is spoken.
const VERSION: u64 = 2;
/// The scheme that is spoken: exactly this amount.
const SCHEME: &str = "exact";
/// There is nobody to name: libraries want a name all the same.
const PAYER: &str = "anonymous";

/// A settlement that takes longer is said to be pending. Less than what the service takes for an answer in all, so that nobody has to
/// guess.
const PATIENCE: Duration = Duration::from_secs(20);

/// The endpoints, to be put into the payer's router.
pub(crate) fn routes() -> Router<Merchant> {
    Router::new()
        .route("/x402/supported", get(supported))
        .route("/x402/verify", post(verify))
        .route("/x402/settle", post(settle))
}

#[derive(Serialize)]
struct Supported {
    kinds: [Kind; 1],
    extensions: [&'static str; 0],
    signers: Signers,
}

/// A kind of payment. What is in `extra` does not change while the payee stays the same: servers ask once, when they start.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    x402_version: u64,
    scheme: &'static str,
    network: String,
    extra: Extra,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extra {
    pay_to: String,
    asset: String,
    decimals: u8,
}

#[derive(Serialize)]
struct Signers {
    #[serde(rename = "farthing:*")]
    farthing: [&'static str; 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    is_valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid_message: Option<&'static str>,
    payer: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Settled {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'static str>,
    payer: &'static str,
    /// The payment's id if it was accepted or may be; else empty.
    transaction: String,
    network: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    /// Libraries pass this on to the payer, and nothing that they do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<Proof>,
}

#[derive(Serialize)]
struct Proof {
    receipt: String,
}

async fn supported(State(merchant): State<Merchant>) -> Result<Json<Supported>, Problem> {
    let about = merchant.about()?;
    let extra = Extra { pay_to: about.payee.to_text(), asset: about.unit, decimals: about.exponent };
    let kind = Kind { x402_version: VERSION, scheme: SCHEME, network: merchant.mint().network(), extra };
    Ok(Json(Supported { kinds: [kind], extensions: [], signers: Signers { farthing: [] } }))
}

async fn verify(State(merchant): State<Merchant>, Json(body): Json<Map<String, Value>>) -> Json<Verified> {
    let verdict = match Asked::read(&body, &merchant) {
        Err(reason) => Err(reason),
        Ok(Asked { request, terms }) => merchant.verify_offer(request, terms).await.map_err(Reason::of),
    };
    let reason = verdict.err();
    Json(Verified {
        is_valid: reason.is_none(),
        invalid_reason: reason.map(Reason::when_verified),
        invalid_message: reason.map(Reason::message),
        payer: PAYER,
    })
}

/// What was begun is finished in a task of its own, whoever waits for it.
async fn settle(State(merchant): State<Merchant>, Json(body): Json<Map<String, Value>>) -> Json<Settled> {
    let Asked { request, terms } = match Asked::read(&body, &merchant) {
        Ok(asked) => asked,
        Err(reason) => return Json(Settled::refused(&merchant, reason)),
    };
    let payment = request.payment.id().to_text();
    let settled = tokio::time::timeout(PATIENCE, merchant.settle_offer(request, terms)).await;
    let settled = settled.unwrap_or(Err(StoreError::Unavailable.into()));
    Json(match settled.map_err(Reason::of) {
        Ok(receipt) => Settled::accepted(&merchant, payment, &receipt),
        Err(Reason::Pending) => Settled { transaction: payment, ..Settled::refused(&merchant, Reason::Pending) },
        Err(reason) => Settled::refused(&merchant, reason),
    })
}

impl Settled {
    fn accepted(merchant: &Merchant, payment: String, receipt: &Receipt) -> Self {
        Self {
            success: true,
            error_reason: None,
            error_message: None,
            payer: PAYER,
            transaction: payment,
            network: merchant.mint().network(),
            amount: Some(receipt.draft().amount.units().to_string()),
            extra: Some(Proof { receipt: to_base64url(&receipt.to_bytes()) }),
        }
    }

    fn refused(merchant: &Merchant, reason: Reason) -> Self {
        Self {
            success: false,
            error_reason: Some(reason.when_settled()),
            error_message: Some(reason.message()),
            payer: PAYER,
            transaction: String::new(),
            network: merchant.mint().network(),
            amount: None,
            extra: None,
        }
    }
}
