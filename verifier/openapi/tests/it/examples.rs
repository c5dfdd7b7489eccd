//! The examples are objects of the protocol's test vectors.
//!
//! After a change there, `DOCS=overwrite cargo test -p farthing-openapi --test it examples` takes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::Value;

/// Name of the example, file, and where in it.
const TAKEN: &[(&str, &str, &str)] = &[
    ("AccountKey", "derivation", "/account"),
    ("AccountQuery", "receipt", "/account_query"),
    ("ArchiveIndex", "archive", "/index"),
    ("ChainHead", "chain", "/head"),
    ("Claim", "derivation", "/cases/0/field_key"),
    ("HttpBinding", "invoice", "/http/binding"),
    ("Invoice", "invoice", "/invoice"),
    ("IssuanceRecord", "issuance", "/cases/0/record"),
    ("IssuanceRequest", "issuance", "/cases/0/request"),
    ("KeysetDocument", "keyset", "/keysets/0/document"),
    ("KeysetId", "keyset", "/keysets/0/id"),
    ("KeysetList", "chain", "/list"),
    ("MintId", "keyset", "/keysets/0/mint"),
    ("PayeeKey", "invoice", "/payee"),
    ("Payment", "payments", "/cases/0/payment"),
    ("PaymentId", "payments", "/cases/0/id"),
    ("PaymentRequest", "invoice", "/request"),
    ("PermitRequest", "settings", "/permit"),
    ("PayoutRequest", "payout", "/payout"),
    ("QuoteRequest", "quote", "/quote_request"),
    ("Receipt", "receipt", "/receipt"),
    ("Recipient", "locked", "/record"),
    ("RecoupClaim", "recoup", "/claims/0/claim"),
    ("RequestHash", "payments", "/cases/0/request"),
    ("SettingsRequest", "settings", "/settings"),
    ("Shape", "shapes", "/shapes/0/shape"),
    ("TransferRequest", "transfer", "/transfer"),
];

#[test]
fn examples_are_taken_from_the_vectors() {
    let mut expected = BTreeMap::new();
    for (name, file, pointer) in TAKEN {
        expected.insert((*name).to_owned(), base64url(&bytes(file, pointer)));
    }
    expected.insert("OpenedSession".to_owned(), base64url(&opened_session()));
    expected.insert("text".to_owned(), vectors("invoice")["text"].as_str().unwrap().to_owned());
    let expected = format!("{}\n", serde_json::to_string_pretty(&expected).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/protocol/examples.json");
    if std::env::var("DOCS").is_ok_and(|value| value == "overwrite") {
        std::fs::write(&path, &expected).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

/// The vectors have its parts: version, sid, seal, and a list of one commitment.
fn opened_session() -> Vec<u8> {
    let mut opened = vec![1];
    opened.extend(bytes("issuance", "/cases/0/session"));
    opened.extend(bytes("issuance", "/cases/0/D"));
    opened.extend(1_u16.to_le_bytes());
    opened.extend(bytes("blind-signature", "/cases/0/A"));
    opened.extend(bytes("blind-signature", "/cases/0/B"));
    opened
}

fn bytes(file: &str, pointer: &str) -> Vec<u8> {
    let vectors = vectors(file);
    let text = vectors.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{file}{pointer}"));
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn vectors(file: &str) -> Value {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol/vectors"));
    serde_json::from_str(&std::fs::read_to_string(folder.join(format!("{file}.json"))).unwrap()).unwrap()
}

fn base64url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}
