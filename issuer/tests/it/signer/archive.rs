//! What a thief inside the mint has signed of the archive: one content for each file, and nothing that stops the mint for good.

use std::sync::{Arc, Mutex};

use farthing_durable::{Engine, Options};
use farthing_issuer::{ArchiveError, SigningError, run};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::mint_path;
use farthing_protocol::archive::{
    ArchiveIndex, ArchivedKeyset, FileHead, FiledRecord, FilterHead, IssuanceFile, ListedFilter, ListedSegment, Prefix,
    SegmentSalt, Span, SpentFilter,
};
use farthing_protocol::codec::{Reader, Wire, Writer};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::shape::Shape;
use farthing_protocol::unsigned::{Signable, Unsigned};

use super::socket;
use super::twice::Raw;
use crate::common::{World, amount};
use crate::wallet::{Wallet, deposit, pay};

const HOUR: u64 = 3600;
const DAY: u64 = 86_400;
const REFUSED: u8 = 255;
const SIGNED: u8 = 7;

async fn sign<T: Signable>(raw: &mut Raw, tag: u8, draft: &Unsigned<T>) -> (u8, Vec<u8>) {
    let bytes = draft.to_bytes();
    let body = |out: &mut Writer| {
        out.u8(tag);
        out.bytes(&bytes);
    };
    raw.ask(SIGNED, body).await.unwrap()
}

pub(super) async fn index(world: &World, draft: &Unsigned<ArchiveIndex>) -> (u8, Vec<u8>) {
    sign(&mut Raw::welcome(world).await, 2, draft).await
}

async fn file(world: &World, head: FileHead, records: &[FiledRecord]) -> (u8, Vec<u8>) {
    let draft = IssuanceFile::draft(head, records.to_vec()).unwrap();
    sign(&mut Raw::welcome(world).await, 3, &draft).await
}

async fn filter(world: &World, head: FilterHead) -> (u8, Vec<u8>) {
    sign(&mut Raw::welcome(world).await, 4, &SpentFilter::draft(head, Vec::new()).unwrap()).await
}

fn span(from: UnixTime, until: UnixTime) -> Span {
    Span::new(from, until).unwrap()
}

/// A mint with a signer, and something issued and spent in a day that is over; nothing of it is listed.
async fn lived() -> (World, Wallet, KeysetId) {
    let world = World::apart(socket()).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    assert_eq!(world.mint().seal().await.unwrap().keysets(), []);
    let coins = wallet.coins(&world, 8).await;
    wallet.coins(&world, 5).await;
    world.mint().deposit(vec![deposit(pay(&keyset, &coins, wallet.payee(), world.now()))]).await.unwrap();
    world.clock.pass(DAY);
    (world, wallet, *keyset.id())
}

