//! Serving over TLS from certificate files.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use data_encoding::BASE64;
use farthing_http::client::{CallError, Endpoint, HttpClient, Unsent};
use farthing_http::server::{ServeOptions, Tls, TlsError, serve_tls_with};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::harness::SOON;

/// Two certificates for `localhost`, each signed by itself, with their keys.
const FIRST: (&[u8], &[u8]) = (include_bytes!("tls/localhost.cert.der"), include_bytes!("tls/localhost.key.der"));
const SECOND: (&[u8], &[u8]) = (include_bytes!("tls/second.cert.der"), include_bytes!("tls/second.key.der"));

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

fn write(folder: &Path, (certificate, key): (&[u8], &[u8])) {
    std::fs::write(folder.join("cert.pem"), pem("CERTIFICATE", certificate)).unwrap();
    std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", key)).unwrap();
}

fn load(folder: &Path) -> Result<Tls, TlsError> {
    Tls::load(folder.join("cert.pem"), folder.join("key.pem"))
}

struct Server {
    folder: TempDir,
    address: SocketAddr,
    tls: Tls,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(router: Router, options: ServeOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), FIRST);
        let tls = load(folder.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve_tls_with(listener, tls.clone(), router, options, async {
            stopped.await.ok();
        }));
        Self { folder, address, tls, stop, task }
    }

    fn endpoint(&self, path: &str) -> Endpoint {
        Endpoint::parse(&format!("https://localhost:{}{path}", self.address.port())).unwrap()
    }

    async fn get(&self, client: &HttpClient) -> Result<u32, CallError> {
        client.get_json(&self.endpoint("/")).await
    }
}

fn seven() -> Router {
    Router::new().route("/", get(async || axum::Json(7)))
}

fn trusting(certificate: &[u8]) -> HttpClient {
    HttpClient::builder().reuse_connections(true).root_certificate(certificate).build().unwrap()
}

#[tokio::test]
async fn certificates_are_read_again_and_open_connections_go_on() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
        get(async move || {
            arrived.notify_one();
            go.notified().await;
            axum::Json(8)
        })
    };
    let server = Server::start(seven().route("/slow", slow), ServeOptions::default()).await;
    let (first, second) = (trusting(FIRST.0), trusting(SECOND.0));
    assert_eq!(server.get(&first).await, Ok(7));
    assert_eq!(server.get(&second).await, Err(CallError::NotSent(Unsent::Connection)));
    let waiting = tokio::spawn({
        let (client, endpoint) = (trusting(FIRST.0), server.endpoint("/slow"));
        async move { client.get_json::<u32>(&endpoint).await }
    });
    arrived.notified().await;

    // What cannot be used leaves what is in use.
    std::fs::write(server.folder.path().join("key.pem"), "nothing").unwrap();
    assert!(matches!(server.tls.reload(), Err(TlsError::NoKey(_))));
    assert_eq!(server.get(&trusting(FIRST.0)).await, Ok(7));
    write(server.folder.path(), SECOND);
    server.tls.reload().unwrap();
    assert_eq!(server.get(&second).await, Ok(7));
    assert_eq!(server.get(&trusting(FIRST.0)).await, Err(CallError::NotSent(Unsent::Connection)));
    // Kept open since before, and in the middle of a request.
    assert_eq!(server.get(&first).await, Ok(7));
    go.notify_one();
    assert_eq!(waiting.await.unwrap(), Ok(8));
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up_and_keeps_nobody_waiting() {
    let options = ServeOptions { header_timeout: SOON, ..ServeOptions::default() };
    let server = Server::start(seven(), options).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut halting = TcpStream::connect(server.address).await.unwrap();
    halting.write_all(&[0x16, 3, 1, 2, 0]).await.unwrap();
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(server.get(&trusting(FIRST.0)).await, Ok(7));
    for stream in [&mut silent, &mut halting, &mut plain] {
        let mut answer = Vec::new();
        // Closed or reset, it ends; and nothing of HTTP was said without TLS.
        stream.read_to_end(&mut answer).await.ok();
        assert!(!answer.starts_with(b"HTTP"));
    }
}

#[tokio::test]
async fn what_is_in_flight_is_answered_at_shutdown() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let router = {
        let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
        Router::new().route(
            "/",
            get(async move || {
                arrived.notify_one();
                go.notified().await;
                axum::Json(7)
            }),
        )
    };
    let server = Server::start(router, ServeOptions::default()).await;
    let client = trusting(FIRST.0);
    let call = tokio::spawn({
        let endpoint = server.endpoint("/");
        async move { client.get_json::<u32>(&endpoint).await }
    });
    arrived.notified().await;
    server.stop.send(()).unwrap();
    // Nobody new gets in: the listener goes first.
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    assert_eq!(call.await.unwrap(), Ok(7));
    server.task.await.unwrap().unwrap();
}

#[test]
fn files_that_cannot_be_used_are_told_apart_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    assert!(matches!(load(folder.path()), Err(TlsError::Unreadable { path, .. }) if path == certificate));
    write(folder.path(), FIRST);
    load(folder.path()).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(load(folder.path()), Err(TlsError::Unreadable { path, .. }) if path == key));
    write(folder.path(), (FIRST.0, SECOND.1));
    assert!(matches!(load(folder.path()), Err(TlsError::Unusable)));
    std::fs::write(&key, pem("PRIVATE KEY", b"no key")).unwrap();
    assert!(matches!(load(folder.path()), Err(TlsError::Unusable)));
    std::fs::write(&key, pem("CERTIFICATE", FIRST.0)).unwrap();
    assert!(matches!(load(folder.path()), Err(TlsError::NoKey(_))));
    std::fs::write(&certificate, pem("PRIVATE KEY", FIRST.1)).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(&error, TlsError::NoCertificate(path) if *path == certificate));
    assert!(!format!("{error} {error:?}").contains(&BASE64.encode(FIRST.1)[..20]));
}
