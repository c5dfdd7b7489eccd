//! The secret keys, and the sessions that are answered with them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::blind::Challenge;
use farthing_protocol::blind::mint::{OpenedSession, SESSION_SECONDS};
use farthing_protocol::codec::{DecodeError, Wire};
use farthing_protocol::identity::Keypair;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetTerms, SecretKeyset};
use farthing_protocol::unsigned::{Signable, Unsigned};

use super::guard::SessionKeeper;
use super::{Answer, Presented, SessionRefusal, SigningError};
use crate::clock::Clock;
use crate::keys::{KeyError, KeyFolder, Unlock};

/// The keys of a mint, decrypted, and its sessions. They never leave it.
pub(crate) struct Strongbox {
    folder: KeyFolder,
    unlock: Unlock,
    identity: Keypair,
    keys: RwLock<BTreeMap<KeysetId, Held>>,
    sessions: SessionKeeper,
    clock: Arc<dyn Clock>,
}

/// The secret keys of a keyset.
struct Held {
    /// Zeroized when the last answer that is being computed lets go of them.
    keys: Arc<SecretKeyset>,
    /// When the last of its sessions has ended: from then on they can sign nothing.
    until: UnixTime,
}

impl Held {
    fn of(keys: SecretKeyset, keyset: &Keyset) -> Self {
        Self { keys: Arc::new(keys), until: until(keyset) }
    }
}

fn until(keyset: &Keyset) -> UnixTime {
    keyset.terms().issue_until.plus(SESSION_SECONDS)
}

impl Strongbox {
    /// Decrypts the identity, and the keys of those keysets whose sessions can still be answered. A keyset whose file is missing issues no
    /// more; one that is damaged or exchanged is an error.
    pub(crate) fn open(
        folder: KeyFolder,
        unlock: Unlock,
        keysets: &[Arc<Keyset>],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyError> {
        let identity = folder.load_identity(&unlock)?;
        let now = clock.now();
        let mut keys = BTreeMap::new();
        for keyset in keysets {
            if now < until(keyset) {
                match folder.load_keyset(&unlock, keyset) {
                    Err(KeyError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                        tracing::error!(keyset = %keyset.id(), "the file of a keyset's secret keys is missing: it issues no more");
                    }
                    loaded => drop(keys.insert(*keyset.id(), Held::of(loaded?, keyset))),
                }
            }
        }
        let sessions = SessionKeeper::new(Arc::clone(&clock));
        Ok(Self { folder, unlock, identity, keys: RwLock::new(keys), sessions, clock })
    }

    pub(crate) fn open_session(
        &self,
        keyset: &KeysetId,
        denominations: &[Denomination],
    ) -> Result<OpenedSession, SessionRefusal> {
        self.keys_of(keyset).ok_or(SessionRefusal::NotIssuing)?;
        Ok(self.sessions.open(keyset, denominations))
    }

    pub(crate) fn authenticate(&self, presented: &Presented) -> Result<(), SessionRefusal> {
        Ok(self.sessions.authenticate(presented)?)
    }

    /// See [`Signer::claim`](super::Signer::claim).
    pub(crate) fn claim<T>(
        &self,
        presented: &Presented,
        challenges: Vec<Challenge>,
        then: impl FnOnce(Answer) -> T,
    ) -> Result<T, SessionRefusal> {
        let keys = self.keys_of(&presented.keyset).ok_or(SessionRefusal::NotIssuing)?;
        Ok(self.sessions.claim(presented, challenges, |claimed| Answer::to(claimed, &keys).map(then))??)
    }

    pub(crate) fn draw_keyset(&self, terms: KeysetTerms, count: u8) -> Result<Keyset, SigningError> {
        self.draw_keyset_that(terms, count, |_| Ok(()))
    }

    /// Draws a keyset, which is stored if it fits.
    pub(crate) fn draw_keyset_that(
        &self,
        terms: KeysetTerms,
        count: u8,
        fits: impl FnOnce(&Keyset) -> Result<(), DecodeError>,
    ) -> Result<Keyset, SigningError> {
        let (secret, keyset) = draw(terms, count, &self.identity)?;
        fits(&keyset)?;
        self.folder.store_keyset(&self.unlock.protection(), &secret)?;
        self.writable().insert(*keyset.id(), Held::of(secret, &keyset));
        Ok(keyset)
    }

    pub(crate) fn sign<T: Signable>(&self, draft: Unsigned<T>) -> Result<T, SigningError> {
        Ok(draft.sign(&self.identity)?)
    }

    /// Drops the keys of keysets that can sign nothing any more: they are zeroized.
    pub(crate) fn drop_ended(&self) {
        let now = self.clock.now();
        self.writable().retain(|_, held| now < held.until);
    }

    /// Removes the keys of a keyset whose time is over from the memory and from the disk. When this returns, they are gone from its folder.
    pub(crate) fn remove(&self, keyset: &KeysetId) -> Result<(), KeyError> {
        self.writable().remove(keyset);
        self.folder.remove_keyset(keyset)
    }

    /// Whether the keys of a keyset are in the memory: they are needed as long as its sessions can be answered.
    pub(crate) fn holds(&self, keyset: &KeysetId) -> bool {
        self.keys_of(keyset).is_some()
    }

    fn keys_of(&self, keyset: &KeysetId) -> Option<Arc<SecretKeyset>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(keyset).map(|held| Arc::clone(&held.keys))
    }

