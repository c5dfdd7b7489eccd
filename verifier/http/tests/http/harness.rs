//! Servers honest and otherwise, and a client that writes bytes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use farthing_http::client::{BaseUrl, Endpoint, HttpClient};
use farthing_http::server::{Limits, ServeOptions, harden, serve_tcp_with};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Time limits that are meant to be reached. Nothing is asserted about how long anything takes.
pub(crate) const SOON: Duration = Duration::from_millis(300);

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    pub(crate) async fn start(router: Router) -> Self {
        Self::start_with(router, ServeOptions::default()).await
    }

    pub(crate) async fn hardened(router: Router, limits: Limits) -> Self {
        Self::start(harden(router, limits)).await
    }

    pub(crate) async fn start_with(router: Router, options: ServeOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve_tcp_with(listener, router, options, async {
            stopped.await.ok();
        }));
        Self { address, stop, task }
    }

    pub(crate) fn url(&self, path: &str) -> Endpoint {
        url(self.address, path)
    }
}

pub(crate) fn url(address: SocketAddr, path: &str) -> Endpoint {
    BaseUrl::parse(&format!("http://{address}")).unwrap().join(path).unwrap()
}

pub(crate) fn client() -> HttpClient {
    HttpClient::builder().build().unwrap()
}

/// An answer as it came over the wire.
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Raw {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a complete head");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The code, after checking that the answer is a problem in every respect.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let code = body["code"].as_str().unwrap();
        assert_eq!(body["type"], format!("urn:farthing:problem:{code}"));
        assert_eq!(body["status"], self.status);
        assert!(body["title"].as_str().unwrap().ends_with('.'));
        code.to_owned()
    }
}

/// Writes bytes, and reads until the server closes.
pub(crate) async fn raw(address: SocketAddr, request: impl AsRef<[u8]>) -> Raw {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    Raw::parse(&answer)
}

/// A whole request with a body, after which the connection closes.
pub(crate) fn post(path: &str, content_type: Option<&str>, body: &str) -> String {
    let content_type = content_type.map(|value| format!("Content-Type: {value}\r\n")).unwrap_or_default();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{content_type}Content-Length: {length}\r\n\r\n{body}"
    )
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
}

/// A server that reads one request on each connection, answers these bytes, and closes. It returns the heads of what it read.
pub(crate) async fn liar(answer: impl Into<Vec<u8>>) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, hearing) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = read_head(&mut stream).await;
            heard.send(head).ok();
            stream.write_all(&answer).await.ok();
            stream.shutdown().await.ok();
        }
    });
    (address, hearing)
}

pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8(bytes).unwrap()
}
