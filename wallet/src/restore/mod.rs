//! Restoring a wallet from its words (protocol section 11), and bringing one together again.
//!
//! ```text
//! Reading ── files, then filters ──▶ Waiting ── the mint sealed what happened just before ──▶ Finished
//!    ▲                                  │
//!    └────────── going on later ◀───────┘
//! ```
//!
//! Every file read is noted with what it brought, in one transaction: after a crash nothing is fetched twice but the few files
//! that were on their way.

mod adopt;
mod error;
mod fetch;
mod filter;
pub(crate) mod record;
mod renew;
mod search;
mod troubles;

use std::collections::BTreeSet;
use std::sync::Arc;

use farthing_protocol::amount::{Denomination, Unit, UnixTime};
use farthing_protocol::codec::to_base64url;
use farthing_protocol::group::Element;
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;

use crate::error::{MintError, StoreError};
use crate::event::Event;
use crate::evidence::Evidence;
use crate::lockbox;
use crate::operation::Operation;
use crate::stock::{self, StoredToken, TokenState};
use crate::transfer;
use crate::vault::Tx;
use crate::wallet::{Inner, Wallet};
use crate::words::Words;
use record::{Counters, PerhapsSent, Phase, Progress, Restoring};
use troubles::Troubles;

pub use error::{BadFile, RestoreError};
pub use renew::{Confirmed, Renewal};

/// What restoring a wallet shows to whom, and what it takes back, for its owner to read before he agrees.
pub const WHAT_A_RESTORE_SHOWS: &str = "\
The mint sees that somebody restores a wallet, when, and from which network address, unless the wallet goes through a proxy such as \
Tor: then each file comes by a way of its own. It sees that its public files of issuances are fetched, all of them and in random \
order, and which filters of what was spent, and never a token or an issuance that is asked for. Before restored tokens can be paid they are renewed, one at a time: the \
mint sees each of them once, and many at one time look like one wallet. Money that was given out as a text that anybody can take, and that \
nobody has taken yet, comes back as well: the text is worth nothing once it is renewed.";

/// How far a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreState {
    /// Files are still to be read.
    Reading,
    /// Everything that the mint has sealed was read. The restore is finished once the mint has sealed whatever happened before `until`:
    /// go on then. Meanwhile the wallet can be used with what was found.
    Restoring {
        /// The beginning of the restore.
        until: UnixTime,
    },
    /// Everything was found.
    Finished,
}

/// A restore from one mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreView {
    /// The mint.
    pub mint: MintId,
    /// How far it is.
    pub state: RestoreState,
}

/// What a restore has found so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// How far it is.
    pub state: RestoreState,
    /// Tokens that came back and that no filter held: they are to be renewed. Some may have been spent since
    /// `filtered_until`; their renewal finds it.
    pub tokens: usize,
    /// Tokens that a filter held: almost certainly spent. The renewal of each settles it.
    pub suspected: usize,
    /// Tokens that were locked to somebody, in or out of his hands.
    pub perhaps_sent: usize,
    /// The mint's filters say nothing of what was spent from then on.
    pub filtered_until: UnixTime,
}

/// A token that was locked to somebody, and is his if its text was handed over. It is not in the balance, and never spent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PerhapsSentToken {
    /// The mint.
    pub mint: MintId,
    /// Its keyset.
    pub keyset: KeysetId,
    /// Its unit.
    pub unit: Unit,
    /// Its worth.
    pub denomination: Denomination,
    /// When it was made.
    pub requested_at: UnixTime,
    /// The recipient's key Q.
    pub recipient: Element,
}

/// What the files of one call come to, for a progress bar.
pub(super) struct Tally {
    done: usize,
    total: usize,
    tokens: u64,
}

impl Tally {
    const fn new() -> Self {
        Self { done: 0, total: 0, tokens: 0 }
    }

    fn expect(&mut self, files: usize) {
        self.total = self.total.saturating_add(files);
    }

