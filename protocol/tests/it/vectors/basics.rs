//! Generators, keysets and their list, and what a seed derives.

use curve25519_dalek::scalar::Scalar;
use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::codec::{DecodeError, Wire};
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, MerchantIndex, ReceivingIndex, Seed};
use farthing_protocol::group::{Element, H_SEED, scalar_from_bytes};
use farthing_protocol::identity::{AccountKey, IssuanceId, Keypair, MintId, PayeeKey};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Chain, Keyset, KeysetDocument, KeysetList, Redemption, SecretKeyset};
use serde_json::json;

use super::{Vector, encoded, hex, stored};
use crate::reference::world::{NOW, World, later, world};
use crate::reference::{G, H, cat, ed25519_public, ed25519_sign, enc, hash, pow5, sha512, text};

#[test]
fn generators() {
    let five = Scalar::from(5_u8);
    let made = json!({
        "G": hex(enc(&G)),
        "H_seed": "farthing/v1/H",
        "H_sha512": hex(sha512(b"farthing/v1/H")),
        "H": hex(enc(&H())),
        "minus_G": hex(enc(&-G)),
        "minus_H": hex(enc(&-H())),
        "not_points": NOT_POINTS,
        "not_scalars": NOT_SCALARS,
        "order_minus_1": hex((-Scalar::ONE).as_bytes()),
        "five_to_the_fifth": hex(pow5(five).as_bytes()),
        "minus_five_to_the_fifth": hex(pow5(-five).as_bytes()),
    });
    let file = stored("group.json", &made);
    assert_eq!(file.text("H_seed").as_bytes(), H_SEED);
    assert_eq!(Element::second_generator().as_bytes(), &file.array("H"));
    assert_eq!(Element::generator().as_bytes(), &file.array("G"));
    assert_eq!(file.part::<Element>("H"), Element::second_generator());
    for bad in file.each("not_points") {
        let error = Element::from_bytes(secret(&bad).try_into().unwrap()).err();
        assert_eq!(error, Some(DecodeError::NonCanonicalPoint), "{bad:?}");
    }
    for bad in file.each("not_scalars") {
        let error = scalar_from_bytes(secret(&bad).try_into().unwrap()).err();
        assert_eq!(error, Some(DecodeError::NonCanonicalScalar), "{bad:?}");
    }
    assert_eq!(Element::from_bytes([0; 32]).err(), Some(DecodeError::IdentityPoint));
    assert!(scalar_from_bytes(file.array("order_minus_1")).is_ok());
    assert_eq!(file.array::<32>("five_to_the_fifth"), Scalar::from(3125_u32).to_bytes());
}

