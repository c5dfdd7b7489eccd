//! What is issued at most: nothing gets past it, at once or one after the other, and nothing is debited that is refused.

use farthing_issuer::{FinishError, IssueLimits, Limit, NewBatch, OpenError, VoucherError};
use farthing_protocol::api::{DepositOutcome, OpenRequest};
use farthing_protocol::identity::{Keypair, VoucherKey};
use farthing_protocol::shape::Shape;

use crate::common::{World, amount};
use crate::wallet::{Wallet, deposit, finish, operation, pay};

async fn limited(limits: IssueLimits) -> World {
    World::with(|options| options.limits = limits).await
}

async fn withdraw(world: &World, wallet: &mut Wallet, units: u64) -> Result<(), FinishError> {
    wallet.withdraw(world, Shape::Withdrawal(amount(units))).await.map(drop)
}

async fn opened(world: &World, shape: Shape) -> Result<(), OpenError> {
    let keyset = *world.keyset().await.id();
    world.mint().open_issuance(&OpenRequest { keyset, shape }).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_withdrawal_is_bounded_and_told_before_a_session_is_opened() {
    let limits = IssueLimits { operation: Some(amount(600)), ..IssueLimits::default() };
    let mut world = limited(limits).await;
    let mut wallet = Wallet::funded(&world, 10_000).await;
    assert_eq!(opened(&world, Shape::Withdrawal(amount(601))).await, Err(OpenError::OverLimit(Limit::Operation)));
    // The second bundle is worth 8,190.
    assert_eq!(opened(&world, Shape::Bundle(1)).await, Err(OpenError::OverLimit(Limit::Operation)));
    opened(&world, Shape::Bundle(0)).await.unwrap();
    withdraw(&world, &mut wallet, 600).await.unwrap();
    // A swap makes nothing, however much it is worth.
    opened(&world, Shape::Renew(amount(6_000))).await.unwrap();

    // A session of before the limit was set ends under the limit of now.
    let keyset = world.keyset().await;
    let text = std::fs::read_to_string(world.home.folder().join("mint.toml")).unwrap();
    assert!(text.contains("\nmax_issue = 600\n"), "{text}");
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(500))).await;
    let request = draft.by_account(&wallet.account, operation());
    world.mint().finish(request).await.unwrap();
    assert_eq!(world.balance(&wallet.key()).await, 10_000 - 1_100);
    world.reopen().await;
    // Nobody could redeem them.
    let voucher = |units| NewBatch {
        vouchers: vec![VoucherKey::from(&Keypair::generate(&mut rand::rng()))],
        amount: amount(units),
        expires_at: world.now().plus(1000),
        note: String::new(),
    };
    let books = world.mint().books();
    assert_eq!(books.create_vouchers(voucher(601)).await.map(drop), Err(VoucherError::Amount));
    books.create_vouchers(voucher(600)).await.unwrap();
    assert_eq!(opened(&world, Shape::Withdrawal(amount(601))).await, Err(OpenError::OverLimit(Limit::Operation)));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_s_day_is_bounded_over_restarts_and_for_that_account_alone() {
    let limits = IssueLimits { account_day: Some(amount(100)), ..IssueLimits::default() };
    let mut world = limited(limits).await;
    let (mut one, mut other) = (Wallet::funded(&world, 1_000).await, Wallet::funded(&world, 1_000).await);
    withdraw(&world, &mut one, 60).await.unwrap();
    assert_eq!(withdraw(&world, &mut one, 41).await, Err(FinishError::OverLimit(Limit::AccountDay)));
    // What was refused is not counted.
    withdraw(&world, &mut one, 40).await.unwrap();
    world.reopen().await;
    assert_eq!(withdraw(&world, &mut one, 1).await, Err(FinishError::OverLimit(Limit::AccountDay)));
    withdraw(&world, &mut other, 100).await.unwrap();
    assert_eq!(world.balance(&one.key()).await, 900);
    world.clock.pass(24 * 3600 - 1);
    assert_eq!(withdraw(&world, &mut one, 1).await, Err(FinishError::OverLimit(Limit::AccountDay)));
    world.clock.pass(3601);
    withdraw(&world, &mut one, 100).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_want_of_funds_uses_up_no_limit() {
    let limits = IssueLimits { account_day: Some(amount(100)), day: Some(amount(100)), ..IssueLimits::default() };
    let world = limited(limits).await;
    let mut wallet = Wallet::funded(&world, 50).await;
    assert_eq!(withdraw(&world, &mut wallet, 80).await, Err(FinishError::InsufficientFunds));
    world.mint().credit(wallet.key(), amount(50), "more").await.unwrap();
    withdraw(&world, &mut wallet, 100).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_do_not_get_past_the_day_of_all() {
    let limits = IssueLimits { day: Some(amount(100)), ..IssueLimits::default() };
    let world = limited(limits).await;
    let keyset = world.keyset().await;
    let mut running = Vec::new();
    for _ in 0..12 {
        let mut wallet = Wallet::funded(&world, 50).await;
        let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(30))).await;
        running.push(finish(world.mint(), &draft.by_account(&wallet.account, operation())));
    }
    let mut issued = 0;
    for each in running {
        match each.await.unwrap() {
            Ok(_) => issued += 30,
            Err(error) => assert_eq!(error, FinishError::OverLimit(Limit::Day)),
        }
    }
    assert_eq!(issued, 90);
    // A voucher is of the same day.
    let voucher = Keypair::generate(&mut rand::rng());
    world.mint().books().create_voucher(VoucherKey::from(&voucher), amount(16)).await.unwrap();
    let mut wallet = Wallet::new(&world.id());
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(16))).await;
    let refused = world.mint().finish(draft.by_voucher(&voucher)).await;
    assert_eq!(refused, Err(FinishError::OverLimit(Limit::Day)));
    world.clock.pass(25 * 3600);
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(16))).await;
    world.mint().finish(draft.by_voucher(&voucher)).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_is_bounded_until_some_of_it_comes_back() {
    let limits = IssueLimits { outstanding: Some(amount(100)), ..IssueLimits::default() };
    let world = limited(limits).await;
    let mut wallet = Wallet::funded(&world, 1_000).await;
    let (keyset, shop) = (world.keyset().await, Wallet::new(&world.id()));
    let coins = wallet.coins(&world, 100).await;
    assert_eq!(withdraw(&world, &mut wallet, 1).await, Err(FinishError::OverLimit(Limit::Outstanding)));
    // Swaps go on: what is out stays the same.
    let coins = wallet.swap(&world, &keyset, Shape::Renew(amount(100)), &coins).await.unwrap();
    let paid = world.mint().deposit(vec![deposit(pay(&keyset, &coins, shop.payee(), world.now()))]).await.unwrap();
    assert!(matches!(paid[..], [DepositOutcome::Accepted { .. }]));
    withdraw(&world, &mut wallet, 100).await.unwrap();
    world.audit().await;
}
