//! Issuances that doubtful tokens paid for do not count, at any depth.

use farthing_issuer::RecoupError;
use farthing_protocol::api::RecoupState;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;

use super::{Held, claim, cover, file, revoke, settle, states, swap, withdraw};
use crate::common::{World, amount, denomination};
use crate::rotation::{WINDOWS, go_to, rotate};
use crate::wallet::Wallet;

/// Two keysets: the first has ended its issuing, and a thief holds forged tokens of it.
struct Two {
    world: World,
    first: Keyset,
    second: Keyset,
    honest: Wallet,
    /// Of the first keyset.
    old: Vec<Held>,
    thief: Wallet,
    forged: Vec<Held>,
}

async fn two() -> Two {
    let mut world = World::new().await;
    let mut honest = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    let old = withdraw(&world, &mut honest, &first, 64 + 32).await;
    let stolen = world.stolen().await;
    let mut thief = Wallet::funded(&stolen, 1000).await;
    let forged = withdraw(&stolen, &mut thief, &first, 8).await;
    world.mint().new_keyset().await.unwrap();
    let second = world.keyset().await;
    world.clock.pass(second.terms().active_from.seconds() - world.now().seconds());
    world.reopen().await;
    Two { world, first, second, honest, old, thief, forged }
}

async fn excluded(world: &World, keyset: &Keyset, wallet: &Wallet, held: &Held) -> bool {
    match file(world, &claim(keyset, &[held], wallet.payee(), world.now())).await {
        Ok(answer) => {
            assert_eq!(answer.tokens[0].state, RecoupState::Waiting);
            false
        }
        Err(RecoupError::Excluded) => true,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_forged_tokens_paid_for_is_excluded_at_any_depth() {
    let Two { world, first, second, mut honest, old, mut thief, forged } = two().await;
    let renew = |units| Shape::Renew(amount(units));
    // Before the first keyset leaked: an honest swap out of it, and one within the second.
    let early = swap(&world, &mut honest, (&first, &second), renew(32), &old[..1]).await;
    let earlier = withdraw(&world, &mut honest, &second, 16).await;
    let within = swap(&world, &mut honest, (&second, &second), renew(16), &earlier).await;
    world.clock.pass(100);
    let leaked = world.now();
    world.clock.pass(100);
    // Depth one: forged tokens of the first become tokens of the second. Depth two: those are split.
    let one = swap(&world, &mut thief, (&first, &second), renew(8), &forged).await;
    world.clock.pass(1);
    let two = swap(&world, &mut thief, (&second, &second), Shape::Split(denomination(3)), &one).await;
    let three = swap(&world, &mut thief, (&second, &second), renew(4), &two[3..]).await;
    // Afterwards an honest withdrawal, and a swap of honest tokens that nobody can tell from the thief's.
    let bought = withdraw(&world, &mut honest, &second, 2).await;
    let mixed = withdraw(&world, &mut honest, &second, 1).await;
    let mixed = swap(&world, &mut honest, (&second, &second), renew(1), &mixed).await;
    world.clock.pass(1000);
    // The second keyset leaked much later than the first, so that all of this lies before its leak.
    let now = world.now();
    revoke(&world, &second, 10).await;
    assert!(!excluded(&world, &second, &thief, &three[0]).await, "as long as nothing is known of the first leak");
    revoke(&world, &first, now.seconds() - leaked.seconds()).await;
    for late in [&two[0], &two[1]] {
        assert!(excluded(&world, &second, &thief, late).await);
    }
    assert!(excluded(&world, &second, &honest, &mixed[0]).await);
    for good in [&early[0], &within[0], &bought[0]] {
        assert!(!excluded(&world, &second, &honest, good).await);
    }
    assert!(!excluded(&world, &first, &honest, &old[1]).await);
    // What was filed before the first leak was known is judged again before it is paid.
    // The forged eight were swapped out of the first keyset, and are missing there.
    cover(&world, &first, 8, "loss").await;
    settle(&world).await;
    assert_eq!(world.balance(&thief.key()).await, 0);
    let filed = claim(&second, &[&three[0]], thief.payee(), now);
    assert_eq!(states(&world, &filed).await, [RecoupState::Excluded]);
    assert_eq!(world.balance(&honest.key()).await, 1000 - 96 - 16 - 2 - 1 + 32 + 16 + 2 + 64);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_leak_makes_nothing_doubtful_that_was_before() {
    let Two { mut world, first, second, mut honest, old, .. } = two().await;
    let swapped = swap(&world, &mut honest, (&first, &second), Shape::Renew(amount(32)), &old[..1]).await;
    world.clock.pass(100);
    revoke(&world, &first, 50).await;
    world.clock.pass(100);
    revoke(&world, &second, 50).await;
    world.reopen().await;
    assert!(!excluded(&world, &second, &honest, &swapped[0]).await);
    assert!(!excluded(&world, &first, &honest, &old[1]).await);
}

/// The keyset after this one, at the beginning of its time.
async fn next(world: &World, last: &Keyset) -> Keyset {
    go_to(world, last.terms().issue_until.minus(WINDOWS.issue / 3));
    let made = rotate(world).await.made.unwrap();
    go_to(world, last.terms().issue_until.plus(100));
    let keysets = world.keysets().await.keysets.into_iter().map(|document| document.verify().unwrap());
    keysets.into_iter().find(|keyset| *keyset.id() == made).unwrap()
}

/// Four keysets. The first one's forged tokens went through the second and the third, whose records are dropped, into the fourth.
struct Through {
    world: World,
    last: Keyset,
    /// Of the fourth.
    forged: (Wallet, Held),
    /// Went the same way as honest tokens: into the second before the forged ones were made, and then after them.
    mixed: Held,
    bought: Held,
    honest: Wallet,
}

/// The first keyset is said to have leaked before the forged tokens were swapped, or only after it. The last is revoked before the two in
/// between are dropped, or after that.
async fn through_buried_keysets(leaked_before: bool, revoked_before: bool) -> Through {
    let mut world = World::with(|options| options.windows = WINDOWS).await;
    let renew = |units| Shape::Renew(amount(units));
    let mut honest = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    let old = withdraw(&world, &mut honest, &first, 64 + 32).await;
    let stolen = world.stolen().await;
    let mut thief = Wallet::funded(&stolen, 1000).await;
    let mut forged = withdraw(&stolen, &mut thief, &first, 8).await;
    let second = next(&world, &first).await;
    let mut mixed = swap(&world, &mut honest, (&first, &second), renew(32), &old[..1]).await;
    world.clock.pass(100);
    let before = world.now();
    world.clock.pass(100);
    forged = swap(&world, &mut thief, (&first, &second), renew(8), &forged).await;
    world.clock.pass(100);
    let leaked = if leaked_before { before } else { world.now() };
    let third = next(&world, &second).await;
    forged = swap(&world, &mut thief, (&second, &third), renew(8), &forged).await;
    mixed = swap(&world, &mut honest, (&second, &third), renew(32), &mixed).await;
    let last = next(&world, &third).await;
    forged = swap(&world, &mut thief, (&third, &last), renew(8), &forged).await;
    mixed = swap(&world, &mut honest, (&third, &last), renew(32), &mixed).await;
    let bought = withdraw(&world, &mut honest, &last, 2).await;
    // The first is revoked, and kept. The two in between end.
    revoke(&world, &first, world.now().seconds() - leaked.seconds()).await;
    world.clock.pass(1000);
    if revoked_before {
        revoke(&world, &last, 10).await;
        // By the log, which is whole.
        assert_eq!(excluded(&world, &last, &thief, &forged[0]).await, leaked_before);
    }
    go_to(&world, third.terms().deposit_until);
    let mut dropped = rotate(&world).await.dropped;
    dropped.sort();
    let mut between = vec![*second.id(), *third.id()];
    between.sort();
    assert_eq!(dropped, between);
    if !revoked_before {
        world.reopen().await;
        revoke(&world, &last, 10).await;
    }
    let (forged, mixed, bought) = (forged.remove(0), mixed.remove(0), bought.into_iter().next().unwrap());
    Through { world, last, forged: (thief, forged), mixed, bought, honest }
}

#[tokio::test(flavor = "multi_thread")]
async fn doubt_is_handed_on_by_keysets_whose_records_were_dropped() {
    for revoked_before in [false, true] {
        let through = through_buried_keysets(true, revoked_before).await;
        let Through { world, last, forged: (thief, forged), mixed, bought, honest } = through;
        assert!(excluded(&world, &last, &thief, &forged).await);
        assert!(excluded(&world, &last, &honest, &mixed).await, "nobody can tell it from the thief's");
        assert!(!excluded(&world, &last, &honest, &bought).await);
        settle(&world).await;
        assert_eq!(world.balance(&thief.key()).await, 0);
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keysets_whose_records_were_dropped_hand_on_no_doubt_that_came_later() {
    for revoked_before in [false, true] {
        let through = through_buried_keysets(false, revoked_before).await;
        let Through { world, last, mixed, bought, honest, .. } = through;
        assert!(!excluded(&world, &last, &honest, &mixed).await);
        assert!(!excluded(&world, &last, &honest, &bought).await);
        world.audit().await;
    }
}