fn counts(archived: &ArchivedKeyset) -> (Vec<u32>, Vec<u32>) {
    (archived.segments.iter().map(|s| s.count).collect(), archived.filters.iter().map(|f| f.count).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_files_with_one_head_one_is_signed() {
    let (mut world, _, keyset) = lived().await;
    let sealed = world.mint().seal().await.unwrap();
    let head = sealed.file(&keyset, 0, 0).unwrap();
    let path = world.home.folder().join("archive").join(keyset.to_text()).join("issued-0-0");
    let listed = IssuanceFile::from_bytes(&std::fs::read(path).unwrap()).unwrap();
    let records = listed.records();
    assert_eq!(records.len(), 2);
    for _ in 0..2 {
        // The same again has the same signature.
        let (kind, signature) = file(&world, head, records).await;
        assert_eq!(kind, SIGNED);
        assert_eq!(listed.to_bytes()[listed.to_bytes().len() - 64..], signature);
        assert_eq!(file(&world, head, &records[..1]).await, (REFUSED, vec![16]));
        assert_eq!(filter(&world, sealed.filter(&keyset, 0, 0).unwrap()).await, (REFUSED, vec![16]));
        world.start_signer().await;
    }
    // Of another head there may be another content: it counts for nothing.
    let other = FileHead { salt: SegmentSalt::from_bytes([7; 16]), ..head };
    assert_eq!(file(&world, other, &[]).await.0, SIGNED);
    // Not of a time that is not over, nor of a keyset that the signer never made.
    let early = FileHead { span: span(world.now(), world.now().plus(301)), ..head };
    assert_eq!(file(&world, early, &[]).await, (REFUSED, vec![11]));
    let foreign = FileHead { keyset: KeysetId::from_bytes([1; 32]), ..head };
    assert_eq!(file(&world, foreign, &[]).await, (REFUSED, vec![13]));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_signed_before_there_was_a_signer_have_one_content_too() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 8).await;
    world.mint().deposit(vec![deposit(pay(&keyset, &coins, wallet.payee(), world.now()))]).await.unwrap();
    world.clock.pass(DAY);
    let sealed = world.mint().seal().await.unwrap();
    world.part_from_keys(socket()).await;
    let head = sealed.file(keyset.id(), 0, 0).unwrap();
    assert_eq!(file(&world, head, &[]).await, (REFUSED, vec![16]));
    assert_eq!(filter(&world, sealed.filter(keyset.id(), 0, 0).unwrap()).await, (REFUSED, vec![16]));
    wallet.coins(&world, 5).await;
    world.clock.pass(HOUR);
    let next = world.mint().seal().await.unwrap();
    next.accept(&world.id(), Some(&sealed), &|_| None, world.now()).unwrap();
    assert_eq!(counts(next.keyset(keyset.id()).unwrap()), (vec![1, 1], vec![1]));
}

/// What the mint is about to list, as whoever is inside of it reads it: until when segments and filters go, and the salt.
fn planned(world: &World) -> (Span, SegmentSalt, Span) {
    let engine = Engine::open(&world.home.folder().join("ledger"), reader()).unwrap();
    let found = Arc::new(Mutex::new(Vec::new()));
    let out = Arc::clone(&found);
    let read = engine.submit(move |txn| {
        *out.lock().unwrap() = txn.get(b"archive/state").unwrap().unwrap();
        Ok::<_, ()>(())
    });
    read.wait().unwrap().unwrap();
    let bytes = found.lock().unwrap().clone();
    let mut input = Reader::new(&bytes[1..]);
    let (sealed, sealing): (UnixTime, UnixTime) = (input.part().unwrap(), input.part().unwrap());
    let salt = input.part().unwrap();
    let _next = input.u64().unwrap();
    let (filtered, filtering): (UnixTime, UnixTime) = (input.part().unwrap(), input.part().unwrap());
    (span(sealed, sealing), salt, span(filtered, filtering))
}

fn reader() -> Options {
    Options::new().indexer(farthing_verifier::spent::indexer())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_thief_had_signed_first_is_made_under_another_head() {
    let (mut world, _, keyset) = lived().await;
    // The mint decides what it will list, and gets no further.
    world.stop_signer().await;
    assert!(matches!(world.mint().seal().await, Err(ArchiveError::Signing(SigningError::Unreached))));
    world.close();
    let (segment, salt, period) = planned(&world);
    world.start_signer().await;
    world.reopen().await;
    let mint = world.id();
    let head = FileHead { mint, keyset, segment: 0, span: segment, salt, prefix: Prefix::new(0, 0).unwrap() };
    assert_eq!(file(&world, head, &[]).await.0, SIGNED);
    let head = FilterHead { mint, keyset, period: 0, span: period, part: 0, parts: 1 };
    assert_eq!(filter(&world, head).await.0, SIGNED);
    world.clock.pass(60);
    let sealed = world.mint().seal().await.unwrap();
    let archived = sealed.keyset(&keyset).unwrap();
    assert_eq!(counts(archived), (vec![2], vec![1]));
    assert_eq!((archived.segments[0].span, archived.filters[0].span), (segment, span(period.from(), world.now())));
    assert_ne!(archived.segments[0].salt, salt);
    // Later ones are whole days again.
    world.clock.pass(2 * DAY);
    let next = world.mint().seal().await.unwrap();
    next.accept(&mint, Some(&sealed), &|_| None, world.now()).unwrap();
    assert_eq!(next.filtered_until().seconds() % DAY, 0);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_a_thief_had_signed_is_taken_over_and_the_archive_goes_on() {
    let (mut world, mut wallet, keyset) = lived().await;
    let own = world.mint().seal().await.unwrap();
    wallet.coins(&world, 3).await;
    let coins = wallet.coins(&world, 64).await;
    wallet.swap(&world, &world.keyset().await, Shape::Renew(amount(64)), &coins).await.unwrap();
    world.clock.pass(HOUR);
    // It says that until now nothing was issued and spent but what never was.
    let now = world.now();
    let mut keysets = own.keysets().to_vec();
    let (since, salt) = (span(own.sealed_until(), now), SegmentSalt::from_bytes([9; 16]));
    keysets[0].segments.push(ListedSegment { span: since, salt, bits: 1, count: 7 });
    let spent = span(own.filtered_until(), now);
    keysets[0].filters.push(ListedFilter { span: spent, parts: 1, count: 5 });
    let stolen = ArchiveIndex::draft(world.id(), now, (now, now), keysets).unwrap();
    let (kind, signature) = index(&world, &stolen).await;
    assert_eq!(kind, SIGNED);
    let stolen =
        stolen.signed(farthing_protocol::identity::Signature::from_bytes(signature.try_into().unwrap())).unwrap();
    world.clock.pass(2 * DAY);
    for round in 0..2 {
        let next = world.mint().seal().await.unwrap();
        next.accept(&world.id(), Some(&stolen), &|_| None, world.now()).unwrap();
        let (segments, filters) = counts(next.keyset(&keyset).unwrap());
        // What was issued and spent meanwhile is listed behind it.
        assert_eq!((segments, filters), (vec![2, 7, 3], vec![1, 5, 1]), "{round}");
        world.start_signer().await;
        world.reopen().await;
    }
    let next = world.mint().seal().await.unwrap();
    // A wallet that is restored reads every file that is listed.
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let client = farthing_http::client::HttpClient::builder().build().unwrap();
    let base = farthing_http::client::BaseUrl::parse(&format!("http://{}", running.local_addr)).unwrap();
    for (segment, prefix, records) in [(0, 0, 2), (1, 0, 0), (1, 1, 0), (2, 0, 3)] {
        let head = next.file(&keyset, segment, prefix).unwrap();
        let bytes = client.get_bytes(&base.join(&mint_path::issued(&head)).unwrap()).await.unwrap();
        let file = IssuanceFile::from_bytes(&bytes).unwrap();
        file.accept(&head).unwrap();
        assert_eq!(file.records().len(), records);
    }
    for (period, fingerprints) in [(0, 1), (1, 0), (2, 1)] {
        let head = next.filter(&keyset, period, 0).unwrap();
        let bytes = client.get_bytes(&base.join(&mint_path::spent(&head)).unwrap()).await.unwrap();
        let filter = SpentFilter::from_bytes(&bytes).unwrap();
        filter.accept(&head).unwrap();
        assert_eq!(filter.fingerprints().len(), fingerprints);
    }
    running.stop().await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_grows_no_faster_than_it_ever_must_and_names_own_keysets_only() {
    let (mut world, _, keyset) = lived().await;
    let (mint, own) = (world.id(), world.mint().seal().await.unwrap());
    world.clock.pass(HOUR);
    let now = world.now();
    let listed = ListedSegment {
        span: span(own.sealed_until(), own.sealed_until().plus(1)),
        salt: SegmentSalt::from_bytes([9; 16]),
        bits: 0,
        count: 1,
    };
    let with = |keyset: KeysetId, more: usize, at: UnixTime| {
        let mut keysets = own.keysets().to_vec();
        match keysets.iter_mut().find(|archived| archived.keyset == keyset) {
            Some(archived) => archived.segments.extend(vec![listed; more]),
            None => keysets.push(ArchivedKeyset { keyset, segments: vec![listed; more], filters: Vec::new() }),
        }
        keysets.sort_by_key(|archived| archived.keyset);
        ArchiveIndex::draft(mint, at, (now, own.filtered_until()), keysets).unwrap()
    };
    assert_eq!(index(&world, &with(KeysetId::from_bytes([1; 32]), 1, now)).await, (REFUSED, vec![13]));
    assert_eq!(index(&world, &with(keyset, 1025, now)).await, (REFUSED, vec![17]));
    assert_eq!(index(&world, &with(keyset, 1024, now)).await.0, SIGNED);
    assert_eq!(world.mint().seal().await.unwrap().keyset(&keyset).unwrap().segments.len(), 1025);
    world.start_signer().await;
    let more = |at: UnixTime| {
        let mut keysets = with(keyset, 1024, now).content().keysets().to_vec();
        keysets[0].segments.push(ListedSegment { span: span(now, now.plus(1)), ..listed });
        ArchiveIndex::draft(mint, at, (at, own.filtered_until()), keysets).unwrap()
    };
    assert_eq!(index(&world, &more(now.plus(10))).await, (REFUSED, vec![17]));
    world.clock.pass(HOUR);
    assert_eq!(index(&world, &more(world.now())).await.0, SIGNED);
}
