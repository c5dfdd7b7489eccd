//! One token, one nonce, one winner.

use std::collections::BTreeSet;
use std::sync::Arc;

use farthing_http::problem::{Code, EARLIER_PAYMENT_ID};
use farthing_protocol::ids::OperationId;
use farthing_protocol::request::Invoice;
use farthing_protocol::shape::Shape;
use farthing_protocol::text::TextForm;
use tokio::task::JoinSet;

use crate::harness::World;
use crate::raw::{RawWallet, amount};

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_payments_of_one_token_have_one_winner() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    let mut wallet = RawWallet::new(&mint.url).await;
    wallet.fund(&world, 1000);
    let tokens = wallet.withdraw(7).await;
    let reusable = Invoice::from_text(&world.run(&["verifier", "request", "0.07", "--reusable"])).unwrap();
    let invoices: Vec<Invoice> =
        (0..7).map(|_| Invoice::from_text(&world.run(&["verifier", "request", "0.07"])).unwrap()).collect();
    let wallet = Arc::new(wallet);
    let mut tasks = JoinSet::new();
    for i in 0..64 {
        let request = wallet.answer(&tokens, invoices.get(i % 8).unwrap_or(&reusable));
        let (wallet, url) = (Arc::clone(&wallet), merchant.url.clone());
        tasks.spawn(async move { (request.payment.id(), wallet.pay(&url, &request).await) });
    }
    let mut winners = BTreeSet::new();
    let mut named = BTreeSet::new();
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            (id, Ok(answer)) => {
                assert_eq!(answer.receipt.draft().payment, id);
                winners.insert(id.to_text());
            }
            (_, Err(error)) => {
                let problem = error.problem().expect("a problem");
                assert_eq!(problem.known(), Some(Code::DoubleSpend));
                named.insert(problem.extension(EARLIER_PAYMENT_ID).unwrap().to_owned());
            }
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(named, winners);
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_is_answered_for_one_list_of_challenges() {
    let world = World::new();
    let mint = world.mint();
    let mut wallet = RawWallet::new(&mint.url).await;
    wallet.fund(&world, 100_000);
    let shape = Shape::Withdrawal(amount(5));
    let opened = wallet.open(shape).await.unwrap();
    // Other issuance numbers: other coin keys, other challenges, and funding of their own.
    let prepared: Vec<_> =
        (0..32).map(|_| wallet.prepare(shape, &opened, OperationId::from_bytes(rand::random()))).collect();
    let wallet = Arc::new(wallet);
    let mut tasks = JoinSet::new();
    for prepared in prepared {
        let wallet = Arc::clone(&wallet);
        tasks.spawn(async move { (wallet.finish(prepared.request.clone()).await, prepared) });
    }
    let mut answered = 0;
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            (Ok(answer), prepared) => {
                answered += 1;
                let tokens = prepared.unblind(&wallet.keyset, &answer);
                assert!(tokens.iter().all(|(token, _)| token.verify(&wallet.keyset).is_ok()));
            }
            (Err(error), _) => {
                assert_eq!(error.problem().and_then(|problem| problem.known()), Some(Code::SessionGone));
            }
        }
    }
    assert_eq!(answered, 1);
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_mint_answers_the_same_and_nothing_else() {
    let world = World::new();
    let mint = world.mint();
    let mut wallet = RawWallet::new(&mint.url).await;
    wallet.fund(&world, 1000);
    let shape = Shape::Withdrawal(amount(21));
    let opened = wallet.open(shape).await.unwrap();
    let done = wallet.prepare(shape, &opened, OperationId::from_bytes([1; 16]));
    let record = wallet.finish(done.request.clone()).await.unwrap().record;
    let unused = wallet.open(shape).await.unwrap();
    let late = wallet.prepare(shape, &unused, OperationId::from_bytes([2; 16]));
    let again = wallet.prepare(shape, &opened, OperationId::from_bytes([3; 16]));
    mint.kill();
    let mint = world.mint();
    wallet.mint_url = farthing_http::client::BaseUrl::parse(&mint.url).unwrap();
    // The recorded issuance is answered as before, the others' sessions died with the process.
    assert_eq!(wallet.finish(done.request.clone()).await.unwrap().record, record);
    for request in [late.request, again.request] {
        let error = wallet.finish(request).await.unwrap_err();
        let code = error.problem().and_then(|problem| problem.known());
        assert!(matches!(code, Some(Code::UnknownSession | Code::SessionGone)), "{code:?}");
    }
    world.audit();
}
