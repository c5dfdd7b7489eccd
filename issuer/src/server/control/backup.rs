//! Copies of the ledger, in portions.

use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};
use farthing_http::extract::Json;
use farthing_http::problem::{Code, Problem};
use farthing_protocol::codec::to_base64url;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::backup::{BackupError, LedgerCopy};
use crate::control::{BeginCopyAnswer, BeginCopyRequest, CopyPortionAnswer, CopyPortionRequest, path};
use crate::mint::Mint;

/// A copy that nobody has asked for so long is over; and before that no other begins. What is written in the journal of copies is no more
/// than one entry in that time, because no code is asked for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The copy that is being taken, under its number.
struct Current<C> {
    number: u64,
    taking: Option<(C, Instant)>,
    noted_at: Option<Instant>,
}

impl<C> Default for Current<C> {
    fn default() -> Self {
        Self { number: 0, taking: None, noted_at: None }
    }
}

impl<C> Current<C> {
    /// Whether another copy can begin; else for how long at most it cannot.
    fn make_room(&mut self, now: Instant) -> Result<(), Duration> {
        let asked_at = self.taking.as_ref().map(|(_, asked_at)| *asked_at);
        let left = asked_at.map_or(Duration::ZERO, |at| PATIENCE.saturating_sub(now.saturating_duration_since(at)));
        if !left.is_zero() {
            return Err(left);
        }
        self.taking = None;
        Ok(())
    }

    fn begin(&mut self, now: Instant, copy: C) -> u64 {
        self.number = self.number.wrapping_add(1);
        self.taking = Some((copy, now));
        self.number
    }

    fn find(&mut self, now: Instant, number: u64) -> Option<&mut C> {
        let (copy, asked_at) = self.taking.as_mut().filter(|_| self.number == number)?;
        *asked_at = now;
        Some(copy)
    }

    /// Whether this copy is due for the journal.
    fn is_to_be_noted(&self, now: Instant) -> bool {
        self.noted_at.is_none_or(|at| now.saturating_duration_since(at) >= PATIENCE)
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Current<LedgerCopy>>>);

pub(super) fn router() -> Router<Mint> {
    Router::new()
        .route(path::BEGIN_COPY, post(begin))
        .route(path::COPY_PORTION, post(portion))
        .layer(Extension(Shared::default()))
}

async fn begin(
    State(mint): State<Mint>,
    Extension(shared): Extension<Shared>,
    Json(BeginCopyRequest {}): Json<BeginCopyRequest>,
) -> Result<Json<BeginCopyAnswer>, Problem> {
    let mut current = shared.0.lock().await;
    current.make_room(Instant::now()).map_err(|left| {
        let detail = "Another copy is being taken, or was left a moment ago: try again in a minute.";
        Problem::new(Code::Overloaded).with_retry_after(left).with_detail(detail)
    })?;
    if current.is_to_be_noted(Instant::now()) {
        mint.books().note_copy().await.map_err(|error| Problem::new(error.code()))?;
        current.noted_at = Some(Instant::now());
    }
    let begun_at = mint.books().clock().now();
    let copy = current.begin(Instant::now(), mint.books().copy_ledger());
    drop(current);
    tokio::spawn(end_when_left(Arc::downgrade(&shared.0), copy));
    Ok(Json(BeginCopyAnswer { copy, begun_at }))
}

/// Ends a copy that nobody asks for any more: what is replaced meanwhile is kept for it in memory.
async fn end_when_left<C>(shared: Weak<Mutex<Current<C>>>, number: u64) {
    while let Some(current) = shared.upgrade() {
        let left = {
            let mut current = current.lock().await;
            if current.number != number || current.taking.is_none() {
                return;
            }
            match current.make_room(Instant::now()) {
                Ok(()) => return,
                Err(left) => left,
            }
        };
        drop(current);
        tokio::time::sleep(left).await;
    }
}

async fn portion(
    Extension(shared): Extension<Shared>,
    Json(CopyPortionRequest { copy }): Json<CopyPortionRequest>,
) -> Result<Json<CopyPortionAnswer>, Problem> {
    let mut current = shared.0.lock().await;
    let over = || Problem::new(Code::NotFound).with_detail("There is no such copy any more: begin another one.");
    let portion = match current.find(Instant::now(), copy).ok_or_else(over)?.portion().await {
        Ok(portion) => portion,
        Err(error) => {
            current.taking = None;
            return Err(match error {
                BackupError::Ledger(error) => Problem::new(error.code()),
                _ => over(),
            });
        }
    };
    if portion.is_last {
        current.taking = None;
    }
    Ok(Json(CopyPortionAnswer { bytes: to_base64url(&portion.bytes), is_last: portion.is_last }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_copy_that_is_taken_does_not_give_way_and_one_that_was_left_does() {
        let (mut current, held) = (Current::default(), Arc::new(()));
        let mut now = Instant::now();
        let first = current.begin(now, Arc::clone(&held));
        for _ in 0..5 {
            now += PATIENCE - SECOND;
            assert_eq!(current.make_room(now), Err(SECOND), "it is being taken");
            assert!(current.find(now, first).is_some());
        }
        assert_eq!(current.make_room(now + PATIENCE - SECOND), Err(SECOND));
        assert_eq!(
            (current.make_room(now + PATIENCE), Arc::strong_count(&held)),
            (Ok(()), 1),
            "nobody asked for it any more"
        );
        assert!(current.find(now, first).is_none());
        let second = current.begin(now, held);
        assert!(current.find(now, first).is_none() && current.find(now, second).is_some());
    }

    #[tokio::test]
    async fn a_copy_that_was_left_ends_without_another() {
        let (current, held) = (Arc::new(Mutex::new(Current::default())), Arc::new(()));
        let long_ago = Instant::now().checked_sub(PATIENCE).unwrap();
        let copy = current.lock().await.begin(long_ago, Arc::clone(&held));
        end_when_left(Arc::downgrade(&current), copy.wrapping_add(1)).await;
        assert_eq!(Arc::strong_count(&held), 2, "that was another one");
        end_when_left(Arc::downgrade(&current), copy).await;
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn the_journal_is_told_of_copies_once_a_minute_at_most() {
        let (mut current, now): (Current<()>, _) = (Current::default(), Instant::now());
        assert!(current.is_to_be_noted(now));
        current.noted_at = Some(now);
        assert!(!current.is_to_be_noted(now + PATIENCE - SECOND));
        assert!(current.is_to_be_noted(now + PATIENCE));
    }
}
