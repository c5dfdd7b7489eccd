//! Issuance (protocol section 7): withdrawals, swaps, and the renewals that settle payments.
//!
//! ```text
//! Opening ── open ──▶ (number drawn and request kept, in one transaction) ──▶ Sent ── finish ──▶ tokens kept, ended
//!    ▲                                                                         │
//!    └───────────── number abandoned: session gone, or another record ◀────────┘
//! ```
//!
//! An operation whose funding went to an issuance that is not ours is stopped; when it is gone on with later, it begins again.
//!
//! In `Sent` the same bytes are sent until there is an answer that decides. A number is never used again, and no session is sent
//! another challenge.

mod answer;
mod examine;
mod field;
mod open;
mod request;
mod settle;

use std::sync::Arc;

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::amount::{Amount, Denomination, Unit, UnixTime};
use farthing_protocol::api::{FinishAnswer, FinishRequest, SecondFactor, mint_path};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::OperationId;
use farthing_protocol::issuance::{IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::{Keyset, Redemption};
use farthing_protocol::shape::{Shape, ShapeError};

use crate::error::{IssueError, Lie, MintError, PendingCause, StoreError};
use crate::event::Event;
use crate::evidence::Evidence;
use crate::mints::Mint;
use crate::operation::{Body, Issue, IssueStage, Lock, OpId, Operation, Outcome, Source, Used};
use crate::options::Step;
use crate::stock::{self, StoredToken, TokenKey};
use crate::vault::Tx;
use crate::views::Issued;
use crate::wallet::{Inner, Wallet, Working};

use answer::deciding_finish_code;

pub(crate) use answer::deciding_code;
pub(crate) use field::read as read_field;
pub(crate) use request::{Coin, awaiting, context};
pub(crate) use settle::{accepted, reopened, tokens_ended};

/// Withdrawals, and swaps for their own sake, are of tokens that many payees take.
const REDEMPTION: Redemption = Redemption::Open;

/// So many numbers may come to nothing before the operation is left for another time: a mint that fails would burn them all at once.
const MAX_ABANDONED: u8 = 3;

/// What to withdraw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithdrawWhat {
    /// The binary digits of one amount.
    Amount(Amount),
    /// A bundle of the keyset, by its number: tokens for many exact payments.
    Bundle(u8),
}

/// What to swap. Swaps are free of fees; what they make is of the keyset that issues now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapWhat {
    /// One token of 2^k into 2^(k−1), …, 2, 1, 1.
    Split(Denomination),
    /// Two tokens of 2^k into one of 2^(k+1).
    Merge(Denomination),
    /// The binary digits of an amount into the same, of the keyset that issues now.
    Renew(Amount),
}

impl From<SwapWhat> for Shape {
    fn from(what: SwapWhat) -> Self {
        match what {
            SwapWhat::Split(k) => Self::Split(k),
            SwapWhat::Merge(k) => Self::Merge(k),
            SwapWhat::Renew(amount) => Self::Renew(amount),
        }
    }
}

impl From<WithdrawWhat> for Shape {
    fn from(what: WithdrawWhat) -> Self {
        match what {
            WithdrawWhat::Amount(amount) => Self::Withdrawal(amount),
            WithdrawWhat::Bundle(number) => Self::Bundle(number),
        }
    }
}

impl Wallet {
    /// Turns money of the account into tokens. First goes on with whatever was left unfinished.
    ///
    /// # Errors
    /// An [`IssueError`]: [`IssueError::Pending`] when the outcome is not known; the operation then stays.
    pub async fn withdraw(&self, mint: &MintId, unit: &Unit, what: WithdrawWhat) -> Result<Issued, IssueError> {
        self.ready().await?;
        self.inner.withdraw(mint, unit, what, None, None).await
    }

    /// As [`withdraw`](Self::withdraw), with a code of the account's second factor, which is used if more is taken than the account's
    /// limit.
    ///
    /// # Errors
    /// As [`withdraw`](Self::withdraw).
    pub async fn withdraw_with(
        &self,
        mint: &MintId,
        unit: &Unit,
        what: WithdrawWhat,
        code: SecondFactor,
    ) -> Result<Issued, IssueError> {
        self.ready().await?;
        self.inner.withdraw(mint, unit, what, None, Some(code)).await
    }

