//! The client for services on the network.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use reqwest::{Proxy, Url, redirect, retry};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, BuildError, CallError, Clients, Endpoint, Unsent};
use crate::extract::JSON;

/// What every user of Farthing says about the program: its name, no version.
const USER_AGENT: &str = "farthing";

/// Settings for a client.
#[derive(Clone)]
pub struct Builder {
    connect_timeout: Duration,
    timeout: Duration,
    answer_bytes: usize,
    reuse_connections: bool,
    proxy: Option<String>,
    extra_roots: Vec<Vec<u8>>,
    #[cfg(unix)]
    unix_socket: Option<std::path::PathBuf>,
    /// Sent with every request over a Unix socket. On the network every user's headers are the same.
    #[cfg(unix)]
    header: Option<(header::HeaderName, HeaderValue)>,
}

impl Builder {
    const fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(40),
            answer_bytes: 4 << 20,
            reuse_connections: false,
            proxy: None,
            extra_roots: Vec::new(),
            #[cfg(unix)]
            unix_socket: None,
            #[cfg(unix)]
            header: None,
        }
    }

    /// Longest time for a connection to come about; ten seconds unless set. When it is exceeded, the request was not sent.
    #[must_use]
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Longest time for a whole call; forty seconds unless set, which is more than services take before they give up themselves.
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Largest body of an answer, in bytes; four megabytes unless set.
    #[must_use]
    pub const fn answer_bytes(mut self, limit: usize) -> Self {
        self.answer_bytes = limit;
        self
    }

    /// Keeps connections open and resumes TLS sessions. Off unless set.
    ///
    /// # Security
    ///
    /// Whoever sees two requests on one connection knows that one program made them. Services that call each other gain speed by this;
    /// a wallet loses what its tokens are for.
    #[must_use]
    pub const fn reuse_connections(mut self, reuse: bool) -> Self {
        self.reuse_connections = reuse;
        self
    }

    /// Sends everything through a SOCKS proxy, name resolution included: `socks5h://host:port`, with user name and password in front of
    /// the host if the proxy wants them (Tor keeps different ones on different circuits).
    ///
    /// Proxies named in the environment are never used.
    #[must_use]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Trusts one more root certificate, in DER, besides those of the web.
    #[must_use]
    pub fn root_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.extra_roots.push(der.into());
        self
    }

    #[cfg(unix)]
    pub(crate) fn unix_socket(mut self, path: std::path::PathBuf) -> Self {
        self.unix_socket = Some(path);
        self
    }

    #[cfg(unix)]
    pub(crate) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// When the proxy or a root certificate cannot be read.
    pub fn build(self) -> Result<HttpClient, BuildError> {
        let proxy = self.proxy.as_deref().map(socks).transpose()?;
        let proxy = proxy.map(|url| Proxy::all(url).map_err(|_| BuildError::Proxy)).transpose()?;
        self.build_with(self.tls()?, proxy)
    }

    /// Settings for many clients that share nothing: connections are not kept, whatever was set.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and [`BuildError::ProxyUser`] when the proxy's URL has a user name or a password.
    pub fn clients(self) -> Result<Clients, BuildError> {
        Clients::new(self)
    }

    pub(super) fn proxy_url(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    pub(super) fn build_with(&self, tls: ClientConfig, proxy: Option<Proxy>) -> Result<HttpClient, BuildError> {
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout);
        if !self.reuse_connections {
            client = client.pool_max_idle_per_host(0);
        }
        if let Some(proxy) = proxy {
            client = client.proxy(proxy);
        }
        #[cfg(unix)]
        if let Some(path) = &self.unix_socket {
            client = client.unix_socket(path.clone());
            client = client.default_headers(self.header.clone().into_iter().collect());
        }
        let client = client.build().map_err(|_| BuildError::Setup)?;
        Ok(HttpClient { client, answer_bytes: self.answer_bytes })
    }

    /// rustls on ring with the web's roots compiled in: nothing is read from the machine, nothing from the process's defaults.
    pub(super) fn tls(&self) -> Result<ClientConfig, BuildError> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for der in &self.extra_roots {
            roots.add(CertificateDer::from(der.as_slice()).into_owned()).map_err(|_| BuildError::Certificate)?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| BuildError::Setup)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if !self.reuse_connections {
            config.resumption = Resumption::disabled();
        }
        Ok(config)
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The proxy's URL may hold a password.
        f.debug_struct("Builder")
            .field("timeout", &self.timeout)
            .field("answer_bytes", &self.answer_bytes)
            .field("reuse_connections", &self.reuse_connections)
            .field("proxy", &self.proxy.as_ref().map(|_| "<redacted>"))
            .finish_non_exhaustive()
    }
}

