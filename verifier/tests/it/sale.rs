//! Payments given in for an HTTP request, or for an x402 server: one payment buys one thing.

use std::time::Duration;

use farthing_http::problem::Code;
use farthing_protocol::api::{InvoiceRequest, PayRequest};
use farthing_protocol::ids::{HttpBinding, RequestNonce};
use farthing_protocol::payment::Payment;
use farthing_protocol::request::{Offer, OfferDraft, PaymentRequest};
use farthing_verifier::check::CheckError;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::merchant::{KeptAnswer, Merchant, OfferTerms, PayError, Sale, Turn};
use farthing_verifier::store::StoreError;

use crate::common::{NOW, amount};
use crate::double::Mood;
use crate::service::Shop;

const WINDOW: u64 = 600;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn terms(units: u64) -> OfferTerms {
    OfferTerms { asset: Some("EUR".into()), amount: amount(units), timeout_seconds: 60 }
}

fn binding(what: &str) -> HttpBinding {
    HttpBinding::new("GET", what, b"")
}

fn offer(shop: &Shop, units: u64) -> Offer {
    let draft = OfferDraft {
        mint: shop.mint().id(),
        payee: *merchant(shop).payee(),
        asset: "EUR".into(),
        amount: amount(units),
        resource: "http://shop/report".into(),
        nonce: RequestNonce::from_bytes(rand::random()),
        offered_at: NOW,
        timeout_seconds: 60,
    };
    draft.make().unwrap()
}

/// A payment of an offer for so much.
pub(crate) fn offered(shop: &Shop, units: u64) -> PayRequest {
    answer(shop.mint(), offer(shop, units))
}

fn answer(mint: &TestMint, offer: Offer) -> PayRequest {
    let coins = mint.coins(offer.draft().amount);
    let coins: Vec<_> = coins.iter().collect();
    let payment = mint.pay(&coins, offer.draft().payee, offer.hash(), None);
    PayRequest { payment, request: PaymentRequest::Offer(offer) }
}

/// The same tokens for the same request, authorized anew by somebody who does not hold them.
pub(crate) fn forged(shop: &Shop, honest: &PayRequest) -> PayRequest {
    let other = offered(shop, honest.payment.amount().units());
    let mut bytes = farthing_protocol::codec::Wire::to_bytes(&honest.payment);
    let theirs = farthing_protocol::codec::Wire::to_bytes(&other.payment);
    let end = bytes.len();
    bytes[end - 64..].copy_from_slice(&theirs[end - 64..]);
    let payment: Payment = farthing_protocol::codec::Wire::from_bytes(&bytes).unwrap();
    assert!(payment.id() == honest.payment.id());
    PayRequest { payment, request: honest.request.clone() }
}

fn merchant(shop: &Shop) -> &Merchant {
    &shop.verifier().merchant
}

async fn sell(shop: &Shop, paid: &PayRequest, what: &str) -> Result<Sale, PayError> {
    merchant(shop).sell(paid.clone(), terms(paid.request.amount().units()), binding(what)).await
}

