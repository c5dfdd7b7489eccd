//! Payments for requests that somebody else makes.

use std::sync::atomic::Ordering;

use farthing_protocol::api::verifier_path;
use farthing_protocol::ids::HttpBinding;
use farthing_protocol::request::PaymentRequest;
use farthing_wallet::{
    DemandError, Denied, GetError, GetLimits, HandedPayment, OpId, Outcome, Resumption, Stage, Step, Unusable, Wallet,
    Work,
};
use serde_json::{Value, json};

use crate::get::{FEE, assert_held, up_to, world};
use crate::http::Service;
use crate::world::World;

async fn pay(wallet: &Wallet, entry: &Value) -> Result<HandedPayment, GetError> {
    wallet.pay_entry(&entry.to_string(), &up_to(10)).await
}

/// As whoever delivers it does.
fn deliver(world: &World, handed: &HandedPayment) -> bool {
    let body = serde_json::to_vec(&handed.payload).unwrap();
    world.double.answer(verifier_path::PAY, &body).is_ok()
}

fn later(world: &World) {
    world.double.clock.fetch_add(200, Ordering::SeqCst);
}

async fn outcome(wallet: &Wallet, op: OpId) -> Outcome {
    wallet.history().await.unwrap().iter().find(|entry| entry.id == op).unwrap().outcome
}

#[tokio::test]
async fn a_payment_is_handed_out_and_settled_when_its_time_has_passed() {
    for is_delivered in [true, false] {
        let (world, wallet, shop) = world().await;
        let handed = pay(&wallet, &shop.entry(5)).await.unwrap();
        assert_eq!((handed.price.amount.units(), handed.price.unit.code(), handed.swaps), (5, "EUR", 1));
        assert_eq!(&handed.payee, handed.payload.payment.payee());
        assert_eq!(handed.mint, world.double.id());
        let PaymentRequest::Offer(offer) = &handed.payload.request else { panic!("an offer") };
        let draft = offer.draft();
        assert_eq!((draft.resource.as_str(), draft.timeout_seconds, draft.offered_at.seconds() % 60), ("", 60, 0));
        assert_eq!(handed.until, handed.payload.request.expires_at());
        assert!(!format!("{handed:?}").contains("payload"));

        // It waits, and holds nothing up.
        let operations = wallet.operations().await.unwrap();
        assert_eq!((operations.len(), operations[0].stage), (1, Stage::Handed));
        assert!(matches!(&operations[0].work, Work::Payment { url: None, memo: None, .. }));
        assert_eq!(world.balance(&wallet).await, (95, 5));
        assert!(wallet.resume().await.unwrap().is_empty());
        drop(wallet);
        let wallet = world.open().await;
        assert!(wallet.resume().await.unwrap().is_empty());
        if is_delivered {
            assert!(deliver(&world, &handed));
        }
        assert!(wallet.resume().await.unwrap().is_empty());

        later(&world);
        let resumed = wallet.resume().await.unwrap();
        assert_eq!(resumed.len(), 1);
        let expected = if is_delivered { Outcome::Paid(None) } else { Outcome::TakenBack };
        assert_eq!(outcome(&wallet, handed.op).await, expected);
        // What was taken back can never be accepted.
        assert_eq!(deliver(&world, &handed), is_delivered);
        assert_held(&world, &wallet, if is_delivered { 95 } else { 100 }).await;
    }
}

#[tokio::test]
async fn each_call_makes_another_payment_and_one_can_be_given_up_before_its_time() {
    let (world, wallet, shop) = world().await;
    let (one, two) = (pay(&wallet, &shop.entry(5)).await.unwrap(), pay(&wallet, &shop.entry(5)).await.unwrap());
    assert!(one.op != two.op && one.payload.payment.id() != two.payload.payment.id());
    assert!(deliver(&world, &one));
    assert!(matches!(wallet.give_up(one.op).await, Ok(Some(Resumption::Paid(_)))));
    assert!(matches!(wallet.give_up(two.op).await, Ok(Some(Resumption::TakenBack(_)))));
    assert!(!deliver(&world, &two));
    assert_held(&world, &wallet, 95).await;
}

