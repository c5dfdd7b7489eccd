//! Limits on requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::seats::{Seat, Seats};
use super::serve::PATIENCE;
use crate::problem::{Code, Problem};

/// How much of a refused body is still read, so that a client busy sending gets to see the refusal.
const DISCARD_BYTES: usize = 1 << 20;

/// What requests to one router may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, in bytes.
    pub body_bytes: usize,
    /// Longest time from the request's head to the answer's head.
    pub timeout: Duration,
    /// Most requests worked on at once; those beyond are refused at once, before their bodies are read. A request whose body
    /// is still arriving is not worked on. With so many bodies in memory, arriving or arrived, for one more the one that
    /// has been arriving longest is given up, after a second.
    pub concurrency: usize,
}

impl Default for Limits {
    /// One megabyte, thirty seconds, 256 requests.
    fn default() -> Self {
        Self { body_bytes: 1 << 20, timeout: Duration::from_secs(30), concurrency: 256 }
    }
}

/// Puts limits around a router whose routes are all in place, and problems in the place of axum's own refusals.
///
/// | refused | code |
/// |---|---|
/// | no such path, no such method | `not_found`, `method_not_allowed` |
/// | too many requests at once | `overloaded`, with `Retry-After`: nothing was begun |
/// | body too large | `body_too_large` |
/// | body not complete in time, or before others needed the place | `timeout` |
/// | answer not ready in time | `unavailable`: what the request did is not known |
/// | a handler panicked | `internal` |
///
/// A fallback that the router has is replaced: see [`harden_keeping_fallback`].
///
/// # Security
///
/// When the time is up, and when the client goes away, the handler's future is **dropped** wherever it stands. Work that must not stop half-way MUST run in
/// a task of its own.
pub fn harden(router: Router, limits: Limits) -> Router {
    harden_keeping_fallback(router.fallback(async || Code::NotFound), limits)
}

/// As [`harden`], for a router whose own fallback is to stay, such as that of a gateway.
pub fn harden_keeping_fallback(router: Router, limits: Limits) -> Router {
    let work = Arc::new(Semaphore::new(limits.concurrency.min(Semaphore::MAX_PERMITS)));
    let guard = Guard { limits, work, arriving: Seats::new(limits.concurrency, PATIENCE.min(limits.timeout)) };
    router
        .method_not_allowed_fallback(async || Code::MethodNotAllowed)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(guard, limit))
}

#[derive(Clone)]
struct Guard {
    limits: Limits,
    work: Arc<Semaphore>,
    arriving: Arc<Seats>,
}

async fn limit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Some((entry, seat)) = guard.admit(request.body().is_end_stream()).await else {
        return Problem::new(Code::Overloaded).into_response();
    };
    let Limits { body_bytes, timeout, .. } = guard.limits;
    // Pinned, so that it is dropped only when it was seen how far the request had come.
    let mut answer = pin!(async {
        if declares_more_than(&request, body_bytes) {
            discard(request.into_body()).await;
            return Problem::new(Code::BodyTooLarge).into_response();
        }
        let request =
            request.map(|body| Body::new(Limited::new(Watched { body, entry: Arc::clone(&entry) }, body_bytes)));
        unless_panics(next.run(request)).await.unwrap_or_else(|| {
            tracing::error!("a request handler panicked");
            Problem::new(Code::Internal).into_response()
        })
    });
    let given_up = async {
        match seat {
            Some(seat) => seat.must_leave().await,
            None => std::future::pending().await,
        }
    };
    let answer = tokio::select! {
        biased;
        answer = tokio::time::timeout(timeout, answer.as_mut()) => answer.ok(),
        () = given_up => None,
    };
    match (answer, &*entry.stage()) {
        (_, Stage::Refused) => Problem::new(Code::Overloaded).into_response(),
        (Some(response), _) => response,
        (None, Stage::Working(_)) => Problem::new(Code::Unavailable).into_response(),
        (None, Stage::Arriving(_)) => Problem::new(Code::Timeout).into_response(),
    }
}

impl Guard {
    /// Lets a request in: to work when it has arrived, else as one whose body is waited for.
    async fn admit(&self, complete: bool) -> Option<(Arc<Entry>, Option<Arc<Seat>>)> {
        let entry = |stage| Arc::new(Entry { work: Arc::clone(&self.work), stage: Mutex::new(stage) });
        if complete {
            let place = Arc::clone(&self.work).try_acquire_owned().ok()?;
            return Some((entry(Stage::Working(Place::Work(place))), None));
        }
        if self.work.available_permits() == 0 {
            return None;
        }
        let seat = tokio::time::timeout(self.limits.timeout, self.arriving.take()).await.ok()?;
        Some((entry(Stage::Arriving(Arc::clone(&seat))), Some(seat)))
    }
}

/// A request on its way from its head to being worked on.
struct Entry {
    work: Arc<Semaphore>,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Its body is waited for.
    Arriving(Arc<Seat>),
    /// Its body is here, or nobody wants it.
    Working(#[allow(dead_code, reason = "held until the request has ended")] Place),
    /// When its body was here, there was no place any more. Nothing was begun.
    Refused,
}

enum Place {
    Work(#[allow(dead_code, reason = "held until the request has ended")] OwnedSemaphorePermit),
    Unread(#[allow(dead_code, reason = "held until the request has ended")] Arc<Seat>),
}

impl Entry {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body has arrived. Returns whether the request may be worked on.
    fn arrived(&self) -> bool {
        let mut stage = self.stage();
        if let Stage::Arriving(seat) = &*stage {
            let place = seat.keep().then(|| Arc::clone(&self.work).try_acquire_owned().ok()).flatten();
            *stage = place.map_or(Stage::Refused, |place| Stage::Working(Place::Work(place)));
        }
        !matches!(*stage, Stage::Refused)
    }

    /// Nobody reads the body to its end: the request counts among the arriving ones, and is not given up any more.
    fn is_unread(&self) {
        let mut stage = self.stage();
        if let Stage::Arriving(seat) = &*stage {
            seat.keep();
            *stage = Stage::Working(Place::Unread(Arc::clone(seat)));
        }
    }
}

fn declares_more_than(request: &Request, limit: usize) -> bool {
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    declared.is_some_and(|length| u64::try_from(limit).is_ok_and(|limit| length > limit))
}

/// Reads a bounded part of a body to nowhere: closing a connection with unread input resets it, and the answer may be lost.
async fn discard(mut body: Body) {
    let mut left = DISCARD_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// The future's output, or nothing if it panicked.
async fn unless_panics<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        // After a panic the future is never polled again, so what it left behind is not observed through it.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// A body that says when it has arrived completely.
struct Watched {
    body: Body,
    entry: Arc<Entry>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if (matches!(polled, Poll::Ready(None)) || self.body.is_end_stream()) && !self.entry.arrived() {
            return Poll::Ready(Some(Err(axum::Error::new("no place"))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.entry.is_unread();
    }
}
