//! Sending claims, and what the mint's answers mean.

use std::sync::Arc;

use farthing_http::client::CallError;
use farthing_http::problem::{Code, EARLIER_PAYMENT_ID};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{RecoupAnswer, RecoupCall, RecoupState, mint_path};
use farthing_protocol::ids::PaymentId;

use super::{LostBecause, RecoupError, RecoupView, claim};
use crate::error::{MintError, StoreError};
use crate::issue::deciding_code;
use crate::mints::Mint;
use crate::operation::{Body, OpId, Operation, Outcome};
use crate::options::Step;
use crate::stock::{self, TokenKey};
use crate::vault::Tx;
use crate::wallet::Inner;

/// What a mint's answer says about one token.
enum Said {
    /// It has the claim, and pays later.
    Filed(UnixTime),
    Paid,
    /// It never will, for this reason. If it was spent, on this payment.
    Never(LostBecause, Option<PaymentId>),
}

impl Inner {
    /// Files what is not filed, and asks what became of the rest if something may have.
    pub(crate) async fn drive_recoup(self: &Arc<Self>, op: OpId) -> Result<RecoupView, RecoupError> {
        let operation = self.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        let Body::Recoup(recouping) = &operation.body else { return Err(StoreError::NoSuchOperation.into()) };
        let (mint, now) = (self.mint(&operation.mint)?, self.now());
        let due = recouping.claims_until.is_none_or(|until| until <= now);
        // A mint whose clock is ahead says so early: by this wallet's clock it is too late, or the claim is kept.
        let too_late = mint.keyset(&recouping.keyset).is_some_and(|keyset| keyset.terms().deposit_until <= now);
        let mut refused = None;
        for (token, kept) in recouping.tokens.iter().zip(&recouping.claims) {
            if kept.filed && !due {
                continue;
            }
            match self.send_claim(op, &mint, &kept.bytes).await {
                Ok(Said::Never(LostBecause::TooLate, _)) if !too_late => refused = Some(Code::KeysetEnded),
                Ok(said) => {
                    let token = *token;
                    self.vault.run::<_, StoreError>(move |tx| note(tx, op, token, said)).await?;
                    self.vault.at(Step::PaymentSettled)?;
                }
                // One that is refused for a reason of its own does not keep the others from being filed.
                Err(RecoupError::Refused { code, .. }) => refused = Some(code),
                Err(error) => return Err(error),
            }
        }
        let view = self.vault.run::<_, StoreError>(move |tx| end_if_decided(tx, op, now)).await?;
        match refused {
            None => Ok(view),
            Some(code) => Err(RecoupError::Refused { op, code }),
        }
    }

    /// Gives up the claims that the mint is not known to have: their tokens are lost. The others are waited for.
    pub(crate) async fn give_up_claims(&self, op: OpId) -> Result<(), StoreError> {
        let now = self.now();
        self.vault
            .run(move |tx| {
                let operation = Operation::load(tx, op)?;
                let Body::Recoup(recouping) = &operation.body else { return Err(StoreError::NoSuchOperation) };
                let claims = recouping.tokens.iter().zip(&recouping.claims);
                let refused: Vec<TokenKey> = claims.filter(|(_, kept)| !kept.filed).map(|(token, _)| *token).collect();
                if refused.is_empty() {
                    return Err(StoreError::Busy);
                }
                refused
                    .into_iter()
                    .try_for_each(|token| note(tx, op, token, Said::Never(LostBecause::GivenUp, None)))?;
                end_if_decided(tx, op, now).map(drop)
            })
            .await
    }

    async fn send_claim(&self, op: OpId, mint: &Mint, bytes: &[u8]) -> Result<Said, RecoupError> {
        let url = mint.url.join(mint_path::RECOUP_CLAIM).map_err(MintError::from)?;
        let mut attempt = 1;
        loop {
            let call = RecoupCall { claim: claim::read(bytes)? };
            let answer: Result<RecoupAnswer, CallError> =
                async { self.http_for(op)?.post_json(&url, &call).await }.await;
            self.vault.at(Step::RequestAnswered)?;
            let cause = match answer {
                Ok(answer) => return said(&answer).ok_or(RecoupError::Refused { op, code: Code::Internal }),
                Err(error) => error,
            };
            match deciding_code(&cause) {
                Some(Code::DoubleSpend) => return Ok(Said::Never(LostBecause::Spent, earlier(&cause))),
                Some(code) => {
                    let never = never(code).map(|why| Said::Never(why, None));
                    return never.ok_or(RecoupError::Refused { op, code });
                }
                None if attempt >= self.options.attempts => {
                    return Err(RecoupError::Pending { op, cause: Box::new(cause) });
                }
                None => {
                    attempt = attempt.saturating_add(1);
                    tokio::time::sleep(self.options.pause).await;
                }
            }
        }
    }
}

