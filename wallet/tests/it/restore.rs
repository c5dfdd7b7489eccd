//! Coming back from words alone, and bringing a wallet together again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use farthing_protocol::api::mint_path;
use farthing_wallet::{
    Balance, Confirmed, Event, IssueError, MintError, Pace, Renewal, RestoreError, RestoreState, Restored, Step,
    StoreError, SwapWhat, Wallet, WithdrawWhat,
};
use tempfile::TempDir;

use crate::double::{DAY, amount, unit};
use crate::http::Fault;
use crate::restore_lies::issued_files;
use crate::world::{World, protection};

/// The wallet's words alone are left.
pub(crate) struct Lost {
    pub(crate) world: World,
    pub(crate) folder: TempDir,
}

impl Lost {
    pub(crate) fn new(world: World, wallet: Wallet) -> Self {
        drop(wallet);
        Self { world, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) async fn wallet(&self) -> Wallet {
        self.world.wallet_of_words(self.folder.path(), self.world.options()).await
    }

    pub(crate) async fn restore(&self, wallet: &Wallet) -> Restored {
        wallet.restore(&self.world.double.id()).await.unwrap()
    }
}

async fn balance(wallet: &Wallet) -> Balance {
    wallet.balance().await.unwrap().pop().unwrap()
}

/// Available, restored, suspected.
pub(crate) async fn sums(wallet: &Wallet) -> (u64, u64, u64) {
    let balance = balance(wallet).await;
    (balance.available.units(), balance.restored.units(), balance.suspected.units())
}

#[tokio::test]
async fn what_was_there_comes_back_and_is_renewed_before_it_is_paid() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 37).await;
    world.double.seal(0);
    world.withdraw(&wallet, 5).await;
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let began = lost.world.double.now();
    let restored = lost.restore(&wallet).await;
    assert_eq!(restored.state, RestoreState::Restoring { until: began });
    assert_eq!((restored.tokens, restored.suspected, restored.perhaps_sent), (5, 0, 0));
    assert_eq!(sums(&wallet).await, (0, 42, 0));
    let invoice = lost.world.invoice(5);
    assert!(wallet.pay(invoice.clone()).await.is_err(), "nothing restored is paid");

    // Finished once the mint has sealed what happened just before.
    lost.world.double.seal(0);
    assert_eq!(lost.restore(&wallet).await.state, RestoreState::Finished);
    assert_eq!(wallet.restores().await.unwrap()[0].state, RestoreState::Finished);
    assert!(matches!(wallet.renew_restored().await.unwrap(), Some(Renewal::Renewed(_))));
    let confirmed = wallet.confirm_restored().await.unwrap();
    assert_eq!((confirmed.renewed, confirmed.spent), (4, 0));
    assert_eq!(sums(&wallet).await, (42, 0, 0));
    wallet.pay(invoice).await.unwrap();
    assert_eq!(lost.world.double.with(|state| state.violations), 0);
}

#[tokio::test]
async fn what_was_spent_is_told_by_the_filters_or_by_its_renewal() {
    let (world, wallet) = World::new().await;
    for units in [1, 2, 4, 8] {
        world.withdraw(&wallet, units).await;
    }
    wallet.pay(world.invoice(1)).await.unwrap();
    wallet.swap(&world.double.id(), &unit(), SwapWhat::Renew(amount(2))).await.unwrap();
    world.double.seal(0);
    // Too late for a filter.
    wallet.pay(world.invoice(4)).await.unwrap();
    world.double.seal_issuances(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let restored = lost.restore(&wallet).await;
    assert_eq!((restored.tokens, restored.suspected), (3, 2));
    assert_eq!(sums(&wallet).await, (0, 2 + 4 + 8, 1 + 2));
    let confirmed = wallet.confirm_restored().await.unwrap();
    let expected = (2, 3, amount(10));
    assert_eq!((confirmed.renewed, confirmed.spent, confirmed.amount), expected);
    assert_eq!(sums(&wallet).await, (10, 0, 0));
    // What the wallet has and the payee got is what there was.
    assert_eq!(lost.world.double.held(), (10_000 - 2 - 3 - 5 - 9, 5));
}

#[tokio::test]
async fn an_unanswered_request_and_an_unsettled_payment_are_among_it() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 3).await;
    world.double.fail_next(mint_path::FINISH, Fault::LoseAnswer);
    let pending = wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(4))).await;
    assert!(matches!(pending, Err(IssueError::Pending { .. })));
    world.double.fail_next("/v1/pay", Fault::LoseRequest);
    assert!(wallet.pay(world.invoice(2)).await.is_err());
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    lost.restore(&wallet).await;
    assert_eq!(sums(&wallet).await, (0, 7, 0));
    assert_eq!(wallet.confirm_restored().await.unwrap().amount, amount(7));
}

