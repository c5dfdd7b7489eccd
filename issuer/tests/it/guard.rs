//! A process that is not what it was forgets its sessions.

use farthing_issuer::FinishError;
use farthing_protocol::shape::Shape;

use crate::common::{World, amount};
use crate::wallet::{Wallet, operation};

const SHAPE: fn() -> Shape = || Shape::Withdrawal(amount(5));

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_discards_the_sessions() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let before = wallet.draft(&world, &keyset, SHAPE()).await;
    world.clock.fork();
    let refused = world.mint().finish(before.by_account(&wallet.account, operation())).await;
    assert_eq!(refused, Err(FinishError::UnknownSession));
    let after = wallet.draft(&world, &keyset, SHAPE()).await;
    world.mint().finish(after.by_account(&wallet.account, operation())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_wall_clock_discards_the_sessions() {
    for (jump, known) in [(5, true), (6, false), (3600, false)] {
        let world = World::new().await;
        let mut wallet = Wallet::funded(&world, 1000).await;
        let keyset = world.keyset().await;
        let draft = wallet.draft(&world, &keyset, SHAPE()).await;
        world.clock.pass(60);
        world.clock.set_wall(world.now().plus(jump));
        let result = world.mint().finish(draft.by_account(&wallet.account, operation())).await;
        if known {
            result.unwrap();
        } else {
            assert_eq!(result, Err(FinishError::UnknownSession));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_steps_that_add_up_discard_the_sessions() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let draft = wallet.draft(&world, &keyset, SHAPE()).await;
    for _ in 0..3 {
        world.clock.pass(10);
        world.clock.set_wall(world.now().plus(2));
        let _opened = wallet.draft(&world, &keyset, SHAPE()).await;
    }
    let refused = world.mint().finish(draft.by_account(&wallet.account, operation())).await;
    assert_eq!(refused, Err(FinishError::UnknownSession));
}
