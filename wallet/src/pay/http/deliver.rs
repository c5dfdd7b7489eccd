//! The request with its payment, and what its answer means.

use std::sync::Arc;

use farthing_http::client::{Answer, CallError, HeaderMap, HeaderName, HeaderValue};

use super::{GetError, GetLimits, GetOutcome, HttpPayment, HttpRequest, may_repeat};
use crate::error::StoreError;
use crate::event::Event;
use crate::issue::accepted;
use crate::operation::{Body, HttpExchange, OpId, Operation, Pay};
use crate::options::Step;
use crate::pay::{paid, until};
use crate::vault::Tx;
use crate::views::Resumption;
use crate::wallet::{Inner, Working};
use crate::x402::{Demand, Settlement, Verdict, header, judge};

impl Inner {
    /// Sends a kept request with its payment until there is an answer or the attempts are used up. `fresh` says that it was never sent.
    pub(super) async fn deliver(
        self: &Arc<Self>,
        working: Working,
        operation: Operation,
        exchange: &HttpExchange,
        limits: &GetLimits,
        fresh: bool,
    ) -> Result<GetOutcome, GetError> {
        let op = working.op;
        let Body::Pay(pay) = &operation.body else { return Err(StoreError::Damaged.into()) };
        let request = HttpRequest::from_exchange(exchange).map_err(|_| StoreError::Damaged)?;
        let headers = with_payment(&request, exchange)?;
        let until = until(&operation, pay);
        let client = self.http_for(op).map_err(|error| GetError::NoAnswer(Box::new(error)))?;
        let client = client.with_answer_bytes(limits.answer_bytes);
        let (method, url, _, body) = request.parts();
        let mut surely_unsent = fresh;
        let mut attempt = 1;
        loop {
            let sent = client.request(method.clone(), url, headers.clone(), body.to_vec()).await;
            self.vault.at(Step::PaymentAnswered)?;
            let may_go_on = attempt < self.options.attempts && self.now() < until;
            match sent {
                Ok(answer) => match verdict(&answer, &operation, pay) {
                    Verdict::Settled(settlement) => return self.bought(&operation, pay, answer, settlement).await,
                    Verdict::Refused(why) => return self.refused(operation, answer, why).await,
                    // A 402 that decides nothing: the server does not know yet.
                    Verdict::Open if answer.status().as_u16() == 402 && may_go_on && request.is_idempotent() => {}
                    Verdict::Open => return Ok(GetOutcome { answer, payment: HttpPayment::Open { op, until } }),
                },
                Err(error) => {
                    surely_unsent &= matches!(error, CallError::NotSent(_));
                    if !may_go_on || !may_repeat(&request, &error) {
                        if surely_unsent {
                            self.drop_unsent(op).await?;
                            return Err(GetError::NotSent(Box::new(error)));
                        }
                        return Err(GetError::Unknown { op, until, cause: Box::new(error) });
                    }
                }
            }
            attempt = attempt.saturating_add(1);
            tokio::time::sleep(self.options.pause).await;
            self.tell(&Event::SentAgain { op });
        }
    }

    /// The server says that it was settled: the tokens are spent, with its receipt if that holds.
    async fn bought(
        self: &Arc<Self>,
        operation: &Operation,
        pay: &Pay,
        answer: Answer,
        settlement: Settlement,
    ) -> Result<GetOutcome, GetError> {
        let receipt = match settlement.receipt {
            Some(receipt) if self.check_receipt(operation, pay, &receipt).await.is_ok() => Some(receipt),
            Some(_) => {
                tracing::warn!("the receipt of a settled payment does not hold");
                None
            }
            None => None,
        };
        let (op, now) = (operation.id, self.now());
        let said = response(&answer);
        self.vault
            .run::<_, StoreError>(move |tx| {
                remember(tx, op, said)?;
                accepted(tx, op, receipt, now)
            })
            .await?;
        self.vault.at(Step::ReceiptStored)?;
        self.answered(op).await;
        let paid = paid(op, pay, receipt);
        Ok(GetOutcome { answer, payment: HttpPayment::Paid { paid, settlement: Some(settlement) } })
    }

    /// The server says that it did not take the payment. That is its word only: the tokens are settled with the mint.
    async fn refused(
        self: &Arc<Self>,
        operation: Operation,
        answer: Answer,
        why: Option<Settlement>,
    ) -> Result<GetOutcome, GetError> {
        let op = operation.id;
        let reason = why.as_ref().and_then(|why| why.why().map(str::to_owned)).or_else(|| words(&answer));
        let said = response(&answer);
        self.vault.run::<_, StoreError>(move |tx| remember(tx, op, said)).await?;
        let operation = self.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        let payment = match self.settle(operation).await {
            Ok(Resumption::Paid(paid)) => {
                self.answered(op).await;
                HttpPayment::Paid { paid, settlement: None }
            }
            Ok(_) => HttpPayment::TakenBack { op, reason },
            // The answer is worth more than the news that the mint could not be asked: the operation stays.
            Err(error) => {
                tracing::warn!(%error, "a refused payment could not be settled yet");
                HttpPayment::Refused { op, reason }
            }
        };
        Ok(GetOutcome { answer, payment })
    }

    /// Whoever asked is being given the answer. Last of all, and in a transaction of its own: after a crash before it, the same request
    /// is not paid anew unasked. If it fails, that happens as well, and the answer is given all the same.
    async fn answered(&self, op: OpId) {
        if let Err(error) = self.vault.run(move |tx| forget_request(tx, op)).await {
            tracing::warn!(%error, "it could not be noted that a paid request was answered");
        }
    }
}

/// From now on the same request is a new one.
pub(super) fn forget_request(tx: &mut Tx<'_, '_>, op: OpId) -> Result<(), StoreError> {
    let mut operation = Operation::find(tx, op)?.ok_or(StoreError::NoSuchOperation)?;
    operation.exchange_mut().ok_or(StoreError::NoSuchOperation)?.unanswered = None;
    operation.keep_again(tx)
}

fn verdict(answer: &Answer, operation: &Operation, pay: &Pay) -> Verdict {
    let values = answer.headers().get_all(header::RESPONSE);
    let values = values.iter().map(HeaderValue::as_bytes);
    judge(answer.status().as_u16(), values, &operation.mint.network(), pay.payment.amount())
}

/// What the server said of the settlement, as it is kept.
fn response(answer: &Answer) -> Option<String> {
    Some(answer.headers().get(header::RESPONSE)?.to_str().ok()?.to_owned())
}

/// The server's words in a demand that follows a payment.
fn words(answer: &Answer) -> Option<String> {
    let values = answer.headers().get_all(header::REQUIRED);
    Demand::read(values.iter().map(HeaderValue::as_bytes)).ok().flatten()?.error
}

fn with_payment(request: &HttpRequest, exchange: &HttpExchange) -> Result<HeaderMap, StoreError> {
    let (_, _, headers, _) = request.parts();
    let mut headers = headers.clone();
    let mut value = HeaderValue::from_str(&exchange.signature).map_err(|_| StoreError::Damaged)?;
    value.set_sensitive(true);
    headers.insert(HeaderName::from_static(header::SIGNATURE), value);
    Ok(headers)
}

fn remember(tx: &mut Tx<'_, '_>, op: OpId, said: Option<String>) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    operation.exchange_mut().ok_or(StoreError::NoSuchOperation)?.settled = said;
    operation.keep(tx)
}