    fn read(&mut self, mint: MintId) -> Event {
        self.done = self.done.saturating_add(1);
        Event::RestoreProgress { mint, done: self.done, total: self.total, tokens: self.tokens }
    }
}

impl Wallet {
    /// Restores what the wallet's words had at a mint, or goes on with that: the mint was [added](Self::add_mint) and
    /// [pinned](Self::pin_mint) before. It may be called off and called again at any time.
    ///
    /// What comes back is in the balance as *restored*: it must be renewed before it can be paid
    /// ([`renew_restored`](Self::renew_restored), [`confirm_restored`](Self::confirm_restored)). Until the archive was read once, nothing
    /// is moved: [`StoreError::RestoreFirst`]. Of a restore that is finished it only says what there is; if another wallet was found to
    /// use the words since, it [resynchronises](Self::resynchronise).
    ///
    /// # Errors
    /// A [`RestoreError`]: [`RestoreError::InUse`] when the wallet was used with the mint already. A file that cannot be read, or is
    /// wrong, is told when all others were read: the wallet can be used then, and the restore is not finished.
    ///
    /// # Security
    /// See [`WHAT_A_RESTORE_SHOWS`].
    pub async fn restore(&self, mint: &MintId) -> Result<Restored, RestoreError> {
        let (id, now) = (*mint, self.inner.now());
        self.inner.mint(mint)?.usable()?;
        let _one_at_a_time = self.inner.restoring.lock().await;
        match self.inner.vault.run(move |tx| begin_restore(tx, &id, now)).await? {
            Begun::InUse => Err(RestoreError::InUse),
            Begun::Before(restored) => Ok(restored),
            Begun::Now => self.inner.drive_restore(mint).await,
        }
    }

    /// Brings a wallet together with whatever else was done with its words: another wallet used them, or an old copy of the folder was
    /// put back. It searches as a restore does, adopts what the wallet does not know, and puts the counters beyond it. Tokens that no
    /// operation has reserved must be renewed before they are paid, for they may have been spent elsewhere.
    ///
    /// Called while one is under way it goes on with it. Meanwhile nothing is moved; when it returns, the wallet moves value again.
    ///
    /// # Errors
    /// A [`RestoreError`]; of single files as [`restore`](Self::restore) does.
    pub async fn resynchronise(&self, mint: &MintId) -> Result<Restored, RestoreError> {
        let (id, now) = (*mint, self.inner.now());
        self.inner.mint(mint)?.usable()?;
        let _one_at_a_time = self.inner.restoring.lock().await;
        self.inner.vault.run(move |tx| begin_resynchronisation(tx, &id, now)).await?;
        self.inner.drive_restore(mint).await
    }

    /// Whether these are the wallet's words.
    pub fn is_of(&self, words: &Words) -> bool {
        lockbox::fingerprint(&words.seed()) == lockbox::fingerprint(&self.inner.seed)
    }

    /// Restores that were begun, by mint.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn restores(&self) -> Result<Vec<RestoreView>, StoreError> {
        let mints: Vec<MintId> = self.inner.all_mints().iter().map(|mint| mint.id).collect();
        self.inner
            .vault
            .run(move |tx| {
                let view = |mint: &MintId| {
                    let restoring = Restoring::load(tx, mint)?;
                    Ok(restoring.map(|restoring| RestoreView { mint: *mint, state: restoring.state() }))
                };
                mints.iter().filter_map(|mint| view(mint).transpose()).collect()
            })
            .await
    }

    /// Mints at which another wallet was found to use the same words, or this wallet's folder to be an old copy: nothing is moved
    /// until each is [resynchronised](Self::resynchronise).
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn used_elsewhere(&self) -> Result<Vec<MintId>, StoreError> {
        let mints: Vec<MintId> = self.inner.all_mints().iter().map(|mint| mint.id).collect();
        self.inner.vault.run(move |tx| record::marked(tx, &mints)).await
    }

    /// Tokens found by a restore that were locked to somebody.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn perhaps_sent(&self) -> Result<Vec<PerhapsSentToken>, StoreError> {
        let all = self.inner.vault.run::<_, StoreError>(|tx| PerhapsSent::all(tx)).await?;
        let view = |sent: &PerhapsSent| {
            let mint = self.inner.find_mint(&sent.mint)?;
            Some(PerhapsSentToken {
                mint: sent.mint,
                keyset: sent.keyset,
                unit: mint.keyset(&sent.keyset)?.terms().unit.clone(),
                denomination: sent.token.denomination,
                requested_at: sent.requested_at,
                recipient: *sent.to.element(),
            })
        };
        Ok(all.iter().filter_map(view).collect())
    }
}

