//! What is older than the merchant wants to keep is erased; what decides stays.

use farthing_http::problem::Code;
use farthing_protocol::api::{InvoiceRequest, PayRequest};
use farthing_protocol::request::Invoice;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::home::HomeOptions;
use farthing_verifier::merchant::Keep;

use crate::common::{NOW, amount, pay, request};
use crate::double::Mood;
use crate::service::{Shop, recipient, refused};

const DAY: u64 = 86_400;

async fn forget(shop: &Shop, keep: &str) -> u64 {
    let keep: Keep = keep.parse().unwrap();
    shop.verifier().merchant.forget_older(keep).await.unwrap()
}

async fn invoice(shop: &Shop, days: u64, reusable: bool) -> Invoice {
    let expires_in = Some(u32::try_from(days * DAY).unwrap());
    let request = InvoiceRequest { amount: amount(5), memo: Some("old".into()), expires_in, reusable, http: None };
    shop.invoice_as(request).await
}

#[tokio::test]
async fn what_is_old_is_erased_and_what_is_not_stays() {
    let mut shop = Shop::open().await;
    let (first, second) = (shop.invoice(1).await, shop.invoice(2).await);
    let old = pay(shop.mint(), &first);
    shop.pay(&old, &first).await.unwrap();
    shop.later(2 * DAY).await;
    assert_eq!(forget(&shop, "3d").await, 0);
    assert_eq!(shop.payments().await.payments.len(), 1);
    let fresh = shop.invoice(2).await;
    shop.pay(&pay(shop.mint(), &fresh), &fresh).await.unwrap();

    assert_eq!(forget(&shop, "1d").await, 1);
    assert_eq!(forget(&shop, "1d").await, 0);
    let left: Vec<u64> = shop.payments().await.payments.iter().map(|payment| payment.amount.units()).collect();
    assert_eq!(left, [2]);
    assert_eq!(refused(shop.receipt(&old.id()).await), Code::NotFound);
    shop.refuses(&old, &first, Code::RequestExpired).await;
    shop.refuses(&pay(shop.mint(), &second), &second, Code::RequestExpired).await;
    shop.later(4 * DAY).await;
    assert_eq!(forget(&shop, "1d").await, 1, "after a restart it goes on where it was");
    assert!(shop.payments().await.payments.is_empty());
}

#[tokio::test]
async fn a_forgotten_payment_buys_nothing_again() {
    for reusable in [false, true] {
        let mut shop = Shop::open().await;
        let invoice = invoice(&shop, 10, reusable).await;
        let payment = pay(shop.mint(), &invoice);
        shop.pay(&payment, &invoice).await.unwrap();
        shop.later(2 * DAY).await;
        assert_eq!(forget(&shop, "1d").await, 1);
        // The mint knows it, with a claim that is forgotten.
        let code = if reusable { Code::AcceptedElsewhere } else { Code::RequestTaken };
        shop.refuses(&payment, &invoice, code).await;
        shop.refuses(&payment, &invoice, code).await;
        assert!(shop.payments().await.payments.is_empty());
        // A single-use invoice stays paid as long as it could be paid.
        let again = shop.pay(&pay(shop.mint(), &invoice), &invoice).await;
        if reusable {
            again.unwrap();
        } else {
            assert_eq!(refused(again), Code::RequestTaken);
        }
        // What the mint had accepted before is not kept either.
        shop.later(12 * DAY).await;
        assert_eq!(forget(&shop, "1d").await, u64::from(reusable));
        assert_eq!(forget(&shop, "1d").await, 0);
        shop.refuses(&payment, &invoice, Code::RequestExpired).await;
    }
}

#[tokio::test]
async fn tokens_that_the_own_store_decides_over_stay_spent() {
    let options = HomeOptions { locked: true, ..HomeOptions::default() };
    let mut shop = Shop::with(TestMint::new(NOW), &options).await;
    let invoice = invoice(&shop, 10, true).await;
    let recipient = recipient(&shop);
    let coins = shop.mint().locked_coins(amount(5), &recipient);
    let coins: Vec<_> = coins.iter().collect();
    let payment = shop.mint().pay(&coins, invoice.draft().payee, invoice.hash(), Some(&recipient));
    // The mint has no say in it: it is asked to redeem them later, and does not answer.
    shop.mint.mood(Mood::Deaf);
    shop.pay(&payment, &invoice).await.unwrap();
    shop.later(2 * DAY).await;
    assert_eq!(forget(&shop, "1d").await, 1);
    shop.refuses(&payment, &invoice, Code::AcceptedElsewhere).await;
}

#[tokio::test]
async fn what_has_no_end_yet_is_not_forgotten() {
    let mut shop = Shop::open().await;
    let invoice = shop.invoice(6).await;
    let payment = pay(shop.mint(), &invoice);
    shop.mint.mood(Mood::LosesTheAnswer);
    shop.refuses(&payment, &invoice, Code::Unavailable).await;
    shop.later(20 * DAY).await;
    assert_eq!(forget(&shop, "1d").await, 0);
    shop.mint.mood(Mood::Honest);
    let receipt = shop.pay(&payment, &invoice).await.unwrap();
    assert_eq!(receipt.draft().amount, amount(6));
    // It was recorded today, though the mint accepted it long ago.
    assert_eq!(forget(&shop, "1d").await, 0);
    assert_eq!(shop.payments().await.payments.len(), 1);
    assert_eq!(request(&invoice).amount(), amount(6));
    let paid = PayRequest { payment, request: request(&invoice) };
    assert_eq!(shop.verifier().merchant.pay(paid).await.unwrap(), receipt);
}
