//! Keys that take the place of others.

use std::time::Duration;

use farthing_http::problem::Code;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::PayRequest;
use farthing_protocol::derive::{MerchantIndex, Seed};
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::ids::{HttpBinding, RequestNonce};
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::ReceiptDraft;
use farthing_protocol::request::{Invoice, InvoiceDraft, OfferDraft, PaymentRequest};
use farthing_verifier::check::CheckError;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::home::{HomeOptions, Rotation, VerifierHome};
use farthing_verifier::merchant::{OfferTerms, PayError};

use crate::common::{NOW, amount, draft, pay, request};
use crate::double::Mood;
use crate::service::Shop;

/// The folder's keys are rotated; what is out for those before is accepted for a thousand seconds.
fn rotate(shop: &Shop, seed: u8, now: UnixTime) -> VerifierHome {
    let seed = Seed::from_bytes([seed; 64]);
    let rotation = Rotation { seed: &seed, new_words: true, lock: true, now, accept_until: now.plus(1000) };
    VerifierHome::open(&shop.folder).unwrap().rotate(&rotation).unwrap()
}

/// A payment of the invoice with tokens locked to the lock key of this age: 0 is the one in use.
fn pay_locked(shop: &Shop, invoice: &Invoice, age: usize) -> Payment {
    let recipient = VerifierHome::open(&shop.folder).unwrap().lock_keys()[age].recipient;
    let coins = shop.mint().locked_coins(invoice.draft().amount, &recipient);
    shop.mint().pay(&coins.iter().collect::<Vec<_>>(), invoice.draft().payee, invoice.hash(), Some(&recipient))
}

#[tokio::test]
async fn what_is_out_for_a_key_is_accepted_after_it_was_rotated_until_the_time_that_was_set() {
    let mut shop = Shop::open().await;
    let (paid_before, out, late) = (shop.invoice(1).await, shop.invoice(2).await, shop.invoice_for(3, 5000).await);
    let first = pay(shop.mint(), &paid_before);
    let receipt = shop.pay(&first, &paid_before).await.unwrap();
    // Begun before, its outcome not known until after.
    let begun = shop.invoice(4).await;
    let pending = pay(shop.mint(), &begun);
    shop.mint.mood(Mood::LosesTheAnswer);
    shop.refuses(&pending, &begun, Code::Unavailable).await;
    shop.mint.mood(Mood::Honest);
    shop.stop().await;
    let home = rotate(&shop, 1, NOW);
    shop.start().await;

    let old = paid_before.draft().payee;
    let invoice = shop.invoice(5).await;
    assert_eq!(invoice.draft().payee, home.payee());
    assert_ne!(home.payee(), old);
    let new = shop.pay(&pay(shop.mint(), &invoice), &invoice).await.unwrap();
    new.verify().unwrap();
    assert_eq!(new.draft().payee, home.payee());
    for (payment, invoice) in [(pay(shop.mint(), &out), &out), (pending, &begun)] {
        let receipt = shop.pay(&payment, invoice).await.unwrap();
        receipt.verify().unwrap();
        assert_eq!(receipt.draft().payee, old);
    }
    shop.at(1000);
    shop.refuses(&pay(shop.mint(), &late), &late, Code::WrongPayee).await;
    // A receipt that was given stays, whatever became of its key.
    assert_eq!(shop.pay(&first, &paid_before).await.unwrap(), receipt);
    assert_eq!(shop.payments().await.payments.len(), 4);
}

#[tokio::test]
async fn what_is_locked_to_a_key_is_accepted_after_it_was_rotated() {
    let mut shop = Shop::with(TestMint::new(NOW), &HomeOptions { locked: true, ..HomeOptions::default() }).await;
    let spent = shop.invoice(1).await;
    let locked = pay_locked(&shop, &spent, 0);
    shop.pay(&locked, &spent).await.unwrap();
    let old = shop.invoice(1).await;
    shop.stop().await;
    rotate(&shop, 1, NOW);
    rotate(&shop, 2, NOW.plus(1));
    shop.start().await;
    // To the new payee and to the one before, with tokens of every age; each of them once.
    for age in 0..3 {
        let invoice = shop.invoice(2).await;
        let payment = pay_locked(&shop, &invoice, age);
        shop.pay(&payment, &invoice).await.unwrap();
    }
    let payment = pay_locked(&shop, &old, 2);
    shop.pay(&payment, &old).await.unwrap().verify().unwrap();
    assert!(shop.pay(&locked, &spent).await.is_ok());
    shop.at(1000);
    let invoice = shop.invoice(2).await;
    shop.refuses(&pay_locked(&shop, &invoice, 2), &invoice, Code::WrongPayee).await;
    shop.pay(&pay_locked(&shop, &invoice, 1), &invoice).await.unwrap();
    assert_eq!(invoice.draft().amount, amount(2));
}