#[tokio::test]
async fn every_keyset_is_searched_and_what_ended_is_not_renewed() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 5).await;
    world.double.seal(0);
    world.double.with(|state| state.add_keyset());
    world.double.pass(90 * DAY);
    wallet.refresh_mint(&world.double.id()).await.unwrap();
    world.withdraw(&wallet, 9).await;
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    assert_eq!(lost.restore(&wallet).await.tokens, 4);
    assert_eq!(sums(&wallet).await, (0, 14, 0));
    lost.world.double.pass(366 * DAY);
    lost.world.double.with(|state| (0..4).for_each(|_| state.add_keyset()));
    wallet.refresh_mint(&lost.world.double.id()).await.unwrap();
    let confirmed = wallet.confirm_restored().await.unwrap();
    assert_eq!((confirmed.renewed, confirmed.amount), (2, amount(9)));
    assert_eq!((sums(&wallet).await, balance(&wallet).await.ended), ((9, 0, 0), amount(5)));
}

#[tokio::test]
async fn tokens_locked_to_others_are_perhaps_sent_and_never_in_the_balance() {
    let (world, wallet) = World::new().await;
    let other = tempfile::tempdir().unwrap();
    let words = farthing_wallet::Words::generate(&mut rand::rng(), Default::default()).unwrap();
    let recipient = Wallet::create(other.path(), &words, protection(), world.options()).await.unwrap();
    let view = recipient.add_mint(&world.url).await.unwrap();
    recipient.pin_mint(&view.id).await.unwrap();
    let record = recipient.recipient().unwrap();
    world.withdraw(&wallet, 8).await;
    wallet.send_to(&record, &unit(), amount(5), None).await.unwrap();
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let restored = lost.restore(&wallet).await;
    assert_eq!(restored.perhaps_sent, 2);
    let sent = wallet.perhaps_sent().await.unwrap();
    assert!(sent.iter().all(|sent| sent.recipient == *record.key().element()));
    assert_eq!(sent.iter().map(|sent| sent.denomination.value().units()).sum::<u64>(), 5);
    wallet.confirm_restored().await.unwrap();
    assert_eq!(sums(&wallet).await, (3, 0, 0));
    assert_eq!(wallet.perhaps_sent().await.unwrap().len(), 2);
}

/// Issues in many segments, so that a restore reads many files.
pub(crate) async fn many_segments(bits: u8) -> (World, Wallet) {
    let (world, wallet) = World::new().await;
    for units in 1..=8 {
        world.withdraw(&wallet, units).await;
        world.double.seal(bits);
    }
    (world, wallet)
}

