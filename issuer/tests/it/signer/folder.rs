//! The hand-over of a mint's keys, cut short.

use std::path::Path;

use farthing_issuer::{Books, HomeError};

use super::twice::drawn;
use super::{opens, socket};
use crate::common::{World, hand_over};
use crate::rotation::go_to;

/// A mint as it was before its signer was named in its settings: it has its keys, and the signer's folder has copies.
async fn cut_short() -> World {
    let mut world = World::apart(socket()).await;
    world.close();
    world.stop_signer().await;
    world.configure(|text| text.split_once("# The process that holds").unwrap().0.to_owned());
    let (mint, signer) = (world.home.folder().join("keys"), signer(&world).join("keys"));
    std::fs::create_dir(&mint).unwrap();
    for entry in std::fs::read_dir(signer).unwrap().map(Result::unwrap) {
        if entry.file_name() != "tls.key" {
            std::fs::copy(entry.path(), mint.join(entry.file_name())).unwrap();
        }
    }
    world
}

fn signer(world: &World) -> &Path {
    world.signer.as_ref().unwrap().home.folder()
}

async fn again(world: &World) -> Result<(), HomeError> {
    let books = Books::open_by(&world.home, world.clock.clone()).await.unwrap();
    hand_over(signer(world).to_owned(), &books, socket()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_mint_made_after_a_hand_over_was_cut_short_is_handed_over_too() {
    let mut world = cut_short().await;
    world.reopen().await;
    let first = world.keyset().await;
    world.clock.pass(70 * 86_400);
    let second = world.mint().new_keyset().await.unwrap();
    let last = world.keysets().await.list;
    world.close();
    again(&world).await.unwrap();
    assert!(!world.home.folder().join("keys").exists());
    world.configure(|text| text);
    world.start_signer().await;
    world.reopen().await;
    go_to(&world, first.terms().issue_until);
    assert_eq!(*world.keyset().await.id(), second);
    opens(&world).await.unwrap();
    world.keysets().await.list.accept(&world.id(), Some(&last), world.now()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_removed_when_mint_and_signer_have_made_different_keysets() {
    let mut world = cut_short().await;
    world.reopen().await;
    let first = world.keyset().await;
    world.clock.pass(70 * 86_400);
    world.mint().new_keyset().await.unwrap();
    world.start_signer().await;
    assert_eq!(drawn(&world, &first, |_, _| ()).await.0, 6);
    world.stop_signer().await;
    world.close();
    let count = || std::fs::read_dir(world.home.folder().join("keys")).unwrap().count();
    let before = count();
    assert!(matches!(again(&world).await, Err(HomeError::OtherKeys)));
    assert_eq!((before, count()), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_goes_on_wherever_it_was_cut() {
    for cut in 0..6 {
        let mut world = cut_short().await;
        let folder = signer(&world).to_owned();
        // As it was before it was ever served.
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().contains("signer.") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        std::fs::write(folder.join(".signer.toml.0123456789abcdef"), "mint").unwrap();
        // In the order in which they were made, from the last on.
        let keyset = std::fs::read_dir(folder.join("keys")).unwrap().map(|entry| entry.unwrap().path());
        let keyset = keyset.into_iter().find(|path| path.to_string_lossy().contains("keyset-")).unwrap();
        let made = [folder.join("rules"), folder.join("keys/tls.key"), folder.join("keysets"), keyset];
        for path in made.iter().take(cut) {
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        if cut == 5 {
            std::fs::remove_dir_all(folder.join("keys")).unwrap();
        }
        let foreign = folder.join("foreign");
        std::fs::write(&foreign, "").unwrap();
        assert!(matches!(again(&world).await, Err(HomeError::NotEmpty)), "{cut}");
        std::fs::remove_file(foreign).unwrap();
        again(&world).await.unwrap();
        assert!(!world.home.folder().join("keys").exists());
        world.configure(|text| text);
        world.start_signer().await;
        world.reopen().await;
        opens(&world).await.unwrap();
    }
}
