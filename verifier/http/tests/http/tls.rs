use std::net::SocketAddr;
use std::sync::Arc;

use farthing_http::client::{BuildError, CallError, Endpoint, HttpClient, Unsent};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::harness::{SOON, read_head};

/// For `localhost`, signed by itself, and known to nobody but these tests.
const CERTIFICATE: &[u8] = include_bytes!("tls/localhost.cert.der");
const KEY: &[u8] = include_bytes!("tls/localhost.key.der");

async fn server() -> SocketAddr {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivatePkcs8KeyDer::from(KEY).into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n7")
                .await
                .ok();
            stream.shutdown().await.ok();
        }
    });
    address
}

fn endpoint(host: &str, address: SocketAddr) -> Endpoint {
    Endpoint::parse(&format!("https://{host}:{}/", address.port())).unwrap()
}

#[tokio::test]
async fn a_certificate_that_is_trusted_serves() {
    let address = server().await;
    let client = HttpClient::builder().root_certificate(CERTIFICATE).build().unwrap();
    assert_eq!(client.get_json::<u32>(&endpoint("localhost", address)).await, Ok(7));
}

#[tokio::test]
async fn without_trust_nothing_is_sent() {
    let address = server().await;
    let stranger = HttpClient::builder().build().unwrap();
    let outcome = stranger.post_json::<_, u32>(&endpoint("localhost", address), &1).await;
    assert_eq!(outcome, Err(CallError::NotSent(Unsent::Connection)));

    // Trusted for another name.
    let friend = HttpClient::builder().root_certificate(CERTIFICATE).build().unwrap();
    let outcome = friend.post_json::<_, u32>(&endpoint("127.0.0.1", address), &1).await;
    assert_eq!(outcome, Err(CallError::NotSent(Unsent::Connection)));
}

#[tokio::test]
async fn a_handshake_that_never_ends_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = HttpClient::builder().connect_timeout(SOON).build().unwrap();
    let outcome = client.post_json::<_, u32>(&endpoint("localhost", listener.local_addr().unwrap()), &1).await;
    assert_eq!(outcome, Err(CallError::NotSent(Unsent::Connection)));
}

#[test]
fn a_root_that_is_no_certificate_is_refused() {
    assert_eq!(HttpClient::builder().root_certificate(*b"no").build().unwrap_err(), BuildError::Certificate);
}
