//! The format of a sealed file.
//!
//! `FARTHKEY` ‖ version 1 ‖ protection (1 passphrase, 2 key, 3 nothing) ‖ memory, passes, lanes (4 bytes each, zero without a
//! passphrase) ‖ salt (16) ‖ nonce (24) ‖ purpose (length 2, text) ‖ ciphertext ‖ tag (16). Everything before the ciphertext is
//! associated data of XChaCha20-Poly1305.
//!
//! With protection 3 salt and nonce are zero, and after the purpose come a sentence that says that nothing is encrypted, the
//! secret, and SHA-256 of everything before.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use farthing_protocol::codec::{DecodeError, Reader, Writer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Cost, Lock, Passphrase, Protection, SealedError, Unlock, random};

const MAGIC: &[u8; 8] = b"FARTHKEY";
const VERSION: u8 = 1;
const MAX_PURPOSE: usize = 256;
/// What an exchanged header could make this machine compute at most.
const MAX_COST: Cost = Cost { memory_kib: 1 << 20, passes: 64, lanes: 16 };
const NO_COST: Cost = Cost { memory_kib: 0, passes: 0, lanes: 0 };
/// Between purpose and secret of a file that is not encrypted.
const NOTICE: &[u8] = b"\nNOT ENCRYPTED: whoever reads this file has what it holds.\n";

struct Header {
    protection: Protection,
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
}

impl Header {
    fn encode(&self, purpose: &str) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(MAGIC);
        out.u8(VERSION);
        out.u8(match self.protection {
            Protection::Passphrase => 1,
            Protection::Key => 2,
            Protection::Nothing => 3,
        });
        out.u32(self.cost.memory_kib);
        out.u32(self.cost.passes);
        out.u32(self.cost.lanes);
        out.bytes(&self.salt);
        out.bytes(&self.nonce);
        out.text(purpose);
        out.finish()
    }

    fn decode<'a>(input: &mut Reader<'a>) -> Result<(Self, &'a str), DecodeError> {
        if input.array::<8>()? != *MAGIC || input.u8()? != VERSION {
            return Err(DecodeError::UnsupportedVersion);
        }
        let protection = match input.u8()? {
            1 => Protection::Passphrase,
            2 => Protection::Key,
            3 => Protection::Nothing,
            _ => return Err(DecodeError::UnknownTag),
        };
        let cost = Cost { memory_kib: input.u32()?, passes: input.u32()?, lanes: input.u32()? };
        let header = Self { protection, cost, salt: input.array()?, nonce: input.array()? };
        Ok((header, input.text(MAX_PURPOSE)?))
    }
}

/// How sealed bytes say that they are protected. Nothing of it is authenticated before [`unseal`].
///
/// # Errors
/// [`SealedError::Damaged`] if they are no sealed file of this version.
pub fn protection(bytes: &[u8]) -> Result<Protection, SealedError> {
    Header::decode(&mut Reader::new(bytes)).map(|(header, _)| header.protection).map_err(|_| SealedError::Damaged)
}

/// Seals a secret for one purpose, a text of at most 256 bytes that anybody can read.
///
/// # Errors
/// [`SealedError::Cost`], [`SealedError::EmptyPassphrase`].
pub fn seal(lock: Lock<'_>, purpose: &str, secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    let (salt, nonce) = (random(), random());
    let (header, key) = match lock {
        Lock::Passphrase(passphrase, cost) => {
            let key = stretch(passphrase, &salt, cost)?;
            (Header { protection: Protection::Passphrase, cost, salt, nonce }, key)
        }
        Lock::Key(key) => {
            let header = Header { protection: Protection::Key, cost: NO_COST, salt: [0; 16], nonce };
            (header, Zeroizing::new(*key))
        }
        Lock::Nothing => return Ok(in_clear(purpose, secret)),
    };
    let mut bytes = Zeroizing::new(header.encode(purpose));
    let sealed = XChaCha20Poly1305::new(&(*key).into())
        .encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: &bytes })
        .map_err(|_| SealedError::Damaged)?;
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