#[tokio::test]
async fn killed_anywhere_it_goes_on_and_fetches_only_what_was_on_its_way_again() {
    let (world, wallet) = many_segments(0).await;
    let lost = Lost::new(world, wallet);
    drop(lost.wallet().await);
    let id = lost.world.double.id();
    let mut kills = 0;
    loop {
        let left = AtomicU32::new(2);
        let options = lost
            .world
            .options()
            .hook(move |step| step == Step::ArchiveRead && left.fetch_sub(1, Ordering::SeqCst) == 1);
        let wallet = Wallet::open(lost.folder.path(), protection().unlock(), options).await.unwrap();
        match wallet.restore(&id).await {
            Ok(restored) => {
                assert_eq!(restored.tokens, 13);
                break;
            }
            Err(RestoreError::Store(StoreError::Unavailable)) => kills += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(kills, 4);
    let asked = lost.world.double.files_asked();
    assert_eq!(asked.len(), 8);
    // At each death three others may have been on their way.
    assert!(asked.values().sum::<u32>() <= 8 + 3 * kills, "{asked:?}");
    drop(lost);
}

#[tokio::test]
async fn a_busy_mint_is_waited_for_and_a_broken_one_is_told() {
    let (world, wallet) = many_segments(0).await;
    let lost = Lost::new(world, wallet);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&seen);
    let slept = Arc::new(Mutex::new(Vec::new()));
    let sleeps = Arc::clone(&slept);
    let pace = Pace::new(rand::random, move |length| {
        sleeps.lock().unwrap().push(length.as_secs());
        async {}
    });
    let options = lost.world.options().pace(pace).observer(move |event| events.lock().unwrap().push(event.clone()));
    let wallet = lost.world.wallet_of_words(lost.folder.path(), options).await;
    (0..20).for_each(|_| lost.world.double.fail_next("/v1/archive/issued", Fault::Busy));
    let restored = lost.restore(&wallet).await;
    assert_eq!(restored.tokens, 13);
    let seen = seen.lock().unwrap().clone();
    let mint = lost.world.double.id();
    // It said that it need not be waited for at all.
    let waits = seen.iter().filter(|event| **event == Event::RestoreWaits { mint, seconds: 1 });
    assert_eq!(waits.count(), 20);
    assert_eq!(*slept.lock().unwrap(), [1; 20]);
    let last = seen.iter().rev().find(|event| matches!(event, Event::RestoreProgress { .. }));
    assert_eq!(last, Some(&Event::RestoreProgress { mint, done: 8, total: 8, tokens: 13 }));

    lost.world.double.seal(0);
    (0..4).for_each(|_| lost.world.double.fail_next("/v1/archive", Fault::LoseRequest));
    let error = wallet.restore(&mint).await.unwrap_err();
    assert!(matches!(error, RestoreError::Mint(MintError::Call(_))), "{error:?}");
    // Nor for ever.
    slept.lock().unwrap().clear();
    (0..2000).for_each(|_| lost.world.double.fail_next("/v1/archive", Fault::Busy));
    let error = wallet.restore(&mint).await.unwrap_err();
    assert!(matches!(error, RestoreError::Mint(MintError::Call(_))), "{error:?}");
    assert_eq!(slept.lock().unwrap().len(), 30 * 60);
    lost.world.double.with(|state| state.faults.clear());
    assert_eq!(lost.restore(&wallet).await.state, RestoreState::Finished);
}

/// Whichever files were left out would tell the mint something, all the more as every segment is cut in another way.
#[tokio::test]
async fn every_file_is_read_once_whosever_prefix_it_is() {
    let (world, wallet) = World::new().await;
    for units in [3, 4] {
        world.withdraw(&wallet, units).await;
        world.double.seal(8);
    }
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    assert_eq!(lost.restore(&wallet).await.tokens, 3);
    let asked = lost.world.double.files_asked();
    assert_eq!(asked.keys().collect::<Vec<_>>(), issued_files(&lost.world).keys().collect::<Vec<_>>());
    assert_eq!(asked.len(), 512);
    assert!(asked.values().all(|times| *times == 1));
    lost.world.double.seal(0);
    lost.restore(&wallet).await;
    assert_eq!(lost.world.double.files_asked().len(), asked.len(), "what was read is not read again");
}

/// A file that has to be read again because of what is in it is read with all the others of its segment.
#[tokio::test]
async fn a_segment_is_read_whole_when_one_of_its_files_is_read_again() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 3).await;
    world.double.fail_next(mint_path::FINISH, Fault::LoseAnswer);
    let pending = wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(4))).await;
    assert!(matches!(pending, Err(IssueError::Pending { .. })));
    world.double.seal(4);
    wallet.resynchronise(&id).await.unwrap();
    let times = || world.double.files_asked().into_values().collect::<Vec<_>>();
    assert_eq!(times(), [1; 16]);
    wallet.resume().await.unwrap();
    wallet.resynchronise(&id).await.unwrap();
    assert_eq!(times(), [2; 16]);
    wallet.resynchronise(&id).await.unwrap();
    assert_eq!(times(), [2; 16]);
}

#[tokio::test]
async fn segments_of_the_same_span_are_searched_all() {
    let (world, wallet) = World::new().await;
    for units in 1..=4 {
        world.withdraw(&wallet, units).await;
    }
    world.double.with(|state| state.archive.at_most = 1);
    let index = world.double.seal(1);
    assert_eq!(index.keysets()[0].segments.len(), 4);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    assert_eq!(lost.restore(&wallet).await.tokens, 5);
    assert_eq!(sums(&wallet).await, (0, 10, 0));
}

#[tokio::test]
async fn numbers_far_beyond_one_another_are_found() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    // A live wallet leaves at most 100 unused.
    for _ in 0..3 {
        world.withdraw(&wallet, 1).await;
        world.double.with(|state| state.lie = Some(crate::double::Lie::SessionGone));
        for _ in 0..8 {
            let pending = wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(1))).await;
            let Err(IssueError::Pending { op, .. }) = pending else { panic!("{pending:?}") };
            for _ in 0..3 {
                wallet.resume().await.unwrap();
            }
            wallet.give_up(op).await.unwrap();
        }
        world.double.with(|state| state.lie = None);
    }
    world.double.seal(6);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    assert_eq!(lost.restore(&wallet).await.tokens, 3);
}

