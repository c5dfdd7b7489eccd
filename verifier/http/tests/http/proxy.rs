use farthing_http::client::{BuildError, CallError, Endpoint, HttpClient, Unsent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::read_head;

/// A SOCKS5 proxy (RFC 1928) that notes the name it is asked for and, if it is willing, plays the server itself.
async fn proxy(willing: bool) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("socks5h://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting).await.unwrap();
        let mut methods = vec![0; greeting[1].into()];
        stream.read_exact(&mut methods).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 5];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(request[..4], [5, 1, 0, 3], "connect, by name");
        let mut name = vec![0; request[4].into()];
        stream.read_exact(&mut name).await.unwrap();
        stream.read_u16().await.unwrap();
        let reply = if willing { 0 } else { 5 };
        stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        if willing {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n7")
                .await
                .unwrap();
        }
        String::from_utf8(name).unwrap()
    });
    (url, task)
}

#[tokio::test]
async fn names_are_resolved_by_the_proxy() {
    let (url, task) = proxy(true).await;
    let client = HttpClient::builder().proxy(url).build().unwrap();
    let onion = Endpoint::parse("http://mint.onion/v1/keys").unwrap();
    assert_eq!(client.get_json::<u32>(&onion).await, Ok(7));
    assert_eq!(task.await.unwrap(), "mint.onion");
}

#[tokio::test]
async fn a_proxy_that_will_not_means_not_sent() {
    let (url, _task) = proxy(false).await;
    let client = HttpClient::builder().proxy(url).build().unwrap();
    let onion = Endpoint::parse("http://mint.onion/v1/keys").unwrap();
    assert_eq!(client.post_json::<_, u32>(&onion, &1).await, Err(CallError::NotSent(Unsent::Connection)));
}

#[test]
fn other_proxies_are_refused() {
    for text in ["socks5://127.0.0.1:9050", "http://127.0.0.1:8080", "127.0.0.1:9050", "socks5h://", ""] {
        assert_eq!(HttpClient::builder().proxy(text).build().unwrap_err(), BuildError::Proxy, "{text}");
    }
}
