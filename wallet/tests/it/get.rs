//! Requests that are paid for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use farthing_protocol::api::mint_path;
use farthing_wallet::{
    GetError, GetLimits, GetOutcome, HttpPayment, HttpRequest, Outcome, Price, RequestError, Step, Wallet, Work,
};
use serde_json::json;

use crate::double::{amount, unit};
use crate::http::Fault;
use crate::shop::{Act, CONTENT, Shop};
use crate::world::{World, protection};

pub(crate) async fn world() -> (World, Wallet, Arc<Shop>) {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 100).await;
    let shop = Shop::open(&world.double, 5).await;
    (world, wallet, shop)
}

/// Withdrawal fee of the withdrawal above.
pub(crate) const FEE: u64 = 1;

pub(crate) fn up_to(units: u64) -> GetLimits {
    GetLimits { max_amount: Some(Price { amount: amount(units), unit: unit() }), ..GetLimits::default() }
}

pub(crate) fn request(shop: &Shop) -> HttpRequest {
    HttpRequest::new("GET", &shop.url()).unwrap()
}

pub(crate) async fn get(wallet: &Wallet, shop: &Shop) -> Result<GetOutcome, GetError> {
    wallet.get(request(shop), &up_to(10)).await
}

fn status(outcome: &GetOutcome) -> u16 {
    outcome.answer.status().as_u16()
}

/// Past the time-out of every offer.
fn later(world: &World) {
    world.double.clock.fetch_add(200, Ordering::SeqCst);
}

/// Exactly one payment was made, however often it was sent.
pub(crate) fn assert_one_payment(shop: &Shop) {
    let payments = shop.payments();
    assert!(!payments.is_empty());
    assert!(payments.iter().all(|payment| *payment == payments[0]), "two payments");
}

pub(crate) async fn assert_held(world: &World, wallet: &Wallet, available: u64) {
    world.assert_settled(wallet, FEE).await;
    assert_eq!(world.balance(wallet).await, (available, 0));
}

#[tokio::test]
async fn a_demand_is_paid_and_the_content_comes_with_a_receipt() {
    let (world, wallet, shop) = world().await;
    let outcome = get(&wallet, &shop).await.unwrap();
    assert_eq!((status(&outcome), &outcome.answer.body()[..]), (200, &CONTENT[..]));
    let HttpPayment::Paid { paid, settlement: Some(settlement) } = &outcome.payment else { panic!("{outcome:?}") };
    assert_eq!(paid.amount, amount(5));
    assert!(paid.receipt.unwrap().verify().is_ok());
    assert_eq!((settlement.success, settlement.transaction.as_str()), (true, "t-1"));

    let seen = shop.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("GET", "/tea?cups=2"));
    assert_eq!(seen[1].header("user-agent"), Some("farthing"));
    assert_eq!(seen[1].header("cookie"), None);
    let sent = seen[1].signature().unwrap();
    assert_eq!(sent["x402Version"], json!(2));
    assert_eq!(sent["accepted"], shop.entry(5));
    assert_eq!(sent["resource"], json!({"url": shop.url(), "description": "tea", "mimeType": "text/plain"}));
    assert_held(&world, &wallet, 95).await;

    // It is in the history, with the receipt and what the server said; the secrets of the request are not.
    let history = wallet.history().await.unwrap();
    let entry = history.iter().find(|entry| entry.id == paid.op).unwrap();
    assert!(matches!(entry.outcome, Outcome::Paid(Some(_))));
    let Work::Payment { url, settlement: kept, .. } = &entry.work else { panic!("{entry:?}") };
    assert_eq!((url.as_deref(), kept.as_deref()), (Some(shop.url().as_str()), Some(settlement)));
    let export = serde_json::to_value(wallet.export().await.unwrap()).unwrap();
    let exported = export["operations"].as_array().unwrap().iter().find(|one| one["operation"] == paid.op.get());
    let exported = exported.unwrap();
    assert_eq!((&exported["url"], &exported["transaction"]), (&json!(shop.url()), &json!("t-1")));
    assert!(!export.to_string().contains(&shop.payments()[0]));
    // Asked again, it is a new request, and paid anew.
    get(&wallet, &shop).await.unwrap();
    assert_held(&world, &wallet, 90).await;
}

