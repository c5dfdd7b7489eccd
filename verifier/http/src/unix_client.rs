//! Calls over a control socket.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::{BaseUrl, BuildError, Builder, CallError, Endpoint, HttpClient, Unsent};

/// A client for one control socket.
#[derive(Clone, Debug)]
pub struct UnixClient {
    client: HttpClient,
    base: BaseUrl,
}

impl UnixClient {
    /// A client for the socket at this path, with the default settings. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`BuildError::Setup`] when the HTTP library cannot be set up.
    pub fn new(socket: impl Into<PathBuf>) -> Result<Self, BuildError> {
        Self::with(socket, HttpClient::builder())
    }

    /// As [`new`](Self::new), with another limit on the time of a call.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_timeout(socket: impl Into<PathBuf>, limit: Duration) -> Result<Self, BuildError> {
        Self::with(socket, HttpClient::builder().timeout(limit))
    }

    /// As [`new`](Self::new), with a header in every request: what proves to the service who asks. It is shown by no `Debug`.
    ///
    /// # Errors
    ///
    /// [`BuildError::Setup`] as well for a value that is no header's.
    pub fn with_header(socket: impl Into<PathBuf>, name: &'static str, value: &str) -> Result<Self, BuildError> {
        let mut value = HeaderValue::from_str(value).map_err(|_| BuildError::Setup)?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| BuildError::Setup)?;
        Self::with(socket, HttpClient::builder().header(name, value))
    }

    fn with(socket: impl Into<PathBuf>, builder: Builder) -> Result<Self, BuildError> {
        // The host stands in the Host header alone: every connection goes to the socket.
        let base = BaseUrl::parse("http://localhost").map_err(|_| BuildError::Setup)?;
        Ok(Self { client: builder.unix_socket(socket.into()).build()?, base })
    }

    /// Posts JSON to a path and reads JSON.
    ///
    /// # Errors
    ///
    /// Each outcome its own: see [`CallError`]. A socket that is missing or that nobody answers is [`CallError::NotSent`].
    pub async fn post_json<Req: Serialize + ?Sized, Res: DeserializeOwned>(
        &self,
        path: &str,
        request: &Req,
    ) -> Result<Res, CallError> {
        self.client.post_json(&self.endpoint(path)?, request).await
    }

    /// Reads JSON from a path.
    ///
    /// # Errors
    ///
    /// As [`post_json`](Self::post_json).
    pub async fn get_json<Res: DeserializeOwned>(&self, path: &str) -> Result<Res, CallError> {
        self.client.get_json(&self.endpoint(path)?).await
    }

    /// Reads JSON from a path with a query, which is escaped.
    ///
    /// # Errors
    ///
    /// As [`post_json`](Self::post_json).
    pub async fn get_json_with<Res: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Res, CallError> {
        let endpoint = self.endpoint(path)?;
        let endpoint = query.iter().fold(endpoint, |endpoint, (name, value)| endpoint.with_query(name, value));
        self.client.get_json(&endpoint).await
    }

    fn endpoint(&self, path: &str) -> Result<Endpoint, CallError> {
        self.base.join(path).map_err(|_| CallError::NotSent(Unsent::Request))
    }
}
