//! Issuances that doubtful tokens paid for do not count, at any depth.

use farthing_issuer::RecoupError;
use farthing_protocol::api::RecoupState;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;

use super::{Held, claim, file, revoke, settle, states, swap, withdraw};
use crate::common::{World, amount, denomination};
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
    world.mint().books().cover_recoup(*first.id(), amount(8), "loss").await.unwrap();
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
