//! Value is conserved: when forged tokens took some of it, when commits fail, and against whoever changes the books.

use farthing_issuer::{CoverError, Figure, Leak, LedgerError, RecoupError};
use farthing_protocol::api::RecoupState;
use farthing_protocol::recoup::RecoupClaim;

use super::{DAY, Held, claim, copied, cover, file, locked, redeemed, revoke, settle, states, withdraw};
use crate::common::{Fault, World, amount};
use crate::wallet::{Wallet, deposit, pay};

#[tokio::test(flavor = "multi_thread")]
async fn what_forged_tokens_took_is_missing_until_the_operator_puts_it_in() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 15).await;
    let stolen = world.stolen().await;
    let mut thief = Wallet::funded(&stolen, 100).await;
    let forged = withdraw(&stolen, &mut thief, &keyset, 4).await;
    // Forged tokens that were paid cannot be undone.
    let taken = pay(&keyset, &[copied(&forged[0].coin)], thief.payee(), world.now());
    world.mint().deposit(vec![deposit(taken)]).await.unwrap();
    assert_eq!(world.balance(&thief.key()).await, 4);
    world.clock.pass(10);
    revoke(&world, &keyset, 5).await;
    let shop = Wallet::new(&world.id());
    let payment = redeemed(&keyset, &[&tokens[2]], shop.payee(), world.now());
    let filed = RecoupClaim::redeeming(payment, locked(), vec![tokens[2].evidence()]).unwrap();
    let rest: Vec<&Held> = [0, 1, 3].map(|place| &tokens[place]).into();
    let held = claim(&keyset, &rest, wallet.payee(), world.now());
    assert_eq!(states(&world, &held).await, [RecoupState::Waiting; 3]);
    assert_eq!(states(&world, &filed).await, [RecoupState::Waiting]);
    settle(&world).await;
    // Eleven are left for fifteen: the payee has his four, and of the holder's eleven seven are covered.
    assert_eq!(world.balance(&shop.key()).await, 4);
    let paid = world.balance(&wallet.key()).await - 85;
    assert!(paid <= 7, "{paid}");
    world.audit().await;
    let report = world.mint().books().recoup_reports().await.unwrap().remove(0);
    assert_eq!(report.outstanding.units() + 4, report.waiting.amount.units(), "four are missing");

    let books = world.mint().books();
    let put_in = async |units, reference: &str| books.cover_recoup(*keyset.id(), amount(units), reference).await;
    assert_eq!(put_in(0, "loss").await, Err(CoverError::Zero));
    assert_eq!(put_in(1, "").await, Err(CoverError::Reference));
    assert_eq!(put_in(5, "loss").await, Err(CoverError::Beyond(amount(4))), "nothing brings it back");
    let covered = put_in(4, "loss").await.unwrap();
    assert_eq!((covered.outstanding, covered.known), (report.waiting.amount, false));
    assert!(put_in(4, "loss").await.unwrap().known);
    assert_eq!(put_in(5, "loss").await, Err(CoverError::ReferenceUsed));
    world.audit().await;
    books.settle_recoups().await.unwrap();
    assert_eq!(states(&world, &held).await, [RecoupState::Paid; 3]);
    assert_eq!(world.balance(&wallet.key()).await, 85 + 11);
    let books = world.audit().await.units.remove(0);
    assert_eq!((books.funded.units(), books.issued.units(), books.redeemed.units()), (104, 19, 19));
    let elsewhere = World::new().await;
    let unrevoked = *elsewhere.keyset().await.id();
    let refused = elsewhere.mint().books().cover_recoup(unrevoked, amount(1), "x").await;
    assert_eq!(refused, Err(CoverError::NotRevoked));
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_wait_as_long_as_a_payee_is_not_covered() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 9).await;
    let stolen = world.stolen().await;
    let mut thief = Wallet::funded(&stolen, 100).await;
    let forged = withdraw(&stolen, &mut thief, &keyset, 4).await;
    let taken = pay(&keyset, &[copied(&forged[0].coin)], thief.payee(), world.now());
    world.mint().deposit(vec![deposit(taken)]).await.unwrap();
    world.clock.pass(10);
    revoke(&world, &keyset, 5).await;
    let shop = Wallet::new(&world.id());
    let payment = redeemed(&keyset, &[&tokens[1]], shop.payee(), world.now());
    let filed = RecoupClaim::redeeming(payment, locked(), vec![tokens[1].evidence()]).unwrap();
    let held = claim(&keyset, &[&tokens[0]], wallet.payee(), world.now());
    states(&world, &held).await;
    states(&world, &filed).await;
    settle(&world).await;
    // Five are left: the payee's eight are not covered, and the holder's one must not make it worse.
    assert_eq!((world.balance(&shop.key()).await, world.balance(&wallet.key()).await), (0, 91));
    world.mint().books().cover_recoup(*keyset.id(), amount(4), "loss").await.unwrap();
    world.mint().books().settle_recoups().await.unwrap();
    assert_eq!((world.balance(&shop.key()).await, world.balance(&wallet.key()).await), (8, 92));
    world.audit().await;
}

const FAULTS: [(Fault, bool); 2] = [(Fault::NotPersisted, false), (Fault::Persisted, true)];

