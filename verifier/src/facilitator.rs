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
mod wire;

use std::time::Duration;

use axum::extract::State;
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};
use farthing_openapi::{Api, Operation};

use crate::merchant::Merchant;

use asked::Asked;
use reason::Reason;
use wire::{Question, Settled, Supported, Verified};

/// A settlement that takes longer is said to be pending. Less than what the service takes for an answer in all, so that nobody has to
/// guess.
const PATIENCE: Duration = Duration::from_secs(20);

/// Adds the endpoints to what payers are served.
pub(crate) fn add(api: Api<Merchant>) -> Api<Merchant> {
    api.get("/x402/supported", supported, about_supported()).post("/x402/verify", verify, about_verify()).post(
        "/x402/settle",
        settle,
        about_settle(),
    )
}

fn about_supported() -> Operation {
    Operation::new("x402Supported", "Which payments are settled for servers that use an x402 library.")
        .refuses(&[Code::UnknownMint, Code::UnknownKeyset])
}

fn about_verify() -> Operation {
    Operation::new("x402Verify", "Whether a payment is in order, for an x402 library.")
        .about("It spends nothing, and can be asked again. Whatever comes of it is answered with 200.")
}

fn about_settle() -> Operation {
    Operation::new("x402Settle", "Has a payment accepted, for an x402 library.").about(
        "Success is said once for each payment: a server that asks again and a payer who comes again look the same. Whatever \
         comes of it is answered with 200; only `settlement_pending` is no refusal, and is asked again with the same payment.",
    )
}

async fn supported(State(merchant): State<Merchant>) -> Result<Json<Supported>, Problem> {
    let about = merchant.about()?;
    Ok(Json(Supported::new(merchant.mint().network(), about.payee, about.unit, about.exponent)))
}

async fn verify(State(merchant): State<Merchant>, Json(Question(body)): Json<Question>) -> Json<Verified> {
    Json(Verified::new(match Asked::read(&body, &merchant) {
        Err(reason) => Err(reason),
        Ok(Asked { request, terms }) => merchant.verify_offer(request, terms).await.map_err(Reason::of),
    }))
}

/// What was begun is finished in a task of its own, whoever waits for it.
async fn settle(State(merchant): State<Merchant>, Json(Question(body)): Json<Question>) -> Json<Settled> {
    let network = merchant.mint().network();
    let Asked { request, terms } = match Asked::read(&body, &merchant) {
        Ok(asked) => asked,
        Err(reason) => return Json(Settled::refused(network, String::new(), reason)),
    };
    let payment = request.payment.id().to_text();
    let settled = merchant.settle_offer(request, terms, PATIENCE).await;
    Json(match settled.map_err(Reason::of) {
        Ok(receipt) => Settled::accepted(network, payment, receipt),
        Err(Reason::Pending) => Settled::refused(network, payment, Reason::Pending),
        Err(reason) => Settled::refused(network, String::new(), reason),
    })
}
