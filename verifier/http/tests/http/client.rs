use std::collections::HashSet;

use axum::Router;
use axum::routing::get;
use farthing_http::client::{
    Answer, BaseUrl, CallError, Endpoint, HeaderMap, HttpClient, Lost, Method, Unsent, UrlError,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::harness::{Running, SOON, client, liar, read_head, url};

type Outcome = Result<u32, CallError>;

async fn post(address: std::net::SocketAddr) -> Outcome {
    client().post_json(&url(address, "x"), &1).await
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = post(address).await.unwrap_err();
    assert_eq!(error, CallError::NotSent(Unsent::Connection));
    assert!(!error.may_have_taken_effect());
}

#[tokio::test]
async fn a_name_that_does_not_exist_was_not_sent() {
    let nowhere = Endpoint::parse("http://farthing.invalid/x").unwrap();
    let outcome: Outcome = client().post_json(&nowhere, &1).await;
    assert_eq!(outcome, Err(CallError::NotSent(Unsent::Name)));
}

#[tokio::test]
async fn a_server_that_reads_and_closes_leaves_the_outcome_unknown() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n12",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n",
        "HTTP/1.1 409 x\r\nContent-Type: application/problem+json\r\nContent-Length: 99\r\n\r\n{\"code\":\"double_spend\"}",
        "SSH-2.0-not-http\r\n",
    ] {
        let (address, mut heard) = liar(answer).await;
        let error = post(address).await.unwrap_err();
        assert_eq!(error, CallError::Unknown(Lost::Broken), "{answer}");
        assert!(error.may_have_taken_effect());
        assert!(heard.recv().await.unwrap().starts_with("POST /x "));
        assert!(heard.try_recv().is_err(), "nothing is sent twice");
    }
}

#[tokio::test]
async fn silence_leaves_the_outcome_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let impatient = HttpClient::builder().timeout(SOON).build().unwrap();
    // Never accepted, yet connected and perhaps read.
    let outcome: Outcome = impatient.post_json(&url(listener.local_addr().unwrap(), "x"), &1).await;
    assert_eq!(outcome, Err(CallError::Unknown(Lost::Timeout)));

    // A body that never ends counts the same.
    let (address, _kept) = drip().await;
    let outcome: Outcome = impatient.post_json(&url(address, "x"), &1).await;
    assert_eq!(outcome, Err(CallError::Unknown(Lost::Timeout)));
}

/// Answers a head and half a body, and then keeps the connection open.
async fn drip() -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n1")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    (address, task)
}

#[tokio::test]
async fn redirections_are_not_followed() {
    let (elsewhere, mut heard) =
        liar("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1").await;
    for status in [301, 302, 303, 307, 308] {
        let (address, _) =
            liar(format!("HTTP/1.1 {status} x\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(post(address).await, Err(CallError::BadAnswer(status)));
    }
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n").await.unwrap();
            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
        }
    });
    let error = post(address).await.unwrap_err();
    assert_eq!(error, CallError::TooLarge);
    assert!(error.may_have_taken_effect());
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_bound_exactly() {
    let server = Running::start(Router::new().route("/", get(async || [b'x'; 1000]))).await;
    let address = Endpoint::parse(&format!("http://{}/", server.address)).unwrap();
    let reads = async |bytes| HttpClient::builder().answer_bytes(bytes).build().unwrap().get_bytes(&address).await;
    assert_eq!(reads(1000).await.unwrap().len(), 1000);
    assert_eq!(reads(999).await, Err(CallError::TooLarge));
}

#[tokio::test]
async fn what_does_not_decode_is_a_bad_answer() {
    for (content_type, body) in [
        ("application/json", "{"),
        ("application/json", "\"text\""),
        ("application/json", "1 2"),
        ("application/json", "-1"),
        ("application/json", ""),
        ("text/html", "1"),
    ] {
        let length = body.len();
        let (address, _) =
            liar(format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"))
                .await;
        let error = post(address).await.unwrap_err();
        assert_eq!(error, CallError::BadAnswer(200), "{content_type} {body}");
        assert!(error.may_have_taken_effect());
    }
    let (address, _) =
        liar("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>").await;
    assert_eq!(post(address).await, Err(CallError::BadAnswer(502)));
}

#[tokio::test]
async fn nothing_answered_is_unit() {
    let (address, _) = liar("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client().post_json::<_, ()>(&url(address, "x"), &1).await, Ok(()));
}

#[tokio::test]
async fn every_user_sends_the_same_headers() {
    let (address, mut heard) = liar("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nETag: \"1\"\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1").await;
    let client = client();
    for _ in 0..2 {
        client.post_json::<_, u32>(&url(address, "x"), &1).await.unwrap();
        let head = heard.recv().await.unwrap().to_ascii_lowercase();
        let mut names: Vec<_> = head
            .split("\r\n\r\n")
            .next()
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.split(':').next().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "content-length", "content-type", "host", "user-agent"]);
        assert!(head.contains("user-agent: farthing\r\n"));
    }
}