#[tokio::test(flavor = "multi_thread")]
async fn filing_and_paying_happen_once_whatever_fails() {
    for (fault, persisted) in FAULTS {
        let mut world = World::new().await;
        let mut wallet = Wallet::funded(&world, 100).await;
        let keyset = world.keyset().await;
        let tokens = withdraw(&world, &mut wallet, &keyset, 3).await;
        world.clock.pass(10);
        revoke(&world, &keyset, 0).await;
        let all: Vec<&Held> = tokens.iter().collect();
        let claim = claim(&keyset, &all, wallet.payee(), world.now());
        world.fail_next(fault);
        assert_eq!(file(&world, &claim).await, Err(RecoupError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        let filed = world.mint().books().recoup_reports().await.unwrap().remove(0).waiting.tokens;
        assert_eq!(filed, if persisted { 2 } else { 0 });
        assert_eq!(states(&world, &claim).await, [RecoupState::Waiting; 2]);
        world.clock.pass(Leak::default().window);
        // The time is written down before.
        assert_eq!(states(&world, &claim).await, [RecoupState::Waiting; 2]);
        world.fail_next(fault);
        assert_eq!(world.mint().books().settle_recoups().await, Err(LedgerError::Unavailable));
        world.reopen().await;
        assert_eq!(world.balance(&wallet.key()).await, if persisted { 100 } else { 97 });
        world.mint().books().settle_recoups().await.unwrap();
        assert_eq!(states(&world, &claim).await, [RecoupState::Paid; 2]);
        assert_eq!(world.balance(&wallet.key()).await, 100);
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_with_an_unknown_outcome_is_made_again() {
    for (fault, persisted) in FAULTS {
        let mut world = World::new().await;
        let keyset = world.keyset().await;
        world.clock.pass(100);
        let leak = Leak { since: Some(world.now().minus(50)), window: 10 * DAY };
        world.fail_next(fault);
        world.mint().books().revoke(*keyset.id(), leak).await.unwrap_err();
        world.reopen().await;
        assert_eq!(world.mint().recoups().await.unwrap().recoups.len(), usize::from(persisted));
        let revoked = world.mint().books().revoke(*keyset.id(), leak).await.unwrap();
        assert_eq!(revoked.leaked_since, world.now().minus(50));
        assert_eq!(revoked.claims_until, revoked.revoked_at.plus(10 * DAY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_finds_a_recoup_that_was_made_by_hand() {
    let paid = async || {
        let world = World::new().await;
        let mut wallet = Wallet::funded(&world, 100).await;
        let keyset = world.keyset().await;
        let tokens = withdraw(&world, &mut wallet, &keyset, 3).await;
        world.clock.pass(10);
        revoke(&world, &keyset, 0).await;
        let all: Vec<&Held> = tokens.iter().collect();
        states(&world, &claim(&keyset, &all, wallet.payee(), world.now())).await;
        settle(&world).await;
        cover(&world, &keyset, 5, "cover").await;
        world.audit().await;
        world
    };
    let remove = |txn: &mut farthing_durable::Txn<'_>, prefix: &[u8]| {
        let (key, _) = txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap();
        txn.delete(&key).unwrap();
    };
    let flip = |txn: &mut farthing_durable::Txn<'_>, prefix: &[u8], place: usize| {
        let (key, mut value) = txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap();
        value[place] ^= 1;
        txn.put(&key, &value).unwrap();
    };
    let mut world = paid().await;
    world.tamper(move |txn| remove(txn, b"recoup/token/")).await;
    assert_eq!(world.differing().await, [Figure::AccountBalance, Figure::Redeemed, Figure::Balances]);
    let mut world = paid().await;
    world.tamper(move |txn| remove(txn, b"recoup/origin/")).await;
    assert_eq!(world.differing().await, [Figure::Recoup]);
    let mut world = paid().await;
    world.tamper(move |txn| remove(txn, b"revoked/")).await;
    assert!(world.differing().await.contains(&Figure::Recoup));
    let mut world = paid().await;
    world.tamper(move |txn| remove(txn, b"recoup/cover/")).await;
    assert_eq!(world.differing().await, [Figure::Issued, Figure::Funded]);
    // Format, denomination, mark, issuance id: another issuance.
    let mut world = paid().await;
    world.tamper(move |txn| flip(txn, b"recoup/token/", 3)).await;
    assert!(world.differing().await.contains(&Figure::Recoup));
    // The denomination.
    let mut world = paid().await;
    world.tamper(move |txn| flip(txn, b"recoup/token/", 1)).await;
    assert!(world.differing().await.contains(&Figure::Recoup));
}

/// A mint that revoked before there was recoup kept when, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyset_that_an_older_version_revoked_is_recouped_too() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 1).await;
    world.clock.pass(10);
    let revoked_at = world.mint().revoke(*keyset.id()).await.unwrap();
    world
        .tamper(|txn| {
            let (key, _) = txn.scan_prefix(b"leak/", None, 1).unwrap().pop().unwrap();
            txn.delete(&key).unwrap();
        })
        .await;
    let window = world.mint().recoups().await.unwrap().recoups.remove(0);
    assert_eq!((window.leaked_since, window.claims_until), (revoked_at, revoked_at.plus(30 * DAY)));
    let claim = claim(&keyset, &[&tokens[0]], wallet.payee(), world.now());
    assert_eq!(states(&world, &claim).await, [RecoupState::Waiting]);
    settle(&world).await;
    assert_eq!(states(&world, &claim).await, [RecoupState::Paid]);
    world.audit().await;
}
