//! What a served mint knows of itself besides its books: whether the ledger answers, whether its clock is believed, and what has failed
//! for how long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a served mint does by itself, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    /// Making the next keyset, and dropping those that have ended.
    Keysets,
    /// Sealing the archive.
    Archive,
    /// Ending vouchers and quotes.
    Ending,
    /// Paying claims on revoked keysets' tokens.
    Recoup,
    /// Erasing references.
    Erasing,
    /// Reading the secrets that it shares with a payment processor.
    Webhook,
    /// Noting outside of its folder how much the ledger holds.
    Fence,
}

impl Task {
    /// It may fail for so long before anybody is told.
    const fn patience(self) -> Duration {
        match self {
            Self::Keysets | Self::Archive | Self::Ending | Self::Recoup | Self::Erasing => Duration::from_secs(3600),
            Self::Fence => Duration::from_secs(60),
            Self::Webhook => Duration::ZERO,
        }
    }
}

/// See the module. Of a mint that is not served nothing is known to be wrong.
#[derive(Debug)]
pub(crate) struct Health {
    answers: AtomicBool,
    clock_believed: AtomicBool,
    /// Since when (since boot) each has failed that fails.
    failing: Mutex<BTreeMap<Task, Duration>>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            answers: AtomicBool::new(true),
            clock_believed: AtomicBool::new(true),
            failing: Mutex::new(BTreeMap::new()),
        }
    }
}

impl Health {
    pub(crate) fn answers(&self) -> bool {
        self.answers.load(Ordering::SeqCst)
    }

    pub(crate) fn set_answers(&self, answers: bool) {
        self.answers.store(answers, Ordering::SeqCst);
    }

    pub(crate) fn clock_is_believed(&self) -> bool {
        self.clock_believed.load(Ordering::SeqCst)
    }

    pub(crate) fn set_clock_believed(&self, believed: bool) {
        self.clock_believed.store(believed, Ordering::SeqCst);
    }

    /// A task was done, or failed, at this time since boot.
    pub(crate) fn did(&self, task: Task, well: bool, at: Duration) {
        let mut failing = self.failing();
        if well {
            failing.remove(&task);
        } else {
            failing.entry(task).or_insert(at);
        }
    }

    /// What has failed for longer than it may.
    pub(crate) fn fails(&self, now: Duration) -> Vec<Task> {
        let long = |(task, since): (&Task, &Duration)| (now.saturating_sub(*since) >= task.patience()).then_some(*task);
        self.failing().iter().filter_map(long).collect()
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<Task, Duration>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_told_when_it_lasts_and_no_more_when_it_is_done() {
        let (health, hour) = (Health::default(), Duration::from_secs(3600));
        health.did(Task::Keysets, false, hour);
        health.did(Task::Webhook, false, hour);
        assert_eq!(health.fails(hour), [Task::Webhook]);
        health.did(Task::Keysets, false, hour * 2 - Duration::from_secs(1));
        assert_eq!(health.fails(hour * 2), [Task::Keysets, Task::Webhook]);
        health.did(Task::Keysets, true, hour * 2);
        health.did(Task::Keysets, false, hour * 2);
        assert_eq!(health.fails(hour * 3 - Duration::from_secs(1)), [Task::Webhook]);
    }
}
