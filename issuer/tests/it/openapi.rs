//! What is said of the public endpoints.
//!
//! After an intended change, `DOCS=overwrite cargo test -p farthing-issuer --test it openapi` writes the document anew.

use std::net::SocketAddr;

use farthing_issuer::{public_document, public_router, run};
use farthing_protocol::api::mint_path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::World;

#[test]
fn the_document_is_kept_and_true() {
    let document = public_document();
    assert_eq!(document.check(), Vec::<String>::new());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi-mint.json");
    if std::env::var("DOCS").is_ok_and(|value| value == "overwrite") {
        std::fs::write(path, document.text()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default().as_bytes(), document.text(), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_what_is_described() {
    let world = World::new().await;
    assert_eq!(public_document().unlike(&public_router(world.mint().clone())), Vec::<String>::new());
    let address = "127.0.0.1:0".parse().unwrap();
    let running = run(world.mint().clone(), address, std::future::pending()).await.unwrap();
    let ask = async |method: &str, path: &str| status(&asked(running.local_addr, method, path).await);
    assert_eq!(public_document().probe(ask).await, Vec::<String>::new());
    let served = asked(running.local_addr, "GET", farthing_openapi::PATH).await;
    let (head, body) = served.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("cache-control: public, max-age=3600"), "{head}");
    assert_eq!(body.as_bytes(), public_document().text());
    let head = asked(running.local_addr, "GET", mint_path::KEYSETS).await.to_lowercase();
    assert!(head.contains("content-type: application/json\r\n") && head.contains("cache-control: no-store"), "{head}");
    running.stop().await.unwrap();
}

async fn asked(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: mint\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
