//! A mint that shows different keysets to different people, or at different times.

use farthing_http::problem::Code;
use farthing_protocol::api::KeysetsAnswer;
use farthing_protocol::keyset::{ListError, Misconduct};
use farthing_wallet::{IssueError, MintError, WithdrawWhat};

use crate::double::{Double, amount, unit};
use crate::world::World;

#[tokio::test]
async fn a_mint_must_be_confirmed_first() {
    let (world, wallet) = World::new().await;
    let other = Double::new();
    let url = format!("http://{}", crate::http::serve(std::sync::Arc::clone(&other)).await);
    wallet.add_mint(&url).await.unwrap();
    let refused = wallet.withdraw(&other.id(), &unit(), WithdrawWhat::Amount(amount(1))).await;
    assert!(matches!(refused, Err(IssueError::Mint(MintError::NotPinned))));
    assert_eq!(wallet.mints().iter().filter(|mint| mint.pinned).count(), 1);
    // Another mint at a known one's address is not that one.
    let theirs = other.with(|state| state.truth(world.double.now()));
    world.double.with(|state| state.answer = Some(theirs));
    assert!(matches!(wallet.refresh_mint(&world.double.id()).await, Err(MintError::WrongIdentity)));
}

#[tokio::test]
async fn an_older_or_shortened_list_is_refused_without_blame() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.double.with(|state| state.answer = Some(state.truth(world.double.now().minus(10))));
    assert!(matches!(wallet.refresh_mint(&id).await, Err(MintError::List(ListError::Older))));
    world.double.pass(10);
    world.double.with(|state| {
        state.add_keyset();
        let mut answer = state.truth(world.double.now());
        answer.keysets.pop();
        state.answer = Some(answer);
    });
    assert!(matches!(wallet.refresh_mint(&id).await, Err(MintError::BadKeysets)));
    assert!(world.evidence().is_empty());
    assert!(!wallet.mints()[0].refused);
    world.double.with(|state| state.answer = None);
    assert_eq!(wallet.refresh_mint(&id).await.unwrap().units.len(), 1);
}

#[tokio::test]
async fn the_newest_list_is_remembered_by_a_reopened_wallet() {
    let (world, wallet) = World::new().await;
    world.double.pass(100);
    wallet.refresh_mint(&world.double.id()).await.unwrap();
    drop(wallet);
    let wallet = world.open().await;
    world.double.with(|state| state.answer = Some(state.truth(world.double.now().minus(50))));
    let older = wallet.refresh_mint(&world.double.id()).await;
    assert!(matches!(older, Err(MintError::List(ListError::Older))));
}

#[tokio::test]
async fn two_keysets_with_one_number_are_kept_as_proof_and_the_mint_refused() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 5).await;
    world.double.pass(10);
    // Another first keyset, and one that follows it, so that the list alone betrays nothing.
    world.double.with(|state| {
        let (_, first) = state.make(state.next_terms_at(0, None));
        let (_, second) = state.make(state.next_terms_at(1, Some(*first.id())));
        let list = state.list(world.double.now(), second.head());
        let keysets = vec![first.document().clone(), second.document().clone()];
        state.answer = Some(KeysetsAnswer { list, keysets });
    });
    let caught = wallet.refresh_mint(&id).await;
    assert!(matches!(caught, Err(MintError::Misconduct { .. })), "{caught:?}");
    let evidence = world.evidence().remove(0);
    let proof: Misconduct = serde_json::from_value(evidence["misconduct"].clone()).unwrap();
    assert!(proof.proves());
    assert_eq!(proof.documents().0.clone().verify().unwrap().terms().mint, id);

    // It stays refused, whatever it says later, and for a reopened wallet.
    world.double.with(|state| state.answer = None);
    drop(wallet);
    let wallet = world.open().await;
    assert!(wallet.mints()[0].refused);
    let refused = wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(1))).await;
    assert!(matches!(refused, Err(IssueError::Mint(MintError::Refused))));
    assert!(matches!(wallet.pin_mint(&id).await, Err(MintError::Refused)));
    assert!(wallet.pay(world.invoice(5)).await.is_err());
    assert_eq!(world.balance(&wallet).await, (5, 0));
}

#[tokio::test]
async fn contradicting_lists_are_kept_as_proof() {
    let (world, wallet) = World::new().await;
    world.double.pass(10);
    world.double.with(|state| {
        let (_, other) = state.make(state.next_terms_at(0, None));
        let list = state.list(world.double.now(), other.head());
        state.answer = Some(KeysetsAnswer { list, keysets: vec![other.document().clone()] });
    });
    let caught = wallet.refresh_mint(&world.double.id()).await;
    assert!(matches!(caught, Err(MintError::Misconduct { .. })));
    assert_eq!(world.evidence()[0]["evidence"], "lists");
}

#[tokio::test]
async fn a_mint_that_cheats_at_first_sight_is_not_added() {
    let (world, wallet) = World::new().await;
    let cheat = Double::new();
    cheat.with(|state| {
        let (_, other) = state.make(state.next_terms_at(0, None));
        let mut answer = state.truth(cheat.now());
        answer.keysets.push(other.document().clone());
        state.answer = Some(answer);
    });
    let url = format!("http://{}", crate::http::serve(std::sync::Arc::clone(&cheat)).await);
    assert!(matches!(wallet.add_mint(&url).await, Err(MintError::Misconduct { .. })));
    assert_eq!(world.evidence()[0]["evidence"], "keysets");
    assert_eq!(wallet.mints().len(), 1);
}

#[tokio::test]
async fn a_mint_that_cannot_be_asked_changes_nothing() {
    let (world, wallet) = World::new().await;
    let path = farthing_protocol::api::mint_path::KEYSETS;
    world.double.fail_next(path, crate::http::Fault::Refuse(Code::Unavailable.into()));
    assert!(matches!(wallet.refresh_mint(&world.double.id()).await, Err(MintError::Call(_))));
    assert!(matches!(wallet.add_mint("ftp://x").await, Err(MintError::Url(_))));
    world.withdraw(&wallet, 1).await;
}