/// RFC 9496, appendix A.3: field elements that are not reduced, negative, or of no point.
const NOT_POINTS: [&str; 29] = [
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
    "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
    "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
    "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
    "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
    "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
    "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
    "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
    "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
    "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
    "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
    "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
    "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
    "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
    "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
    "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
    "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// ℓ, ℓ + 1, 2²⁵³, 2²⁵⁵ and 2²⁵⁶ − 1.
const NOT_SCALARS: [&str; 5] = [
    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
    "eed3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
    "0000000000000000000000000000000000000000000000000000000000000020",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

fn keyset_json(world: &World) -> serde_json::Value {
    let document = &world.document;
    json!({
        "mint_secret": hex(world.mint_secret),
        "mint": hex(world.mint),
        "sequence": document.sequence,
        "predecessor": document.predecessor.map(hex),
        "unit": { "code": document.unit.0, "exponent": document.unit.1 },
        "redemption": "open",
        "active_from": document.times[0],
        "issue_until": document.times[1],
        "spend_until": document.times[2],
        "deposit_until": document.times[3],
        "withdrawal_ppm": document.fees[0],
        "deposit_ppm": document.fees[1],
        "bundles": document.bundles,
        "x": world.xs.iter().map(|x| hex(x.as_bytes())).collect::<Vec<_>>(),
        "X": document.keys.iter().map(hex).collect::<Vec<_>>(),
        "body": hex(document.body()),
        "id": hex(document.id()),
        "signature": hex(ed25519_sign(&world.mint_secret, &document.id())),
        "document": hex(world.document_bytes()),
    })
}

#[test]
fn keysets() {
    let file = stored("keyset.json", &json!({ "keysets": [keyset_json(world()), keyset_json(later())] }));
    for vector in file.each("keysets") {
        let keyset = Keyset::from_bytes(&vector.bytes("document")).unwrap();
        assert_eq!(keyset.id().as_bytes(), &vector.array("id"));
        assert_eq!(keyset.document().to_bytes(), vector.bytes("document"));
        let identity = Keypair::from_secret(&vector.array("mint_secret"));
        assert_eq!(MintId::from(&identity).as_bytes(), &vector.array("mint"));

        let terms = keyset.terms().clone();
        assert_eq!(terms.sequence, vector.number("sequence"));
        assert_eq!(
            terms.predecessor.map_or(serde_json::Value::Null, |id| hex(id.as_bytes())),
            vector.at("predecessor").0
        );
        assert_eq!(terms.unit.code(), vector.at("unit").text("code"));
        assert_eq!(u64::from(terms.unit.exponent()), vector.at("unit").number("exponent"));
        assert_eq!(terms.redemption, Redemption::Open);
        let times = [terms.active_from, terms.issue_until, terms.spend_until, terms.deposit_until];
        for (time, name) in times.iter().zip(["active_from", "issue_until", "spend_until", "deposit_until"]) {
            assert_eq!(time.seconds(), vector.number(name));
        }
        assert_eq!(u64::from(terms.fees.withdrawal_ppm), vector.number("withdrawal_ppm"));
        assert_eq!(u64::from(terms.fees.deposit_ppm), vector.number("deposit_ppm"));
        let bundles: Vec<Vec<(u8, u16)>> =
            terms.bundles.iter().map(|b| b.counts().iter().map(|(d, n)| (d.exponent(), *n)).collect()).collect();
        assert_eq!(json!(bundles), vector.at("bundles").0);

        // Signing the same terms and keys gives the same bytes, and the secrets fit.
        let keys: Vec<Element> = keyset.keys().iter().map(|key| *key.element()).collect();
        let again = Keyset::sign(terms, keys, &identity).unwrap();
        assert_eq!(again.document().to_bytes(), vector.bytes("document"));
        let secrets =
            cat(&vector.each("x").iter().map(secret).collect::<Vec<_>>().iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_eq!(*SecretKeyset::from_bytes(&secrets, &keyset).unwrap().to_bytes(), secrets);
    }
}

fn secret(value: &Vector) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.0.as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn list_and_chain() {
    let (first, second) = (world(), later());
    let revoked_at = NOW + 50;
    let head = cat(&[&1_u64.to_le_bytes(), &second.keyset]);
    let body = cat(&[
        &first.mint,
        &NOW.to_le_bytes(),
        &(NOW + 3600).to_le_bytes(),
        &1_u16.to_le_bytes(),
        &text("EUR"),
        &[2, 0],
        &head,
        &1_u16.to_le_bytes(),
        &first.keyset,
        &revoked_at.to_le_bytes(),
    ]);
    let digest = hash(b"farthing/v1/keyset-list", &[(b"list-body", &body)]);
    let signature = ed25519_sign(&first.mint_secret, &digest);
    let mut fork = second.document.clone();
    fork.times[1] -= 1;
    let misconduct = cat(&[&[1], &second.document_bytes()[1..], &fork.bytes(&second.mint_secret)[1..]]);
    let made = json!({
        "mint": hex(first.mint),
        "issued_at": NOW,
        "valid_until": NOW + 3600,
        "head": hex(cat(&[&[1], &head])),
        "revocations": [{ "keyset": hex(first.keyset), "revoked_at": revoked_at }],
        "list_body": hex(&body),
        "list_digest": hex(digest),
        "list": hex(cat(&[&[1], &body, &signature])),
        "keysets": [hex(first.document_bytes()), hex(second.document_bytes())],
        "misconduct": hex(misconduct),
    });
    let file = stored("chain.json", &made);

    let list = KeysetList::from_bytes(&file.bytes("list")).unwrap();
    let (mint, now) = (MintId::from_bytes(file.array("mint")), UnixTime::from_seconds(file.number("issued_at")));
    list.accept(&mint, None, now).unwrap();
    let again = KeysetList::sign(
        &Keypair::from_secret(&first.mint_secret),
        list.issued_at(),
        list.valid_until(),
        list.heads().to_vec(),
        list.revocations().to_vec(),
    );
    assert_eq!(again.unwrap().to_bytes(), file.bytes("list"));
    assert_eq!(list.revoked_at(&KeysetId::from_bytes(first.keyset)).unwrap().seconds(), revoked_at);

    let keysets: Vec<Keyset> = file.each("keysets").iter().map(|k| Keyset::from_bytes(&secret(k)).unwrap()).collect();
    let [start, next] = <[Keyset; 2]>::try_from(keysets).unwrap();
    let mut chain = Chain::start(start.into()).unwrap();
    chain.extend(next.into(), list.revocations()).unwrap();
    assert_eq!(chain.head().to_bytes(), file.bytes("head"));
    let misconduct = farthing_protocol::keyset::Misconduct::from_bytes(&file.bytes("misconduct")).unwrap();
    assert!(misconduct.proves());
    assert_eq!(KeysetDocument::to_bytes(misconduct.documents().0), second.document_bytes());
}

#[test]
fn derivation() {
    let world = world();
    let cases: Vec<_> = [(0, 0, 0), (0, 1, 0), (1, 0, 7), (u64::MAX, 255, 3)]
        .into_iter()
        .map(|(n, position, d)| {
            let place = world.place(n, position, d);
            let p = place.coin_key();
            json!({
                "n": n.to_string(),
                "position": position,
                "denomination": d,
                "p": hex(p.as_bytes()),
                "P": hex(enc(&(G * p))),
                "issuance_secret": hex(place.issuance_key()),
                "issuance_id": hex(ed25519_public(&place.issuance_key())),
                "field_key": hex(place.field_key()),
            })
        })
        .collect();
    let receiving: Vec<_> = [0, 1, u64::from(u32::MAX)]
        .into_iter()
        .map(|i| {
            let place = world.place(i, 0, 0);
            json!({
                "i": i,
                "q": hex(place.lock_key().as_bytes()),
                "Q": hex(enc(&(G * place.lock_key()))),
                "payee_secret": hex(place.payee_key()),
            })
        })
        .collect();
    let merchant: Vec<_> = [0, 1, 1_800_000_000]
        .into_iter()
        .map(|n| {
            let place = world.place(n, 0, 0);
            json!({
                "n": n,
                "secret": hex(place.merchant_key()),
                "payee": hex(ed25519_public(&place.merchant_key())),
                "q": hex(place.merchant_lock_key().as_bytes()),
                "Q": hex(enc(&(G * place.merchant_lock_key()))),
            })
        })
        .collect();
    let account = world.place(0, 0, 0).account_key();
    let made = json!({
        "seed": hex(world.seed),
        "mint": hex(world.mint),
        "keyset": hex(world.keyset),
        "account_secret": hex(account),
        "account": hex(ed25519_public(&account)),
        "cases": cases,
        "receiving": receiving,
        "merchant": merchant,
    });
    let file = stored("derivation.json", &made);

    let seed = Seed::from_bytes(file.array("seed"));
    let mint = MintId::from_bytes(file.array("mint"));
    let account = seed.account_key(&mint);
    assert_eq!(*account.secret(), file.array("account_secret"));
    assert_eq!(AccountKey::from(&account).as_bytes(), &file.array("account"));
    for case in file.each("cases") {
        let number = IssuanceNumber::new(case.text("n").parse().unwrap());
        let issuance = IssuanceContext { mint, keyset: KeysetId::from_bytes(file.array("keyset")), number };
        let position = u32::try_from(case.number("position")).unwrap();
        let denomination = Denomination::new(u8::try_from(case.number("denomination")).unwrap()).unwrap();
        let key = seed.coin_key(&CoinContext { issuance, position, denomination });
        assert_eq!(encoded(&key), case.bytes("p"));
        assert_eq!(key.public().as_bytes(), &case.array("P"));
        let issuance_key = seed.issuance_key(&issuance);
        assert_eq!(*issuance_key.secret(), case.array("issuance_secret"));
        assert_eq!(IssuanceId::from(&issuance_key).as_bytes(), &case.array("issuance_id"));
    }
    for case in file.each("receiving") {
        let index = ReceivingIndex::new(u32::try_from(case.number("i")).unwrap());
        let key = seed.lock_key(index);
        assert_eq!(encoded(&key), case.bytes("q"));
        assert_eq!(key.public().element().as_bytes(), &case.array("Q"));
        assert_eq!(*seed.payee_key(index).secret(), case.array("payee_secret"));
    }
    for case in file.each("merchant") {
        let n = case.number("n");
        let key = seed.merchant_key(MerchantIndex::new(u32::try_from(n).unwrap()));
        assert_eq!(*key.secret(), case.array("secret"));
        assert_eq!(PayeeKey::from(&key).as_bytes(), &case.array("payee"));
        let lock = seed.merchant_lock_key(UnixTime::from_seconds(n));
        assert_eq!(encoded(&lock), case.bytes("q"));
        assert_eq!(lock.public().element().as_bytes(), &case.array("Q"));
    }
}
