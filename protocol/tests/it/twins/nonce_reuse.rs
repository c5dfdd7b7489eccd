//! Why a mint answers once for each nonce: two answers reveal its key, and with the key anyone makes tokens.
#![allow(non_snake_case, reason = "names follow the paper")]

use curve25519_dalek::scalar::Scalar;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::blind::Challenge;
use farthing_protocol::blind::mint::{SessionError, Sessions};
use farthing_protocol::blind::wallet::{AwaitingResponse, UnblindError};
use farthing_protocol::token::Token;

use super::{context, keyset, secrets, seed};
use crate::reference::signature::{Trace, c_bar};
use crate::reference::world::{NOW, world};
use crate::reference::{G, H, cat, dec, enc, pow5, scalar};
use crate::vectors::{encoded, part};

/// A mint without the rule: the same (a, b, y) for every challenge it is shown.
fn careless_answer(trace: &Trace, c: Scalar) -> Scalar {
    trace.a + (c + pow5(trace.y)) * trace.x
}

#[test]
fn two_answers_for_one_nonce_reveal_the_key_and_forge_tokens() {
    let keyset = keyset();
    let trace = world().coin(310, 0, 7).trace;
    let (c1, c2) = (Scalar::from(11_u8), Scalar::from(12_u8));
    let (z1, z2) = (careless_answer(&trace, c1), careless_answer(&trace, c2));

    // z₁ − z₂ = (c₁ − c₂)x
    let x = (z1 - z2) * (c1 - c2).invert();
    assert_eq!(x, trace.x);
    let key = keyset.key(part(&[7])).unwrap();
    assert_eq!(enc(&(G * x)), *key.element().as_bytes(), "the attacker knows that he has it");

    // With x a token is made for any coin key, without the mint.
    let P = enc(&(G * Scalar::from(4711_u16)));
    let (r, y) = (Scalar::from(3_u8), Scalar::from(5_u8));
    let R = enc(&(G * r + H() * y));
    let z = r + (c_bar(&world().keyset, 7, &trace.X, &P, &R) + pow5(y)) * x;
    let forged: Token = part(&cat(&[&[7], &P, &R, z.as_bytes(), y.as_bytes()]));
    assert_eq!(forged.verify(&keyset), Ok(()));
}

#[test]
fn the_mint_of_this_crate_answers_once() {
    let (keyset, now) = (keyset(), UnixTime::from_seconds(NOW));
    let mut rng = rand::rng();
    let mut sessions = Sessions::new(&mut rng);
    let denominations = [part(&[7])];
    let opened = sessions.open(&mut rng, keyset.id(), &denominations, now);
    let authentic = |sessions: &Sessions| {
        let (session, seal, commitments) = (&opened.session, &opened.seal, &opened.commitments);
        sessions.authenticate(session, seal, keyset.id(), &denominations, commitments, now).unwrap()
    };
    let challenge = |c: u8| vec![part::<Challenge>(Scalar::from(c).as_bytes())];

    // Two requests recognised before either is claimed: only one is answered.
    let (first, second) = (authentic(&sessions), authentic(&sessions));
    let response = sessions.claim(first, challenge(11), now).unwrap().respond(&secrets(&keyset)).unwrap();
    assert!(matches!(sessions.claim(second, challenge(12), now), Err(SessionError::Claimed)));
    let again = authentic(&sessions);
    assert!(matches!(sessions.claim(again, challenge(11), now), Err(SessionError::Claimed)));

    // What it answered, put into the equations: A = zG − (c + y⁵)X and B = bG + yH.
    let bytes = encoded(&response[0]);
    let (b, y, z) = (scalar(&bytes[..32]), scalar(&bytes[32..64]), scalar(&bytes[64..]));
    let commitment = encoded(&opened.commitments[0]);
    let X = dec(keyset.key(denominations[0]).unwrap().element().as_bytes());
    assert_eq!(commitment[..32], enc(&(G * z - X * (Scalar::from(11_u8) + pow5(y)))));
    assert_eq!(commitment[32..], enc(&(G * b + H() * y)));
}

#[test]
fn a_wallet_refuses_the_answer_to_a_challenge_it_did_not_send() {
    let keyset = keyset();
    let trace = world().coin(311, 0, 7).trace;
    let context = context(&keyset, 311, 0, 7);
    let key = keyset.key(context.denomination).unwrap();
    let (state, challenge) = AwaitingResponse::new(&seed(), &context, key, part(&trace.P), part(&trace.commitment()));
    assert_eq!(scalar(&encoded(&challenge)), trace.c);
    let z = careless_answer(&trace, Scalar::from(12_u8));
    let answer = part(&cat(&[trace.b.as_bytes(), trace.y.as_bytes(), z.as_bytes()]));
    assert_eq!(state.unblind(key, &answer), Err(UnblindError::WrongResponse));
}
