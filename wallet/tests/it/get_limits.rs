//! What is not paid: what is not allowed, what cannot be met, what would not be taken.

use std::sync::atomic::Ordering;

use farthing_protocol::identity::{Keypair, MintId, PayeeKey};
use farthing_protocol::ids::HttpBinding;
use farthing_wallet::{
    DemandError, Denied, GetError, GetLimits, GetOutcome, HttpPayment, HttpRequest, Part, Price, Unusable,
};
use serde_json::{Value, json};

use crate::double::{amount, unit};
use crate::get::{assert_held, assert_one_payment, get, request, up_to, world};
use crate::shop::{Act, Shop};

fn denied(result: Result<GetOutcome, GetError>) -> (u64, Denied) {
    match result {
        Err(GetError::Denied(denied)) => (denied.price.amount.units(), denied.why),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_paid_beyond_what_a_request_may_cost() {
    let (world, wallet, shop) = world().await;
    assert_eq!(denied(wallet.get(request(&shop), &GetLimits::default()).await), (5, Denied::NoLimit));
    assert_eq!(denied(wallet.get(request(&shop), &up_to(4)).await), (5, Denied::Request));
    let other = farthing_protocol::amount::Unit::new("EUR", 3).unwrap();
    let limits = GetLimits { max_amount: Some(Price { amount: amount(100), unit: other }), ..GetLimits::default() };
    assert_eq!(denied(wallet.get(request(&shop), &limits).await), (5, Denied::Request));
    assert_eq!(shop.payments(), Vec::<String>::new());
    // A dearer way of paying is passed over.
    shop.accept(json!([shop.entry(6), shop.entry(5)]));
    let outcome = wallet.get(request(&shop), &up_to(5)).await.unwrap();
    let HttpPayment::Paid { paid, .. } = outcome.payment else { panic!("{outcome:?}") };
    assert_eq!(paid.amount, amount(5));
    assert_held(&world, &wallet, 95).await;
}

/// A server whose second answer names somebody else is not paid by the yes to the first one.
#[tokio::test]
async fn a_yes_is_for_one_payee_and_mint() {
    let (world, wallet, shop) = world().await;
    let payee = world.double.with(|state| PayeeKey::from(&state.payee));
    let other = PayeeKey::from(&Keypair::generate(&mut rand::rng()));
    let only = |payee, mint| GetLimits { only: Some((payee, mint)), ..up_to(10) };
    let stranger = MintId::from_bytes([5; 32]);
    for limits in [only(other, world.double.id()), only(payee, stranger)] {
        assert_eq!(denied(wallet.get(request(&shop), &limits).await), (5, Denied::Another));
    }
    wallet.set_budget(&shop.url(), &unit(), amount(12), None).await.unwrap();
    assert_eq!(denied(wallet.get(request(&shop), &only(other, world.double.id())).await), (5, Denied::Another));
    assert_eq!(shop.payments(), Vec::<String>::new());
    // The one that was allowed is paid, wherever it stands.
    shop.accept(json!([with(shop.entry(3), "payTo", json!(other.to_text())), shop.entry(5)]));
    let outcome = wallet.get(request(&shop), &only(payee, world.double.id())).await.unwrap();
    let HttpPayment::Paid { paid, .. } = outcome.payment else { panic!("{outcome:?}") };
    assert_eq!((paid.payee, paid.amount), (payee, amount(5)));
    assert_held(&world, &wallet, 95).await;
}

#[tokio::test]
async fn a_budget_is_spent_renewed_and_given_back() {
    let (world, wallet, shop) = world().await;
    wallet.set_budget(&shop.url(), &unit(), amount(12), Some(3600)).await.unwrap();
    let without = GetLimits::default();
    let paid = |outcome: GetOutcome| matches!(outcome.payment, HttpPayment::Paid { .. });
    assert!(paid(wallet.get(request(&shop), &without).await.unwrap()));
    // What is refused is given back.
    shop.act([Act::Demand]);
    let refused = wallet.get(request(&shop), &without).await.unwrap();
    assert!(matches!(refused.payment, HttpPayment::TakenBack { .. }));
    assert!(paid(wallet.get(request(&shop), &without).await.unwrap()));
    let left = amount(2);
    assert_eq!(denied(wallet.get(request(&shop), &without).await), (5, Denied::Budget { left }));
    // What a request may cost does not go beyond it.
    assert_eq!(denied(wallet.get(request(&shop), &up_to(10)).await), (5, Denied::Budget { left }));
    let budgets = wallet.budgets().await.unwrap();
    assert_eq!((budgets.len(), budgets[0].spent, budgets[0].origin.as_str()), (1, amount(10), shop.origin.as_str()));
    let exported = serde_json::to_value(wallet.export().await.unwrap()).unwrap();
    assert_eq!(
        (&exported["budgets"][0]["origin"], &exported["budgets"][0]["spent"]),
        (&json!(shop.origin), &json!("10"))
    );
    // It is remembered, and begins anew after its window.
    drop(wallet);
    let wallet = world.open().await;
    assert_eq!(denied(wallet.get(request(&shop), &without).await), (5, Denied::Budget { left }));
    world.double.clock.fetch_add(3600, Ordering::SeqCst);
    assert_eq!(wallet.budgets().await.unwrap()[0].spent, amount(0));
    assert!(paid(wallet.get(request(&shop), &without).await.unwrap()));
    assert_eq!(wallet.budgets().await.unwrap()[0].spent, amount(5));
    // What was taken from an earlier window is not given back to the next.
    shop.act([Act::Die]);
    assert!(wallet.get(request(&shop), &without).await.is_err());
    assert_eq!(wallet.budgets().await.unwrap()[0].spent, amount(10));
    world.double.clock.fetch_add(3600, Ordering::SeqCst);
    wallet.set_budget(&shop.url(), &unit(), amount(12), None).await.unwrap();
    wallet.resume().await.unwrap();
    assert_eq!(wallet.budgets().await.unwrap()[0].spent, amount(0));
    // Another server has none.
    let other = Shop::open(&world.double, 5).await;
    assert_eq!(denied(wallet.get(request(&other), &without).await), (5, Denied::NoLimit));
    assert!(wallet.remove_budget(&shop.url(), &unit()).await.unwrap());
    assert!(!wallet.remove_budget(&shop.url(), &unit()).await.unwrap());
    assert_eq!(denied(wallet.get(request(&shop), &without).await), (5, Denied::NoLimit));
    assert_held(&world, &wallet, 85).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_spend_a_budget_once() {
    let (world, wallet, shop) = world().await;
    wallet.set_budget(&shop.url(), &unit(), amount(12), None).await.unwrap();
    let fetches: Vec<_> = (0..6)
        .map(|i| {
            let (wallet, url) = (wallet.clone(), format!("{}&i={i}", shop.url()));
            let request = HttpRequest::new("GET", &url).unwrap();
            tokio::spawn(async move { wallet.get(request, &GetLimits::default()).await })
        })
        .collect();
    let mut paid = 0;
    for fetch in fetches {
        match fetch.await.unwrap() {
            Ok(outcome) => paid += u64::from(matches!(outcome.payment, HttpPayment::Paid { .. })),
            Err(GetError::Denied(denied)) => assert!(matches!(denied.why, Denied::Budget { .. })),
            // Others hold the tokens while they swap.
            Err(GetError::InsufficientFunds) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!((1..=2).contains(&paid), "{paid}");
    assert_eq!(wallet.budgets().await.unwrap()[0].spent, amount(5 * paid));
    assert_held(&world, &wallet, 100 - 5 * paid).await;
}

fn with(mut entry: Value, field: &str, value: Value) -> Value {
    entry[field] = value;
    entry
}

#[tokio::test]
async fn demands_that_cannot_be_met_cost_nothing() {
    let (world, wallet, shop) = world().await;
    let stranger = MintId::from_bytes([5; 32]).network();
    let cases = [
        (with(shop.entry(5), "network", json!(stranger)), Unusable::UnknownMint),
        (with(shop.entry(5), "network", json!("eip155:8453")), Unusable::NotFarthing),
        (with(shop.entry(5), "asset", json!("USD")), Unusable::Unit),
    ];
    for (entry, reason) in cases {
        shop.accept(json!([entry]));
        match get(&wallet, &shop).await {
            Err(GetError::Demand(DemandError::Unusable(reasons))) => assert_eq!(reasons, [reason]),
            other => panic!("{other:?}"),
        }
    }
    shop.accept(json!([]));
    assert!(matches!(get(&wallet, &shop).await, Err(GetError::Demand(DemandError::Entries))));
    shop.accept(json!([shop.entry(101)]));
    assert!(matches!(wallet.get(request(&shop), &up_to(200)).await, Err(GetError::InsufficientFunds)));
    // Of several, the first that can be paid is.
    let foreign = with(shop.entry(5), "network", json!(stranger));
    shop.accept(json!([foreign, shop.entry(200), shop.entry(7)]));
    let outcome = wallet.get(request(&shop), &up_to(200)).await.unwrap();
    let HttpPayment::Paid { paid, .. } = outcome.payment else { panic!("{outcome:?}") };
    assert_eq!(paid.amount, amount(7));
    assert_held(&world, &wallet, 93).await;
}

#[tokio::test]
async fn what_servers_would_not_take_is_not_reserved() {
    let (world, wallet, shop) = world().await;
    shop.accept(json!([with(shop.entry(5), "extra", json!({"long": "x".repeat(11_000)}))]));
    let error = get(&wallet, &shop).await.unwrap_err();
    assert!(matches!(error, GetError::TooLarge { part: Part::Headers, .. }), "{error:?}");
    shop.accept(json!([shop.entry(5)]));
    let fat = request(&shop).header("x-fat", "x".repeat(15_000).as_bytes()).unwrap();
    let error = wallet.get(fat, &up_to(10)).await.unwrap_err();
    assert!(matches!(error, GetError::TooLarge { part: Part::Headers, .. }), "{error:?}");
    let heavy = HttpRequest::new("POST", &shop.url()).unwrap().body(vec![0; (2 << 20) + 1]);
    let error = wallet.get(heavy, &up_to(10)).await.unwrap_err();
    assert!(matches!(error, GetError::TooLarge { part: Part::Body, .. }), "{error:?}");
    // As large as is kept, it is paid for.
    let large = HttpRequest::new("POST", &shop.url()).unwrap().body(vec![0; 2 << 20]);
    wallet.get(large, &up_to(10)).await.unwrap();
    assert_held(&world, &wallet, 95).await;
}

#[tokio::test]
async fn an_answer_too_large_to_read_is_asked_for_again_with_the_same_payment() {
    let (world, wallet, shop) = world().await;
    let small = GetLimits { answer_bytes: 3, ..up_to(10) };
    assert!(matches!(wallet.get(request(&shop), &small).await, Err(GetError::Unknown { .. })));
    assert!(matches!(get(&wallet, &shop).await.unwrap().payment, HttpPayment::Paid { .. }));
    assert_one_payment(&shop);
    assert_held(&world, &wallet, 95).await;
}

/// Our own gateway signs an invoice for this very request: it is paid instead of an offer.
#[tokio::test]
async fn an_invoice_that_comes_with_the_demand_is_paid_once() {
    let (world, wallet, shop) = world().await;
    let invoice = |url: &str| {
        world.invoice_with(5, |draft| {
            draft.http = Some(HttpBinding::new("GET", url, b""));
            draft.endpoint = None;
        })
    };
    let other = invoice(&format!("{}&more", shop.url()));
    shop.accept(json!([with(shop.entry(5), "extra", json!({"invoice": other}))]));
    assert!(matches!(get(&wallet, &shop).await, Err(GetError::Demand(DemandError::Unusable(_)))));
    shop.accept(json!([with(shop.entry(5), "extra", json!({"invoice": invoice(&shop.url())}))]));
    let outcome = get(&wallet, &shop).await.unwrap();
    let HttpPayment::Paid { paid, .. } = outcome.payment else { panic!("{outcome:?}") };
    // The same invoice once more: it was paid.
    match get(&wallet, &shop).await {
        Err(GetError::InProgress { op }) => assert_eq!(op, paid.op),
        other => panic!("{other:?}"),
    }
    assert_held(&world, &wallet, 95).await;
}
