//! What an x402 server asks of the verifier, over real sockets.

use farthing_http::client::{CallError, HttpClient};
use farthing_http::problem::Code;
use farthing_protocol::api::PayRequest;
use farthing_protocol::codec::{Wire, from_base64url};
use farthing_protocol::receipt::Receipt;
use serde_json::{Map, Value, json};

use crate::common::amount;
use crate::double::Mood;
use crate::sale::{forged, offered, terms};
use crate::service::Shop;

fn http() -> HttpClient {
    HttpClient::builder().build().unwrap()
}

async fn ask(shop: &Shop, what: &str, body: &Value) -> Result<Value, CallError> {
    http().post_json(&shop.verifier().public_url.join(&format!("/x402/{what}")).unwrap(), body).await
}

/// What the server demands, in its own words.
fn requirements(shop: &Shop, units: u64) -> Value {
    json!({"scheme": "exact", "network": shop.mint().id().network(), "amount": units.to_string(), "asset": "EUR",
        "payTo": shop.verifier().merchant.payee().to_text(), "maxTimeoutSeconds": 60,
        "extra": {"paymentFlow": "upfront", "later": [1]}})
}

fn body(paid: &PayRequest, requirements: &Value) -> Value {
    json!({"x402Version": 2, "paymentRequirements": requirements, "paymentPayload": {
        "x402Version": 2, "payload": paid, "accepted": requirements, "resource": {"url": "http://shop/report"}, "later": {}}})
}

/// Of a payment for five, to a server that demands five.
fn honest(shop: &Shop) -> Value {
    body(&offered(shop, 5), &requirements(shop, 5))
}

fn with(mut body: Value, place: &str, value: Value) -> Value {
    *body.pointer_mut(place).unwrap() = value;
    body
}

fn without(mut body: Value, place: &str, field: &str) -> Value {
    body.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(field).unwrap();
    body
}

/// The reason of a settlement that did not come about, which says what every library wants to be told.
fn refused(shop: &Shop, answer: &Value) -> String {
    let fields: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["errorMessage", "errorReason", "network", "payer", "success", "transaction"], "{answer}");
    assert_eq!((&answer["success"], &answer["payer"]), (&json!(false), &json!("anonymous")));
    assert_eq!(answer["network"], json!(shop.mint().id().network()));
    let reason = answer["errorReason"].as_str().unwrap();
    // Where something may have become of it, a transaction says so.
    assert_eq!(answer["transaction"].as_str().unwrap().is_empty(), reason != "settlement_pending", "{answer}");
    assert!(answer["errorMessage"].as_str().unwrap().ends_with('.'));
    reason.to_owned()
}

/// Refused both when it is to be verified and when it is to be settled.
async fn assert_refused(shop: &Shop, body: &Value, reason: &str) {
    let verified = ask(shop, "verify", body).await.unwrap();
    assert_eq!((&verified["isValid"], &verified["payer"]), (&json!(false), &json!("anonymous")), "{body}");
    assert_eq!(verified["invalidReason"], json!(reason), "{body}");
    assert!(verified["invalidMessage"].is_string());
    assert_eq!(refused(shop, &ask(shop, "settle", body).await.unwrap()), reason, "{body}");
}

#[tokio::test]
async fn what_is_settled_here_is_said_once() {
    let shop = Shop::open().await;
    let url = shop.verifier().public_url.join("/x402/supported").unwrap();
    let supported: Value = http().get_json(&url).await.unwrap();
    let payee = shop.verifier().merchant.payee().to_text();
    assert_eq!(
        supported,
        json!({"kinds": [{"x402Version": 2, "scheme": "exact", "network": shop.mint().id().network(),
            "extra": {"payTo": payee, "asset": "EUR", "decimals": 2}}], "extensions": [], "signers": {"farthing:*": []}})
    );
    let network = supported["kinds"][0]["network"].as_str().unwrap();
    assert_eq!(network.strip_prefix("farthing:").unwrap().len(), 32);
}

