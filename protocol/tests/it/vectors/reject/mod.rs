//! Negative vectors: one file in `protocol/vectors/reject/` for each reason of rejection.
//!
//! A file holds an input that is refused and, beside it, the input it was made from, which the same operation
//! accepts: what is refused is refused for the one reason.

mod operations;

mod archive;
mod funding;
mod keysets;
mod objects;
mod payments;
mod recoup;
mod texts;
mod tokens;

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::{Vector, folder, hex, stored};
use operations::run;

/// One reason of rejection.
struct Case {
    reason: &'static str,
    operation: &'static str,
    accepted: Value,
    refused: Value,
    /// What else the operation is given.
    with: Value,
    error: &'static str,
}

impl Case {
    fn new(
        reason: &'static str,
        operation: &'static str,
        accepted: impl AsRef<[u8]>,
        refused: impl AsRef<[u8]>,
        error: &'static str,
    ) -> Self {
        Self { reason, operation, accepted: hex(accepted), refused: hex(refused), with: json!({}), error }
    }

    fn of_text(reason: &'static str, operation: &'static str, accepted: &str, refused: &str) -> Self {
        let (accepted, refused) = (accepted.into(), refused.into());
        Self { reason, operation, accepted, refused, with: json!({}), error: "NonCanonicalText" }
    }

    fn with(self, with: Value) -> Self {
        Self { with, ..self }
    }
}

fn cases() -> Vec<Case> {
    let groups = [payments::decoding(), payments::verifying(), tokens::cases(), keysets::cases(), objects::cases()];
    let others = [texts::cases(), archive::cases(), recoup::cases(), funding::cases()];
    groups.into_iter().chain(others).flatten().collect()
}

#[test]
fn every_reason_of_rejection_has_its_file_and_every_file_is_refused() {
    let cases = cases();
    let reasons: BTreeSet<String> = cases.iter().map(|case| format!("{}.json", case.reason)).collect();
    assert_eq!(reasons.len(), cases.len(), "each reason stands once");
    for case in cases {
        let made = json!({
            "operation": case.operation,
            "accepted": case.accepted,
            "refused": case.refused,
            "with": case.with,
            "error": case.error,
        });
        let file = stored(&format!("reject/{}.json", case.reason), &made);
        assert_eq!(verdict(&file, "accepted"), "ok", "{}: the input it was made from", case.reason);
        assert_eq!(verdict(&file, "refused"), file.text("error"), "{}", case.reason);
    }
    let files = fs::read_dir(folder().join("reject")).unwrap();
    let files: BTreeSet<String> = files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, reasons, "each file is tested");
}

fn verdict(file: &Vector, which: &str) -> String {
    run(&file.text("operation"), &file.at(which), &file.at("with")).err().unwrap_or_else(|| "ok".into())
}

#[test]
fn every_error_of_decoding_and_verifying_is_met() {
    let met: BTreeSet<&str> = cases().iter().map(|case| case.error).collect();
    let all = [
        // DecodeError
        "Truncated",
        "TrailingBytes",
        "UnsupportedVersion",
        "UnknownTag",
        "NonCanonicalScalar",
        "ZeroScalar",
        "NonCanonicalPoint",
        "IdentityPoint",
        "NonCanonicalText",
        "TooLong",
        "OutOfRange",
        "NonCanonicalShape",
        "Repeated",
        "AmountMismatch",
        "Empty",
        // PaymentError
        "WrongKeyset",
        "UnknownDenomination",
        "WrongKind",
        "NotLockedToRecipient",
        "InvalidToken",
        "InvalidAuthorization",
        // Signatures, chains, lists
        "InvalidSignature",
        "OtherChain",
        "NotNext",
        "Misconduct",
        "Overlap",
        "KeyReused",
        "Older",
        "Contradiction",
        "WentBack",
        "NotCurrent",
        // Files of the archive
        "OtherFile",
        // Evidence of a token's origin
        "OtherRecord",
        "NoSuchOutput",
        "OtherChallenge",
        "OtherSignature",
    ];
    let all: BTreeSet<&str> = all.into();
    assert_eq!(met, all);
}

/// The bytes with some of them written over.
fn edited(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    super::payments::edited(bytes.to_vec(), at, with)
}

/// The bytes with `count` of them replaced by others.
fn spliced(bytes: &[u8], at: usize, count: usize, with: &[u8]) -> Vec<u8> {
    [&bytes[..at], with, &bytes[at + count..]].concat()
}

/// −1, a negative field element: no canonical point.
const BAD_POINT: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
};
const IDENTITY: [u8; 32] = [0; 32];
/// The order ℓ, which is 0 written in another way.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// An Ed25519 signature with S + ℓ in the place of S.
fn with_unreduced_s(signature: &[u8]) -> Vec<u8> {
    let mut carry = 0_u16;
    let sum = signature[32..64].iter().zip(ORDER).map(|(a, b)| {
        let sum = u16::from(*a) + u16::from(b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    [&signature[..32], &sum.collect::<Vec<u8>>()].concat()
}

/// The neutral element as an Ed25519 key, and the signature that a lax verifier takes for any message under it.
const SMALL_ORDER_KEY: [u8; 32] = BAD_POINT;
fn small_order_signature() -> Vec<u8> {
    [SMALL_ORDER_KEY, [0; 32]].concat()
}
