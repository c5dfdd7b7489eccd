//! What a signer issues within an hour.

use farthing_issuer::FinishError;
use farthing_protocol::shape::Shape;

use super::limited;
use crate::common::{World, amount};
use crate::rotation::{coins_of, go_to};
use crate::wallet::{Wallet, operation};

async fn withdraws(world: &World, wallet: &mut Wallet, units: u64) -> Result<(), FinishError> {
    wallet.withdraw(world, Shape::Withdrawal(amount(units))).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_withdrawn_within_an_hour_than_the_signer_allows() {
    let mut world = World::apart(limited(100, 1000)).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    withdraws(&world, &mut wallet, 60).await.unwrap();
    world.clock.pass(1800);
    withdraws(&world, &mut wallet, 40).await.unwrap();
    for _ in 0..2 {
        assert_eq!(withdraws(&world, &mut wallet, 1).await, Err(FinishError::SignerLimit));
        // Neither a restart of the signer nor one of the mint gives anything back.
        world.start_signer().await;
        world.reopen().await;
    }
    assert_eq!(world.balance(&wallet.key()).await, 900);
    world.clock.pass(1740);
    assert_eq!(withdraws(&world, &mut wallet, 1).await, Err(FinishError::SignerLimit));
    // 61 minutes after the first 60.
    world.clock.pass(120);
    withdraws(&world, &mut wallet, 60).await.unwrap();
    assert_eq!(withdraws(&world, &mut wallet, 1).await, Err(FinishError::SignerLimit));
    assert_eq!(world.balance(&wallet.key()).await, 840);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_keyset_brings_no_limit_of_its_own() {
    let mut world = World::apart(limited(100, 1000)).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    world.clock.pass(70 * 86_400);
    world.mint().new_keyset().await.unwrap();
    go_to(&world, first.terms().issue_until.minus(60));
    coins_of(&mut wallet, &world, &first, 100).await;
    go_to(&world, first.terms().issue_until);
    assert_eq!(withdraws(&world, &mut wallet, 1).await, Err(FinishError::SignerLimit));
    world.start_signer().await;
    assert_eq!(withdraws(&world, &mut wallet, 1).await, Err(FinishError::SignerLimit));
    world.clock.pass(3660);
    withdraws(&world, &mut wallet, 100).await.unwrap();
    // Each keyset has its own count all the same.
    let report = world.mint().signer_report().await.unwrap().unwrap().keysets;
    let counts: Vec<_> = report.iter().map(|of| (of.withdrawn.units(), of.withdrawn_in_hour.units())).collect();
    assert_eq!(counts, [(100, 0), (100, 100)]);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_at_the_limit_is_burned_and_its_money_is_not() {
    let world = World::apart(limited(8, 1000)).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let (draft, same) = (wallet.draft(&world, &keyset, Shape::Withdrawal(amount(9))).await, operation());
    let request = draft.by_account(&wallet.account, same);
    assert_eq!(world.mint().finish(request.clone()).await, Err(FinishError::SignerLimit));
    assert_eq!(world.mint().finish(request).await, Err(FinishError::SessionGone));
    assert_eq!(world.balance(&wallet.key()).await, 1000);
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(8))).await;
    let record = world.mint().finish(draft.by_account(&wallet.account, same)).await.unwrap();
    wallet.adopt(&keyset, &draft, &record);
    assert_eq!(world.balance(&wallet.key()).await, 992);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_and_withdrawals_do_not_take_the_hour_from_each_other() {
    let world = World::apart(limited(16, 24)).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let mut coins = wallet.coins(&world, 8).await;
    for _ in 0..3 {
        coins = wallet.swap(&world, &keyset, Shape::Renew(amount(8)), &coins).await.unwrap();
    }
    let refused = wallet.swap(&world, &keyset, Shape::Renew(amount(8)), &coins).await;
    assert_eq!(refused.err(), Some(FinishError::SignerLimit));
    withdraws(&world, &mut wallet, 8).await.unwrap();
    assert_eq!(withdraws(&world, &mut wallet, 8).await, Err(FinishError::SignerLimit));
    world.clock.pass(3720);
    wallet.swap(&world, &keyset, Shape::Renew(amount(8)), &coins).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_anyhow_counts_for_nothing() {
    let world = World::apart(limited(100, 100)).await;
    let (mut poor, mut rich) = (Wallet::funded(&world, 5).await, Wallet::funded(&world, 1000).await);
    let keyset = world.keyset().await;
    for _ in 0..5 {
        let draft = poor.draft(&world, &keyset, Shape::Withdrawal(amount(90))).await;
        let request = draft.by_account(&poor.account, operation());
        assert_eq!(world.mint().finish(request.clone()).await, Err(FinishError::InsufficientFunds));
        // A copy that comes later must not succeed, even if there is money then.
        assert_eq!(world.mint().finish(request).await, Err(FinishError::SessionGone));
    }
    withdraws(&world, &mut rich, 100).await.unwrap();
}