#[tokio::test]
async fn while_the_mint_has_not_sealed_all_the_wallet_is_used_and_finds_the_rest_later() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 5).await;
    world.double.seal(0);
    // Not sealed: more numbers than are left out.
    for _ in 0..66 {
        world.withdraw(&wallet, 1).await;
    }
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    assert_eq!(lost.restore(&wallet).await.tokens, 2);
    lost.world.withdraw(&wallet, 7).await;
    assert_eq!(sums(&wallet).await, (7, 5, 0));
    assert_eq!(wallet.used_elsewhere().await.unwrap(), []);
    lost.world.double.seal(0);
    let restored = lost.restore(&wallet).await;
    assert_eq!(restored.state, RestoreState::Finished);
    let confirmed = wallet.confirm_restored().await.unwrap();
    assert_eq!((confirmed.amount, confirmed.spent), (amount(71), 0));
    assert_eq!(sums(&wallet).await, (78, 0, 0));
}

#[tokio::test]
async fn a_wallet_that_was_used_is_not_restored_but_resynchronised() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 5).await;
    assert!(matches!(wallet.restore(&id).await, Err(RestoreError::InUse)));
    // Another wallet of the same words, alive at the same time, pays with what it finds.
    world.double.seal(0);
    let folder = tempfile::tempdir().unwrap();
    let twin = world.wallet_of_words(folder.path(), world.options()).await;
    twin.restore(&id).await.unwrap();
    twin.confirm_restored().await.unwrap();
    twin.pay(world.invoice(4)).await.unwrap();
    world.double.seal(0);

    let restored = wallet.resynchronise(&id).await.unwrap();
    // Of its own two tokens both are spent; the twin's renewals are found, one of them spent.
    assert_eq!((restored.tokens, restored.suspected), (1, 3));
    let confirmed = wallet.confirm_restored().await.unwrap();
    assert_eq!((confirmed.amount, confirmed.spent), (amount(1), 3));
    assert_eq!(world.balance(&wallet).await, (1, 0));
}

#[tokio::test]
async fn what_the_wallet_locked_itself_is_listed_where_it_was() {
    let (world, wallet) = World::new().await;
    let record = wallet.recipient().unwrap();
    world.withdraw(&wallet, 8).await;
    wallet.send_to(&record, &unit(), amount(5), None).await.unwrap();
    world.double.seal(0);
    let restored = wallet.resynchronise(&world.double.id()).await.unwrap();
    assert_eq!(restored.perhaps_sent, 0);
    assert_eq!(wallet.sent(true).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_reserved_is_left_alone() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 5).await;
    world.double.fail_next("/v1/pay", Fault::LoseAnswer);
    assert!(wallet.pay(world.invoice(4)).await.is_err());
    world.double.seal(0);
    let restored = wallet.resynchronise(&id).await.unwrap();
    assert_eq!((restored.tokens, restored.suspected), (1, 0));
    assert_eq!(world.balance(&wallet).await, (0, 4));
    wallet.resume().await.unwrap();
    assert_eq!(wallet.confirm_restored().await.unwrap().amount, amount(1));
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_suspicion_may_be_wrong_and_the_renewal_says_so() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 1).await;
    wallet.pay(world.invoice(1)).await.unwrap();
    world.double.seal(0);
    // The filter holds the token, and it was never spent: as if by chance.
    world.double.with(|state| state.spent.clear());
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    assert_eq!(lost.restore(&wallet).await.suspected, 1);
    assert_eq!(wallet.renew_restored().await.unwrap(), Some(Renewal::Renewed(amount(1))));
    assert_eq!(sums(&wallet).await, (1, 0, 0));
    assert_eq!(wallet.renew_restored().await.unwrap(), None);
}

#[tokio::test]
async fn a_wallet_without_a_past_is_restored_to_nothing() {
    let (world, wallet) = World::new().await;
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let restored = lost.restore(&wallet).await;
    assert_eq!((restored.tokens, restored.suspected, restored.perhaps_sent), (0, 0, 0));
    assert_eq!(wallet.confirm_restored().await.unwrap(), Confirmed::default());
    lost.world.withdraw(&wallet, 3).await;
    assert_eq!(sums(&wallet).await, (3, 0, 0));
}
