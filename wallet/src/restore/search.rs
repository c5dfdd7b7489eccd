//! Finding a wallet's issuances: which files, in which order, and what to do with each.
//!
//! Every file of a segment is read, not only those of the wallet's own prefixes. Each segment is cut by a salt of its own, so an issuance
//! lies under other prefixes in each; a mint that saw only some files fetched of each segment would soon know the issuances whose prefixes
//! were always among them. Files of other issuances between, as decoys, would only delay that.

use std::collections::BTreeMap;
use std::sync::Arc;

use farthing_http::client::CallError;
use farthing_protocol::api::mint_path;
use farthing_protocol::archive::{ArchiveIndex, ArchivedKeyset, FileHead, IssuanceFile, Prefix};
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::Seed;
use farthing_protocol::keyset::{Chain, Keyset};
use rand::seq::SliceRandom;
use tokio::task::JoinSet;

use super::adopt::{self, Adopted, Numbers, Spoiled};
use super::record::{self, FilePlace, Progress};
use super::{BadFile, RestoreError, Tally};
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

/// A keyset whose issuances are looked for.
struct Target {
    keyset: Arc<Keyset>,
    listed: ArchivedKeyset,
    progress: Progress,
    numbers: Arc<Numbers>,
    /// Up to which number each file was searched.
    searched: BTreeMap<FilePlace, u64>,
}

/// A file to be fetched, and of which keyset.
#[derive(Clone, Copy)]
struct Errand {
    target: usize,
    head: FileHead,
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
        files.filter(move |place| self.searched.get(place).is_none_or(|searched| *searched < until))
    }
}

impl Inner {
    /// Reads every file that was not read for all of the wallet's numbers, and keeps what they bring.
    pub(super) async fn search(
        self: &Arc<Self>,
        mint: &Mint,
        index: &ArchiveIndex,
        tally: &mut Tally,
    ) -> Result<(), RestoreError> {
        let mut targets = Vec::new();
        for keyset in mint.chains.iter().flat_map(Chain::iter) {
            let Some(listed) = index.keyset(keyset.id()).cloned() else { continue };
            let id = *keyset.id();
            let (progress, searched) = self
                .vault
                .run::<_, StoreError>(move |tx| Ok((Progress::load(tx, &id)?, record::searched(tx, &id)?)))
                .await?;
            let keyset = Arc::clone(keyset);
            targets.push(Target { keyset, listed, progress, numbers: Arc::default(), searched });
        }
        loop {
            for target in &mut targets {
                self.compute(target).await?;
            }
            let errands = plan(index, &targets);
            if errands.is_empty() {
                return Ok(());
            }
            tally.expect(errands.len());
            self.run_errands(mint, &mut targets, errands, tally).await?;
        }
    }

    /// Fetches files, a few at a time, each by a way of its own, and keeps what they bring one after the other.
    async fn run_errands(
        self: &Arc<Self>,
        mint: &Mint,
        targets: &mut [Target],
        errands: Vec<Errand>,
        tally: &mut Tally,
    ) -> Result<(), RestoreError> {
        let (mut waiting, mut fetching) = (errands.into_iter(), JoinSet::new());
        loop {
            for errand in waiting.by_ref().take(AT_ONCE.saturating_sub(fetching.len())) {
                let url = mint.url.join(&mint_path::issued(&errand.head)).map_err(MintError::from)?;
                let (inner, id) = (Arc::clone(self), mint.id);
                fetching.spawn(async move { Ok::<_, CallError>((errand, inner.fetch_file(&id, &url).await?)) });
            }
            let Some(fetched) = fetching.join_next().await else { return Ok(()) };
            let (errand, bytes) = fetched.map_err(|_| StoreError::Unavailable)??;
            if let Some(target) = targets.get_mut(errand.target) {
                self.keep_file(target, errand.head, bytes).await?;
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

    /// Keeps what a file brings.
    async fn keep_file(&self, target: &mut Target, asked: FileHead, bytes: Vec<u8>) -> Result<(), RestoreError> {
        let (seed, keyset) = (Arc::clone(&self.seed), Arc::clone(&target.keyset));
        let numbers = Arc::clone(&target.numbers);
        let read = tokio::task::spawn_blocking(move || read(&seed, &keyset, &numbers, bytes, &asked));
        let adopted = match read.await.map_err(|_| StoreError::Unavailable)? {
            Ok(adopted) => adopted,
            Err(Unread::Bad(bad)) => return Err(bad.into()),
            Err(Unread::Store(error)) => return Err(error.into()),
            Err(Unread::Lie(file)) => return Err(self.archive_lie(&file)),
        };
        let place = (asked.segment, asked.prefix.value());
        target.searched.insert(place, target.numbers.count());
        let keyset = Arc::clone(&target.keyset);
        target.progress = self.vault.run(move |tx| adopt::keep_adopted(tx, &keyset, &adopted)).await?;
        Ok(())
    }

    /// Puts the counters of all keysets beyond whatever was found.
    pub(super) async fn raise_counters(&self, mint: &Mint) -> Result<(), StoreError> {
        let keysets: Vec<_> = mint.chains.iter().flat_map(Chain::iter).map(|keyset| *keyset.id()).collect();
        self.vault
            .run(move |tx| {
                for keyset in keysets {
                    let beyond = Progress::load(tx, &keyset)?.beyond;
                    stock::raise(tx, &keyset, beyond.saturating_add(LEFT_OUT))?;
                }
                Ok(())
            })
            .await
    }
}

/// So many numbers beyond the last found are left out: the wallet of before may have used them in a time that is not sealed yet.
/// Together with the gap that a live wallet leaves, fewer than the next restore searches.
const LEFT_OUT: u64 = 64;

/// What is to be read, in random order.
fn plan(index: &ArchiveIndex, targets: &[Target]) -> Vec<Errand> {
    let mut errands = Vec::new();
    for (number, target) in targets.iter().enumerate() {
        let heads = target.unread().filter_map(|(segment, prefix)| index.file(target.keyset.id(), segment, prefix));
        errands.extend(heads.map(|head| Errand { target: number, head }));
    }
    errands.shuffle(&mut rand::rng());
    errands
}

enum Unread {
    Bad(BadFile),
    /// The file, which the mint signed.
    Lie(Vec<u8>),
    Store(StoreError),
}

/// Takes long: not for an executor's thread.
fn read(seed: &Seed, keyset: &Keyset, numbers: &Numbers, bytes: Vec<u8>, asked: &FileHead) -> Result<Adopted, Unread> {
    let file = IssuanceFile::from_bytes(&bytes).map_err(|error| Unread::Bad(error.into()))?;
    file.accept(asked).map_err(|error| Unread::Bad(error.into()))?;
    adopt::examine(seed, keyset, numbers, &file).map_err(|spoiled| match spoiled {
        Spoiled::Lie => Unread::Lie(bytes),
        Spoiled::Store(error) => Unread::Store(error),
    })
}
