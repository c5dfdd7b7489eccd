//! Two lists that must name the same things, compared without holding either.

use std::hash::{BuildHasher, Hash, RandomState};

use super::{AuditReport, Figure};

/// Into how many sums the things are spread. So many that are missing can be told apart, roughly.
const SUMS: usize = 4096;

/// Compares two lists, in whatever order they come, in memory that does not grow with them.
///
/// Each thing is hashed to 64 bits under a key that is drawn for this comparison alone and that nobody learns. The hashes of one list are added,
/// those of the other taken away. What is missing, exchanged or there twice leaves something, but for one case in 2^64.
pub(super) struct Pairs {
    hasher: RandomState,
    sums: Vec<u64>,
    recorded: u64,
    computed: u64,
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), sums: vec![0; SUMS], recorded: 0, computed: 0 }
    }

    /// A thing of the list by which others are found.
    pub(super) fn recorded(&mut self, thing: impl Hash) {
        self.recorded = self.recorded.saturating_add(1);
        self.change(thing, u64::wrapping_add);
    }

    /// A thing of the list from which the other is computed.
    pub(super) fn computed(&mut self, thing: impl Hash) {
        self.computed = self.computed.saturating_add(1);
        self.change(thing, u64::wrapping_sub);
    }

    fn change(&mut self, thing: impl Hash, by: fn(u64, u64) -> u64) {
        let hash = self.hasher.hash_one(thing);
        let place = usize::try_from(hash >> 32).unwrap_or_default() % SUMS;
        if let Some(sum) = self.sums.get_mut(place) {
            *sum = by(*sum, hash);
        }
    }

    /// Reports how many things there are in the one list, and how many of them in the other.
    pub(super) fn settle(self, figure: Figure, report: &mut AuditReport) {
        let differing = self.sums.iter().filter(|sum| **sum != 0).count();
        if differing == 0 {
            return;
        }
        let computed =
            if self.recorded == self.computed { self.recorded.saturating_sub(differing as u64) } else { self.computed };
        report.differ(None, figure, self.recorded.into(), computed.into());
    }
}

#[cfg(test)]
mod tests {
    use farthing_protocol::amount::UnixTime;

    use super::*;

    fn difference(recorded: &[u32], computed: &[u32]) -> Option<(String, String)> {
        let (mut pairs, mut report) = (Pairs::new(), AuditReport::new(UnixTime::default()));
        recorded.iter().for_each(|thing| pairs.recorded(thing));
        computed.iter().for_each(|thing| pairs.computed(thing));
        pairs.settle(Figure::Swap, &mut report);
        report.differences.pop().map(|difference| (difference.recorded, difference.computed))
    }

    #[test]
    fn the_order_does_not_matter_and_everything_else_does() {
        let all: Vec<u32> = (0..10_000).collect();
        let mut other = all.clone();
        other.reverse();
        assert_eq!(difference(&all, &other), None);
        assert_eq!(difference(&[], &[]), None);
        let said = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        other.pop();
        assert_eq!(difference(&all, &other), said("10000", "9999"));
        assert_eq!(difference(&other, &all), said("9999", "10000"));
        // Twice is not once, and as many are not the same.
        assert_eq!(difference(&[1, 1, 2], &[1, 2, 2]).unwrap().0, "3");
        other.push(10_001);
        assert!(difference(&all, &other).is_some());
    }
}
