//! The request as its maker wants it.

use std::fmt;

use farthing_http::client::{Endpoint, HeaderMap, HeaderName, HeaderValue, Method};

use super::RequestError;
use crate::operation::HttpExchange;
use crate::x402::header;

/// An HTTP request. The wallet adds nothing to it but what HTTP needs, its constant name as user agent, and a payment.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    method: Method,
    url: Endpoint,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What the client writes itself, and what would break the framing.
const RESERVED: [&str; 7] =
    [header::SIGNATURE, "content-length", "transfer-encoding", "connection", "host", "upgrade", "te"];

impl HttpRequest {
    /// A request without headers and body. A fragment in the URL is left out, as every client does.
    ///
    /// # Errors
    /// [`RequestError::Method`], [`RequestError::Url`].
    pub fn new(method: &str, url: &str) -> Result<Self, RequestError> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| RequestError::Method)?;
        if method == Method::CONNECT {
            return Err(RequestError::Method);
        }
        let url = Endpoint::parse(url.split('#').next().unwrap_or(url))?;
        Ok(Self { method, url, headers: HeaderMap::new(), body: Vec::new() })
    }

    /// Adds a header; one name may stand several times.
    ///
    /// # Errors
    /// [`RequestError::Header`], [`RequestError::Reserved`].
    pub fn header(mut self, name: &str, value: &[u8]) -> Result<Self, RequestError> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| RequestError::Header)?;
        if RESERVED.contains(&name.as_str()) {
            return Err(RequestError::Reserved(name.as_str().to_owned()));
        }
        let value = HeaderValue::from_bytes(value).map_err(|_| RequestError::Header)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Scheme, host and port: for what a [`Budget`](crate::Budget) is kept.
    pub fn origin(&self) -> String {
        self.url.origin()
    }

    pub(super) fn parts(&self) -> (&Method, &Endpoint, &HeaderMap, &[u8]) {
        (&self.method, &self.url, &self.headers, &self.body)
    }

    /// What an offer says it pays for: the URL without its query, which may hold secrets and would be shown to whoever settles.
    pub(super) fn resource(&self) -> String {
        let url = self.url.as_str();
        url.split('?').next().unwrap_or(url).to_owned()
    }

    /// How many bytes the headers take.
    pub(super) fn header_bytes(&self) -> usize {
        let line = |name: &HeaderName, value: &HeaderValue| line_bytes(name.as_str(), value.len());
        self.headers.iter().map(|(name, value)| line(name, value)).sum()
    }

    /// As it is kept, without a payment.
    pub(super) fn to_exchange(&self) -> HttpExchange {
        let header = |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), value.as_bytes().to_vec());
        HttpExchange {
            method: self.method.as_str().to_owned(),
            url: self.url.as_str().to_owned(),
            headers: self.headers.iter().map(header).collect(),
            body: self.body.clone(),
            signature: String::new(),
            settled: None,
            unanswered: None,
        }
    }

    /// The request that was kept.
    pub(super) fn from_exchange(exchange: &HttpExchange) -> Result<Self, RequestError> {
        let request = Self::new(&exchange.method, &exchange.url)?.body(exchange.body.clone());
        exchange.headers.iter().try_fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Whether the same request made twice does what it does once (RFC 9110, section 9.2.2).
    pub(super) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}

/// Name, colon, blank, value, end of line.
pub(super) const fn line_bytes(name: &str, value: usize) -> usize {
    name.len().saturating_add(value).saturating_add(4)
}

/// Headers and body may hold secrets, path and query too.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method).finish_non_exhaustive()
    }
}
