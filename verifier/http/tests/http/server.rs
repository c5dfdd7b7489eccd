use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use farthing_http::extract::Json;
use farthing_http::problem::Code;
use farthing_http::server::{Limits, ServeOptions, harden, harden_keeping_fallback, serve_tcp};
use farthing_http::signal::shutdown_signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

use crate::harness::{self, Raw, Running, SOON, raw};

/// A route that says when it has begun and waits to be let go.
struct Gate {
    begun: Arc<Notify>,
    go: Arc<Notify>,
}

impl Gate {
    fn router() -> (Self, Router) {
        let gate = Self { begun: Arc::new(Notify::new()), go: Arc::new(Notify::new()) };
        let (begun, go) = (Arc::clone(&gate.begun), Arc::clone(&gate.go));
        let handler = async move || {
            begun.notify_one();
            go.notified().await;
            "done"
        };
        (gate, Router::new().route("/gate", get(handler)).route("/", get(async || "ok")))
    }
}

#[tokio::test]
async fn absent_paths_and_methods_are_problems() {
    let router =
        Router::new().route("/here", get(async || "ok")).nest("/below", Router::new().route("/x", post(async || "ok")));
    let server = Running::hardened(router, Limits::default()).await;
    for (request, status, code) in [
        (harness::get("/nowhere"), 404, "not_found"),
        (harness::get("/below/nowhere"), 404, "not_found"),
        (harness::post("/here", None, ""), 405, "method_not_allowed"),
        (harness::get("/below/x"), 405, "method_not_allowed"),
    ] {
        let answer = raw(server.address, request).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, code));
        assert_eq!(answer.header("allow").is_some(), status == 405);
    }
}

#[tokio::test]
async fn a_fallback_can_be_kept() {
    let router = Router::new().route("/here", get(async || "ok")).fallback(async || "caught");
    let server = Running::start(harden_keeping_fallback(router, Limits::default())).await;
    assert_eq!(raw(server.address, harness::get("/nowhere")).await.body, "caught");
    assert_eq!(raw(server.address, harness::post("/here", None, "")).await.problem(), "method_not_allowed");
}

#[tokio::test]
async fn a_slow_body_and_a_slow_handler_are_told_apart() {
    let router = Router::new()
        .route("/body", post(async |_: Bytes| "ok"))
        .route("/forever", get(pending::<&str>))
        .route("/work", post(async |_: Bytes| pending::<&str>().await));
    let server = Running::hardened(router, Limits { timeout: SOON, ..Limits::default() }).await;

    let slow_body = "POST /body HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc";
    let answer = raw(server.address, slow_body).await;
    assert_eq!((answer.status, answer.problem().as_str()), (408, "timeout"));
    for request in [harness::get("/forever"), harness::post("/work", None, "abc")] {
        let answer = raw(server.address, request).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"));
    }
}

#[tokio::test]
async fn what_is_too_much_is_refused_at_once() {
    let (gate, router) = Gate::router();
    let server = Running::hardened(router, Limits { concurrency: 1, ..Limits::default() }).await;
    let first = tokio::spawn(raw(server.address, harness::get("/gate")));
    gate.begun.notified().await;

    let refused = raw(server.address, harness::get("/")).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "overloaded"));
    assert_eq!(refused.header("retry-after"), Some("1"));

    gate.go.notify_one();
    assert_eq!(first.await.unwrap().body, "done");
    assert_eq!(raw(server.address, harness::get("/")).await.status, 200);
}

#[tokio::test]
async fn slow_bodies_take_no_place_from_others() {
    let router = Router::new().route("/", post(async |body: Bytes| body));
    let server = Running::hardened(router, Limits { concurrency: 2, ..Limits::default() }).await;
    // Each but the first has to wait for a second until one of the others is given up.
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = "POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabc";
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
        assert_eq!(raw(server.address, harness::post("/", None, "whole")).await.body, "whole");
    }
    // Those that were waited for longest were given up, and say so; the last goes on.
    let mut last = slow.pop().unwrap();
    for mut stream in slow {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(Raw::parse(&answer).problem(), "timeout");
    }
    last.write_all(b"def").await.unwrap();
    let mut answer = Vec::new();
    last.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Raw::parse(&answer).body, "abcdef");
}