async fn served(sale: &Sale, repeatable: bool) -> bool {
    match sale.turn(repeatable, WINDOW).await {
        Ok(Turn::Serve(serving)) => {
            if !repeatable {
                serving.answered().await.unwrap();
            }
            true
        }
        Ok(Turn::Repeat(_)) | Err(PayError::Used) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_payment_buys_one_request_three_times_in_its_window() {
    let mut shop = Shop::open().await;
    let paid = offered(&shop, 5);
    let first = sell(&shop, &paid, "a").await.unwrap();
    assert!(served(&first, true).await);
    assert_eq!(sell(&shop, &paid, "b").await.unwrap_err(), PayError::AcceptedElsewhere);
    assert_eq!(merchant(&shop).pay(paid.clone()).await.unwrap_err(), PayError::AcceptedElsewhere);
    assert_eq!(
        merchant(&shop).settle_offer(paid.clone(), terms(5), PATIENCE).await.unwrap_err(),
        PayError::AcceptedElsewhere
    );
    assert_eq!(merchant(&shop).verify_offer(paid.clone(), terms(5)).await.unwrap_err(), PayError::AcceptedElsewhere);

    let receipt = *first.receipt();
    drop(first);
    shop.stop().await;
    shop.start().await;
    let again = sell(&shop, &paid, "a").await.unwrap();
    assert_eq!(*again.receipt(), receipt);
    assert!(served(&again, true).await);
    assert!(served(&again, true).await);
    assert!(!served(&again, true).await, "a fourth time");
    assert_eq!(shop.mint.asked(), 1);
    // The price may rise meanwhile: it was paid.
    assert!(merchant(&shop).sell(paid, terms(6), binding("a")).await.is_ok());
}

#[tokio::test]
async fn after_the_window_nothing_is_served_again_and_what_never_was_is() {
    let shop = Shop::open().await;
    let (served_once, never) = (offered(&shop, 5), offered(&shop, 5));
    assert!(served(&sell(&shop, &served_once, "a").await.unwrap(), true).await);
    let Ok(Turn::Serve(failing)) = sell(&shop, &never, "a").await.unwrap().turn(true, WINDOW).await else { panic!() };
    failing.failed().await.unwrap();
    shop.at(WINDOW);
    assert!(!served(&sell(&shop, &served_once, "a").await.unwrap(), true).await);
    assert!(served(&sell(&shop, &never, "a").await.unwrap(), true).await);
    assert!(!served(&sell(&shop, &never, "a").await.unwrap(), true).await);
}

#[tokio::test]
async fn a_request_is_served_by_one_at_a_time() {
    let shop = Shop::open().await;
    let paid = offered(&shop, 5);
    let sale = sell(&shop, &paid, "a").await.unwrap();
    let Ok(Turn::Serve(serving)) = sale.turn(true, WINDOW).await else { panic!() };
    assert_eq!(sell(&shop, &paid, "a").await.unwrap().turn(true, WINDOW).await.unwrap_err(), PayError::InProgress);
    drop(serving);
    assert!(served(&sale, true).await);
}

#[tokio::test]
async fn what_must_not_be_done_twice_is_answered_once_and_repeated_while_it_is_kept() {
    let mut shop = Shop::open().await;
    let (kept, lost) = (offered(&shop, 5), offered(&shop, 5));
    let sale = sell(&shop, &kept, "a").await.unwrap();
    let Ok(Turn::Serve(serving)) = sale.turn(false, WINDOW).await else { panic!() };
    serving.answered().await.unwrap();
    let answer = KeptAnswer { status: 201, headers: vec![("x".into(), b"y".to_vec())], body: vec![7; 100_000] };
    serving.keep(answer.clone()).await.unwrap();
    drop(sale);
    assert!(served(&sell(&shop, &lost, "a").await.unwrap(), false).await);

    shop.stop().await;
    shop.start().await;
    assert!(!served(&sell(&shop, &lost, "a").await.unwrap(), false).await, "its answer was not kept");
    for _ in 0..5 {
        let turn = sell(&shop, &kept, "a").await.unwrap().turn(false, WINDOW).await.unwrap();
        assert!(matches!(turn, Turn::Repeat(repeated) if repeated == answer));
    }
    merchant(&shop).forget_answers(WINDOW).await.unwrap();
    assert!(matches!(sell(&shop, &kept, "a").await.unwrap().turn(false, WINDOW).await, Ok(Turn::Repeat(_))));
    shop.at(WINDOW - 1);
    merchant(&shop).forget_answers(WINDOW - 2).await.unwrap();
    assert_eq!(sell(&shop, &kept, "a").await.unwrap().turn(false, WINDOW).await.unwrap_err(), PayError::Used);
}

#[tokio::test]
async fn whoever_knows_a_payment_s_id_alone_is_served_nothing() {
    let shop = Shop::open().await;
    let paid = offered(&shop, 5);
    let forged = forged(&shop, &paid);
    assert!(served(&sell(&shop, &paid, "a").await.unwrap(), true).await);
    let refused = sell(&shop, &forged, "a").await.unwrap_err();
    assert_eq!(refused, PayError::Check(CheckError::InvalidAuthorization));
    let settled = offered(&shop, 5);
    shop.mint.mood(Mood::Stumbles);
    let unknown = merchant(&shop).settle_offer(settled.clone(), terms(5), PATIENCE).await.unwrap_err();
    assert_eq!(unknown, PayError::Store(StoreError::Unavailable));
    shop.mint.mood(Mood::Honest);
    assert_eq!(merchant(&shop).resume().await, Ok(0));
    let forged = self::forged(&shop, &settled);
    let refused = merchant(&shop).settle_offer(forged, terms(5), PATIENCE).await.unwrap_err();
    assert_eq!(refused, PayError::Check(CheckError::InvalidAuthorization));
    assert!(merchant(&shop).settle_offer(settled, terms(5), PATIENCE).await.is_ok(), "who paid is told after all");
}

#[tokio::test]
async fn an_offer_is_settled_once_and_verified_as_often_as_asked() {
    let mut shop = Shop::open().await;
    let paid = offered(&shop, 5);
    for _ in 0..3 {
        merchant(&shop).verify_offer(paid.clone(), terms(5)).await.unwrap();
    }
    assert_eq!(shop.mint.asked(), 0);
    let refused = merchant(&shop).settle_offer(paid.clone(), terms(4), PATIENCE).await.unwrap_err();
    assert_eq!(refused, PayError::Check(CheckError::WrongRequest));
    let receipt = merchant(&shop).settle_offer(paid.clone(), terms(5), PATIENCE).await.unwrap();
    receipt.verify().unwrap();
    for _ in 0..2 {
        assert_eq!(merchant(&shop).settle_offer(paid.clone(), terms(5), PATIENCE).await.unwrap_err(), PayError::Used);
        assert_eq!(merchant(&shop).verify_offer(paid.clone(), terms(5)).await.unwrap_err(), PayError::Used);
        assert_eq!(sell(&shop, &paid, "a").await.unwrap_err(), PayError::AcceptedElsewhere);
        shop.stop().await;
        shop.start().await;
    }
    assert_eq!(shop.mint.asked(), 1);
}

#[tokio::test]
async fn of_many_servers_that_settle_at_once_one_is_told_yes() {
    let shop = Shop::open().await;
    let paid = offered(&shop, 5);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (merchant, paid) = (merchant(&shop).clone(), paid.clone());
            tokio::spawn(async move { merchant.settle_offer(paid, terms(5), PATIENCE).await })
        })
        .collect();
    let mut yes = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => yes += 1,
            Err(error) => assert_eq!(error, PayError::Used),
        }
    }
    assert_eq!(yes, 1);
}

