//! A mint that finds out that somebody had its signer sign what it did not ask for.

use farthing_issuer::KeysetState;
use farthing_protocol::codec::{Decode, Reader};
use farthing_protocol::keyset::{KeysetDocument, KeysetList, ListedHead, Revocation};

use super::twice::{Raw, drawn, list};
use super::{opens, socket};
use crate::common::World;

fn document_of(bytes: &[u8]) -> KeysetDocument {
    KeysetDocument::decode_from(&mut Reader::new(bytes)).unwrap()
}

fn states(world: &World) -> Vec<KeysetState> {
    world.mint().keysets().iter().map(|keyset| keyset.state).collect()
}

/// Signs, as a thief, a list with the next keyset in it and the first one revoked.
async fn stolen_list(world: &World) -> KeysetDocument {
    let (first, last) = (world.keyset().await, world.keysets().await.list);
    let (kind, document) = drawn(world, &first, |_, _| ()).await;
    assert_eq!(kind, 6);
    let next = document_of(&document);
    let mut heads: Vec<ListedHead> = last.heads().to_vec();
    heads[0].head.sequence = 1;
    heads[0].head.keyset = *next.clone().verify().unwrap().id();
    let revoked = Revocation { keyset: *first.id(), revoked_at: world.now().plus(300) };
    let at = last.issued_at().plus(1);
    let draft = KeysetList::draft(world.id(), at, at.plus(86_400), heads, vec![revoked]).unwrap();
    assert_eq!(list(&mut Raw::welcome(world).await, &draft).await.0, 7);
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_signer_signed_for_somebody_else_does_not_stop_the_mint() {
    let mut world = World::apart(socket()).await;
    world.clock.pass(70 * 86_400);
    let (first, before) = (world.keyset().await, world.keysets().await.list);
    let next = stolen_list(&world).await;
    world.clock.pass(601);
    // It is public, so it counts.
    let answer = world.keysets().await;
    answer.list.accept(&world.id(), Some(&before), world.now()).unwrap();
    assert_eq!((answer.list.heads()[0].head.sequence, answer.list.revocations().len()), (1, 1));
    assert_eq!(answer.keysets[1], next);
    assert_eq!(states(&world), [KeysetState::Revoked, KeysetState::Announced]);
    world.reopen().await;
    assert_eq!(states(&world), [KeysetState::Revoked, KeysetState::Announced]);
    world.audit().await;
    // The gap is filled, until the next one begins, and the mint goes on.
    world.mint().new_keyset().await.unwrap();
    let third = world.keyset().await;
    assert_eq!(third.terms().issue_until, first.terms().issue_until);
    opens(&world).await.unwrap();
    // Any keyset is given again by its number, and none is made for it.
    let again = drawn(&world, &first, |_, _| ()).await;
    assert_eq!(document_of(&again.1), next);
    world.start_signer().await;
    world.reopen().await;
    opens(&world).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_was_published_counts_against_one_that_was_not() {
    let mut world = World::apart(socket()).await;
    world.clock.pass(70 * 86_400);
    let first = world.keyset().await;
    stolen_list(&world).await;
    let published = world.now().plus(300);
    world.clock.pass(601);
    world.mint().revoke(*first.id()).await.unwrap();
    for _ in 0..2 {
        let list = world.keysets().await.list;
        assert_eq!(list.revocations(), [Revocation { keyset: *first.id(), revoked_at: published }]);
        world.clock.pass(601);
        world.reopen().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_published_even_if_a_thief_had_lists_signed_without_it() {
    let mut world = World::apart(socket()).await;
    let first = world.keyset().await;
    let last = world.keysets().await.list;
    world.mint().revoke(*first.id()).await.unwrap();
    let revoked_at = world.now();
    world.clock.pass(3600);
    let at = world.now();
    let draft = KeysetList::draft(world.id(), at, at.plus(86_400), last.heads().to_vec(), Vec::new()).unwrap();
    assert_eq!(list(&mut Raw::welcome(&world).await, &draft).await.0, 7);
    world.clock.pass(60);
    let dated = Revocation { keyset: *first.id(), revoked_at: at.minus(300) };
    assert!(dated.revoked_at > revoked_at);
    for _ in 0..2 {
        let list = world.keysets().await.list;
        assert_eq!(list.revocations(), [dated]);
        list.accept(&world.id(), Some(&last), world.now()).unwrap();
        assert_eq!(states(&world), [KeysetState::Revoked]);
        world.reopen().await;
    }
    // Since when the key had leaked stays what the operator said.
    assert_eq!(world.mint().books().recoup_reports().await.unwrap()[0].leaked_since, revoked_at);
}
