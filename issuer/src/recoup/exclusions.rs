//! Which issuances do not count, kept until another keyset is revoked or buried.

use std::sync::{Arc, Mutex, PoisonError};

use crate::books::Books;
use crate::ledger::{self, Exclusions, Known, LedgerError, LogPlace};

/// How many issuances are read at once.
const PORTION: usize = 256;

/// Keeps what was last computed.
#[derive(Debug, Default)]
pub(crate) struct ExclusionsKeeper(Mutex<Option<Arc<Exclusions>>>);

impl Books {
    /// Which issuances do not count, by the leaks as they are known now. Only if one keyset leaked before another has the log to be
    /// read. A keyset that is buried while it is read may be missing: the ledger asks for them anew then.
    pub(super) async fn exclusions(&self) -> Result<Arc<Exclusions>, LedgerError> {
        let known = self.ledger().read(Known::read).await?;
        let kept = self.excluded().0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.are_of(&known)) {
            return Ok(kept);
        }
        let mut exclusions = Exclusions::of(known);
        if let Some((first, last)) = exclusions.stretch() {
            let mut from = LogPlace(0);
            loop {
                let (entries, next) = self.ledger().read(move |txn| ledger::entries(txn, from, PORTION)).await?;
                let over = next == from || entries.last().is_some_and(|entry| last <= entry.at);
                entries.iter().filter(|entry| first <= entry.at && entry.at < last).for_each(|e| exclusions.follow(e));
                if over {
                    break;
                }
                from = next;
            }
        }
        let exclusions = Arc::new(exclusions);
        *self.excluded().0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&exclusions));
        Ok(exclusions)
    }
}
