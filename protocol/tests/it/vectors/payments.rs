//! Payments of every kind, locked tokens, and a batch.

use farthing_protocol::amount::Denomination;
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::group::Element;
use farthing_protocol::identity::{IssuanceId, Keypair, MintId, PayeeKey};
use farthing_protocol::ids::{IssuanceDigest, KeysetId, PaymentId};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::locked::{LockKey, LockedCoin, Recipient, RecipientKey, deposit_request};
use farthing_protocol::payment::{CheckBinding, Payment, PaymentCheck, PaymentKind, verify_payment, verify_payments};
use farthing_protocol::text::TextForm;
use serde_json::{Value, json};

use super::{Vector, encoded, hex, stored};
use crate::reference::payment::{LOCKED, Lock, PAY, RECOUP, SWAP, Statement, deposit_request as reference_deposit};
use crate::reference::world::{NOW, nonce, world};
use crate::reference::{G, cat, ed25519_public, ed25519_sign, enc, hash};

/// D in the vectors of swaps.
pub(crate) const DIGEST: [u8; 32] = [0xd1; 32];

pub(crate) fn swap_statement(coins: Vec<crate::reference::payment::Coin>) -> Statement {
    let world = world();
    let issuance = ed25519_public(&world.place(9, 0, 0).issuance_key());
    Statement {
        payee: world.mint,
        request: crate::reference::payment::swap_request(&issuance),
        binding: cat(&[&[1], &DIGEST]),
        ..world.statement(SWAP, coins)
    }
}

fn case(name: &str, statement: &Statement) -> Value {
    let authorized = statement.authorize(nonce(name.as_bytes()));
    let sum: curve25519_dalek::RistrettoPoint =
        statement.coins.iter().zip(&authorized.e).map(|(coin, e)| G * coin.secret * e).sum();
    assert_eq!(G * authorized.s, G * authorized.k + sum);
    json!({
        "name": name,
        "kind": statement.kind,
        "request": hex(statement.request),
        "payee": hex(statement.payee),
        "amount": statement.amount,
        "authorized_at": statement.authorized_at,
        "tokens": statement.coins.iter().map(|coin| hex(coin.trace.token())).collect::<Vec<_>>(),
        "witnesses": statement.coins.iter().map(|coin| hex(coin.secret.as_bytes())).collect::<Vec<_>>(),
        "ephemerals": statement.coins.iter().filter_map(|coin| coin.ephemeral).map(hex).collect::<Vec<_>>(),
        "binding": hex(&statement.binding),
        "id": hex(authorized.id),
        "k": hex(authorized.k.as_bytes()),
        "K": hex(authorized.K),
        "e": authorized.e.iter().map(|e| hex(e.as_bytes())).collect::<Vec<_>>(),
        "s": hex(authorized.s.as_bytes()),
        "payment": hex(&authorized.bytes),
    })
}

#[test]
fn payments_of_every_kind() {
    let world = world();
    let pair = |n: u64, d: u8| {
        let mut pair = vec![world.coin(n, 0, d), world.coin(n, 1, d)];
        pair.sort_by_key(|coin| coin.trace.P);
        pair
    };
    let made = json!({
        "document": hex(world.document_bytes()),
        "q": hex(world.q.as_bytes()),
        "D": hex(DIGEST),
        "cases": [
            case("pay one", &world.statement(PAY, world.coins(0, 1))),
            case("pay 37", &world.statement(PAY, world.coins(1, 37))),
            case("pay 255", &world.statement(PAY, world.coins(2, 255))),
            case("locked 37", &world.statement(LOCKED, world.locked_coins(3, 37))),
            case("swap: split", &swap_statement(world.coins(4, 16))),
            case("swap: merge", &swap_statement(pair(5, 3))),
            case("swap: renew", &swap_statement(world.coins(6, 37))),
            case("recoup", &world.statement(RECOUP, world.coins(7, 2))),
        ],
    });
    let file = stored("payments.json", &made);

    let keyset = Keyset::from_bytes(&file.bytes("document")).unwrap();
    let lock: LockKey = file.part("q");
    let digest = IssuanceDigest::from_bytes(file.array("D"));
    for case in file.each("cases") {
        let payment = Payment::from_bytes(&case.bytes("payment")).unwrap();
        assert_eq!(payment.to_bytes(), case.bytes("payment"));
        assert_eq!(payment.id().as_bytes(), &case.array("id"));
        assert_eq!(u64::from(payment.kind().to_byte()), case.number("kind"));
        assert_eq!(payment.request().as_bytes(), &case.array("request"));
        assert_eq!(payment.payee().as_bytes(), &case.array("payee"));
        assert_eq!(payment.amount().units(), case.number("amount"));
        assert_eq!(payment.authorized_at().seconds(), case.number("authorized_at"));
        let binding = match payment.kind() {
            PaymentKind::Pay | PaymentKind::Recoup => CheckBinding::None,
            PaymentKind::Swap => CheckBinding::Issuance(&digest),
            PaymentKind::Locked => CheckBinding::Recipient(&lock),
        };
        let authentic = verify_payment(&mut rand::rng(), PaymentCheck { payment, keyset: &keyset, binding }).unwrap();
        assert_eq!(authentic.id().as_bytes(), &case.array("id"));
    }
}

