//! Many at once: one payment buys one thing.

use std::collections::BTreeMap;
use std::fs;

use tokio::task::JoinSet;

use super::client::Ask;
use super::{Street, code};

/// Sends all of these at once, and counts the answers.
async fn all_at_once(asks: Vec<(std::net::SocketAddr, Ask)>) -> BTreeMap<(u16, String), usize> {
    let mut tasks = JoinSet::new();
    for (at, ask) in asks {
        tasks.spawn(async move { ask.send(at).await.expect("an answer") });
    }
    let mut counts = BTreeMap::new();
    while let Some(told) = tasks.join_next().await {
        let told = told.unwrap();
        *counts.entry((told.status, code(&told))).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_with_one_payment_are_one_payment() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::get("/reports/a")).await;
    let counts = all_at_once((0..64).map(|_| (street.at(), paid.clone())).collect()).await;
    let served = counts.get(&(200, String::new())).copied().unwrap_or_default();
    assert!((1..=3).contains(&served), "{counts:?}");
    assert_eq!(street.upstream.done(), served);
    assert_eq!(street.upstream.most_at_once(), 1);
    let known = |(status, code): &(u16, String)| {
        matches!((status, code.as_str()), (200, "") | (409, "in_progress") | (410, "payment_used"))
    };
    assert!(counts.keys().all(known), "{counts:?}");
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_with_one_order_have_it_done_once() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::post("/orders", b"one tea")).await;
    let counts = all_at_once((0..64).map(|_| (street.at(), paid.clone())).collect()).await;
    assert!(counts.contains_key(&(200, String::new())), "{counts:?}");
    let known = |(status, code): &(u16, String)| matches!((status, code.as_str()), (200, "") | (409, "in_progress"));
    assert!(counts.keys().all(known), "{counts:?}");
    assert_eq!(street.upstream.done(), 1);
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_in_sixty_four_payments_buys_one_report() {
    let mut street = Street::new().await;
    let tokens = street.wallet.withdraw(5).await;
    let mut asks = Vec::new();
    for number in 0..64 {
        let ask = Ask::get(&format!("/reports/{number}"));
        let invoice = street.ask(&ask).await.invoice();
        asks.push((street.at(), ask.paid_with(&street.wallet.answer(&tokens, &invoice))));
    }
    let counts = all_at_once(asks).await;
    let expected = BTreeMap::from([((200, String::new()), 1), ((402, String::new()), 63)]);
    assert_eq!(counts, expected);
    assert_eq!(street.upstream.done(), 1);
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_of_one_payee_sell_one_payment_once() {
    let mut street = Street::new().await;
    // The same keys and settings, and records of its own.
    let (first, second) = (street.folder(), street.world.path("second"));
    fs::create_dir(&second).unwrap();
    for entry in fs::read_dir(&first).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), second.join(entry.file_name())).unwrap();
        }
    }
    let other = street.serve(second.to_str().unwrap(), &[]);
    for _ in 0..4 {
        let before = street.upstream.done();
        let paid = street.paying(Ask::get("/reports/a")).await;
        let at = [street.at(), other.address()];
        let counts = all_at_once(at.into_iter().map(|at| (at, paid.clone())).collect()).await;
        let expected = BTreeMap::from([((200, String::new()), 1), ((409, "accepted_elsewhere".to_owned()), 1)]);
        assert_eq!(counts, expected);
        assert_eq!(street.upstream.done(), before + 1);
    }
    street.world.audit();
}