#[tokio::test]
async fn method_headers_and_body_are_the_same_both_times() {
    let (_world, wallet, shop) = world().await;
    let request = HttpRequest::new("POST", &format!("{}#part", shop.url())).unwrap();
    let request = request.header("X-Order", b"17").unwrap().header("x-order", "gr\u{fc}n".as_bytes()).unwrap();
    let request = request.header("User-Agent", b"mine").unwrap().body([0, 1, 2, b'\n', 255]);
    wallet.get(request, &up_to(10)).await.unwrap();
    let seen = shop.seen();
    assert_eq!(seen.len(), 2);
    for one in &seen {
        assert_eq!(
            (one.method.as_str(), one.target.as_str(), &one.body[..]),
            ("POST", "/tea?cups=2", &[0, 1, 2, 10, 255][..])
        );
        let orders: Vec<&str> = one.headers.iter().filter(|(n, _)| n == "x-order").map(|(_, v)| v.as_str()).collect();
        assert_eq!(orders, ["17", "grün"]);
        assert_eq!(one.header("user-agent"), Some("mine"));
    }
    let rest = |mut one: crate::shop::Request| {
        one.headers.retain(|(name, _)| name != "payment-signature");
        one
    };
    assert_eq!(rest(seen[0].clone()), rest(seen[1].clone()));
}

#[test]
fn headers_that_are_the_clients_own_are_refused() {
    let request = || HttpRequest::new("GET", "https://shop.example/").unwrap();
    for name in ["PAYMENT-SIGNATURE", "Content-Length", "transfer-encoding", "Connection", "Host"] {
        assert!(matches!(request().header(name, b"x"), Err(RequestError::Reserved(_))), "{name}");
    }
    assert_eq!(request().header("a b", b"x"), Err(RequestError::Header));
    assert_eq!(request().header("a", b"x\r\ny: z"), Err(RequestError::Header));
    assert_eq!(HttpRequest::new("G T", "https://shop.example/"), Err(RequestError::Method));
    assert_eq!(HttpRequest::new("CONNECT", "https://shop.example/"), Err(RequestError::Method));
    for url in ["shop.example", "ftp://shop.example", "https://me:pw@shop.example/"] {
        assert!(matches!(HttpRequest::new("GET", url), Err(RequestError::Url(_))), "{url}");
    }
    let shown = format!("{:?}", HttpRequest::new("GET", "https://shop.example/secret?key=1").unwrap());
    assert!(!shown.contains("secret") && !shown.contains("key"), "{shown}");
}

#[tokio::test]
async fn what_costs_nothing_is_given_back_as_it_is() {
    let (world, wallet, shop) = world().await;
    for (code, body) in [(200, b"free".as_slice()), (404, b"no"), (500, b"oh"), (307, b""), (402, b"pay me otherwise")]
    {
        shop.free(code, body);
        let outcome = get(&wallet, &shop).await.unwrap();
        assert_eq!((status(&outcome), &outcome.answer.body()[..]), (code, body));
        assert!(matches!(outcome.payment, HttpPayment::None));
    }
    assert_eq!(shop.payments(), Vec::<String>::new());
    assert!(shop.seen().iter().all(|request| request.target == "/tea?cups=2"));
    assert_held(&world, &wallet, 100).await;
}

#[tokio::test]
async fn what_is_refused_comes_back_and_is_not_paid_again() {
    let failed = json!({"success": false, "errorReason": "nope", "errorMessage": "We are closed.", "transaction": "", "network": "x"});
    for (act, words) in [
        (Act::Demand, "Payment required"),
        (Act::Answer(402, Some(failed.clone())), "We are closed."),
        (Act::Answer(200, Some(failed)), "We are closed."),
    ] {
        let (world, wallet, shop) = world().await;
        shop.act([act, Act::Demand, Act::Demand]);
        let outcome = get(&wallet, &shop).await.unwrap();
        let HttpPayment::TakenBack { reason, .. } = &outcome.payment else { panic!("{outcome:?}") };
        assert_eq!(reason.as_deref(), Some(words));
        assert_eq!((shop.seen().len(), shop.payments().len()), (2, 1));
        assert_held(&world, &wallet, 100).await;
    }
}

