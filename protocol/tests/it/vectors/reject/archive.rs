//! Files of the archive that break a rule of section 11, are not what was asked for, or take something back.

use serde_json::json;

use super::{Case, edited, spliced};
use crate::reference::archive::{File, Filter, Index};
use crate::reference::cat;
use crate::reference::world::{NOW, other, world};
use crate::vectors::archive::{file, filter, index};
use crate::vectors::hex;

pub(super) fn cases() -> Vec<Case> {
    [filters(), files(), index_rules(), indexes(), ended_keysets()].into_iter().flatten().collect()
}

fn filters() -> Vec<Case> {
    let secret = &world().mint_secret;
    let good = filter().bytes(secret);
    let changed = |change: &dyn Fn(&mut Filter)| {
        let mut filter = filter();
        change(&mut filter);
        filter.bytes(secret)
    };
    let decode = |reason, refused: Vec<u8>, error| Case::new(reason, "decode spent filter", &good, refused, error);
    let asked = json!({ "asked": hex(filter().head()) });
    let accept = |reason, refused: Vec<u8>, error| {
        Case::new(reason, "accept spent filter", &good, refused, error).with(asked.clone())
    };
    let count = 1 + 32 + 32 + 4 + 16 + 4;
    vec![
        decode("filter-unordered", changed(&|f| f.fingerprints.reverse()), "NonCanonicalShape"),
        decode("filter-fingerprint-repeated", changed(&|f| f.fingerprints[1] = f.fingerprints[0]), "NonCanonicalShape"),
        decode("filter-with-262145-fingerprints", edited(&good, count, &262_145_u32.to_le_bytes()), "TooLong"),
        decode("filter-part-of-none", changed(&|f| f.part = [0, 0]), "OutOfRange"),
        decode("filter-part-beyond-the-last", changed(&|f| f.part = [2, 2]), "OutOfRange"),
        decode("filter-of-no-time", changed(&|f| f.span[1] = f.span[0]), "OutOfRange"),
        decode("filter-truncated", good[..good.len() - 4].to_vec(), "Truncated"),
        decode("filter-trailing-byte", cat(&[&good, &[0]]), "TrailingBytes"),
        accept("filter-of-another-keyset", changed(&|f| f.keyset = [7; 32]), "OtherFile"),
        accept("filter-of-another-period", changed(&|f| f.period = 8), "OtherFile"),
        accept("filter-of-another-time", changed(&|f| f.span[0] += 1), "OtherFile"),
        accept("filter-another-part", changed(&|f| f.part = [1, 2]), "OtherFile"),
        accept(
            "filter-of-another-mint",
            {
                let mut filter = filter();
                filter.mint = other().mint;
                filter.bytes(&other().mint_secret)
            },
            "OtherFile",
        ),
        accept("filter-signed-by-another", filter().bytes(&other().mint_secret), "InvalidSignature"),
        accept("filter-fingerprint-altered", edited(&good, count + 4, &[good[count + 4] ^ 1]), "InvalidSignature"),
    ]
}

