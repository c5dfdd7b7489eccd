//! Accepted payments, looked up.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{InvoiceRequest, PaymentAnswer, PaymentsAnswer, PaymentsQuery, verifier_path};
use farthing_protocol::ids::PaymentId;
use farthing_verifier::home::HomeError;

use crate::common::{NOW, amount, pay};
use crate::service::Shop;

async fn paid(shop: &Shop, units: u64, memo: Option<&str>) -> PaymentId {
    let memo = memo.map(str::to_owned);
    let request = InvoiceRequest { amount: amount(units), memo, expires_in: None, reusable: false, http: None };
    let invoice = shop.invoice_as(request).await;
    let payment = pay(shop.mint(), &invoice);
    shop.pay(&payment, &invoice).await.unwrap();
    payment.id()
}

async fn asked(shop: &Shop, query: &[(&str, &str)]) -> PaymentsAnswer {
    shop.control().get_json_with(verifier_path::PAYMENTS, query).await.unwrap()
}

fn units(answer: &PaymentsAnswer) -> Vec<u64> {
    answer.payments.iter().map(|payment| payment.amount.units()).collect()
}

#[tokio::test]
async fn payments_are_found_by_id_memo_and_time() {
    let shop = Shop::open().await;
    let first = paid(&shop, 1, Some("Two coffees, ÄÖ")).await;
    paid(&shop, 2, Some("tea")).await;
    paid(&shop, 3, None).await;

    let all = asked(&shop, &[]).await;
    assert_eq!((units(&all), all.next), (vec![3, 2, 1], None));
    assert_eq!((all.payments[0].unit.as_str(), all.payments[0].exponent), ("EUR", 2));
    assert_eq!(units(&asked(&shop, &[("memo", "COFFEE")]).await), [1]);
    assert_eq!(units(&asked(&shop, &[("memo", "äö")]).await), [1]);
    assert_eq!(units(&asked(&shop, &[("memo", "e")]).await), [2, 1]);
    assert!(units(&asked(&shop, &[("memo", "beer")]).await).is_empty());

    let id = first.to_text();
    for part in [&id[..8], &id[..]] {
        assert_eq!(units(&asked(&shop, &[("id", part)]).await), [1], "{part}");
    }
    assert!(units(&asked(&shop, &[("id", &id), ("memo", "tea")]).await).is_empty());
    assert!(units(&asked(&shop, &[("id", "AAAAAAAAAAA")]).await).is_empty());

    let (now, later) = (NOW.seconds().to_string(), NOW.plus(1).seconds().to_string());
    assert_eq!(units(&asked(&shop, &[("since", &now), ("until", &later)]).await).len(), 3);
    assert!(units(&asked(&shop, &[("since", &later)]).await).is_empty());
    assert!(units(&asked(&shop, &[("until", &now)]).await).is_empty());
    let far = NOW.plus(3 * 86_400).seconds().to_string();
    assert!(units(&asked(&shop, &[("since", &far)]).await).is_empty());
}

#[tokio::test]
async fn a_listing_goes_on_where_it_ended_whatever_is_paid_meanwhile() {
    let shop = Shop::open().await;
    for one in 1..=5 {
        paid(&shop, one, None).await;
    }
    let first = asked(&shop, &[("limit", "2")]).await;
    assert_eq!(units(&first), [5, 4]);
    paid(&shop, 6, None).await;
    let next = first.next.unwrap().to_string();
    let second = asked(&shop, &[("limit", "2"), ("before", &next)]).await;
    assert_eq!(units(&second), [3, 2]);
    let next = second.next.unwrap().to_string();
    let third = asked(&shop, &[("limit", "2"), ("before", &next)]).await;
    assert_eq!((units(&third), third.next), (vec![1], None));
    let unknown = shop.control().get_json_with::<PaymentsAnswer>(verifier_path::PAYMENTS, &[("nonsense", "1")]).await;
    assert!(unknown.is_err());
}

#[tokio::test]
async fn a_verifier_that_does_not_run_is_read_from_its_folder() {
    let mut shop = Shop::open().await;
    let id = paid(&shop, 7, Some("offline")).await;
    let path = verifier_path::PAYMENT.replace("{id}", &id.to_text());
    let told: PaymentAnswer = shop.control().get_json(&path).await.unwrap();
    assert!(matches!(shop.home().books(), Err(HomeError::Store(farthing_durable::OpenError::InUse))));
    shop.stop().await;
    let home = shop.home();
    let books = home.books().unwrap();
    let listed = books.payments(PaymentsQuery::default()).await.unwrap();
    assert_eq!((units(&listed), listed.payments[0].accepted_at), (vec![7], NOW));
    let draft = books.receipt(id).await.unwrap().unwrap();
    assert_eq!(home.sign(draft).unwrap(), told.receipt);
    assert!(books.receipt(PaymentId::from_bytes([1; 32])).await.unwrap().is_none());
    let none = PaymentsQuery { until: Some(UnixTime::from_seconds(0)), ..PaymentsQuery::default() };
    assert!(books.payments(none).await.unwrap().payments.is_empty());
}
