//! What a signer keeps to, whatever it is asked: kept in a store of its own, so that a restart forgets nothing.
//!
//! | key | value |
//! |---|---|
//! | `list`, `index` (large) | the list and the archive's index last signed |
//! | `file/` ‖ keyset ‖ head | the signature of the one file of the archive with this head |
//! | `gone/` ‖ keyset | its secret keys were removed, for its time is over; nothing of it is signed any more |
//! | `rate/…` | in which hour, and how much of it was signed in it |
//! | `hour/` ‖ keyset ‖ purpose ‖ minute (8 bytes, big-endian) | units issued in that minute |
//! | `total/` ‖ keyset ‖ purpose | units issued ever |
//! | `week/made`, `week/revoked` | on which days, how many keysets were made, and revoked |

mod archive;
mod steady;
mod value;
mod weeks;

pub(super) use archive::Filed;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use farthing_durable::{Engine, OpenError, Options, StoreFault, Txn};
use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::mint::SESSION_SECONDS;
use farthing_protocol::codec::{DecodeError, Wire};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetDocument, KeysetList, KeysetTerms, ListedHead, Revocation};
use farthing_protocol::unsigned::Unsigned;

use super::config::ValueLimits;
use super::home::SignerHome;
use super::wire::{Published, Refusal};
use crate::clock::Clock;
use crate::keysets::KeysetBook;
use crate::list::VALID_SECONDS;
use crate::signer::{SigningError, Strongbox};
use steady::Steady;
use weeks::Weekly;

/// How far ahead of the signer's clock, or behind it, anything may be dated, in seconds.
const SKEW: u64 = 300;

/// The rules of one signer.
#[derive(Debug)]
pub(super) struct Rules {
    home: SignerHome,
    clock: Arc<dyn Clock>,
    /// The time by which limits count.
    steady: Steady,
    store: Engine,
    book: RwLock<Arc<KeysetBook>>,
    /// One keyset is made, and one list or index signed, at a time.
    one_at_a_time: Mutex<()>,
}

/// Why the rules cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesError {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("a record of the signer's store is damaged")]
    Damaged,
    #[error(transparent)]
    Home(#[from] crate::home::HomeError),
}

impl Rules {
    pub(super) fn open(home: SignerHome, clock: Arc<dyn Clock>, options: Options) -> Result<Self, RulesError> {
        let store = Engine::open(&home.store(), options)?;
        let list = wait(&store, |txn| stored::<KeysetList>(txn)).map_err(|_| RulesError::Damaged)?;
        let revocations = list.map(|list| list.revocations().to_vec()).unwrap_or_default();
        let book = KeysetBook::new(home.load_keysets()?, revocations).map_err(crate::home::HomeError::from)?;
        let book = RwLock::new(Arc::new(book));
        let steady = Steady::begin(Arc::clone(&clock));
        let began = steady.now();
        let back = wait(&store, move |txn| {
            value::come_back(txn, began)?;
            weeks::come_back(txn, began)
        });
        back.map_err(|_| RulesError::Damaged)?;
        Ok(Self { home, clock, steady, store, book, one_at_a_time: Mutex::new(()) })
    }