fn files() -> Vec<Case> {
    let secret = &world().mint_secret;
    let good = file().bytes(secret);
    let changed = |change: &dyn Fn(&mut File)| {
        let mut file = file();
        change(&mut file);
        file.bytes(secret)
    };
    let decode = |reason, refused: Vec<u8>, error| Case::new(reason, "decode issuance file", &good, refused, error);
    let asked = json!({ "asked": hex(file().head()) });
    let accept = |reason, refused: Vec<u8>, error| {
        Case::new(reason, "accept issuance file", &good, refused, error).with(asked.clone())
    };
    let count = 1 + 32 + 32 + 4 + 16 + 16 + 3;
    let first = count + 2 + 2;
    let last = good.len() - 64 - 1;
    vec![
        decode("file-unordered", changed(&|f| f.records.swap(0, 1)), "NonCanonicalShape"),
        decode("file-record-repeated", changed(&|f| f.records[1] = f.records[0].clone()), "NonCanonicalShape"),
        decode("file-record-of-another-keyset", changed(&|f| f.records[1][..32].fill(7)), "OutOfRange"),
        decode("file-record-of-another-prefix", changed(&|f| f.prefix = other_prefix()), "OutOfRange"),
        decode("file-prefix-of-9-bits", changed(&|f| f.prefix = (9, 0)), "OutOfRange"),
        decode("file-prefix-beyond-its-bits", changed(&|f| f.prefix = (2, 4)), "OutOfRange"),
        decode("file-of-no-time", changed(&|f| f.span[1] = f.span[0]), "OutOfRange"),
        decode("file-with-16385-records", edited(&good, count, &16_385_u16.to_le_bytes()), "TooLong"),
        decode("file-record-of-unknown-shape", edited(&good, first + 32, &[6]), "UnknownTag"),
        decode("file-record-too-short", changed(&|f| f.records[0].truncate(40)), "Truncated"),
        decode("file-trailing-byte", cat(&[&good, &[0]]), "TrailingBytes"),
        Case::new(
            "file-record-spoiled-inside",
            "open issuance file",
            &good,
            changed(&|f| {
                let place = 32 + record_head(&f.records[0]);
                f.records[0][place..][..32].fill(0xff);
            }),
            "NonCanonicalPoint",
        ),
        accept(
            "file-of-another-keyset",
            changed(&|f| {
                f.keyset = [7; 32];
                f.records.clear();
            }),
            "OtherFile",
        ),
        accept("file-of-another-segment", changed(&|f| f.segment = 2), "OtherFile"),
        accept("file-of-another-time", changed(&|f| f.span[1] += 1), "OtherFile"),
        accept(
            "file-of-another-salt",
            changed(&|f| {
                f.salt[0] ^= 1;
                f.records.clear();
            }),
            "OtherFile",
        ),
        accept(
            "file-of-another-prefix",
            changed(&|f| {
                f.prefix = (1, 1);
                f.records.clear();
            }),
            "OtherFile",
        ),
        accept("file-signed-by-another", file().bytes(&other().mint_secret), "InvalidSignature"),
        accept("file-record-altered", edited(&good, last, &[good[last] ^ 1]), "InvalidSignature"),
        accept(
            "file-record-left-out",
            {
                let mut fewer = file();
                let signature = good[good.len() - 64..].to_vec();
                fewer.records.pop();
                let fewer = fewer.bytes(secret);
                cat(&[&fewer[..fewer.len() - 64], &signature])
            },
            "InvalidSignature",
        ),
    ]
}

/// Where A of a record's first output stands, behind the keyset: shape, issuance, funding, debit, count, d.
fn record_head(record: &[u8]) -> usize {
    let shape = if matches!(record[32], 1 | 5) { 9 } else { 2 };
    shape + 32 + 32 + 8 + 2 + 1
}

/// One bit that the first record's hash does not begin with.
fn other_prefix() -> (u8, u16) {
    let first = crate::vectors::archive::hash_in_file(&crate::vectors::archive::records()[0].0)[0];
    (1, u16::from(first < 128))
}

fn changed_index(change: &dyn Fn(&mut Index)) -> Vec<u8> {
    let mut index = index();
    change(&mut index);
    index.bytes(&world().mint_secret)
}

/// Where the index lists the first keyset.
fn place() -> usize {
    index().keysets.iter().position(|(id, ..)| *id == world().keyset).unwrap()
}

fn index_rules() -> Vec<Case> {
    let good = index().bytes(&world().mint_secret);
    let place = place();
    let decode = |reason, change: &dyn Fn(&mut Index), error| {
        Case::new(reason, "decode archive index", &good, changed_index(change), error)
    };
    let bytes = |reason, refused: Vec<u8>, error| Case::new(reason, "decode archive index", &good, refused, error);
    let count = 1 + 32 + 24;
    vec![
        decode("index-keysets-unordered", &|i| i.keysets.reverse(), "NonCanonicalShape"),
        decode("index-keyset-repeated", &|i| i.keysets[1] = i.keysets[0].clone(), "NonCanonicalShape"),
        decode("index-segments-unordered", &|i| i.keysets[place].1.reverse(), "NonCanonicalShape"),
        decode("index-segments-overlap", &|i| i.keysets[place].1[0].1 += 1, "NonCanonicalShape"),
        decode("index-segment-not-sealed", &|i| i.times[1] = NOW - 3601, "NonCanonicalShape"),
        decode("index-segment-empty", &|i| i.keysets[place].1[0].4 = 0, "Empty"),
        decode("index-segment-of-9-bits", &|i| i.keysets[place].1[0].3 = 9, "OutOfRange"),
        decode("index-segment-of-no-time", &|i| i.keysets[place].1[0].1 = i.keysets[place].1[0].0, "OutOfRange"),
        decode("index-filters-unordered", &|i| i.keysets[place].2.reverse(), "NonCanonicalShape"),
        decode("index-filter-not-closed", &|i| i.times[2] = NOW - 3601, "NonCanonicalShape"),
        decode("index-filter-without-parts", &|i| i.keysets[place].2[0].2 = 0, "Empty"),
        decode("index-filter-of-too-many-parts", &|i| i.keysets[place].2[1].2 = 2, "NonCanonicalShape"),
        decode("index-filter-of-too-few-parts", &|i| i.keysets[place].2[0].2 = 1, "NonCanonicalShape"),
        decode("index-filter-empty", &|i| i.keysets[place].2[0].3 = 0, "Empty"),
        decode(
            "index-keyset-of-nothing",
            &|i| {
                i.keysets[place].1.clear();
                i.keysets[place].2.clear();
            },
            "Empty",
        ),
        decode("index-sealed-after-it-was-issued", &|i| i.times[1] = NOW + 1, "OutOfRange"),
        decode("index-filtered-after-it-was-issued", &|i| i.times[2] = NOW + 1, "OutOfRange"),
        bytes("index-with-1025-keysets", spliced(&good, count, 2, &1025_u16.to_le_bytes()), "TooLong"),
        bytes("index-trailing-byte", cat(&[&good, &[0]]), "TrailingBytes"),
    ]
}