#[tokio::test]
async fn nothing_is_paid_that_was_not_allowed_or_cannot_be() {
    let (world, wallet, shop) = world().await;
    let denied = |error: GetError| match error {
        GetError::Denied(denied) => (denied.why, denied.origin),
        other => panic!("{other}"),
    };
    let entry = shop.entry(11);
    assert_eq!(denied(pay(&wallet, &entry).await.unwrap_err()), (Denied::Request, None));
    let nothing = GetLimits::default();
    let error = wallet.pay_entry(&shop.entry(5).to_string(), &nothing).await.unwrap_err();
    assert_eq!(denied(error), (Denied::NoLimit, None));
    assert!(matches!(pay(&wallet, &shop.entry(0)).await, Err(GetError::Demand(_))));
    let dear = wallet.pay_entry(&shop.entry(1000).to_string(), &up_to(5000)).await;
    assert!(matches!(dear, Err(GetError::InsufficientFunds)));
    for text in ["", "[]", "\"exact\"", "{", "{} {}", "[{}]"] {
        let refused = wallet.pay_entry(text, &up_to(10)).await;
        assert!(matches!(refused, Err(GetError::Demand(DemandError::Json))), "{text}");
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(40_000));
    assert!(matches!(wallet.pay_entry(&large, &up_to(10)).await, Err(GetError::Demand(DemandError::TooLarge))));
    let mut full = shop.entry(5);
    full["extra"] = json!("x".repeat(15_000));
    assert!(matches!(pay(&wallet, &full).await, Err(GetError::TooLarge { .. })));
    let foreign = pay(&wallet, &json!({"scheme": "exact", "network": "eip155:8453"})).await.unwrap_err();
    assert!(matches!(foreign, GetError::Demand(DemandError::Unusable(why)) if why == [Unusable::NotFarthing]));
    assert_held(&world, &wallet, 100).await;
}

#[tokio::test]
async fn an_invoice_in_the_entry_is_paid_whatever_it_is_bound_to() {
    let (world, wallet, shop) = world().await;
    let invoice = world.invoice_with(5, |draft| draft.http = Some(HttpBinding::new("PUT", "https://x.example/", b"x")));
    let mut entry = shop.entry(5);
    entry["extra"] = json!({ "invoice": invoice });
    let handed = pay(&wallet, &entry).await.unwrap();
    assert!(handed.payload.request == PaymentRequest::Invoice(invoice));
    // It is for one payment.
    assert!(matches!(pay(&wallet, &entry).await, Err(GetError::InProgress { op }) if op == handed.op));
    assert!(deliver(&world, &handed));
    assert!(matches!(wallet.give_up(handed.op).await, Ok(Some(Resumption::Paid(_)))));
    assert!(matches!(pay(&wallet, &entry).await, Err(GetError::InProgress { .. })));
    // Everything else of it is looked at.
    let other = world.invoice_with(4, |_| {});
    entry["extra"] = json!({ "invoice": other });
    assert!(matches!(pay(&wallet, &entry).await, Err(GetError::Demand(_))));
    assert_held(&world, &wallet, 95).await;
}

#[tokio::test]
async fn killed_before_it_is_handed_out_it_comes_back() {
    for step in [Step::PaymentStored, Step::SettlementStored, Step::RequestStored, Step::PaymentSettled] {
        let (world, wallet, shop) = world().await;
        drop(wallet);
        let wallet = world.open_until(step).await;
        let handed = pay(&wallet, &shop.entry(5)).await;
        if step == Step::PaymentStored {
            assert!(handed.is_err(), "killed before anything was handed out");
        }
        later(&world);
        let _killed = wallet.resume().await;
        drop(wallet);
        let wallet = world.open().await;
        wallet.resume().await.unwrap();
        later(&world);
        wallet.resume().await.unwrap();
        if let Ok(handed) = handed {
            assert!(!deliver(&world, &handed));
        }
        world.assert_settled(&wallet, FEE).await;
        assert_eq!(world.balance(&wallet).await, (100, 0), "{step:?}");
    }
}