    /// Swaps tokens of the oldest keyset that has them. First goes on with whatever was left unfinished.
    ///
    /// # Errors
    /// An [`IssueError`]: [`IssueError::Pending`] when the outcome is not known; the operation then stays.
    pub async fn swap(&self, mint: &MintId, unit: &Unit, what: SwapWhat) -> Result<Issued, IssueError> {
        self.ready().await?;
        let mint = self.inner.current_mint(mint).await?;
        mint.usable()?;
        let keyset = self.inner.active(&mint, unit, &REDEMPTION).await?;
        Shape::from(what).outputs(&keyset)?;
        let chain = mint.chain(unit, &REDEMPTION).ok_or(MintError::NoSuchUnit)?;
        let now = self.inner.now();
        let from = chain.iter().filter(|keyset| mint.is_spendable(keyset, now)).cloned().collect();
        let working = self.inner.reserve_swap(&mint, &REDEMPTION, from, what).await?;
        self.inner.begin_issue(working).await
    }
}

impl Inner {
    /// Withdraws own tokens, or such as are locked to a payee.
    pub(crate) async fn withdraw(
        self: &Arc<Self>,
        mint: &MintId,
        unit: &Unit,
        what: WithdrawWhat,
        lock: Option<Lock>,
        code: Option<SecondFactor>,
    ) -> Result<Issued, IssueError> {
        let mint = self.current_mint(mint).await?;
        mint.usable()?;
        let keyset = self.active(&mint, unit, &REDEMPTION).await?;
        let shape = Shape::from(what);
        let amount = stock::worth(shape.outputs(&keyset)?)?;
        let debit = keyset.terms().fees.debit(amount).ok_or(ShapeError::AmountOutOfRange)?;
        let (held, free) = self.funds_in(&mint, unit).await?;
        if held < debit {
            return Err(IssueError::InsufficientFunds);
        }
        let code = match (free, code) {
            (Some(free), None) if free < debit => return Err(IssueError::SecondFactor { free }),
            (Some(free), code) if free < debit => code,
            // A code that is not needed is not used up.
            _ => None,
        };
        let operation = OperationId::from_bytes(rand::random());
        let source = Source::Account { operation, max_debit: debit };
        let mut issue = Issue::new(shape, REDEMPTION, source);
        issue.lock = lock;
        let (at, permitted) = (Arc::clone(&mint), (debit, unit.clone()));
        let (mint, unit, now) = (mint.id, unit.clone(), self.now());
        let working = self
            .create::<StoreError>(move |tx| {
                let id = Operation::next_id(tx)?;
                Operation { id, created_at: now, mint, unit, amount, body: Body::Issue(Box::new(issue)), ended: None }
                    .keep(tx)?;
                Ok(Some(id))
            })
            .await?;
        let working = working.ok_or(StoreError::Busy)?;
        if let Some(code) = code
            && let Err(error) = self.permit(&at, operation, permitted, code).await
        {
            // A permission that was given all the same is for an operation that will never be.
            self.drop_if(working.op, is_unbegun).await?;
            return Err(error.into());
        }
        self.begin_issue(working).await
    }

    /// Keeps a swap of tokens of the first keyset that has them, and reserves them.
    pub(crate) async fn reserve_swap(
        self: &Arc<Self>,
        mint: &Mint,
        redemption: &Redemption,
        from: Vec<Arc<Keyset>>,
        what: SwapWhat,
    ) -> Result<Working, IssueError> {
        let inputs = Shape::from(what).inputs().unwrap_or_default();
        let unit = from.first().ok_or(IssueError::NoSuchTokens)?.terms().unit.clone();
        let pick = move |live: &[(TokenKey, StoredToken)]| {
            let chosen = from.iter().find_map(|keyset| stock::choose(live, keyset.id(), &inputs));
            stock::in_payment_order(chosen.ok_or(IssueError::NoSuchTokens)?).map_err(IssueError::from)
        };
        self.reserve_swap_of(mint, unit, redemption, what, pick).await
    }

