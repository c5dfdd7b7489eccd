//! Audits, and the burials that need one. One at a time reads the ledger, and nothing is dropped from it meanwhile.

use std::sync::Arc;

use farthing_protocol::keyset::Keyset;

use super::Books;
use crate::ledger::{self, AuditReport, BurialRefusal, Buried, LedgerError, Unlisted};

impl Books {
    /// Recomputes every figure from the records of one moment and compares. A mint whose books are not right stops issuing until
    /// an audit finds them right. The ledger's other work goes on meanwhile.
    ///
    /// If this future is dropped, the audit ends, and nothing is known of the books that was not known before.
    ///
    /// # Errors
    /// A [`LedgerError`]; the mint then stops issuing as well. [`LedgerError::Busy`] when so much changed meanwhile that the moment could not
    /// be kept: then nothing is known that was not known before.
    pub async fn audit(&self) -> Result<AuditReport, LedgerError> {
        let _alone = self.0.reading.lock().await;
        let (books, now, then) = (self.clone(), self.0.clock.now(), self.0.trust.doubts());
        let audit = move |moment: &ledger::Moment| {
            // Of keysets that were made until then, nothing can be newer.
            ledger::audit(moment, now, &books.keyset_book().facts())
        };
        let mut report = self.0.ledger.at_moment(audit).await;
        match &report {
            Ok(report) if report.is_right() => self.0.trust.found_right(then),
            Ok(report) => {
                self.0.trust.doubt();
                for difference in &report.differences {
                    tracing::error!(figure = %difference.figure, "the books are not right: a figure differs");
                }
            }
            Err(LedgerError::Busy) => tracing::warn!("the books were not audited: too much changed meanwhile"),
            Err(error) => {
                self.0.trust.doubt();
                tracing::error!(%error, "the books could not be audited");
            }
        }
        // That the figures are right says nothing of who signs.
        if let Ok(found) = &mut report {
            self.report_forged(found).await?;
        }
        report
    }

    /// Buries a keyset whose time is over: audits the books, and commits its tombstone. When this returns, it is durable, and every
    /// check knows of it. Books that are not right stop the issuing.
    pub(crate) async fn bury(&self, keyset: Arc<Keyset>) -> Result<Buried, BurialRefusal> {
        let _alone = self.0.reading.lock().await;
        let (books, times, id) = (self.clone(), self.0.ledger.times().await?, *keyset.id());
        let of = Arc::clone(&keyset);
        let audit =
            move |moment: &ledger::Moment| ledger::prepare_burial(moment, times, &of, &books.keyset_book().facts());
        let prepared = self.0.ledger.at_moment(audit).await.inspect_err(|refusal| {
            if *refusal == BurialRefusal::NotRight {
                self.0.trust.doubt();
            }
        })?;
        let (buried, tombstone) =
            self.0.ledger.run_sure(move |txn, at| ledger::bury(txn, at, &keyset, prepared)).await?;
        self.change_keysets(|book| book.with_tombstones([(id, tombstone)].into()))?;
        Ok(buried)
    }

    /// Drops a portion of a keyset's records, in the ledger, while nobody reads all of it.
    pub(crate) async fn drop_portion<T, F>(&self, unlisted: &Arc<Unlisted>, portion: F) -> Result<T, LedgerError>
    where
        F: FnOnce(&mut farthing_durable::Txn<'_>, &Unlisted) -> Result<T, LedgerError> + Send + 'static,
        T: Send + 'static,
    {
        let _alone = self.0.reading.lock().await;
        let unlisted = Arc::clone(unlisted);
        self.0.ledger.run(move |txn, _| portion(txn, &unlisted)).await
    }

    /// Issues nothing until an audit finds the books right: they could not be audited.
    pub(crate) fn doubt(&self) {
        self.0.trust.doubt();
    }
}
