//! Requests over HTTP that are paid for when the server demands it (x402 version 2).
//!
//! ```text
//! asked without payment ──▶ any answer but 402: given back
//!          │ 402, and the price is allowed
//!          ▼
//! exact tokens reserved, payment and request kept ──▶ the same request with the payment, again if need be
//!          │ settled, says the server: spent          │ refused, says the server: settled with the mint by renewing
//!          ▼                                          ▼
//!        paid                                     value back, or accepted after all
//! ```
//!
//! No answer, or one that says nothing: the tokens stay reserved. The same request made again sends the same payment again; nothing
//! else repeats the request, for it may be one that must not be done twice. After the payment's time it is settled with the mint.

mod buy;
mod deliver;
mod error;
mod hand;
mod request;

use std::fmt;
use std::sync::Arc;

use farthing_http::client::{Answer, CallError};
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};

use super::until;
use crate::error::StoreError;
use crate::operation::{Body, HttpExchange, OpId, Operation};
use crate::options::Step;
use crate::views::{Paid, Resumption};
use crate::wallet::{Inner, Wallet, Working};
use crate::x402::{Demand, Settlement, header};

pub use error::{Denied, GetError, NotAllowed, Part, RequestError};
pub use hand::HandedPayment;
pub use request::HttpRequest;

/// An amount of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub unit: Unit,
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.amount.display(&self.unit))
    }
}

/// How far a request may go.
#[derive(Clone, Debug)]
pub struct GetLimits {
    /// The most that this request may cost. Without it, the server's [`Budget`](crate::Budget) alone decides; with neither nothing is
    /// paid.
    pub max_amount: Option<Price>,
    /// Who alone may be paid, and with whose tokens, because that is what a user said yes to. Without it, whoever the server names.
    pub only: Option<(PayeeKey, MintId)>,
    /// The largest answer that is read, in bytes; 64 MiB unless set.
    pub answer_bytes: usize,
}

impl Default for GetLimits {
    fn default() -> Self {
        Self { max_amount: None, only: None, answer_bytes: 64 << 20 }
    }
}

/// An answer, and what was paid for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetOutcome {
    /// The server's last answer, whatever its status. Redirections are given back, never followed.
    pub answer: Answer,
    /// What was paid.
    pub payment: HttpPayment,
}

/// What became of the payment of a request.
#[allow(clippy::large_enum_variant, reason = "one for each request, shown and dropped")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HttpPayment {
    /// Nothing was paid.
    None,
    /// It was paid.
    Paid {
        /// Who and how much; with the payee's receipt if there is one and it holds.
        paid: Paid,
        /// What the server says of it. None if it said something else, and the mint says that it was accepted.
        settlement: Option<Settlement>,
    },
    /// The server did not take the payment, and its value is back.
    TakenBack {
        /// The operation.
        op: OpId,
        /// The server's words, made presentable.
        reason: Option<String>,
    },
    /// The server says that it did not take the payment, and the mint could not be asked yet whether that is so: the payment is never sent
    /// again, and [`Wallet::resume`](crate::Wallet::resume) goes on with settling it.
    Refused {
        /// The operation.
        op: OpId,
        /// The server's words, made presentable.
        reason: Option<String>,
    },
    /// It is not known whether the payment was accepted. The same request made again before then sends the same payment again; afterwards
    /// it is settled with the mint.
    Open {
        /// The operation.
        op: OpId,
        /// Until when.
        until: UnixTime,
    },
}

impl Wallet {
    /// Makes a request, and pays for it if the server demands it and the limits allow it: once, with one payment. First goes on with
    /// whatever was left unfinished.
    ///
    /// If an unfinished operation is for exactly this method, URL, headers and body, its payment is sent again, and no other is made.
    /// If a finished one is, whose payment was accepted and whose answer was given to nobody, that is said once
    /// ([`GetError::AnswerLost`]), and nothing is paid.
    /// A request that is not idempotent is sent again by itself only if it surely was not sent.
    ///
    /// # Errors
    /// A [`GetError`], when there is no answer, or one that was not paid for.
    ///
    /// # Security
    /// No redirection is followed, with a payment or without. What is paid to an offer of an unchanged x402 server is paid to whoever
    /// answers at the URL: without https that is anybody on the way.
    pub async fn get(&self, request: HttpRequest, limits: &GetLimits) -> Result<GetOutcome, GetError> {
        self.ready().await?;
        let inner = &self.inner;
        if let Some((working, operation)) = inner.paying_for(&request).await? {
            match inner.go_on(&operation).await? {
                None => {}
                Some(exchange) => return inner.deliver(working, operation, &exchange, limits, false).await,
            }
        }
        inner.check_answered(&request).await?;
        let answer = inner.ask(&request, limits).await?;
        if answer.status().as_u16() != 402 {
            return Ok(GetOutcome { answer, payment: HttpPayment::None });
        }
        let values = answer.headers().get_all(header::REQUIRED);
        let Some(demand) = Demand::read(values.iter().map(|value| value.as_bytes()))? else {
            return Ok(GetOutcome { answer, payment: HttpPayment::None });
        };
        let working = inner.buy(Some(&request), demand, limits).await?;
        inner.vault.at(Step::PaymentStored)?;
        let op = working.op;
        let operation = inner.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        let exchange = operation.exchange().ok_or(StoreError::Damaged)?.clone();
        inner.deliver(working, operation, &exchange, limits, true).await
    }
}

