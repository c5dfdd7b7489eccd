//! Fingerprint → record numbers, in 12 bytes for each slot.

use std::collections::HashMap;

use crate::records::Extent;

/// Marks an empty slot; never a record number.
pub(crate) const NO_RECORD: u32 = u32::MAX;

const SHARDS: u64 = 64;

/// What is known in memory of the durable records of every partition.
#[derive(Default)]
pub(crate) struct Index {
    partitions: HashMap<u32, Known>,
}

#[derive(Default)]
struct Known {
    extent: Extent,
    table: Table,
}

impl Index {
    /// The record numbers in use.
    pub(crate) fn extent(&self, partition: u32) -> Extent {
        self.partitions.get(&partition).map_or_else(Extent::default, |known| known.extent)
    }

    /// The durable records that may hold a key of this fingerprint, oldest first.
    pub(crate) fn candidates(&self, partition: u32, fingerprint: u64) -> Vec<u32> {
        let Some(known) = self.partitions.get(&partition) else {
            return Vec::new();
        };
        let mut found = known.table.candidates(fingerprint);
        found.retain(|&record| record >= known.extent.floor);
        found.sort_unstable();
        found
    }

    pub(crate) fn insert(&mut self, partition: u32, fingerprint: u64, record: u32) {
        self.partitions.entry(partition).or_default().table.insert(fingerprint, record);
    }

    /// Sets the numbers in use; forgets all keys once no record is left.
    pub(crate) fn set_extent(&mut self, partition: u32, extent: Extent) {
        let known = self.partitions.entry(partition).or_default();
        known.extent = extent;
        if extent.is_empty() {
            known.table = Table::default();
        }
    }
}

/// An open-addressing multimap in shards, so that growing copies one sixty-fourth at a time.
#[derive(Default)]
struct Table {
    shards: Vec<Shard>,
}

impl Table {
    fn insert(&mut self, fingerprint: u64, record: u32) {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS as usize, Shard::default);
        }
        if let Some(shard) = self.shards.get_mut((fingerprint % SHARDS) as usize) {
            shard.insert(Slot::new(fingerprint, record));
        }
    }

    fn candidates(&self, fingerprint: u64) -> Vec<u32> {
        match self.shards.get((fingerprint % SHARDS) as usize) {
            Some(shard) => shard.candidates(fingerprint),
            None => Vec::new(),
        }
    }
}

/// Two halves, so that a slot takes 12 bytes and not 16.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    high: u32,
    low: u32,
    record: u32,
}

impl Slot {
    const EMPTY: Self = Self { high: 0, low: 0, record: NO_RECORD };

    fn new(fingerprint: u64, record: u32) -> Self {
        Self { high: (fingerprint >> 32) as u32, low: fingerprint as u32, record }
    }

    fn fingerprint(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }

    fn is_empty(self) -> bool {
        self.record == NO_RECORD
    }
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    used: usize,
}

impl Shard {
    /// Where the search for a fingerprint begins: its share of the whole range. Below `len`.
    fn home(fingerprint: u64, len: usize) -> usize {
        ((u128::from(fingerprint) * len as u128) >> 64) as usize
    }

    fn insert(&mut self, slot: Slot) {
        if (self.used + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        let (before, after) = {
            let home = Self::home(slot.fingerprint(), self.slots.len());
            self.slots.split_at_mut(home)
        };
        for place in after.iter_mut().chain(before) {
            if *place == slot {
                return;
            }
            if place.is_empty() {
                *place = slot;
                self.used += 1;
                return;
            }
        }
    }

    /// Half as large again: between 14 and 21 bytes for each key at a load of at most 7/8.
    fn grow(&mut self) {
        let len = (self.slots.len() / 2 * 3).max(8);
        let old = std::mem::replace(&mut self.slots, vec![Slot::EMPTY; len]);
        self.used = 0;
        for slot in old {
            if !slot.is_empty() {
                self.insert(slot);
            }
        }
    }

    fn candidates(&self, fingerprint: u64) -> Vec<u32> {
        let (before, after) = self.slots.split_at(Self::home(fingerprint, self.slots.len()));
        after
            .iter()
            .chain(before)
            .take_while(|slot| !slot.is_empty())
            .filter(|slot| slot.fingerprint() == fingerprint)
            .map(|slot| slot.record)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bijection of the numbers that looks random.
    fn fingerprint(number: u64) -> u64 {
        let word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (word ^ (word >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn a_key_takes_at_most_24_bytes() {
        let mut table = Table::default();
        for number in 0..300_000_u32 {
            table.insert(fingerprint(number.into()), number);
            if number > 10_000 && number % 1000 == 0 {
                let slots: usize = table.shards.iter().map(|shard| shard.slots.capacity()).sum();
                assert!(slots * size_of::<Slot>() <= 24 * number as usize);
            }
        }
        for number in 0..300_000_u32 {
            assert_eq!(table.candidates(fingerprint(number.into())), [number]);
        }
        assert!(table.candidates(fingerprint(300_000)).is_empty());
    }

    #[test]
    fn equal_fingerprints_keep_all_their_records_once() {
        for same in [0, 1, u64::MAX] {
            let mut table = Table::default();
            for record in (0..100).chain(0..100) {
                table.insert(same, record);
                table.insert(same ^ (1 << 40), 1000 + record);
            }
            let mut found = table.candidates(same);
            found.sort_unstable();
            assert_eq!(found, (0..100).collect::<Vec<_>>());
        }
    }
}
