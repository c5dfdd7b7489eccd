//! One claim of a session at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farthing_protocol::blind::SessionId;
use tokio::sync::OwnedMutexGuard;

type Waiting = Arc<tokio::sync::Mutex<()>>;

/// Whose turn it is, for each session that is being claimed.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<SessionId, Waiting>>);

/// The right to claim a session, given back when dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    session: SessionId,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else claims the session.
    pub(super) async fn take(&self, session: &SessionId) -> Turn<'_> {
        let waiting = Arc::clone(self.lock().entry(*session).or_default());
        Turn { turns: self, session: *session, held: Some(waiting.lock_owned().await) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.held.take());
        let mut turns = self.turns.lock();
        // Whoever waits holds it as well.
        if turns.get(&self.session).is_some_and(|waiting| Arc::strong_count(waiting) == 1) {
            turns.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left() {
        let (turns, session) = (Turns::default(), SessionId::from_bytes([1; 72]));
        let first = turns.take(&session).await;
        let other = turns.take(&SessionId::from_bytes([2; 72])).await;
        let mut second = std::pin::pin!(turns.take(&session));
        let waits = std::future::poll_fn(|cx| std::task::Poll::Ready(second.as_mut().poll(cx).is_pending()));
        assert!(waits.await);
        drop(first);
        drop(second.await);
        drop(other);
        assert!(turns.lock().is_empty());
    }
}