impl Inner {
    /// The unfinished operation that is for exactly this request.
    async fn paying_for(self: &Arc<Self>, request: &HttpRequest) -> Result<Option<(Working, Operation)>, StoreError> {
        let wanted = request.to_exchange();
        let live = self.vault.run::<_, StoreError>(|tx| Operation::all_live(tx)).await?;
        let is_for = |operation: &Operation| operation.exchange().is_some_and(|kept| kept.is_same_request(&wanted));
        let Some(found) = live.into_iter().find(is_for) else { return Ok(None) };
        let working = self.work_on(found.id)?;
        // Looked up again: somebody may have worked on it until now.
        let op = found.id;
        match self.vault.run::<_, StoreError>(move |tx| Operation::find(tx, op)).await? {
            Some(operation) if operation.ended.is_none() => Ok(Some((working, operation))),
            _ => Ok(None),
        }
    }

    /// Whether an operation's payment may still be sent: the request as it was kept. If not, it is settled first.
    async fn go_on(self: &Arc<Self>, operation: &Operation) -> Result<Option<HttpExchange>, GetError> {
        let op = operation.id;
        let Body::Pay(pay) = &operation.body else { return Err(StoreError::Damaged.into()) };
        if pay.settling.is_none() && self.now() < until(operation, pay) {
            return Ok(operation.exchange().cloned());
        }
        let operation = self.vault.run::<_, StoreError>(move |tx| crate::issue::reopened(tx, op)).await?;
        match self.settle(operation).await.map_err(|error| GetError::Settle(Box::new(error)))? {
            Resumption::Paid(_) => {
                self.vault.run::<_, StoreError>(move |tx| deliver::forget_request(tx, op)).await?;
                Err(GetError::AnswerLost { op })
            }
            _ => Ok(None),
        }
    }

    /// Whether every payment for this request that was accepted was answered. One that was not may have been settled by anybody: by a
    /// later start of the wallet, or when it was given up.
    async fn check_answered(self: &Arc<Self>, request: &HttpRequest) -> Result<(), GetError> {
        let wanted = request.to_exchange().digest();
        let ended = self.vault.run::<_, StoreError>(|tx| Operation::all_ended(tx)).await?;
        let Some(lost) = ended.into_iter().find(|operation| operation.lost_answer(wanted)) else { return Ok(()) };
        let op = lost.id;
        // Whoever works on it is about to be given its answer.
        let _working = self.work_on(op)?;
        let still_lost = self.vault.run::<_, StoreError>(move |tx| {
            // Looked up again: it may have been answered, or said, until now.
            match Operation::find(tx, op)?.filter(|operation| operation.lost_answer(wanted)) {
                Some(_) => deliver::forget_request(tx, op).map(|()| true),
                None => Ok(false),
            }
        });
        // Once, so that whoever knows it may pay anew.
        if still_lost.await? { Err(GetError::AnswerLost { op }) } else { Ok(()) }
    }

    /// Makes the request without a payment.
    async fn ask(&self, request: &HttpRequest, limits: &GetLimits) -> Result<Answer, GetError> {
        let client = self.http_once().map_err(|error| GetError::NoAnswer(Box::new(error)))?;
        let client = client.with_answer_bytes(limits.answer_bytes);
        let (method, url, headers, body) = request.parts();
        let mut attempt = 1;
        loop {
            let answer = client.request(method.clone(), url, headers.clone(), body.to_vec()).await;
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if attempt >= self.options.attempts || !may_repeat(request, &error) {
                return Err(GetError::NoAnswer(Box::new(error)));
            }
            attempt = attempt.saturating_add(1);
            tokio::time::sleep(self.options.pause).await;
        }
    }
}

/// Whether a request may be sent again by itself after this.
fn may_repeat(request: &HttpRequest, error: &CallError) -> bool {
    match error {
        CallError::NotSent(_) => true,
        CallError::Unknown(_) => request.is_idempotent(),
        // It would be as large again.
        CallError::TooLarge | CallError::Refused(..) | CallError::BadAnswer(_) => false,
    }
}
