//! What is said of the endpoints.
//!
//! After an intended change, `DOCS=overwrite cargo test -p farthing-verifier --test it openapi` writes the documents anew.

use std::path::Path;

use farthing_openapi::Document;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::service::{control_document, control_router, public_document, public_router};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::common::NOW;
use crate::double::Running;
use crate::places::merchant;
use crate::service::Shop;

#[test]
fn the_documents_are_kept_and_true() {
    kept("openapi-verifier", &public_document());
    kept("openapi-verifier-control", &control_document());
}

fn kept(name: &str, document: &Document) {
    assert_eq!(document.check(), Vec::<String>::new());
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).join(format!("{name}.json"));
    if std::env::var("DOCS").is_ok_and(|value| value == "overwrite") {
        std::fs::write(&path, document.text()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default().as_bytes(), document.text(), "{path:?}");
}

#[tokio::test]
async fn no_path_is_served_that_is_not_described() {
    let running = Running::start(TestMint::new(NOW)).await;
    let folder = tempfile::tempdir().unwrap();
    let (merchant, _) = merchant(folder.path(), &running, 2).await;
    assert_eq!(public_document().unlike(&public_router(merchant.clone())), Vec::<String>::new());
    assert_eq!(control_document().unlike(&control_router(merchant)), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_described_is_served() {
    let shop = Shop::open().await;
    let address = shop.verifier().local_addr;
    let public = async |method: &str, path: &str| asked(TcpStream::connect(address).await.unwrap(), method, path).await;
    let socket = shop.control_socket();
    let control =
        async |method: &str, path: &str| asked(UnixStream::connect(&socket).await.unwrap(), method, path).await;
    let described = public_document().probe(async |method, path| status(&public(method, path).await)).await;
    assert_eq!(described, Vec::<String>::new());
    let described = control_document().probe(async |method, path| status(&control(method, path).await)).await;
    assert_eq!(described, Vec::<String>::new());

    let served = public("GET", farthing_openapi::PATH).await;
    let (head, body) = served.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("cache-control: public, max-age=3600"), "{head}");
    assert_eq!(body.as_bytes(), public_document().text());
}

async fn asked(mut stream: impl AsyncRead + AsyncWrite + Unpin, method: &str, path: &str) -> String {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
