//! One task at a time for each payment.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// A lock for each key, made when it is wanted.
#[derive(Debug, Default)]
pub(crate) struct KeyedLocks(Mutex<HashMap<[u8; 32], Weak<AsyncMutex<()>>>>);

impl KeyedLocks {
    /// Waits for all of these keys. They are taken in order, so that two callers never wait for each other.
    pub(crate) async fn lock(&self, keys: BTreeSet<[u8; 32]>) -> Vec<OwnedMutexGuard<()>> {
        let mut guards = Vec::with_capacity(keys.len());
        for key in keys {
            let lock = self.of(key);
            guards.push(lock.lock_owned().await);
        }
        guards
    }

    fn of(&self, key: [u8; 32]) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
            return lock;
        }
        // Each new key pays for forgetting the unused ones, at most every so often.
        if locks.len() >= 1024 && locks.len().is_power_of_two() {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(AsyncMutex::new(()));
        locks.insert(key, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_held_by_one_at_a_time() {
        let locks = KeyedLocks::default();
        let held = locks.lock(BTreeSet::from([[1; 32], [2; 32]])).await;
        let mut waiting = Box::pin(locks.lock(BTreeSet::from([[2; 32], [3; 32]])));
        let ready = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context).is_ready()));
        assert!(!ready.await);
        assert_eq!(locks.lock(BTreeSet::from([[4; 32]])).await.len(), 1);
        drop(held);
        assert_eq!(waiting.await.len(), 2);
    }
}