#[tokio::test]
async fn an_invoice_is_taken_for_the_request_that_it_is_bound_to() {
    let shop = Shop::open().await;
    let request = |http| InvoiceRequest { amount: amount(5), memo: None, expires_in: None, reusable: false, http };
    let bound = merchant(&shop).invoice(request(Some(binding("a")))).unwrap();
    let unbound = merchant(&shop).invoice(request(None)).unwrap();
    let pay = |invoice| PayRequest {
        payment: crate::common::pay(shop.mint(), &invoice),
        request: PaymentRequest::Invoice(invoice),
    };
    let (bound, unbound) = (pay(bound), pay(unbound));
    let wrong = PayError::Check(CheckError::WrongRequest);
    assert_eq!(sell(&shop, &bound, "b").await.unwrap_err(), wrong);
    assert_eq!(sell(&shop, &unbound, "a").await.unwrap_err(), wrong);
    // A price that rose since then does not matter: it was signed.
    assert!(merchant(&shop).sell(bound, terms(9), binding("a")).await.is_ok());
    let refused = merchant(&shop).settle_offer(unbound, terms(5), PATIENCE).await.unwrap_err();
    assert_eq!(refused.code(), Code::UnsupportedKind);
}

#[tokio::test]
async fn an_offer_that_says_something_else_than_the_server_is_refused() {
    let shop = Shop::open().await;
    let base = OfferTerms { asset: Some("EUR".into()), amount: amount(5), timeout_seconds: 60 };
    for demanded in [
        OfferTerms { asset: Some("USD".into()), ..base.clone() },
        OfferTerms { amount: amount(4), ..base.clone() },
        OfferTerms { timeout_seconds: 61, ..base.clone() },
    ] {
        let refused = merchant(&shop).sell(offered(&shop, 5), demanded, binding("a")).await.unwrap_err();
        assert_eq!(refused, PayError::Check(CheckError::WrongRequest));
    }
    let late = offered(&shop, 5);
    shop.at(60);
    assert_eq!(sell(&shop, &late, "a").await.unwrap_err(), PayError::Check(CheckError::Expired));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_told_that_nobody_knows_yet_is_told_yes_when_it_asks_again() {
    let shop = Shop::open().await;
    let paid = offered(&shop, 5);
    shop.mint.mood(Mood::Waits);
    let pending = merchant(&shop).settle_offer(paid.clone(), terms(5), Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(pending, PayError::Store(StoreError::Unavailable));
    while shop.mint.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shop.mint.mood(Mood::Honest);
    shop.mint.double.gate.notify_one();
    // The first is taken to its end meanwhile, and nobody was told.
    assert!(merchant(&shop).settle_offer(paid.clone(), terms(5), PATIENCE).await.is_ok());
    assert_eq!(merchant(&shop).settle_offer(paid, terms(5), PATIENCE).await.unwrap_err(), PayError::Used);
}

#[tokio::test]
async fn what_was_erased_is_not_given_again() {
    let shop = Shop::open().await;
    let (settled, served_once) = (offered(&shop, 5), offered(&shop, 5));
    merchant(&shop).settle_offer(settled.clone(), terms(5), PATIENCE).await.unwrap();
    let sale = sell(&shop, &served_once, "a").await.unwrap();
    assert!(served(&sale, true).await);
    shop.at(2 * 86_400);
    assert_eq!(merchant(&shop).forget_older("1d".parse().unwrap()).await, Ok(2));
    // Looked up before it was erased, and given for after.
    assert!(!served(&sale, true).await);
    assert!(merchant(&shop).settle_offer(settled, terms(5), PATIENCE).await.is_err());
}
