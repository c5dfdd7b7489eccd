//! Everything going well.

use farthing_protocol::api::{mint_path, verifier_path};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farthing_protocol::keyset::Redemption;
use farthing_wallet::{
    Event, IssueError, OpenError, Options, Outcome, PayError, SwapWhat, Wallet, WithdrawWhat, WordCount, Words, Work,
    account_text,
};

use crate::double::{DAY, amount, denomination, unit};
use crate::http::Fault;
use crate::world::{World, protection};

#[tokio::test]
async fn withdraw_and_pay_exactly() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    assert_eq!(wallet.account_balance(&id).await.unwrap()[0].balance, amount(10_000));
    let issued = wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(37))).await.unwrap();
    assert_eq!((issued.amount, issued.tokens), (amount(37), 3));
    let invoice = world.invoice(37);
    assert_eq!(wallet.read_invoice(&invoice).await.unwrap().mints, [id]);
    let paid = wallet.pay(invoice.clone()).await.unwrap();
    assert_eq!((paid.amount, paid.swaps), (amount(37), 0));
    paid.receipt.unwrap().verify().unwrap();
    world.assert_settled(&wallet, 1).await;

    // Paid again, the same receipt, and nothing sent.
    let sent = world.double.asked(verifier_path::PAY);
    assert_eq!(wallet.pay(invoice).await.unwrap(), paid);
    assert_eq!(world.double.asked(verifier_path::PAY), sent);

    let history = wallet.history().await.unwrap();
    assert_eq!(history.len(), 2);
    let payment = history.iter().find(|entry| entry.id == paid.op).unwrap();
    assert_eq!(payment.outcome, Outcome::Paid(paid.receipt));
    assert!(matches!(&payment.work, Work::Payment { memo: Some(memo), .. } if memo == "tea"));
}

#[tokio::test]
async fn change_is_made_when_digits_are_missing() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 64).await;
    let paid = wallet.pay(world.invoice(37)).await.unwrap();
    assert_eq!(paid.swaps, 1);
    assert_eq!(world.balance(&wallet).await, (27, 0));
    // 27 left as digits of what a split gave: 1, 2, 8, 16.
    let paid = wallet.pay(world.invoice(24)).await.unwrap();
    assert_eq!(paid.swaps, 0);
    world.withdraw(&wallet, 1).await;
    world.withdraw(&wallet, 2).await;
    // 3 + 1 + 2: to pay 4, two must be merged.
    let paid = wallet.pay(world.invoice(4)).await.unwrap();
    assert_eq!(paid.swaps, 1);
    assert!(matches!(wallet.pay(world.invoice(3)).await, Err(PayError::InsufficientFunds)));
    world.assert_settled(&wallet, 3).await;
}

#[tokio::test]
async fn bundles_and_swaps() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    let issued = wallet.withdraw(&id, &unit(), WithdrawWhat::Bundle(0)).await.unwrap();
    assert_eq!((issued.amount, issued.tokens), (amount(189), 18));
    let split = wallet.swap(&id, &unit(), SwapWhat::Split(denomination(5))).await.unwrap();
    assert_eq!(split.tokens, 6);
    let merged = wallet.swap(&id, &unit(), SwapWhat::Merge(denomination(0))).await.unwrap();
    assert_eq!(merged.tokens, 1);
    let renewed = wallet.swap(&id, &unit(), SwapWhat::Renew(amount(21))).await.unwrap();
    assert_eq!(renewed.amount, amount(21));
    assert!(matches!(wallet.swap(&id, &unit(), SwapWhat::Split(denomination(9))).await, Err(IssueError::NoSuchTokens)));
    assert!(matches!(wallet.swap(&id, &unit(), SwapWhat::Split(denomination(0))).await, Err(IssueError::Shape(_))));
    assert_eq!(world.balance(&wallet).await, (189, 0));
    world.assert_settled(&wallet, 2).await;
}

#[tokio::test]
async fn more_than_the_account_holds_draws_no_number() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    for _ in 0..101 {
        let refused = wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(10_000))).await;
        assert!(matches!(refused, Err(IssueError::InsufficientFunds)));
    }
    world.withdraw(&wallet, 5).await;
    assert_eq!(world.double.asked(mint_path::FINISH), 1);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn the_oldest_keyset_is_spent_first_and_renewed_when_needed() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 21).await;
    world.double.with(|state| state.add_keyset());
    world.double.pass(90 * DAY);
    let id = world.double.id();
    wallet.refresh_mint(&id).await.unwrap();
    world.withdraw(&wallet, 21).await;
    // Both keysets have the tokens: the older pays.
    assert_eq!(wallet.pay(world.invoice(16)).await.unwrap().swaps, 0);
    // Neither alone has 24: the older one's are renewed.
    let paid = wallet.pay(world.invoice(24)).await.unwrap();
    assert!(paid.swaps >= 1);
    assert_eq!(world.balance(&wallet).await, (2, 0));
    let view = &wallet.mints()[0];
    assert_eq!(view.units[0].redemption, Redemption::Open);
    assert!(view.units[0].active.is_some());
    world.assert_settled(&wallet, 2).await;
}

