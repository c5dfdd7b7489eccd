//! Filters of spent serials, files of issuance records, and their index.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::archive::{
    ArchiveIndex, ArchivedKeyset, FiledRecord, Fingerprinter, IssuanceFile, IssuanceHasher, ListedFilter,
    ListedSegment, Prefix, SegmentSalt, Span, SpentFilter,
};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{IssuanceId, Keypair, MintId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::issuance::IssuanceRecord;
use serde_json::json;

use super::issuance::{account_request, swap_issuance, voucher_request};
use super::{encoded, hex, stored};
use crate::reference::archive::{File, Filter, Index, fingerprint, issuance_hash};
use crate::reference::ed25519_public;
use crate::reference::world::{NOW, later, world};

/// Salts of three segments; the file is of the second.
const SALTS: [[u8; 16]; 3] = [[0x51; 16], [0x52; 16], [0x53; 16]];

/// H(salt, issuance id) in the file's segment.
pub(crate) fn hash_in_file(issuance: &[u8; 32]) -> [u8; 32] {
    issuance_hash(&SALTS[1], issuance)
}

/// Three records without version bytes, by the hash of their ids, with the ids.
pub(crate) fn records() -> Vec<([u8; 32], Vec<u8>)> {
    let mut records: Vec<_> = [account_request(), voucher_request(), swap_issuance()]
        .into_iter()
        .zip(1_u8..)
        .map(|((mut issuance, funding, _), number)| {
            issuance.issuance = ed25519_public(&[number; 32]);
            (issuance.issuance, issuance.record(&funding)[1..].to_vec())
        })
        .collect();
    records.sort_by_key(|(id, _)| hash_in_file(id));
    records
}

/// The filter of the coins of three tokens.
pub(crate) fn filter() -> Filter {
    let world = world();
    let mut fingerprints: Vec<u32> =
        world.coins(400, 13).iter().map(|coin| fingerprint(&world.keyset, 7, &coin.trace.P)).collect();
    fingerprints.sort_unstable();
    let span = [NOW - 90_000, NOW - 3600];
    Filter { mint: world.mint, keyset: world.keyset, period: 7, span, part: [0, 1], fingerprints }
}

/// A file of all records.
pub(crate) fn file() -> File {
    let world = world();
    let records = records().into_iter().map(|(_, record)| record).collect();
    let span = [NOW - 7200, NOW - 3600];
    File { mint: world.mint, keyset: world.keyset, segment: 1, span, salt: SALTS[1], prefix: (0, 0), records }
}

/// An index of two keysets.
pub(crate) fn index() -> Index {
    let (first, second) = (world().keyset, later().keyset);
    let [one, two, three] = SALTS;
    let segments = vec![(NOW - 10_800, NOW - 7200, one, 4, 40_000), (NOW - 7200, NOW - 3600, two, 0, 3)];
    let filters = vec![(NOW - 200_000, NOW - 100_000, 2, 262_145), (NOW - 90_000, NOW - 3600, 1, 3)];
    // The second keyset has two segments of one span.
    let shared = [(two, 8), (three, 0)].map(|(salt, bits)| (NOW - 7200, NOW - 3600, salt, bits, 1));
    let mut keysets = vec![(first, segments, filters), (second, shared.to_vec(), Vec::new())];
    keysets.sort();
    Index { mint: world().mint, times: [NOW, NOW - 600, NOW - 3600], keysets }
}

#[test]
fn archive() {
    let (world, records, filter, file, index) = (world(), records(), filter(), file(), index());
    let coins: Vec<[u8; 32]> = world.coins(400, 13).iter().map(|coin| coin.trace.P).collect();
    let hashes: Vec<_> =
        records.iter().map(|(id, _)| json!({ "issuance": hex(id), "hash": hex(hash_in_file(id)) })).collect();
    let prints: Vec<_> = coins
        .iter()
        .map(|coin| json!({ "P": hex(coin), "fingerprint": fingerprint(&world.keyset, 7, coin) }))
        .collect();
    let made = json!({
        "mint": hex(world.mint),
        "keyset": hex(world.keyset),
        "salt": hex(SALTS[1]),
        "hashes": hashes,
        "period": 7,
        "fingerprints": prints,
        "filter": hex(filter.bytes(&world.mint_secret)),
        "file": hex(file.bytes(&world.mint_secret)),
        "index": hex(index.bytes(&world.mint_secret)),
    });
    let stored = stored("archive.json", &made);

    let hasher = IssuanceHasher::new(&SegmentSalt::from_bytes(stored.array("salt")));
    for case in stored.each("hashes") {
        let hash = hasher.of(&IssuanceId::from_bytes(case.array("issuance")));
        assert_eq!(hash.as_bytes(), &case.array("hash"));
        for bits in 0..=Prefix::MAX_BITS {
            let expected =
                u32::from_be_bytes(case.bytes("hash")[..4].try_into().unwrap()).checked_shr(32 - u32::from(bits));
            let prefix = Prefix::of(bits, &hash).unwrap();
            assert_eq!(u32::from(prefix.value()), expected.unwrap_or(0));
        }
    }
    let (mint, keyset) = (MintId::from_bytes(stored.array("mint")), KeysetId::from_bytes(stored.array("keyset")));
    let identity = Keypair::from_secret(&world.mint_secret);
    let index = ArchiveIndex::from_bytes(&stored.bytes("index")).unwrap();
    index.accept(&mint, None, &|_| None, UnixTime::from_seconds(NOW)).unwrap();

    let printer = Fingerprinter::new(&keyset, 7);
    let filter = SpentFilter::from_bytes(&stored.bytes("filter")).unwrap();
    let mut fingerprints: Vec<_> = coins.iter().map(|coin| printer.of(coin)).collect();
    assert!(fingerprints.iter().all(|own| filter.holds(*own)));
    assert!(!filter.holds(printer.of(&[9; 32])));
    fingerprints.sort();
    let again = SpentFilter::sign(&identity, *filter.head(), fingerprints).unwrap();
    assert_eq!(again.to_bytes(), stored.bytes("filter"));
    filter.accept(filter.head()).unwrap();

    let file = IssuanceFile::from_bytes(&stored.bytes("file")).unwrap();
    file.accept(&index.file(&keyset, 1, 0).unwrap()).unwrap();
    for (id, record) in &records {
        let found = file.find(&IssuanceId::from_bytes(*id)).unwrap().open().unwrap();
        assert_eq!(IssuanceRecord::to_bytes(&found)[1..], record[..]);
    }
    assert!(file.find(&IssuanceId::from_bytes([5; 32])).is_none());
    let filed = records.iter().map(|(_, record)| FiledRecord::from_wire(&[&[1], &record[..]].concat()).unwrap());
    let again = IssuanceFile::sign(&identity, *file.head(), filed.collect()).unwrap();
    assert_eq!(again.to_bytes(), stored.bytes("file"));

    let times = (index.sealed_until(), index.filtered_until());
    let again = ArchiveIndex::sign(&identity, index.issued_at(), times, index.keysets().to_vec()).unwrap();
    assert_eq!(again.to_bytes(), stored.bytes("index"));
}

#[test]
fn an_index_names_the_files_it_lists_and_no_others() {
    let index = ArchiveIndex::from_bytes(&index().bytes(&world().mint_secret)).unwrap();
    let keyset = KeysetId::from_bytes(world().keyset);
    let head = index.file(&keyset, 0, 15).unwrap();
    assert_eq!((head.segment, head.prefix.bits(), head.prefix.value()), (0, 4, 15));
    assert_eq!(index.file(&keyset, 0, 16), None);
    assert_eq!(index.file(&keyset, 1, 1), None);
    assert_eq!(index.file(&keyset, 2, 0), None);
    assert_eq!(index.file(&KeysetId::from_bytes([0; 32]), 0, 0), None);
    assert_eq!(index.filter(&keyset, 0, 1).unwrap().parts, 2);
    assert_eq!(index.filter(&keyset, 0, 2), None);
    assert_eq!(index.filter(&keyset, 2, 0), None);
    assert_eq!(Prefix::all(4).count(), 16);
    assert_eq!(Prefix::new(9, 0), None);
    let shared = KeysetId::from_bytes(later().keyset);
    let (head, other) = (index.file(&shared, 0, 255).unwrap(), index.file(&shared, 1, 0).unwrap());
    assert!(head.span == other.span && head.salt != other.salt);
}

/// Nothing may appear later in a time that was complete, in a keyset that was listed or in a new one.
#[test]
fn an_index_adds_nothing_to_a_time_that_was_complete() {
    let identity = Keypair::from_secret(&world().mint_secret);
    let at = UnixTime::from_seconds;
    let seen = ArchiveIndex::sign(&identity, at(100), (at(100), at(100)), Vec::new()).unwrap();
    let archived = |from| ArchivedKeyset {
        keyset: KeysetId::from_bytes([1; 32]),
        segments: vec![ListedSegment {
            span: Span::new(at(from), at(from + 50)).unwrap(),
            salt: SegmentSalt::from_bytes(SALTS[0]),
            bits: 0,
            count: 1,
        }],
        filters: Vec::new(),
    };
    let filtered = |from| ArchivedKeyset {
        segments: Vec::new(),
        filters: vec![ListedFilter { span: Span::new(at(from), at(from + 50)).unwrap(), parts: 1, count: 1 }],
        ..archived(from)
    };
    for (keyset, fits) in [(archived(100), true), (archived(99), false), (filtered(100), true), (filtered(99), false)] {
        let next = ArchiveIndex::sign(&identity, at(200), (at(200), at(200)), vec![keyset]).unwrap();
        assert_eq!(next.accept(&(&identity).into(), Some(&seen), &|_| None, at(200)).is_ok(), fits);
    }
    assert_eq!(encoded(&Span::new(at(1), at(2)).unwrap()).len(), 16);
}
