//! What a signer keeps to, whatever it is asked: kept in a store of its own, so that a restart forgets nothing.
//!
//! | key | value |
//! |---|---|
//! | `list`, `index` (large) | the list and the archive's index last signed |
//! | `hour/` ‖ keyset ‖ purpose ‖ minute (8 bytes, big-endian) | units issued in that minute |
//! | `total/` ‖ keyset ‖ purpose | units issued ever |

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use farthing_durable::{Engine, OpenError, Options, StoreFault, Txn};
use farthing_protocol::amount::{Amount, Denomination};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::mint::SESSION_SECONDS;
use farthing_protocol::codec::{Encode, Writer};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetDocument, KeysetList, KeysetTerms, ListedHead};
use farthing_protocol::unsigned::Unsigned;

use super::config::ValueLimits;
use super::home::SignerHome;
use super::wire::{IssuedOf, Published, Purpose, Refusal};
use crate::clock::Clock;
use crate::keysets::KeysetBook;
use crate::list::VALID_SECONDS;
use crate::signer::Strongbox;

/// How far ahead of the signer's clock, or behind it, anything may be dated, in seconds.
const SKEW: u64 = 300;

/// So many minutes are counted: an hour, wherever in a minute it begins.
const MINUTES: u64 = 61;

/// The rules of one signer.
#[derive(Debug)]
pub(super) struct Rules {
    home: SignerHome,
    clock: Arc<dyn Clock>,
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
        Ok(Self { home, clock, store, book, one_at_a_time: Mutex::new(()) })
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

    /// Counts value that is about to be issued. When this returns, it is counted durably.
    ///
    /// # Errors
    /// [`Refusal::Limit`] when more would be issued within an hour than the limits allow: nothing is counted then.
    pub(super) async fn count(&self, keyset: KeysetId, purpose: Purpose, value: Amount) -> Result<(), Refusal> {
        let (minute, limit) = (self.clock.now().seconds() / 60, self.limits().of(purpose));
        let counted = self.store.submit(move |txn| count(txn, &keyset, purpose, minute, value, limit)).await;
        counted.map_err(|_| Refusal::Busy)?
    }

    /// Signs a list that names no keyset but the signer's own, and takes back nothing of the last one.
    pub(super) fn sign_list(&self, draft: Unsigned<KeysetList>, strongbox: &Strongbox) -> Result<KeysetList, Refusal> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let (book, now) = (self.book(), self.clock.now());
        let content = draft.content();
        let own = |head: &ListedHead| {
            book.get(&head.head.keyset).is_some_and(|keyset| {
                let terms = keyset.terms();
                (&terms.unit, terms.redemption, terms.sequence) == (&head.unit, head.redemption, head.head.sequence)
            })
        };
        let known = content.revocations().iter().all(|revocation| book.get(&revocation.keyset).is_some());
        if !content.heads().iter().all(own) || !known {
            return Err(Refusal::NotNext);
        }
        if content.issued_at() > now.plus(SKEW) || content.valid_until() > content.issued_at().plus(VALID_SECONDS) {
            return Err(Refusal::NotItsTime);
        }
        let last = wait(&self.store, |txn| stored::<KeysetList>(txn))?;
        let list = strongbox.sign(draft).map_err(|_| Refusal::OtherMint)?;
        let issued_at = list.issued_at();
        list.accept(self.home.mint_id(), last.as_ref(), issued_at).map_err(|_| Refusal::WentBack)?;
        self.keep(&list)?;
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        *book = Arc::new(book.with_revocations(list.revocations().to_vec()));
        Ok(list)
    }

    /// Signs an index of the archive that takes back nothing of the last one.
    pub(super) fn sign_index(
        &self,
        draft: Unsigned<ArchiveIndex>,
        strongbox: &Strongbox,
    ) -> Result<ArchiveIndex, Refusal> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        if draft.content().issued_at() > self.clock.now().plus(SKEW) {
            return Err(Refusal::NotItsTime);
        }
        let last = wait(&self.store, |txn| stored::<ArchiveIndex>(txn))?;
        let index = strongbox.sign(draft).map_err(|_| Refusal::OtherMint)?;
        let issued_at = index.issued_at();
        let book = self.book();
        let ends = |keyset: &KeysetId| book.get(keyset).map(|keyset| keyset.terms().deposit_until);
        index.accept(self.home.mint_id(), last.as_ref(), &ends, issued_at).map_err(|_| Refusal::WentBack)?;
        self.keep(&index)?;
        Ok(index)
    }

    fn keep<T: Published>(&self, signed: &T) -> Result<(), Refusal> {
        let bytes = signed.to_bytes();
        wait(&self.store, move |txn| Ok(txn.put_large(key_of::<T>(), &bytes)?))
    }

    /// Makes the keyset after the last one; or, for the last one's own number, gives that one: the answer was lost.
    pub(super) fn draw(&self, terms: KeysetTerms, count: u8, strongbox: &Strongbox) -> Result<KeysetDocument, Refusal> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let (book, settings) = (self.book(), self.home.settings());
        let last = book.last_of(&settings.unit, &settings.redemption);
        if let Some(last) = last
            && terms.chain_key() == last.terms().chain_key()
            && terms.sequence == last.terms().sequence
            && terms.predecessor == last.terms().predecessor
        {
            return Ok(last.document().clone());
        }
        self.judge(&terms, count, last.map(|last| &**last))?;
        let keyset = strongbox.draw_keyset(terms, count).map_err(|error| {
            tracing::error!(%error, "a keyset could not be made");
            Refusal::Failed
        })?;
        let keyset = Arc::new(keyset);
        let mut next = KeysetBook::clone(&book);
        next.add(Arc::clone(&keyset)).map_err(|_| Refusal::NotNext)?;
        self.home.store_keyset(&keyset).map_err(|error| {
            tracing::error!(%error, "a keyset could not be stored");
            Refusal::Failed
        })?;
        tracing::info!(keyset = %keyset.id(), "a keyset was made");
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(keyset.document().clone())
    }

    /// The next keyset is as the settings say, begins not long ago and not too far ahead, and issues no longer than they say.
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
        let in_time = terms.active_from.plus(SKEW) >= now
            && terms.active_from <= now.plus(self.limits().ahead)
            && terms.issue_until <= terms.active_from.plus(settings.windows.issue);
        if in_time { Ok(()) } else { Err(Refusal::NotItsTime) }
    }

    /// What was issued of each keyset.
    pub(super) fn report(&self) -> Result<Vec<IssuedOf>, Refusal> {
        let minute = self.clock.now().seconds() / 60;
        let keysets: Vec<KeysetId> = self.book().iter().map(|keyset| *keyset.id()).collect();
        wait(&self.store, move |txn| {
            let of = |keyset: KeysetId| {
                let hour = |purpose| in_hour(txn, &keyset, purpose, minute);
                Ok(IssuedOf {
                    keyset,
                    withdrawn: total(txn, &keyset, Purpose::Withdrawal)?,
                    swapped: total(txn, &keyset, Purpose::Swap)?,
                    withdrawn_in_hour: hour(Purpose::Withdrawal)?,
                    swapped_in_hour: hour(Purpose::Swap)?,
                })
            };
            keysets.into_iter().map(of).collect()
        })
    }

    /// Takes over what the mint's ledger holds as last signed, before the signer signs anything.
    pub(super) fn begin_with(&self, list: Option<&KeysetList>, index: Option<&ArchiveIndex>) -> Result<(), Refusal> {
        list.map(|list| self.keep(list)).transpose()?;
        index.map(|index| self.keep(index)).transpose()?;
        Ok(())
    }
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