#[tokio::test]
async fn a_payment_is_verified_often_and_settled_once() {
    let mut shop = Shop::open().await;
    let paid = offered(&shop, 5);
    let body = body(&paid, &requirements(&shop, 5));
    for _ in 0..3 {
        let verified = ask(&shop, "verify", &body).await.unwrap();
        assert_eq!(verified, json!({"isValid": true, "payer": "anonymous"}));
    }
    assert_eq!(shop.mint.asked(), 0);
    let settled = ask(&shop, "settle", &body).await.unwrap();
    let receipt = settled["extra"]["receipt"].as_str().unwrap();
    assert_eq!(
        settled,
        json!({"success": true, "payer": "anonymous", "transaction": paid.payment.id().to_text(),
            "network": shop.mint().id().network(), "amount": "5", "extra": {"receipt": receipt}})
    );
    let receipt = Receipt::from_bytes(&from_base64url(receipt).unwrap()).unwrap();
    receipt.verify().unwrap();
    assert_eq!((receipt.draft().payment, receipt.draft().amount), (paid.payment.id(), amount(5)));

    assert_refused(&shop, &body, "duplicate_settlement").await;
    shop.stop().await;
    shop.start().await;
    assert_refused(&shop, &body, "duplicate_settlement").await;
    assert_eq!(shop.mint.asked(), 1);
    // What was sold here buys nothing elsewhere, and the other way round.
    assert!(shop.verifier().merchant.pay(paid).await.is_err());
    let elsewhere = offered(&shop, 5);
    let binding = farthing_protocol::ids::HttpBinding::new("GET", "a", b"");
    shop.verifier().merchant.sell(elsewhere.clone(), terms(5), binding).await.unwrap();
    assert_refused(&shop, &self::body(&elsewhere, &requirements(&shop, 5)), "duplicate_settlement").await;
}

#[tokio::test]
async fn of_many_at_once_one_is_told_yes() {
    let shop = Shop::open().await;
    let body = honest(&shop);
    let url = shop.verifier().public_url.join("/x402/settle").unwrap();
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (url, body) = (url.clone(), body.clone());
        tasks.push(tokio::spawn(async move { http().post_json::<_, Value>(&url, &body).await.unwrap() }));
    }
    let mut yes = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        if answer["success"] == json!(true) {
            yes += 1;
        } else {
            assert_eq!(refused(&shop, &answer), "duplicate_settlement");
        }
    }
    assert_eq!((yes, shop.mint.asked()), (1, 1));
}

#[tokio::test]
async fn the_servers_requirements_decide_and_not_what_the_payer_accepted() {
    let shop = Shop::open().await;
    // For another amount, though the payer claims what was demanded; a server that lowers the amount; one that raises it.
    for (paid, demanded) in [(4, 5), (5, 4), (5, 6)] {
        let body = body(&offered(&shop, paid), &requirements(&shop, demanded));
        assert_refused(&shop, &body, "invalid_exact_farthing_payload_authorization_value_mismatch").await;
    }
    let mismatch = "invalid_exact_farthing_payload_requirements_mismatch";
    for (field, value) in [("asset", json!("USD")), ("maxTimeoutSeconds", json!(61))] {
        let body = with(honest(&shop), &format!("/paymentRequirements/{field}"), value);
        assert_refused(&shop, &body, mismatch).await;
    }
    // Two honest halves that do not belong together.
    let (one, other) = (offered(&shop, 5), offered(&shop, 5));
    let mixed = PayRequest { payment: one.payment, request: other.request };
    assert_refused(&shop, &body(&mixed, &requirements(&shop, 5)), mismatch).await;
    // What the payer says that he accepted is not looked at: it may be anything, or nothing.
    for accepted in [json!({"amount": "1", "scheme": "none"}), json!([]), Value::Null] {
        let body = with(honest(&shop), "/paymentPayload/accepted", accepted);
        assert_eq!(ask(&shop, "settle", &body).await.unwrap()["success"], json!(true));
    }
    let body = without(honest(&shop), "/paymentPayload", "accepted");
    assert_eq!(ask(&shop, "settle", &body).await.unwrap()["success"], json!(true));
}

#[tokio::test]
async fn both_versions_are_looked_at() {
    let shop = Shop::open().await;
    for version in [json!(1), json!(3), json!("2"), json!(2.5), json!(-2), json!([2]), Value::Null] {
        for place in ["/x402Version", "/paymentPayload/x402Version"] {
            assert_refused(&shop, &with(honest(&shop), place, version.clone()), "invalid_x402_version").await;
        }
    }
    for place in ["", "/paymentPayload"] {
        assert_refused(&shop, &without(honest(&shop), place, "x402Version"), "invalid_x402_version").await;
    }
    assert_refused(&shop, &json!({}), "invalid_x402_version").await;
}

