//! The server behind: it counts what it does, and fails as it is told.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    /// Answers when [`Upstream::let_go`] is called.
    Holds,
    Fails,
    /// Has no time now.
    Busy,
    /// Never answers.
    Silent,
    /// Sends a part, and breaks off when [`Upstream::let_go`] is called.
    DiesInTheMiddle,
}

pub(super) struct Upstream {
    pub(super) url: String,
    inner: Arc<Inner>,
    server: tokio::task::JoinHandle<()>,
}

struct Inner {
    mood: Mutex<Mood>,
    gate: Notify,
    done: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    seen: Mutex<Vec<(Method, Uri, HeaderMap, Bytes)>>,
}

impl Upstream {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            mood: Mutex::new(Mood::Good),
            gate: Notify::new(),
            done: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inner, server }
    }

    pub(super) fn mood(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
    }

    pub(super) fn let_go(&self) {
        self.inner.gate.notify_one();
    }

    /// How often it did what it was asked to.
    pub(super) fn done(&self) -> usize {
        self.inner.done.load(Ordering::SeqCst)
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.inner.most_at_once.load(Ordering::SeqCst)
    }

    pub(super) fn seen(&self) -> Vec<(Method, Uri, HeaderMap, Bytes)> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub(super) async fn asked(&self, times: usize) {
        while self.inner.seen.lock().unwrap().len() < times {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(super) fn stop(&self) {
        self.server.abort();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Busy<'a>(&'a Inner);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn handle(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    inner.seen.lock().unwrap().push((method, uri, headers, body));
    let now = inner.at_once.fetch_add(1, Ordering::SeqCst) + 1;
    let _busy = Busy(&inner);
    inner.most_at_once.fetch_max(now, Ordering::SeqCst);
    let mood = *inner.mood.lock().unwrap();
    match mood {
        Mood::Holds => inner.gate.notified().await,
        Mood::Silent => std::future::pending().await,
        Mood::Fails => return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")], "out of ink").into_response(),
        Mood::Busy => return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "9")], "").into_response(),
        Mood::Good | Mood::DiesInTheMiddle => {}
    }
    let number = inner.done.fetch_add(1, Ordering::SeqCst) + 1;
    if mood == Mood::DiesInTheMiddle {
        let inner = Arc::clone(&inner);
        let gate = Box::pin(async move { inner.gate.notified().await });
        return Body::new(Half { begun: false, gate }).into_response();
    }
    let headers = [("payment-response", "forged"), ("settlement-overrides", "forged"), ("x-number", "1")];
    (headers, format!("answer {number}")).into_response()
}

/// A body that breaks off when it is let go.
struct Half {
    begun: bool,
    gate: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl axum::body::HttpBody for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        if !std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(b"half of")))));
        }
        self.gate.as_mut().poll(context).map(|()| Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}
