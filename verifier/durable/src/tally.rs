//! What the groups have left: how many there were, and a sum over everything that is stored.
//!
//! sled reads its log up to the first record it cannot read, and before the log's end it skips what it cannot read. Either
//! way it opens without a word: with an older state, or with values of different ages beside each other. So each group
//! writes down with its own batch which one it is and what is stored once it is. At opening, all is read and summed again.

use blake2::{
    Blake2b,
    digest::{Digest, consts::U16},
};

/// The tree's key of the tally: before all others.
pub(crate) const TALLY: [u8; 1] = *b"c";

/// The number of the last group, and the sum modulo 2^128 of a hash of each value with its key.
///
/// The sum finds accidents. Whoever can write to the folder can also make it right again.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    groups: u64,
    sum: u128,
}

impl Tally {
    /// The number of the last group, or 0.
    pub(crate) fn groups(self) -> u64 {
        self.groups
    }

    /// Whether both have the same sum.
    pub(crate) fn agrees_with(self, other: Self) -> bool {
        self.sum == other.sum
    }

    /// The tally of the next group before its changes, unless the numbers are used up.
    pub(crate) fn next(self) -> Option<Self> {
        Some(Self { groups: self.groups.checked_add(1)?, ..self })
    }

    /// The tally of a group behind this one and behind another that is known, with the same sum, unless the numbers are used up.
    pub(crate) fn behind(self, other: u64) -> Option<Self> {
        Self { groups: self.groups.max(other), ..self }.next()
    }

    /// Counts a value in.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.sum = self.sum.wrapping_add(hash(key, value));
    }

    /// Counts a value out.
    pub(crate) fn take(&mut self, key: &[u8], value: &[u8]) {
        self.sum = self.sum.wrapping_sub(hash(key, value));
    }

    /// The number (8 bytes, little-endian) ‖ the sum (16, the same).
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [self.groups.to_le_bytes().as_slice(), &self.sum.to_le_bytes()].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (groups, sum) = bytes.split_first_chunk()?;
        Some(Self { groups: u64::from_le_bytes(*groups), sum: u128::from_le_bytes(sum.try_into().ok()?) })
    }
}

fn hash(key: &[u8], value: &[u8]) -> u128 {
    let mut hash = Blake2b::<U16>::new();
    hash.update((key.len() as u64).to_le_bytes());
    hash.update(key);
    hash.update(value);
    u128::from_le_bytes(hash.finalize().into())
}
