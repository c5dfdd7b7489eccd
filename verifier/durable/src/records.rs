//! Names of what is stored: partitions, records, positions and the keys of the one tree.

use crate::{MAX_KEY, StoreFault};

/// A set of packed entries that is appended to, searched and dropped on its own: a keyset's spent serials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u32);

/// The position of an entry within its partition. Later entries have greater positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    pub(crate) record: u32,
    pub(crate) entry: u16,
}

impl Cursor {
    /// Six bytes that order as the cursor does.
    pub fn to_bytes(self) -> [u8; 6] {
        let [a, b, c, d] = self.record.to_be_bytes();
        let [e, f] = self.entry.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// The inverse of [`Cursor::to_bytes`].
    pub fn from_bytes([a, b, c, d, e, f]: [u8; 6]) -> Self {
        Self { record: u32::from_be_bytes([a, b, c, d]), entry: u16::from_be_bytes([e, f]) }
    }
}

/// The record numbers of a partition: `floor` to `next`, the latter not included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) floor: u32,
    pub(crate) next: u32,
}

impl Extent {
    pub(crate) fn is_empty(self) -> bool {
        self.floor >= self.next
    }
}

const SMALL: u8 = b'k';
const LARGE: u8 = b'l';
const RECORD: u8 = b'r';

/// The tree's key of a small value.
pub(crate) fn small_key(key: &[u8]) -> Result<Vec<u8>, StoreFault> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(StoreFault::TooLarge);
    }
    Ok(small_prefix(key))
}

/// The tree's prefix of small values whose keys begin so.
pub(crate) fn small_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(prefix.len() + 1);
    full.push(SMALL);
    full.extend_from_slice(prefix);
    full
}

/// The tree's key of one chunk of a large value. The key's length goes first: no key's chunks lie among another's.
pub(crate) fn large_key(key: &[u8], chunk: u16) -> Result<Vec<u8>, StoreFault> {
    let length = u16::try_from(key.len()).map_err(|_| StoreFault::TooLarge)?;
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(StoreFault::TooLarge);
    }
    let mut full = Vec::with_capacity(key.len() + 5);
    full.push(LARGE);
    full.extend_from_slice(&length.to_be_bytes());
    full.extend_from_slice(key);
    full.extend_from_slice(&chunk.to_be_bytes());
    Ok(full)
}

/// The tree's key of a record: sequential, so that new records are neighbours on disk.
pub(crate) fn record_key(partition: u32, record: u32) -> [u8; 9] {
    let [a, b, c, d] = partition.to_be_bytes();
    let [e, f, g, h] = record.to_be_bytes();
    [RECORD, a, b, c, d, e, f, g, h]
}

/// The common beginning of all record keys.
pub(crate) const RECORD_PREFIX: [u8; 1] = [RECORD];

/// The inverse of [`record_key`].
pub(crate) fn parse_record_key(key: &[u8]) -> Option<(u32, u32)> {
    let &[RECORD, a, b, c, d, e, f, g, h] = key else {
        return None;
    };
    Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
}
