//! Keysets over time: the next one is made ahead, and what has ended is dropped.
//!
//! Each step can be repeated, and begins where the last attempt stopped: what was decided stands in the ledger.

use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;

use crate::archive::ArchiveError;
use crate::ledger::{self, BurialRefusal, Buried, LedgerError, LogPlace};
use crate::mint::{KeysetChangeError, Mint};
use crate::signer::SigningError;

/// What a rotation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The keyset that was made.
    pub made: Option<KeysetId>,
    /// Keysets that were buried: their tombstones are durable, and nobody redeems a token of theirs any more.
    pub buried: Vec<KeysetId>,
    /// Keysets of which nothing is left but their tombstones.
    pub dropped: Vec<KeysetId>,
}

/// Why a rotation was not finished. What was begun is gone on with by the next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// The next keyset was not made.
    #[error("the next keyset could not be made: {0}")]
    Next(#[from] KeysetChangeError),
    /// A keyset that has ended stays: what the audit finds wrong could not be found any more.
    #[error("a keyset that has ended is kept, because the books are not right")]
    NotRight,
    /// A keyset that has ended stays: somebody else signs with its key, and it is not revoked.
    #[error("a keyset that has ended is kept, because its key is in other hands: revoke it")]
    Forged,
    /// The secret keys of a keyset that has ended were not removed.
    #[error("the secret keys of a keyset that has ended were not removed: {0}")]
    Keys(#[from] SigningError),
    /// The archive.
    #[error("a keyset that has ended was not taken out of the archive: {0}")]
    Archive(#[from] ArchiveError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Mint {
    /// Makes the next keyset if it is due, and drops what is kept of keysets that have ended. A served mint does so by itself.
    ///
    /// A keyset has ended when payees can deposit its tokens no more (`deposit_until`), and the mint was served for a day since: a clock that
    /// is ahead buries nothing at once. First its tombstone is made durable, with what was
    /// issued and redeemed of it; from then on it is refused, whatever a clock says. Then its spent records and issuances are
    /// dropped. A keyset that was revoked is kept until no claim on its tokens is taken any more, and each is settled.
    ///
    /// # Errors
    /// A [`RotationError`]. What cannot be dropped keeps no keyset from being made, nor the other way about.
    pub async fn rotate(&self) -> Result<Rotation, RotationError> {
        self.signer().drop_ended();
        let made = self.make_due().await;
        let mut done = Rotation::default();
        let cleared = self.bury_and_drop(&mut done).await;
        done.made = made?;
        cleared?;
        Ok(done)
    }

    async fn bury_and_drop(&self, done: &mut Rotation) -> Result<(), RotationError> {
        let buried = self.bury_ended(done).await;
        for buried in self.books().ledger().read(ledger::dropping).await? {
            let keyset = *buried.keyset();
            self.drop_records(buried).await?;
            done.dropped.push(keyset);
        }
        buried
    }

    async fn bury_ended(&self, done: &mut Rotation) -> Result<(), RotationError> {
        // For a day what was due may be a clock that is wrong.
        let (book, now) = (self.books().keyset_book(), self.books().ledger().times().await?.sure);
        let mut ended: Vec<Arc<Keyset>> = book.to_bury(now).cloned().collect();
        for (id, _, leak) in self.books().ledger().read(ledger::leaks).await? {
            let revoked = book.get(&id).filter(|keyset| !book.is_buried(&id) && leak.ends_at(keyset) <= now);
            ended.extend(revoked.cloned());
        }
        let mut forged = Ok(());
        for keyset in ended {
            let id = *keyset.id();
            match self.books().bury(keyset).await {
                Ok(_) => {
                    tracing::info!(keyset = %id, "a keyset has ended for good; its records are dropped");
                    done.buried.push(id);
                }
                // The clock was set meanwhile, or the keyset revoked. What is claimed of it is settled first. Or something of it changed while it was
                // audited: the next rotation finds it.
                Err(BurialRefusal::NotEnded | BurialRefusal::Unsettled | BurialRefusal::Changed) => {}
                Err(BurialRefusal::NotRight) => return Err(RotationError::NotRight),
                // It keeps no other from being buried.
                Err(BurialRefusal::Forged) => forged = Err(RotationError::Forged),
                Err(BurialRefusal::Ledger(error)) => return Err(error.into()),
            }
        }
        forged
    }

    /// Drops what is kept of a buried keyset, in portions, so that the ledger's other work goes on.
    async fn drop_records(&self, buried: Buried) -> Result<(), RotationError> {
        let unlisted = Arc::new(self.unlist(buried).await?);
        let books = self.books();
        while books.drop_portion(&unlisted, ledger::drop_spent).await? {}
        let mut place = Some(LogPlace::default());
        while let Some(from) = place {
            place =
                books.drop_portion(&unlisted, move |txn, unlisted| ledger::drop_issuances(txn, unlisted, from)).await?;
        }
        // With the row that says that records are being dropped, so that it is tried again until it is done.
        self.signer().forget(&unlisted).await?;
        let (mut after, now) = (None, books.clock().now());
        loop {
            after =
                books.drop_portion(&unlisted, move |txn, unlisted| ledger::dropped(txn, now, unlisted, after)).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// When the next rotation has something to do, as far as it is known now.
    pub(crate) fn rotation_due(&self) -> Option<UnixTime> {
        let (book, config) = (self.books().keyset_book(), self.books().home().config());
        let next = book.next_due(&config.unit, &config.redemption, config.ahead);
        next.into_iter().chain(book.next_end(self.books().clock().now())).min()
    }
}