#[tokio::test]
async fn tokens_of_an_ended_keyset_are_shown_apart() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 21).await;
    world.double.pass(455 * DAY);
    let balance = wallet.balance().await.unwrap().remove(0);
    assert_eq!((balance.available, balance.ended, balance.tokens), (amount(0), amount(21), 0));
}

#[tokio::test]
async fn one_process_one_wallet_one_seed() {
    let (world, wallet) = World::new().await;
    assert!(matches!(Wallet::open(world.path(), protection().unlock(), world.options()).await, Err(OpenError::InUse)));
    drop(wallet);
    let words = Words::generate(&mut rand::rng(), WordCount::TwentyFour).unwrap();
    assert!(matches!(Wallet::create(world.path(), &words, protection(), Options::new()).await, Err(OpenError::Exists)));
    std::fs::remove_file(world.path().join("keys")).unwrap();
    assert!(matches!(Wallet::open(world.path(), protection().unlock(), Options::new()).await, Err(OpenError::Missing)));
    assert!(matches!(
        Wallet::create(world.path(), &words, protection(), Options::new()).await,
        Err(OpenError::KeysMismatch)
    ));
}

#[cfg(unix)]
#[tokio::test]
async fn what_holds_money_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let open = tempfile::tempdir().unwrap();
    std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    drop(Wallet::create(open.path(), &words, protection(), Options::new()).await.unwrap());
    let mode = |name| std::fs::metadata(open.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("keys")), (0o700, 0o600));
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let (world, wallet) = World::new().await;
    assert_eq!(format!("{wallet:?}"), "Wallet(<redacted>)");
    let account = wallet.account(&world.double.id());
    assert_eq!(format!("{account:?}"), "AccountKey(<redacted>)");
    let text = account_text(&account);
    assert_eq!(farthing_protocol::text::decode("farthingaccount", &text).unwrap(), account.as_bytes());
    world.withdraw(&wallet, 5).await;
    let paid = wallet.pay(world.invoice(5)).await.unwrap();
    let shown = format!("{paid:?} {:?} {:?}", wallet.history().await.unwrap(), wallet.balance().await.unwrap());
    let id = paid.receipt.unwrap().draft().payment;
    assert!(!shown.contains(&id.to_text()));
}

#[tokio::test]
async fn a_second_attempt_and_its_events() {
    let (world, wallet) = World::new().await;
    drop(wallet);
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let options = world.options().attempts(2, Duration::ZERO).observer(move |event| {
        seen.lock().unwrap().push(event.clone());
    });
    let wallet = Wallet::open(world.path(), protection().unlock(), options).await.unwrap();
    world.double.fail_next(mint_path::FINISH, Fault::LoseAnswer);
    let issued = wallet.withdraw(&world.double.id(), &unit(), WithdrawWhat::Amount(amount(64))).await.unwrap();
    world.double.fail_next(verifier_path::PAY, Fault::LoseAnswer);
    let paid = wallet.pay(world.invoice(37)).await.unwrap();
    let told = events.lock().unwrap().clone();
    assert_eq!(told, [Event::SentAgain { op: issued.op }, Event::SwapBeforePaying, Event::SentAgain { op: paid.op }]);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_list_fetched_at_the_moment_of_paying_is_told() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 37).await;
    drop(wallet);
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let options = world.options().observer(move |event| seen.lock().unwrap().push(event.clone()));
    let wallet = Wallet::open(world.path(), protection().unlock(), options).await.unwrap();
    let told = Event::ListBeforePaying { mint: world.double.id() };
    wallet.pay(world.invoice(1)).await.unwrap();
    assert!(!events.lock().unwrap().contains(&told));
    // The list is over.
    world.double.pass(8 * DAY);
    wallet.pay(world.invoice(4)).await.unwrap();
    assert_eq!(events.lock().unwrap().drain(..).filter(|event| *event == told).count(), 1);
    // The payee knows a newer head.
    world.double.pass(10);
    world.double.with(|state| state.add_keyset());
    wallet.pay(world.invoice(32)).await.unwrap();
    assert_eq!(events.lock().unwrap().drain(..).filter(|event| *event == told).count(), 1);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn no_time_that_is_signed_tells_how_far_the_clock_is_off() {
    let (world, wallet) = World::new().await;
    world.double.pass(37);
    world.withdraw(&wallet, 64).await;
    wallet.pay(world.invoice(37)).await.unwrap();
    let times = world.double.with(|state| state.times.clone());
    // A query, a swap, a payment.
    assert_eq!(times.len(), 3);
    let minute = world.double.now().minus(37);
    assert_eq!(minute.seconds() % 60, 0);
    assert!(times.iter().all(|time| *time == minute));
}
