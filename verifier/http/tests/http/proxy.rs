use std::collections::HashSet;

use farthing_http::client::{BuildError, CallError, Endpoint, HttpClient, Unsent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::harness::read_head;

/// What a proxy was told about one connection.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    name: String,
    /// User name and password.
    user: Option<(String, String)>,
}

/// A SOCKS5 proxy (RFC 1928, with RFC 1929's user names) that notes what it is told and, if it is willing, plays the server itself.
async fn proxy(willing: bool) -> (String, UnboundedReceiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("socks5h://{}", listener.local_addr().unwrap());
    let (tell, told) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let user = greet(&mut stream).await;
            let mut request = [0; 4];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, [5, 1, 0, 3], "connect, by name");
            let name = text(&mut stream).await;
            stream.read_u16().await.unwrap();
            let reply = if willing { 0 } else { 5 };
            stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            if willing {
                read_head(&mut stream).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n7";
                stream.write_all(answer).await.unwrap();
            }
            tell.send(Told { name, user }).ok();
        }
    });
    (url, told)
}

/// Asks for a user name if the client has one.
async fn greet(stream: &mut TcpStream) -> Option<(String, String)> {
    assert_eq!(stream.read_u8().await.unwrap(), 5);
    let mut methods = vec![0; stream.read_u8().await.unwrap().into()];
    stream.read_exact(&mut methods).await.unwrap();
    if !methods.contains(&2) {
        stream.write_all(&[5, 0]).await.unwrap();
        return None;
    }
    stream.write_all(&[5, 2]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 1);
    let user = (text(stream).await, text(stream).await);
    stream.write_all(&[1, 0]).await.unwrap();
    Some(user)
}

/// A length, and so many bytes.
async fn text(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; stream.read_u8().await.unwrap().into()];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

fn onion() -> Endpoint {
    Endpoint::parse("http://mint.onion/v1/keys").unwrap()
}

#[tokio::test]
async fn names_are_resolved_by_the_proxy() {
    let (url, mut told) = proxy(true).await;
    let client = HttpClient::builder().proxy(url).build().unwrap();
    assert_eq!(client.get_json::<u32>(&onion()).await, Ok(7));
    assert_eq!(told.recv().await.unwrap(), Told { name: "mint.onion".to_owned(), user: None });
}

#[tokio::test]
async fn a_proxy_that_will_not_means_not_sent() {
    let (url, _told) = proxy(false).await;
    let client = HttpClient::builder().proxy(url).build().unwrap();
    assert_eq!(client.post_json::<_, u32>(&onion(), &1).await, Err(CallError::NotSent(Unsent::Connection)));
}

#[test]
fn other_proxies_are_refused() {
    for text in ["socks5://127.0.0.1:9050", "http://127.0.0.1:8080", "127.0.0.1:9050", "socks5h://", ""] {
        assert_eq!(HttpClient::builder().proxy(text).build().unwrap_err(), BuildError::Proxy, "{text}");
    }
}

#[tokio::test]
async fn each_client_has_a_user_name_of_its_own_and_keeps_it() {
    let (url, mut told) = proxy(true).await;
    let clients = HttpClient::builder().proxy(url).clients().unwrap();
    let mut users = Vec::new();
    for _ in 0..3 {
        let client = clients.fresh().unwrap();
        let mut own = Vec::new();
        for _ in 0..2 {
            assert_eq!(client.get_json::<u32>(&onion()).await, Ok(7));
            own.push(told.recv().await.unwrap().user.unwrap());
        }
        assert_eq!(own[0], own[1]);
        users.extend(own);
    }
    let parts: HashSet<&String> = users.iter().flat_map(|(name, password)| [name, password]).collect();
    assert_eq!(parts.len(), 6, "no name and no password is anybody else's");
    assert!(parts.iter().all(|part| part.len() == 22), "16 random bytes each");
}

#[test]
fn a_proxy_with_a_user_name_is_refused_where_each_client_draws_its_own() {
    for text in
        ["socks5h://user@127.0.0.1:9050", "socks5h://user:secret@127.0.0.1:9050", "socks5h://:secret@127.0.0.1:9050"]
    {
        assert_eq!(HttpClient::builder().proxy(text).clients().unwrap_err(), BuildError::ProxyUser, "{text}");
        assert!(HttpClient::builder().proxy(text).build().is_ok());
    }
    for text in ["socks5://127.0.0.1:9050", "http://127.0.0.1:8080", "socks5h://", ""] {
        assert_eq!(HttpClient::builder().proxy(text).clients().unwrap_err(), BuildError::Proxy, "{text}");
    }
    let shown = format!("{:?}", HttpClient::builder().proxy("socks5h://a.secret.place:1").clients().unwrap());
    assert!(!shown.contains("secret"), "{shown}");
}
