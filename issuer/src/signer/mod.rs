//! Everything that needs a secret key is asked of the [`Signer`].
//!
//! | asked for | |
//! |---|---|
//! | sessions | opened, recognised, and claimed once for one list of challenges |
//! | keysets | drawn and signed; their secret keys never leave |
//! | the list, the archive | read whole, and signed |
//!
//! # Security
//! What a claimed session is answered with leaves as an [`Answer`], whose responses nobody takes but the ledger: in the
//! transaction that records them.

mod answer;
pub(crate) mod apart;
mod error;
mod guard;
mod presented;
mod strongbox;

use std::sync::Arc;

use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::Challenge;
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetList, KeysetTerms};
use farthing_protocol::unsigned::Unsigned;

use crate::ledger::Unlisted;
pub(crate) use answer::Answer;
pub(crate) use apart::{IssuedOf, Published, Purpose, Remote, reach_now};
pub use apart::{
    RunningSigner, SignerError, SignerHome, SignerListen, SignerOptions, SignerRefusal, TlsKey, ValueLimits,
    run_signer, run_signer_in,
};
pub(crate) use error::SessionRefusal;
pub use error::SigningError;
pub(crate) use presented::Presented;
pub(crate) use strongbox::{Strongbox, draw};

/// Where the keys are. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Signer(Home);

/// Whether a signer can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It is in this process.
    Here,
    /// It is a process of its own, and answers.
    Reached,
    /// It is a process of its own, and does not answer.
    UnreachedSince(UnixTime),
}

#[derive(Clone, Debug)]
enum Home {
    /// In this process.
    Here(Arc<Strongbox>),
    /// In a process of its own.
    Apart(Arc<Remote>),
}

impl Signer {
    /// The keys are in this process.
    pub(crate) fn here(strongbox: Strongbox) -> Self {
        Self(Home::Here(Arc::new(strongbox)))
    }

    /// The keys are in a process of its own.
    pub(crate) fn apart(remote: Remote) -> Self {
        Self(Home::Apart(Arc::new(remote)))
    }

    /// Opens a session for tokens of these denominations.
    pub(crate) async fn open(
        &self,
        keyset: KeysetId,
        denominations: Vec<Denomination>,
    ) -> Result<OpenedSession, SessionRefusal> {
        match &self.0 {
            Home::Here(strongbox) => {
                let strongbox = Arc::clone(strongbox);
                let opened = tokio::task::spawn_blocking(move || strongbox.open_session(&keyset, &denominations));
                opened.await.map_err(|_| SessionRefusal::Failed)?
            }
            Home::Apart(remote) => remote.open(keyset, denominations).await,
        }
    }

    /// Whether a session is this signer's and has not expired.
    ///
    /// Who is refused and then asks the ledger is answered behind every job that a claim of this session has queued.
    pub(crate) async fn authenticate(&self, presented: &Presented) -> Result<(), SessionRefusal> {
        match &self.0 {
            Home::Here(strongbox) => strongbox.authenticate(presented),
            Home::Apart(remote) => remote.authenticate(presented).await,
        }
    }

    /// Claims a session for a list of challenges and hands the answer to `then`, before anybody else can find the session
    /// claimed.
    ///
    /// `then` queues the ledger's job. So whoever finds a session claimed and asks the ledger **afterwards** is
    /// answered after that job: jobs run in the order in which they were queued, and every answer waits until all
    /// before it is durable. That is how a request that meets an unfinished claim waits for it.
    pub(crate) async fn claim<T>(
        &self,
        presented: &Presented,
        challenges: Vec<Challenge>,
        purpose: Purpose,
        then: impl FnOnce(Answer) -> T,
    ) -> Result<T, SessionRefusal> {
        match &self.0 {
            Home::Here(strongbox) => strongbox.claim(presented, challenges, then),
            Home::Apart(remote) => remote.claim(presented, challenges, purpose, then).await,
        }
    }

    /// Claims a session that is never answered: its request was refused, and a copy of it that comes later must not succeed.
    pub(crate) async fn burn(&self, presented: &Presented, challenges: Vec<Challenge>) -> Result<(), SessionRefusal> {
        match &self.0 {
            Home::Here(strongbox) => strongbox.claim(presented, challenges, drop),
            Home::Apart(remote) => remote.burn(presented, challenges).await,
        }
    }

