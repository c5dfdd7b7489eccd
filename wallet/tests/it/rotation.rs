//! A wallet that comes back when keysets have ended, and a mint that has dropped them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use farthing_protocol::api::mint_path;
use farthing_wallet::{
    IssueError, MintError, Outcome, RestoreError, RestoreState, ResumeError, Resumption, Step, Wallet, WithdrawWhat,
};

use crate::double::{Double, amount, unit};
use crate::http::Fault;
use crate::world::{World, protection};

const DAY: u64 = 86_400;

/// To when the first keyset's tokens can be deposited no more, or so many seconds before; five others were made meanwhile.
fn end(world: &World, before: u64) {
    world.double.with(|state| (0..5).for_each(|_| state.add_keyset()));
    let end = world.double.with(|state| state.keysets[0].1.terms().deposit_until);
    world.double.pass(end.seconds() - before - world.double.now().seconds());
}

#[tokio::test]
async fn an_index_may_leave_out_what_has_ended() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 3).await;
    world.double.seal(0);
    wallet.resynchronise(&id).await.unwrap();
    end(&world, 0);
    drop_first(&world.double);
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
    drop_first(&world.double);
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
    drop_first(&world.double);
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

/// A wallet comes back from its words while the mint drops one of its keysets: what is worth something comes back whole.
#[tokio::test]
async fn a_restore_goes_on_while_a_keyset_is_dropped() {
    // After how many files the mint drops it: before any, between the keyset's own, and behind them all.
    let mut told = 0;
    for read in 0..6 {
        let (world, wallet) = World::new().await;
        for units in [1, 2, 4] {
            world.withdraw(&wallet, units).await;
            world.double.seal(0);
        }
        end(&world, 0);
        for units in [8, 16] {
            world.withdraw(&wallet, units).await;
            world.double.seal(0);
        }
        drop(wallet);
        let folder = tempfile::tempdir().unwrap();
        let (double, left) = (Arc::clone(&world.double), AtomicU32::new(read + 1));
        let dropped = move |step| {
            // Just before what a file brought is kept, and so before the next is fetched.
            if step == Step::BeforeWrite && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                drop_first(&double);
            }
            false
        };
        let wallet = world.wallet_of_words(folder.path(), world.options()).await;
        drop(wallet);
        let options = world.options().hook(dropped);
        let wallet = Wallet::open(folder.path(), protection().unlock(), options).await.unwrap();
        let id = world.double.id();
        // What is gone of the first keyset is told, or never asked for; the rest is there at once.
        let first = wallet.restore(&id).await;
        assert!(first.is_ok() || matches!(first, Err(RestoreError::Mint(MintError::Call(_)))), "{read}: {first:?}");
        told += u32::from(first.is_err());
        let balance = wallet.balance().await.unwrap().pop().unwrap();
        assert_eq!(balance.restored.units(), 24, "{read}");
        assert!(balance.ended.units() <= 7);
        world.double.seal(0);
        let again = wallet.restore(&id).await.unwrap();
        assert_eq!(again.state, RestoreState::Finished, "{read}");
        let confirmed = wallet.confirm_restored().await.unwrap();
        assert_eq!((confirmed.renewed, confirmed.amount), (2, amount(24)), "{read}");
        world.withdraw(&wallet, 5).await;
        assert_eq!(world.balance(&wallet).await.0, 29);
        assert_eq!(world.double.with(|state| state.violations), 0);
        assert_eq!(world.evidence(), [] as [serde_json::Value; 0]);
    }
    assert!(told > 1, "nothing was dropped while it was read");
}

/// The mint drops the first keyset with its files.
fn drop_first(double: &Double) {
    let keyset = double.with(|state| {
        let keyset = *state.keysets[0].1.id();
        state.buried.push(keyset);
        let name = keyset.to_text();
        state.archive.files.retain(|path, _| !path.contains(&name));
        keyset
    });
    let times = double.with(|state| {
        let index = state.archive.index.as_ref().unwrap();
        (index.sealed_until(), index.filtered_until())
    });
    double.sign_index(times, |keysets| keysets.retain(|archived| archived.keyset != keyset));
}
