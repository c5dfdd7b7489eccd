//! Keysets, chains and lists that break a rule of section 3.

use serde_json::json;

use super::{BAD_POINT, Case, IDENTITY, SMALL_ORDER_KEY, small_order_signature, spliced, with_unreduced_s};
use crate::reference::world::{Document, NOW, later, other, world};
use crate::reference::{G, H, cat, ed25519_sign, enc, hash, text};
use crate::vectors::hex;

/// The document of the first keyset with one thing changed, signed by the mint.
fn changed(change: impl FnOnce(&mut Document)) -> Vec<u8> {
    let mut document = world().document.clone();
    change(&mut document);
    document.bytes(&world().mint_secret)
}

pub(super) fn cases() -> Vec<Case> {
    [rules(), signatures(), chains(), lists()].into_iter().flatten().collect()
}

fn rules() -> Vec<Case> {
    let good = world().document_bytes();
    let case = |reason, refused: Vec<u8>, error| Case::new(reason, "decode keyset", &good, refused, error);
    let key = |reason, key: [u8; 32], error| case(reason, changed(|d| d.keys[4] = key), error);
    let keys = good.len() - 64 - 8 * 32 - 1;
    // version, mint, sequence | predecessor | unit
    let (predecessor, redemption) = (41, 41 + 1 + 6);
    vec![
        key("keyset-X-is-G", enc(&G), "OutOfRange"),
        key("keyset-X-is-minus-G", enc(&-G), "OutOfRange"),
        key("keyset-X-is-H", enc(&H()), "OutOfRange"),
        key("keyset-X-is-minus-H", enc(&-H()), "OutOfRange"),
        key("keyset-X-repeated", world().document.keys[0], "Repeated"),
        key("keyset-X-identity", IDENTITY, "IdentityPoint"),
        key("keyset-X-not-canonical", BAD_POINT, "NonCanonicalPoint"),
        case("keyset-without-keys", changed(|d| d.keys.clear()), "Empty"),
        case("keyset-with-64-keys", spliced(&good, keys, 1, &[64]), "TooLong"),
        case("keyset-issuing-ends-before-it-begins", changed(|d| d.times[1] = d.times[0]), "OutOfRange"),
        case("keyset-issued-after-spending-ends", changed(|d| d.times[1] = d.times[2] + 1), "OutOfRange"),
        case("keyset-spent-until-deposits-end", changed(|d| d.times[2] = d.times[3]), "OutOfRange"),
        case("keyset-first-with-predecessor", changed(|d| d.predecessor = Some([7; 32])), "OutOfRange"),
        case("keyset-second-without-predecessor", changed(|d| d.sequence = 1), "OutOfRange"),
        case("keyset-predecessor-marked-2", spliced(&good, predecessor, 1, &[2]), "UnknownTag"),
        case("keyset-redemption-unknown", spliced(&good, redemption, 1, &[2]), "UnknownTag"),
        case("keyset-withdrawal-fee-over-a-million", changed(|d| d.fees[0] = 1_000_001), "OutOfRange"),
        case("keyset-deposit-fee-over-a-million", changed(|d| d.fees[1] = 1_000_001), "OutOfRange"),
        case("keyset-unit-empty", changed(|d| d.unit.0 = ""), "OutOfRange"),
        case("keyset-unit-too-long", changed(|d| d.unit.0 = "ABCDEFGHIJKLMNOPQ"), "TooLong"),
        case("keyset-unit-with-a-space", changed(|d| d.unit.0 = "E R"), "OutOfRange"),
        case("keyset-unit-with-13-decimals", changed(|d| d.unit.1 = 13), "OutOfRange"),
        case("keyset-with-17-bundles", changed(|d| d.bundles = vec![vec![(0, 1)]; 17]), "TooLong"),
        case("bundle-empty", changed(|d| d.bundles[0].clear()), "Empty"),
        case("bundle-count-zero", changed(|d| d.bundles[0][1].1 = 0), "Empty"),
        case("bundle-unordered", changed(|d| d.bundles[0].swap(1, 2)), "NonCanonicalShape"),
        case("bundle-denomination-repeated", changed(|d| d.bundles[0][1].0 = 0), "NonCanonicalShape"),
        case("bundle-with-257-tokens", changed(|d| d.bundles[0] = vec![(0, 257)]), "TooLong"),
        case("bundle-over-maximum", changed(|d| d.bundles[0] = vec![(62, 2)]), "OutOfRange"),
        case("keyset-trailing-byte", cat(&[&good, &[0]]), "TrailingBytes"),
        case("keyset-version-2", spliced(&good, 0, 1, &[2]), "UnsupportedVersion"),
    ]
}

fn signatures() -> Vec<Case> {
    let good = world().document_bytes();
    let signature = good.len() - 64;
    let case = |reason, refused: Vec<u8>| Case::new(reason, "verify keyset", &good, refused, "InvalidSignature");
    let mut small_order = world().document.clone();
    small_order.mint = SMALL_ORDER_KEY;
    let small_order = cat(&[&[1], &small_order.body(), &small_order_signature()]);
    vec![
        case("keyset-signed-by-another", world().document.bytes(&other().mint_secret)),
        case("keyset-key-exchanged", spliced(&good, signature - 32, 32, &other().document.keys[7])),
        case("keyset-window-extended", {
            let mut longer = world().document.clone();
            longer.times[3] += 1;
            cat(&[&[1], &longer.body(), &good[signature..]])
        }),
        case("keyset-ed25519-key-of-small-order", small_order),
        case("keyset-ed25519-S-not-reduced", spliced(&good, signature, 64, &with_unreduced_s(&good[signature..]))),
        case("keyset-signature-zero", spliced(&good, signature, 64, &[0; 64])),
    ]
}