fn count(
    txn: &mut Txn<'_>,
    keyset: &KeysetId,
    purpose: Purpose,
    minute: u64,
    value: Amount,
    limit: Option<Amount>,
) -> Result<(), Refusal> {
    let within = in_hour(txn, keyset, purpose, minute)?.checked_add(value).ok_or(Refusal::Limit)?;
    if limit.is_some_and(|limit| within > limit) {
        return Err(Refusal::Limit);
    }
    let prefix = place(b"hour/", keyset, purpose);
    let old: Vec<Vec<u8>> = minutes(txn, &prefix)?
        .into_iter()
        .filter(|(at, _)| at.saturating_add(MINUTES) <= minute)
        .map(|(at, _)| [prefix.as_slice(), &at.to_be_bytes()].concat())
        .collect();
    old.iter().try_for_each(|key| txn.delete(key))?;
    let key = [prefix.as_slice(), &minute.to_be_bytes()].concat();
    let now = amount(txn.get(&key)?)?.checked_add(value).ok_or(Refusal::Limit)?;
    txn.put(&key, &now.units().to_be_bytes())?;
    let ever = total(txn, keyset, purpose)?.checked_add(value).ok_or(Refusal::Limit)?;
    Ok(txn.put(&place(b"total/", keyset, purpose), &ever.units().to_be_bytes())?)
}

/// What was issued within the hour before the end of a minute. A minute that the clock has not reached counts as well: it was set back.
fn in_hour(txn: &Txn<'_>, keyset: &KeysetId, purpose: Purpose, minute: u64) -> Result<Amount, Refusal> {
    let recent = minutes(txn, &place(b"hour/", keyset, purpose))?;
    let recent = recent.into_iter().filter(|(at, _)| at.saturating_add(MINUTES) > minute).map(|(_, value)| value);
    Amount::checked_sum(recent).ok_or(Refusal::Limit)
}

fn minutes(txn: &Txn<'_>, prefix: &[u8]) -> Result<Vec<(u64, Amount)>, Refusal> {
    let pairs = txn.scan_prefix(prefix, None, usize::MAX)?;
    pairs
        .into_iter()
        .map(|(key, value)| {
            let at = key.strip_prefix(prefix).and_then(|rest| rest.try_into().ok()).ok_or(Refusal::Failed)?;
            Ok((u64::from_be_bytes(at), amount(Some(value))?))
        })
        .collect()
}

fn total(txn: &Txn<'_>, keyset: &KeysetId, purpose: Purpose) -> Result<Amount, Refusal> {
    amount(txn.get(&place(b"total/", keyset, purpose))?)
}

/// Eight bytes, big-endian; nothing is zero.
fn amount(stored: Option<Vec<u8>>) -> Result<Amount, Refusal> {
    let Some(bytes) = stored else { return Ok(Amount::ZERO) };
    let units = bytes.as_slice().try_into().map(u64::from_be_bytes).map_err(|_| Refusal::Failed)?;
    Amount::new(units).ok_or(Refusal::Failed)
}

fn place(table: &[u8], keyset: &KeysetId, purpose: Purpose) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(table);
    out.part(keyset);
    purpose.encode_to(&mut out);
    out.finish()
}
