//! The format of an encrypted file.
//!
//! `FARTHKEY` ‖ version 1 ‖ protection (1 passphrase, 2 key file) ‖ memory, passes, lanes (4 bytes each, zero for a
//! key file) ‖ salt (16) ‖ nonce (24) ‖ purpose (length 2, text) ‖ ciphertext ‖ tag (16). Everything before the
//! ciphertext is associated data.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use farthing_protocol::codec::{DecodeError, Reader, Writer};
use zeroize::Zeroizing;

use super::{Cost, KeyError, Protection, Unlock, read_key_file};

const MAGIC: &[u8; 8] = b"FARTHKEY";
const VERSION: u8 = 1;
const PASSPHRASE: u8 = 1;
const KEY_FILE: u8 = 2;
const MAX_PURPOSE: usize = 256;
/// What an exchanged header could make this machine compute at most.
const MAX_COST: Cost = Cost { memory_kib: 1 << 20, passes: 64, lanes: 16 };

struct Header {
    protection: u8,
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
}

impl Header {
    fn encode(&self, purpose: &str) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(MAGIC);
        out.u8(VERSION);
        out.u8(self.protection);
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
        let protection = input.u8()?;
        let cost = Cost { memory_kib: input.u32()?, passes: input.u32()?, lanes: input.u32()? };
        let header = Self { protection, cost, salt: input.array()?, nonce: input.array()? };
        Ok((header, input.text(MAX_PURPOSE)?))
    }
}

/// Encrypts a secret for one purpose.
pub(crate) fn seal(protection: &Protection, purpose: &str, secret: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (salt, nonce) = (crate::random(), crate::random());
    let none = Cost { memory_kib: 0, passes: 0, lanes: 0 };
    let (header, key) = match protection {
        Protection::Passphrase { passphrase, cost } => {
            let key = stretch(passphrase.as_bytes(), &salt, *cost)?;
            (Header { protection: PASSPHRASE, cost: *cost, salt, nonce }, key)
        }
        Protection::KeyFile(path) => {
            (Header { protection: KEY_FILE, cost: none, salt: [0; 16], nonce }, read_key_file(path)?)
        }
    };
    let mut bytes = header.encode(purpose);
    let payload = Payload { msg: secret, aad: &bytes };
    let sealed =
        XChaCha20Poly1305::new(&(*key).into()).encrypt(&XNonce::from(nonce), payload).map_err(|_| KeyError::Damaged)?;
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

/// Decrypts what [`seal`] wrote for this very purpose.
pub(crate) fn unseal(unlock: &Unlock, purpose: &str, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut input = Reader::new(bytes);
    let (header, found) = Header::decode(&mut input).map_err(|_| KeyError::Damaged)?;
    if found != purpose {
        return Err(KeyError::Exchanged);
    }
    let key = match (header.protection, unlock) {
        (PASSPHRASE, Unlock::Passphrase(passphrase)) => stretch(passphrase.as_bytes(), &header.salt, header.cost)?,
        (KEY_FILE, Unlock::KeyFile(path)) => read_key_file(path)?,
        (PASSPHRASE, Unlock::KeyFile(_)) => return Err(KeyError::NeedsPassphrase),
        (KEY_FILE, Unlock::Passphrase(_)) => return Err(KeyError::NeedsKeyFile),
        _ => return Err(KeyError::Damaged),
    };
    let (aad, sealed) =
        bytes.split_at_checked(bytes.len().saturating_sub(input.remaining())).ok_or(KeyError::Damaged)?;
    XChaCha20Poly1305::new(&(*key).into())
        .decrypt(&XNonce::from(header.nonce), Payload { msg: sealed, aad })
        .map(Zeroizing::new)
        .map_err(|_| KeyError::WrongSecret)
}

fn stretch(passphrase: &[u8], salt: &[u8; 16], cost: Cost) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    if cost.memory_kib > MAX_COST.memory_kib || cost.passes > MAX_COST.passes || cost.lanes > MAX_COST.lanes {
        return Err(KeyError::Cost);
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| KeyError::Cost)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, key.as_mut())
        .map_err(|_| KeyError::Cost)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use crate::keys::Passphrase;

    fn protection(text: &str) -> Protection {
        Protection::Passphrase { passphrase: Passphrase::new(text), cost: Cost { memory_kib: 64, passes: 1, lanes: 1 } }
    }

    #[test]
    fn a_file_opens_with_its_secret_for_its_purpose_and_unchanged_only() {
        let right = protection("right");
        let bytes = seal(&right, "identity", b"secret").unwrap();
        assert_eq!(unseal(&right.unlock(), "identity", &bytes).unwrap().as_slice(), b"secret");
        let wrong = protection("wrong").unlock();
        assert!(matches!(unseal(&wrong, "identity", &bytes), Err(KeyError::WrongSecret)));
        assert!(matches!(unseal(&right.unlock(), "keyset", &bytes), Err(KeyError::Exchanged)));
        let file = Unlock::KeyFile("nowhere".into());
        assert!(matches!(unseal(&file, "identity", &bytes), Err(KeyError::NeedsPassphrase)));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(unseal(&right.unlock(), "identity", &changed).is_err(), "byte {place}");
        }
        for length in 0..bytes.len() {
            assert!(unseal(&right.unlock(), "identity", &bytes[..length]).is_err());
        }
    }

    #[test]
    fn a_header_cannot_make_the_machine_compute_for_ever() {
        let mut bytes = seal(&protection("right"), "identity", b"secret").unwrap();
        bytes[10..14].fill(0xff);
        assert!(matches!(unseal(&protection("right").unlock(), "identity", &bytes), Err(KeyError::Cost)));
    }
}
