//! A mint that keeps everything and tries to recognise its tokens: every session fits every token.
#![allow(non_snake_case, reason = "names follow the paper")]

use crate::reference::signature::Trace;
use crate::reference::world::{other, world};
use crate::reference::{G, dec, enc, pow5};

/// Whether scalars (α, r, β) exist that make this session (A, B, c, b, y, z) into this token (P, R̄, z̄, ȳ).
fn fits(session: &Trace, token: &Trace) -> bool {
    let alpha = token.y_bar * session.y.invert();
    let r = token.z_bar - pow5(alpha) * session.z - alpha * session.b;
    let beta = session.c - token.c_bar * pow5(alpha).invert();
    let (A, B, X) = (dec(&session.A), dec(&session.B), dec(&session.X));
    enc(&(G * r + A * pow5(alpha) + X * (pow5(alpha) * beta) + B * alpha)) == token.R
}

#[test]
fn every_session_fits_every_token_of_its_key() {
    let traces: Vec<Trace> = (0..6).map(|position| world().coin(340, position, 3).trace).collect();
    for session in &traces {
        assert!(traces.iter().all(|token| fits(session, token)));
    }
}

#[test]
fn what_was_not_signed_with_that_key_fits_nothing() {
    let session = world().coin(340, 0, 3).trace;
    assert!(!fits(&session, &world().coin(340, 1, 4).trace), "another denomination");
    assert!(!fits(&session, &other().coin(340, 1, 3).trace), "another mint");
    let mut forged = world().coin(340, 1, 3).trace;
    forged.z_bar += curve25519_dalek::Scalar::ONE;
    assert!(!fits(&session, &forged));
}