#[tokio::test]
async fn what_is_refused_and_cannot_be_settled_yet_is_never_sent_again() {
    let (world, wallet, shop) = world().await;
    // Afterwards there are exact tokens, and the mint is asked for nothing but the settlement.
    shop.act([Act::Demand]);
    get(&wallet, &shop).await.unwrap();
    shop.act([Act::Demand]);
    world.double.fail_next(mint_path::OPEN, Fault::LoseRequest);
    let outcome = get(&wallet, &shop).await.unwrap();
    let HttpPayment::Refused { op, reason } = &outcome.payment else { panic!("{outcome:?}") };
    assert_eq!((reason.as_deref(), world.balance(&wallet).await), (Some("Payment required"), (95, 5)));
    let resumed = wallet.resume().await.unwrap();
    assert!(resumed.iter().all(|one| one.op == *op && one.result.is_ok()));
    assert_eq!(shop.payments().len(), 2);
    assert_held(&world, &wallet, 100).await;
}

#[tokio::test]
async fn a_server_that_takes_the_money_and_calls_it_refused_is_found_out() {
    let (world, wallet, shop) = world().await;
    shop.act([Act::SettleAndRefuse]);
    let outcome = get(&wallet, &shop).await.unwrap();
    assert_eq!(status(&outcome), 402);
    let HttpPayment::Paid { paid, settlement: None } = &outcome.payment else { panic!("{outcome:?}") };
    assert_eq!((paid.amount, paid.receipt), (amount(5), None));
    assert_held(&world, &wallet, 95).await;
}

#[tokio::test]
async fn success_counts_under_any_status() {
    for code in [204, 301, 402, 500, 503] {
        let (world, wallet, shop) = world().await;
        shop.act([Act::SettleAs(code)]);
        let outcome = get(&wallet, &shop).await.unwrap();
        assert_eq!(status(&outcome), code);
        assert!(matches!(outcome.payment, HttpPayment::Paid { settlement: Some(_), .. }), "{code}: {outcome:?}");
        assert_eq!(shop.seen().len(), 2);
        assert_held(&world, &wallet, 95).await;
    }
}

