use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use farthing_http::client::HeaderValue;
use farthing_http::extract::{Binary, Json, Path, Query};
use farthing_http::server::Limits;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{self, Raw, Running, client, raw};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    item: String,
    count: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    from: u8,
}

const MARK: &str = "MARKED-INPUT";

async fn server() -> Running {
    let router = Router::new()
        .route("/orders", post(async |Json(order): Json<Order>| Json(order)))
        .route("/octets", post(async |body: Binary| Binary::new(body.into_bytes())))
        .route("/public", get(async || Binary::new(&b"\x00\xff"[..]).cached(Duration::from_secs(60))))
        .route("/number/{n}", get(async |Path(n): Path<u8>, Query(page): Query<Page>| Json(n + page.from)));
    Running::hardened(router, Limits { body_bytes: 200, ..Limits::default() }).await
}

#[tokio::test]
async fn json_goes_in_and_out() {
    let server = server().await;
    let order = Order { item: "bread".to_owned(), count: 2 };
    assert_eq!(client().post_json::<_, Order>(&server.url("orders"), &order).await.unwrap(), order);

    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        let answer =
            raw(server.address, harness::post("/orders", Some(content_type), r#"{"item":"x","count":1}"#)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("etag").or(answer.header("set-cookie")), None);
    }
}

#[tokio::test]
async fn each_bad_body_has_its_problem_and_is_not_repeated() {
    let server = server().await;
    for (body, code) in [
        (r#"{"item":"x","count":1,"MARKED-INPUT":1}"#, "unknown_field"),
        (r#"{"item":"x"}"#, "bad_request"),
        (r#"{"item":"x","count":"MARKED-INPUT"}"#, "bad_request"),
        (r#"{"item":"x","item":"MARKED-INPUT","count":1}"#, "bad_request"),
        (r#"{"item":"x","count":256}"#, "bad_request"),
        (r#"{"item":"MARKED-INPUT","cou"#, "bad_request"),
        (r#"{"item":"x","count":1} MARKED-INPUT"#, "bad_request"),
        ("MARKED-INPUT", "bad_request"),
        ("", "bad_request"),
        ("null", "bad_request"),
    ] {
        let answer = raw(server.address, harness::post("/orders", Some("application/json"), body)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, code), "{body}");
        assert!(!answer.body.contains(MARK) && !answer.body.contains("item"), "{}", answer.body);
    }
}

#[tokio::test]
async fn the_content_type_must_be_json() {
    let server = server().await;
    for content_type in
        [None, Some("text/plain"), Some("application/jsonp"), Some("application/problem+json"), Some("")]
    {
        let answer = raw(server.address, harness::post("/orders", content_type, r#"{"item":"x","count":1}"#)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (415, "unsupported_media_type"), "{content_type:?}");
    }
}

#[tokio::test]
async fn a_body_too_large_is_refused_whether_declared_or_not() {
    let server = server().await;
    let declared = harness::post("/orders", Some("application/json"), &" ".repeat(201));
    let chunk = format!("c8\r\n{}\r\n", " ".repeat(200));
    let chunked = format!(
        "POST /orders HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    for request in [declared, chunked] {
        let answer = raw(server.address, request).await;
        assert_eq!((answer.status, answer.problem().as_str()), (413, "body_too_large"));
    }
    let exact = format!("{:<200}", r#"{"item":"x","count":1}"#);
    assert_eq!(raw(server.address, harness::post("/orders", Some("application/json"), &exact)).await.status, 200);
}

#[tokio::test]
async fn a_client_busy_sending_sees_that_its_body_is_too_large() {
    let server = server().await;
    let error = client().post_json::<_, Order>(&server.url("orders"), &"x".repeat(900_000)).await.unwrap_err();
    assert_eq!(error.problem().unwrap().code().as_str(), "body_too_large");
    assert!(!error.may_have_taken_effect());

    // This one does not look for an answer before everything is sent.
    let body = " ".repeat(900_000);
    let answer = raw(server.address, harness::post("/orders", Some("application/json"), &body)).await;
    assert_eq!(answer.problem(), "body_too_large");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_request() {
    let server = server().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head =
        "POST /orders HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"item\"";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Raw::parse(&answer).problem(), "bad_request");
}

#[tokio::test]
async fn octets_go_in_and_out() {
    let server = server().await;
    let answer = raw(server.address, harness::post("/octets", Some("application/octet-stream"), "abc")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "abc"));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = raw(server.address, harness::post("/octets", Some("application/json"), "abc")).await;
    assert_eq!(answer.problem(), "unsupported_media_type");

    let public =
        client().request(axum::http::Method::GET, &server.url("public"), Default::default(), Vec::new()).await.unwrap();
    assert_eq!(&public.body()[..], b"\x00\xff");
    assert_eq!(public.headers().get("cache-control"), Some(&HeaderValue::from_static("public, max-age=60")));
    assert!(public.headers().get("etag").is_none());
    assert_eq!(&client().get_bytes(&server.url("public")).await.unwrap()[..], b"\x00\xff");
}

#[tokio::test]
async fn paths_and_queries_have_problems_too() {
    let server = server().await;
    let good = server.url("number/3").with_query("from", "4");
    assert_eq!(client().get_json::<u8>(&good).await.unwrap(), 7);
    for target in [
        "/number/MARKED-INPUT?from=1",
        "/number/3?from=MARKED-INPUT",
        "/number/3",
        "/number/%ff?from=1",
        "/number/3?from=1&x=2",
    ] {
        let answer = raw(server.address, harness::get(target)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad_request"), "{target}");
        assert!(!answer.body.contains(MARK));
    }
}

/// A string that must be a wire object, and is not.
#[derive(Debug)]
struct Wire;

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let _text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom("malformed object: the data ends too early"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holder {
    #[allow(dead_code, reason = "only ever refused")]
    object: Wire,
}

#[test]
fn a_malformed_wire_object_has_its_own_code() {
    use farthing_http::extract::decode_json;
    use farthing_http::problem::Code;
    let code = |body: &str| decode_json::<Holder>(body.as_bytes()).unwrap_err().code();
    assert_eq!(code(r#"{"object":"AA"}"#), Code::MalformedObject);
    assert_eq!(code(r#"{"object":1}"#), Code::BadRequest);
    assert_eq!(code(r#"{"objet":"malformed object: "}"#), Code::UnknownField);
}
