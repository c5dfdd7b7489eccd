//! A mint that dies while it drops a keyset: at every commit, before it is durable and after.

use farthing_issuer::{KeysetState, Rotation};

use crate::common::{Fault, World, amount};
use crate::erase::{empty, is_named};
use crate::rotation::{LAPSED, Life, deposited, go_to, life, refused, rotate, rows};
use crate::wallet::{deposit, pay};

/// At the end of its first keyset, with the third made.
async fn ended() -> Life {
    let life = life(true).await;
    assert!(rotate(&life.world).await.made.is_some());
    life.world.mint().keysets_answer().await.unwrap();
    life.world.clock.pass(1);
    life
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_commit_of_the_dropping_loses_nothing() {
    for persisted in [false, true] {
        let mut commits = 0;
        loop {
            let Life { mut world, wallet, shop, first, kept, .. } = ended().await;
            let before = world.audit().await.units.remove(0);
            let held = (world.balance(&wallet.key()).await, world.balance(&shop.key()).await);
            world.fail_after(commits, if persisted { Fault::Persisted } else { Fault::NotPersisted });
            let done = world.mint().rotate().await;
            world.reopen().await;
            // In whatever state it stopped: the books are right, and the keyset's tokens are worth nothing.
            let books = world.audit().await.units.remove(0);
            assert_eq!((books.issued, books.redeemed), (before.issued, before.redeemed));
            let late = deposit(pay(&first, &kept, shop.payee(), world.now()));
            assert_eq!(deposited(&world, vec![late]).await, refused("keyset_ended"));
            world.mint().seal().await.unwrap();
            rotate(&world).await;
            let summary = world.mint().keysets().remove(0);
            assert_eq!((summary.state, summary.lapsed), (KeysetState::Buried, Some(amount(LAPSED))));
            assert!(!world.home.folder().join("archive").join(first.id().to_text()).exists());
            assert!(world.mint().seal().await.unwrap().keyset(first.id()).is_none());
            assert_eq!(world.audit().await.units[0].lapsed, amount(LAPSED));
            assert_eq!((world.balance(&wallet.key()).await, world.balance(&shop.key()).await), held);
            let left = rows(&mut world, &["issuance/", "session/", "issued/", "spent/keyset/", "dropping/"]).await;
            assert_eq!(left, [3, 3, 3, 1, 0]);
            assert_eq!(rotate(&world).await, Rotation::default());
            if done.is_ok() {
                break;
            }
            commits += 1;
        }
        // The tombstone, the index, the spent records, the issuances, and that nothing is left.
        assert!(commits >= 5, "{commits}");
    }
}

/// What a keyset's files are made from is being dropped: nothing of it is listed any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyset_that_is_being_dropped_is_not_archived_again() {
    for commits in 1..5 {
        let Life { mut world, first, .. } = ended().await;
        world.fail_after(commits, Fault::NotPersisted);
        world.mint().rotate().await.unwrap_err();
        world.reopen().await;
        assert_eq!(world.mint().keysets()[0].state, KeysetState::Buried);
        world.clock.pass(86_400);
        assert!(world.mint().seal().await.unwrap().keyset(first.id()).is_none(), "{commits}");
        world.reopen().await;
        assert_eq!(rotate(&world).await.dropped, [*first.id()]);
        assert!(world.mint().seal().await.unwrap().keyset(first.id()).is_none(), "{commits}");
        world.audit().await;
    }
}

/// The index is durable before its files go.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_crash_left_are_removed() {
    let Life { mut world, first, .. } = ended().await;
    rotate(&world).await;
    let folder = world.home.folder().join("archive").join(first.id().to_text());
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("issued-0-0"), "left over").unwrap();
    let id = *first.id();
    let written = move |txn: &mut farthing_durable::Txn<'_>| {
        let key = [b"dropping/".as_slice(), id.as_bytes()].concat();
        txn.put(&key, &[1, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    };
    world.tamper(written).await;
    assert_eq!(rotate(&world).await.dropped, [*first.id()]);
    assert!(!folder.exists());
    world.audit().await;
}

