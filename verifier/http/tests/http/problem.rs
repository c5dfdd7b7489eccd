use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use farthing_http::client::CallError;
use farthing_http::extract::Path;
use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, Problem, ProblemBody, ReceivedCode};
use serde_json::json;

use crate::harness::{self, Running, client, liar, raw, url};

#[tokio::test]
async fn every_code_arrives_as_what_it_is() {
    let router = Router::new()
        .route("/{code}", get(async |Path(code): Path<String>| Code::parse(&code).unwrap().into_response()));
    let server = Running::start(router).await;
    for &code in Code::ALL {
        let answer = raw(server.address, harness::get(&format!("/{code}"))).await;
        assert_eq!(answer.status, code.status());
        assert_eq!(answer.problem(), code.as_str());
        assert!((400..600).contains(&code.status()));

        let error = client().get_json::<()>(&server.url(code.as_str())).await.unwrap_err();
        let CallError::Refused(body, status) = &error else { panic!("{error:?}") };
        assert_eq!((body.known(), *status), (Some(code), code.status()));
        assert_eq!(body.title(), code.title());
        assert_eq!(error.may_have_taken_effect(), code.outcome_unknown());
    }
}

#[test]
fn codes_are_distinct_and_read_back() {
    for (position, &code) in Code::ALL.iter().enumerate() {
        assert_eq!(Code::parse(code.as_str()), Some(code));
        assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        assert!(!Code::ALL[..position].contains(&code));
    }
    assert_eq!(Code::parse("no_such_code"), None);
    assert_eq!(Code::parse(""), None);
}

#[test]
fn the_wire_form_is_fixed() {
    let problem = Problem::new(Code::DoubleSpend)
        .with_detail("The second token was spent before.")
        .with(EARLIER_PAYMENT_ID, "abc")
        .with("status", "200")
        .with("code", "fine");
    let expected = json!({
        "type": "urn:farthing:problem:double_spend",
        "title": "A token in the payment was spent before.",
        "status": 409,
        "code": "double_spend",
        "detail": "The second token was spent before.",
        "earlier_payment_id": "abc",
    });
    assert_eq!(problem.to_json(), expected);
    let received: ProblemBody = serde_json::from_value(expected).unwrap();
    assert_eq!(received.known(), Some(Code::DoubleSpend));
    assert_eq!(received.extension(EARLIER_PAYMENT_ID), Some("abc"));
    assert_eq!(received.detail(), Some("The second token was spent before."));
    assert_eq!(received.extension("type"), None);
}

#[tokio::test]
async fn the_time_to_wait_travels() {
    let router = Router::new()
        .route("/given", get(async || Problem::new(Code::RateLimited).with_retry_after(Duration::from_millis(2_500))))
        .route("/default", get(async || Code::Overloaded));
    let server = Running::start(router).await;
    for (path, seconds) in [("given", 3), ("default", 1)] {
        let error = client().get_json::<()>(&server.url(path)).await.unwrap_err();
        assert_eq!(error.problem().unwrap().retry_after(), Some(Duration::from_secs(seconds)));
    }
}

#[tokio::test]
async fn unknown_codes_are_kept_and_hostile_text_is_tamed() {
    let body = json!({
        "code": "from_the_future", "title": "Red \u{1b}[31malert\u{202e}", "detail": "x".repeat(5_000), "number": 5, "note": "a\nb",
        "retry_after": "no", "status": 200,
    })
    .to_string();
    let head =
        format!("HTTP/1.1 418 x\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\r\n", body.len());
    let (address, _) = liar(head + &body).await;
    let error = client().get_json::<()>(&url(address, "x")).await.unwrap_err();
    assert!(error.may_have_taken_effect(), "an unknown code proves nothing");
    let CallError::Refused(problem, 418) = error else { panic!("{error:?}") };
    assert_eq!(problem.code(), &ReceivedCode::Unknown("from_the_future".to_owned()));
    assert_eq!(problem.title(), "Red [31malert");
    assert_eq!(problem.detail().unwrap().len(), 400);
    assert_eq!(problem.extension("note"), Some("ab"));
    assert_eq!(problem.extension("number"), None);
}

#[tokio::test]
async fn what_is_not_a_problem_is_a_bad_answer() {
    for (content_type, body) in [
        ("application/problem+json", "{}"),
        ("application/problem+json", "[1]"),
        ("application/problem+json", r#"{"code":7}"#),
        ("application/problem+json", "<html>"),
        ("application/json", r#"{"code":"double_spend"}"#),
        ("text/html", r#"{"code":"double_spend"}"#),
    ] {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 409 x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}");
        let (address, _) = liar(answer).await;
        assert_eq!(
            client().get_json::<()>(&url(address, "x")).await,
            Err(CallError::BadAnswer(409)),
            "{content_type} {body}"
        );
    }
}

#[tokio::test]
async fn a_401_names_a_scheme() {
    let server = Running::start(Router::new().route("/", get(async || Code::Unauthorized))).await;
    let answer = raw(server.address, harness::get("/")).await;
    assert_eq!(answer.header("www-authenticate"), Some("farthing"));
}
