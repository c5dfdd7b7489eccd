//! The server behind.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version, header};
use axum::response::IntoResponse;
use farthing_http::client::{BuildError, tls_config};
use farthing_http::problem::{Code, Problem};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, Sleep, sleep};
use tower::Service;

use crate::sell::NotSent;

/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest time between two pieces of an answer.
const IDLE: Duration = Duration::from_secs(120);

/// How the server behind is reached.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamOptions {
    /// Longest time until its answer begins.
    pub timeout: Duration,
}

impl Default for UpstreamOptions {
    /// Twenty-five seconds.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(25) }
    }
}

/// Why a server cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The address is not one of a server.
    #[error("the address behind is a scheme, a host and perhaps a port, such as http://127.0.0.1:8000")]
    Address,
    /// No client could be made.
    #[error("{0}")]
    Client(#[from] BuildError),
}

/// Sends requests on to one server, with path and query as they came, and its answers back as they come.
///
/// What concerns one connection only is taken out on both ways; so is everything by which a client's address could be told.
/// Connections are not upgraded. A server that cannot be reached is 502, one that does not answer in time 504.
#[derive(Clone)]
pub struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    timeout: Duration,
}

impl Upstream {
    /// A server at an address without path.
    ///
    /// # Errors
    /// [`UpstreamError::Address`].
    pub fn new(address: &str, options: UpstreamOptions) -> Result<Self, UpstreamError> {
        let uri: Uri = address.parse().map_err(|_| UpstreamError::Address)?;
        let parts = uri.into_parts();
        let plain = parts.path_and_query.as_ref().is_none_or(|rest| rest.as_str() == "/");
        let (Some(scheme), Some(authority), true) = (parts.scheme, parts.authority, plain) else {
            return Err(UpstreamError::Address);
        };
        if !matches!(scheme.as_str(), "http" | "https") || authority.as_str().contains('@') {
            return Err(UpstreamError::Address);
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| UpstreamError::Address)?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(30)));
        let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls_config()?);
        let https = https.https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https);
        Ok(Self { client, scheme, authority, host, timeout: options.timeout })
    }

    async fn send(self, mut request: Request<Body>) -> Response<Body> {
        if request.headers().contains_key(header::UPGRADE) {
            let problem = Problem::new(Code::BadRequest);
            return problem.with_detail("Connections are not upgraded here; WebSockets are not sold.").into_response();
        }
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(self.scheme).authority(self.authority).path_and_query(path).build();
        let Ok(uri) = uri else { return Code::BadRequest.into_response() };
        // The host that the request was judged by: RFC 9112, section 3.2.2.
        let asked = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        clean(request.headers_mut());
        let others: Vec<HeaderName> = request.headers().keys().filter(|name| is_of_others(name)).cloned().collect();
        for name in others {
            request.headers_mut().remove(name);
        }
        let asked = asked.or_else(|| request.headers().get(header::HOST).cloned());
        request.headers_mut().insert(header::HOST, self.host);
        if let Some(asked) = asked {
            request.headers_mut().insert(HeaderName::from_static("x-forwarded-host"), asked);
        }
        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(response)) => {
                let (mut parts, body) = response.into_parts();
                clean(&mut parts.headers);
                if parts.status == StatusCode::SWITCHING_PROTOCOLS {
                    return StatusCode::BAD_GATEWAY.into_response();
                }
                Response::from_parts(parts, Body::new(Patient::new(body)))
            }
            Ok(Err(error)) => {
                tracing::warn!(connecting = error.is_connect(), "the server behind failed");
                let mut response = StatusCode::BAD_GATEWAY.into_response();
                if error.is_connect() {
                    response.extensions_mut().insert(NotSent);
                }
                response
            }
            Err(_) => {
                tracing::warn!("the server behind did not answer in time");
                StatusCode::GATEWAY_TIMEOUT.into_response()
            }
        }
    }
}

/// What clients and proxies before say of where a request comes from, and what some servers take for the request's own path or method.
const OF_OTHERS: [&str; 11] = [
    "forwarded",
    "x-real-ip",
    "via",
    "cf-connecting-ip",
    "true-client-ip",
    "x-client-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

fn is_of_others(name: &HeaderName) -> bool {
    OF_OTHERS.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
}

/// An answer's body that is given up when nothing comes any more.
struct Patient {
    body: Incoming,
    patience: Pin<Box<Sleep>>,
}

impl Patient {
    fn new(body: Incoming) -> Self {
        Self { body, patience: Box::pin(sleep(IDLE)) }
    }
}

impl HttpBody for Patient {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.patience.as_mut().reset(Instant::now() + IDLE);
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let given_up = |()| Some(Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut))));
        self.patience.as_mut().poll(cx).map(given_up)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What concerns one connection: RFC 9110, section 7.6.1.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn clean(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse::<HeaderName>().ok())
        // A client does not decide over what the gateway says.
        .filter(|name| !name.as_str().starts_with("farthing-"))
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

impl Service<Request<Body>> for Upstream {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let upstream = self.clone();
        Box::pin(async move { Ok(upstream.send(request).await) })
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("authority", &self.authority).finish_non_exhaustive()
    }
}
