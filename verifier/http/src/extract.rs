//! Bodies in and out: every rejection is a [`Problem`], and none repeats what was sent.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::{Code, Problem};

/// The media type of JSON bodies.
pub const JSON: &str = "application/json";

/// The media type of binary bodies.
pub const OCTETS: &str = "application/octet-stream";

/// How the message of a `Deserialize` error begins when a string is not the wire object it should be. The types that say so are other
/// crates' own.
pub const MALFORMED: &str = "malformed object: ";

/// A JSON body.
///
/// As an extractor it wants `Content-Type: application/json` and refuses what does not decode into `T` as a whole; derive `T` with
/// `#[serde(deny_unknown_fields)]`. As a response it is marked `Cache-Control: no-store`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// A binary body, `application/octet-stream`.
///
/// As an extractor it wants that content type. As a response it is for documents that are the same bytes for everyone; it carries no ETag,
/// no cookie, and `no-store` unless [`Binary::cached`] allows otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binary {
    bytes: Bytes,
    max_age: Option<Duration>,
    immutable: bool,
}

impl Binary {
    /// A body not to be stored on the way.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), max_age: None, immutable: false }
    }

    /// Lets any cache keep the document for that long, in whole seconds.
    ///
    /// # Security
    ///
    /// MUST be used for documents only that are the same for everyone who asks.
    #[must_use]
    pub const fn cached(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// As [`cached`](Self::cached), for a year, and without asking again: for what never changes.
    ///
    /// # Security
    ///
    /// MUST be used for documents only that are the same for everyone who asks.
    #[must_use]
    pub const fn immutable(mut self) -> Self {
        self.max_age = Some(Duration::from_secs(365 * 24 * 3600));
        self.immutable = true;
        self
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes, taken out.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// The parts of the path that the route names, with a [`Problem`] for those that do not decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path<T>(pub T);

/// The query, with a [`Problem`] when it does not decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_media_type(request.headers(), JSON)?;
        let bytes = body_bytes(request, state).await?;
        decode_json(&bytes).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for Binary {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_media_type(request.headers(), OCTETS)?;
        body_bytes(request, state).await.map(Self::new)
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::new(Code::BadRequest).with_detail("The path could not be read.")),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::new(Code::BadRequest).with_detail("The query could not be read.")),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => with_headers(body, JSON, HeaderValue::from_static("no-store")),
            Err(_) => {
                tracing::error!("an answer could not be written as JSON");
                Problem::new(Code::Internal).into_response()
            }
        }
    }
}

impl IntoResponse for Binary {
    fn into_response(self) -> Response {
        let cache = self
            .max_age
            .map(|age| format!("public, max-age={}{}", age.as_secs(), if self.immutable { ", immutable" } else { "" }))
            .and_then(|value| HeaderValue::try_from(value).ok())
            .unwrap_or(HeaderValue::from_static("no-store"));
        with_headers(self.bytes, OCTETS, cache)
    }
}

/// Decodes JSON strictly: the whole input, and nothing after it.
///
/// # Errors
///
/// [`Code::UnknownField`] for a field that `T` refuses, [`Code::MalformedObject`] for a string that is not the wire object it should be
/// (its error begins with [`MALFORMED`]), [`Code::BadRequest`] for everything else.
pub fn decode_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        // serde has no other mark for these errors than how their message begins; no more of the message than that is used.
        Category::Data if error.to_string().starts_with("unknown field ") => Problem::new(Code::UnknownField),
        Category::Data if error.to_string().starts_with(MALFORMED) => Problem::new(Code::MalformedObject),
        Category::Data => Problem::new(Code::BadRequest).with_detail("The JSON body does not have the expected form."),
        Category::Eof => Problem::new(Code::BadRequest).with_detail("The JSON body ends too early."),
        Category::Syntax | Category::Io => Problem::new(Code::BadRequest).with_detail("The body is not JSON."),
    })
}

/// Whether the content type is this one, parameters aside.
pub(crate) fn has_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
}

fn require_media_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Problem> {
    if has_media_type(headers, wanted) { Ok(()) } else { Err(Problem::new(Code::UnsupportedMediaType)) }
}

async fn body_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => Problem::new(Code::BodyTooLarge),
        _ => Problem::new(Code::BadRequest).with_detail("The body did not arrive completely."),
    })
}

fn with_headers(body: impl Into<Body>, media_type: &'static str, cache: HeaderValue) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, cache);
    response
}