/// What was paid for tokens of a buried keyset counts once, whether its issuances are still there or not when the account is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_are_forgotten_before_the_dropping_keep_the_books_right() {
    // So many commits come through: the tombstone; the index too; the spent records too.
    for commits in 1..4 {
        let Life { mut world, wallet, first, .. } = ended().await;
        let account = wallet.key();
        let held = world.balance(&account).await;
        world.mint().books().pay_out(account, amount(held), "all of it").await.unwrap();
        let before = world.audit().await.units.remove(0);
        world.fail_after(commits, Fault::NotPersisted);
        assert!(world.mint().rotate().await.is_err());
        world.reopen().await;
        assert_eq!(world.mint().keysets().remove(0).state, KeysetState::Buried);
        // Five withdrawals of the first keyset and two of the second, the credit, the payment, the account itself.
        let erased = world.mint().books().forget(account).await.unwrap();
        assert!(erased.rows >= 10 && !erased.is_payee, "{erased:?}");
        assert!(!is_named(&world, account.as_bytes()).await);
        for _ in 0..2 {
            let books = world.audit().await.units.remove(0);
            assert_eq!(books.lapsed, amount(LAPSED));
            assert_eq!(farthing_issuer::UnitBooks { lapsed: before.lapsed, ..books }, before);
            rotate(&world).await;
            assert!(world.mint().keysets().iter().any(|keyset| keyset.keyset == *first.id()));
        }
        assert_eq!(rows(&mut world, &["issuance/", "dropping/"]).await, [3, 0]);
    }
}

/// A payee is named by the records of what he was paid, and by nothing else once they are dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_payee_who_was_forgotten_is_named_until_the_last_of_his_payments_is_dropped() {
    // He is forgotten before any tombstone; behind it; and when the records of one keyset are dropped.
    for when in 0..3 {
        let Life { mut world, shop, first, second, .. } = ended().await;
        let account = shop.key();
        empty(&world, account, "all of it").await;
        let before = world.audit().await.units.remove(0);
        for now in 0..3 {
            if now == 1 {
                world.fail_after(1, Fault::NotPersisted);
                assert!(world.mint().rotate().await.is_err());
                world.reopen().await;
                assert_eq!(world.mint().keysets().remove(0).state, KeysetState::Buried);
            } else if now == 2 {
                assert_eq!(rotate(&world).await.dropped, [*first.id()]);
            }
            if now == when {
                assert!(world.mint().books().forget(account).await.unwrap().is_payee, "{when}");
            }
            let books = world.audit().await.units.remove(0);
            assert_eq!(farthing_issuer::UnitBooks { lapsed: before.lapsed, ..books }, before, "{when} {now}");
            assert!(is_named(&world, account.as_bytes()).await);
        }
        go_to(&world, second.terms().deposit_until);
        world.mint().keysets_answer().await.unwrap();
        // The next keysets were made, and then the second is buried.
        let buried =
            |world: &World| world.mint().keysets().iter().filter(|one| one.state == KeysetState::Buried).count();
        while buried(&world) < 2 {
            world.fail_after(1, Fault::NotPersisted);
            let _stopped = world.mint().rotate().await;
            world.reopen().await;
        }
        world.audit().await;
        assert_eq!(rows(&mut world, &["summed/", "carried/"]).await.map(|count| count > 0), [true, true]);
        rotate(&world).await;
        assert!(!is_named(&world, account.as_bytes()).await, "{when}");
        let books = world.audit().await.units.remove(0);
        assert_eq!((books.issued, books.redeemed, books.fees), (before.issued, before.redeemed, before.fees));
        assert_eq!(world.mint().books().forget(account).await.unwrap().rows, 0);
    }
}