#[test]
fn locked_tokens() {
    let world = world();
    let cases = [(3, 0, 0), (3, 1, 5), (u64::MAX >> 1, 200, 7)].map(|(n, position, d)| {
        let lock = Lock::new(&world.place(n, position, d), &world.Q);
        assert_eq!(lock.P, G * (world.q + lock.t));
        json!({
            "n": n,
            "position": position,
            "denomination": d,
            "e": hex(lock.e.as_bytes()),
            "E": hex(lock.E),
            "shared": hex(lock.shared),
            "t": hex(lock.t.as_bytes()),
            "P": hex(enc(&lock.P)),
            "p": hex((world.q + lock.t).as_bytes()),
        })
    });
    let record = cat(&[&world.payee, &enc(&world.Q), &1_u16.to_le_bytes(), &world.mint]);
    let digest = hash(b"farthing/v1/recipient", &[(b"recipient-body", &record)]);
    let made = json!({
        "seed": hex(world.seed),
        "mint": hex(world.mint),
        "keyset": hex(world.keyset),
        "q": hex(world.q.as_bytes()),
        "Q": hex(enc(&world.Q)),
        "cases": cases,
        "payee_secret": hex(world.payee_secret),
        "record_digest": hex(digest),
        "record": hex(cat(&[&[1], &record, &ed25519_sign(&world.payee_secret, &digest)])),
        "locked_payment": hex([0x4c; 32]),
        "deposit_request": hex(reference_deposit(&[0x4c; 32])),
    });
    let file = stored("locked.json", &made);

    let lock: LockKey = file.part("q");
    assert_eq!(encoded(lock.public()), file.bytes("Q"));
    assert_eq!(encoded(&lock), file.bytes("q"));
    for case in file.each("cases") {
        let issuance = IssuanceContext {
            mint: MintId::from_bytes(file.array("mint")),
            keyset: KeysetId::from_bytes(file.array("keyset")),
            number: IssuanceNumber::new(case.number("n")),
        };
        let denomination = Denomination::new(u8::try_from(case.number("denomination")).unwrap()).unwrap();
        let position = u32::try_from(case.number("position")).unwrap();
        let context = CoinContext { issuance, position, denomination };
        let seed = Seed::from_bytes(file.array("seed"));
        let coin = LockedCoin::derive(&seed, &context, &file.part::<RecipientKey>("Q")).unwrap();
        assert_eq!(coin.coin().as_bytes(), &case.array("P"));
        assert_eq!(coin.ephemeral().as_bytes(), &case.array("E"));
        let (keyset, coin) = (issuance.keyset, case.part::<Element>("P"));
        let key = lock.open(&keyset, denomination, &coin, &case.part("E")).unwrap();
        assert_eq!(encoded(&key), case.bytes("p"));
    }
    let record = Recipient::from_bytes(&file.bytes("record")).unwrap();
    record.verify().unwrap();
    let payee = Keypair::from_secret(&file.array("payee_secret"));
    let again = Recipient::sign(&payee, *lock.public(), record.mints().to_vec()).unwrap();
    assert_eq!(again.to_bytes(), file.bytes("record"));
    assert_eq!(*record.payee(), PayeeKey::from(&payee));
    assert_eq!(Recipient::from_text(&record.to_text()).unwrap(), record);
    let locked = PaymentId::from_bytes(file.array("locked_payment"));
    assert_eq!(deposit_request(&locked).as_bytes(), &file.array("deposit_request"));
    let issuance = IssuanceId::from_bytes([0x1d; 32]);
    assert_eq!(issuance.swap_request().as_bytes(), &crate::reference::payment::swap_request(&[0x1d; 32]));
}

/// Good payments with bad ones between them, and the verdict on each.
fn batch() -> Value {
    let world = world();
    let good = |n: u64, amount: u64| world.payment(PAY, world.coins(100 + n, amount));
    let later = |bytes: Vec<u8>| edited(bytes, 138, &(NOW + 1).to_le_bytes());
    let forged = |n: u64| {
        // The signature of another token: well-formed, authorized, and not the mint's.
        let mut coins = world.coins(100 + n, 5);
        coins[1].trace.z_bar += curve25519_dalek::Scalar::ONE;
        world.payment(PAY, coins)
    };
    let payments = [
        (good(0, 1), "ok"),
        (later(good(1, 6)), "InvalidAuthorization"),
        (good(2, 255), "ok"),
        (forged(3), "InvalidToken"),
        (good(4, 128), "ok"),
        (world.payment(LOCKED, world.locked_coins(105, 3)), "WrongKind"),
        (crate::reference::world::later().payment(PAY, crate::reference::world::later().coins(0, 1)), "WrongKeyset"),
        (good(7, 77), "ok"),
        (forged(8), "InvalidToken"),
    ];
    let payments = payments.map(|(bytes, verdict)| json!({ "payment": hex(bytes), "verdict": verdict }));
    json!({ "document": hex(world.document_bytes()), "payments": payments })
}

pub(crate) fn edited(mut bytes: Vec<u8>, at: usize, with: &[u8]) -> Vec<u8> {
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

#[test]
fn a_batch() {
    let file = stored("batch.json", &batch());
    let keyset = Keyset::from_bytes(&file.bytes("document")).unwrap();
    let payments = file.each("payments");
    let check = |case: &Vector| PaymentCheck {
        payment: Payment::from_bytes(&case.bytes("payment")).unwrap(),
        keyset: &keyset,
        binding: CheckBinding::None,
    };
    let together = verify_payments(&mut rand::rng(), payments.iter().map(check).collect());
    for (case, together) in payments.iter().zip(together) {
        let alone = verify_payment(&mut rand::rng(), check(case));
        assert_eq!(alone, together);
        let verdict = together.map_or_else(|error| format!("{error:?}"), |_| "ok".into());
        assert_eq!(verdict, case.text("verdict"));
    }
}
