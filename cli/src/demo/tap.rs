//! A tap on the line to a server: it passes every request on and keeps what the server saw.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use farthing_http::client::{BaseUrl, HttpClient};
use farthing_http::server::serve_tcp;
use tokio::net::TcpListener;

/// One call that the server saw, with its answer.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) request: Bytes,
    pub(super) answer: Bytes,
}

/// The calls so far.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    pub(super) fn to(&self, path: &str) -> Vec<Call> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().filter(|call| call.path == path).cloned().collect()
    }

    fn add(&self, call: Call) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

/// A tap whose server is not known yet.
pub(super) struct Open {
    listener: TcpListener,
}

#[derive(Clone)]
struct Tap {
    upstream: BaseUrl,
    client: HttpClient,
    calls: Calls,
}

/// Takes a free loopback port.
pub(super) async fn reserve() -> Result<(Open, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((Open { listener }, address))
}

/// Listens on a free loopback port and passes everything on to the server.
pub(super) async fn start(server: SocketAddr) -> Result<(SocketAddr, Calls)> {
    let (open, address) = reserve().await?;
    Ok((address, open.connect(server)?))
}

impl Open {
    /// Passes everything on to the server from now on, until the process ends.
    pub(super) fn connect(self, server: SocketAddr) -> Result<Calls> {
        let calls = Calls::default();
        let upstream = BaseUrl::parse(&format!("http://{server}"))?;
        let tap = Tap { upstream, client: HttpClient::builder().build()?, calls: calls.clone() };
        let router = Router::new().fallback(pass).with_state(tap);
        tokio::spawn(serve_tcp(self.listener, router, std::future::pending()));
        Ok(calls)
    }
}

async fn pass(State(tap): State<Tap>, request: Request) -> Response {
    match forward(&tap, request).await {
        Ok(response) => response,
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn forward(tap: &Tap, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 4 << 20).await?;
    let path = parts.uri.path().to_owned();
    let url = tap.upstream.join(&path)?;
    let kept = [header::CONTENT_TYPE, header::ACCEPT];
    let headers: HeaderMap =
        kept.into_iter().filter_map(|name| parts.headers.get(&name).map(|value| (name, value.clone()))).collect();
    let answer = tap.client.request(parts.method, &url, headers, body.clone()).await?;
    tap.calls.add(Call { path, request: body, answer: answer.body().clone() });
    let mut response = (answer.status(), answer.body().clone()).into_response();
    if let Some(content_type) = answer.headers().get(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
    }
    Ok(response)
}