/// Redirections, failures of the handler, and servers that say nothing: the tokens stay reserved for the payment's time, nothing is
/// repeated, and then the mint says how it was.
#[tokio::test]
async fn an_answer_that_says_nothing_leaves_the_payment_open_and_it_is_settled_in_the_end() {
    let cases = [
        (Act::Redirect(307), 307, 100),
        (Act::Redirect(302), 302, 100),
        (Act::Answer(500, None), 500, 100),
        (Act::Answer(502, None), 502, 100),
        (Act::Answer(404, None), 404, 100),
        (Act::Answer(200, None), 200, 100),
        (Act::ServeSilently, 200, 95),
    ];
    for (act, code, left) in cases {
        let (world, wallet, shop) = world().await;
        shop.act([act.clone()]);
        let outcome = get(&wallet, &shop).await.unwrap();
        assert_eq!(status(&outcome), code);
        let HttpPayment::Open { op, .. } = outcome.payment else { panic!("{act:?}: {outcome:?}") };
        // No target but the one that was asked for saw the payment, and nobody sends it again unasked.
        assert_eq!(world.balance(&wallet).await, (95, 5));
        let resumed = wallet.resume().await.unwrap();
        assert!(resumed.iter().all(|one| one.op == op && one.result.is_err()), "{act:?}");
        assert_eq!(world.balance(&wallet).await, (95, 5));
        let seen = shop.seen();
        assert_eq!(seen.len(), 2, "{act:?}");
        assert!(seen.iter().all(|request| request.target == "/tea?cups=2"));
        later(&world);
        assert!(wallet.resume().await.unwrap()[0].result.is_ok());
        assert_eq!(shop.seen().len(), 2, "{act:?}");
        assert_held(&world, &wallet, left).await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_with_the_same_payment() {
    let (world, wallet, shop) = world().await;
    shop.act([Act::SettleAndDie]);
    let error = get(&wallet, &shop).await.unwrap_err();
    let GetError::Unknown { op, .. } = error else { panic!("{error:?}") };
    assert_eq!(world.balance(&wallet).await, (95, 5));
    // By itself nothing is repeated.
    wallet.resume().await.unwrap();
    assert_eq!(shop.seen().len(), 2);
    // Another request is another purchase.
    let other = HttpRequest::new("GET", &format!("{}&sugar", shop.url())).unwrap();
    wallet.get(other, &up_to(10)).await.unwrap();
    assert_eq!(shop.seen().len(), 4);
    // The same one is not: it is sent with the same bytes, without asking for the price first, whatever it may cost now.
    let outcome = wallet.get(request(&shop), &GetLimits::default()).await.unwrap();
    let HttpPayment::Paid { paid, .. } = &outcome.payment else { panic!("{outcome:?}") };
    assert_eq!((paid.op, &outcome.answer.body()[..]), (op, &CONTENT[..]));
    let payments = shop.payments();
    assert_eq!((shop.seen().len(), payments.len()), (5, 3));
    assert_eq!(payments[0], payments[2]);
    assert_held(&world, &wallet, 90).await;
}

#[tokio::test]
async fn requests_that_may_be_repeated_are_sent_again_by_themselves_with_the_same_payment() {
    for (method, repeated) in [("GET", true), ("PUT", true), ("DELETE", true), ("POST", false), ("PATCH", false)] {
        let (world, wallet) = World::new().await;
        world.withdraw(&wallet, 100).await;
        drop(wallet);
        let options = world.options().attempts(3, Duration::ZERO);
        let wallet = Wallet::open(world.path(), protection().unlock(), options).await.unwrap();
        let shop = Shop::open(&world.double, 5).await;
        shop.act([Act::SettleAndDie, Act::SettleAndDie]);
        let request = || HttpRequest::new(method, &shop.url()).unwrap();
        let first = wallet.get(request(), &up_to(10)).await;
        if repeated {
            assert!(matches!(first.unwrap().payment, HttpPayment::Paid { .. }), "{method}");
            assert_eq!(shop.payments().len(), 3);
        } else {
            assert!(matches!(first, Err(GetError::Unknown { .. })), "{method}");
            assert_eq!(shop.payments().len(), 1, "{method}");
            assert!(matches!(wallet.get(request(), &up_to(10)).await, Err(GetError::Unknown { .. })));
            assert!(matches!(wallet.get(request(), &up_to(10)).await.unwrap().payment, HttpPayment::Paid { .. }));
        }
        assert_one_payment(&shop);
        assert_held(&world, &wallet, 95).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_yet_is_asked_again_with_the_same_payment() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 100).await;
    drop(wallet);
    let wallet =
        Wallet::open(world.path(), protection().unlock(), world.options().attempts(3, Duration::ZERO)).await.unwrap();
    let shop = Shop::open(&world.double, 5).await;
    let pending = Act::Answer(
        402,
        Some(json!({"success": false, "errorReason": "settlement_pending",
        "transaction": "x", "network": "y"})),
    );
    shop.act([pending.clone(), pending.clone()]);
    assert!(matches!(get(&wallet, &shop).await.unwrap().payment, HttpPayment::Paid { .. }));
    assert_eq!(shop.payments().len(), 3);
    assert_one_payment(&shop);
    // For ever: the payment stays open.
    shop.act(std::iter::repeat_n(pending, 3));
    assert!(matches!(get(&wallet, &shop).await.unwrap().payment, HttpPayment::Open { .. }));
    assert_eq!(world.balance(&wallet).await, (90, 5));
    later(&world);
    wallet.resume().await.unwrap();
    assert_held(&world, &wallet, 95).await;
}

#[tokio::test]
async fn a_payment_whose_time_has_passed_is_settled_before_the_same_request_is_made_again() {
    // The server never got it: the money is back, and the request is paid anew.
    let (world, wallet, shop) = world().await;
    shop.act([Act::Die]);
    assert!(matches!(get(&wallet, &shop).await, Err(GetError::Unknown { .. })));
    later(&world);
    assert!(matches!(get(&wallet, &shop).await.unwrap().payment, HttpPayment::Paid { .. }));
    let payments = shop.payments();
    assert_ne!(payments[0], payments[1]);
    assert_held(&world, &wallet, 95).await;
    // The server had it: nothing more is paid.
    shop.act([Act::SettleAndDie]);
    assert!(matches!(get(&wallet, &shop).await, Err(GetError::Unknown { .. })));
    later(&world);
    assert!(matches!(get(&wallet, &shop).await, Err(GetError::AnswerLost { .. })));
    assert_held(&world, &wallet, 90).await;
}

/// Whoever settles it: a wallet opened later, before the same request is made again, or its user who gave it up.
#[tokio::test]
async fn a_payment_that_was_accepted_and_not_answered_is_told_once_before_the_same_request_is_paid_again() {
    for given_up in [false, true] {
        for act in [Act::SettleAndDie, Act::ServeSilently, Act::SettleAndRefuse] {
            let (world, wallet, shop) = world().await;
            shop.act([act.clone()]);
            // A refusal is settled at once, unless the wallet is stopped before it can be.
            drop(wallet);
            let stop_at =
                if matches!(act, Act::SettleAndRefuse) { Step::SettlementStored } else { Step::PaymentSettled };
            let wallet = world.open_until(stop_at).await;
            let _stopped = get(&wallet, &shop).await;
            let op = wallet.operations().await.unwrap()[0].id;
            drop(wallet);
            let wallet = world.open().await;
            if given_up {
                wallet.give_up(op).await.unwrap();
            } else {
                later(&world);
                wallet.resume().await.unwrap();
            }
            assert_held(&world, &wallet, 95).await;
            drop(wallet);
            let wallet = world.open().await;
            // Another request is another purchase.
            let other = HttpRequest::new("GET", &shop.url()).unwrap().header("x-cups", b"2").unwrap();
            assert!(matches!(wallet.get(other, &up_to(10)).await.unwrap().payment, HttpPayment::Paid { .. }));
            let seen = shop.seen().len();
            let error = get(&wallet, &shop).await.unwrap_err();
            assert!(matches!(error, GetError::AnswerLost { op: lost } if lost == op), "{act:?}: {error:?}");
            assert_eq!(shop.seen().len(), seen, "the server was asked");
            assert_held(&world, &wallet, 90).await;
            // Who knows it may pay anew.
            assert!(matches!(get(&wallet, &shop).await.unwrap().payment, HttpPayment::Paid { .. }));
            assert_held(&world, &wallet, 85).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_is_gone_before_it_is_paid_costs_nothing() {
    let (world, wallet, shop) = world().await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let request = HttpRequest::new("GET", &format!("http://{gone}/")).unwrap();
    assert!(matches!(wallet.get(request, &up_to(10)).await, Err(GetError::NoAnswer(_))));
    assert_eq!(shop.seen().len(), 0);
    assert_held(&world, &wallet, 100).await;
}

/// When the same request is made again after a crash.
#[derive(Clone, Copy, Debug)]
enum Again {
    Never,
    Now,
    Later,
    NowAndLater,
}

/// Whether somebody knows from this that it was paid.
fn is_told(outcome: &Result<GetOutcome, GetError>) -> bool {
    match outcome {
        Ok(outcome) => matches!(outcome.payment, HttpPayment::Paid { .. }),
        Err(error) => matches!(error, GetError::AnswerLost { .. }),
    }
}

#[tokio::test]
async fn stopped_at_any_step_nothing_is_lost_and_nothing_paid_twice() {
    for act in [Act::Serve, Act::SettleAndDie, Act::Demand, Act::Answer(500, None)] {
        for step in [
            Step::PaymentStored,
            Step::PaymentAnswered,
            Step::ReceiptStored,
            Step::SettlementStored,
            Step::RequestStored,
            Step::PaymentSettled,
        ] {
            for again in [Again::Never, Again::Now, Again::Later, Again::NowAndLater] {
                let (world, wallet, shop) = world().await;
                drop(wallet);
                shop.act([act.clone()]);
                let wallet = world.open_until(step).await;
                // As somebody does who repeats a command until it says how it was.
                let mut told = is_told(&get(&wallet, &shop).await);
                drop(wallet);
                let wallet = world.open().await;
                if matches!(again, Again::Now | Again::NowAndLater) && !told {
                    told = is_told(&get(&wallet, &shop).await);
                }
                later(&world);
                wallet.resume().await.unwrap();
                if matches!(again, Again::Later | Again::NowAndLater) && !told {
                    let _whatever = get(&wallet, &shop).await;
                    later(&world);
                    wallet.resume().await.unwrap();
                }
                world.assert_settled(&wallet, FEE).await;
                // Every payment that the mint took is in the history as paid.
                let history = wallet.history().await.unwrap();
                let paid = history.iter().filter(|entry| matches!(entry.outcome, Outcome::Paid(_))).count() as u64;
                let (available, _) = world.balance(&wallet).await;
                assert_eq!(available + 5 * paid, 100, "{act:?} {step:?} {again:?}");
                assert!(paid <= 1, "{act:?} {step:?} {again:?}: paid {paid} times");
            }
        }
    }
}