#[tokio::test]
async fn every_field_of_the_requirements_is_looked_at() {
    let shop = Shop::open().await;
    let requirements = "invalid_payment_requirements";
    let other_payee = farthing_protocol::identity::PayeeKey::from_bytes([5; 32]).to_text();
    let other_network = farthing_protocol::identity::MintId::from_bytes([5; 32]).network();
    let cases: &[(&str, &[Value], &str)] = &[
        ("scheme", &[json!("upto"), json!("Exact"), json!("")], "unsupported_scheme"),
        ("network", &[json!("eip155:8453"), json!(other_network), json!("farthing:*"), json!("")], "invalid_network"),
        ("payTo", &[json!(other_payee), json!("0x209693Bc6afc0C5328bA"), json!("")], requirements),
        (
            "amount",
            &[json!("0"), json!("05"), json!("-5"), json!("5.0"), json!("$5"), json!(""), json!("9223372036854775808")],
            requirements,
        ),
        ("maxTimeoutSeconds", &[json!(0), json!(-1), json!(1.5), json!("60"), json!(4_294_967_296_u64)], requirements),
    ];
    for (field, values, reason) in cases {
        let place = format!("/paymentRequirements/{field}");
        for value in *values {
            assert_refused(&shop, &with(honest(&shop), &place, value.clone()), reason).await;
        }
        for value in [json!(5.5), json!([]), json!({}), json!(true), Value::Null] {
            assert_refused(&shop, &with(honest(&shop), &place, value), requirements).await;
        }
        assert_refused(&shop, &without(honest(&shop), "/paymentRequirements", field), requirements).await;
    }
    for value in [json!(5), Value::Null, json!([])] {
        assert_refused(&shop, &with(honest(&shop), "/paymentRequirements/asset", value), requirements).await;
    }
    assert_refused(&shop, &without(honest(&shop), "/paymentRequirements", "asset"), requirements).await;
    for value in [json!([]), json!("{}"), Value::Null] {
        assert_refused(&shop, &with(honest(&shop), "/paymentRequirements", value), requirements).await;
    }
    assert_refused(&shop, &without(honest(&shop), "", "paymentRequirements"), requirements).await;
    // What is not known is passed over, and `extra` may be anything.
    let body = with(without(honest(&shop), "/paymentRequirements", "extra"), "/paymentPayload/resource", json!(7));
    assert_eq!(ask(&shop, "settle", &body).await.unwrap()["success"], json!(true));
}

#[tokio::test]
async fn a_payload_that_is_no_payment_is_called_so() {
    let shop = Shop::open().await;
    for value in [json!([]), json!("x"), json!(7), Value::Null] {
        assert_refused(&shop, &with(honest(&shop), "/paymentPayload", value.clone()), "invalid_payload").await;
        assert_refused(&shop, &with(honest(&shop), "/paymentPayload/payload", value), "invalid_payload").await;
    }
    assert_refused(&shop, &without(honest(&shop), "", "paymentPayload"), "invalid_payload").await;
    assert_refused(&shop, &without(honest(&shop), "/paymentPayload", "payload"), "invalid_payload").await;
    for field in ["payment", "request"] {
        let place = format!("/paymentPayload/payload/{field}");
        for value in [json!(""), json!("AQ"), json!("=="), json!("x".repeat(9000)), json!({}), json!(1), Value::Null] {
            assert_refused(&shop, &with(honest(&shop), &place, value), "invalid_payload").await;
        }
        assert_refused(&shop, &without(honest(&shop), "/paymentPayload/payload", field), "invalid_payload").await;
    }
    let mut more = honest(&shop);
    more["paymentPayload"]["payload"]["more"] = json!(1);
    assert_refused(&shop, &more, "invalid_payload").await;
    // A list that would do as the object, if names did not matter.
    let PayRequest { payment, request } = offered(&shop, 5);
    let list = with(honest(&shop), "/paymentPayload/payload", json!([payment, request]));
    assert_refused(&shop, &list, "invalid_payload").await;

    // Signatures that do not hold.
    let honest = offered(&shop, 5);
    let body = body(&forged(&shop, &honest), &requirements(&shop, 5));
    assert_refused(&shop, &body, "invalid_exact_farthing_payload_signature").await;
    // An invoice is no offer, and is paid elsewhere.
    let invoice = shop.invoice(5).await;
    let paid = PayRequest {
        payment: crate::common::pay(shop.mint(), &invoice),
        request: farthing_protocol::request::PaymentRequest::Invoice(invoice),
    };
    assert_refused(&shop, &self::body(&paid, &requirements(&shop, 5)), "invalid_payload").await;
}

