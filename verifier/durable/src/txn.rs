use std::{collections::btree_map, fmt, ops::Bound};

use crate::{
    Cursor, MAX_ENTRY, MAX_LARGE, MAX_VALUE, Partition, StoreFault,
    overlay::{Change, Overlay},
    packed,
    records::{Extent, large_key, record_key, small_key, small_prefix},
    store::Store,
};

/// Keys with their values, in the order of the keys.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// What a job reads and writes through.
///
/// A job sees everything written before it, by earlier jobs and by itself. It must let nothing of what it
/// read out but through its answer: only the answer is held back until everything is durable.
pub struct Txn<'a> {
    store: &'a Store,
    overlay: &'a mut Overlay,
}

impl<'a> Txn<'a> {
    pub(crate) fn new(store: &'a Store, overlay: &'a mut Overlay) -> Self {
        Self { store, overlay }
    }

    /// What is durable.
    pub(crate) fn store(&self) -> &Store {
        self.store
    }

    /// The small value of a key.
    ///
    /// # Errors
    ///
    /// `TooLarge` for a key outside the limits, else the store's faults.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        self.read(&small_key(key)?)
    }

    /// Sets the small value of a key; durable with the job's answer.
    ///
    /// # Errors
    ///
    /// `TooLarge` for a key or a value outside the limits; nothing is then written.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreFault> {
        let key = small_key(key)?;
        if value.len() > MAX_VALUE {
            return Err(StoreFault::TooLarge);
        }
        self.overlay.write(key, Some(value.to_vec()));
        Ok(())
    }

    /// Removes the small value of a key, if there is one.
    ///
    /// # Errors
    ///
    /// `TooLarge` for a key outside the limits.
    pub fn delete(&mut self, key: &[u8]) -> Result<(), StoreFault> {
        self.overlay.write(small_key(key)?, None);
        Ok(())
    }

    /// The small values whose keys begin with `prefix`, in the order of their keys, at most `limit` of them. With
    /// `after`, only those whose whole key is greater: to go on, give the last key of the previous answer.
    ///
    /// # Errors
    ///
    /// The store's faults.
    pub fn scan_prefix(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Pairs, StoreFault> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let prefix = small_prefix(prefix);
        let start = match after.map(small_prefix) {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix.clone()),
        };
        let end = match successor(&prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        if let (Bound::Excluded(start), Bound::Excluded(end)) = (&start, &end)
            && start >= end
        {
            return Ok(found);
        }
        let range = (start, end);
        let mut fresh = self.overlay.values().range::<Vec<u8>, _>(range.clone()).peekable();
        self.store.walk(range, |key, value| {
            take_until(&mut fresh, Some(key), limit, &mut found);
            // The overlay's word on this very key, a deletion included, replaces the disk's.
            if fresh.next_if(|(newer, _)| newer.as_slice() == key).map(|pair| keep(pair, &mut found)).is_none()
                && found.len() < limit
            {
                found.push((unprefixed(key), value.to_vec()));
            }
            found.len() < limit
        })?;
        take_until(&mut fresh, None, limit, &mut found);
        found.truncate(limit);
        Ok(found)
    }

    /// The large value of a key.
    ///
    /// # Errors
    ///
    /// `TooLarge` for a key outside the limits, else the store's faults.
    pub fn get_large(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        let Some(first) = self.read(&large_key(key, 0)?)? else {
            return Ok(None);
        };
        let (length, bytes) = first.split_first_chunk().ok_or_else(|| self.store.damaged())?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| self.store.damaged())?;
        if length > MAX_LARGE {
            return Err(self.store.damaged());
        }
        let mut value = Vec::with_capacity(length);
        value.extend_from_slice(bytes);
        for chunk in 1..chunks(length) {
            let bytes = self.read(&large_key(key, chunk)?)?.ok_or_else(|| self.store.damaged())?;
            value.extend_from_slice(&bytes);
        }
        if value.len() == length { Ok(Some(value)) } else { Err(self.store.damaged()) }
    }

    /// Sets the large value of a key, in pieces of at most 4 KiB, all or none of them; durable with the job's answer.
    /// Large and small values of the same key have nothing to do with each other.
    ///
    /// # Errors
    ///
    /// `TooLarge` for a key or a value outside the limits; nothing is then written.
    pub fn put_large(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreFault> {
        if value.len() > MAX_LARGE {
            return Err(StoreFault::TooLarge);
        }
        let length = u32::try_from(value.len()).map_err(|_| StoreFault::TooLarge)?;
        let surplus = chunks(value.len())..self.stored_chunks(key)?;
        let mut whole = Vec::with_capacity(value.len() + 4);
        whole.extend_from_slice(&length.to_le_bytes());
        whole.extend_from_slice(value);
        for (number, chunk) in (0..).zip(whole.chunks(MAX_VALUE)) {
            self.overlay.write(large_key(key, number)?, Some(chunk.to_vec()));
        }
        self.delete_chunks(key, surplus)
    }

    /// Removes the large value of a key, if there is one.
    ///
    /// # Errors
    ///
    /// `TooLarge` for a key outside the limits, else the store's faults.
    pub fn delete_large(&mut self, key: &[u8]) -> Result<(), StoreFault> {
        let stored = self.stored_chunks(key)?;
        self.delete_chunks(key, 0..stored)
    }

    /// Adds an entry at the end of a partition. It is found at once, by this job and the later ones, under the keys
    /// that the [`Indexer`](crate::Indexer) gives it; durable with the job's answer.
    ///
    /// # Errors
    ///
    /// `TooLarge` for an entry beyond [`MAX_ENTRY`], `Full` after 4,294,967,294 records; nothing is then written.
    pub fn append(&mut self, partition: Partition, entry: &[u8]) -> Result<(), StoreFault> {
        if entry.len() > MAX_ENTRY {
            return Err(StoreFault::TooLarge);
        }
        self.overlay.count(entry.len());
        let tail = self.overlay.tail_mut(partition, self.store.index().extent(partition.0));
        let record = tail.append(entry)?;
        (self.store.indexer())(partition, entry, &mut |key| {
            tail.index(self.store.fingerprint(key), record);
        });
        Ok(())
    }

    /// Looks for an entry by one of its keys. `confirm` is given the entries that have exactly this key, oldest first,
    /// until it returns something.
    ///
    /// # Errors
    ///
    /// The store's faults.
    pub fn find<R>(
        &self,
        partition: Partition,
        key: &[u8],
        confirm: &mut dyn FnMut(&[u8]) -> Option<R>,
    ) -> Result<Option<R>, StoreFault> {
        let fingerprint = self.store.fingerprint(key);
        let tail = self.overlay.tail(partition);
        // What the disk has behind the end is newer than what is read here.
        let Extent { floor, next } = self.extent(partition);
        for number in self.store.index().candidates(partition.0, fingerprint) {
            if number < floor || number >= next {
                continue;
            }
            let record = self.durable_record(partition, number)?;
            if let Some(found) = self.search(partition, &record, key, confirm)? {
                return Ok(Some(found));
            }
        }
        let Some(tail) = tail else { return Ok(None) };
        for number in tail.candidates(fingerprint) {
            if let Some(record) = tail.record(number)
                && let Some(found) = self.search(partition, record, key, confirm)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The entries of a partition in the order in which they were appended, at most `limit` of them. With `after`, only
    /// those behind it: to go on, give the last cursor of the previous answer.
    ///
    /// # Errors
    ///
    /// The store's faults.
    pub fn scan_entries(
        &self,
        partition: Partition,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<(Cursor, Vec<u8>)>, StoreFault> {
        let Extent { floor, next } = self.extent(partition);
        let tail = self.overlay.tail(partition);
        let mut found = Vec::new();
        for number in after.map_or(floor, |after| after.record.max(floor))..next {
            let durable;
            let record = match tail.and_then(|tail| tail.record(number)) {
                Some(record) => record,
                None => {
                    durable = self.durable_record(partition, number)?;
                    &durable
                }
            };
            for (place, entry) in (0..=u16::MAX).zip(packed::entries(record)) {
                let cursor = Cursor { record: number, entry: place };
                if after.is_some_and(|after| cursor <= after) {
                    continue;
                }
                if found.len() >= limit {
                    return Ok(found);
                }
                found.push((cursor, entry.map_err(|_| self.store.damaged())?.to_vec()));
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// Drops up to `at_most_records` of the partition's oldest records, with all their entries and index keys, and says
    /// whether any are left: call it in one job after another until it says no. A record holds up to 3,500 bytes of
    /// entries. Dropped entries are not found any more, at once.
    ///
    /// # Errors
    ///
    /// The store's faults.
    pub fn drop_partition(&mut self, partition: Partition, at_most_records: u32) -> Result<bool, StoreFault> {
        let durable = self.store.index().extent(partition.0);
        // Deletions are as much work as writes.
        self.overlay.count(usize::try_from(at_most_records.min(durable.next - durable.floor)).unwrap_or(0));
        Ok(self.overlay.tail_mut(partition, durable).drop_oldest(at_most_records))
    }

    /// A record on the disk, or what is known of it that was dropped since the moment that is read.
    fn durable_record(&self, partition: Partition, number: u32) -> Result<sled::IVec, StoreFault> {
        match self.overlay.value(&record_key(partition.0, number)) {
            Some(Some(old)) => Ok(old.into()),
            _ => self.store.record(partition.0, number),
        }
    }

    fn extent(&self, partition: Partition) -> Extent {
        match self.overlay.tail(partition) {
            Some(tail) => tail.extent(),
            None => self.store.index().extent(partition.0),
        }
    }

    fn search<R>(
        &self,
        partition: Partition,
        record: &[u8],
        key: &[u8],
        confirm: &mut dyn FnMut(&[u8]) -> Option<R>,
    ) -> Result<Option<R>, StoreFault> {
        for entry in packed::entries(record) {
            let entry = entry.map_err(|_| self.store.damaged())?;
            let mut has_key = false;
            (self.store.indexer())(partition, entry, &mut |own| has_key |= own == key);
            if has_key && let Some(found) = confirm(entry) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        match self.overlay.value(key) {
            Some(value) => Ok(value.map(<[u8]>::to_vec)),
            None => Ok(self.store.read(key)?.map(|value| value.to_vec())),
        }
    }

    fn stored_chunks(&self, key: &[u8]) -> Result<u16, StoreFault> {
        let Some(first) = self.read(&large_key(key, 0)?)? else {
            return Ok(0);
        };
        let length = first.first_chunk().ok_or_else(|| self.store.damaged())?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| self.store.damaged())?;
        if length > MAX_LARGE { Err(self.store.damaged()) } else { Ok(chunks(length)) }
    }

    fn delete_chunks(&mut self, key: &[u8], numbers: std::ops::Range<u16>) -> Result<(), StoreFault> {
        for number in numbers {
            self.overlay.write(large_key(key, number)?, None);
        }
        Ok(())
    }
}

impl fmt::Debug for Txn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Txn").finish_non_exhaustive()
    }
}

/// How many pieces a large value takes, its length's four bytes included. Within `u16` up to [`MAX_LARGE`].
fn chunks(length: usize) -> u16 {
    u16::try_from((length + 4).div_ceil(MAX_VALUE)).unwrap_or(u16::MAX)
}

/// The least key greater than all that begin with this prefix.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(greater) = last.checked_add(1) {
            end.push(greater);
            return Some(end);
        }
    }
    None
}

type Fresh<'a> = std::iter::Peekable<btree_map::Range<'a, Vec<u8>, Change>>;

/// Takes the overlay's values before a key of the tree, or all.
fn take_until(fresh: &mut Fresh<'_>, key: Option<&[u8]>, limit: usize, found: &mut Pairs) {
    while found.len() < limit
        && let Some(pair) = fresh.next_if(|(own, _)| key.is_none_or(|key| own.as_slice() < key))
    {
        keep(pair, found);
    }
}

fn keep((key, value): (&Vec<u8>, &Change), found: &mut Pairs) {
    if let Some(value) = value {
        found.push((unprefixed(key), value.clone()));
    }
}

fn unprefixed(key: &[u8]) -> Vec<u8> {
    key.get(1..).unwrap_or_default().to_vec()
}
