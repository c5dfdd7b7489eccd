//! A mint that answers wrongly: the wallet refuses, one token at a time and many at once.
#![allow(non_snake_case, reason = "names follow the paper")]

use curve25519_dalek::scalar::Scalar;
use farthing_protocol::blind::wallet::{AwaitingResponse, UnblindError, check_commitments, unblind_all};
use farthing_protocol::blind::{Commitment, Response, VerificationKey};
use farthing_protocol::keyset::Keyset;

use super::{context, keyset, seed};
use crate::reference::signature::Trace;
use crate::reference::world::{other, world};
use crate::reference::{G, H, cat, dec, enc, pow5, scalar};
use crate::vectors::part;

const N: u64 = 300;
const DENOMINATIONS: [u8; 4] = [0, 1, 1, 5];

fn traces() -> Vec<Trace> {
    (0..).zip(DENOMINATIONS).map(|(position, d)| world().coin(N, position, d).trace).collect()
}

/// The wallet, after its challenges went out.
fn waiting(keyset: &Keyset) -> Vec<(&VerificationKey, AwaitingResponse)> {
    let begin = |(position, trace): (u32, Trace)| {
        let context = context(keyset, N, position, trace.d);
        let key = keyset.key(context.denomination).unwrap();
        let (coin, commitment) = (part(&trace.P), part::<Commitment>(&trace.commitment()));
        (key, AwaitingResponse::new(&seed(), &context, key, coin, commitment).0)
    };
    (0..).zip(traces()).map(begin).collect()
}

/// (b, y, z) of each token.
type Answers = Vec<[Scalar; 3]>;

fn honest() -> Answers {
    traces().iter().map(|trace| [trace.b, trace.y, trace.z]).collect()
}

fn response(answer: &[Scalar; 3]) -> Response {
    part(&cat(&[answer[0].as_bytes(), answer[1].as_bytes(), answer[2].as_bytes()]))
}

/// What the wallet says to these answers, which `wrong` of them are not what they should be.
fn refused(answers: &Answers, wrong: &[usize]) {
    let keyset = keyset();
    let responses: Vec<Response> = answers.iter().map(response).collect();
    let together = unblind_all(&mut rand::rng(), waiting(&keyset), &responses);
    assert_eq!(together, Err(UnblindError::WrongResponse));
    for (place, ((key, state), response)) in waiting(&keyset).into_iter().zip(&responses).enumerate() {
        let alone = state.unblind(key, response).map(drop);
        assert_eq!(alone, if wrong.contains(&place) { Err(UnblindError::WrongResponse) } else { Ok(()) }, "{place}");
    }
}

fn cheating(wrong: &[usize], change: impl FnOnce(&mut Answers)) {
    let mut answers = honest();
    change(&mut answers);
    refused(&answers, wrong);
}

#[test]
fn the_honest_mint_is_believed() {
    let keyset = keyset();
    let responses: Vec<Response> = honest().iter().map(response).collect();
    let signatures = unblind_all(&mut rand::rng(), waiting(&keyset), &responses).unwrap();
    for (((key, state), response), signature) in waiting(&keyset).into_iter().zip(&responses).zip(signatures) {
        assert_eq!(state.unblind(key, response), Ok(signature));
    }
}

#[test]
fn wrong_scalars() {
    cheating(&[0], |answers| answers[0][0] += Scalar::ONE);
    cheating(&[3], |answers| answers[3][1] += Scalar::ONE);
    cheating(&[1], |answers| answers[1][2] += Scalar::ONE);
    cheating(&[2], |answers| answers[2][1] = -answers[2][1]);
    cheating(&[0, 1, 2, 3], |answers| answers.fill([Scalar::ONE; 3]));
    // y = 0 does not even decode.
    let zero = cat(&[Scalar::ONE.as_bytes(), &[0; 32], Scalar::ONE.as_bytes()]);
    let mut input = farthing_protocol::codec::Reader::new(&zero);
    assert_eq!(input.part::<Response>().err(), Some(farthing_protocol::DecodeError::ZeroScalar));
}

#[test]
fn errors_that_would_cancel_under_equal_weights() {
    // Between the two equations of one response, and between two responses.
    cheating(&[0], |answers| {
        answers[0][0] += Scalar::ONE;
        answers[0][2] -= Scalar::ONE;
    });
    cheating(&[0, 1], |answers| {
        answers[0][2] += Scalar::ONE;
        answers[1][2] -= Scalar::ONE;
    });
    cheating(&[1, 3], |answers| {
        answers[1][0] += Scalar::ONE;
        answers[3][0] -= Scalar::ONE;
    });
}