    /// Keeps a swap of the tokens that `pick` takes of those that are not spent, in the order of a payment, and reserves them.
    pub(crate) async fn reserve_swap_of(
        self: &Arc<Self>,
        mint: &Mint,
        unit: Unit,
        redemption: &Redemption,
        what: SwapWhat,
        pick: impl FnOnce(&[(TokenKey, StoredToken)]) -> Result<Vec<TokenKey>, IssueError> + Send + 'static,
    ) -> Result<Working, IssueError> {
        let shape = Shape::from(what);
        let amount = stock::worth(shape.inputs().unwrap_or_default())?;
        let (mint, redemption, now) = (mint.id, *redemption, self.now());
        let working = self
            .create::<IssueError>(move |tx| {
                let chosen = pick(&stock::live(tx)?)?;
                let id = Operation::next_id(tx)?;
                for key in &chosen {
                    stock::reserve(tx, *key, id)?;
                }
                let issue = Issue::new(shape, redemption, Source::Tokens(chosen));
                Operation { id, created_at: now, mint, unit, amount, body: Body::Issue(Box::new(issue)), ended: None }
                    .keep(tx)?;
                Ok(Some(id))
            })
            .await?;
        Ok(working.ok_or(StoreError::Busy)?)
    }

    /// Works on an operation just kept. If the mint cannot even be asked to open a session, it is dropped again.
    pub(crate) async fn begin_issue(self: &Arc<Self>, working: Working) -> Result<Issued, IssueError> {
        let op = working.op;
        self.vault.at(Step::IssueStored)?;
        let error = match self.drive_issue(op).await {
            Ok(issued) => return Ok(issued),
            // After a fault of the store nothing more is done.
            Err(error @ IssueError::Store(_)) => return Err(error),
            Err(error) => error,
        };
        let dropped = self.drop_if(op, is_unbegun).await?;
        Err(match error {
            // What is dropped is not pending.
            IssueError::Pending { cause: PendingCause::Call(cause), .. } if dropped => MintError::Call(cause).into(),
            other => other,
        })
    }

    /// Ends an unfinished operation of which nothing came, if it is still like that. Whether it was.
    pub(crate) async fn drop_if(&self, op: OpId, like_that: fn(&Operation) -> bool) -> Result<bool, StoreError> {
        let now = self.now();
        self.vault
            .run(move |tx| match Operation::find(tx, op)? {
                Some(operation) if operation.ended.is_none() && like_that(&operation) => {
                    fail(tx, operation, now)?;
                    Ok(true)
                }
                _ => Ok(false),
            })
            .await
    }

    /// Brings an issuance to its end, or as far as the mint lets it. Where it settles a payment that the mint says was accepted, the
    /// payment has ended: [`StoreError::NoSuchOperation`].
    pub(crate) async fn drive_issue(self: &Arc<Self>, op: OpId) -> Result<Issued, IssueError> {
        // Whether the kept request was made here and now, so that it surely was not sent before.
        let mut fresh = false;
        let mut abandoned = 0_u8;
        // A list that is not the newest names a keyset that was revoked since; a refusal has renewed it.
        let mut renewed = false;
        loop {
            let operation = self.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
            if abandoned == MAX_ABANDONED {
                return Err(IssueError::Pending { op, cause: PendingCause::NumbersAbandoned });
            }
            let issue = operation.issue().ok_or(StoreError::NoSuchOperation)?;
            match issue.stage {
                IssueStage::Opening => {
                    match self.open_session(&operation, issue).await {
                        Err(IssueError::Refused { code: Code::KeysetNotIssuing | Code::KeysetEnded, .. })
                            if !renewed =>
                        {
                            renewed = true;
                            continue;
                        }
                        // Nothing more comes of tokens that can be swapped no more: they can be claimed, if their keyset was revoked.
                        Err(error @ IssueError::TokensEnded { .. }) if issue.source.keyset().is_some() => {
                            self.give_back(op).await?;
                            return Err(error);
                        }
                        opened => opened?,
                    }
                    fresh = true;
                }
                IssueStage::Sent => {
                    let used = *issue.used.last().ok_or(StoreError::Damaged)?;
                    let request = self.kept_request(op, used).await?;
                    if let Some(issued) = self.finish(&operation, used, request, fresh).await? {
                        return Ok(issued);
                    }
                    abandoned += 1;
                }
                IssueStage::Stopped => return Err(IssueError::SeedUsedElsewhere { op }),
            }
        }
    }