#[tokio::test]
async fn a_body_that_arrives_when_all_are_at_work_is_refused_unbegun() {
    let (gate, router) = Gate::router();
    let begun = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mark = Arc::clone(&begun);
    let handler = async move |body: Bytes| {
        mark.store(true, std::sync::atomic::Ordering::SeqCst);
        body
    };
    let router = router.route("/body", post(handler));
    let server = Running::hardened(router, Limits { concurrency: 1, ..Limits::default() }).await;
    let mut late = TcpStream::connect(server.address).await.unwrap();
    let head =
        "POST /body HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n";
    late.write_all(head.as_bytes()).await.unwrap();
    // That it is asked to go on shows that it was let in.
    let mut go_on = [0; 25];
    late.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
    let first = tokio::spawn(raw(server.address, harness::get("/gate")));
    gate.begun.notified().await;
    // While all are at work, a body is not even waited for.
    assert_eq!(raw(server.address, harness::post("/body", None, "abc")).await.problem(), "overloaded");
    late.write_all(b"abcdef").await.unwrap();
    let mut answer = Vec::new();
    late.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Raw::parse(&answer).problem(), "overloaded");
    assert!(!begun.load(std::sync::atomic::Ordering::SeqCst));
    gate.go.notify_one();
    assert_eq!(first.await.unwrap().body, "done");
}

#[tokio::test]
async fn a_panic_is_an_internal_problem_and_frees_its_place() {
    async fn panics() -> &'static str {
        panic!("a text that stays inside")
    }
    let router = Router::new().route("/panic", get(panics)).route("/", get(async || "ok"));
    let server = Running::hardened(router, Limits { concurrency: 1, ..Limits::default() }).await;
    for _ in 0..2 {
        let answer = raw(server.address, harness::get("/panic")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (500, "internal"));
        assert!(!answer.body.contains("inside"));
    }
    assert_eq!(raw(server.address, harness::get("/")).await.body, "ok");
}

#[tokio::test]
async fn whoever_sends_a_head_slowly_is_closed() {
    let options = ServeOptions { header_timeout: SOON, ..ServeOptions::default() };
    let server = Running::start_with(Router::new().route("/", get(async || "ok")), options).await;
    for begun in
        ["", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: test\r\nX-Slow: ", "GET / HTTP/1.1\r\nHost: test\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Ends because the server closes: also after a complete request, when the next never comes.
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer.ends_with(b"ok"), begun.ends_with("\r\n\r\n"), "{begun:?}");
    }
}

#[tokio::test]
async fn a_head_too_large_is_refused() {
    let options = ServeOptions { header_bytes: 10_000, ..ServeOptions::default() };
    let server = Running::start_with(Router::new().route("/", get(async || "ok")), options).await;
    let request =
        |size| format!("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Large: {}\r\n\r\n", "x".repeat(size));
    assert_eq!(raw(server.address, request(9_000)).await.status, 200);
    assert_eq!(raw(server.address, request(10_000)).await.status, 431);
}

