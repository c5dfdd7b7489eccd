//! Claimants with forged tokens, with records of others, and with the key itself.
#![allow(non_snake_case, reason = "names follow the paper")]

use curve25519_dalek::Scalar;
use farthing_protocol::blind::fits;
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::Seed;
use farthing_protocol::issuance::IssuanceRecord;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::recoup::{BlindingProof, ProofError};
use farthing_protocol::token::Token;

use super::{context, keyset, seed};
use crate::reference::signature::Trace;
use crate::reference::world::{other, world};
use crate::reference::{G, Stream, cat, dec, enc, pow5};
use crate::vectors::issuance::five;
use crate::vectors::part;

const N: u64 = 30;

fn record() -> IssuanceRecord {
    IssuanceRecord::from_bytes(&five(&[1]).0.record(&[0xf0; 32])).unwrap()
}

fn verify(keyset: &Keyset, trace: &Trace, rho: &[u8; 32], position: u8) -> Result<(), ProofError> {
    let issuance = *record().issuance.as_bytes();
    let proof = cat(&[&issuance, &N.to_le_bytes(), &[position], rho]);
    let token: Token = part(&trace.token());
    part::<BlindingProof>(&proof).verify(keyset, &token, &record())
}

/// A token of denomination 0 that the thief of the key makes for a coin of his own.
fn forged(name: &str) -> Trace {
    let mut stream = Stream::new(name);
    let P = G * stream.scalar();
    let nonces = [stream.scalar(), stream.scalar(), stream.scalar()];
    Trace::sign(&world().place(N, 0, 0), world().xs[0], &P, nonces)
}

#[test]
fn the_holder_shows_where_his_tokens_came_from() {
    let keyset = keyset();
    for coin in world().coins(N, 5) {
        let position = u8::try_from(coin.trace.position).unwrap();
        assert_eq!(verify(&keyset, &coin.trace, &coin.trace.rho, position), Ok(()));
    }
}

/// The simple way, revealing the scalars, proves nothing: for a forged token there are some that fit the honest record.
#[test]
fn scalars_fit_a_forged_token_to_an_honest_record_and_rho_does_not() {
    let (keyset, record, forged) = (keyset(), record(), forged("a thief"));
    let recorded = record.outputs[0];
    let session = (&recorded.output.commitment, &recorded.output.challenge, &recorded.response);
    let token: Token = part(&forged.token());
    token.verify(&keyset).unwrap();
    let key = keyset.key(token.denomination).unwrap();
    assert!(fits(key, session, &token.coin, &token.signature), "blindness is perfect");
    // The very scalars, computed by hand: all of the wallet's equations hold with them.
    let honest = world().coin(N, 0, 0).trace;
    let alpha = forged.y_bar * honest.y.invert();
    let r = forged.z_bar - pow5(alpha) * honest.z - alpha * honest.b;
    let beta = honest.c - forged.c_bar * pow5(alpha).invert();
    let (A, B, X) = (dec(&honest.A), dec(&honest.B), dec(&honest.X));
    assert_eq!(enc(&(G * r + A * pow5(alpha) + X * (pow5(alpha) * beta) + B * alpha)), forged.R);
    assert_eq!(forged.c_bar * pow5(alpha).invert() + beta, honest.c);
    // But they are no hash of anything: whatever ρ is shown, another challenge comes out.
    for rho in [forged.rho, honest.rho, [0; 32], [0xff; 32], Stream::new("luck").bytes()] {
        assert_eq!(verify(&keyset, &forged, &rho, 0), Err(ProofError::OtherChallenge));
    }
}

#[test]
fn rho_of_another_record_place_or_wallet_shows_nothing() {
    let (keyset, coins) = (keyset(), world().coins(N, 5));
    let (one, four) = (&coins[0].trace, &coins[1].trace);
    assert_eq!(verify(&keyset, one, &four.rho, 0), Err(ProofError::OtherChallenge));
    assert_eq!(verify(&keyset, one, &one.rho, 1), Err(ProofError::NoSuchOutput));
    assert_eq!(verify(&keyset, four, &four.rho, 0), Err(ProofError::NoSuchOutput));
    // An own token of another issuance, for this record.
    let elsewhere = world().coin(31, 0, 0).trace;
    assert_eq!(verify(&keyset, &elsewhere, &elsewhere.rho, 0), Err(ProofError::OtherChallenge));
    // A thief's wallet derives another ρ for the very same token, place and commitment.
    let context = context(&keyset, N, 0, 0);
    let key = keyset.key(context.denomination).unwrap();
    let reveal = |seed: &Seed| {
        let coin = part(&one.P);
        BlindingProof::reveal(seed, &context, key, &coin, &part(&one.commitment())).unwrap()
    };
    let token: Token = part(&one.token());
    assert_eq!(reveal(&seed()).verify(&keyset, &token, &record()), Ok(()));
    let theirs = reveal(&Seed::from_bytes(other().seed));
    assert_eq!(theirs.verify(&keyset, &token, &record()), Err(ProofError::OtherRecord));
}

/// With the key, the same coin can be signed once more: the record makes one signature and no other.
#[test]
fn another_signature_of_the_same_coin_is_not_the_recorded_one() {
    let (keyset, honest) = (keyset(), world().coin(N, 0, 0).trace);
    let nonces = [Scalar::from(2_u8), Scalar::from(3_u8), Scalar::from(4_u8)];
    let again = Trace::sign(&world().place(N, 0, 0), world().xs[0], &dec(&honest.P), nonces);
    part::<Token>(&again.token()).verify(&keyset).unwrap();
    assert_eq!(verify(&keyset, &again, &honest.rho, 0), Err(ProofError::OtherSignature));
}

#[test]
fn a_record_of_another_keyset_shows_nothing() {
    let (keyset, trace) = (keyset(), world().coin(N, 0, 0).trace);
    let mut record = record();
    record.keyset = part(&[7; 32]);
    let proof: BlindingProof = part(&crate::reference::recoup::proof(world(), &trace));
    let token: Token = part(&trace.token());
    assert_eq!(proof.verify(&keyset, &token, &record), Err(ProofError::OtherRecord));
}
