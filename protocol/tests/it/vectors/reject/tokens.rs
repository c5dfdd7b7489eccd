//! Single tokens, responses, challenges, shapes and sessions.

use serde_json::json;

use super::{BAD_POINT, Case, IDENTITY, ORDER, edited, spliced};
use crate::reference::cat;
use crate::reference::world::world;
use crate::vectors::hex;

pub(super) fn cases() -> Vec<Case> {
    let world = world();
    let trace = world.coin(70, 0, 3).trace;
    let (token, response) = (trace.token(), trace.response());
    let verify = |reason, refused: Vec<u8>| {
        Case::new(reason, "verify token", &token, refused, "InvalidToken")
            .with(json!({ "document": hex(world.document_bytes()) }))
    };
    let answer = |reason, refused: Vec<u8>, error| Case::new(reason, "read response", &response, refused, error);
    let challenge = trace.c.to_bytes();
    let shape = |reason, refused: Vec<u8>, error| Case::new(reason, "decode shape", [1, 3, 5], refused, error);
    let opened = cat(&[&[1], &[0x51; 72], &[0x5a; 32], &1_u16.to_le_bytes(), &trace.commitment()]);
    let session = |reason, refused: Vec<u8>, error| Case::new(reason, "decode opened session", &opened, refused, error);
    vec![
        verify("single-token-wrong-denomination", edited(&token, 0, &[4])),
        verify("single-token-unknown-denomination", edited(&token, 0, &[40])),
        verify("single-token-of-another-coin", spliced(&token, 1, 32, &world.coin(70, 1, 3).trace.P)),
        verify("single-token-z-altered", edited(&token, 65, &[token[65] ^ 1])),
        answer("response-y-zero", edited(&response, 32, &[0; 32]), "ZeroScalar"),
        answer("response-b-not-canonical", edited(&response, 0, &ORDER), "NonCanonicalScalar"),
        answer("response-y-not-canonical", edited(&response, 32, &ORDER), "NonCanonicalScalar"),
        answer("response-z-not-canonical", edited(&response, 64, &ORDER), "NonCanonicalScalar"),
        answer("response-truncated", response[..95].to_vec(), "Truncated"),
        Case::new("challenge-not-canonical", "read challenge", challenge, ORDER, "NonCanonicalScalar"),
        shape("shape-unknown", vec![1, 6, 5], "UnknownTag"),
        shape("shape-0", vec![1, 0, 5], "UnknownTag"),
        shape("shape-denomination-63", vec![1, 3, 63], "OutOfRange"),
        shape("shape-trailing-byte", vec![1, 3, 5, 0], "TrailingBytes"),
        shape("shape-amount-over-maximum", cat(&[&[1, 1], &u64::MAX.to_le_bytes()]), "OutOfRange"),
        session("session-A-identity", edited(&opened, 107, &IDENTITY), "IdentityPoint"),
        session("session-B-not-canonical", edited(&opened, 139, &BAD_POINT), "NonCanonicalPoint"),
        session("session-without-commitments", [&opened[..105], &[0, 0]].concat(), "Empty"),
        session("session-with-257-commitments", edited(&opened, 105, &257_u16.to_le_bytes()), "TooLong"),
    ]
}