#[tokio::test]
async fn whoever_does_not_read_is_closed() {
    struct Gone(Option<oneshot::Sender<()>>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).ok();
        }
    }
    let (gone, was_closed) = oneshot::channel();
    let kept = Arc::new(std::sync::Mutex::new(Some(Gone(Some(gone)))));
    let handler = async move || {
        // The answer owns the mark, which is dropped with the connection.
        let mark = kept.lock().unwrap().take();
        Bytes::from_owner(Large(vec![0; 32 << 20], mark))
    };
    struct Large(Vec<u8>, #[allow(dead_code, reason = "kept for its drop")] Option<Gone>);
    impl AsRef<[u8]> for Large {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let options = ServeOptions { write_stall: SOON, ..ServeOptions::default() };
    let server = Running::start_with(Router::new().route("/", get(handler)), options).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    was_closed.await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_their_turn() {
    let options = ServeOptions { connections: 1, ..ServeOptions::default() };
    let (gate, router) = Gate::router();
    let server = Running::start_with(router, options).await;
    let first = tokio::spawn(raw(server.address, harness::get("/gate")));
    gate.begun.notified().await;
    let mut second = tokio::spawn(raw(server.address, harness::get("/")));
    assert!(tokio::time::timeout(SOON, &mut second).await.is_err());
    gate.go.notify_one();
    assert_eq!(first.await.unwrap().body, "done");
    assert_eq!(second.await.unwrap().body, "ok");
}

#[tokio::test]
async fn whoever_says_nothing_gives_way_and_whoever_is_answered_does_not() {
    let options = ServeOptions { connections: 3, patience: Duration::ZERO, ..ServeOptions::default() };
    let (gate, router) = Gate::router();
    let server = Running::start_with(router, options).await;
    let slow = raw(server.address, harness::get("/gate"));
    let slow = tokio::spawn(slow);
    gate.begun.notified().await;
    // Half a head each, many more than there are places.
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: te").await.unwrap();
        silent.push(stream);
    }
    for _ in 0..3 {
        assert_eq!(raw(server.address, harness::get("/")).await.body, "ok");
    }
    // The first to come were the first to go.
    for stream in silent.iter_mut().take(18) {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        assert!(answer.is_empty());
    }
    gate.go.notify_one();
    assert_eq!(slow.await.unwrap().body, "done");
}

#[tokio::test]
async fn an_idle_connection_gives_way_and_one_in_use_goes_on() {
    let options = ServeOptions { connections: 1, patience: SOON, ..ServeOptions::default() };
    let server = Running::start_with(Router::new().route("/", get(async || "ok")), options).await;
    let request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        kept.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            assert_ne!(kept.read_buf(&mut answer).await.unwrap(), 0);
        }
    }
    assert_eq!(raw(server.address, harness::get("/")).await.body, "ok");
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest).await.ok();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn shutdown_answers_what_is_in_flight_and_takes_no_more() {
    let (gate, router) = Gate::router();
    let server = Running::start(harden(router, Limits::default())).await;
    // Kept alive, idle or not yet used: such connections do not hold up the end.
    let _unused = TcpStream::connect(server.address).await.unwrap();
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    let in_flight = tokio::spawn(raw(server.address, "GET /gate HTTP/1.1\r\nHost: test\r\n\r\n"));
    gate.begun.notified().await;

    server.stop.send(()).unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    gate.go.notify_one();
    assert_eq!(in_flight.await.unwrap().body, "done");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let (gate, router) = Gate::router();
    let server = Running::start_with(router, ServeOptions { drain: SOON, ..ServeOptions::default() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(harness::get("/gate").as_bytes()).await.unwrap();
    gate.begun.notified().await;
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let server =
        Running::hardened(Router::new().route("/", post(async |Json(n): Json<u8>| Json(n))), Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = "POST / HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n7";
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n7") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        assert_eq!(Raw::parse(&answer).status, 200);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_the_service() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stop = shutdown_signal().unwrap();
    let also = shutdown_signal().unwrap();
    let server = tokio::spawn(serve_tcp(listener, Router::new(), stop));
    let killed = std::process::Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status().unwrap();
    assert!(killed.success());
    server.await.unwrap().unwrap();
    also.await;
}

#[test]
fn defaults_let_clients_outwait_services() {
    assert!(Limits::default().timeout <= Duration::from_secs(30));
    assert_eq!(Code::Overloaded.status(), 503);
}