fn indexes() -> Vec<Case> {
    let (place, seen) = (place(), index().bytes(&world().mint_secret));
    let later: &dyn Fn(&mut Index) = &|i| i.times[0] += 60;
    let good = changed_index(later);
    let with = json!({ "mint": hex(world().mint), "seen": hex(&seen), "now": NOW + 60 });
    let case = |reason, refused: Vec<u8>, error| {
        Case::new(reason, "accept archive index", &good, refused, error).with(with.clone())
    };
    let next = |reason, change: &dyn Fn(&mut Index), error| {
        case(
            reason,
            changed_index(&|i| {
                later(i);
                change(i);
            }),
            error,
        )
    };
    vec![
        next("index-older", &|i| i.times[0] = NOW - 1, "Older"),
        next("index-another-for-the-same-second", &|i| (i.times[0], i.times[1]) = (NOW, NOW - 599), "Contradiction"),
        next("index-sealed-less", &|i| i.times[1] = NOW - 601, "WentBack"),
        next("index-segment-dropped", &|i| i.keysets[place].1.truncate(1), "WentBack"),
        next("index-segment-cut-otherwise", &|i| i.keysets[place].1[0].3 = 5, "WentBack"),
        next("index-segment-of-another-salt", &|i| i.keysets[place].1[0].2[0] ^= 1, "WentBack"),
        next("index-segment-of-another-count", &|i| i.keysets[place].1[1].4 = 2, "WentBack"),
        next("index-filter-dropped", &|i| i.keysets[place].2.truncate(1), "WentBack"),
        next("index-keyset-dropped", &|i| drop(i.keysets.remove(place)), "WentBack"),
        next(
            "index-segment-added-to-a-sealed-time",
            &|i| i.keysets[place].1.push((NOW - 3600, NOW - 600, [9; 16], 0, 1)),
            "WentBack",
        ),
        next(
            "index-segment-added-to-a-listed-span",
            &|i| {
                let last = i.keysets[place].1[1];
                i.keysets[place].1.push(last);
            },
            "WentBack",
        ),
        next("index-filter-added-to-a-closed-time", &|i| i.keysets[1 - place].2.push((1, 2, 1, 1)), "WentBack"),
        next("index-from-the-future", &|i| i.times[0] = NOW + 361, "NotCurrent"),
        case(
            "index-signed-by-another",
            {
                let mut index = index();
                later(&mut index);
                index.bytes(&other().mint_secret)
            },
            "InvalidSignature",
        ),
        case("index-altered", edited(&good, 1 + 32, &[good[33] ^ 1]), "InvalidSignature"),
        case(
            "index-of-another-mint",
            {
                let mut index = index();
                later(&mut index);
                index.mint = other().mint;
                index.bytes(&other().mint_secret)
            },
            "InvalidSignature",
        ),
    ]
}

/// A keyset may be missing once payees can deposit its tokens no more, and then as a whole.
fn ended_keysets() -> Vec<Case> {
    let (place, seen, end) = (place(), index().bytes(&world().mint_secret), NOW + 60);
    let with = json!({
        "mint": hex(world().mint),
        "seen": hex(&seen),
        "now": end,
        "keyset": hex(world().keyset),
        "deposit_until": end,
    });
    let without = |issued_at| {
        changed_index(&|i| {
            i.times[0] = issued_at;
            i.keysets.remove(place);
        })
    };
    let part = changed_index(&|i| {
        i.times[0] = end;
        i.keysets[place].1.truncate(1);
    });
    let other = changed_index(&|i| {
        i.times[0] = end;
        i.keysets.remove(1 - place);
    });
    let case = |reason, refused| {
        Case::new(reason, "accept archive index", without(end), refused, "WentBack").with(with.clone())
    };
    vec![
        case("index-keyset-dropped-before-its-end", without(end - 1)),
        case("index-part-of-an-ended-keyset-dropped", part),
        case("index-keyset-dropped-that-is-not-known", other),
    ]
}