/// The secret that [`seal`] sealed for this very purpose.
///
/// # Errors
/// [`SealedError::WrongSecret`] for another passphrase or key, or changed bytes: nobody can tell the two apart.
/// [`SealedError::Exchanged`], [`SealedError::Protected`], [`SealedError::Damaged`], [`SealedError::Cost`].
pub fn unseal(unlock: Unlock<'_>, purpose: &str, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    let mut input = Reader::new(bytes);
    let (header, found) = Header::decode(&mut input).map_err(|_| SealedError::Damaged)?;
    if found != purpose {
        return Err(SealedError::Exchanged);
    }
    let key = match (header.protection, unlock) {
        (Protection::Passphrase, Unlock::Passphrase(passphrase)) => stretch(passphrase, &header.salt, header.cost)?,
        (Protection::Key, Unlock::Key(key)) => Zeroizing::new(*key),
        (Protection::Nothing, Unlock::Nothing) => return from_clear(purpose, bytes),
        (protection, _) => return Err(SealedError::Protected(protection)),
    };
    let (aad, sealed) =
        bytes.split_at_checked(bytes.len().saturating_sub(input.remaining())).ok_or(SealedError::Damaged)?;
    XChaCha20Poly1305::new(&(*key).into())
        .decrypt(&XNonce::from(header.nonce), Payload { msg: sealed, aad })
        .map(Zeroizing::new)
        .map_err(|_| SealedError::WrongSecret)
}

/// What stands before a secret that is not encrypted.
fn clear_head(purpose: &str) -> Vec<u8> {
    let header = Header { protection: Protection::Nothing, cost: NO_COST, salt: [0; 16], nonce: [0; 24] };
    let mut head = header.encode(purpose);
    head.extend_from_slice(NOTICE);
    head
}

fn in_clear(purpose: &str, secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let head = clear_head(purpose);
    let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + secret.len() + 32));
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(secret);
    let sum = Sha256::digest(bytes.as_slice());
    bytes.extend_from_slice(&sum);
    bytes
}

fn from_clear(purpose: &str, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    let (content, sum) = bytes.split_last_chunk::<32>().ok_or(SealedError::Damaged)?;
    let secret = content.strip_prefix(clear_head(purpose).as_slice()).ok_or(SealedError::Damaged)?;
    if Sha256::digest(content).as_slice() == sum {
        Ok(Zeroizing::new(secret.to_vec()))
    } else {
        Err(SealedError::Damaged)
    }
}

fn stretch(passphrase: &Passphrase, salt: &[u8; 16], cost: Cost) -> Result<Zeroizing<[u8; 32]>, SealedError> {
    if passphrase.is_empty() {
        return Err(SealedError::EmptyPassphrase);
    }
    if cost.memory_kib > MAX_COST.memory_kib || cost.passes > MAX_COST.passes || cost.lanes > MAX_COST.lanes {
        return Err(SealedError::Cost);
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| SealedError::Cost)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .map_err(|_| SealedError::Cost)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    #[test]
    fn a_file_opens_with_its_secret_for_its_purpose_and_unchanged_only() {
        let (right, wrong) = (Passphrase::new("right"), Passphrase::new("wrong"));
        let (key, other) = ([1; 32], [2; 32]);
        let all = [
            (Lock::Passphrase(&right, CHEAP), Unlock::Passphrase(&right), Some(Unlock::Passphrase(&wrong))),
            (Lock::Key(&key), Unlock::Key(&key), Some(Unlock::Key(&other))),
            (Lock::Nothing, Unlock::Nothing, None),
        ];
        for (lock, unlock, wrong) in all {
            let bytes = seal(lock, "identity", b"a secret").unwrap();
            assert_eq!(protection(&bytes), Ok(unlock.protection()));
            assert_eq!(unseal(unlock, "identity", &bytes).unwrap().as_slice(), b"a secret");
            if let Some(wrong) = wrong {
                assert_eq!(unseal(wrong, "identity", &bytes).err(), Some(SealedError::WrongSecret));
            }
            assert_eq!(unseal(unlock, "keyset", &bytes).err(), Some(SealedError::Exchanged));
            for (_, another, _) in all.iter().filter(|(_, other, _)| other.protection() != unlock.protection()) {
                let refusal = Some(SealedError::Protected(unlock.protection()));
                assert_eq!(unseal(*another, "identity", &bytes).err(), refusal);
            }
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert!(unseal(unlock, "identity", &changed).is_err(), "byte {place}");
            }
            for length in 0..bytes.len() {
                assert!(unseal(unlock, "identity", &bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn what_is_not_encrypted_says_so() {
        let bytes = seal(Lock::Nothing, "identity", b"a secret").unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains("NOT ENCRYPTED"));
    }

    #[test]
    fn an_empty_passphrase_protects_nothing() {
        let lock = Lock::Passphrase(&Passphrase::new(""), CHEAP);
        assert_eq!(seal(lock, "identity", b"a secret").err(), Some(SealedError::EmptyPassphrase));
    }

    #[test]
    fn a_header_cannot_make_the_machine_compute_for_ever() {
        let right = Passphrase::new("right");
        let mut bytes = seal(Lock::Passphrase(&right, CHEAP), "identity", b"a secret").unwrap();
        bytes[10..14].fill(0xff);
        assert_eq!(unseal(Unlock::Passphrase(&right), "identity", &bytes).err(), Some(SealedError::Cost));
    }
}