fn chains() -> Vec<Case> {
    let second = later().document_bytes();
    let third = |change: &dyn Fn(&mut Document)| {
        let mut document = later().document.clone();
        document.sequence = 2;
        document.predecessor = Some(later().keyset);
        let start = document.times[1];
        document.times = [start, start + 100, start + 200, start + 300];
        document.keys = (1_u8..9).map(|i| enc(&(G * curve25519_dalek::Scalar::from(1000 + u64::from(i))))).collect();
        change(&mut document);
        document.bytes(&later().mint_secret)
    };
    let good = third(&|_| {});
    let chain = json!({ "chain": [hex(world().document_bytes()), hex(&second)] });
    let case =
        |reason, refused: Vec<u8>, error| Case::new(reason, "extend chain", &good, refused, error).with(chain.clone());
    let mut foreign = other().document.clone();
    (foreign.sequence, foreign.predecessor) = (2, Some(later().keyset));
    vec![
        case("chain-of-another-mint", foreign.bytes(&other().mint_secret), "OtherChain"),
        case("chain-of-another-unit", third(&|d| d.unit.0 = "USD"), "OtherChain"),
        case("chain-of-other-decimals", third(&|d| d.unit.1 = 3), "OtherChain"),
        case("chain-of-another-redemption", third(&|d| d.closed = Some(world().payee)), "OtherChain"),
        case("chain-sequence-skipped", third(&|d| d.sequence = 3), "NotNext"),
        case("chain-wrong-predecessor", third(&|d| d.predecessor = Some(world().keyset)), "NotNext"),
        case("chain-windows-overlap", third(&|d| d.times[0] -= 1), "Overlap"),
        case("chain-key-reused-at-its-place", third(&|d| d.keys[7] = world().document.keys[7]), "KeyReused"),
        case("chain-key-reused-elsewhere", third(&|d| d.keys[0] = later().document.keys[7]), "KeyReused"),
        case(
            "chain-two-keysets-at-one-place",
            third(&|d| {
                (d.sequence, d.predecessor) = (1, Some(world().keyset));
            }),
            "Misconduct",
        ),
        case("chain-two-first-keysets", changed(|d| d.fees = [0, 0]), "Misconduct"),
    ]
}

/// A list of one head, signed.
fn list(issued_at: u64, sequence: u64, keyset: &[u8; 32], revoked: &[[u8; 32]]) -> Vec<u8> {
    let head = cat(&[&text("EUR"), &[2, 0], &sequence.to_le_bytes(), keyset]);
    listed(issued_at, &[head], revoked)
}

fn listed(issued_at: u64, heads: &[Vec<u8>], revoked: &[[u8; 32]]) -> Vec<u8> {
    let revocations: Vec<u8> = revoked.iter().flat_map(|id| cat(&[id, &NOW.to_le_bytes()])).collect();
    let body = cat(&[
        &world().mint,
        &issued_at.to_le_bytes(),
        &(NOW + 3600).to_le_bytes(),
        &u16::try_from(heads.len()).unwrap().to_le_bytes(),
        &heads.concat(),
        &u16::try_from(revoked.len()).unwrap().to_le_bytes(),
        &revocations,
    ]);
    let digest = hash(b"farthing/v1/keyset-list", &[(b"list-body", &body)]);
    cat(&[&[1], &body, &ed25519_sign(&world().mint_secret, &digest)])
}

fn lists() -> Vec<Case> {
    let (first, second) = (world().keyset, later().keyset);
    let seen = list(NOW - 10, 1, &second, &[first]);
    let good = list(NOW, 1, &second, &[first]);
    let with = |now: u64, mint: &[u8; 32]| json!({ "seen": hex(&seen), "mint": hex(mint), "now": now });
    let accept = |reason, refused: Vec<u8>, error| {
        Case::new(reason, "accept keyset list", &good, refused, error).with(with(NOW, &world().mint))
    };
    let decode = |reason, refused: Vec<u8>, error| Case::new(reason, "decode keyset list", &good, refused, error);
    let head = |code: &str| cat(&[&text(code), &[2, 0], &1_u64.to_le_bytes(), &second]);
    let mut ids = [first, second];
    ids.sort();
    vec![
        accept("list-older", list(NOW - 11, 1, &second, &[first]), "Older"),
        accept("list-another-for-the-same-second", list(NOW - 10, 2, &[9; 32], &[first]), "Contradiction"),
        accept("list-another-head-at-one-place", list(NOW, 1, &[9; 32], &[first]), "Contradiction"),
        accept("list-head-went-back", list(NOW, 0, &first, &[first]), "WentBack"),
        accept("list-chain-dropped", listed(NOW, &[], &[first]), "WentBack"),
        accept("list-revocation-dropped", list(NOW, 1, &second, &[]), "WentBack"),
        accept("list-from-the-future", list(NOW + 301, 1, &second, &[first]), "NotCurrent"),
        accept("list-altered", spliced(&good, 33, 1, &[good[33] ^ 1]), "InvalidSignature"),
        decode("list-heads-unordered", listed(NOW, &[head("USD"), head("EUR")], &[]), "NonCanonicalShape"),
        decode("list-head-repeated", listed(NOW, &[head("EUR"), head("EUR")], &[]), "NonCanonicalShape"),
        decode("list-revocations-unordered", list(NOW, 1, &second, &[ids[1], ids[0]]), "NonCanonicalShape"),
        decode("list-revocation-repeated", list(NOW, 1, &second, &[first, first]), "NonCanonicalShape"),
        decode("list-never-valid", list(NOW + 3600, 1, &second, &[]), "OutOfRange"),
        decode("list-with-1025-heads", spliced(&good, 49, 2, &1025_u16.to_le_bytes()), "TooLong"),
    ]
}
