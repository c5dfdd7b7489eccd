//! Vouchers in batches: each is redeemed once or goes back, and the books know of it.

use farthing_issuer::{BatchState, Figure, FinishError, LedgerError, NewBatch, VoucherError};
use farthing_protocol::identity::{Keypair, VoucherKey};
use farthing_protocol::shape::Shape;

use crate::common::{Fault, World, amount};
use crate::wallet::{Draft, Wallet, finish};

fn keys(count: usize) -> Vec<Keypair> {
    (0..count).map(|_| Keypair::generate(&mut rand::rng())).collect()
}

pub(crate) fn batch(world: &World, keys: &[Keypair], units: u64) -> NewBatch {
    NewBatch {
        vouchers: keys.iter().map(VoucherKey::from).collect(),
        amount: amount(units),
        expires_at: world.now().plus(1000),
        note: "Summer fair".to_owned(),
    }
}

async fn draft(world: &World, wallet: &mut Wallet, units: u64) -> Draft {
    let keyset = world.keyset().await;
    let mut draft = wallet.draft(world, &keyset, Shape::Withdrawal(amount(units))).await;
    draft.terms.debit = draft.terms.amount;
    draft
}

async fn redeem(world: &World, wallet: &mut Wallet, key: &Keypair, units: u64) -> Result<(), FinishError> {
    let draft = draft(world, wallet, units).await;
    world.mint().finish(draft.by_voucher(key)).await.map(drop)
}

