//! Everything that can be sent wrong: each gets a problem with a stable code, and nothing is lost.

use farthing_http::client::{BaseUrl, CallError};
use farthing_http::problem::Code;
use farthing_protocol::api::{Deposit, DepositAnswer, DepositOutcome, DepositRequest, mint_path, verifier_path};
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::{Claim, RequestHash};
use farthing_protocol::keyset::KeysetDocument;
use farthing_protocol::payment::Payment;
use farthing_protocol::request::Invoice;
use farthing_protocol::shape::Shape;
use farthing_protocol::text::TextForm;
use serde_json::{Value, json};

use crate::harness::{World, answer_of};
use crate::raw::{RawWallet, amount};

fn code(error: &CallError) -> Option<Code> {
    error.problem().and_then(|problem| problem.known())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mint_answers_bad_input_with_problems() {
    let world = World::new();
    let mint = world.mint();
    let wallet = RawWallet::new(&mint.url).await;
    let keyset = wallet.keyset.id().to_text();
    let good = serde_json::to_value(Shape::Withdrawal(amount(5))).unwrap();
    let zero = serde_json::to_value(Shape::Withdrawal(amount(0))).unwrap();
    let huge = serde_json::to_value(Shape::Withdrawal(amount(1 << 40))).unwrap();
    let bundle = serde_json::to_value(Shape::Bundle(200)).unwrap();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("truncated", br#"{"keyset":"#.to_vec(), &["bad_request"]),
        ("not JSON", b"hello".to_vec(), &["bad_request"]),
        ("empty", Vec::new(), &["bad_request"]),
        ("unknown field", json!({"keyset": keyset, "shape": good, "x": 1}).to_string().into(), &["unknown_field"]),
        ("short keyset", json!({"keyset": "AAAA", "shape": good}).to_string().into(), &["malformed_object"]),
        ("padded", json!({"keyset": format!("{keyset}="), "shape": good}).to_string().into(), &["malformed_object"]),
        ("other version", json!({"keyset": keyset, "shape": "AgUA"}).to_string().into(), &["malformed_object"]),
        (
            "unknown keyset",
            json!({"keyset": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "shape": good}).to_string().into(),
            &["unknown_keyset"],
        ),
        ("amount 0", json!({"keyset": keyset, "shape": zero}).to_string().into(), &["amount_out_of_range"]),
        ("too much", json!({"keyset": keyset, "shape": huge}).to_string().into(), &["amount_out_of_range"]),
        ("no such bundle", json!({"keyset": keyset, "shape": bundle}).to_string().into(), &["invalid_shape"]),
        ("too large", vec![b' '; 8 << 20], &["body_too_large"]),
    ];
    for (name, body, codes) in cases {
        let (status, problem) = post(&mint.url, mint_path::OPEN, &body).await;
        assert!((400..500).contains(&status), "{name}: {status}");
        if name == "too large" {
            assert_eq!(status, 413);
        }
        assert!(codes.contains(&problem["code"].as_str().unwrap_or("")), "{name}: {problem}");
        assert_eq!(problem["status"], status, "{name}");
    }
    let (status, problem) = post(&mint.url, "/v1/nothing", b"{}").await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
    let (status, problem) = get(&mint.url, mint_path::OPEN).await;
    assert_eq!((status, &problem["code"]), (405, &json!("method_not_allowed")));
    // And it still works.
    assert!(wallet.open(Shape::Withdrawal(amount(5))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_merchant_refuses_what_is_not_his_and_nothing_is_lost() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let mut wallet = RawWallet::new(&mint.url).await;
    wallet.fund(&world, 1000);
    let tokens = wallet.withdraw(37).await;
    let invoice = Invoice::from_text(&world.run(&["verifier", "request", "0.37"])).unwrap();
    let larger = Invoice::from_text(&world.run(&["verifier", "request", "0.38"])).unwrap();
    let short = Invoice::from_text(&world.run(&["verifier", "request", "0.37", "--expires-in", "1"])).unwrap();

    // For another amount, for another payee, for another request, changed on the way.
    let mut other = wallet.answer(&tokens, &larger);
    assert_eq!(code(&wallet.pay(&merchant.url, &other).await.unwrap_err()), Some(Code::WrongRequest));
    let stranger = wallet.authorize(&tokens, wallet.mint.as_payee(), invoice.hash());
    other = wallet.answer(&tokens, &invoice);
    other.payment = stranger;
    assert_eq!(code(&wallet.pay(&merchant.url, &other).await.unwrap_err()), Some(Code::WrongPayee));
    let mut changed = wallet.answer(&tokens, &invoice);
    let mut bytes = changed.payment.to_bytes();
    let last = bytes.len() - 1;
    // Its highest byte is often zero already.
    bytes[last] ^= 1;
    if let Ok(payment) = Payment::from_bytes(&bytes) {
        changed.payment = payment;
        assert_eq!(code(&wallet.pay(&merchant.url, &changed).await.unwrap_err()), Some(Code::InvalidProof));
    }
    // Expired.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let late = wallet.answer(&tokens, &short);
    assert_eq!(code(&wallet.pay(&merchant.url, &late).await.unwrap_err()), Some(Code::RequestExpired));
    // Unknown fields, truncated, too large.
    let good = serde_json::to_value(wallet.answer(&tokens, &invoice)).unwrap();
    let mut extended = good.clone();
    extended["tip"] = json!("1");
    let (status, problem) = post(&merchant.url, verifier_path::PAY, extended.to_string().as_bytes()).await;
    assert_eq!((status, &problem["code"]), (400, &json!("unknown_field")));
    let truncated = good.to_string();
    let (status, _) = post(&merchant.url, verifier_path::PAY, &truncated.as_bytes()[..truncated.len() / 2]).await;
    assert_eq!(status, 400);
    let (status, problem) = post(&merchant.url, verifier_path::PAY, &vec![b' '; 8 << 20]).await;
    assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")));

    // None of it cost anything.
    let answer = wallet.pay(&merchant.url, &wallet.answer(&tokens, &invoice)).await.unwrap();
    assert!(answer.receipt.verify().is_ok());
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_of_a_forged_token_is_refused() {
    let world = World::new();
    let mint = world.mint();
    let other_world = World::new();
    let other_mint = other_world.mint();
    let mut wallet = RawWallet::new(&other_mint.url).await;
    wallet.fund(&other_world, 1000);
    let tokens = wallet.withdraw(5).await;
    let real = RawWallet::new(&mint.url).await;
    // Another mint's tokens under this mint's name.
    wallet.mint = real.mint;
    wallet.keyset = KeysetDocument::from_bytes(&real.keyset.document().to_bytes()).unwrap().verify().unwrap();
    let payment = wallet.authorize(&tokens, real.mint.as_payee(), RequestHash::from_bytes([1; 32]));
    let request = DepositRequest { deposits: vec![Deposit { payment, claim: Claim::from_bytes([2; 32]) }] };
    let url = BaseUrl::parse(&mint.url).unwrap().join(mint_path::DEPOSIT).unwrap();
    let answer: DepositAnswer = wallet.client.post_json(&url, &request).await.unwrap();
    assert!(
        matches!(&answer.outcomes[..], [DepositOutcome::Refused { code }] if code == "invalid_signature"),
        "{:?}",
        answer.outcomes
    );
    world.audit();
}

async fn post(base: &str, path: &str, body: &[u8]) -> (u16, Value) {
    answer_of("POST", base, path, body).await
}

async fn get(base: &str, path: &str) -> (u16, Value) {
    answer_of("GET", base, path, b"").await
}
