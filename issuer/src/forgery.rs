//! Keysets whose keys somebody else signs with, as the ledger has noticed: nothing is issued until they are revoked.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use farthing_protocol::amount::UnixTime;
use farthing_protocol::ids::KeysetId;

use crate::books::Books;
use crate::ledger::{self, AuditReport, Authority, LedgerError};

/// Since when each is marked; nothing if that is not in the ledger yet.
#[derive(Debug)]
pub(crate) struct Forged(RwLock<BTreeMap<KeysetId, Option<UnixTime>>>);

impl Forged {
    pub(crate) fn new(marked: BTreeMap<KeysetId, UnixTime>) -> Self {
        Self(RwLock::new(marked.into_iter().map(|(keyset, at)| (keyset, Some(at))).collect()))
    }

    pub(crate) fn since(&self, keyset: &KeysetId) -> Option<UnixTime> {
        self.all().get(keyset).copied().flatten()
    }

    fn all(&self) -> RwLockReadGuard<'_, BTreeMap<KeysetId, Option<UnixTime>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, keyset: KeysetId, at: Option<UnixTime>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(keyset, at);
    }

    fn remove(&self, keyset: &KeysetId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(keyset);
    }
}

impl Books {
    /// Stops issuing when the ledger was asked to redeem more of a keyset than was issued: somebody else signs with its key. It is stopped at
    /// once, and when this returns, for every later start as well.
    pub(crate) async fn heed(&self, error: LedgerError) {
        let LedgerError::Forged { keyset, redeemed } = error else { return };
        if self.forged().since(&keyset).is_some() {
            return;
        }
        self.forged().set(keyset, None);
        tracing::error!(
            %keyset,
            "more would be redeemed of a keyset than was issued: its key is in other hands; issuing stops until it is revoked"
        );
        let marked = self.ledger().run(move |txn, now| {
            ledger::mark_forged(txn, now, &keyset, redeemed)?;
            Ok::<_, LedgerError>(now)
        });
        match marked.await {
            Ok(now) => self.forged().set(keyset, Some(now)),
            Err(error) => {
                tracing::error!(%error, "that a keyset is forged could not be noted, and is not known after a restart")
            }
        }
    }

    /// Says that it means nothing that more would have been redeemed of a keyset than was issued. Says whether the mint had noticed that.
    ///
    /// # Errors
    /// A [`LedgerError`].
    ///
    /// # Security
    /// If somebody has the keyset's key after all, each token that is issued from then on is one more that he can redeem.
    pub async fn dismiss_forgery(&self, authority: Authority, keyset: KeysetId) -> Result<bool, LedgerError> {
        let dismissed =
            self.ledger().run(move |txn, now| ledger::dismiss_forged(txn, now, &authority, &keyset)).await?;
        self.forged().remove(&keyset);
        Ok(dismissed)
    }

    /// Whether somebody else signs with the key of a keyset that is not revoked.
    pub(crate) fn is_forged(&self) -> bool {
        let forged = self.forged().all();
        if forged.is_empty() {
            return false;
        }
        let (book, now) = (self.keyset_book(), self.clock().now());
        forged.keys().any(|keyset| book.revoked_at(keyset).is_none_or(|at| now < at))
    }

    /// Adds keysets that are forged to what an audit has found.
    pub(crate) async fn report_forged(&self, report: &mut AuditReport) -> Result<(), LedgerError> {
        let (mut found, now) = (report.clone(), self.clock().now());
        *report = self
            .ledger()
            .read(move |txn| {
                ledger::report_forged(txn, now, &mut found)?;
                Ok(found)
            })
            .await?;
        Ok(())
    }
}
