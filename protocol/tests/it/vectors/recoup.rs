//! Claims on tokens of a revoked keyset, with the record that they came from.

use farthing_protocol::codec::Wire;
use farthing_protocol::derive::Seed;
use farthing_protocol::issuance::IssuanceRecord;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::locked::deposit_request;
use farthing_protocol::payment::{CheckBinding, PaymentCheck, PaymentKind, verify_payment};
use farthing_protocol::recoup::{BlindingProof, RecoupClaim, recoup_request};
use serde_json::{Value, json};

use super::issuance::five;
use super::{encoded, hex, stored};
use crate::reference::payment::RECOUP;
use crate::reference::recoup;
use crate::reference::world::world;
use crate::twins::context;

/// The record of an issuance of 5, and the claim of its holder on both tokens.
pub(crate) fn record_and_claim() -> (Vec<u8>, Vec<u8>) {
    let (world, coins) = (world(), world().coins(30, 5));
    let (issuance, _) = five(&[1]);
    let (_, payment) = recoup::payment(world, RECOUP, coins.clone());
    (issuance.record(&[0xf0; 32]), recoup::claim(world, Some(&payment), &recoup::all(world, &coins)))
}

fn case(name: &str, payment: Option<([u8; 32], Vec<u8>)>, locked: Option<&[u8; 32]>, evidence: &[Vec<u8>]) -> Value {
    let bytes = payment.as_ref().map(|(_, bytes)| bytes.as_slice());
    json!({
        "name": name,
        "payment": payment.as_ref().map(|(id, _)| hex(id)),
        "locked": locked.map(hex),
        "evidence": evidence.len(),
        "claim": hex(recoup::redeeming(world(), bytes, locked, evidence)),
    })
}

#[test]
fn claims() {
    let (world, coins) = (world(), world().coins(30, 5));
    let evidence = recoup::all(world, &coins);
    let (paid, locked) = (recoup::redemption(world, coins.clone()), Some(&recoup::LOCKED_ID));
    let credited = Some(recoup::credited(world, coins.clone()));
    let made = json!({
        "document": hex(world.document_bytes()),
        "seed": hex(world.seed),
        "n": 30,
        "record": hex(record_and_claim().0),
        "request": hex(recoup::recoup_request(&world.keyset)),
        "proofs": coins.iter().map(|coin| json!({
            "position": coin.trace.position,
            "denomination": coin.trace.d,
            "rho": hex(coin.trace.rho),
            "proof": hex(recoup::proof(world, &coin.trace)),
        })).collect::<Vec<_>>(),
        "claims": [
            case("a holder's", Some(recoup::payment(world, RECOUP, coins.clone())), None, &evidence),
            case("a payee's", Some(paid.clone()), locked, &[]),
            case("a payee's who was told how one token was blinded", Some(paid), locked, &evidence[..1]),
            case("of a payee who was credited it", credited.clone(), None, &[]),
            case("of a payee who was credited it, and was told how one token was blinded", credited, None, &evidence[..1]),
            case("evidence alone", None, None, &evidence),
        ],
    });
    let file = stored("recoup.json", &made);

    let keyset = Keyset::from_bytes(&file.bytes("document")).unwrap();
    let record = IssuanceRecord::from_bytes(&file.bytes("record")).unwrap();
    assert_eq!(recoup_request(keyset.id()).as_bytes(), &file.array("request"));
    let seed = Seed::from_bytes(file.array("seed"));
    for (case, recorded) in file.each("proofs").iter().zip(&record.outputs) {
        let d = u8::try_from(case.number("denomination")).unwrap();
        let context = context(&keyset, file.number("n"), u32::try_from(case.number("position")).unwrap(), d);
        let (key, coin) = (keyset.key(context.denomination).unwrap(), *seed.coin_key(&context).public());
        let proof = BlindingProof::reveal(&seed, &context, key, &coin, &recorded.output.commitment).unwrap();
        assert_eq!(encoded(&proof), case.bytes("proof"));
    }
    for case in file.each("claims") {
        let claim = RecoupClaim::from_bytes(&case.bytes("claim")).unwrap();
        assert_eq!(claim.to_bytes(), case.bytes("claim"));
        assert_eq!(u64::try_from(claim.evidence().len()).unwrap(), case.number("evidence"));
        for evidence in claim.evidence() {
            evidence.proof.verify(&keyset, &evidence.token, &record).unwrap();
        }
        let id = claim.payment().map(|payment| hex(payment.id().as_bytes()));
        assert_eq!(id.unwrap_or(Value::Null), case.at("payment").0);
        let locked = claim.locked().map(|locked| hex(locked.as_bytes()));
        assert_eq!(locked.unwrap_or(Value::Null), case.at("locked").0);
        if let Some(payment) = claim.payment().cloned() {
            match (payment.kind(), claim.locked()) {
                (PaymentKind::Recoup, None) => assert_eq!(*payment.request(), recoup_request(keyset.id())),
                (PaymentKind::Pay, Some(locked)) => assert_eq!(*payment.request(), deposit_request(locked)),
                // What was asked for then.
                (PaymentKind::Pay, None) => {}
                other => panic!("{other:?}"),
            }
            let check = PaymentCheck { payment, keyset: &keyset, binding: CheckBinding::None };
            verify_payment(&mut rand::rng(), check).unwrap();
        }
    }
}
