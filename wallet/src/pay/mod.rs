//! Paying invoices (protocol section 5).
//!
//! ```text
//! exact tokens reserved, payment kept ──▶ sent, again if need be ──▶ receipt verified, ended: paid
//!                                          │
//!                    refused, given up, or too late
//!                                          ▼
//!                 settling: a renewal of exactly these tokens ──▶ renewed: never accepted, value back
//!                                                             └─▶ double spend naming this payment: accepted
//! ```
//!
//! A refusal is the payee's word only, who might still deposit: so the tokens are settled with the mint, and never authorized for
//! anybody else before.

mod http;
mod invoice;
mod prepare;
mod receipt;

use std::sync::Arc;

use farthing_http::client::{BaseUrl, CallError, Endpoint};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{PayAnswer, PayRequest, verifier_path};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_protocol::shape::Shape;

use crate::error::{IssueError, NoReceipt, PayError, StoreError};
use crate::event::Event;
use crate::heads::{Asked, from_choose_error};
use crate::issue::{accepted, deciding_code, fail, tokens_ended};
use crate::operation::{Body, Delivery, Issue, OpId, Operation, Outcome, Pay, Source};
use crate::options::Step;
use crate::vault::Tx;
use crate::views::{Paid, Resumption};
use crate::wallet::{Inner, Wallet, Working};

pub use http::{
    Denied, GetError, GetLimits, GetOutcome, HandedPayment, HttpPayment, HttpRequest, NotAllowed, Part, Price,
    RequestError,
};
pub use invoice::InvoiceView;
pub(crate) use invoice::{before, key_of as invoice_key};

/// A payment without an answer is settled after so many seconds, if the invoice does not expire before.
const SETTLE_AFTER: u64 = 86_400;

impl Wallet {
    /// Pays an invoice. First goes on with whatever was left unfinished.
    ///
    /// A single-use invoice paid before is not paid again: its receipt is returned, or asked for once more if there is none.
    ///
    /// # Errors
    /// A [`PayError`]. Only [`PayError::Unknown`], [`PayError::InProgress`] and a failed settlement ([`PayError::Issue`]) leave an
    /// operation behind; after any other nothing was paid.
    pub async fn pay(&self, invoice: Invoice) -> Result<Paid, PayError> {
        self.ready().await?;
        let inner = &self.inner;
        // An invoice that was paid stays paid, though its time has passed since.
        invoice.verify().map_err(|_| PayError::InvalidInvoice)?;
        if let Some(paid) = inner.paid_before(&invoice).await? {
            return Ok(inner.with_receipt(paid).await?);
        }
        let url = inner.check_invoice(&invoice)?;
        if let Some(working) = inner.prepare_held(&invoice, Delivery::Endpoint).await? {
            return inner.send_new(working, &url).await;
        }
        let target = inner.choose_mint(Asked::Invoice(&invoice)).await?;
        let working = inner.prepare(&invoice, &target.mint, target.redemption).await?;
        inner.send_new(working, &url).await
    }
}

impl Inner {
    /// Sends a payment that was just kept.
    async fn send_new(self: &Arc<Self>, working: Working, url: &Endpoint) -> Result<Paid, PayError> {
        let op = working.op;
        self.vault.at(Step::PaymentStored)?;
        match self.send(op, url, true).await? {
            Resumption::Paid(paid) => Ok(paid),
            _ => Err(PayError::TakenBack { op, code: None }),
        }
    }

    /// Goes on with a payment: sends it again in time, afterwards settles it.
    pub(crate) async fn resume_payment(self: &Arc<Self>, operation: Operation) -> Result<Resumption, PayError> {
        let Body::Pay(pay) = &operation.body else { return Err(StoreError::NoSuchOperation.into()) };
        if pay.settling.is_some() {
            return self.settle(operation).await;
        }
        // Of held tokens its payee alone can say what became of them, whenever he is asked.
        if pay.is_held() || self.now() < until(&operation, pay) {
            return match (&pay.delivery, &pay.request) {
                (Delivery::Endpoint, PaymentRequest::Invoice(invoice)) => {
                    let url = pay_url(invoice)?;
                    self.send(operation.id, &url, false).await
                }
                (Delivery::Handed, _) if pay.is_held() => {
                    Err(PayError::Unknown { op: operation.id, cause: NoReceipt::ByHand })
                }
                // What was bought may be something that must not be done twice unasked; or somebody else delivers it.
                _ => Err(PayError::Unknown { op: operation.id, cause: NoReceipt::NotAsked }),
            };
        }
        match self.fetch_receipt(&operation, pay).await {
            Ok(receipt) => Ok(Resumption::Paid(self.accept_receipt(&operation, pay, receipt).await?)),
            Err(_) => self.settle(operation).await,
        }
    }

