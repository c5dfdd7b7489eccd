//! Keys of keysets whose time is over.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::archive::{ArchiveIndex, ArchivedKeyset, ListedSegment, SegmentSalt, Span};

use super::archive::index;
use super::twice::Raw;
use super::{opens, socket};
use crate::common::World;
use crate::rotation::go_to;
use crate::wallet::Wallet;

const FORGET: u8 = 11;

fn keys(world: &World) -> Vec<String> {
    let folder = world.signer.as_ref().map_or_else(|| world.home.folder(), |apart| apart.home.folder()).join("keys");
    let name = |entry: std::fs::DirEntry| entry.file_name().to_str().unwrap().to_owned();
    let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(|entry| name(entry.unwrap())).collect();
    names.retain(|name| name.starts_with("keyset-"));
    names.sort();
    names
}

async fn make_second(world: &World, until: UnixTime) -> String {
    go_to(world, until.minus(10 * 86_400));
    let second = world.mint().rotate().await.unwrap().made.unwrap();
    format!("keyset-{}.key", second.to_text())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_that_holds_its_keys_removes_those_of_a_keyset_with_a_tombstone() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let first = world.keyset().await;
    wallet.coins(&world, 8).await;
    let next = make_second(&world, first.terms().issue_until).await;
    go_to(&world, first.terms().deposit_until.minus(1));
    world.mint().rotate().await.unwrap();
    assert!(keys(&world).contains(&format!("keyset-{}.key", first.id().to_text())));
    world.clock.pass(1);
    let done = world.mint().rotate().await.unwrap();
    assert_eq!((done.buried, done.dropped), (vec![*first.id()], vec![*first.id()]));
    assert!(keys(&world).contains(&next) && !keys(&world).contains(&format!("keyset-{}.key", first.id().to_text())));
    world.reopen().await;
    opens(&world).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_removes_them_when_its_own_clock_says_so_and_nothing_is_signed_for_them_any_more() {
    let mut world = World::apart(socket()).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let first = world.keyset().await;
    wallet.coins(&world, 8).await;
    world.clock.pass(3600);
    let listed = world.mint().seal().await.unwrap();
    let next = make_second(&world, first.terms().issue_until).await;
    let forget = async |world: &World| Raw::welcome(world).await.refused(FORGET, |out| out.part(first.id())).await;
    assert_eq!(forget(&world).await, 11);
    go_to(&world, first.terms().deposit_until);
    // The mint's index lists it still.
    assert_eq!(forget(&world).await, 11);
    assert_eq!(Raw::welcome(&world).await.refused(FORGET, |out| out.bytes(&[7; 32])).await, 13);
    // Without the signer the records stay, and it is tried again.
    world.stop_signer().await;
    world.mint().rotate().await.unwrap_err();
    assert_eq!(keys(&world).len(), 2);
    world.start_signer().await;
    // Nor does it stop the burial that somebody had an index signed which the mint does not know.
    let (mint, second) = (world.id(), world.keyset().await);
    let times = (listed.sealed_until(), listed.filtered_until());
    let segment = ListedSegment {
        span: Span::new(times.0, world.now()).unwrap(),
        salt: SegmentSalt::from_bytes([9; 16]),
        bits: 0,
        count: 1,
    };
    let mut keysets = listed.keysets().to_vec();
    keysets.push(ArchivedKeyset { keyset: *second.id(), segments: vec![segment], filters: Vec::new() });
    keysets.sort_by_key(|archived| archived.keyset);
    let stolen = ArchiveIndex::draft(mint, world.now(), (world.now(), times.1), keysets).unwrap();
    assert_eq!(index(&world, &stolen).await.0, 7);
    let done = world.mint().rotate().await.unwrap();
    assert_eq!(done.dropped, [*first.id()]);
    let sealed = world.mint().seal().await.unwrap();
    assert_eq!(
        (sealed.keyset(first.id()), sealed.keyset(second.id()).unwrap().segments.as_slice()),
        (None, &[segment][..])
    );
    let left = keys(&world);
    assert!(left.contains(&next) && !left.contains(&format!("keyset-{}.key", first.id().to_text())), "{left:?}");
    let mut raw = Raw::welcome(&world).await;
    assert_eq!(
        raw.ask(FORGET, |out| out.part(first.id())).await.unwrap(),
        (FORGET, Vec::new()),
        "asked again it is done"
    );
    // Its files are forgotten, so no others are signed, nor an index that lists them.
    let head = listed.file(first.id(), 0, 0).unwrap();
    let file = farthing_protocol::archive::IssuanceFile::draft(head, Vec::new()).unwrap().to_bytes();
    let body = |out: &mut farthing_protocol::codec::Writer| {
        out.u8(3);
        out.bytes(&file);
    };
    assert_eq!(raw.refused(7, body).await, 13);
    world.start_signer().await;
    world.reopen().await;
    opens(&world).await.unwrap();
    world.audit().await;
}