#[tokio::test]
async fn receipts_of_an_old_key_are_signed_from_the_folder_and_its_balance_is_asked_for() {
    let mut shop = Shop::open().await;
    let invoice = shop.invoice(1).await;
    let payment = pay(shop.mint(), &invoice);
    let receipt = shop.pay(&payment, &invoice).await.unwrap();
    shop.stop().await;
    let home = rotate(&shop, 1, NOW);
    let draft = home.books().unwrap().receipt(payment.id()).await.unwrap().unwrap();
    assert_eq!(home.sign(draft).unwrap(), receipt);
    let foreign = Keypair::generate(&mut rand::rng());
    assert!(home.sign(ReceiptDraft { payee: PayeeKey::from(&foreign), ..draft }).is_err());

    let asked = home.account_queries(NOW);
    let payees: Vec<PayeeKey> = asked.iter().map(|(payee, _)| *payee).collect();
    assert_eq!(payees, [home.payee(), invoice.draft().payee]);
    for (payee, query) in asked {
        assert_eq!(query.verify(home.mint()), Ok(payee.account()));
    }
}

#[tokio::test]
async fn whoever_has_a_key_that_was_rotated_buys_nothing_with_it() {
    let mut shop = Shop::open().await;
    shop.stop().await;
    rotate(&shop, 1, NOW);
    rotate(&shop, 2, NOW);
    shop.start().await;
    let stolen = Seed::from_bytes([1; 64]).merchant_key(MerchantIndex::FIRST);
    let (old, binding) = (PayeeKey::from(&stolen), HttpBinding::new("GET", "http://shop/report", b""));
    let merchant = &shop.verifier().merchant;
    assert!(VerifierHome::open(&shop.folder).unwrap().account_queries(NOW).iter().any(|(payee, _)| *payee == old));
    let terms = OfferTerms { asset: Some("EUR".into()), amount: amount(5), timeout_seconds: 60 };

    // A price of his own, signed with it; the right one is taken until its time, for it may have been asked before.
    for (units, taken) in [(1, false), (5, true)] {
        let draft = InvoiceDraft { http: Some(binding), ..draft(&stolen, shop.mint(), units) };
        let invoice = draft.sign(&stolen).unwrap();
        let paid = PayRequest { payment: pay(shop.mint(), &invoice), request: request(&invoice) };
        let sold = merchant.sell(paid, terms.clone(), binding).await;
        assert_eq!(sold.is_ok(), taken, "{units}");
    }
    // An offer to it.
    let offer = OfferDraft {
        mint: shop.mint().id(),
        payee: old,
        asset: "EUR".into(),
        amount: amount(5),
        resource: String::new(),
        nonce: RequestNonce::from_bytes([1; 16]),
        offered_at: NOW,
        timeout_seconds: 60,
    };
    let offer = offer.make().unwrap();
    let coins = shop.mint().coins(amount(5));
    let payment = shop.mint().pay(&coins.iter().collect::<Vec<_>>(), old, offer.hash(), None);
    let paid = PayRequest { payment, request: PaymentRequest::Offer(offer) };
    let refused = PayError::Check(CheckError::WrongPayee);
    assert_eq!(merchant.sell(paid.clone(), terms.clone(), binding).await.unwrap_err(), refused);
    assert_eq!(merchant.verify_offer(paid.clone(), terms.clone()).await.unwrap_err(), refused);
    assert_eq!(merchant.settle_offer(paid, terms.clone(), Duration::from_secs(60)).await.unwrap_err(), refused);

    // What was taken is taken again, whatever it costs now. Nothing new is, when whoever was asked before has had his time.
    let draft = |nonce| InvoiceDraft {
        http: Some(binding),
        nonce: RequestNonce::from_bytes([nonce; 16]),
        ..draft(&stolen, shop.mint(), 5)
    };
    let [first, second] = [2, 3].map(|nonce| {
        let invoice = draft(nonce).sign(&stolen).unwrap();
        PayRequest { payment: pay(shop.mint(), &invoice), request: request(&invoice) }
    });
    merchant.sell(first.clone(), terms.clone(), binding).await.unwrap();
    shop.at(61);
    let dearer = OfferTerms { amount: amount(6), ..terms.clone() };
    merchant.sell(first, dearer, binding).await.unwrap();
    assert_eq!(merchant.sell(second, terms, binding).await.unwrap_err(), refused);
}
