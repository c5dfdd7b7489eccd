//! The end of a recoup: a revoked keyset is buried when nothing of it is left to be decided, and the books still hold.

use farthing_issuer::{CloseError, CoverError, Figure, KeysetState, RecoupError, Rotation, UnitBooks};
use farthing_protocol::amount::Fees;
use farthing_protocol::api::RecoupState;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::recoup::RecoupClaim;
use farthing_protocol::shape::Shape;

use super::{Held, claim, copied, cover, file, locked, redeemed, revoke, settle, states, swap, withdraw};
use crate::common::{Fault, World, amount};
use crate::rotation::{WINDOWS, deposited, go_to, refused, rotate, rows};
use crate::wallet::{Wallet, deposit, pay};

/// A revoked keyset a second before its end: deposited, swapped, claimed and paid.
struct Revoked {
    world: World,
    wallet: Wallet,
    shop: Wallet,
    keyset: Keyset,
    /// Paid to the wallet.
    paid: RecoupClaim,
    /// Of a payee whose payer never showed anything.
    unproven: RecoupClaim,
    /// Never claimed.
    left: Vec<Held>,
}

/// Two of the swap, one that nobody showed, two that nobody claimed, and what the operator put in.
const LAPSED: u64 = 16 + 64 + 2 + 5;

async fn revoked() -> Revoked {
    let world = World::with(|options| {
        options.windows = WINDOWS;
        options.fees = Fees { withdrawal_ppm: 1000, deposit_ppm: 1234 };
    })
    .await;
    let mut wallet = Wallet::funded(&world, 10_000).await;
    let keyset = world.keyset().await;
    let (tokens, left) =
        (withdraw(&world, &mut wallet, &keyset, 37).await, withdraw(&world, &mut wallet, &keyset, 2).await);
    let (spent, locked_away) =
        (withdraw(&world, &mut wallet, &keyset, 96).await, withdraw(&world, &mut wallet, &keyset, 64).await);
    let swapped = withdraw(&world, &mut wallet, &keyset, 16).await;
    swap(&world, &mut wallet, (&keyset, &keyset), Shape::Renew(amount(16)), &swapped).await;
    let shop = Wallet::new(&world.id());
    let coins: Vec<_> = spent.iter().map(|held| copied(&held.coin)).collect();
    deposited(&world, vec![deposit(pay(&keyset, &coins, shop.payee(), world.now()))]).await;
    world.clock.pass(100);
    let late = withdraw(&world, &mut wallet, &keyset, 8).await;
    deposited(&world, vec![deposit(pay(&keyset, &[copied(&late[0].coin)], shop.payee(), world.now()))]).await;
    revoke(&world, &keyset, 50).await;
    world.mint().new_keyset().await.unwrap();
    let all: Vec<&Held> = tokens.iter().collect();
    let paid = claim(&keyset, &all, wallet.payee(), world.now());
    assert_eq!(states(&world, &paid).await, [RecoupState::Waiting; 3]);
    let payment = redeemed(&keyset, &[&locked_away[0]], shop.payee(), world.now());
    let unproven = RecoupClaim::redeeming(payment, locked(), Vec::new()).unwrap();
    assert_eq!(states(&world, &unproven).await, [RecoupState::Unproven]);
    settle(&world).await;
    cover(&world, &keyset, 5, "five").await;
    world.mint().seal().await.unwrap();
    go_to(&world, keyset.terms().deposit_until.minus(1));
    assert_eq!(states(&world, &paid).await, [RecoupState::Paid; 3]);
    Revoked { world, wallet, shop, keyset, paid, unproven, left }
}