    /// Ends an operation that is a swap of own tokens and waits for no answer, and gives them back.
    async fn give_back(&self, op: OpId) -> Result<(), StoreError> {
        let is_swap =
            |operation: &Operation| matches!(operation.body, Body::Issue(_) | Body::Lock(_)) && is_idle(operation);
        self.drop_if(op, is_swap).await.map(drop)
    }

    /// The keyset that issues now, after fetching the list if the known one has none.
    pub(crate) async fn active(
        &self,
        mint: &Mint,
        unit: &Unit,
        redemption: &Redemption,
    ) -> Result<Arc<Keyset>, MintError> {
        match mint.active(unit, redemption, self.now()) {
            Err(MintError::NoActiveKeyset | MintError::NoSuchUnit) => {
                self.refresh(&mint.id).await?.active(unit, redemption, self.now())
            }
            other => other,
        }
    }

    pub(crate) async fn kept_request(&self, op: OpId, used: Used) -> Result<IssuanceRequest, StoreError> {
        self.vault.run(move |tx| request::load(tx, op, &used)).await
    }

    /// Sends a kept request, again if need be, until there is an answer that decides or the attempts are used up. `fresh` says that
    /// it surely was not sent before.
    async fn send_finish(
        &self,
        op: OpId,
        mint: &Mint,
        request: &IssuanceRequest,
        fresh: bool,
    ) -> Result<Answered, IssueError> {
        let url = mint.url.join(mint_path::FINISH).map_err(MintError::from)?;
        let body = FinishRequest { request: request.clone() };
        let mut unsent = fresh;
        let mut attempt = 1;
        loop {
            let answer: Result<FinishAnswer, CallError> =
                async { self.http_for(op)?.post_json(&url, &body).await }.await;
            self.vault.at(Step::RequestAnswered)?;
            let code = answer.as_ref().err().and_then(|error| deciding_finish_code(error, unsent));
            if answer.is_ok() || code.is_some() || attempt >= self.options.attempts {
                return Ok(Answered { answer, code });
            }
            unsent &= matches!(answer, Err(CallError::NotSent(_)));
            attempt = attempt.saturating_add(1);
            tokio::time::sleep(self.options.pause).await;
            self.tell(&Event::SentAgain { op });
        }
    }

    /// Keeps the messages of a lie. The operation stays as it is.
    pub(crate) fn lie(&self, op: OpId, lie: Lie, request: &IssuanceRequest, record: &IssuanceRecord) -> IssueError {
        match self.write_evidence(&Evidence::Record { request, record }) {
            Ok(evidence) => IssueError::Lie { op, lie, evidence },
            Err(error) => MintError::from(error).into(),
        }
    }
}

/// The answer to a finish request, and its code if it decides.
struct Answered {
    answer: Result<FinishAnswer, CallError>,
    code: Option<Code>,
}

/// Whether nothing of an operation can have reached a mint's ledger: no number was drawn for it.
pub(crate) fn is_unbegun(operation: &Operation) -> bool {
    of_itself(operation).is_some_and(|issue| issue.used.is_empty() && issue.stage == IssueStage::Opening)
}

/// Whether an operation has no unanswered number: whatever it sent was refused for good, or what was to fund it went elsewhere.
pub(crate) fn is_idle(operation: &Operation) -> bool {
    of_itself(operation).is_some_and(|issue| issue.stage != IssueStage::Sent)
}

/// The issuance that an operation is, not one by which something else is settled.
fn of_itself(operation: &Operation) -> Option<&Issue> {
    match &operation.body {
        Body::Issue(_) | Body::Lock(_) | Body::Receive(_) => operation.issue(),
        Body::Pay(_) | Body::Send(_) | Body::Recoup(_) => None,
    }
}

/// Forgets what an operation asked.
pub(crate) fn forget_requests(tx: &mut Tx<'_, '_>, operation: &Operation) -> Result<(), StoreError> {
    let used = operation.issue().map(|issue| issue.used.as_slice()).unwrap_or_default();
    request::forget(tx, operation.id, used)
}

/// Ends an operation of which nothing came, and gives back what it reserved.
pub(crate) fn fail(tx: &mut Tx<'_, '_>, operation: Operation, now: UnixTime) -> Result<(), StoreError> {
    stock::release(tx, operation.tokens(), operation.id)?;
    operation.end(tx, now, Outcome::Failed)
}
