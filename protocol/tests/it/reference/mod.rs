//! The protocol once more, straight from its description and with every label written out.
//!
//! Nothing here calls the crate: vectors made by this module and accepted by the crate show that two
//! implementations agree, and tests of dishonest parties do their own mathematics with it.
#![allow(non_snake_case, reason = "names follow the paper")]

pub(crate) mod archive;
pub(crate) mod issuance;
pub(crate) mod payment;
pub(crate) mod recoup;
pub(crate) mod signature;
pub(crate) mod texts;
pub(crate) mod world;

use std::convert::Infallible;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::Signer;
use merlin::Transcript;
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha512};

pub(crate) const G: RistrettoPoint = RISTRETTO_BASEPOINT_POINT;

/// H = from_uniform_bytes(SHA-512("farthing/v1/H")).
pub(crate) fn H() -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&sha512(b"farthing/v1/H"))
}

pub(crate) fn sha512(bytes: &[u8]) -> [u8; 64] {
    Sha512::digest(bytes).into()
}

pub(crate) fn enc(point: &RistrettoPoint) -> [u8; 32] {
    point.compress().to_bytes()
}

pub(crate) fn dec(bytes: &[u8]) -> RistrettoPoint {
    CompressedRistretto::from_slice(bytes).unwrap().decompress().unwrap()
}

pub(crate) fn scalar(bytes: &[u8]) -> Scalar {
    Option::from(Scalar::from_canonical_bytes(bytes.try_into().unwrap())).unwrap()
}

pub(crate) fn pow5(y: Scalar) -> Scalar {
    y * y * y * y * y
}

/// A transcript of these fields.
pub(crate) fn transcript(domain: &'static [u8], fields: &[(&'static [u8], &[u8])]) -> Transcript {
    let mut transcript = Transcript::new(domain);
    for (label, bytes) in fields {
        transcript.append_message(label, bytes);
    }
    transcript
}

/// The 32 bytes that a transcript of these fields gives under `output`.
pub(crate) fn hash(domain: &'static [u8], fields: &[(&'static [u8], &[u8])]) -> [u8; 32] {
    let mut out = [0; 32];
    transcript(domain, fields).challenge_bytes(b"output", &mut out);
    out
}

/// The scalar that a transcript of these fields gives under `output`, from 64 bytes.
pub(crate) fn hash_to_scalar(domain: &'static [u8], fields: &[(&'static [u8], &[u8])]) -> Scalar {
    let mut out = [0; 64];
    transcript(domain, fields).challenge_bytes(b"output", &mut out);
    Scalar::from_bytes_mod_order_wide(&out)
}

pub(crate) fn ed25519_public(secret: &[u8; 32]) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(secret).verifying_key().to_bytes()
}

pub(crate) fn ed25519_sign(secret: &[u8; 32], message: &[u8; 32]) -> [u8; 64] {
    ed25519_dalek::SigningKey::from_bytes(secret).sign(message).to_bytes()
}

/// A byte string put together from parts.
pub(crate) fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A text as it stands in wire objects: two bytes of length, then UTF-8.
pub(crate) fn text(text: &str) -> Vec<u8> {
    cat(&[&u16::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()])
}

/// Reproducible bytes: SHA-512(name ‖ counter as 8 little-endian bytes), block after block.
pub(crate) struct Stream {
    name: Vec<u8>,
    counter: u64,
    rest: Vec<u8>,
}

impl Stream {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), counter: 0, rest: Vec::new() }
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        while self.rest.len() < out.len() {
            self.rest.extend(sha512(&cat(&[&self.name, &self.counter.to_le_bytes()])));
            self.counter += 1;
        }
        let tail = self.rest.split_off(out.len());
        out.copy_from_slice(&self.rest);
        self.rest = tail;
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    pub(crate) fn scalar(&mut self) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.bytes())
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Stream {}
