//! The secret keys, and the sessions that are answered with them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use farthing_protocol::amount::Denomination;
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
    keys: RwLock<BTreeMap<KeysetId, Arc<SecretKeyset>>>,
    sessions: SessionKeeper,
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
            if now < keyset.terms().issue_until.plus(SESSION_SECONDS) {
                match folder.load_keyset(&unlock, keyset) {
                    Err(KeyError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                        tracing::error!(keyset = %keyset.id(), "the file of a keyset's secret keys is missing: it issues no more");
                    }
                    loaded => drop(keys.insert(*keyset.id(), Arc::new(loaded?))),
                }
            }
        }
        Ok(Self { folder, unlock, identity, keys: RwLock::new(keys), sessions: SessionKeeper::new(clock) })
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
        self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(*keyset.id(), Arc::new(secret));
        Ok(keyset)
    }

    pub(crate) fn sign<T: Signable>(&self, draft: Unsigned<T>) -> Result<T, SigningError> {
        Ok(draft.sign(&self.identity)?)
    }

    fn keys_of(&self, keyset: &KeysetId) -> Option<Arc<SecretKeyset>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(keyset).map(Arc::clone)
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
