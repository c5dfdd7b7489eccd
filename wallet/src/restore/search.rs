//! Finding a wallet's issuances: which files, in which order, and what to do with each.
//!
//! Every file of a segment is read, not only those of the wallet's own prefixes. Each segment is cut by a salt of its own, so an issuance
//! lies under other prefixes in each; a mint that saw only some files fetched of each segment would soon know the issuances whose prefixes
//! were always among them. Files of other issuances between, as decoys, would only delay that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use farthing_http::client::CallError;
use farthing_protocol::api::mint_path;
use farthing_protocol::archive::{ArchiveIndex, ArchivedKeyset, FileHead, IssuanceFile, Prefix};
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::Seed;
use farthing_protocol::keyset::{Chain, Keyset};
use rand::seq::SliceRandom;
use tokio::task::JoinSet;

use super::adopt::{self, Adopted, Numbers};
use super::record::{self, Counters, FilePlace, Progress, Restoring};
use super::{BadFile, RestoreError, Tally, Troubles};
use crate::error::{MintError, StoreError};
use crate::mints::Mint;
use crate::options::Step;
use crate::stock;
use crate::wallet::Inner;

/// So many numbers beyond the last found are searched: more than a live wallet leaves unused.
pub(super) const BEYOND: u64 = 200;

/// A file is searched for at least so many numbers, and for twice as many as are known to be needed: then it seldom has to be
/// fetched again when later numbers turn up elsewhere.
const AHEAD: u64 = 2048;

/// So many files are fetched at the same time.
const AT_ONCE: usize = 4;

/// More files are not read, whatever an index lists: an honest one of this size would take years.
const MAX_FILES: u64 = 4_000_000;

/// A keyset whose issuances are looked for.
struct Target {
    keyset: Arc<Keyset>,
    listed: ArchivedKeyset,
    progress: Progress,
    numbers: Arc<Numbers>,
    /// Up to which number each file was searched.
    searched: BTreeMap<FilePlace, u64>,
    /// Files that could not be read in this round.
    unreadable: BTreeSet<FilePlace>,
}

/// A file to be fetched, and of which keyset.
#[derive(Clone, Copy)]
struct Errand {
    target: usize,
    place: FilePlace,
}

impl Target {
    /// One beyond the last number that is looked for.
    fn until(&self) -> u64 {
        self.progress.beyond.saturating_add(BEYOND)
    }

    /// The files that were not searched for all of the numbers.
    fn unread(&self) -> impl Iterator<Item = FilePlace> {
        let until = self.until();
        let files = (0..)
            .zip(&self.listed.segments)
            .flat_map(|(segment, listed)| Prefix::all(listed.bits).map(move |prefix| (segment, prefix.value())));
        files.filter(move |place| {
            self.searched.get(place).is_none_or(|searched| *searched < until) && !self.unreadable.contains(place)
        })
    }
}

impl Target {
    /// The files of segments that were read whole and do not hold what is listed. Of a file that an older version read it is not known what
    /// it held.
    fn wrong(&self, held: &BTreeMap<FilePlace, u64>) -> Vec<FilePlace> {
        let mut wrong = Vec::new();
        for (segment, listed) in (0..).zip(&self.listed.segments) {
            let files: Vec<FilePlace> = Prefix::all(listed.bits).map(|prefix| (segment, prefix.value())).collect();
            let was_read = |place: &FilePlace| self.searched.contains_key(place) && !self.unreadable.contains(place);
            let counts = files.iter().filter(|place| was_read(place)).map(|place| held.get(place).copied());
            let counts: Option<Vec<u64>> = counts.collect();
            let Some(counts) = counts.filter(|counts| counts.len() == files.len()) else { continue };
            if counts.into_iter().fold(0, u64::saturating_add) != u64::from(listed.count) {
                wrong.extend(files);
            }
        }
        wrong
    }
}