    fn book(&self) -> Arc<KeysetBook> {
        Arc::clone(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn limits(&self) -> &ValueLimits {
        self.home.limits()
    }

    /// A session may be opened within the keyset's issue window, for what could be issued now.
    pub(super) fn may_open(&self, keyset: &KeysetId, denominations: &[Denomination]) -> Result<(), Refusal> {
        let (book, now) = (self.book(), self.clock.now());
        let keyset = book.get(keyset).ok_or(Refusal::NotIssuing)?;
        if denominations.iter().any(|denomination| keyset.key(*denomination).is_none()) {
            return Err(Refusal::Mismatch);
        }
        if book.is_issuing(keyset, now) { Ok(()) } else { Err(Refusal::NotIssuing) }
    }

    /// A session may be answered until it ends, unless its keyset was revoked.
    pub(super) fn may_claim(&self, keyset: &KeysetId) -> Result<(), Refusal> {
        let (book, now) = (self.book(), self.clock.now());
        let known = book.get(keyset).ok_or(Refusal::NotIssuing)?;
        let over = now >= known.terms().issue_until.plus(SESSION_SECONDS) || now < known.terms().active_from;
        let revoked = book.revoked_at(keyset).is_some_and(|at| at <= now);
        if over || revoked { Err(Refusal::NotIssuing) } else { Ok(()) }
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs a list that names no keyset but the signer's own, each of them on the way to a head, and takes back nothing of the last one.
    /// A new revocation is dated neither ahead nor before the last list, which did not have it; and of those there are not many in a week.
    pub(super) fn sign_list(&self, draft: Unsigned<KeysetList>, strongbox: &Strongbox) -> Result<KeysetList, Refusal> {
        let _one = self.alone();
        let (book, now) = (self.book(), self.clock.now());
        let content = draft.content();
        let own = |head: &ListedHead| {
            book.get(&head.head.keyset).is_some_and(|keyset| {
                let terms = keyset.terms();
                (&terms.unit, terms.redemption, terms.sequence) == (&head.unit, head.redemption, head.head.sequence)
            })
        };
        // What is revoked must be published: else nobody who reads the list could know, or make known, what it speaks of.
        let reached = content.revocations().iter().all(|revocation| book.reaches(content.heads(), &revocation.keyset));
        if !content.heads().iter().all(own) || !reached {
            return Err(Refusal::NotNext);
        }
        let ahead = content.revocations().iter().any(|revocation| revocation.revoked_at > now.plus(SKEW));
        let valid = content.valid_until() == content.issued_at().plus(VALID_SECONDS);
        if content.issued_at() > now.plus(SKEW) || ahead || !valid {
            return Err(Refusal::NotItsTime);
        }
        let last = wait(&self.store, |txn| stored::<KeysetList>(txn))?;
        let list = strongbox.sign(draft).map_err(|_| Refusal::OtherMint)?;
        let issued_at = list.issued_at();
        list.accept(self.home.mint_id(), last.as_ref(), issued_at).map_err(|_| Refusal::WentBack)?;
        let is_new =
            |revocation: &&Revocation| last.as_ref().is_none_or(|last| last.revoked_at(&revocation.keyset).is_none());
        let new: Vec<&Revocation> = list.revocations().iter().filter(is_new).collect();
        if new.iter().any(|new| new.revoked_at < earliest(&book, last.as_ref(), now, new)) {
            return Err(Refusal::NotItsTime);
        }
        let (bytes, count, at_most) = (list.to_bytes(), new.len(), self.limits().revocations_per_week);
        let today = self.steady.now();
        wait(&self.store, move |txn| {
            weeks::admit(txn, Weekly::Revoked, today, count, at_most)?;
            Ok(txn.put_large(key_of::<KeysetList>(), &bytes)?)
        })?;
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        *book = Arc::new(book.with_revocations(list.revocations().to_vec()));
        Ok(list)
    }

    /// The list that was signed last.
    pub(super) fn last_list(&self) -> Result<Option<KeysetList>, Refusal> {
        wait(&self.store, |txn| stored(txn))
    }

    fn keep<T: Published>(&self, signed: &T) -> Result<(), Refusal> {
        let bytes = signed.to_bytes();
        wait(&self.store, move |txn| Ok(txn.put_large(key_of::<T>(), &bytes)?))
    }

    /// Makes the keyset after the last one; or, for the number of one that was made, gives that one: the answer was lost, or somebody else
    /// had it made.
    pub(super) fn draw(&self, terms: KeysetTerms, count: u8, strongbox: &Strongbox) -> Result<KeysetDocument, Refusal> {
        let _one = self.alone();
        let (book, settings) = (self.book(), self.home.settings());
        let made = book.iter().map(|made| (made, made.terms())).find(|(_, made)| {
            terms.chain_key() == made.chain_key()
                && (terms.sequence, terms.predecessor) == (made.sequence, made.predecessor)
        });
        if let Some((made, _)) = made {
            return Ok(made.document().clone());
        }
        let last = book.last_of(&settings.unit, &settings.redemption);
        self.judge(&terms, count, last.map(|last| &**last))?;
        let (today, at_most) = (self.steady.now(), self.limits().keysets_per_week);
        // It counts even if it is not made after all.
        wait(&self.store, move |txn| weeks::admit(txn, Weekly::Made, today, 1, at_most))?;
        let mut next = KeysetBook::clone(&book);
        // What does not fit leaves nothing in the folder.
        let fits = |keyset: &Keyset| {
            let keyset = keyset.document().clone().verify().map_err(|_| DecodeError::OutOfRange)?;
            next.add(Arc::new(keyset)).map_err(|_| DecodeError::OutOfRange)
        };
        let keyset = strongbox.draw_keyset_that(terms, count, fits).map_err(|error| match error {
            SigningError::Rules(_) => Refusal::NotNext,
            error => {
                tracing::error!(%error, "a keyset could not be made");
                Refusal::Failed
            }
        })?;
        self.home.store_keyset(&keyset).map_err(|error| {
            tracing::error!(%error, "a keyset could not be stored");
            Refusal::Failed
        })?;
        tracing::info!(keyset = %keyset.id(), "a keyset was made");
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(keyset.document().clone())
    }

    /// The next keyset is as the settings say, and has the one window that is the next: from the end of those that issue or will; or, when none
    /// issues, from now until an announced one begins. It is not made too far ahead.
    fn judge(&self, terms: &KeysetTerms, count: u8, last: Option<&Keyset>) -> Result<(), Refusal> {
        let (settings, now) = (self.home.settings(), self.clock.now());
        let follows = terms.predecessor == last.map(|last| *last.id())
            && terms.sequence == last.map_or(0, |last| last.terms().sequence.saturating_add(1));
        if !follows {
            return Err(Refusal::NotNext);
        }
        let own = settings.terms(last, (terms.active_from, terms.issue_until)).map_err(|_| Refusal::NotNext)?;
        if own != *terms || count != settings.denominations {
            return Err(Refusal::Settings);
        }
        // The mint's now, where its clock is not far off.
        let near = terms.active_from.plus(SKEW) >= now && terms.active_from <= now.plus(SKEW);
        let at = if near { terms.active_from } else { now };
        let window = self.book().next_window(last, at, settings.windows.issue);
        let in_time = (terms.active_from, terms.issue_until) == window
            && terms.active_from.plus(SKEW) >= now
            && terms.active_from <= now.plus(self.limits().ahead);
        if in_time { Ok(()) } else { Err(Refusal::NotItsTime) }
    }

    /// Takes over what the mint's ledger holds as last signed, unless what is kept here is later. Files that the index lists:
    /// [`take_over_files`](Self::take_over_files).
    pub(super) fn begin_with(&self, list: Option<&KeysetList>, index: Option<&ArchiveIndex>) -> Result<(), Refusal> {
        let kept = self.last_list()?.map(|kept| kept.issued_at());
        if let Some(list) = list.filter(|list| kept < Some(list.issued_at())) {
            self.keep(list)?;
        }
        let kept = wait(&self.store, |txn| stored::<ArchiveIndex>(txn))?.map(|kept| kept.issued_at());
        match index.filter(|index| kept < Some(index.issued_at())) {
            Some(index) => self.keep(index),
            None => Ok(()),
        }
    }
}

/// When a revocation that no list had may be dated at the earliest. A date before the last list would say that what was issued and paid
/// since then was issued and paid by a thief.
fn earliest(book: &KeysetBook, last: Option<&KeysetList>, now: UnixTime, new: &Revocation) -> UnixTime {
    let begun = || book.get(&new.keyset).map_or(now, |keyset| keyset.terms().active_from.min(now));
    last.map_or_else(begun, KeysetList::issued_at).minus(SKEW)
}

impl From<StoreFault> for Refusal {
    fn from(fault: StoreFault) -> Self {
        tracing::error!(error = %fault, "the signer's store has failed");
        Self::Failed
    }
}

/// Runs a job to its durable end. Not for an executor's thread.
fn wait<T, F>(store: &Engine, job: F) -> Result<T, Refusal>
where
    F: FnOnce(&mut Txn<'_>) -> Result<T, Refusal> + Send + 'static,
    T: Send + 'static,
{
    store.submit(job).wait().map_err(|_| Refusal::Failed)?
}

const fn key_of<T: Published>() -> &'static [u8] {
    // Only these two are kept.
    if T::TAG == KeysetList::TAG { b"list" } else { b"index" }
}

fn stored<T: Published>(txn: &Txn<'_>) -> Result<Option<T>, Refusal> {
    let Some(bytes) = txn.get_large(key_of::<T>())? else { return Ok(None) };
    T::from_bytes(&bytes).map(Some).map_err(|_| Refusal::Failed)
}
