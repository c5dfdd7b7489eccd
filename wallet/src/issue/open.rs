//! Opening a session, up to the request that is kept.

use std::sync::Arc;

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{OpenAnswer, OpenRequest, mint_path};
use farthing_protocol::blind::wallet::{UnblindError, check_commitments};
use farthing_protocol::shape::ShapeError;

use super::{answer, is_unbegun, request};
use crate::error::{IssueError, MintError, PendingCause, StoreError};
use crate::evidence::Evidence;
use crate::mints::Mint;
use crate::operation::{Body, Issue, OpId, Operation, Source};
use crate::options::Step;
use crate::restore::record;
use crate::stock;
use crate::wallet::Inner;

impl Inner {
    /// Opens a session, draws a number, and keeps number and request.
    pub(super) async fn open_session(self: &Arc<Self>, operation: &Operation, issue: &Issue) -> Result<(), IssueError> {
        let (op, id) = (operation.id, operation.mint);
        self.vault.run::<_, StoreError>(move |tx| record::require_alone(tx, &id)).await?;
        // What is known already may say that the tokens ended, and a mint of that time may be gone.
        require_spendable(&*self.mint(&operation.mint)?, op, issue, self.now())?;
        let mint = self.mint_for(operation).await?;
        require_spendable(&mint, op, issue, self.now())?;
        let keyset = match mint.active(&operation.unit, &issue.redemption, self.now()) {
            Err(MintError::NoActiveKeyset | MintError::NoSuchUnit) => {
                let mint = self.refresh_for(operation).await?;
                require_spendable(&mint, op, issue, self.now())?;
                mint.active(&operation.unit, &issue.redemption, self.now())?
            }
            other => other?,
        };
        let outputs = issue.shape.outputs(&keyset)?;
        if stock::worth(outputs.iter().copied())? != operation.amount {
            // A bundle's number means something else in this keyset.
            return Err(ShapeError::UnknownBundle.into());
        }
        if let Source::Account { max_debit, .. } = &issue.source
            && keyset.terms().fees.debit(operation.amount).is_none_or(|debit| debit > *max_debit)
        {
            return Err(self.fee_rose(op, issue).await?);
        }
        let url = mint.url.join(mint_path::OPEN).map_err(MintError::from)?;
        let request = OpenRequest { keyset: *keyset.id(), shape: issue.shape };
        let answer = async { self.http_for(op)?.post_json::<_, OpenAnswer>(&url, &request).await }.await;
        let opened = match answer {
            Ok(answer) => answer.opened,
            Err(error) => return Err(self.not_opened(operation, error).await?),
        };
        let checked = if opened.commitments.len() == outputs.len() {
            check_commitments(&opened.commitments)
        } else {
            Err(UnblindError::WrongCount)
        };
        if let Err(lie) = checked {
            let evidence = self.write_evidence(&Evidence::Session { opened: &opened }).map_err(MintError::from)?;
            return Err(IssueError::Lie { op, lie: lie.into(), evidence });
        }
        self.vault.at(Step::SessionOpened)?;
        let (seed, now) = (Arc::clone(&self.seed), self.now());
        self.vault.run(move |tx| request::draw_and_keep(tx, op, &seed, &keyset, &outputs, &opened, now)).await?;
        self.vault.at(Step::RequestStored)?;
        Ok(())
    }

    /// A later keyset costs more than its owner agreed to. What sent nothing ends.
    async fn fee_rose(&self, op: OpId, issue: &Issue) -> Result<IssueError, StoreError> {
        if !issue.used.is_empty() {
            return Ok(IssueError::Pending { op, cause: PendingCause::FeeRose });
        }
        self.drop_if(op, is_unbegun).await?;
        Ok(IssueError::FeeRose { op })
    }

    /// A mint whose list is current. To settle a payment one that was caught cheating must do.
    async fn mint_for(&self, operation: &Operation) -> Result<Arc<Mint>, MintError> {
        let mint = self.mint(&operation.mint)?;
        if mint.is_current(self.now()) { Ok(mint) } else { self.refresh_for(operation).await }
    }

    pub(super) async fn refresh_for(&self, operation: &Operation) -> Result<Arc<Mint>, MintError> {
        match operation.body {
            Body::Issue(_) | Body::Lock(_) | Body::Receive(_) | Body::Recoup(_) => self.refresh(&operation.mint).await,
            Body::Pay(_) | Body::Send(_) => self.refresh_even_refused(&operation.mint).await,
        }
    }

    async fn not_opened(&self, operation: &Operation, error: CallError) -> Result<IssueError, IssueError> {
        let op = operation.id;
        match error.problem().and_then(|problem| problem.known()) {
            Some(code @ (Code::KeysetNotIssuing | Code::KeysetEnded | Code::UnknownKeyset)) => {
                // The list may have changed; the next attempt will see.
                self.refresh_for(operation).await?;
                Ok(IssueError::Refused { op, code })
            }
            Some(code) if answer::is_definite(code) => Ok(IssueError::Refused { op, code }),
            _ => Ok(IssueError::Pending { op, cause: error.into() }),
        }
    }
}

/// Requires of a swap that the mint still takes its tokens: a number drawn for others would be wasted.
fn require_spendable(mint: &Mint, op: OpId, issue: &Issue, now: UnixTime) -> Result<(), IssueError> {
    let Some(keyset) = issue.source.keyset() else { return Ok(()) };
    let keyset = mint.keyset(&keyset).ok_or(StoreError::Damaged)?;
    if mint.is_spendable(keyset, now) { Ok(()) } else { Err(IssueError::TokensEnded { op }) }
}