    fn writable(&self) -> RwLockWriteGuard<'_, BTreeMap<KeysetId, Held>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Strongbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Strongbox(<redacted>)")
    }
}

/// Draws the keys of a keyset and signs it.
pub(crate) fn draw(terms: KeysetTerms, count: u8, identity: &Keypair) -> Result<(SecretKeyset, Keyset), DecodeError> {
    let (secret, keyset) = SecretKeyset::generate(&mut crate::system_rng(), terms, count, identity)?;
    // A document that its reader refuses would lock the mint out of its own folder.
    Keyset::from_bytes(&keyset.document().to_bytes()).map_err(|_| DecodeError::OutOfRange)?;
    Ok((secret, keyset))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use farthing_protocol::amount::{Fees, Unit};
    use farthing_protocol::keyset::Redemption;

    use super::*;
    use crate::keys::{Cost, Passphrase, Protection};

    #[derive(Debug, Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn wall(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst))
        }

        fn since_boot(&self) -> Duration {
            self.wall()
        }
    }

    #[test]
    fn keys_leave_the_memory_when_the_last_session_has_ended_and_the_disk_when_they_are_removed() {
        let (folder, identity) = (tempfile::tempdir().unwrap(), Keypair::from_secret(&[1; 32]));
        let keys = KeyFolder::new(folder.path().join("keys"), (&identity).into());
        let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let protection = Protection::Passphrase { passphrase: Passphrase::new("right"), cost };
        keys.create().unwrap();
        keys.store_identity(&protection, &identity).unwrap();
        let clock = Arc::new(Hand::default());
        let strongbox = Strongbox::open(keys.clone(), protection.unlock(), &[], Arc::clone(&clock) as _).unwrap();
        let time = UnixTime::from_seconds;
        let terms = KeysetTerms {
            mint: (&identity).into(),
            sequence: 0,
            predecessor: None,
            unit: Unit::new("EUR", 2).unwrap(),
            redemption: Redemption::Open,
            active_from: time(1),
            issue_until: time(1000),
            spend_until: time(2000),
            deposit_until: time(3000),
            fees: Fees::default(),
            bundles: Vec::new(),
        };
        let keyset = strongbox.draw_keyset(terms, 4).unwrap();
        let last = 1000 + SESSION_SECONDS - 1;
        clock.0.store(last, Ordering::SeqCst);
        strongbox.drop_ended();
        let held = strongbox.keys_of(keyset.id()).unwrap();
        clock.0.store(last + 1, Ordering::SeqCst);
        strongbox.drop_ended();
        assert!(strongbox.keys_of(keyset.id()).is_none());
        // Nobody else held them: what is left is this test's own.
        assert_eq!(Arc::strong_count(&held), 1);
        // On the disk they stay, as long as the keyset is not over for good.
        assert!(keys.load_keyset(&protection.unlock(), &keyset).is_ok());
        for _ in 0..2 {
            strongbox.remove(keyset.id()).unwrap();
            assert_eq!(keys.names().unwrap(), ["identity"]);
        }
    }
}