impl Inner {
    /// Reads every file that was not read for all of the wallet's numbers, and keeps what they bring. Answers what is known of the
    /// numbers then.
    pub(super) async fn search(
        self: &Arc<Self>,
        mint: &Mint,
        index: &ArchiveIndex,
        tally: &mut Tally,
        troubles: &mut Troubles,
    ) -> Result<Counters, RestoreError> {
        let mut targets = Vec::new();
        for keyset in mint.chains.iter().flat_map(Chain::iter) {
            let Some(listed) = index.keyset(keyset.id()).cloned() else { continue };
            let id = *keyset.id();
            let (progress, searched) = self
                .vault
                .run::<_, StoreError>(move |tx| Ok((Progress::load(tx, &id)?, record::searched(tx, &id)?)))
                .await?;
            let keyset = Arc::clone(keyset);
            targets.push(Target {
                keyset,
                listed,
                progress,
                numbers: Arc::default(),
                searched,
                unreadable: BTreeSet::new(),
            });
        }
        loop {
            for target in &mut targets {
                self.compute(target).await?;
            }
            let errands = plan(&targets);
            if errands.is_empty() {
                self.compare(&mut targets, troubles).await?;
                let is_whole = targets.iter().all(|target| target.unreadable.is_empty());
                return Ok(if is_whole { Counters::Known } else { Counters::Partly });
            }
            tally.expect(errands.len());
            self.run_errands((mint, index), &mut targets, errands, tally, troubles).await?;
        }
    }

    /// Compares what whole segments held with what the index lists. A file with records left out is signed as well as another, but
    /// the mint signs one index: a segment that does not add up was not read, and is read again in the next round.
    async fn compare(&self, targets: &mut [Target], troubles: &mut Troubles) -> Result<(), RestoreError> {
        for target in targets {
            let id = *target.keyset.id();
            let held = self.vault.run::<_, StoreError>(move |tx| record::held(tx, &id)).await?;
            let wrong = target.wrong(&held);
            if wrong.is_empty() {
                continue;
            }
            troubles.note(BadFile::OtherCount.into())?;
            target.unreadable.extend(&wrong);
            self.vault
                .run::<_, StoreError>(move |tx| {
                    wrong.iter().try_for_each(|place| record::note_searched(tx, &id, *place, 0))
                })
                .await?;
        }
        Ok(())
    }

    /// Fetches files, a few at a time, each by a way of its own, and keeps what they bring one after the other.
    async fn run_errands(
        self: &Arc<Self>,
        (mint, index): (&Mint, &ArchiveIndex),
        targets: &mut [Target],
        errands: Vec<Errand>,
        tally: &mut Tally,
        troubles: &mut Troubles,
    ) -> Result<(), RestoreError> {
        let (mut waiting, mut fetching) = (errands.into_iter(), JoinSet::new());
        loop {
            for errand in waiting.by_ref().take(AT_ONCE.saturating_sub(fetching.len())) {
                let head = head(index, targets, errand)?;
                let url = mint.url.join(&mint_path::issued(&head)).map_err(MintError::from)?;
                let (inner, id) = (Arc::clone(self), mint.id);
                fetching.spawn(async move { (errand, head, inner.fetch_file(&id, &url).await) });
            }
            let Some(fetched) = fetching.join_next().await else { return troubles.require_reached() };
            let (errand, head, fetched) = fetched.map_err(|_| StoreError::Unavailable)?;
            let target = targets.get_mut(errand.target).ok_or(StoreError::Damaged)?;
            match self.keep_file(target, head, fetched).await {
                Ok(()) => troubles.answered(),
                Err(error) => {
                    troubles.note(error)?;
                    // One with a record that is a lie was read.
                    if target.searched.get(&errand.place).is_none_or(|until| *until < target.numbers.count()) {
                        target.unreadable.insert(errand.place);
                    }
                }
            }
            tally.tokens = targets.iter().map(|target| target.progress.tokens).fold(0, u64::saturating_add);
            self.tell(&tally.read(mint.id));
            self.vault.at(Step::ArchiveRead)?;
        }
    }

    /// Computes the numbers that are searched next.
    async fn compute(&self, target: &mut Target) -> Result<(), StoreError> {
        let until = target.until().saturating_mul(2).max(AHEAD);
        if target.until() <= target.numbers.count() {
            return Ok(());
        }
        let (seed, keyset) = (Arc::clone(&self.seed), Arc::clone(&target.keyset));
        let mut numbers = Arc::try_unwrap(std::mem::take(&mut target.numbers)).unwrap_or_default();
        let computed = tokio::task::spawn_blocking(move || {
            numbers.extend(&seed, &keyset, until);
            numbers
        });
        target.numbers = Arc::new(computed.await.map_err(|_| StoreError::Unavailable)?);
        Ok(())
    }