    /// Sends a kept payment until there is an answer that decides or the attempts are used up. `fresh` says that it was never sent.
    async fn send(self: &Arc<Self>, op: OpId, url: &Endpoint, fresh: bool) -> Result<Resumption, PayError> {
        let operation = self.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        let Body::Pay(pay) = &operation.body else { return Err(StoreError::NoSuchOperation.into()) };
        let body = PayRequest { payment: pay.payment.clone(), request: pay.request.clone() };
        let mut surely_unsent = fresh;
        let mut attempt = 1;
        loop {
            let answer: Result<PayAnswer, CallError> = async { self.http_for(op)?.post_json(url, &body).await }.await;
            self.vault.at(Step::PaymentAnswered)?;
            let error = match answer {
                Ok(PayAnswer { receipt }) => {
                    return match self.check_receipt(&operation, pay, &receipt).await {
                        Ok(()) => Ok(Resumption::Paid(self.accept_receipt(&operation, pay, receipt).await?)),
                        Err(cause) => Err(PayError::Unknown { op, cause }),
                    };
                }
                Err(error) => error,
            };
            if let Some(code) = deciding_code(&error) {
                if pay.is_held() {
                    return Err(self.refused_held(op, code).await?);
                }
                return self.settle(operation).await.and_then(|settled| match settled {
                    Resumption::TakenBack(_) => Err(PayError::TakenBack { op, code: Some(code) }),
                    other => Ok(other),
                });
            }
            surely_unsent &= matches!(error, CallError::NotSent(_));
            if attempt >= self.options.attempts {
                if surely_unsent {
                    self.drop_unsent(op).await?;
                    return Err(PayError::NotSent(Box::new(error)));
                }
                return Err(PayError::Unknown { op, cause: NoReceipt::from(error) });
            }
            attempt = attempt.saturating_add(1);
            tokio::time::sleep(self.options.pause).await;
            self.tell(&Event::SentAgain { op });
        }
    }

