//! Tokens given out as a text that whoever has it can claim.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::Redemption;
use farthing_protocol::shape::Shape;
use farthing_protocol::token::{TextToken, TextTokenContent};

use super::{SendError, Sent, SentView, TokenText};
use crate::error::{IssueError, MintError, StoreError};
use crate::event::Event;
use crate::exact::Wanted;
use crate::operation::{Body, Issue, OpId, Operation, Outcome, Sending, Source};
use crate::options::Step;
use crate::stock;
use crate::vault::Tx;
use crate::views::{ResumeError, Resumption};
use crate::wallet::{Inner, Wallet};

impl Wallet {
    /// Gives tokens out as a text. First goes on with whatever was left unfinished.
    ///
    /// Until somebody claims it, [`reclaim`](Self::reclaim) takes it back.
    ///
    /// # Errors
    /// A [`SendError`]; nothing was given out then.
    pub async fn send(
        &self,
        mint: &MintId,
        unit: &Unit,
        amount: Amount,
        memo: Option<String>,
    ) -> Result<Sent, SendError> {
        self.ready().await?;
        let inner = &self.inner;
        check(amount, memo.as_deref())?;
        let known = inner.mint_to_pay_with(mint).await?;
        known.usable()?;
        let wanted = Wanted {
            mint: *mint,
            redemption: Redemption::Open,
            unit: unit.clone(),
            amount,
            before: None,
            lasting: true,
        };
        if inner.spendable(&known, &wanted.redemption, unit).await? < amount {
            return Err(SendError::InsufficientFunds);
        }
        let working = inner
            .with_exact::<SendError>(&wanted, move |_, exact| {
                let (tokens, swaps) = (exact.keys(), exact.swaps);
                Ok(Body::Send(Box::new(Sending { tokens, memo: memo.clone(), swaps, reclaiming: None })))
            })
            .await?;
        inner.vault.at(Step::SendStored)?;
        inner.sent(working.op, false).await
    }

    /// Everything that was sent and may still be claimed or is locked, newest first; with `all` also what is over.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn sent(&self, all: bool) -> Result<Vec<SentView>, StoreError> {
        let operations = self.inner.vault.run::<_, StoreError>(move |tx| {
            let mut operations = Operation::all_live(tx)?;
            // A locked text may be on its way still, and is nowhere else.
            let is_locked = |operation: &Operation| {
                matches!((&operation.body, operation.ended), (Body::Lock(_), Some((_, Outcome::Issued))))
            };
            operations.extend(Operation::all_ended(tx)?.into_iter().filter(|operation| all || is_locked(operation)));
            Ok(operations)
        });
        let mut views: Vec<SentView> = operations.await?.iter().filter_map(SentView::of).collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.op));
        Ok(views)
    }

    /// The text of something that was sent, once more.
    ///
    /// # Errors
    /// [`SendError::NotSent`] if it was claimed, taken back, or never sent.
    pub async fn sent_text(&self, op: OpId) -> Result<Sent, SendError> {
        self.inner.sent(op, true).await
    }

    /// Takes back what was given out, by renewing exactly its tokens: afterwards it can never be claimed any more, or somebody claimed it
    /// ([`Resumption::Claimed`]).
    ///
    /// # Errors
    /// A [`ResumeError`]; [`IssueError::Pending`] when the mint could not be asked: it stays begun, and
    /// [`resume`](Self::resume) goes on.
    pub async fn reclaim(&self, op: OpId) -> Result<Resumption, ResumeError> {
        let inner = &self.inner;
        let _working = inner.work_on(op)?;
        let operation = inner.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        if !matches!(operation.body, Body::Send(_)) {
            return Err(StoreError::NoSuchOperation.into());
        }
        inner.take_back(operation).await
    }
}

