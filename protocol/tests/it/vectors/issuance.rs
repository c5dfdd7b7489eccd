//! Shapes, the digest D and what signs it, records, and the encrypted field.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use farthing_protocol::amount::Amount;
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::{IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::identity::{IssuanceId, Keypair, MintId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::issuance::{Field, Funding, IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::{CheckBinding, PaymentCheck, verify_payment};
use farthing_protocol::shape::Shape;
use serde_json::{Value, json};

use super::payments::swap_statement;
use super::{Vector, hex, part, stored};
use crate::reference::issuance::{Issuance, account, account_funding, token_funding, tokens, voucher, voucher_funding};
use crate::reference::payment::{Statement, swap_request};
use crate::reference::world::{nonce, world};
use crate::reference::{Stream, cat, ed25519_public, ed25519_sign};

pub(crate) const OPERATION: [u8; 16] = [0x0b; 16];
const VOUCHER_SECRET: [u8; 32] = [0x5e; 32];

fn shape(bytes: &[u8], inputs: Option<&[u8]>, outputs: &[u8]) -> Value {
    json!({ "shape": hex(cat(&[&[1], bytes])), "inputs": inputs, "outputs": outputs })
}

#[test]
fn shapes() {
    let twice: Vec<u8> = (0..8).flat_map(|d| [d, d]).collect();
    let made = json!({
        "document": hex(world().document_bytes()),
        "shapes": [
            shape(&cat(&[&[1], &37_u64.to_le_bytes()]), None, &[0, 2, 5]),
            shape(&cat(&[&[1], &255_u64.to_le_bytes()]), None, &[0, 1, 2, 3, 4, 5, 6, 7]),
            shape(&[2, 0], None, &twice),
            shape(&[2, 1], None, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]),
            shape(&[3, 1], Some(&[1]), &[0, 0]),
            shape(&[3, 5], Some(&[5]), &[0, 0, 1, 2, 3, 4]),
            shape(&[4, 0], Some(&[0, 0]), &[1]),
            shape(&[4, 6], Some(&[6, 6]), &[7]),
            shape(&cat(&[&[5], &37_u64.to_le_bytes()]), Some(&[0, 2, 5]), &[0, 2, 5]),
        ],
        "impossible": [
            { "shape": hex(cat(&[&[1, 1], &0_u64.to_le_bytes()])), "error": "AmountOutOfRange" },
            { "shape": hex(cat(&[&[1, 1], &256_u64.to_le_bytes()])), "error": "AmountOutOfRange" },
            { "shape": hex(cat(&[&[1, 5], &256_u64.to_le_bytes()])), "error": "AmountOutOfRange" },
            { "shape": hex([1, 2, 2]), "error": "UnknownBundle" },
            { "shape": hex([1, 3, 0]), "error": "UnknownDenomination" },
            { "shape": hex([1, 4, 7]), "error": "UnknownDenomination" },
            { "shape": hex([1, 4, 62]), "error": "UnknownDenomination" },
        ],
    });
    let file = stored("shapes.json", &made);
    let keyset = Keyset::from_bytes(&file.bytes("document")).unwrap();
    let exponents = |list: Vec<farthing_protocol::amount::Denomination>| {
        json!(list.iter().map(|d| d.exponent()).collect::<Vec<_>>())
    };
    for case in file.each("shapes") {
        let shape = Shape::from_bytes(&case.bytes("shape")).unwrap();
        assert_eq!(shape.to_bytes(), case.bytes("shape"));
        assert_eq!(exponents(shape.outputs(&keyset).unwrap()), case.at("outputs").0);
        assert_eq!(shape.inputs().map_or(Value::Null, exponents), case.at("inputs").0);
    }
    for case in file.each("impossible") {
        let error = Shape::from_bytes(&case.bytes("shape")).unwrap().outputs(&keyset).unwrap_err();
        assert_eq!(format!("{error:?}"), case.text("error"));
    }
}

/// An issuance of the digits of 5 as number 30 of the wallet, of this shape.
pub(crate) fn five(shape: &[u8]) -> (Issuance, [u8; 32]) {
    let world = world();
    let secret = world.place(30, 0, 0).issuance_key();
    let issuance = Issuance {
        mint: world.mint,
        keyset: world.keyset,
        shape: cat(&[shape, &5_u64.to_le_bytes()]),
        issuance: ed25519_public(&secret),
        session: [0x51; 72],
        seal: [0x5a; 32],
        amount: 5,
        debit: 6,
        outputs: world.coins(30, 5).into_iter().map(|coin| coin.trace).collect(),
        field: [0xf1; 128],
    };
    (issuance, secret)
}

pub(crate) fn account_request() -> (Issuance, [u8; 32], Vec<u8>) {
    let (issuance, secret) = five(&[1]);
    let key = world().place(0, 0, 0).account_key();
    let id = account_funding(&ed25519_public(&key), &OPERATION);
    let signature = ed25519_sign(&key, &issuance.digest(&id));
    let funding = account(&ed25519_public(&key), &OPERATION, &signature);
    let request = issuance.request(&funding, &id, &secret);
    (issuance, id, request)
}

pub(crate) fn voucher_request() -> (Issuance, [u8; 32], Vec<u8>) {
    let (issuance, secret) = five(&[1]);
    let id = voucher_funding(&ed25519_public(&VOUCHER_SECRET));
    let signature = ed25519_sign(&VOUCHER_SECRET, &issuance.digest(&id));
    let funding = voucher(&ed25519_public(&VOUCHER_SECRET), &signature);
    let request = issuance.request(&funding, &id, &secret);
    (issuance, id, request)
}

/// A swap that renews tokens worth 5.
pub(crate) fn swap_issuance() -> (Issuance, [u8; 32], Vec<u8>) {
    let world = world();
    let (mut issuance, secret) = five(&[5]);
    issuance.debit = 5;
    let coins = world.coins(29, 5);
    let id = token_funding(&world.keyset, &coins.iter().map(|coin| coin.trace.P).collect::<Vec<_>>());
    let statement = Statement {
        request: swap_request(&issuance.issuance),
        binding: cat(&[&[1], &issuance.digest(&id)]),
        ..swap_statement(coins)
    };
    let payment = statement.authorize(nonce(&statement.binding)).bytes;
    let request = issuance.request(&tokens(&payment), &id, &secret);
    (issuance, id, request)
}

fn case((issuance, id, request): &(Issuance, [u8; 32], Vec<u8>)) -> Value {
    json!({
        "amount": issuance.amount,
        "debit": issuance.debit,
        "issuance": hex(issuance.issuance),
        "session": hex(issuance.session),
        "field": hex(issuance.field),
        "funding": hex(id),
        "D": hex(issuance.digest(id)),
        "request": hex(request),
        "record": hex(issuance.record(id)),
    })
}

#[test]
fn issuances() {
    let made = json!({
        "document": hex(world().document_bytes()),
        "cases": [case(&account_request()), case(&voucher_request()), case(&swap_issuance())],
    });
    let file = stored("issuance.json", &made);
    let keyset = Keyset::from_bytes(&file.bytes("document")).unwrap();
    for (case, kind) in file.each("cases").iter().zip(0..) {
        let request = IssuanceRequest::from_bytes(&case.bytes("request")).unwrap();
        assert_eq!(request.to_bytes(), case.bytes("request"));
        assert_eq!(request.funding().source().id().as_bytes(), &case.array("funding"));
        assert_eq!(request.terms().issuance.as_bytes(), &case.array("issuance"));
        let digest = request.verify().unwrap();
        assert_eq!(digest.as_bytes(), &case.array("D"));
        match (kind, request.funding()) {
            (0, Funding::Account { .. }) | (1, Funding::Voucher { .. }) => {}
            (2, Funding::Tokens(payment)) => {
                assert_eq!(*payment.request(), request.terms().issuance.swap_request());
                let binding = CheckBinding::Issuance(&digest);
                let check = PaymentCheck { payment: payment.as_ref().clone(), keyset: &keyset, binding };
                verify_payment(&mut rand::rng(), check).unwrap();
            }
            _ => panic!("another funding"),
        }
        let record = IssuanceRecord::from_bytes(&case.bytes("record")).unwrap();
        assert_eq!(record.to_bytes(), case.bytes("record"));
        assert_eq!(record.debit, Amount::new(case.number("debit")).unwrap());
        resigned(&request, case);
    }
}

/// Signing the same terms with the same keys gives the same bytes.
fn resigned(request: &IssuanceRequest, case: &Vector) {
    let key = Keypair::from_secret(&world().place(30, 0, 0).issuance_key());
    let again =
        IssuanceRequest::sign(request.terms().clone(), *request.seal(), request.funding().clone(), &key).unwrap();
    assert_eq!(again.to_bytes(), case.bytes("request"));
}

#[test]
fn the_encrypted_field() {
    let world = world();
    let place = world.place(12, 0, 0);
    let issuance = ed25519_public(&place.issuance_key());
    let plaintext: [u8; 88] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let nonce: [u8; 24] = Stream::new("field nonce").bytes();
    let sealed = XChaCha20Poly1305::new(&place.field_key().into())
        .encrypt(&XNonce::from(nonce), Payload { msg: &plaintext, aad: &issuance })
        .unwrap();
    let made = json!({
        "seed": hex(world.seed),
        "mint": hex(world.mint),
        "keyset": hex(world.keyset),
        "n": 12,
        "issuance": hex(issuance),
        "key": hex(place.field_key()),
        "nonce": hex(nonce),
        "plaintext": hex(plaintext),
        "field": hex(cat(&[&nonce, &sealed])),
    });
    let file = stored("field.json", &made);

    let context = IssuanceContext {
        mint: MintId::from_bytes(file.array("mint")),
        keyset: KeysetId::from_bytes(file.array("keyset")),
        number: IssuanceNumber::new(file.number("n")),
    };
    let key = Seed::from_bytes(file.array("seed")).field_key(&context);
    let issuance = IssuanceId::from_bytes(file.array("issuance"));
    let field = key.encrypt(&mut Stream::new("field nonce"), &issuance, &file.array("plaintext"));
    assert_eq!(field.as_bytes(), &file.array("field"));
    assert_eq!(*key.decrypt(&issuance, &field).unwrap(), file.array("plaintext"));
    assert!(key.decrypt(&IssuanceId::from_bytes([0; 32]), &field).is_err(), "another issuance's");
    for place in [0, 23, 24, 111, 112, 127] {
        let mut spoiled = *field.as_bytes();
        spoiled[place] ^= 1;
        assert!(key.decrypt(&issuance, &part::<Field>(&spoiled)).is_err(), "{place}");
    }
}
