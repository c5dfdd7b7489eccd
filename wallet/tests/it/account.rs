//! Withdrawals beyond the limit of an account that has a second factor.

use farthing_http::problem::Code;
use farthing_protocol::api::{SecondFactor, mint_path};
use farthing_wallet::{IssueError, MintError, Reason, Step, Wallet, WithdrawWhat};

use crate::double::{CODE, amount, unit};
use crate::http::Fault;
use crate::world::World;

const WHAT: WithdrawWhat = WithdrawWhat::Amount(match farthing_protocol::amount::Amount::new(64) {
    Some(amount) => amount,
    None => panic!("64 is an amount"),
});

fn code() -> SecondFactor {
    SecondFactor::parse(CODE).unwrap()
}

async fn limited(free: u64) -> (World, Wallet) {
    let (world, wallet) = World::new().await;
    world.double.with(|state| state.free = Some(free));
    (world, wallet)
}

async fn with_code(world: &World, wallet: &Wallet, code: SecondFactor) -> Result<u64, IssueError> {
    let issued = wallet.withdraw_with(&world.double.id(), &unit(), WHAT, code).await?;
    Ok(issued.amount.units())
}

#[tokio::test]
async fn beyond_the_limit_a_code_is_needed_and_nothing_is_begun_without_one() {
    let (world, wallet) = limited(50).await;
    let refused = wallet.withdraw(&world.double.id(), &unit(), WHAT).await.unwrap_err();
    assert!(matches!(refused, IssueError::SecondFactor { free } if free == amount(50)), "{refused}");
    assert_eq!(refused.reason(), Reason::SecondFactorRequired);
    let wrong = with_code(&world, &wallet, SecondFactor::parse("000000").unwrap()).await.unwrap_err();
    assert_eq!(wrong.reason(), Reason::SecondFactorWrong);
    assert_eq!((world.double.asked(mint_path::OPEN), wallet.operations().await.unwrap().len()), (0, 0));
    assert_eq!(with_code(&world, &wallet, code()).await.unwrap(), 64);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn within_the_limit_a_code_is_not_used_up() {
    let (world, wallet) = limited(1000).await;
    assert_eq!(with_code(&world, &wallet, code()).await.unwrap(), 64);
    assert_eq!(world.double.asked(mint_path::PERMIT), 0);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_permission_outlives_a_crash_and_the_code_need_not() {
    let (world, wallet) = limited(0).await;
    drop(wallet);
    for step in [Step::SessionOpened, Step::RequestStored, Step::RequestAnswered] {
        let wallet = world.open_until(step).await;
        with_code(&world, &wallet, code()).await.unwrap_err();
        drop(wallet);
        let wallet = world.open().await;
        wallet.resume().await.unwrap();
        assert!(wallet.operations().await.unwrap().is_empty(), "{step:?}");
    }
    let wallet = world.open().await;
    assert_eq!(world.balance(&wallet).await, (3 * 64, 0));
    world.assert_settled(&wallet, 3).await;
}

#[tokio::test]
async fn without_a_permission_a_crash_ends_in_nothing_being_debited() {
    let (world, wallet) = limited(0).await;
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        world.double.fail_next(mint_path::PERMIT, fault);
        let lost = with_code(&world, &wallet, code()).await.unwrap_err();
        assert!(matches!(lost, IssueError::Mint(MintError::Call(_))), "{lost}");
        assert!(wallet.operations().await.unwrap().is_empty());
    }
    // Somebody else took of the limit between the question and the withdrawal.
    world.double.with(|state| state.free = Some(1000));
    world.double.fail_next(mint_path::FINISH, Fault::Refuse(Code::SecondFactorRequired.into()));
    let refused = wallet.withdraw(&world.double.id(), &unit(), WHAT).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::SecondFactorRequired);
    world.assert_settled(&wallet, 0).await;
}