impl Inner {
    /// Takes back what an operation gave out.
    pub(crate) async fn take_back(self: &Arc<Self>, operation: Operation) -> Result<Resumption, ResumeError> {
        let op = operation.id;
        let Body::Send(sending) = &operation.body else { return Err(StoreError::NoSuchOperation.into()) };
        if sending.reclaiming.is_none() {
            let mint = self.mint(&operation.mint).map_err(IssueError::from)?;
            let keyset = sending.tokens.first().and_then(|token| mint.keyset(&token.keyset));
            let redemption = keyset.ok_or(StoreError::Damaged)?.terms().redemption;
            self.vault.run::<_, StoreError>(move |tx| begin_reclaiming(tx, op, redemption)).await?;
            self.vault.at(Step::SettlementStored)?;
        }
        self.tell(&Event::Settling { op });
        match self.drive_issue(op).await {
            Ok(_) => Ok(Resumption::TakenBack(operation.amount)),
            Err(IssueError::SpentElsewhere { .. }) => Ok(Resumption::Claimed(operation.amount)),
            Err(error @ IssueError::TokensEnded { .. }) => {
                self.end_if_worthless(&operation).await?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends what was given out and can be exchanged by nobody any more.
    async fn end_if_worthless(&self, operation: &Operation) -> Result<(), ResumeError> {
        let (op, now) = (operation.id, self.now());
        let mint = self.mint(&operation.mint).map_err(IssueError::from)?;
        let keyset = operation.tokens().first().and_then(|token| mint.keyset(&token.keyset));
        if now >= keyset.ok_or(StoreError::Damaged)?.terms().deposit_until {
            self.vault.run::<_, StoreError>(move |tx| crate::issue::tokens_ended(tx, op, now)).await?;
        }
        Ok(())
    }

    /// Something sent, with its text.
    pub(super) async fn sent(&self, op: OpId, again: bool) -> Result<Sent, SendError> {
        self.vault
            .run(move |tx| {
                let operation = Operation::find(tx, op)?.ok_or(SendError::NotSent { op })?;
                let (text, locked_to, swaps) = match (&operation.body, operation.ended) {
                    (Body::Send(sending), None) if sending.reclaiming.is_none() => {
                        (bearer(tx, &operation, sending)?, None, sending.swaps)
                    }
                    (Body::Lock(locking), Some((_, Outcome::Issued))) => {
                        let made = locking.made.as_deref().ok_or(StoreError::Damaged)?;
                        let token = TextToken::from_bytes(made).map_err(StoreError::from)?;
                        (token, Some(*locking.to.payee()), locking.swaps)
                    }
                    _ => return Err(SendError::NotSent { op }),
                };
                let Operation { mint, unit, amount, .. } = operation;
                Ok(Sent { op, mint, unit, amount, text: TokenText::of(&text), locked_to, swaps, again })
            })
            .await
    }
}

/// The tokens of an operation with their keys.
fn bearer(tx: &Tx<'_, '_>, operation: &Operation, sending: &Sending) -> Result<TextToken, StoreError> {
    let open = |key: &stock::TokenKey| stock::reserved(tx, *key, operation.id)?.open();
    let tokens = sending.tokens.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let keyset = sending.tokens.first().ok_or(StoreError::Damaged)?.keyset;
    let content = TextTokenContent::Bearer(tokens);
    Ok(TextToken::new(operation.mint, keyset, sending.memo.clone(), content)?)
}

fn begin_reclaiming(tx: &mut Tx<'_, '_>, op: OpId, redemption: Redemption) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    let shape = Shape::Renew(operation.amount);
    let Body::Send(sending) = &mut operation.body else { return Err(StoreError::NoSuchOperation) };
    if sending.reclaiming.is_none() {
        sending.reclaiming = Some(Issue::new(shape, redemption, Source::Tokens(sending.tokens.clone())));
        operation.keep(tx)?;
    }
    Ok(())
}

/// Whether an amount with a note can be sent at all.
pub(super) fn check(amount: Amount, memo: Option<&str>) -> Result<(), SendError> {
    if amount.is_zero() {
        return Err(SendError::Nothing);
    }
    memo.map_or(Ok(()), TextToken::check_memo).map_err(SendError::Memo)
}

impl From<MintError> for ResumeError {
    fn from(error: MintError) -> Self {
        Self::Issue(error.into())
    }
}