impl Inner {
    /// Searches what the archive lists now, and says how far that is.
    async fn drive_restore(self: &Arc<Self>, mint: &MintId) -> Result<Restored, RestoreError> {
        let id = *mint;
        let mint = self.refresh(mint).await?;
        let index = self.fetch_index(&mint).await?;
        // Whatever the mint dated so far happened before this; its clock may be ahead of ours.
        let issued_at = index.issued_at().max(mint.list.issued_at());
        search::check_size(&index)?;
        self.vault.run(move |tx| begin_round(tx, &id, issued_at)).await?;
        let (mut tally, mut troubles) = (Tally::new(), Troubles::default());
        let counters = self.search(&mint, &index, &mut tally, &mut troubles).await?;
        self.raise_counters(&mint, counters).await?;
        self.read_filters(&mint, &index, &mut tally, &mut troubles).await?;
        let (sealed_until, trouble) = (index.sealed_until(), troubles.into_worst());
        let is_whole = trouble.is_none();
        self.vault.run::<_, StoreError>(move |tx| end_round(tx, &id, is_whole, sealed_until)).await?;
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        let filtered_until = index.filtered_until();
        let ended = self.vault.run::<_, StoreError>(move |tx| restored(tx, &id, filtered_until)).await?;
        self.tell(&Event::RestoreRead { mint: id, finished: ended.state == RestoreState::Finished });
        Ok(ended)
    }

    /// Keeps a file that the mint signed though it holds wrong answers to our requests.
    fn archive_lie(&self, file: &[u8]) -> RestoreError {
        match self.write_evidence(&Evidence::ArchiveFile { file: to_base64url(file) }) {
            Ok(evidence) => RestoreError::Lie { evidence },
            Err(error) => MintError::Evidence(error).into(),
        }
    }
}

impl Restoring {
    fn state(&self) -> RestoreState {
        match self.phase {
            Phase::Reading | Phase::Incomplete => RestoreState::Reading,
            Phase::Waiting => RestoreState::Restoring { until: self.began_at },
            Phase::Finished => RestoreState::Finished,
        }
    }
}

/// How a restore stands when it is called for.
enum Begun {
    /// There is something to search.
    Now,
    /// It was finished before.
    Before(Restored),
    /// The wallet is not one to be restored.
    InUse,
}

/// Begins a restore, unless one was begun.
fn begin_restore(tx: &mut Tx<'_, '_>, mint: &MintId, now: UnixTime) -> Result<Begun, StoreError> {
    if let Some(restoring) = Restoring::load(tx, mint)? {
        if record::marked_in(tx, mint)?.is_some() {
            begin_resynchronisation(tx, mint, now)?;
        } else if restoring.phase == Phase::Finished {
            let filtered_until = record::load_index(tx, mint)?.map(|index| index.filtered_until());
            return Ok(Begun::Before(restored(tx, mint, filtered_until.unwrap_or_default())?));
        }
        return Ok(Begun::Now);
    }
    let of_mint = |operation: &Operation| operation.mint == *mint;
    let used = stock::all_live(tx)?.iter().any(|(_, token)| token.mint == *mint)
        || Operation::all_live(tx)?.iter().any(of_mint)
        || Operation::all_ended(tx)?.iter().any(of_mint);
    if used {
        return Ok(Begun::InUse);
    }
    transfer::start_anew(tx)?;
    let (phase, counters) = (Phase::Reading, Counters::Unknown);
    Restoring { began_at: now, phase, round: 1, found_from: None, fresh: true, counters }.keep(tx, mint)?;
    Ok(Begun::Now)
}

