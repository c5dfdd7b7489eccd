//! Whether the books are right, as far as is known.

use std::sync::{Mutex, PoisonError};

/// Right until somebody doubts it, and then until an audit that began later finds them right.
#[derive(Debug)]
pub(super) struct Trust(Mutex<Known>);

#[derive(Debug)]
struct Known {
    right: bool,
    doubts: u64,
}

/// How many doubts there were when an audit began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubts(u64);

impl Trust {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Known { right: true, doubts: 0 }))
    }

    pub(super) fn is_right(&self) -> bool {
        self.known().right
    }

    /// Takes the books for wrong. Returns whether they were right until now.
    pub(super) fn doubt(&self) -> bool {
        let mut known = self.known();
        known.doubts = known.doubts.saturating_add(1);
        std::mem::replace(&mut known.right, false)
    }

    pub(super) fn doubts(&self) -> Doubts {
        Doubts(self.known().doubts)
    }

    /// An audit has found them right that began then: of what came up since it says nothing.
    pub(super) fn found_right(&self, then: Doubts) {
        let mut known = self.known();
        known.right |= known.doubts == then.0;
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_says_nothing_of_doubts_that_came_while_it_ran() {
        let trust = Trust::new();
        assert!(trust.is_right());
        assert!(trust.doubt());
        let then = trust.doubts();
        assert!(!trust.doubt());
        trust.found_right(then);
        assert!(!trust.is_right());
        trust.found_right(trust.doubts());
        assert!(trust.is_right());
    }
}
