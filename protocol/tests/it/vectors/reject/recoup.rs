//! Claims on tokens of a revoked keyset, and evidence that shows nothing.
#![allow(non_snake_case, reason = "names follow the paper")]

use curve25519_dalek::Scalar;
use serde_json::json;

use super::{Case, edited};
use crate::reference::payment::{Coin, LOCKED, RECOUP, SWAP};
use crate::reference::recoup::{LOCKED_ID, all, claim, evidence, payment, redeeming, redemption};
use crate::reference::world::{later, other, world};
use crate::reference::{cat, enc};
use crate::vectors::hex;
use crate::vectors::recoup::record_and_claim;

pub(super) fn cases() -> Vec<Case> {
    decoding().into_iter().chain(proving()).collect()
}

fn decoding() -> Vec<Case> {
    let (world, coins) = (world(), world().coins(30, 5));
    let (_, good) = record_and_claim();
    let alone = claim(world, None, &all(world, &coins));
    let (_, paid) = redemption(world, coins.clone());
    let by_payee = redeeming(world, Some(&paid), Some(&LOCKED_ID), &[]);
    let case = |reason, refused: Vec<u8>, error| Case::new(reason, "decode recoup claim", &good, refused, error);
    let of_evidence =
        |reason, refused: Vec<u8>, error| Case::new(reason, "decode recoup claim", &alone, refused, error);
    let of_payee =
        |reason, refused: Vec<u8>, error| Case::new(reason, "decode recoup claim", &by_payee, refused, error);
    let recouped = |of: &[u8]| claim(world, Some(of), &all(world, &coins));
    let (mut reversed, once) = (all(world, &coins), all(world, &coins[..1]));
    reversed.reverse();
    let another = evidence(world, &world.coin(31, 0, 0).trace);
    vec![
        case("recoup-claim-of-kind-swap", recouped(&payment(world, SWAP, coins.clone()).1), "UnknownTag"),
        case(
            "recoup-claim-of-kind-locked",
            claim(world, Some(&world.payment(LOCKED, world.locked_coins(30, 5))), &[]),
            "UnknownTag",
        ),
        case("recoup-claim-of-another-keyset", recouped(&later().payment(RECOUP, coins.clone())), "OutOfRange"),
        case("recoup-claim-of-another-mint", edited(&good, 1, &other().mint), "OutOfRange"),
        case("recoup-claim-payment-marked-2", edited(&good, 65, &[2]), "UnknownTag"),
        case(
            "recoup-claim-without-all-evidence",
            claim(world, Some(&payment(world, RECOUP, coins.clone()).1), &once),
            "Empty",
        ),
        case(
            "recoup-claim-of-a-holder-naming-a-locked-payment",
            redeeming(world, Some(&payment(world, RECOUP, coins.clone()).1), Some(&LOCKED_ID), &all(world, &coins)),
            "OutOfRange",
        ),
        of_payee(
            "recoup-claim-with-foreign-evidence",
            redeeming(world, Some(&paid), Some(&LOCKED_ID), &[another]),
            "OutOfRange",
        ),
        of_payee(
            "recoup-claim-locked-payment-marked-2",
            {
                let mut marked = by_payee.clone();
                marked[65 + paid.len()] = 2;
                marked
            },
            "UnknownTag",
        ),
        case("recoup-claim-trailing-byte", cat(&[&good, &[0]]), "TrailingBytes"),
        of_evidence("recoup-claim-empty", claim(world, None, &[]), "Empty"),
        of_evidence(
            "recoup-claim-locked-payment-without-payment",
            redeeming(world, None, Some(&LOCKED_ID), &all(world, &coins)),
            "OutOfRange",
        ),
        of_evidence("recoup-claim-unordered", claim(world, None, &reversed), "NonCanonicalShape"),
        of_evidence("recoup-claim-repeated", claim(world, None, &[once.clone(), once].concat()), "NonCanonicalShape"),
        of_evidence("recoup-claim-with-64-tokens", edited(&alone, 67, &64_u16.to_le_bytes()), "TooLong"),
    ]
}

fn proving() -> Vec<Case> {
    let (world, coins) = (world(), world().coins(30, 5));
    let (record, _) = record_and_claim();
    let honest = &coins[0];
    let with = |coin: &Coin, change: &dyn Fn(&mut Vec<u8>)| {
        let mut evidence = evidence(world, &coin.trace);
        change(&mut evidence);
        claim(world, None, &[evidence])
    };
    let accepted = with(honest, &|_| {});
    let case = |reason, refused: Vec<u8>, error| {
        Case::new(reason, "prove tokens", &accepted, refused, error)
            .with(json!({ "document": hex(world.document_bytes()), "record": hex(&record) }))
    };
    let edit = |at: usize, bytes: Vec<u8>| with(honest, &|e| e[at..at + bytes.len()].copy_from_slice(&bytes));
    // token 129, issuance 32, n 8, position 1, ρ 32
    let (issuance, number, position, rho) = (129, 161, 169, 170);
    // Whoever has the key signs whatever he likes: another coin, or the same one once more.
    let mut forged = world.coin(999, 0, 0);
    (forged.trace.n, forged.trace.position) = (30, 0);
    let mut again = honest.clone();
    again.trace = {
        let place = world.place(30, 0, 0);
        let nonces = [Scalar::from(5_u8), Scalar::from(6_u8), Scalar::from(7_u8)];
        let P = crate::reference::dec(&honest.trace.P);
        assert_eq!(enc(&P), honest.trace.P);
        crate::reference::signature::Trace::sign(&place, world.xs[0], &P, nonces)
    };
    again.trace.rho = honest.trace.rho;
    let other_wallet = other().place(30, 0, 0);
    vec![
        case("recoup-issuance-altered", edit(issuance, vec![0; 32]), "OtherRecord"),
        case("recoup-number-altered", edit(number, 31_u64.to_le_bytes().to_vec()), "OtherChallenge"),
        case("recoup-position-of-another-denomination", edit(position, vec![1]), "NoSuchOutput"),
        case("recoup-position-out-of-range", edit(position, vec![2]), "NoSuchOutput"),
        case("recoup-rho-altered", edit(rho, vec![honest.trace.rho[0] ^ 1]), "OtherChallenge"),
        case("recoup-rho-of-another-token", edit(rho, coins[1].trace.rho.to_vec()), "OtherChallenge"),
        case(
            "recoup-rho-of-another-wallet",
            edit(rho, other_wallet.rho(&honest.trace.X, &honest.trace.P, &honest.trace.A, &honest.trace.B).to_vec()),
            "OtherChallenge",
        ),
        case("recoup-forged-token", with(&forged, &|_| {}), "OtherChallenge"),
        case("recoup-token-signed-again", with(&again, &|_| {}), "OtherSignature"),
    ]
}