fn said(answer: &RecoupAnswer) -> Option<Said> {
    let [token] = answer.tokens.as_slice() else { return None };
    Some(match token.state {
        RecoupState::Waiting | RecoupState::Unproven => Said::Filed(answer.claims_until),
        RecoupState::Paid => Said::Paid,
        RecoupState::Excluded => Said::Never(LostBecause::IssuedAfterLeak, None),
        RecoupState::PaidToAnother => Said::Never(LostBecause::PaidToAnother, None),
        RecoupState::Unpaid => Said::Never(LostBecause::TooLate, None),
    })
}

/// Why a token is never paid for, by a refusal that ends its claim. The record of each token was verified when it was issued: a mint that does not
/// know it has lost it.
fn never(code: Code) -> Option<LostBecause> {
    match code {
        Code::IssuanceExcluded => Some(LostBecause::IssuedAfterLeak),
        Code::InvalidProof => Some(LostBecause::UnknownIssuance),
        Code::KeysetEnded => Some(LostBecause::TooLate),
        Code::NotDecidedHere => Some(LostBecause::NotDecidedThere),
        _ => None,
    }
}

fn earlier(error: &CallError) -> Option<PaymentId> {
    PaymentId::from_text(error.problem()?.extension(EARLIER_PAYMENT_ID)?).ok()
}

/// Keeps what the mint said of one token.
fn note(tx: &mut Tx<'_, '_>, op: OpId, token: TokenKey, said: Said) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    let Body::Recoup(recouping) = &mut operation.body else { return Err(StoreError::NoSuchOperation) };
    let place = recouping.tokens.iter().position(|open| *open == token).ok_or(StoreError::Busy)?;
    let sum = match said {
        Said::Filed(until) => {
            recouping.claims.get_mut(place).ok_or(StoreError::Damaged)?.filed = true;
            recouping.claims_until = Some(until);
            return operation.keep(tx);
        }
        Said::Paid => {
            stock::spend(tx, &[token], op)?;
            &mut recouping.paid
        }
        Said::Never(why, earlier) => {
            let from = recouping.claims.get(place).ok_or(StoreError::Damaged)?.from;
            if let (Some(from), Some(earlier)) = (from, earlier) {
                was_accepted(tx, from, &earlier)?;
            }
            stock::lose(tx, token, op)?;
            recouping.reasons.add(why, stock::worth_of_gone(tx, token)?).ok_or(StoreError::TooLarge)?;
            &mut recouping.lost
        }
    };
    let worth = stock::worth_of_gone(tx, token)?;
    *sum = sum.checked_add(worth).ok_or(StoreError::TooLarge)?;
    recouping.tokens.remove(place);
    recouping.claims.remove(place);
    operation.keep(tx)
}

/// A token that was claimed out of a payment is spent on just that payment: its payee had been paid. One of a text is spent: somebody had claimed
/// it in time.
fn was_accepted(tx: &mut Tx<'_, '_>, from: OpId, earlier: &PaymentId) -> Result<(), StoreError> {
    let Some(payment) = Operation::find(tx, from)? else { return Ok(()) };
    match (&payment.body, payment.ended) {
        (Body::Pay(pay), Some((_, Outcome::TokensEnded))) if pay.payment.id() == *earlier => {
            Operation::amend(tx, from, Outcome::Paid(None))
        }
        (Body::Send(_), Some((_, Outcome::TokensEnded))) => Operation::amend(tx, from, Outcome::Claimed),
        _ => Ok(()),
    }
}

fn end_if_decided(tx: &mut Tx<'_, '_>, op: OpId, now: UnixTime) -> Result<RecoupView, StoreError> {
    let operation = Operation::load(tx, op)?;
    let view = RecoupView::of(&operation).ok_or(StoreError::Damaged)?;
    if operation.tokens().is_empty() {
        operation.end(tx, now, Outcome::Recouped(view.paid))?;
    }
    Ok(view)
}
