//! What the writer thread owns: sled's tree, the index, and the way from an overlay to the disk.

use std::{
    cell::{Cell, RefCell},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    OpenError, Options, Partition, StoreFault, Unavailable,
    copy::Copy,
    cut::Kept,
    folder::Folder,
    index::{Index, NO_RECORD},
    options::{Fingerprint, Hook, Indexer, Step, Verdict},
    overlay::Overlay,
    packed,
    records::{Extent, RECORD_PREFIX, parse_record_key, record_key},
    tally::{TALLY, Tally},
};

pub(crate) struct Store {
    // Declared, and so dropped, before the folder whose lock covers it.
    db: sled::Db,
    folder: Folder,
    index: Index,
    tally: Tally,
    indexer: Indexer,
    fingerprint: Fingerprint,
    hook: Option<Hook>,
    /// A read has failed: nothing of this group may be written.
    failed: Cell<bool>,
    /// A call into sled is under way: a panic now is sled's.
    inside: Cell<bool>,
    /// Bytes of pages read since the last sync, roughly.
    unsettled: Cell<usize>,
    /// The copy that is being taken, if there is one.
    copy: RefCell<Option<Copy>>,
    /// What has changed since each moment that is being read.
    cuts: RefCell<Vec<Kept>>,
}

/// After reading so much the store looks whether sled has written, and syncs what it has: half a segment.
const WINDOW: usize = 256 << 10;

/// How many values a leaf of sled's tree holds at most: a look-up is counted as a leaf of values like the one found.
const LEAF: usize = 16;

impl Store {
    /// Opens sled and rebuilds the index. When this returns, everything found is durable.
    pub(crate) fn open(folder: Folder, options: &Options) -> Result<Self, OpenError> {
        let db = folder.open_sled(options.cache_bytes)?;
        let mut store = Self {
            db,
            folder,
            index: Index::default(),
            tally: Tally::default(),
            indexer: Arc::clone(&options.indexer),
            fingerprint: Arc::clone(&options.fingerprint),
            hook: options.hook.clone(),
            failed: Cell::new(false),
            inside: Cell::new(false),
            unsettled: Cell::new(0),
            copy: RefCell::new(None),
            cuts: RefCell::default(),
        };
        if let Err(error) = store.check() {
            // On damaged files sled may panic while it is dropped as well.
            let _closing = catch_unwind(AssertUnwindSafe(|| drop(store)));
            return Err(error);
        }
        Ok(store)
    }

    /// Requires that all is there that was noted and that it is what the last group left, and rebuilds the index.
    fn check(&mut self) -> Result<(), OpenError> {
        let stored = guarded(|| self.db.get(TALLY))?;
        let stored = stored.map(|bytes| Tally::from_bytes(&bytes).ok_or(OpenError::Damaged)).transpose()?;
        // An earlier layout has no tally and no note.
        self.folder.require(stored.unwrap_or_default().groups())?;
        let found = self.read_all()?;
        if stored.is_some_and(|stored| !stored.agrees_with(found)) {
            return Err(OpenError::Damaged);
        }
        self.tally = stored.unwrap_or(found);
        Ok(())
    }

    /// Reads everything: returns its sum, and takes the records into the index.
    fn read_all(&mut self) -> Result<Tally, OpenError> {
        let mut found = Tally::default();
        let mut current: Option<(u32, Extent)> = None;
        let mut items = self.db.iter();
        while let Some((key, value)) = guarded(|| items.next().transpose())? {
            self.charge(key.len() + value.len()).map_err(|_| unreadable())?;
            if *key == TALLY {
                continue;
            }
            found.add(&key, &value);
            if key.starts_with(&RECORD_PREFIX) {
                current = Some(self.take_record(current, &key, &value)?);
            }
        }
        if let Some((finished, extent)) = current {
            self.index.set_extent(finished, extent);
        }
        self.settle().map_err(|_| unreadable())?;
        Ok(found)
    }

    /// Takes the next record into the index; `current` is the partition before it, with its numbers so far.
    fn take_record(
        &mut self,
        current: Option<(u32, Extent)>,
        key: &[u8],
        record: &[u8],
    ) -> Result<(u32, Extent), OpenError> {
        let (partition, number) = parse_record_key(key).ok_or(OpenError::Damaged)?;
        let next = number.checked_add(1).filter(|&next| next < NO_RECORD).ok_or(OpenError::Damaged)?;
        let extent = match current {
            // Records are written and dropped in order, so a hole means that one was lost.
            Some((same, extent)) if same == partition && extent.next != number => return Err(OpenError::Damaged),
            Some((same, extent)) if same == partition => Extent { next, ..extent },
            _ => {
                if let Some((finished, extent)) = current {
                    self.index.set_extent(finished, extent);
                }
                Extent { floor: number, next }
            }
        };
        for entry in packed::entries(record) {
            let entry = entry.map_err(|_| OpenError::Damaged)?;
            let (index, fingerprint) = (&mut self.index, &self.fingerprint);
            (self.indexer)(Partition(partition), entry, &mut |key| {
                index.insert(partition, fingerprint(key), number);
            });
        }
        Ok((partition, extent))
    }

