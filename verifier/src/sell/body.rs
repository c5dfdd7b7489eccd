//! Bodies on their way through.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use farthing_protocol::ids::PaymentId;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::wire::header;
use crate::merchant::{KeptAnswer, MAX_KEPT, Serving};

/// Pieces of an answer that wait for a client who reads slowly.
const PIECES: usize = 8;

/// Why a body was not read.
pub(super) enum ReadError {
    TooLarge,
    Broken,
}

/// Reads a body of at most so many bytes.
pub(super) async fn read(body: Body, at_most: usize) -> Result<Bytes, ReadError> {
    match Limited::new(body, at_most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_about_length(&*error) => Err(ReadError::TooLarge),
        Err(_) => Err(ReadError::Broken),
    }
}

fn is_about_length(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LengthLimitError>())
}

/// An answer that can be had again: nobody else is served while it goes out. One that breaks off before its first piece was not given.
pub(super) struct Guarded {
    body: Body,
    serving: Option<Serving>,
    begun: bool,
}

impl Guarded {
    pub(super) fn body(body: Body, serving: Serving) -> Body {
        Body::new(Self { body, serving: Some(serving), begun: false })
    }
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &polled {
            Some(Ok(_)) => self.begun = true,
            Some(Err(_)) => {
                if let Some(serving) = self.serving.take().filter(|_| !self.begun) {
                    tokio::spawn(async move { give_back(serving).await });
                }
            }
            None => self.serving = None,
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Notes that nothing was given for a payment.
pub(super) async fn give_back(serving: Serving) {
    if let Err(error) = serving.failed().await {
        tracing::warn!(%error, "a request that failed counts as served");
    }
}

/// An answer that must not be had again: it is read to its end whether the client stays or not, and kept
/// before its end goes out.
pub(super) fn keep(
    body: Body,
    status: u16,
    headers: &HeaderMap,
    serving: Serving,
    working: OwnedSemaphorePermit,
) -> Body {
    let hint = body.size_hint();
    let (sender, receiver) = mpsc::channel(PIECES);
    let headers = headers
        .iter()
        .filter(|(name, _)| name.as_str() != header::RESPONSE)
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let answer = KeptAnswer { status, headers, body: Vec::new() };
    let length = hint.exact();
    tokio::spawn(async move {
        let _working = working;
        pump(body, answer, serving, sender, length).await;
    });
    Body::new(Piped { receiver, hint, done: false })
}

async fn pump(
    mut body: Body,
    mut answer: KeptAnswer,
    serving: Serving,
    client: mpsc::Sender<Result<Frame<Bytes>, axum::Error>>,
    length: Option<u64>,
) {
    let (mut whole, mut end) = (true, None);
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                tracing::warn!("an answer that must not be had again broke off");
                let _gone = client.send(Err(error)).await;
                return;
            }
        };
        if let Some(data) = frame.data_ref() {
            whole &= answer.body.len().saturating_add(data.len()) <= MAX_KEPT;
            if whole {
                answer.body.extend_from_slice(data);
            }
        }
        // A client who knows the length takes this for the end.
        if whole && length == u64::try_from(answer.body.len()).ok() && frame.is_data() {
            end = Some(frame);
            continue;
        }
        let listening = client.send(Ok(frame)).await.is_ok();
        if !whole && !listening {
            return;
        }
    }
    if whole && let Err(error) = serving.keep(answer).await {
        tracing::warn!(%error, "an answer is not kept");
    }
    if let Some(end) = end {
        let _gone = client.send(Ok(end)).await;
    }
}

struct Piped {
    receiver: mpsc::Receiver<Result<Frame<Bytes>, axum::Error>>,
    hint: SizeHint,
    done: bool,
}

impl HttpBody for Piped {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = ready!(self.receiver.poll_recv(cx));
        self.done = polled.is_none();
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.done || self.hint.exact() == Some(0)
    }

    /// Of the whole: frames are not counted, and hyper asks once.
    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

/// Takes away what a client or the service behind has no business to say.
pub(super) fn strip(headers: &mut HeaderMap) {
    let ours: Vec<_> = headers.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with("payment-") || name == header::OVERRIDES || name.starts_with("farthing-")
}

/// Says to the service behind which payment it is.
pub(super) fn name_payment(headers: &mut HeaderMap, id: &PaymentId) {
    if let Ok(value) = id.to_text().parse() {
        headers.insert(header::PAYMENT, value);
    }
}