    /// Draws so many keys for a keyset of these terms, and signs it. When this returns, its secret keys are durable; the
    /// keyset is still to be published.
    pub(crate) async fn draw_keyset(&self, terms: KeysetTerms, count: u8) -> Result<Keyset, SigningError> {
        match &self.0 {
            Home::Here(strongbox) => {
                let strongbox = Arc::clone(strongbox);
                let drawn = tokio::task::spawn_blocking(move || strongbox.draw_keyset(terms, count));
                drawn.await.map_err(|_| SigningError::Failed)?
            }
            Home::Apart(remote) => remote.draw_keyset(terms, count).await,
        }
    }

    /// Signs what the mint publishes.
    pub(crate) async fn sign<T>(&self, draft: Unsigned<T>) -> Result<T, SigningError>
    where
        T: Published + Send + Sync + 'static,
    {
        match &self.0 {
            Home::Here(strongbox) => {
                let strongbox = Arc::clone(strongbox);
                let signed = tokio::task::spawn_blocking(move || strongbox.sign(draft));
                signed.await.map_err(|_| SigningError::Failed)?
            }
            Home::Apart(remote) => remote.sign(draft).await,
        }
    }

    /// The list that a signer that is a process of its own signed last; nothing for one that is here.
    pub(crate) async fn last_list(&self) -> Result<Option<KeysetList>, SigningError> {
        match &self.0 {
            Home::Here(_) => Ok(None),
            Home::Apart(remote) => remote.last_list().await,
        }
    }

    /// The archive's index that a signer that is a process of its own signed last; nothing for one that is here.
    pub(crate) async fn last_index(&self) -> Result<Option<ArchiveIndex>, SigningError> {
        match &self.0 {
            Home::Here(_) => Ok(None),
            Home::Apart(remote) => remote.last_index().await,
        }
    }

    /// Whether it is a process of its own, and if so, since when it has not been reached; nothing while it is.
    pub(crate) fn reach(&self) -> Reach {
        match &self.0 {
            Home::Here(_) => Reach::Here,
            Home::Apart(remote) => remote.unreached_since().map_or(Reach::Reached, Reach::UnreachedSince),
        }
    }

    /// Asks a signer that is a process of its own whether it is there, and whether it issues the keyset whose time it is.
    pub(crate) async fn try_to_reach(&self, issuing: Option<KeysetId>) {
        let Home::Apart(remote) = &self.0 else { return };
        let answer = match issuing {
            Some(keyset) => remote.look(keyset).await.map(drop),
            None => remote.reach().await,
        };
        if let Err(error) = answer {
            tracing::debug!(%error, "the signer was asked whether it is there");
        }
    }

    /// Whether it issues a keyset whose time it is, as far as it is known: without the secret keys it does not.
    pub(crate) fn issues(&self, keyset: &KeysetId) -> bool {
        match &self.0 {
            Home::Here(strongbox) => strongbox.holds(keyset),
            Home::Apart(remote) => remote.issues(keyset),
        }
    }

    /// Drops keys that can sign nothing any more. A signer that is a process of its own does so by itself.
    pub(crate) fn drop_ended(&self) {
        if let Home::Here(strongbox) = &self.0 {
            strongbox.drop_ended();
        }
    }

    /// Removes the secret keys of a keyset that is over for good, from the disk too. Its tombstone MUST stand.
    pub(crate) async fn forget(&self, buried: &Unlisted) -> Result<(), SigningError> {
        let keyset = *buried.keyset();
        match &self.0 {
            Home::Here(strongbox) => {
                let strongbox = Arc::clone(strongbox);
                let removed = tokio::task::spawn_blocking(move || strongbox.remove(&keyset)).await;
                Ok(removed.map_err(|_| SigningError::Failed)??)
            }
            Home::Apart(remote) => remote.forget(keyset).await,
        }
    }

    /// What a signer that is a process of its own has issued, by its own count; nothing for one that is here.
    pub(crate) async fn report(&self) -> Result<Option<Vec<IssuedOf>>, SigningError> {
        match &self.0 {
            Home::Here(_) => Ok(None),
            Home::Apart(remote) => remote.report().await.map(Some),
        }
    }
}
