//! Whoever dies, and whenever: the payment counts once, and the client is served or told the truth.

use tokio::io::AsyncReadExt;

use super::client::{Ask, Told, read_until};
use super::upstream::Mood;
use super::{Street, code};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dies_after_sending_is_served_when_it_comes_again() {
    for post in [false, true] {
        let mut street = Street::new().await;
        let ask = if post { Ask::post("/orders", b"one tea") } else { Ask::get("/reports/a") };
        let paid = street.paying(ask).await;
        street.upstream.mood(Mood::Holds);
        let dying = paid.begin(street.at()).await;
        street.upstream.asked(1).await;
        drop(dying);
        let busy = street.ask(&paid).await;
        assert_eq!((busy.status, code(&busy).as_str()), (409, "in_progress"));
        assert!(busy.header("retry-after").is_some() && busy.header("payment-response").is_none());
        street.upstream.mood(Mood::Good);
        street.upstream.let_go();
        let told = loop {
            let told = street.ask(&paid).await;
            if told.status != 409 {
                break told;
            }
        };
        // An order is done once, and its answer repeated.
        told.assert_served(if post { "answer 1" } else { "answer 2" });
        assert_eq!(street.upstream.done(), if post { 1 } else { 2 });
        street.assert_paid(1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_dies_after_the_payment_serves_it_in_another_life() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::get("/reports/a")).await;
    street.upstream.mood(Mood::Holds);
    let mut waiting = paid.begin(street.at()).await;
    street.upstream.asked(1).await;
    street.kill();
    let mut nothing = Vec::new();
    let _reset = waiting.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    street.upstream.mood(Mood::Good);
    street.open();
    let told = street.ask(&paid).await;
    told.assert_served(&format!("answer {}", street.upstream.done()));
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_never_done_again_after_it_was_answered() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::post("/orders", b"one tea")).await;
    street.ask(&paid).await.assert_served("answer 1");
    street.kill();
    street.open();
    for _ in 0..4 {
        let again = street.ask(&paid).await;
        again.assert_served("answer 1");
        assert_eq!((again.header("x-number"), again.header("cache-control")), (Some("1"), Some("private")));
    }
    assert_eq!(street.upstream.done(), 1);
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_the_middle_is_asked_again_for_what_can_be_had_again() {
    let mut street = Street::new().await;
    let (report, order) =
        (street.paying(Ask::get("/reports/a")).await, street.paying(Ask::post("/orders", b"one tea")).await);
    street.upstream.mood(Mood::DiesInTheMiddle);
    for paid in [&report, &order] {
        let mut stream = paid.begin(street.at()).await;
        let mut bytes = Vec::new();
        read_until(&mut stream, &mut bytes, b"half of").await;
        street.upstream.let_go();
        let _reset = stream.read_to_end(&mut bytes).await;
        let half = Told::read(&bytes).unwrap();
        assert_eq!((half.status, half.text().as_str(), half.whole), (200, "half of", false));
    }
    street.upstream.mood(Mood::Good);
    street.ask(&report).await.assert_served("answer 3");
    // Nobody knows whether the order was done: it is not done again, and that is said.
    let told = street.ask(&order).await;
    assert_eq!((told.status, code(&told).as_str()), (410, "payment_used"));
    assert_eq!(told.json("payment-response")["success"], true);
    assert_eq!(street.upstream.done(), 3);
    street.assert_paid(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_leaves_the_payment_kept() {
    let mut street = Street::new().await;
    for ask in [Ask::get("/reports/a"), Ask::post("/orders", b"one tea")] {
        let before = street.upstream.done();
        let paid = street.paying(ask).await;
        street.upstream.mood(Mood::Fails);
        // An order that failed may have been done all the same.
        for _ in 0..if before == 0 { 5 } else { 2 } {
            let failed = street.ask(&paid).await;
            assert_eq!((failed.status, code(&failed).as_str()), (502, "upstream_failed"));
            assert!(failed.text().contains("is kept") && !failed.text().contains("ink"), "{}", failed.text());
            assert_eq!((failed.header("payment-response"), failed.header("retry-after")), (None, Some("7")));
        }
        street.upstream.mood(Mood::Good);
        street.ask(&paid).await.assert_served(&format!("answer {}", before + 1));
    }
    street.upstream.stop();
    let paid = street.paying(Ask::get("/reports/b")).await;
    let failed = street.ask(&paid).await;
    assert_eq!((failed.status, code(&failed).as_str()), (502, "upstream_failed"));
    street.assert_paid(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_fails_is_tried_three_times_and_one_that_is_put_off_as_often_as_it_comes() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::post("/orders", b"one tea")).await;
    street.upstream.mood(Mood::Busy);
    for _ in 0..5 {
        let put_off = street.ask(&paid).await;
        assert_eq!((put_off.status, code(&put_off).as_str()), (502, "upstream_failed"));
        assert_eq!((put_off.header("payment-response"), put_off.header("retry-after")), (None, Some("9")));
    }
    street.upstream.mood(Mood::Fails);
    for _ in 0..3 {
        assert_eq!(street.ask(&paid).await.status, 502);
    }
    street.upstream.mood(Mood::Good);
    let told = street.ask(&paid).await;
    assert_eq!((told.status, code(&told).as_str()), (410, "payment_used"));
    assert_eq!(street.upstream.seen().len(), 8);
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_client_left_is_finished_before_a_gateway_that_is_told_to_stop_ends() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::post("/orders", b"one tea")).await;
    street.upstream.mood(Mood::Holds);
    let leaving = paid.begin(street.at()).await;
    street.upstream.asked(1).await;
    drop(leaving);
    let mut gateway = street.gateway.take().unwrap();
    gateway.signal("TERM");
    street.upstream.let_go();
    tokio::task::spawn_blocking(move || gateway.wait()).await.unwrap();
    street.open();
    street.ask(&paid).await.assert_served("answer 1");
    assert_eq!(street.upstream.done(), 1);
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_given_up_and_the_payment_kept() {
    let mut street = Street::new().await;
    street.kill();
    street.gateway = Some(street.serve(&street.folder(), &["--upstream-timeout", "1"]));
    let paid = street.paying(Ask::get("/reports/a")).await;
    street.upstream.mood(Mood::Silent);
    let failed = street.ask(&paid).await;
    assert_eq!((failed.status, code(&failed).as_str()), (504, "upstream_timeout"));
    street.upstream.mood(Mood::Good);
    street.ask(&paid).await.assert_served("answer 1");
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_mint_a_gateway_never_says_that_a_payment_failed() {
    let mut street = Street::new().await;
    let paid = street.paying(Ask::get("/reports/a")).await;
    street.stop_mint();
    for _ in 0..2 {
        let told = street.ask(&paid).await;
        assert_eq!(told.status, 503, "{}", told.text());
        assert!(told.header("retry-after").is_some() && told.header("payment-response").is_none());
    }
    assert_eq!(street.upstream.done(), 0);
    street.start_mint();
    street.ask(&paid).await.assert_served("answer 1");
    // What was accepted is served without the mint.
    street.stop_mint();
    street.ask(&paid).await.assert_served("answer 2");
    street.start_mint();
    street.assert_paid(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_was_spent_elsewhere_buys_nothing() {
    let mut street = Street::new().await;
    let (one, two) = (street.ask(&Ask::get("/reports/a")).await, street.ask(&Ask::get("/reports/b")).await);
    let tokens = street.wallet.withdraw(5).await;
    let pay = |told: &Told| street.wallet.answer(&tokens, &told.invoice());
    let (first, second) = (Ask::get("/reports/a").paid_with(&pay(&one)), Ask::get("/reports/b").paid_with(&pay(&two)));
    street.ask(&first).await.assert_served("answer 1");
    let refused = street.ask(&second).await;
    assert_eq!(refused.status, 402);
    assert_eq!(refused.json("payment-required")["error"], "A token in the payment was spent before.");
    assert_eq!(street.upstream.done(), 1);
    street.assert_paid(1);
}