/// Begins a resynchronisation, unless one is under way that began after whatever calls for it.
fn begin_resynchronisation(tx: &mut Tx<'_, '_>, mint: &MintId, now: UnixTime) -> Result<(), StoreError> {
    let restoring = Restoring::load(tx, mint)?;
    let marked = record::marked_in(tx, mint)?;
    let covers = |restoring: Restoring| {
        restoring.phase != Phase::Finished && marked.is_none_or(|round| round < u64::from(restoring.round))
    };
    if restoring.is_some_and(covers) {
        return Ok(());
    }
    let mut doubted = BTreeSet::new();
    for (key, token) in stock::all_live(tx)? {
        // What an operation has reserved stays its own; given back, it may have been spent elsewhere like the others.
        if token.mint == *mint && !token.restored {
            stock::doubt(tx, key)?;
            doubted.insert(key.keyset);
        }
    }
    // Every filter is looked at again, for the tokens that were never looked for.
    let always = Some(UnixTime::default());
    for keyset in doubted {
        let progress = Progress::load(tx, &keyset)?;
        Progress { first_from: always, ..progress }.keep(tx, &keyset)?;
    }
    let round = restoring.map_or(1, |restoring| restoring.round.saturating_add(1));
    let (phase, counters) = (Phase::Reading, Counters::Unknown);
    Restoring { began_at: now, phase, round, found_from: always, fresh: true, counters }.keep(tx, mint)
}

/// A round begins, or one that was called off goes on.
fn begin_round(tx: &mut Tx<'_, '_>, mint: &MintId, issued_at: UnixTime) -> Result<(), StoreError> {
    let mut restoring = Restoring::load(tx, mint)?.ok_or(StoreError::Damaged)?;
    if restoring.fresh {
        restoring.began_at = restoring.began_at.max(issued_at);
        restoring.fresh = false;
    }
    if restoring.phase != Phase::Reading {
        restoring.found_from = None;
        restoring.phase = Phase::Reading;
        restoring.round = restoring.round.saturating_add(1);
    }
    restoring.keep(tx, mint)
}

/// A round ends: with everything read that is listed, or not.
fn end_round(tx: &mut Tx<'_, '_>, mint: &MintId, is_whole: bool, sealed_until: UnixTime) -> Result<(), StoreError> {
    let mut restoring = Restoring::load(tx, mint)?.ok_or(StoreError::Damaged)?;
    restoring.phase = match is_whole {
        false => Phase::Incomplete,
        true if sealed_until > restoring.began_at => Phase::Finished,
        true => Phase::Waiting,
    };
    restoring.keep(tx, mint)?;
    record::unmark(tx, mint, restoring.round)
}

/// What was found so far.
fn restored(tx: &Tx<'_, '_>, mint: &MintId, filtered_until: UnixTime) -> Result<Restored, StoreError> {
    let restoring = Restoring::load(tx, mint)?.ok_or(StoreError::Damaged)?;
    let (mut tokens, mut suspected) = (0_usize, 0_usize);
    let waits = |token: &StoredToken| token.mint == *mint && token.restored && token.state == TokenState::Available;
    for (_, token) in stock::live(tx)?.iter().filter(|(_, token)| waits(token)) {
        let count = if token.suspected { &mut suspected } else { &mut tokens };
        *count = count.saturating_add(1);
    }
    let perhaps_sent = PerhapsSent::all(tx)?.iter().filter(|sent| sent.mint == *mint).count();
    Ok(Restored { state: restoring.state(), tokens, suspected, perhaps_sent, filtered_until })
}
