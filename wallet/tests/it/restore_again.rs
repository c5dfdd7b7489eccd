//! Restores that are called off or called again, and what is done with the wallet meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};

use farthing_protocol::api::mint_path;
use farthing_protocol::text::TextForm;
use farthing_protocol::token::TextToken;
use farthing_wallet::{
    IssueError, ReceiveError, RestoreError, RestoreState, Step, StoreError, SwapWhat, WHAT_A_RESTORE_SHOWS, Wallet,
    WithdrawWhat,
};

use crate::double::{amount, unit};
use crate::http::Fault;
use crate::restore::{Lost, many_segments, sums};
use crate::world::{World, protection};

#[tokio::test]
async fn what_is_given_back_after_a_resynchronisation_is_renewed_too() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 5).await;
    world.double.seal(0);
    drop(wallet);
    let wallet = world.open_until(Step::IssueStored).await;
    assert!(wallet.swap(&id, &unit(), SwapWhat::Renew(amount(4))).await.is_err());
    drop(wallet);
    let wallet = world.open().await;
    let op = wallet.operations().await.unwrap()[0].id;
    assert_eq!(wallet.resynchronise(&id).await.unwrap().tokens, 1);
    assert_eq!(world.balance(&wallet).await, (0, 4));
    assert_eq!(wallet.give_up(op).await.unwrap(), None);
    assert_eq!(sums(&wallet).await, (0, 5, 0));
    assert!(wallet.pay(world.invoice(4)).await.is_err(), "it may have been spent elsewhere");
    assert_eq!(wallet.confirm_restored().await.unwrap().amount, amount(5));
}

/// A restore that read nothing knows none of the old numbers: drawn again one after another, they would tell the mint that they are of
/// one wallet.
#[tokio::test]
async fn until_its_first_search_is_through_a_restored_wallet_draws_no_number() {
    let (world, wallet) = many_segments(0).await;
    let lost = Lost::new(world, wallet);
    let left = AtomicU32::new(2);
    let options =
        lost.world.options().hook(move |step| step == Step::ArchiveRead && left.fetch_sub(1, Ordering::SeqCst) == 1);
    let wallet = lost.world.wallet_of_words(lost.folder.path(), options).await;
    let id = lost.world.double.id();
    let killed = wallet.restore(&id).await;
    assert!(matches!(killed, Err(RestoreError::Store(StoreError::Unavailable))), "{killed:?}");
    drop(wallet);
    let wallet = Wallet::open(lost.folder.path(), protection().unlock(), lost.world.options()).await.unwrap();
    let issued = lost.world.double.with(|state| state.requests.get(mint_path::FINISH).copied());
    let refused = wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(1))).await;
    assert!(matches!(refused, Err(IssueError::Store(StoreError::RestoreFirst))), "{refused:?}");
    let refused = wallet.renew_restored().await;
    assert!(matches!(refused, Err(IssueError::Store(StoreError::RestoreFirst))), "{refused:?}");
    assert_eq!(wallet.operations().await.unwrap(), []);
    assert_eq!(lost.world.double.with(|state| state.requests.get(mint_path::FINISH).copied()), issued);
    lost.restore(&wallet).await;
    lost.world.withdraw(&wallet, 1).await;
    assert_eq!(sums(&wallet).await, (1, 36, 0));
    assert_eq!(lost.world.double.with(|state| state.violations), 0);
}

/// From the words it cannot be told that a token was handed over: it comes back, and its renewal ends the text.
#[tokio::test]
async fn money_given_out_as_a_text_comes_back_and_the_text_ends() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 4).await;
    let sent = wallet.send(&world.double.id(), &unit(), amount(4), None).await.unwrap();
    world.double.seal(0);
    let (lost, other) = (Lost::new(world, wallet), tempfile::tempdir().unwrap());
    let wallet = lost.wallet().await;
    assert_eq!(lost.restore(&wallet).await.tokens, 1);
    wallet.confirm_restored().await.unwrap();
    assert_eq!(sums(&wallet).await, (4, 0, 0));
    let words = farthing_wallet::Words::generate(&mut rand::rng(), Default::default()).unwrap();
    let recipient = Wallet::create(other.path(), &words, protection(), lost.world.options()).await.unwrap();
    let view = recipient.add_mint(&lost.world.url).await.unwrap();
    recipient.pin_mint(&view.id).await.unwrap();
    let text = TextToken::from_text(sent.text.as_str()).unwrap();
    assert!(matches!(recipient.receive(text).await, Err(ReceiveError::AlreadySpent)));
    let said = WHAT_A_RESTORE_SHOWS;
    assert!(said.contains("given out as a text") && said.contains("comes back"), "{said}");
}

/// The twin's wallet, which was restored, goes on; ours has been finished and meets its numbers.
async fn finished_and_marked() -> (Lost, Wallet) {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 5).await;
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    lost.restore(&wallet).await;
    lost.world.double.seal(0);
    assert_eq!(lost.restore(&wallet).await.state, RestoreState::Finished);
    wallet.confirm_restored().await.unwrap();
    assert_eq!(sums(&wallet).await, (5, 0, 0));
    lost.world.double.seal(0);
    let folder = tempfile::tempdir().unwrap();
    let twin = lost.world.wallet_of_words(folder.path(), lost.world.options()).await;
    twin.restore(&lost.world.double.id()).await.unwrap();
    twin.confirm_restored().await.unwrap();
    // The twin left numbers out: ours comes up to them.
    for _ in 0..100 {
        let withdrawn = wallet.withdraw(&lost.world.double.id(), &unit(), WithdrawWhat::Amount(amount(1))).await;
        if withdrawn.is_err() {
            assert_eq!(wallet.used_elsewhere().await.unwrap().len(), 1);
            return (lost, wallet);
        }
    }
    panic!("the two never met");
}

#[tokio::test]
async fn a_marked_wallet_that_is_restored_again_doubts_what_it_holds() {
    let (lost, wallet) = finished_and_marked().await;
    lost.world.double.seal(0);
    let before = sums(&wallet).await;
    let restored = lost.restore(&wallet).await;
    assert_eq!(wallet.used_elsewhere().await.unwrap(), []);
    let (available, waiting, suspected) = sums(&wallet).await;
    assert_eq!(available, 0, "it may all have been spent elsewhere");
    assert!(waiting + suspected >= before.0);
    // Its own two tokens were renewed by the other, which has them now.
    assert!(restored.suspected >= 2, "{restored:?}");
}

#[tokio::test]
async fn a_finished_restore_stays_finished_when_it_is_called_again() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 5).await;
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    lost.restore(&wallet).await;
    lost.world.double.seal(0);
    let finished = lost.restore(&wallet).await;
    assert_eq!(finished.state, RestoreState::Finished);
    // Whatever becomes of a further call.
    (0..4).for_each(|_| lost.world.double.fail_next("/v1/archive", Fault::LoseRequest));
    assert_eq!(lost.restore(&wallet).await, finished);
    assert_eq!(wallet.restores().await.unwrap()[0].state, RestoreState::Finished);
}
