//! An answer, read whole.

use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::CallError;
use crate::extract::{JSON, has_media_type};
use crate::problem::{self, ProblemBody};

/// Longest `Retry-After` taken at its word: a day.
const MAX_RETRY_AFTER: u64 = 86_400;

/// Status, headers and body of an answer, whatever the status.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(super) const fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// When the server says that it answered. Nobody signed it: good for telling people that a clock is wrong, and for nothing else.
    #[must_use]
    pub fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.headers.get(header::DATE)?.to_str().ok()?).ok()
    }

    /// The body of a successful answer.
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] for a problem, [`CallError::BadAnswer`] for any other status than success.
    pub fn into_success(self) -> Result<Bytes, CallError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let status = self.status.as_u16();
        if (self.status.is_client_error() || self.status.is_server_error())
            && has_media_type(&self.headers, problem::CONTENT_TYPE)
            && let Ok(problem) = serde_json::from_slice::<ProblemBody>(&self.body)
        {
            return Err(CallError::Refused(problem.with_retry_after(self.retry_after()), status));
        }
        Err(CallError::BadAnswer(status))
    }

    /// The JSON of a successful answer. An empty body stands for `null`, so that `()` may be asked for where nothing is said.
    ///
    /// # Errors
    ///
    /// As [`into_success`](Self::into_success), and [`CallError::BadAnswer`] for what is not JSON or does not decode into `T`.
    pub fn into_json<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let status = self.status.as_u16();
        let is_json = has_media_type(&self.headers, JSON);
        let body = self.into_success()?;
        let json: &[u8] = match (body.is_empty(), is_json) {
            (true, _) => b"null",
            (false, true) => &body,
            (false, false) => return Err(CallError::BadAnswer(status)),
        };
        serde_json::from_slice(json).map_err(|_| CallError::BadAnswer(status))
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds: u64 = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
        Some(Duration::from_secs(seconds.min(MAX_RETRY_AFTER)))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers and bodies may carry payments.
        f.debug_struct("Answer")
            .field("status", &self.status.as_u16())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
