//! A wallet that comes back when keysets have ended, and a mint that has dropped them.

use farthing_protocol::api::mint_path;
use farthing_wallet::{IssueError, MintError, Outcome, RestoreError, ResumeError, Resumption, Wallet, WithdrawWhat};

use crate::double::{amount, unit};
use crate::http::Fault;
use crate::world::World;

const DAY: u64 = 86_400;

/// To when the first keyset's tokens can be deposited no more, or so many seconds before; five others were made meanwhile.
fn end(world: &World, before: u64) {
    world.double.with(|state| (0..5).for_each(|_| state.add_keyset()));
    let end = world.double.with(|state| state.keysets[0].1.terms().deposit_until);
    world.double.pass(end.seconds() - before - world.double.now().seconds());
}

/// The mint drops the first keyset, and takes it out of its archive.
fn bury(world: &World) {
    let keyset = world.double.with(|state| {
        let keyset = *state.keysets[0].1.id();
        state.buried.push(keyset);
        keyset
    });
    let times = world.double.with(|state| {
        let index = state.archive.index.as_ref().unwrap();
        (index.sealed_until(), index.filtered_until())
    });
    world.double.sign_index(times, |keysets| keysets.retain(|archived| archived.keyset != keyset));
}

#[tokio::test]
async fn an_index_may_leave_out_what_has_ended() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 3).await;
    world.double.seal(0);
    wallet.resynchronise(&id).await.unwrap();
    end(&world, 0);
    bury(&world);
    wallet.resynchronise(&id).await.unwrap();
    let balance = wallet.balance().await.unwrap().pop().unwrap();
    assert_eq!((balance.available.units(), balance.restored.units(), balance.ended.units()), (0, 0, 3));
    // It is used as before.
    world.withdraw(&wallet, 5).await;
    assert_eq!(world.balance(&wallet).await, (5, 0));
    world.double.seal(0);
    wallet.resynchronise(&id).await.unwrap();
    assert_eq!(world.evidence(), [] as [serde_json::Value; 0]);
}

#[tokio::test]
async fn an_index_that_leaves_out_what_has_not_ended_is_misconduct() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 3).await;
    world.double.seal(0);
    wallet.resynchronise(&id).await.unwrap();
    end(&world, 1);
    bury(&world);
    let refused = wallet.resynchronise(&id).await;
    assert!(matches!(refused, Err(RestoreError::Mint(MintError::Misconduct { .. }))), "{refused:?}");
    assert_eq!(world.evidence().len(), 1);
}

async fn begun(world: &World, wallet: &Wallet, fault: Fault) {
    world.double.fail_next(mint_path::FINISH, fault);
    let pending = wallet.withdraw(&world.double.id(), &unit(), WithdrawWhat::Amount(amount(64))).await;
    assert!(matches!(pending, Err(IssueError::Pending { .. })), "{pending:?}");
    world.double.seal(0);
    end(world, 0);
    bury(world);
    // No process of those days runs any more.
    world.double.restart();
}

/// The mint debited it, the answer was lost, and the wallet asks when the tokens could not be spent any more.
#[tokio::test]
async fn a_withdrawal_whose_keyset_ended_is_told_as_lost_and_not_debited_again() {
    let (world, wallet) = World::new().await;
    begun(&world, &wallet, Fault::LoseAnswer).await;
    let held = world.double.held();
    let resumed = wallet.resume().await.unwrap().pop().unwrap();
    let ended = matches!(resumed.result, Err(ResumeError::Issue(IssueError::TokensEnded { op })) if op == resumed.op);
    assert!(ended, "{resumed:?}");
    assert_eq!(wallet.operations().await.unwrap(), []);
    assert_eq!(wallet.history().await.unwrap()[0].outcome, Outcome::TokensEnded);
    assert_eq!(world.double.held(), held);
    assert_eq!(wallet.resume().await.unwrap().len(), 0);
    world.withdraw(&wallet, 5).await;
    assert_eq!(world.balance(&wallet).await, (5, 0));
}

/// The request never came: it is made good with the keyset of today.
#[tokio::test]
async fn a_withdrawal_that_never_came_is_made_with_a_later_keyset() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 1).await;
    begun(&world, &wallet, Fault::LoseRequest).await;
    let resumed = wallet.resume().await.unwrap().pop().unwrap();
    assert!(matches!(resumed.result, Ok(Resumption::Issued(ref issued)) if issued.amount == amount(64)), "{resumed:?}");
    assert_eq!(world.balance(&wallet).await, (64, 0));
    assert!(world.double.now().seconds() > 400 * DAY);
}