    pub(crate) fn copy(&self) -> &RefCell<Option<Copy>> {
        &self.copy
    }

    pub(crate) fn cuts(&self) -> &RefCell<Vec<Kept>> {
        &self.cuts
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn indexer(&self) -> &Indexer {
        &self.indexer
    }

    pub(crate) fn fingerprint(&self, key: &[u8]) -> u64 {
        (self.fingerprint)(key)
    }

    /// Whether reading has gone wrong, so that the group must not be written.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get() || self.inside.get()
    }

    /// Notes that what was read makes no sense.
    pub(crate) fn damaged(&self) -> StoreFault {
        self.failed.set(true);
        StoreFault::Damaged
    }

    /// Reads a key of the tree.
    pub(crate) fn read(&self, key: &[u8]) -> Result<Option<sled::IVec>, StoreFault> {
        let value = self.reading(|| self.db.get(key))?;
        let length = value.as_ref().map_or(0, |value| value.len());
        self.charge(LEAF * (key.len() + length))?;
        Ok(value)
    }

    /// Reads a record that must exist.
    pub(crate) fn record(&self, partition: u32, number: u32) -> Result<sled::IVec, StoreFault> {
        self.read(&record_key(partition, number))?.ok_or_else(|| self.damaged())
    }

    /// Walks over keys in order until `visit` returns false.
    pub(crate) fn walk(
        &self,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        mut visit: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreFault> {
        let mut items = self.db.range::<Vec<u8>, _>(range);
        while let Some((key, value)) = self.reading(|| items.next().transpose())? {
            self.charge(value.len())?;
            if !visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    /// Counts what was read, and settles now and then.
    fn charge(&self, bytes: usize) -> Result<(), StoreFault> {
        let sum = self.unsettled.get().saturating_add(bytes);
        self.unsettled.set(sum);
        if sum < WINDOW { Ok(()) } else { self.settle() }
    }

    /// Syncs what sled has written of its own accord. It joins the pieces of pages while it reads them, and frees the
    /// segments where the pieces were. When this returns, none of these is used again before the joined page is on the
    /// disk: sled frees one no earlier than two segments on, and by itself would not sync in between.
    fn settle(&self) -> Result<(), StoreFault> {
        self.unsettled.set(0);
        let logged = self.reading(|| self.db.flush()).inspect_err(|_| self.mark_suspect())?;
        // Whatever sled logs ends in its current buffer, so there is something to flush if anything was logged.
        if logged == 0 {
            return Ok(());
        }
        self.folder.sync().map_err(|error| {
            tracing::error!(kind = %error.kind(), "the store could not sync and has stopped");
            self.failed.set(true);
            self.mark_suspect();
            StoreFault::Read
        })
    }

    fn reading<R>(&self, read: impl FnOnce() -> sled::Result<R>) -> Result<R, StoreFault> {
        self.inside.set(true);
        let result = read();
        self.inside.set(false);
        result.map_err(|error| {
            self.failed.set(true);
            match error {
                sled::Error::Corruption { .. } => StoreFault::Damaged,
                _ => StoreFault::Read,
            }
        })
    }

    /// Makes a group durable. When this returns `Ok`, everything in the overlay is on the disk and in the index.
    ///
    /// # Errors
    ///
    /// `NotStored` when nothing reached sled, else `Unknown`. The store must not be used after either.
    pub(crate) fn commit(&mut self, overlay: &Overlay) -> Result<(), Unavailable> {
        if self.has_failed() {
            return Err(Unavailable::NotStored);
        }
        if overlay.is_clean() {
            return self.settle().map_err(|_| Unavailable::NotStored);
        }
        let tally = self.tally_after(overlay).map_err(|_| Unavailable::NotStored)?;
        let apply = self.verdict(Step::Apply);
        if apply == Verdict::FailBefore {
            return Err(Unavailable::Unknown);
        }
        self.write(overlay, tally).map_err(|fault| {
            tracing::error!(%fault, "the store could not write a group and has stopped");
            self.mark_suspect();
            Unavailable::Unknown
        })?;
        self.unsettled.set(0);
        self.tally = tally;
        if apply == Verdict::FailAfter {
            return Err(Unavailable::Unknown);
        }
        for (partition, tail) in overlay.tails() {
            for (fingerprint, record) in tail.keys() {
                self.index.insert(partition.0, fingerprint, record);
            }
            self.index.set_extent(partition.0, tail.extent());
        }
        self.folder.note(tally.groups());
        Ok(())
    }

    /// The tally once this group is written. Reads what the group replaces, and keeps it for those who read an earlier moment.
    fn tally_after(&self, overlay: &Overlay) -> Result<Tally, StoreFault> {
        let mut tally = self.tally.next().ok_or(StoreFault::Full)?;
        let (mut copy, mut cuts) = (self.copy.borrow_mut(), self.cuts.borrow_mut());
        cuts.retain(Kept::goes_on);
        for (key, value) in overlay.values() {
            let old = self.read(key)?;
            if let Some(copy) = copy.as_mut() {
                copy.keep(key, old.as_deref());
            }
            cuts.iter_mut().for_each(|cut| cut.keep(key, old.as_deref()));
            if let Some(old) = old {
                tally.take(key, &old);
            }
            if let Some(value) = value {
                tally.add(key, value);
            }
        }
        for (partition, tail) in overlay.tails() {
            let extent = self.index.extent(partition.0);
            cuts.iter_mut().for_each(|cut| cut.keep_extent(partition.0, extent));
            for number in tail.dropped() {
                let (key, old) = (record_key(partition.0, number), self.record(partition.0, number)?);
                if let Some(copy) = copy.as_mut() {
                    copy.keep(&key, Some(&old));
                }
                cuts.iter_mut().for_each(|cut| cut.keep_record(partition.0, number, &old));
                tally.take(&key, &old);
            }
            for (number, record) in tail.records() {
                let key = record_key(partition.0, number);
                if let Some(copy) = copy.as_mut() {
                    copy.keep(&key, None);
                }
                tally.add(&key, record);
            }
        }
        if copy.take_if(|copy| copy.is_too_much()).is_some() {
            tracing::warn!("so much changed while a copy was taken that it has ended");
        }
        Ok(tally)
    }

    /// Leaves word that the file must be written anew at the next opening.
    pub(crate) fn mark_suspect(&self) {
        self.folder.mark_suspect();
    }

    fn write(&self, overlay: &Overlay, tally: Tally) -> Result<(), CommitFault> {
        self.db.apply_batch(batch(overlay, tally)).map_err(|_| CommitFault::Apply)?;
        self.db.flush().map_err(|_| CommitFault::Flush)?;
        if !self.folder.blobs_are_empty().map_err(CommitFault::Blobs)? {
            return Err(CommitFault::Unsynced);
        }
        let verdict = self.verdict(Step::Sync);
        if verdict != Verdict::FailBefore {
            // Never retried: the kernel reports a failed write once and may then forget the pages.
            self.folder.sync().map_err(CommitFault::Sync)?;
        }
        if verdict != Verdict::Proceed {
            return Err(CommitFault::Sync(std::io::ErrorKind::Other.into()));
        }
        Ok(())
    }

    fn verdict(&self, step: Step) -> Verdict {
        self.hook.as_ref().map_or(Verdict::Proceed, |hook| hook(step))
    }
}

/// Reads at opening. sled panics on some damaged files.
fn guarded<R>(read: impl FnOnce() -> sled::Result<R>) -> Result<R, OpenError> {
    catch_unwind(AssertUnwindSafe(read)).ok().and_then(Result::ok).ok_or(OpenError::Damaged)
}

fn unreadable() -> OpenError {
    OpenError::Io(std::io::ErrorKind::Other.into())
}

/// What went wrong while a group was written, for the log.
#[derive(Debug, thiserror::Error)]
enum CommitFault {
    #[error("the batch was not applied")]
    Apply,
    #[error("the batch was not flushed")]
    Flush,
    #[error("the folder `blobs` could not be listed: {}", .0.kind())]
    Blobs(std::io::Error),
    #[error("a value went to the folder `blobs`, which is never synced")]
    Unsynced,
    #[error("the file was not synced: {}", .0.kind())]
    Sync(std::io::Error),
}

/// The one batch of a group.
fn batch(overlay: &Overlay, tally: Tally) -> sled::Batch {
    let mut batch = sled::Batch::default();
    batch.insert(&TALLY, tally.to_bytes());
    for (key, value) in overlay.values() {
        match value {
            Some(value) => batch.insert(key.as_slice(), value.as_slice()),
            None => batch.remove(key.as_slice()),
        }
    }
    for (partition, tail) in overlay.tails() {
        for number in tail.dropped() {
            batch.remove(&record_key(partition.0, number));
        }
        for (number, record) in tail.records() {
            batch.insert(&record_key(partition.0, number), record);
        }
    }
    batch
}
