//! Generators, keysets and their list, and what a seed derives.

use curve25519_dalek::scalar::Scalar;
use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::group::{Element, H_SEED};
use farthing_protocol::identity::{AccountKey, IssuanceId, Keypair, MintId};
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
        "order_minus_1": hex((-Scalar::ONE).as_bytes()),
        "five_to_the_fifth": hex(pow5(five).as_bytes()),
        "minus_five_to_the_fifth": hex(pow5(-five).as_bytes()),
    });
    let file = stored("group.json", &made);
    assert_eq!(file.text("H_seed").as_bytes(), H_SEED);
    assert_eq!(Element::second_generator().as_bytes(), &file.array("H"));
    assert_eq!(Element::generator().as_bytes(), &file.array("G"));
    assert_eq!(file.part::<Element>("H"), Element::second_generator());
    assert_eq!(file.array::<32>("five_to_the_fifth"), Scalar::from(3125_u32).to_bytes());
}

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
    let account = world.place(0, 0, 0).account_key();
    let made = json!({
        "seed": hex(world.seed),
        "mint": hex(world.mint),
        "keyset": hex(world.keyset),
        "account_secret": hex(account),
        "account": hex(ed25519_public(&account)),
        "cases": cases,
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
}
