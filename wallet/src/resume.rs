//! Going on with what was left unfinished.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::{IssueError, StoreError};
use crate::event::Event;
use crate::issue::{is_idle, reopened};
use crate::operation::{Body, OpId, Operation};
use crate::views::{ResumeError, Resumed, Resumption};
use crate::wallet::{Inner, Wallet};

/// A stopped operation is gone on with by itself until it has drawn so many numbers, so that it does not use up those of the others.
/// [`Wallet::give_up`] settles or drops it at any time.
const MAX_TRIED: usize = 10;

/// So many operations are gone on with at the same time.
const AT_ONCE: usize = 4;

impl Wallet {
    /// Goes on with every unfinished operation, a few at a time: sends the same bytes again, settles payments whose time has passed.
    /// One that fails does not keep the others from being gone on with.
    ///
    /// Whatever moves value does this by itself once after opening, unless it was done before.
    ///
    /// # Errors
    /// A [`StoreError`] when the operations cannot be listed. What became of each is in its [`Resumed`].
    pub async fn resume(&self) -> Result<Vec<Resumed>, StoreError> {
        let resumed = self.resume_all(None).await?;
        // Nothing but this keeps it from being done again before the next payment: it is set already, or being set.
        let _set_before = self.inner.resumed.set(());
        Ok(resumed)
    }

    /// Gives an unfinished operation up. A payment is settled with the mint now: afterwards it was accepted, or never can be and its
    /// value is back. One of tokens that are held for its payee cannot be settled by anybody else: they are payable to him again, and
    /// marked as perhaps paid. A withdrawal or swap with no unanswered message is dropped, and what it reserved is available again. Of claims
    /// on a revoked keyset's tokens those are given up that the mint has not taken; what is filed cannot be taken back.
    ///
    /// # Errors
    /// [`ResumeError`] when it cannot be settled now; then the operation stays. An issuance that may have reached the mint cannot be
    /// given up, only gone on with: [`StoreError::Busy`].
    pub async fn give_up(&self, op: OpId) -> Result<Option<Resumption>, ResumeError> {
        let inner = &self.inner;
        let _working = inner.work_on(op)?;
        let operation = inner.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        match &operation.body {
            Body::Pay(pay) if pay.is_held() => {
                inner.let_go(op).await?;
                Ok(None)
            }
            Body::Pay(_) => {
                let operation = inner.vault.run(move |tx| reopened(tx, op)).await?;
                Ok(Some(inner.settle(operation).await?))
            }
            Body::Send(_) => {
                let operation = inner.vault.run(move |tx| reopened(tx, op)).await?;
                Ok(Some(inner.take_back(operation).await?))
            }
            Body::Issue(_) | Body::Lock(_) | Body::Receive(_) if is_idle(&operation) => {
                inner.drop_if(op, is_idle).await?;
                Ok(None)
            }
            Body::Recoup(_) => {
                inner.give_up_claims(op).await?;
                Ok(None)
            }
            Body::Issue(_) | Body::Lock(_) | Body::Receive(_) => Err(StoreError::Busy.into()),
        }
    }

    /// Goes on with what was left unfinished, once after opening. What fails stays listed as an unfinished operation.
    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        let resume = || async { self.resume_all(None).await.map(drop) };
        self.inner.resumed.get_or_try_init(resume).await.map(drop)
    }

    /// The same one after another, with a random pause of this mean before each: a mint must not see that they are of one wallet. Begins
    /// none once `stop` holds `true`.
    pub(crate) async fn resume_slowly(
        &self,
        mean: Duration,
        stop: &watch::Receiver<bool>,
    ) -> Result<Vec<Resumed>, StoreError> {
        let resumed = self.resume_all(Some((mean, stop))).await?;
        let _set_before = self.inner.resumed.set(());
        Ok(resumed)
    }

    /// A few at a time, so that one slow mint or payee does not keep the others waiting; or one by one, slowly.
    async fn resume_all(&self, slowly: Option<(Duration, &watch::Receiver<bool>)>) -> Result<Vec<Resumed>, StoreError> {
        let at_once = if slowly.is_some() { 1 } else { AT_ONCE };
        let mut waiting = self.inner.unfinished().await?.into_iter();
        let mut working = JoinSet::new();
        let mut resumed = Vec::new();
        loop {
            for op in waiting.by_ref().take(at_once.saturating_sub(working.len())) {
                if let Some((mean, stop)) = slowly {
                    let pace = &self.inner.options.pace;
                    pace.sleep(pace.around(mean)).await;
                    if *stop.borrow() {
                        break;
                    }
                }
                let inner = Arc::clone(&self.inner);
                working.spawn(async move { Resumed { op, result: inner.resume_one(op).await } });
            }
            match working.join_next().await {
                None => break,
                // Somebody works on it, or finished it meanwhile.
                Some(Ok(Resumed {
                    result: Err(ResumeError::Issue(IssueError::Store(StoreError::Busy | StoreError::NoSuchOperation))),
                    ..
                })) => {}
                Some(Ok(one)) => resumed.push(one),
                Some(Err(_)) => tracing::warn!("an unfinished operation could not be gone on with"),
            }
        }
        resumed.sort_by_key(|one| one.op);
        Ok(resumed)
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
            Body::Issue(_) | Body::Receive(_) => Ok(Resumption::Issued(self.drive_issue(op).await?)),
            Body::Lock(_) => {
                self.drive_issue(op).await?;
                Ok(Resumption::Locked(op))
            }
            Body::Pay(_) => Ok(self.resume_payment(operation).await?),
            Body::Send(_) => self.take_back(operation).await,
            Body::Recoup(_) => Ok(Resumption::Recoup(self.drive_recoup(op).await?)),
        }
    }
}
