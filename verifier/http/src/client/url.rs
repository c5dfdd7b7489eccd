//! Addresses, checked once.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// Why a text is not an address to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not a URL at all.
    #[error("this is not a URL")]
    Malformed,
    /// Neither http nor https.
    #[error("the URL must begin with http:// or https://")]
    Scheme,
    /// A user name or password in the URL.
    #[error("the URL must not contain a user name or a password")]
    UserInfo,
    /// A query where none may be.
    #[error("the URL must not contain a query")]
    Query,
    /// A fragment.
    #[error("the URL must not contain a fragment")]
    Fragment,
    /// A path to be joined that is empty in parts, climbs, or holds characters that would need escaping.
    #[error("the path is not a plain relative path")]
    Path,
}

/// Where a service lives: `http` or `https`, a host, perhaps a path; no user name, no query, no fragment.
///
/// Two texts that differ only in a trailing slash are the same base.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(Url);

/// One address to call.
///
/// # Security
///
/// Path and query may identify a payment: `Debug` shows the origin alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Url);

impl BaseUrl {
    /// Reads a base.
    ///
    /// # Errors
    ///
    /// When the text is not a URL of the described form.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let mut url = plain(text)?;
        if url.query().is_some() {
            return Err(UrlError::Query);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address of a path below this base, with or without a slash in front.
    ///
    /// # Errors
    ///
    /// [`UrlError::Path`] for an empty path, empty, `.` or `..` segments, and characters that do not stand for themselves in a path
    /// (`%`, `?`, `#`, blanks, anything beyond ASCII): what was meant as one segment can never become another path.
    pub fn join(&self, path: &str) -> Result<Endpoint, UrlError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        if !path.split('/').all(is_plain_segment) {
            return Err(UrlError::Path);
        }
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        Ok(Endpoint(url))
    }

    /// Whether calls are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host, as written in the URL.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The base as text, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

impl Endpoint {
    /// Reads a complete address, which may have a query.
    ///
    /// # Errors
    ///
    /// When the text is not an http or https URL, or has user information or a fragment.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        plain(text).map(Self)
    }

    /// Adds one parameter to the query, escaped.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.0.query_pairs_mut().append_pair(name, value);
        self
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port, without the port that the scheme stands for: `https://shop.example`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    pub(crate) fn url(&self) -> Url {
        self.0.clone()
    }
}

fn plain(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    Ok(url)
}

/// RFC 3986 `pchar` without escapes, and neither `.` nor `..`.
fn is_plain_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b))
}

impl FromStr for BaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        Self::parse(&text)
    }
}

impl From<BaseUrl> for String {
    fn from(base: BaseUrl) -> Self {
        base.as_str().to_owned()
    }
}

impl FromStr for Endpoint {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BaseUrl").field(&self.as_str()).finish()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.0.origin().ascii_serialization()).finish()
    }
}