async fn balances(world: &World, wallets: [&Wallet; 2]) -> [u64; 2] {
    [world.balance(&wallets[0].key()).await, world.balance(&wallets[1].key()).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_keyset_is_buried_when_its_claims_are_settled() {
    let Revoked { mut world, wallet, shop, keyset, paid, unproven, left } = revoked().await;
    let before = world.audit().await.units.remove(0);
    let held = balances(&world, [&wallet, &shop]).await;
    assert!(rotate(&world).await.buried.is_empty());
    world.clock.pass(1);
    let report = world.mint().books().recoup_reports().await.unwrap().remove(0);
    assert_eq!(states(&world, &unproven).await, [RecoupState::Unpaid]);
    let done = rotate(&world).await;
    assert_eq!((done.buried, done.dropped), (vec![*keyset.id()], vec![*keyset.id()]));
    for _ in 0..2 {
        let books = world.audit().await.units.remove(0);
        assert_eq!(books.lapsed.units(), LAPSED);
        assert_eq!(UnitBooks { lapsed: before.lapsed, ..books }, before);
        assert_eq!(balances(&world, [&wallet, &shop]).await, held);
        let summary = world.mint().keysets().remove(0);
        assert_eq!((summary.state, summary.lapsed), (KeysetState::Buried, Some(amount(LAPSED))));
        // Whoever was told before is told the same; nobody else is told anything.
        assert_eq!(states(&world, &paid).await, [RecoupState::Paid; 3]);
        assert_eq!(states(&world, &unproven).await, [RecoupState::Unpaid]);
        let late = claim(&keyset, &[&left[0]], wallet.payee(), world.now());
        assert_eq!(file(&world, &late).await, Err(RecoupError::Ended));
        let shown = RecoupClaim::new(world.id(), *keyset.id(), None, vec![left[0].evidence()]).unwrap();
        assert_eq!(file(&world, &shown).await, Err(RecoupError::Ended));
        let spent = deposit(pay(&keyset, &[copied(&left[0].coin)], shop.payee(), world.now()));
        assert_eq!(deposited(&world, vec![spent]).await, refused("keyset_ended"));
        // The operator sees what became of it.
        let stands = world.mint().books().recoup_reports().await.unwrap().remove(0);
        assert_eq!((stands.paid, stands.late_by_money), (report.paid, amount(8)));
        assert_eq!((stands.unpaid, stands.unproven.tokens), (report.unpaid, 0));
        assert!(stands.buried_at.is_some() && stands.closed_at.is_none());
        let books = world.mint().books();
        assert!(books.cover_recoup(*keyset.id(), amount(5), "five").await.unwrap().known);
        assert_eq!(books.cover_recoup(*keyset.id(), amount(5), "more").await, Err(CoverError::Ended));
        assert_eq!(rotate(&world).await, Rotation::default());
        world.reopen().await;
    }
    let tables = ["recoup/token/", "recoup/open/", "recoup/origin/", "recoup/cover/", "issuance/", "issued/"];
    assert_eq!(rows(&mut world, &tables).await, [4, 0, 0, 1, 0, 0]);
    assert_eq!(rows(&mut world, &["spent/keyset/", "dropping/"]).await, [0, 0]);
    // Who was paid, and for what he had bought, is in no row of a claim.
    let names = [wallet.key(), shop.key()];
    world
        .tamper(move |txn| {
            for (_, row) in txn.scan_prefix(b"recoup/token/", None, 100).unwrap() {
                let named = names.iter().any(|name| row.windows(32).any(|part| part == name.as_bytes()));
                assert!(!named);
            }
        })
        .await;
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_are_not_covered_keep_the_keyset_until_the_operator_decides() {
    for closes in [false, true] {
        let mut world = World::with(|options| options.windows = WINDOWS).await;
        let mut wallet = Wallet::funded(&world, 100).await;
        let keyset = world.keyset().await;
        let id = *keyset.id();
        let tokens = withdraw(&world, &mut wallet, &keyset, 13).await;
        let stolen = world.stolen().await;
        let mut thief = Wallet::funded(&stolen, 100).await;
        let forged = withdraw(&stolen, &mut thief, &keyset, 4).await;
        let taken = pay(&keyset, &[copied(&forged[0].coin)], thief.payee(), world.now());
        deposited(&world, vec![deposit(taken)]).await;
        world.clock.pass(10);
        assert_eq!(world.mint().books().close_recoup(id).await, Err(CloseError::NotRevoked));
        revoke(&world, &keyset, 5).await;
        world.mint().new_keyset().await.unwrap();
        // The payee's eight come first; the holder's five do not fit into what is left, which is one.
        let shop = Wallet::new(&world.id());
        let payment = redeemed(&keyset, &[&tokens[2]], shop.payee(), world.now());
        let filed = RecoupClaim::redeeming(payment, locked(), vec![tokens[2].evidence()]).unwrap();
        let held = claim(&keyset, &[&tokens[0], &tokens[1]], wallet.payee(), world.now());
        states(&world, &filed).await;
        states(&world, &held).await;
        settle(&world).await;
        let ends = keyset.terms().deposit_until;
        assert_eq!(world.mint().books().close_recoup(id).await, Err(CloseError::Running(ends)));
        go_to(&world, ends);
        world.mint().books().settle_recoups().await.unwrap();
        assert!(rotate(&world).await.buried.is_empty(), "somebody waits for his money");
        assert_eq!(states(&world, &held).await, [RecoupState::Paid, RecoupState::Waiting]);
        let books = world.mint().books();
        if closes {
            books.close_recoup(id).await.unwrap();
            books.close_recoup(id).await.unwrap();
        } else {
            books.cover_recoup(id, amount(4), "loss").await.unwrap();
            books.settle_recoups().await.unwrap();
        }
        world.reopen().await;
        let (state, got) = if closes { (RecoupState::Unpaid, 1) } else { (RecoupState::Paid, 5) };
        for _ in 0..2 {
            assert_eq!(states(&world, &held).await, [RecoupState::Paid, state]);
            assert_eq!(states(&world, &filed).await, [RecoupState::Paid]);
            assert_eq!(balances(&world, [&wallet, &shop]).await, [87 + got, 8]);
            world.audit().await;
            let report = world.mint().books().recoup_reports().await.unwrap().remove(0);
            assert_eq!((report.unpaid.tokens, report.waiting.tokens), (u64::from(closes), 0));
            assert_eq!((report.closed_at.is_some(), report.buried_at.is_some()), (closes, report.buried_at.is_some()));
            rotate(&world).await;
            assert_eq!(world.mint().keysets().remove(0).state, KeysetState::Buried);
        }
        let journal = rows(&mut world, &["journal/", "recoup/closed/"]).await;
        assert_eq!(journal[1], usize::from(closes));
        assert_eq!(world.mint().books().close_recoup(id).await, Ok(()), "it changes nothing");
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_any_commit_of_the_dropping_pays_nobody_twice() {
    crash_everywhere(Fault::NotPersisted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_behind_any_commit_of_the_dropping_pays_nobody_twice() {
    crash_everywhere(Fault::Persisted).await;
}

async fn crash_everywhere(fault: Fault) {
    let mut commits = 0;
    loop {
        let Revoked { mut world, wallet, shop, keyset, paid, unproven, left } = revoked().await;
        world.clock.pass(1);
        world.mint().books().settle_recoups().await.unwrap();
        world.mint().keysets_answer().await.unwrap();
        let before = world.audit().await.units.remove(0);
        let held = balances(&world, [&wallet, &shop]).await;
        world.fail_after(commits, fault);
        let done = world.mint().rotate().await;
        world.reopen().await;
        for _ in 0..2 {
            let books = world.audit().await.units.remove(0);
            assert_eq!((books.issued, books.redeemed), (before.issued, before.redeemed));
            assert_eq!(states(&world, &paid).await, [RecoupState::Paid; 3]);
            assert_eq!(states(&world, &unproven).await, [RecoupState::Unpaid]);
            let late = claim(&keyset, &[&left[0]], wallet.payee(), world.now());
            assert_eq!(file(&world, &late).await, Err(RecoupError::Ended));
            world.mint().books().settle_recoups().await.unwrap();
            assert_eq!(balances(&world, [&wallet, &shop]).await, held);
            rotate(&world).await;
        }
        assert_eq!(world.audit().await.units[0].lapsed.units(), LAPSED);
        let left = rows(&mut world, &["issuance/", "recoup/origin/", "recoup/token/", "dropping/"]).await;
        assert_eq!(left, [0, 0, 4, 0]);
        assert_eq!(rotate(&world).await, Rotation::default());
        if done.is_ok() {
            break;
        }
        commits += 1;
    }
    assert!(commits >= 4, "{commits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_of_an_ended_recoup_is_found() {
    let Revoked { mut world, .. } = revoked().await;
    world.clock.pass(1);
    world.mint().books().settle_recoups().await.unwrap();
    assert_eq!(rotate(&world).await.dropped.len(), 1);
    world.audit().await;
    // Format, then the sums.
    for (prefix, place, expected) in [
        (b"recoup/end/".as_slice(), 1, Figure::Recoup),
        (b"recoup/end/", 9, Figure::Tombstone),
        (b"recoup/token/", 1, Figure::Recoup),
        (b"recoup/cover/", 33, Figure::Recoup),
    ] {
        let flip = move |txn: &mut farthing_durable::Txn<'_>| {
            for (key, mut value) in txn.scan_prefix(prefix, None, 100).unwrap() {
                value[place] ^= 1;
                txn.put(&key, &value).unwrap();
            }
        };
        world.tamper(flip).await;
        let found = world.differing().await;
        assert!(found.contains(&expected), "{}: {expected:?} not in {found:?}", String::from_utf8_lossy(prefix));
        world.tamper(flip).await;
        world.audit().await;
    }
    for prefix in [b"recoup/end/".as_slice(), b"recoup/cover/"] {
        let (told, taken) = std::sync::mpsc::channel();
        world
            .tamper(move |txn| {
                let (key, value) = txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap();
                txn.delete(&key).unwrap();
                told.send((key, value)).unwrap();
            })
            .await;
        assert!(world.differing().await.contains(&Figure::Recoup));
        let (key, value) = taken.recv().unwrap();
        world.tamper(move |txn| txn.put(&key, &value).unwrap()).await;
        world.audit().await;
    }
}