/// TLS as every client here speaks it, without protocols negotiated by ALPN, for clients that set those themselves.
///
/// # Errors
///
/// [`BuildError::Setup`].
pub fn tls_config() -> Result<ClientConfig, BuildError> {
    let mut config = HttpClient::builder().reuse_connections(true).tls()?;
    config.alpn_protocols.clear();
    Ok(config)
}

/// A client for services on the network: no redirections, no cookies, no caching, the same headers for every user.
///
/// Clones share their connections.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    answer_bytes: usize,
}

impl HttpClient {
    /// Starts with the default settings.
    #[must_use]
    pub const fn builder() -> Builder {
        Builder::new()
    }

    /// The same client with another largest body of an answer, in bytes.
    #[must_use]
    pub fn with_answer_bytes(&self, limit: usize) -> Self {
        Self { client: self.client.clone(), answer_bytes: limit }
    }

    /// Posts JSON and reads JSON.
    ///
    /// # Errors
    ///
    /// Each outcome its own: see [`CallError`].
    pub async fn post_json<Req: Serialize + ?Sized, Res: DeserializeOwned>(
        &self,
        url: &Endpoint,
        request: &Req,
    ) -> Result<Res, CallError> {
        let body = serde_json::to_vec(request).map_err(|_| CallError::NotSent(Unsent::Request))?;
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static(JSON)),
            (header::ACCEPT, HeaderValue::from_static(JSON)),
        ]);
        self.request(Method::POST, url, headers, body).await?.into_json()
    }

    /// Reads JSON.
    ///
    /// # Errors
    ///
    /// As [`post_json`](Self::post_json).
    pub async fn get_json<Res: DeserializeOwned>(&self, url: &Endpoint) -> Result<Res, CallError> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(JSON))]);
        self.request(Method::GET, url, headers, Bytes::new()).await?.into_json()
    }

    /// Reads a body of whatever type.
    ///
    /// # Errors
    ///
    /// As [`post_json`](Self::post_json).
    pub async fn get_bytes(&self, url: &Endpoint) -> Result<Bytes, CallError> {
        self.request(Method::GET, url, HeaderMap::new(), Bytes::new()).await?.into_success()
    }

    /// Asks for anything and says when the server says that it answered, whatever the answer is; see [`Answer::date`].
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn date(&self, url: &Endpoint) -> Result<Option<SystemTime>, CallError> {
        Ok(self.request(Method::GET, url, HeaderMap::new(), Bytes::new()).await?.date())
    }

    /// Sends any request and reads the answer whole, whatever its status: for exchanges in which a status such as 402 is not a failure.
    ///
    /// # Errors
    ///
    /// [`CallError::NotSent`], [`CallError::Unknown`] and [`CallError::TooLarge`] only.
    pub async fn request(
        &self,
        method: Method,
        url: &Endpoint,
        headers: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<Answer, CallError> {
        self.send(method, url.url(), headers, body.into()).await
    }

    async fn send(&self, method: Method, url: Url, headers: HeaderMap, body: Bytes) -> Result<Answer, CallError> {
        let mut request = self.client.request(method, url).headers(headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        let mut response = request.send().await?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        // A body that breaks off is an answer lost, whatever the status was.
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > self.answer_bytes {
                return Err(CallError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::new(status, headers, body.into()))
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("answer_bytes", &self.answer_bytes).finish_non_exhaustive()
    }
}

/// `socks5h` alone: with `socks5` names would be resolved, and so betrayed, outside of the proxy.
pub(super) fn socks(text: &str) -> Result<Url, BuildError> {
    let url = Url::parse(text).map_err(|_| BuildError::Proxy)?;
    if url.scheme() != "socks5h" || url.host_str().is_none_or(str::is_empty) {
        return Err(BuildError::Proxy);
    }
    Ok(url)
}
