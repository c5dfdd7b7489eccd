//! Refunds on record: before they are paid, and never for more than was paid.

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::api::{RefundAnswer, RefundEndRequest, RefundRequest, RefundState, verifier_path};
use farthing_protocol::identity::{AccountKey, PayeeKey};
use farthing_protocol::ids::{PaymentId, RequestNonce};
use farthing_protocol::locked::LockKey;
use farthing_protocol::request::{AcceptedMint, TransferDraft, TransferRequest};

use crate::common::{NOW, amount, keypair, pay};
use crate::service::{Shop, refused};

async fn paid(shop: &Shop, units: u64) -> PaymentId {
    let invoice = shop.invoice(units).await;
    let payment = pay(shop.mint(), &invoice);
    shop.pay(&payment, &invoice).await.unwrap();
    payment.id()
}

fn asks(shop: &Shop, units: u64, unit: &str, expires_at: UnixTime) -> TransferRequest {
    let customer = keypair();
    let draft = TransferDraft {
        payee: PayeeKey::from(&customer),
        key: *LockKey::generate(&mut rand::rng()).public(),
        amount: amount(units),
        unit: Unit::new(unit, 2).unwrap(),
        mints: vec![AcceptedMint { mint: shop.mint().id(), head: shop.mint().keyset().head() }],
        nonce: RequestNonce::from_bytes(rand::random()),
        expires_at,
        memo: None,
    };
    draft.sign(&customer).unwrap()
}

fn till() -> AccountKey {
    AccountKey::from(&keypair())
}

async fn begin(
    shop: &Shop,
    payment: PaymentId,
    request: &TransferRequest,
    by: AccountKey,
) -> Result<RefundAnswer, CallError> {
    let refund = RefundRequest { payment, request: request.clone(), by };
    shop.control().post_json(verifier_path::REFUNDS, &refund).await
}

async fn end(shop: &Shop, payment: PaymentId, request: &TransferRequest, paid: bool) -> Result<RefundState, CallError> {
    let end = RefundEndRequest { payment, request: request.hash(), paid };
    shop.control().post_json(verifier_path::REFUNDS_END, &end).await.map(|answer: RefundAnswer| answer.state)
}

async fn refunded(shop: &Shop) -> Vec<u64> {
    shop.payments().await.payments.iter().map(|payment| payment.refunded.units()).collect()
}

#[tokio::test]
async fn no_more_is_paid_back_than_was_paid() {
    let mut shop = Shop::open().await;
    let (id, till) = (paid(&shop, 10).await, till());
    let ask = |shop: &Shop, units| asks(shop, units, "EUR", NOW.plus(900));
    let (six, five, four) = (ask(&shop, 6), ask(&shop, 5), ask(&shop, 4));
    let begun = begin(&shop, id, &six, till).await.unwrap();
    assert_eq!((begun.amount, begun.begun_at, begun.state), (amount(6), NOW, RefundState::Begun));
    assert_eq!(begin(&shop, id, &six, till).await.unwrap(), begun, "it goes on");
    assert_eq!(refused(begin(&shop, id, &five, till).await), Code::AmountOutOfRange);
    assert_eq!(refused(begin(&shop, id, &six, self::till()).await), Code::RequestTaken);
    shop.stop().await;
    shop.start().await;
    assert_eq!(refunded(&shop).await, [6], "it is on record before it is paid");
    for _ in 0..2 {
        assert_eq!(end(&shop, id, &six, true).await.unwrap(), RefundState::Paid);
    }
    assert_eq!(refused(end(&shop, id, &six, false).await), Code::UnknownRequest, "what was paid stays on record");
    assert_eq!(begin(&shop, id, &six, till).await.unwrap().state, RefundState::Paid);

    // What was not begun by the wallet is off the record, and makes room.
    begin(&shop, id, &four, till).await.unwrap();
    end(&shop, id, &four, false).await.unwrap();
    assert_eq!(refused(end(&shop, id, &four, true).await), Code::UnknownRequest);
    assert_eq!(refunded(&shop).await, [6]);
    begin(&shop, id, &ask(&shop, 4), till).await.unwrap();
    assert_eq!(refused(begin(&shop, id, &ask(&shop, 1), till).await), Code::AmountOutOfRange);
    assert_eq!(refunded(&shop).await, [10]);
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let shop = Shop::open().await;
    let (first, second, till) = (paid(&shop, 10).await, paid(&shop, 10).await, till());
    let request = asks(&shop, 1, "EUR", NOW.plus(900));
    let unknown = PaymentId::from_bytes([3; 32]);
    assert_eq!(refused(begin(&shop, unknown, &request, till).await), Code::NotFound);
    assert_eq!(refused(begin(&shop, first, &asks(&shop, 1, "USD", NOW.plus(9)), till).await), Code::WrongRequest);
    assert_eq!(refused(begin(&shop, first, &asks(&shop, 1, "EUR", NOW), till).await), Code::RequestExpired);
    begin(&shop, first, &request, till).await.unwrap();
    assert_eq!(refused(begin(&shop, second, &request, till).await), Code::RequestTaken);
    // One that was begun goes on after its end.
    shop.at(1000);
    assert!(begin(&shop, first, &request, till).await.is_ok());
    let mut bytes = farthing_protocol::codec::Wire::to_bytes(&request);
    *bytes.last_mut().unwrap() ^= 1;
    if let Ok(forged) = <TransferRequest as farthing_protocol::codec::Wire>::from_bytes(&bytes) {
        assert_eq!(refused(begin(&shop, first, &forged, till).await), Code::InvalidSignature);
    }
}

#[tokio::test]
async fn refunds_at_the_same_time_stay_within_what_was_paid() {
    let shop = Shop::open().await;
    let (id, till) = (paid(&shop, 10).await, till());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let refund = RefundRequest { payment: id, request: asks(&shop, 3, "EUR", NOW.plus(900)), by: till };
        let merchant = shop.verifier().merchant.clone();
        tasks.spawn(async move { merchant.begin_refund(refund).await.is_ok() });
    }
    let begun = tasks.join_all().await.into_iter().filter(|begun| *begun).count();
    assert_eq!((begun, refunded(&shop).await), (3, vec![9]));
}

#[tokio::test]
async fn a_payment_whose_refund_is_under_way_is_not_erased_and_a_request_answers_for_one() {
    let mut shop = Shop::open().await;
    let (first, second) = (paid(&shop, 5).await, paid(&shop, 5).await);
    let (request, till) = (asks(&shop, 5, "EUR", NOW.plus(40 * 86_400)), till());
    begin(&shop, first, &request, till).await.unwrap();
    shop.later(2 * 86_400).await;
    let keep = || "1d".parse().unwrap();
    assert_eq!(shop.verifier().merchant.forget_older(keep()).await, Ok(0));
    assert_eq!(end(&shop, first, &request, true).await.unwrap(), RefundState::Paid);
    assert_eq!(shop.verifier().merchant.forget_older(keep()).await, Ok(2));
    let _gone = second;
    // What was paid with this request is forgotten, and that it was answered is not.
    let third = paid(&shop, 5).await;
    assert_eq!(refused(begin(&shop, third, &request, till).await), Code::RequestTaken);
}