    /// Settles a payment by renewing exactly its tokens. From the first transaction on it is never sent again.
    pub(crate) async fn settle(self: &Arc<Self>, operation: Operation) -> Result<Resumption, PayError> {
        let op = operation.id;
        let Body::Pay(pay) = &operation.body else { return Err(StoreError::NoSuchOperation.into()) };
        if pay.is_held() {
            // Nobody but the payee has their keys.
            return Err(StoreError::Busy.into());
        }
        if pay.settling.is_none() {
            let mint = self.mint(&operation.mint)?;
            let keyset = mint.keyset(pay.payment.keyset()).ok_or(StoreError::Damaged)?;
            let redemption = keyset.terms().redemption;
            self.vault.run::<_, StoreError>(move |tx| begin_settling(tx, op, redemption)).await?;
            self.vault.at(Step::SettlementStored)?;
        }
        self.tell(&Event::Settling { op });
        match self.drive_issue(op).await {
            Ok(_) => {
                self.vault.at(Step::PaymentSettled)?;
                Ok(Resumption::TakenBack(operation.amount))
            }
            Err(IssueError::Store(StoreError::NoSuchOperation)) if self.is_paid(op).await? => {
                let receipt = self.fetch_receipt(&operation, pay).await.ok();
                if let Some(receipt) = receipt {
                    let outcome = Outcome::Paid(Some(receipt));
                    self.vault.run::<_, StoreError>(move |tx| Operation::amend(tx, op, outcome)).await?;
                }
                Ok(Resumption::Paid(paid(op, pay, receipt)))
            }
            Err(error @ IssueError::TokensEnded { .. }) => self.without_mint(&operation, pay, error).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a payment has ended, and was accepted.
    async fn is_paid(&self, op: OpId) -> Result<bool, StoreError> {
        let found = self.vault.run::<_, StoreError>(move |tx| Operation::find(tx, op)).await?;
        Ok(found.is_some_and(|operation| matches!(operation.ended, Some((_, Outcome::Paid(_))))))
    }

    /// The mint takes the tokens no more, so that only the payee can say how it was. When no deposit can come any more either, the
    /// tokens are worth nothing to anybody.
    async fn without_mint(
        self: &Arc<Self>,
        operation: &Operation,
        pay: &Pay,
        error: IssueError,
    ) -> Result<Resumption, PayError> {
        if let Ok(receipt) = self.fetch_receipt(operation, pay).await {
            return Ok(Resumption::Paid(self.accept_receipt(operation, pay, receipt).await?));
        }
        let (op, now) = (operation.id, self.now());
        let mint = self.mint(&operation.mint)?;
        let keyset = mint.keyset(pay.payment.keyset()).ok_or(StoreError::Damaged)?;
        if now >= keyset.terms().deposit_until {
            self.vault.run::<_, StoreError>(move |tx| tokens_ended(tx, op, now)).await?;
            self.vault.at(Step::PaymentSettled)?;
        }
        Err(error.into())
    }

    /// Ends a payment that surely never left, and gives its tokens back.
    async fn drop_unsent(&self, op: OpId) -> Result<(), StoreError> {
        let now = self.now();
        self.vault
            .run(move |tx| {
                let operation = Operation::load(tx, op)?;
                match &operation.body {
                    Body::Pay(pay) if pay.settling.is_none() => fail(tx, operation, now),
                    _ => Err(StoreError::Busy),
                }
            })
            .await
    }

    pub(crate) async fn accept_receipt(
        &self,
        operation: &Operation,
        pay: &Pay,
        receipt: Receipt,
    ) -> Result<Paid, StoreError> {
        let (op, now) = (operation.id, self.now());
        self.vault.run::<_, StoreError>(move |tx| accepted(tx, op, Some(receipt), now)).await?;
        self.vault.at(Step::ReceiptStored)?;
        Ok(paid(op, pay, Some(receipt)))
    }
}

from_choose_error!(PayError);

fn begin_settling(tx: &mut Tx<'_, '_>, op: OpId, redemption: Redemption) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    let Body::Pay(pay) = &mut operation.body else { return Err(StoreError::NoSuchOperation) };
    if pay.settling.is_some() {
        return Ok(());
    }
    let shape = Shape::Renew(pay.payment.amount());
    pay.settling = Some(Issue::new(shape, redemption, Source::Tokens(pay.tokens.clone())));
    operation.keep(tx)
}

/// Until when a payment may be sent again. However long the request lives, money of which nobody knows where it is does not wait longer
/// than a day.
pub(crate) fn until(operation: &Operation, pay: &Pay) -> UnixTime {
    pay.request.expires_at().min(operation.created_at.plus(SETTLE_AFTER))
}

pub(crate) fn paid(op: OpId, pay: &Pay, receipt: Option<Receipt>) -> Paid {
    Paid { op, payee: *pay.payment.payee(), amount: pay.payment.amount(), receipt, swaps: pay.swaps }
}

/// Where an invoice is paid.
fn pay_url(invoice: &Invoice) -> Result<Endpoint, PayError> {
    payee_url(invoice, verifier_path::PAY)
}

/// Where the receipt of a payment is asked for.
fn receipt_url(pay: &Pay) -> Result<Endpoint, PayError> {
    let PaymentRequest::Invoice(invoice) = &pay.request else { return Err(PayError::NoEndpoint) };
    payee_url(invoice, &verifier_path::PAYMENT.replace("{id}", &pay.payment.id().to_text()))
}

fn payee_url(invoice: &Invoice, path: &str) -> Result<Endpoint, PayError> {
    let endpoint = invoice.draft().endpoint.as_deref().ok_or(PayError::NoEndpoint)?;
    BaseUrl::parse(endpoint).and_then(|base| base.join(path)).map_err(|_| PayError::NoEndpoint)
}