    /// Keeps what a file brings. With a record of ours that is wrong it fails, and has kept the others.
    async fn keep_file(
        &self,
        target: &mut Target,
        asked: FileHead,
        fetched: Result<Vec<u8>, CallError>,
    ) -> Result<(), RestoreError> {
        let bytes = fetched?;
        let (seed, keyset) = (Arc::clone(&self.seed), Arc::clone(&target.keyset));
        let numbers = Arc::clone(&target.numbers);
        let read = tokio::task::spawn_blocking(move || read(&seed, &keyset, &numbers, bytes, &asked));
        let (adopted, lie) = read.await.map_err(|_| StoreError::Unavailable)??;
        let told = match lie.map(|file| self.archive_lie(&file)) {
            None => Ok(()),
            Some(lie @ RestoreError::Lie { .. }) => Err(lie),
            Some(error) => return Err(error),
        };
        let place = (asked.segment, asked.prefix.value());
        target.searched.insert(place, target.numbers.count());
        let keyset = Arc::clone(&target.keyset);
        target.progress = self.vault.run(move |tx| adopt::keep_adopted(tx, &keyset, &adopted)).await?;
        told
    }

    /// Puts the counters of all keysets beyond whatever was found. From then on numbers may be drawn.
    pub(super) async fn raise_counters(&self, mint: &Mint, counters: Counters) -> Result<(), StoreError> {
        let id = mint.id;
        let keysets: Vec<_> = mint.chains.iter().flat_map(Chain::iter).map(|keyset| *keyset.id()).collect();
        self.vault
            .run(move |tx| {
                for keyset in keysets {
                    let beyond = Progress::load(tx, &keyset)?.beyond;
                    stock::raise(tx, &keyset, beyond.saturating_add(LEFT_OUT))?;
                }
                let restoring = Restoring::load(tx, &id)?.ok_or(StoreError::Damaged)?;
                Restoring { counters, ..restoring }.keep(tx, &id)
            })
            .await
    }
}

/// So many numbers beyond the last found are left out: the wallet of before may have used them in a time that is not sealed yet.
/// Together with the gap that a live wallet leaves, fewer than the next restore searches.
const LEFT_OUT: u64 = 64;

/// Requires that an index does not list more than can be read: it is short, and what it stands for need not be.
pub(super) fn check_size(index: &ArchiveIndex) -> Result<(), RestoreError> {
    let segments =
        index.keysets().iter().flat_map(|archived| &archived.segments).map(|listed| 1_u64 << listed.bits.min(8));
    let filters = index.keysets().iter().flat_map(|archived| &archived.filters).map(|listed| u64::from(listed.parts));
    let files = segments.chain(filters).fold(0, u64::saturating_add);
    if files > MAX_FILES { Err(RestoreError::TooManyFiles) } else { Ok(()) }
}

/// What is to be read, in random order.
fn plan(targets: &[Target]) -> Vec<Errand> {
    let of = |(number, target)| Target::unread(target).map(move |place| Errand { target: number, place });
    let mut errands: Vec<Errand> = targets.iter().enumerate().flat_map(of).collect();
    errands.shuffle(&mut rand::rng());
    errands
}

fn head(index: &ArchiveIndex, targets: &[Target], errand: Errand) -> Result<FileHead, StoreError> {
    let (segment, prefix) = errand.place;
    let keyset = targets.get(errand.target).map(|target| target.keyset.id());
    keyset.and_then(|keyset| index.file(keyset, segment, prefix)).ok_or(StoreError::Damaged)
}

/// What a file brought; and the file, if the mint signed it with a record of ours that is wrong. Takes long: not for an executor's
/// thread.
fn read(
    seed: &Seed,
    keyset: &Keyset,
    numbers: &Numbers,
    bytes: Vec<u8>,
    asked: &FileHead,
) -> Result<(Adopted, Option<Vec<u8>>), RestoreError> {
    let file = IssuanceFile::from_bytes(&bytes).map_err(BadFile::from)?;
    file.accept(asked).map_err(BadFile::from)?;
    let adopted = adopt::examine(seed, keyset, numbers, &file)?;
    let lie = adopted.lie.then_some(bytes);
    Ok((adopted, lie))
}
