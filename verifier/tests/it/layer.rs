//! The layer around services of axum.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use axum::routing::{get, post};
use data_encoding::BASE64;
use farthing_protocol::amount::Amount;
use farthing_protocol::api::PayRequest;
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_verifier::sell::{Cost, Origins, Price, PriceError, RequirePayment, SellOptions, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::common::pay;
use crate::service::Shop;

fn price(request: &axum::http::request::Parts) -> Result<Price, PriceError> {
    match request.uri.path() {
        "/free" => Ok(Price::Free),
        "/nothing" => Ok(Price::Costs(Cost { amount: Amount::default(), description: None })),
        path if path.starts_with("/api/") => {
            Ok(Price::Costs(Cost { amount: Amount::new(3).unwrap(), description: None }))
        }
        _ => Err(PriceError::NotForSale),
    }
}

fn service(shop: &Shop, handled: &Arc<AtomicUsize>) -> Router {
    let options = SellOptions::new(Origins::new(["https://api.example.com"]).unwrap());
    let layer = RequirePayment::new(shop.verifier().merchant.clone(), price, options);
    let count = |answer: Result<&'static str, StatusCode>| {
        let handled = Arc::clone(handled);
        move || {
            handled.fetch_add(1, Ordering::SeqCst);
            async move { answer }
        }
    };
    let api = Router::new()
        .route("/tea", get(count(Ok("tea"))))
        .route("/broken", get(count(Err(StatusCode::INTERNAL_SERVER_ERROR))))
        .route("/missing", get(count(Err(StatusCode::NOT_FOUND))))
        .route("/order", post(count(Ok("ordered"))));
    let router =
        Router::new().nest("/api", api).route("/free", get(count(Ok("free")))).route("/nothing", get(count(Ok(""))));
    router.layer(layer)
}

async fn ask(service: &Router, method: &str, path: &str, payment: Option<&str>) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).header("host", "api.example.com");
    let request = payment.into_iter().fold(request, |request, value| request.header(header::SIGNATURE, value));
    service.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn decoded(response: &Response<Body>, name: &str) -> Value {
    serde_json::from_slice(&BASE64.decode(response.headers()[name].as_bytes()).unwrap()).unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

/// Asks, pays, and gives the header that pays.
async fn paying(shop: &Shop, service: &Router, method: &str, path: &str) -> String {
    let demanded = ask(service, method, path, None).await;
    assert_eq!(demanded.status(), StatusCode::PAYMENT_REQUIRED);
    let demand = decoded(&demanded, header::REQUIRED);
    assert_eq!(demand["resource"]["url"], format!("https://api.example.com{path}"));
    let invoice: Invoice = serde_json::from_value(demand["accepts"][0]["extra"]["invoice"].clone()).unwrap();
    let paid = PayRequest { payment: pay(shop.mint(), &invoice), request: PaymentRequest::Invoice(invoice) };
    BASE64.encode(json!({"x402Version": 2, "payload": paid}).to_string().as_bytes())
}

#[tokio::test]
async fn handlers_of_a_router_are_sold_wherever_they_are_nested() {
    let (shop, handled) = (Shop::open().await, Arc::new(AtomicUsize::new(0)));
    let service = service(&shop, &handled);
    let paid = paying(&shop, &service, "GET", "/api/tea?sugar=1").await;
    assert_eq!(handled.load(Ordering::SeqCst), 0);
    let served = ask(&service, "GET", "/api/tea?sugar=1", Some(&paid)).await;
    assert_eq!(decoded(&served, header::RESPONSE)["success"], true);
    assert_eq!((served.status(), text(served).await.as_str()), (StatusCode::OK, "tea"));
    let elsewhere = ask(&service, "GET", "/api/tea?sugar=2", Some(&paid)).await;
    assert_eq!(elsewhere.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(text(ask(&service, "GET", "/free", None).await).await, "free");
    assert_eq!(handled.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_has_no_price_or_none_that_is_one_is_not_served() {
    let (shop, handled) = (Shop::open().await, Arc::new(AtomicUsize::new(0)));
    let service = service(&shop, &handled);
    assert_eq!(ask(&service, "GET", "/other", None).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(ask(&service, "GET", "/nothing", None).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_handler_that_fails_keeps_the_payment_and_one_that_says_no_does_not() {
    let (shop, handled) = (Shop::open().await, Arc::new(AtomicUsize::new(0)));
    let service = service(&shop, &handled);
    let paid = paying(&shop, &service, "GET", "/api/broken").await;
    for _ in 0..5 {
        let failed = ask(&service, "GET", "/api/broken", Some(&paid)).await;
        assert_eq!(failed.status(), StatusCode::BAD_GATEWAY);
        assert!(!failed.headers().contains_key(header::RESPONSE));
    }
    assert_eq!(handled.load(Ordering::SeqCst), 5);
    let paid = paying(&shop, &service, "GET", "/api/missing").await;
    let answered = ask(&service, "GET", "/api/missing", Some(&paid)).await;
    assert_eq!(answered.status(), StatusCode::NOT_FOUND);
    assert_eq!(decoded(&answered, header::RESPONSE)["success"], true);
}

#[tokio::test]
async fn an_order_is_handled_once() {
    let (shop, handled) = (Shop::open().await, Arc::new(AtomicUsize::new(0)));
    let service = service(&shop, &handled);
    let paid = paying(&shop, &service, "POST", "/api/order").await;
    for _ in 0..3 {
        let answer = ask(&service, "POST", "/api/order", Some(&paid)).await;
        assert_eq!((answer.status(), text(answer).await.as_str()), (StatusCode::OK, "ordered"));
    }
    assert_eq!(handled.load(Ordering::SeqCst), 1);
}