#[tokio::test]
async fn connections_are_kept_only_when_asked_for() {
    // A server that tells its connections apart, as any server can.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Endpoint::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        for number in 0_u32.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                while !read_head(&mut stream).await.is_empty() {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{number:04}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    let apart = client();
    let mut seen = HashSet::new();
    for _ in 0..20 {
        assert!(seen.insert(apart.get_bytes(&address).await.unwrap()), "a connection was used twice");
    }
    let together = HttpClient::builder().reuse_connections(true).build().unwrap();
    // A connection is given back by a task of its own, perhaps after the next call has begun.
    while seen.insert(together.get_bytes(&address).await.unwrap()) {}
}

#[tokio::test]
async fn a_status_that_is_not_success_can_be_read() {
    let (address, _) = liar("HTTP/1.1 402 x\r\nPAYMENT-REQUIRED: abc\r\nContent-Length: 2\r\n\r\n{}").await;
    let answer: Answer = client().request(Method::GET, &url(address, "x"), HeaderMap::new(), Vec::new()).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (402, &b"{}"[..]));
    assert_eq!(answer.headers().get("payment-required").unwrap(), "abc");
    assert!(!format!("{answer:?}").contains("abc"));
}

#[test]
fn bases_are_checked_once() {
    let parsed = |text| BaseUrl::parse(text).map(|base| base.to_string());
    assert_eq!(parsed("https://Mint.Example/"), Ok("https://mint.example".to_owned()));
    assert_eq!(parsed("http://127.0.0.1:80/a/b//"), Ok("http://127.0.0.1/a/b".to_owned()));
    assert_eq!(BaseUrl::parse("https://mint.example/"), BaseUrl::parse("https://mint.example"));
    for (text, error) in [
        ("mint.example", UrlError::Malformed),
        ("https://", UrlError::Malformed),
        ("ftp://mint.example", UrlError::Scheme),
        ("file:///etc/passwd", UrlError::Scheme),
        ("https://user@mint.example", UrlError::UserInfo),
        ("https://:secret@mint.example", UrlError::UserInfo),
        ("https://mint.example?a=b", UrlError::Query),
        ("https://mint.example/#a", UrlError::Fragment),
    ] {
        assert_eq!(BaseUrl::parse(text), Err(error), "{text}");
    }
    assert!(serde_json::from_str::<BaseUrl>("\"https://user@mint.example\"").is_err());
    let base: BaseUrl = serde_json::from_str("\"https://mint.example/\"").unwrap();
    assert_eq!(serde_json::to_string(&base).unwrap(), "\"https://mint.example\"");
    assert!(base.is_https());
    assert_eq!(base.host(), "mint.example");
}

#[test]
fn joining_stays_below_the_base() {
    let base = BaseUrl::parse("https://mint.example/a").unwrap();
    for (path, joined) in [
        ("v1/keys", "https://mint.example/a/v1/keys"),
        ("/v1/keys", "https://mint.example/a/v1/keys"),
        ("id_-~.x", "https://mint.example/a/id_-~.x"),
    ] {
        assert_eq!(base.join(path).unwrap().as_str(), joined);
    }
    for path in [
        "",
        "/",
        "//evil.example",
        "a//b",
        "..",
        "a/../../b",
        ".",
        "a?b=c",
        "a#b",
        "%2e%2e/b",
        "a b",
        "a\\b",
        "é",
        "a/",
    ] {
        assert_eq!(base.join(path), Err(UrlError::Path), "{path}");
    }
    assert_eq!(base.join("k").unwrap().with_query("q", "a&b=c").as_str(), "https://mint.example/a/k?q=a%26b%3Dc");
}

#[test]
fn nothing_shown_for_debugging_is_secret() {
    let endpoint = Endpoint::parse("https://shop.example/pay/hidden-1?key=hidden-2").unwrap();
    let builder = HttpClient::builder().proxy("socks5h://name:hidden-3@127.0.0.1:9050");
    let shown = format!("{endpoint:?} {builder:?} {:?}", builder.clone().build().unwrap());
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(shown.contains("shop.example"));
}
