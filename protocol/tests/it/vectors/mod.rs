//! Positive vectors: `protocol/vectors/*.json`.
//!
//! Each file is made by the reference implementation alone and compared with what is stored; the crate then computes
//! the same values from the stored inputs. `FARTHING_WRITE_VECTORS=1 cargo test -p farthing-protocol --test it vectors`
//! writes the files anew.

pub(crate) mod archive;
mod basics;
pub(crate) mod funding;
pub(crate) mod issuance;
pub(crate) mod payments;
pub(crate) mod recoup;
pub(crate) mod reject;
pub(crate) mod requests;
mod signature;

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use farthing_protocol::codec::{Decode, Encode, Reader, Writer};
use serde_json::Value;

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> Value {
    HEXLOWER.encode(bytes.as_ref()).into()
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// Requires that a file holds exactly this, and returns what it holds.
pub(crate) fn stored(name: &str, made: &Value) -> Vector {
    let path = folder().join(name);
    if std::env::var_os("FARTHING_WRITE_VECTORS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("{made:#}\n")).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let stored: Value = serde_json::from_str(&text).unwrap();
    assert!(stored == *made, "{name} is not what the reference implementation makes");
    Vector(stored)
}

/// A JSON object read as test input. Whatever is missing or of another type fails the test.
#[derive(Clone, Debug)]
pub(crate) struct Vector(pub(crate) Value);

impl Vector {
    pub(crate) fn at(&self, key: &str) -> Self {
        Self(self.0.get(key).unwrap_or_else(|| panic!("no {key}")).clone())
    }

    pub(crate) fn each(&self, key: &str) -> Vec<Self> {
        self.at(key).0.as_array().unwrap().iter().cloned().map(Self).collect()
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.at(key).0.as_str().unwrap().into()
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.at(key).0.as_u64().unwrap()
    }

    pub(crate) fn bytes(&self, key: &str) -> Vec<u8> {
        HEXLOWER.decode(self.text(key).as_bytes()).unwrap()
    }

    pub(crate) fn array<const N: usize>(&self, key: &str) -> [u8; N] {
        self.bytes(key).try_into().unwrap()
    }

    /// A part of a wire object, from exactly these bytes.
    pub(crate) fn part<T: Decode>(&self, key: &str) -> T {
        part(&self.bytes(key))
    }
}

pub(crate) fn part<T: Decode>(bytes: &[u8]) -> T {
    let mut input = Reader::new(bytes);
    let part = T::decode_from(&mut input).unwrap();
    input.finish().unwrap();
    part
}

pub(crate) fn encoded(part: &impl Encode) -> Vec<u8> {
    let mut out = Writer::default();
    part.encode_to(&mut out);
    out.finish()
}

#[test]
fn every_vector_file_is_one_that_is_checked() {
    let mut files: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    files.sort();
    let checked = [
        "archive.json",
        "batch.json",
        "blind-signature.json",
        "chain.json",
        "derivation.json",
        "field.json",
        "group.json",
        "invoice.json",
        "issuance.json",
        "keyset.json",
        "locked.json",
        "offer.json",
        "payments.json",
        "payout.json",
        "quote.json",
        "receipt.json",
        "recoup.json",
        "settings.json",
        "shapes.json",
        "text-forms.json",
        "transfer.json",
        "voucher.json",
    ];
    assert_eq!(files, checked);
}
