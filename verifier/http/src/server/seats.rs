//! Places, and who gives way when all are taken.
//!
//! Whoever is being answered keeps his place. Whoever is waited for, because a connection is idle, or because a request's head
//! or body comes slowly or never, gives way to a newcomer when there is no other place and patience is at an end: who was
//! waited for longest goes first. So whoever opens connections and says nothing keeps nobody else out.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::sync::Notify;

use crate::problem::{Code, Problem};

/// So many places.
pub(super) struct Seats {
    bound: usize,
    /// How long anybody is waited for, whoever else comes.
    patience: Duration,
    taken: Mutex<Taken>,
    /// Told when a place is given back, and when somebody begins to wait who could give way.
    changed: Notify,
}

#[derive(Default)]
struct Taken {
    seats: usize,
    /// Those who are waited for, longest first.
    waiting: BTreeMap<u64, (Instant, Arc<Notify>)>,
    next: u64,
}

/// A place, given back when dropped. Who has just got it is waited for.
pub(super) struct Seat {
    seats: Arc<Seats>,
    /// Where it stands among those who are waited for; nothing while it is kept.
    turn: Mutex<Option<u64>>,
    leave: Arc<Notify>,
}

impl Seats {
    pub(super) fn new(bound: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self { bound: bound.max(1), patience, taken: Mutex::default(), changed: Notify::new() })
    }

    /// Waits for a place, and has somebody give way if there is none.
    pub(super) async fn take(self: &Arc<Self>) -> Arc<Seat> {
        loop {
            // Registered before looking, so that no change is missed.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.try_take() {
                Ok(seat) => return seat,
                Err(wait) => {
                    // Until then nobody has to leave, but somebody may.
                    let _changed = tokio::time::timeout(wait, changed).await;
                }
            }
        }
    }

    /// Has somebody give way, for want of something else than places.
    pub(super) fn relieve(&self) {
        self.lock().give_way(Duration::ZERO);
    }

    /// A place; or how long to wait before looking again.
    fn try_take(self: &Arc<Self>) -> Result<Arc<Seat>, Duration> {
        let mut taken = self.lock();
        if taken.seats >= self.bound {
            return Err(taken.give_way(self.patience));
        }
        taken.seats += 1;
        drop(taken);
        let seat = Seat { seats: Arc::clone(self), turn: Mutex::new(None), leave: Arc::new(Notify::new()) };
        seat.waits();
        Ok(Arc::new(seat))
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait for whoever was told to leave, or for anybody to be waited for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Taken {
    /// Tells whoever has been waited for longest to leave, if patience with him is at an end. Returns how long to wait.
    fn give_way(&mut self, patience: Duration) -> Duration {
        let Some(first) = self.waiting.first_entry() else { return LOOK_AGAIN };
        let left = patience.saturating_sub(first.get().0.elapsed());
        if left.is_zero() {
            first.remove().1.notify_one();
            return LOOK_AGAIN;
        }
        left
    }
}

impl Seat {
    /// Ends when the holder has to give way.
    pub(super) async fn must_leave(&self) {
        self.leave.notified().await;
    }

    /// From now on the holder is waited for.
    fn waits(&self) {
        let mut turn = self.turn();
        let mut taken = self.seats.lock();
        let number = taken.next;
        taken.next += 1;
        taken.waiting.insert(number, (Instant::now(), Arc::clone(&self.leave)));
        *turn = Some(number);
        drop(taken);
        self.seats.changed.notify_one();
    }

    /// What was waited for has come, and the place is kept. False when it is too late: the place has been given away.
    pub(super) fn keep(&self) -> bool {
        let number = self.turn().take();
        number.is_none_or(|number| self.seats.lock().waiting.remove(&number).is_some())
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.keep();
        let mut taken = self.seats.lock();
        taken.seats = taken.seats.saturating_sub(1);
        drop(taken);
        self.seats.changed.notify_one();
    }
}

/// A service that says when its connection is being answered: from a request's head until the answer's body is sent.
pub(super) struct Seated<S> {
    pub(super) service: S,
    pub(super) seat: Arc<Seat>,
}

impl<S> Service<Request<Incoming>> for Seated<S>
where
    S: Service<Request<Incoming>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<AnswerBody>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if !self.seat.keep() {
            // The connection is about to be closed: nothing is begun, and this may still arrive.
            let refusal = Problem::new(Code::Overloaded).into_response();
            return Box::pin(async move { Ok(refusal.map(|body| AnswerBody { body, _answered: None })) });
        }
        let answered = Some(Answered(Arc::clone(&self.seat)));
        let answer = self.service.call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| AnswerBody { body, _answered: answered })) })
    }
}

/// Held while a connection is being answered.
struct Answered(Arc<Seat>);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.waits();
    }
}

/// An answer's body; dropped when it is sent.
pub(super) struct AnswerBody {
    body: Body,
    _answered: Option<Answered>,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
