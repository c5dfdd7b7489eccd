//! What the jobs of one group have written and the disk does not have yet, with the means to take back one job.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use crate::{Partition, StoreFault, index::NO_RECORD, packed, records::Extent};

/// What becomes of a key: its new value, or `None` when it is deleted.
pub(crate) type Change = Option<Vec<u8>>;

/// The uncommitted writes of a group.
#[derive(Default)]
pub(crate) struct Overlay {
    /// By full keys of the tree.
    values: BTreeMap<Vec<u8>, Change>,
    tails: BTreeMap<u32, Tail>,
    /// What the running job replaced, oldest first.
    replaced: Vec<(Vec<u8>, Option<Change>)>,
    /// What the running job found in each partition it touched.
    marks: Vec<(u32, Mark)>,
    bytes: usize,
}

impl Overlay {
    pub(crate) fn value(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.values.get(key).map(Option::as_deref)
    }

    pub(crate) fn values(&self) -> &BTreeMap<Vec<u8>, Change> {
        &self.values
    }

    pub(crate) fn tails(&self) -> impl Iterator<Item = (Partition, &Tail)> {
        self.tails.iter().map(|(&number, tail)| (Partition(number), tail))
    }

    pub(crate) fn tail(&self, partition: Partition) -> Option<&Tail> {
        self.tails.get(&partition.0)
    }

    /// Bytes written by the group so far, roughly: those of rolled-back jobs included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.values.is_empty() && self.tails.values().all(Tail::is_clean)
    }

    pub(crate) fn write(&mut self, key: Vec<u8>, value: Change) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        let before = match self.values.entry(key.clone()) {
            Entry::Vacant(place) => {
                place.insert(value);
                None
            }
            Entry::Occupied(mut place) => Some(place.insert(value)),
        };
        self.replaced.push((key, before));
    }

    /// The partition's tail, for writing; `durable` is what the disk has of it.
    pub(crate) fn tail_mut(&mut self, partition: Partition, durable: Extent) -> &mut Tail {
        let tail = self.tails.entry(partition.0).or_insert_with(|| Tail::new(durable));
        if !self.marks.iter().any(|(number, _)| *number == partition.0) {
            self.marks.push((partition.0, tail.mark()));
        }
        tail
    }

    /// Sets a key that nothing was said about yet, for good; says whether it did.
    pub(crate) fn set_if_absent(&mut self, key: &[u8], value: Option<&[u8]>) -> bool {
        let is_new = !self.values.contains_key(key);
        if is_new {
            self.values.insert(key.to_vec(), value.map(<[u8]>::to_vec));
        }
        is_new
    }

    /// Sets how far a partition goes that nothing was said about yet, for good.
    pub(crate) fn set_extent_if_absent(&mut self, partition: u32, extent: Extent) {
        self.tails.entry(partition).or_insert_with(|| Tail::new(extent));
    }

    /// How far a partition goes, if anything was said about it.
    pub(crate) fn extent(&self, partition: u32) -> Option<Extent> {
        self.tails.get(&partition).map(Tail::extent)
    }

    pub(crate) fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// The running job's writes stay.
    pub(crate) fn keep(&mut self) {
        self.replaced.clear();
        self.marks.clear();
    }

    /// Takes back everything the running job wrote.
    pub(crate) fn roll_back(&mut self) {
        while let Some((key, before)) = self.replaced.pop() {
            match before {
                Some(before) => self.values.insert(key, before),
                None => self.values.remove(&key),
            };
        }
        for (number, mark) in self.marks.drain(..) {
            if let Some(tail) = self.tails.get_mut(&number) {
                tail.roll_back(&mark);
            }
        }
    }
}

/// A partition's appended records and raised floor.
pub(crate) struct Tail {
    durable: Extent,
    floor: u32,
    /// Numbered from `durable.next`.
    records: Vec<Vec<u8>>,
    /// Fingerprints in the order in which they came, each with its record.
    keys: Vec<(u64, u32)>,
    found: BTreeSet<(u64, u32)>,
}

/// The state of a [`Tail`] before a job.
struct Mark {
    floor: u32,
    records: usize,
    last_len: usize,
    keys: usize,
}

impl Tail {
    fn new(durable: Extent) -> Self {
        Self { durable, floor: durable.floor, records: Vec::new(), keys: Vec::new(), found: BTreeSet::new() }
    }

    pub(crate) fn extent(&self) -> Extent {
        // `append` keeps the sum below `NO_RECORD`.
        let added = u32::try_from(self.records.len()).unwrap_or(NO_RECORD);
        Extent { floor: self.floor, next: self.durable.next.saturating_add(added) }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.floor == self.durable.floor && self.records.is_empty()
    }

    /// The record of this number, if it is one not yet durable.
    pub(crate) fn record(&self, number: u32) -> Option<&[u8]> {
        let place = number.checked_sub(self.durable.next)?;
        self.records.get(usize::try_from(place).ok()?).map(Vec::as_slice)
    }

    /// The numbers of the durable records to remove.
    pub(crate) fn dropped(&self) -> std::ops::Range<u32> {
        self.durable.floor..self.floor.min(self.durable.next)
    }

    /// The records to write: those not dropped again.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (self.durable.next..).zip(self.records.iter().map(Vec::as_slice)).filter(|(number, _)| *number >= self.floor)
    }

    /// Fingerprints to take into the index, with their records.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (u64, u32)> {
        self.keys.iter().copied().filter(|(_, record)| *record >= self.floor)
    }

    /// The records not yet durable that may hold a key of this fingerprint, oldest first.
    pub(crate) fn candidates(&self, fingerprint: u64) -> impl Iterator<Item = u32> {
        self.found.range((fingerprint, self.floor)..=(fingerprint, NO_RECORD)).map(|&(_, record)| record)
    }

    /// Adds an entry and returns the number of its record.
    pub(crate) fn append(&mut self, entry: &[u8]) -> Result<u32, StoreFault> {
        let Extent { floor, next } = self.extent();
        let last = next.checked_sub(1).filter(|&last| last >= floor && last >= self.durable.next);
        if let (Some(last), Some(record)) = (last, self.records.last_mut())
            && packed::fits(record, entry)
        {
            packed::push(record, entry)?;
            return Ok(last);
        }
        if next >= NO_RECORD - 1 {
            return Err(StoreFault::Full);
        }
        let mut record = Vec::new();
        packed::push(&mut record, entry)?;
        self.records.push(record);
        Ok(next)
    }

    pub(crate) fn index(&mut self, fingerprint: u64, record: u32) {
        if self.found.insert((fingerprint, record)) {
            self.keys.push((fingerprint, record));
        }
    }

    /// Drops up to so many of the oldest records; says whether any are left.
    pub(crate) fn drop_oldest(&mut self, at_most: u32) -> bool {
        let extent = self.extent();
        self.floor = extent.floor.saturating_add(at_most).min(extent.next);
        self.floor < extent.next
    }

    fn mark(&self) -> Mark {
        Mark {
            floor: self.floor,
            records: self.records.len(),
            last_len: self.records.last().map_or(0, Vec::len),
            keys: self.keys.len(),
        }
    }

    fn roll_back(&mut self, mark: &Mark) {
        self.floor = mark.floor;
        self.records.truncate(mark.records);
        if let Some(last) = self.records.last_mut() {
            last.truncate(mark.last_len);
        }
        for key in self.keys.drain(mark.keys..) {
            self.found.remove(&key);
        }
    }
}