#[test]
fn other_nonces_keys_challenges_or_order() {
    let traces = traces();
    // Fresh nonces instead of those committed to.
    cheating(&[2], |answers| {
        let (a, b, y) = (Scalar::from(5_u8), Scalar::from(6_u8), Scalar::from(7_u8));
        answers[2] = [b, y, a + (traces[2].c + pow5(y)) * traces[2].x];
    });
    // The key of another mint, of another denomination.
    for x in [other().xs[1], world().xs[2]] {
        cheating(&[1], |answers| answers[1][2] = traces[1].a + (traces[1].c + pow5(traces[1].y)) * x);
    }
    // The answer to another challenge.
    cheating(&[1], |answers| {
        answers[1][2] = traces[1].a + (traces[1].c + Scalar::ONE + pow5(traces[1].y)) * traces[1].x;
    });
    // Answers of one denomination exchanged.
    cheating(&[1, 2], |answers| answers.swap(1, 2));
    // f(c, y) with another power of y.
    cheating(&[3], |answers| {
        let y = traces[3].y;
        answers[3][2] = traces[3].a + (traces[3].c + y * y * y) * traces[3].x;
    });
}

#[test]
fn more_or_fewer_answers() {
    let keyset = keyset();
    let mut responses: Vec<Response> = honest().iter().map(response).collect();
    for count in [0, 1, 3] {
        let answer = unblind_all(&mut rand::rng(), waiting(&keyset), &responses[..count]);
        assert_eq!(answer, Err(UnblindError::WrongCount));
    }
    responses.push(responses[0]);
    assert_eq!(unblind_all(&mut rand::rng(), waiting(&keyset), &responses), Err(UnblindError::WrongCount));
}

#[test]
fn repeated_commitments() {
    let of = |pairs: &[(u8, u8)]| {
        let point = |k: u8| enc(&(G * Scalar::from(k)));
        let pairs = pairs.iter().map(|(A, B)| part::<Commitment>(&cat(&[&point(*A), &point(*B)])));
        check_commitments(&pairs.collect::<Vec<_>>())
    };
    assert_eq!(of(&[(1, 2), (3, 4), (5, 6)]), Ok(()));
    for repeated in [[(1, 2), (1, 3)], [(1, 2), (3, 2)], [(1, 1), (2, 3)], [(1, 2), (3, 1)], [(1, 2), (1, 2)]] {
        assert_eq!(of(&repeated), Err(UnblindError::RepeatedCommitment), "{repeated:?}");
    }
}

/// A mint cannot make a wallet blind two tokens alike: whatever it serves, the blinding depends on all of it.
#[test]
fn blinding_depends_on_everything_the_mint_chose() {
    let keyset = keyset();
    let trace = &traces()[1];
    let challenge = |n: u64, position: u32, A: &[u8; 32], B: &[u8; 32]| {
        let context = context(&keyset, n, position, 1);
        let key = keyset.key(context.denomination).unwrap();
        let commitment = part::<Commitment>(&cat(&[A, B]));
        let (_, c) = AwaitingResponse::new(&seed(), &context, key, part(&trace.P), commitment);
        crate::vectors::encoded(&c)
    };
    let honest = challenge(N, 1, &trace.A, &trace.B);
    assert_eq!(scalar(&honest), trace.c);
    // c = c̄·α⁻⁵ + β; for the same P and the same blinding, c̄ alone would change. Two sessions that differ anywhere
    // must differ in α too, or the mint could solve for it: here, that no two challenges are alike.
    let (A2, B2) = (enc(&(dec(&trace.A) + G)), enc(&(dec(&trace.B) + H())));
    let all = [
        honest,
        challenge(N + 1, 1, &trace.A, &trace.B),
        challenge(N, 2, &trace.A, &trace.B),
        challenge(N, 1, &A2, &trace.B),
        challenge(N, 1, &trace.A, &B2),
        challenge(N, 1, &trace.B, &trace.A),
    ];
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    let place = world().place(N, 1, 1);
    let blinding =
        |A: &[u8; 32], B: &[u8; 32]| place.blinding(&place.rho(&trace.X, &trace.P, A, B), &trace.X, &trace.P, A, B);
    for (one, two) in blinding(&trace.A, &trace.B).iter().zip(blinding(&A2, &trace.B)) {
        assert_ne!(*one, two);
    }
}
