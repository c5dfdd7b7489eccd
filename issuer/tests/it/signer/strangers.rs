//! What a signer is not told of, and who else knocks.

use std::path::PathBuf;
use std::sync::Arc;

use farthing_issuer::{Alarm, Books, FinishError, HomeError, OpenError, check_home};
use farthing_protocol::shape::Shape;
use farthing_verifier::findings::Severity;
use tokio::net::TcpStream;

use super::{limited, opens, socket, tls};
use crate::common::{TestClock, World, amount, hand_over};
use crate::wallet::Wallet;

/// The faults that `check-config` finds.
async fn faults(world: &World) -> Vec<String> {
    let (folder, now) = (world.home.folder().to_owned(), world.now());
    let found = tokio::task::spawn_blocking(move || check_home(&folder, now, None)).await.unwrap();
    found.into_iter().filter(|finding| finding.severity == Severity::Fault).map(|finding| finding.message).collect()
}

fn keys_of_signer(world: &World) -> PathBuf {
    world.signer.as_ref().unwrap().home.folder().join("keys")
}

/// Gives the mint copies of the keys that its signer has.
fn leave_keys(world: &World) {
    let keys = world.home.folder().join("keys");
    std::fs::create_dir(&keys).unwrap();
    for entry in std::fs::read_dir(keys_of_signer(world)).unwrap().map(Result::unwrap) {
        if entry.file_name() != "tls.key" {
            std::fs::copy(entry.path(), keys.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_brings_no_new_hour_while_the_signer_runs() {
    let mut world = World::apart(limited(100, 1000)).await;
    let clock = Arc::new(TestClock::new());
    world.signer.as_mut().unwrap().clock = Some(Arc::clone(&clock));
    world.start_signer().await;
    world.reopen().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    wallet.withdraw(&world, Shape::Withdrawal(amount(100))).await.unwrap();
    for hours in 1..4 {
        clock.set_wall(world.now().plus(hours * 3700));
        let over = wallet.withdraw(&world, Shape::Withdrawal(amount(1))).await.map(drop);
        assert_eq!(over, Err(FinishError::SignerLimit));
    }
    clock.set_wall(world.now());
    clock.pass(3660);
    world.clock.pass(3660);
    wallet.withdraw(&world, Shape::Withdrawal(amount(100))).await.unwrap();
    world.reopen().await;
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_left_beside_a_signer_are_told_of() {
    let mut world = World::apart(socket()).await;
    assert_eq!(faults(&world).await, Vec::<String>::new());
    // As if it had been cut short before they were removed.
    leave_keys(&world);
    let keys = world.home.folder().join("keys");
    let found = faults(&world).await;
    assert!(matches!(&found[..], [fault] if fault.contains(keys.to_str().unwrap())), "{found:?}");
    // The mint runs all the same, and the command removes them.
    world.reopen().await;
    opens(&world).await.unwrap();
    world.close();
    world.stop_signer().await;
    let books = Books::open_by(&world.home, world.clock.clone()).await.unwrap();
    let folder = world.signer.as_ref().unwrap().home.folder().to_owned();
    hand_over(folder, &books, socket()).await.unwrap();
    assert!(!keys.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_that_was_begun_elsewhere_does_not_say_that_it_is_the_mints() {
    for options in [socket, tls] {
        let mut world = World::apart(options()).await;
        world.close();
        world.stop_signer().await;
        leave_keys(&world);
        let books = Books::open_by(&world.home, world.clock.clone()).await.unwrap();
        // What is made last of a signer, so that it was whole once; the mint has another.
        let (own, other) = (world.signer.as_ref().unwrap().home.folder().to_owned(), world.folder().join("other"));
        std::fs::create_dir(&other).unwrap();
        std::fs::copy(own.join("signer.toml"), other.join("signer.toml")).unwrap();
        let begun = hand_over(other.clone(), &books, options()).await;
        if world.signer_on_tcp() {
            // It has not even the key by which the mint would know it.
            assert!(matches!(begun, Err(HomeError::Keys(_))));
        } else {
            assert!(matches!(begun, Err(HomeError::KeysApart)));
        }
        assert_eq!(std::fs::read_dir(&other).unwrap().count(), 1, "it is given nothing");
        assert!(world.home.folder().join("keys").exists());
        hand_over(own, &books, options()).await.unwrap();
        assert!(!world.home.folder().join("keys").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_whose_keyset_has_no_key_is_not_ready() {
    for apart in [false, true] {
        let mut world = if apart { World::apart(socket()).await } else { World::new().await };
        let keyset = *world.keyset().await.id();
        let keys = if apart { keys_of_signer(&world) } else { world.home.folder().join("keys") };
        let name = format!("keyset-{}.key", keyset.to_text());
        let (file, aside) = (keys.join(&name), world.folder().join("aside"));
        for there in [true, false, true] {
            if there && !file.exists() {
                std::fs::rename(&aside, &file).unwrap();
            } else if !there {
                std::fs::rename(&file, &aside).unwrap();
            }
            if apart {
                world.start_signer().await;
            }
            world.reopen().await;
            let found = faults(&world).await;
            if there {
                opens(&world).await.unwrap();
                assert_eq!((world.mint().alarms(), found.len()), (vec![], 0), "{found:?}");
            } else {
                assert_eq!(opens(&world).await, Err(OpenError::KeysetNotIssuing));
                assert_eq!(world.mint().alarms(), [Alarm::NoKeyset]);
                assert!(matches!(&found[..], [fault] if fault.contains(&name)), "{found:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_connect_and_say_nothing_keep_nobody_away() {
    let mut world = World::apart(tls()).await;
    let text = std::fs::read_to_string(world.home.folder().join("mint.toml")).unwrap();
    let address = text.lines().find_map(|line| line.strip_prefix("address = \"")).unwrap().trim_end_matches('"');
    let mut strangers = Vec::new();
    // More than there are places for connections, or for handshakes.
    for _ in 0..200 {
        strangers.push(TcpStream::connect(address).await.unwrap());
    }
    world.reopen().await;
    opens(&world).await.unwrap();
    drop(strangers);
    world.reopen().await;
    opens(&world).await.unwrap();
}
