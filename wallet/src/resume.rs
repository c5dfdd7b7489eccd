//! Going on with what was left unfinished.

use std::sync::Arc;

use crate::error::{IssueError, StoreError};
use crate::event::Event;
use crate::issue::{is_idle, reopened};
use crate::operation::{Body, OpId, Operation};
use crate::views::{ResumeError, Resumed, Resumption};
use crate::wallet::{Inner, Wallet};

/// A stopped operation is gone on with by itself until it has drawn so many numbers, so that it does not use up those of the others.
/// [`Wallet::give_up`] settles or drops it at any time.
const MAX_TRIED: usize = 10;

impl Wallet {
    /// Goes on with every unfinished operation, oldest first: sends the same bytes again, settles payments whose time has passed.
    /// One that fails does not keep the others from being gone on with.
    ///
    /// Whatever moves value does this by itself once after opening.
    ///
    /// # Errors
    /// A [`StoreError`] when the operations cannot be listed. What became of each is in its [`Resumed`].
    pub async fn resume(&self) -> Result<Vec<Resumed>, StoreError> {
        let inner = &self.inner;
        let ids = inner.unfinished().await?;
        let mut resumed = Vec::with_capacity(ids.len());
        for op in ids {
            match inner.resume_one(op).await {
                // Somebody works on it, or finished it meanwhile.
                Err(ResumeError::Issue(IssueError::Store(StoreError::Busy | StoreError::NoSuchOperation))) => {}
                result => resumed.push(Resumed { op, result }),
            }
        }
        Ok(resumed)
    }

    /// Gives an unfinished operation up. A payment is settled with the mint now: afterwards it was accepted, or never can be and its
    /// value is back. A withdrawal or swap with no unanswered message is dropped, and what it reserved is available again.
    ///
    /// # Errors
    /// [`ResumeError`] when it cannot be settled now; then the operation stays. An issuance that may have reached the mint cannot be
    /// given up, only gone on with: [`StoreError::Busy`].
    pub async fn give_up(&self, op: OpId) -> Result<Option<Resumption>, ResumeError> {
        let inner = &self.inner;
        let _working = inner.work_on(op)?;
        let operation = inner.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        match &operation.body {
            Body::Pay(_) => {
                let operation = inner.vault.run(move |tx| reopened(tx, op)).await?;
                Ok(Some(inner.settle(operation).await?))
            }
            Body::Issue(_) if is_idle(&operation) => {
                inner.drop_if(op, is_idle).await?;
                Ok(None)
            }
            Body::Issue(_) => Err(StoreError::Busy.into()),
        }
    }

    /// Goes on with what was left unfinished, once after opening. What fails stays listed as an unfinished operation.
    pub(crate) async fn ready(&self) {
        let resume = || async {
            if self.resume().await.is_err() {
                tracing::warn!("unfinished operations could not be listed");
            }
        };
        self.inner.resumed.get_or_init(resume).await;
    }
}

impl Inner {
    async fn resume_one(self: &Arc<Self>, op: OpId) -> Result<Resumption, ResumeError> {
        let _working = self.work_on(op)?;
        let operation = self.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        let tried = operation.issue().map_or(0, |issue| issue.used.len());
        let operation = match tried < MAX_TRIED {
            true => self.vault.run(move |tx| reopened(tx, op)).await?,
            false => operation,
        };
        self.tell(&Event::Resuming { op });
        match &operation.body {
            Body::Issue(_) => Ok(Resumption::Issued(self.drive_issue(op).await?)),
            Body::Pay(_) => Ok(self.resume_payment(operation).await?),
        }
    }
}
