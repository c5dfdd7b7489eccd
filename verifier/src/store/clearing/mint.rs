//! Asking the mint, and understanding what it says.

use farthing_http::client::{BaseUrl, CallError, Endpoint, HttpClient, UrlError};
use farthing_http::problem::{Code, ProblemBody};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{Deposit, DepositAnswer, DepositOutcome, DepositRequest, mint_path};
use farthing_protocol::ids::PaymentId;

use super::desk::Verdicts;
use super::record::Begun;
use crate::check::MAX_SKEW;
use crate::store::StoreError;

/// The mint's word on one payment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// Accepted, with the claim that was sent.
    Accepted { at: UnixTime },
    /// Accepted before, with another claim.
    Elsewhere { at: UnixTime },
    /// A token is spent on another payment.
    DoubleSpend { earlier: PaymentId },
    /// Refused for what the payment is.
    Refused(Code),
    /// **This attempt** changed nothing. It says nothing of earlier ones.
    NotTried(StoreError),
    /// Not known.
    Unknown,
}

/// What became of a request: a verdict on each payment, in their order.
pub(super) enum Asked {
    /// The mint said what it said, or nothing.
    Told(Verdicts),
    /// The mint did not look at any, because of something in the request: there are verdicts for when it cannot be split.
    RefusedWhole(Verdicts),
}

pub(super) struct Mint {
    deposit: Endpoint,
    client: HttpClient,
}

impl Mint {
    pub(super) fn new(base: &BaseUrl, client: HttpClient) -> Result<Self, UrlError> {
        Ok(Self { deposit: base.join(mint_path::DEPOSIT)?, client })
    }

    /// Sends all payments in one request, in their order.
    pub(super) async fn ask(&self, begun: &[(PaymentId, Begun)], now: UnixTime) -> Asked {
        let deposit = |(_, begun): &(PaymentId, Begun)| Deposit { payment: begun.payment.clone(), claim: begun.claim };
        let request = DepositRequest { deposits: begun.iter().map(deposit).collect() };
        let answer: Result<DepositAnswer, CallError> = self.client.post_json(&self.deposit, &request).await;
        let outcomes = match answer {
            Ok(DepositAnswer { outcomes }) if outcomes.len() == begun.len() => outcomes,
            Ok(_) => {
                tracing::warn!("the mint's answer to a deposit does not fit the question");
                return Asked::Told(all(begun, Verdict::Unknown));
            }
            Err(error) => {
                tracing::warn!(%error, "a deposit was not answered");
                let verdicts = all(begun, failed(&error));
                return if is_about_contents(&error) { Asked::RefusedWhole(verdicts) } else { Asked::Told(verdicts) };
            }
        };
        let verdicts = begun.iter().zip(outcomes);
        Asked::Told(verdicts.map(|((id, begun), outcome)| (*id, begun.fresh, understand(id, &outcome, now))).collect())
    }
}

fn all(begun: &[(PaymentId, Begun)], verdict: Verdict) -> Verdicts {
    begun.iter().map(|(id, begun)| (*id, begun.fresh, verdict)).collect()
}

/// What makes no sense is taken for no answer. That the mint's clock is ahead is no reason to doubt its word: the claim
/// is what counts, and a doubt would leave an accepted payment open for as long as the own clock is behind.
fn understand(id: &PaymentId, outcome: &DepositOutcome, now: UnixTime) -> Verdict {
    if let DepositOutcome::Accepted { accepted_at: at } | DepositOutcome::AlreadyAccepted { accepted_at: at, .. } =
        outcome
        && *at > now.plus(MAX_SKEW)
    {
        tracing::warn!(seconds = at.seconds().saturating_sub(now.seconds()), "the mint's clock is ahead of this one");
    }
    match outcome {
        DepositOutcome::Accepted { accepted_at: at }
        | DepositOutcome::AlreadyAccepted { claim_matches: true, accepted_at: at } => Verdict::Accepted { at: *at },
        DepositOutcome::AlreadyAccepted { claim_matches: false, accepted_at: at } => Verdict::Elsewhere { at: *at },
        DepositOutcome::DoubleSpend { earlier_payment_id } if earlier_payment_id != id => {
            Verdict::DoubleSpend { earlier: *earlier_payment_id }
        }
        DepositOutcome::Refused { code } => match Code::parse(code) {
            Some(Code::Overloaded | Code::RateLimited) => Verdict::NotTried(StoreError::Busy),
            Some(Code::ClockBehind | Code::ClockAhead) => Verdict::NotTried(StoreError::NotReached),
            Some(code) if !code.outcome_unknown() => Verdict::Refused(code),
            Some(_) | None => Verdict::Unknown,
        },
        DepositOutcome::Unavailable {} => Verdict::Unknown,
        DepositOutcome::DoubleSpend { .. } => {
            tracing::warn!("the mint's answer to a deposit makes no sense");
            Verdict::Unknown
        }
    }
}

fn failed(error: &CallError) -> Verdict {
    match error.problem().and_then(ProblemBody::known) {
        _ if error.may_have_taken_effect() => Verdict::Unknown,
        Some(Code::Overloaded | Code::RateLimited) => Verdict::NotTried(StoreError::Busy),
        Some(_) | None => Verdict::NotTried(StoreError::NotReached),
    }
}

/// Whether the mint refused the request for what is in it, so that another with less in it may be taken.
fn is_about_contents(error: &CallError) -> bool {
    !error.may_have_taken_effect()
        && matches!(
            error.problem().and_then(ProblemBody::known),
            Some(
                Code::BadRequest
                    | Code::UnknownField
                    | Code::MalformedObject
                    | Code::BodyTooLarge
                    | Code::InvalidShape
                    | Code::UnsupportedKind
            )
        )
}