/// Funded, paid out, unused vouchers, issued.
async fn books(world: &World) -> [u64; 4] {
    let books = world.audit().await.units.remove(0);
    [books.funded, books.paid_out, books.vouchers, books.issued].map(|amount| amount.units())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_made_once_and_redeemed_one_by_one() {
    let mut world = World::with_fees(1000, 0).await;
    let mut wallet = Wallet::new(&world.id());
    let keys = keys(3);
    for known in [false, true] {
        let (view, was) = world.mint().books().create_vouchers(batch(&world, &keys, 100)).await.unwrap();
        assert_eq!((was, view.number, view.count, view.open, view.state), (known, 0, 3, amount(300), BatchState::Open));
    }
    assert_eq!(books(&world).await, [300, 0, 300, 0]);
    redeem(&world, &mut wallet, &keys[1], 100).await.unwrap();
    assert!(matches!(redeem(&world, &mut wallet, &keys[1], 100).await, Err(FinishError::FundingUsed(_))));
    assert_eq!(redeem(&world, &mut wallet, &keys[0], 99).await, Err(FinishError::Mismatch));
    world.reopen().await;
    redeem(&world, &mut wallet, &keys[0], 100).await.unwrap();
    let listed = world.mint().books().vouchers(None, 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].redeemed, listed[0].open, listed[0].note.as_str()), {
        (1, 2, amount(100), "Summer fair")
    });
    assert!(world.mint().books().vouchers(Some(0), 10).await.unwrap().is_empty());
    assert_eq!(books(&world).await, [300, 0, 100, 200], "there is no fee on vouchers");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let keys = keys(2);
    let create = async |change: &dyn Fn(&mut NewBatch)| {
        let mut batch = batch(&world, &keys, 100);
        change(&mut batch);
        world.mint().books().create_vouchers(batch).await.map(drop)
    };
    let first = VoucherKey::from(&keys[0]);
    type Change<'a> = &'a dyn Fn(&mut NewBatch);
    let cases: [(Change<'_>, VoucherError); 8] = [
        (&|batch| batch.amount = amount(0), VoucherError::Amount),
        (&|batch| batch.amount = amount(1 << 32), VoucherError::Amount),
        (&|batch| batch.vouchers.clear(), VoucherError::Count),
        (&|batch| batch.vouchers = vec![first; 10_001], VoucherError::Count),
        (&|batch| batch.vouchers.push(first), VoucherError::Repeated),
        (&|batch| batch.note = "x".repeat(129), VoucherError::Note),
        (&|batch| batch.note = "a\u{202e}b".to_owned(), VoucherError::Note),
        (&|batch| batch.expires_at = world.now(), VoucherError::Expired),
    ];
    for (change, error) in cases {
        assert_eq!(create(change).await, Err(error));
    }
    assert_eq!(world.audit().await.units.len(), 0);
    create(&|batch| batch.amount = amount((1 << 32) - 1)).await.unwrap();
    // Neither some of them nor the same for another amount or another time is the same batch.
    let others: [Change<'_>; 4] = [
        &|_| {},
        &|batch| batch.vouchers.truncate(1),
        &|batch| batch.vouchers.push(VoucherKey::from(&Keypair::from_secret(&[1; 32]))),
        &|batch| batch.vouchers.insert(0, VoucherKey::from(&Keypair::from_secret(&[2; 32]))),
    ];
    for change in others {
        assert_eq!(create(change).await, Err(VoucherError::Used));
    }
    assert_eq!(books(&world).await[0], 2 * ((1 << 32) - 1));
    // One of its own, without a batch.
    let single = Keypair::generate(&mut rand::rng());
    world.mint().books().create_voucher((&single).into(), amount(100)).await.unwrap();
    let with_it = create(&|batch| batch.vouchers = vec![VoucherKey::from(&single)]).await;
    assert_eq!(with_it, Err(VoucherError::Used));
    assert_eq!(world.mint().books().revoke_vouchers(1).await, Err(VoucherError::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_batch_is_worth_nothing_and_leaves_the_books() {
    let mut world = World::new().await;
    let mut wallet = Wallet::new(&world.id());
    let keys = keys(3);
    world.mint().books().create_vouchers(batch(&world, &keys, 100)).await.unwrap();
    let begun = draft(&world, &mut wallet, 100).await.by_voucher(&keys[2]);
    let record = {
        let request = draft(&world, &mut wallet, 100).await.by_voucher(&keys[0]);
        let record = world.mint().finish(request.clone()).await.unwrap();
        (request, record)
    };
    let revoked_at = world.now();
    for _ in 0..2 {
        let view = world.mint().books().revoke_vouchers(0).await.unwrap();
        assert_eq!((view.state, view.ended_at, view.redeemed, view.open), {
            (BatchState::Revoked, Some(revoked_at), 1, amount(200))
        });
        world.clock.pass(10);
    }
    assert_eq!(world.mint().finish(begun).await, Err(FinishError::VoucherEnded));
    assert_eq!(redeem(&world, &mut wallet, &keys[1], 100).await, Err(FinishError::VoucherEnded));
    // What was redeemed before stays redeemed.
    assert_eq!(world.mint().finish(record.0).await.unwrap(), record.1);
    assert_eq!(books(&world).await, [300, 200, 0, 100]);
    // Made again, it is the same batch, and has ended.
    let (view, known) = world.mint().books().create_vouchers(batch_at(revoked_at.plus(1000), &keys)).await.unwrap();
    assert_eq!((known, view.state), (true, BatchState::Revoked));
    world.reopen().await;
    world.clock.pass(2000);
    world.mint().books().expire_vouchers().await.unwrap();
    assert_eq!(books(&world).await, [300, 200, 0, 100], "it does not end twice");
}

fn batch_at(expires_at: farthing_protocol::amount::UnixTime, keys: &[Keypair]) -> NewBatch {
    NewBatch {
        vouchers: keys.iter().map(VoucherKey::from).collect(),
        amount: amount(100),
        expires_at,
        note: "Summer fair".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vouchers_end_with_their_time_whether_or_not_anybody_looks() {
    let mut world = World::new().await;
    let mut wallet = Wallet::new(&world.id());
    let (early, late) = (keys(2), keys(1));
    world.mint().books().create_vouchers(batch(&world, &early, 8)).await.unwrap();
    let lasting = NewBatch { expires_at: world.now().plus(5000), ..batch(&world, &late, 16) };
    world.mint().books().create_vouchers(lasting).await.unwrap();
    world.clock.pass(999);
    world.mint().books().expire_vouchers().await.unwrap();
    redeem(&world, &mut wallet, &early[0], 8).await.unwrap();
    world.clock.pass(1);
    // Nobody has looked: the value is in the books, and cannot be redeemed.
    assert_eq!(redeem(&world, &mut wallet, &early[1], 8).await, Err(FinishError::VoucherEnded));
    let listed = world.mint().books().vouchers(None, 10).await.unwrap();
    assert_eq!((listed[0].state, listed[0].ended_at), (BatchState::Expired, None));
    assert_eq!(books(&world).await, [32, 0, 24, 8]);
    for _ in 0..2 {
        world.mint().books().expire_vouchers().await.unwrap();
        assert_eq!(books(&world).await, [32, 8, 16, 8]);
        world.reopen().await;
    }
    // A clock that is set back revives nothing.
    world.clock.set_wall(world.now().minus(200));
    let revived = redeem(&world, &mut wallet, &early[1], 8).await;
    assert_eq!(revived, Err(FinishError::Ledger(LedgerError::ClockBehind)));
    world.clock.set_wall(world.now().plus(200));
    redeem(&world, &mut wallet, &late[0], 16).await.unwrap();
    world.clock.pass(4000);
    world.mint().books().expire_vouchers().await.unwrap();
    assert_eq!(books(&world).await, [32, 8, 0, 24]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_batches_end_at_once() {
    let world = World::new().await;
    for _ in 0..130 {
        world.mint().books().create_vouchers(batch(&world, &keys(1), 1)).await.unwrap();
    }
    world.clock.pass(1000);
    world.mint().books().expire_vouchers().await.unwrap();
    assert_eq!(books(&world).await, [130, 130, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_redeemings_and_a_revocation_at_once_each_voucher_goes_one_way() {
    let world = World::new().await;
    let mut wallet = Wallet::new(&world.id());
    let keys = keys(12);
    world.mint().books().create_vouchers(batch(&world, &keys, 4)).await.unwrap();
    let mut requests = Vec::new();
    for key in &keys {
        for _ in 0..2 {
            requests.push(draft(&world, &mut wallet, 4).await.by_voucher(key));
        }
    }
    let finishing: Vec<_> = requests.iter().map(|request| finish(world.mint(), request)).collect();
    let books_of = world.mint().books().clone();
    let revoking = tokio::spawn(async move { books_of.revoke_vouchers(0).await });
    let mut redeemed = 0;
    for finishing in finishing {
        match finishing.await.unwrap() {
            Ok(_) => redeemed += 1,
            Err(error) => assert!(matches!(error, FinishError::FundingUsed(_) | FinishError::VoucherEnded), "{error}"),
        }
    }
    revoking.await.unwrap().unwrap();
    assert!(redeemed <= 12);
    assert_eq!(books(&world).await, [48, 48 - redeemed * 4, 0, redeemed * 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_an_unknown_outcome_is_asked_again() {
    for fault in [Fault::NotPersisted, Fault::Persisted] {
        let mut world = World::new().await;
        let keys = keys(4);
        world.fail_next(fault);
        let lost = world.mint().books().create_vouchers(batch(&world, &keys, 100)).await.map(drop);
        assert_eq!(lost, Err(VoucherError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        let (_, known) = world.mint().books().create_vouchers(batch(&world, &keys, 100)).await.unwrap();
        assert_eq!(known, matches!(fault, Fault::Persisted));
        assert_eq!(books(&world).await, [400, 0, 400, 0]);
        world.fail_next(fault);
        let lost = world.mint().books().revoke_vouchers(0).await;
        assert_eq!(lost, Err(VoucherError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        assert_eq!(books(&world).await[1], if matches!(fault, Fault::Persisted) { 400 } else { 0 });
        world.mint().books().revoke_vouchers(0).await.unwrap();
        assert_eq!(books(&world).await, [400, 400, 0, 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_tampered_with_is_found() {
    type Tampering = fn(&mut farthing_durable::Txn<'_>);
    // After the format come unit (2 + 3 + 1) and amount (8), then count, redeemed (4 each); at the end 0, or 1, time and why.
    let cases: [Tampering; 6] = [
        |txn| change(txn, b"batch/", |value| value[15] ^= 1),
        |txn| change(txn, b"batch/", |value| value[19] ^= 1),
        |txn| change(txn, b"batch/", |value| value[7] ^= 1),
        |txn| remove(txn, b"batch/"),
        |txn| remove(txn, b"batch-of/"),
        |txn| remove(txn, b"batch-due/"),
    ];
    for (number, tampering) in cases.into_iter().enumerate() {
        let mut world = World::new().await;
        let mut wallet = Wallet::new(&world.id());
        let keys = keys(2);
        world.mint().books().create_vouchers(batch(&world, &keys, 100)).await.unwrap();
        redeem(&world, &mut wallet, &keys[0], 100).await.unwrap();
        world.audit().await;
        world.tamper(tampering).await;
        assert!(world.differing().await.contains(&Figure::VoucherBatch), "case {number}");
    }
    // One that pretends to have ended.
    let mut world = World::new().await;
    world.mint().books().create_vouchers(batch(&world, &keys(2), 100)).await.unwrap();
    world
        .tamper(|txn| {
            change(txn, b"batch/", |value| {
                assert_eq!(value.pop(), Some(0));
                value.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
            });
        })
        .await;
    let found = world.differing().await;
    for figure in [Figure::VoucherBatch, Figure::PaidOut, Figure::Vouchers] {
        assert!(found.contains(&figure), "{figure:?} not in {found:?}");
    }
}

fn first(txn: &farthing_durable::Txn<'_>, prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap()
}

fn remove(txn: &mut farthing_durable::Txn<'_>, prefix: &[u8]) {
    txn.delete(&first(txn, prefix).0).unwrap();
}

fn change(txn: &mut farthing_durable::Txn<'_>, prefix: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let (key, mut value) = first(txn, prefix);
    change(&mut value);
    txn.put(&key, &value).unwrap();
}