#[tokio::test]
async fn a_body_that_is_none_is_a_problem() {
    let shop = Shop::open().await;
    let code = |answer: Result<Value, CallError>| answer.unwrap_err().problem().unwrap().known().unwrap();
    for body in [json!([2, {}, {}]), json!("settle"), json!(2), Value::Null] {
        assert_eq!(code(ask(&shop, "settle", &body).await), Code::BadRequest);
        assert_eq!(code(ask(&shop, "verify", &body).await), Code::BadRequest);
    }
    let mut large = Map::new();
    large.insert("x402Version".into(), json!("x".repeat(2 << 20)));
    assert_eq!(code(ask(&shop, "settle", &Value::Object(large)).await), Code::BodyTooLarge);
    let mut deep = json!({});
    for _ in 0..200 {
        deep = json!({"a": deep});
    }
    assert_eq!(
        code(ask(&shop, "settle", &with(honest(&shop), "/paymentPayload/payload", deep)).await),
        Code::BadRequest
    );
    let supported = shop.verifier().public_url.join("/x402/supported").unwrap();
    assert_eq!(code(http().post_json(&supported, &json!({})).await), Code::MethodNotAllowed);
}

#[tokio::test]
async fn time_decides() {
    let shop = Shop::open().await;
    let body = honest(&shop);
    shop.at(60);
    assert_refused(&shop, &body, "invalid_exact_farthing_payload_authorization_valid_before").await;
    shop.at(0);
    assert_eq!(ask(&shop, "settle", &body).await.unwrap()["success"], json!(true));
}

#[tokio::test]
async fn what_is_not_known_is_pending_and_never_a_refusal() {
    for mood in [Mood::Stumbles, Mood::LosesTheAnswer, Mood::Unavailable] {
        let shop = Shop::open().await;
        let body = honest(&shop);
        shop.mint.mood(mood);
        assert_eq!(refused(&shop, &ask(&shop, "settle", &body).await.unwrap()), "settlement_pending");
        // Past its time, the question is still what became of it; and a mint that does not listen says nothing of before.
        shop.at(5000);
        shop.mint.mood(Mood::Busy);
        assert_eq!(refused(&shop, &ask(&shop, "settle", &body).await.unwrap()), "settlement_pending");
        shop.mint.mood(Mood::Honest);
        // Nobody finishes it for another price.
        let dearer = with(body.clone(), "/paymentRequirements/amount", json!("6"));
        let cheaper = "invalid_exact_farthing_payload_authorization_value_mismatch";
        assert_eq!(refused(&shop, &ask(&shop, "settle", &dearer).await.unwrap()), cheaper);
        let later = with(body.clone(), "/paymentRequirements/maxTimeoutSeconds", json!(600));
        let other = "invalid_exact_farthing_payload_requirements_mismatch";
        assert_eq!(refused(&shop, &ask(&shop, "settle", &later).await.unwrap()), other);
        assert_eq!(ask(&shop, "settle", &body).await.unwrap()["success"], json!(true));
        assert_eq!(refused(&shop, &ask(&shop, "settle", &body).await.unwrap()), "duplicate_settlement");
    }
}

#[tokio::test]
async fn a_token_that_was_spent_is_refused_for_good() {
    let shop = Shop::open().await;
    let (coin, paid) = (shop.mint().coin(2), offered(&shop, 4));
    let pay_with = |paid: &PayRequest| PayRequest {
        payment: shop.mint().pay(&[&coin], *paid.request.payee(), paid.request.hash(), None),
        request: paid.request.clone(),
    };
    let (first, second) = (pay_with(&paid), pay_with(&offered(&shop, 4)));
    let body = |paid: &PayRequest| body(paid, &requirements(&shop, 4));
    assert_eq!(ask(&shop, "settle", &body(&first)).await.unwrap()["success"], json!(true));
    assert_eq!(refused(&shop, &ask(&shop, "settle", &body(&second)).await.unwrap()), "invalid_transaction_state");
    // That a token was spent shows only when somebody asks the mint.
    assert_eq!(ask(&shop, "verify", &body(&second)).await.unwrap()["isValid"], json!(true));
}

#[tokio::test]
async fn a_mint_that_cannot_be_reached_takes_nothing() {
    let mut shop = Shop::open().await;
    let body = honest(&shop);
    shop.mint.close();
    assert_eq!(refused(&shop, &ask(&shop, "settle", &body).await.unwrap()), "unexpected_settle_error");
    assert_eq!(ask(&shop, "verify", &body).await.unwrap()["isValid"], json!(true));
}
