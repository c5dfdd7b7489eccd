//! Many values under one key.

use blake2::Blake2bMac;
use blake2::digest::{FixedOutput, Update, consts::U32};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::SealedError;

const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// How much longer a sealed value is than its plaintext, in bytes.
pub const OVERHEAD: usize = 1 + NONCE + 16;

/// A keyed hash: BLAKE2b with a key of 32 bytes and the purpose as personalization. Zeroized when dropped.
///
/// # Security
/// Without the key nobody can tell its values from random ones, nor from which message they come.
pub struct HashKey(Zeroizing<[u8; 32]>);

impl HashKey {
    /// Takes a random key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*key))
    }

    /// 32 bytes of a message. A purpose has 16 bytes; with different ones nothing is the same.
    pub fn hash(&self, purpose: &[u8; 16], message: &[u8]) -> Zeroizing<[u8; 32]> {
        #[allow(clippy::expect_used, reason = "a key of 32 bytes and a purpose of 16 are always taken")]
        let mut mac = Blake2bMac::<U32>::new_with_salt_and_personal(Some(self.0.as_slice()), &[], purpose)
            .expect("fixed lengths");
        mac.update(message);
        Zeroizing::new(mac.finalize_fixed().into())
    }
}

/// Seals values: a format byte, a random nonce (24), and XChaCha20-Poly1305 of the plaintext, the format byte being part of the
/// associated data. The key is zeroized when dropped.
pub struct ValueKey(XChaCha20Poly1305);

impl ValueKey {
    /// Takes a random key, used for nothing else.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&(*key).into()))
    }

    /// Seals a plaintext for one place.
    ///
    /// # Errors
    /// [`SealedError::Randomness`] when the operating system gives no nonce, [`SealedError::Damaged`] beyond 256 GiB.
    pub fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealedError> {
        let mut nonce = [0; NONCE];
        SysRng.try_fill_bytes(&mut nonce).map_err(|_| SealedError::Randomness)?;
        let payload = Payload { msg: plaintext, aad: &associated(place) };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealedError::Damaged)?;
        Ok([[FORMAT].as_slice(), &nonce, &sealed].concat())
    }

    /// The plaintext that was sealed for this very place.
    ///
    /// # Errors
    /// [`SealedError::Damaged`] for anything else.
    pub fn unseal(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
        let (&[format], rest) = sealed.split_first_chunk().ok_or(SealedError::Damaged)?;
        let (nonce, msg) = rest.split_first_chunk::<NONCE>().ok_or(SealedError::Damaged)?;
        if format != FORMAT {
            return Err(SealedError::Damaged);
        }
        let payload = Payload { msg, aad: &associated(place) };
        let opened = self.0.decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| SealedError::Damaged)
    }
}

fn associated(place: &[u8]) -> Vec<u8> {
    [[FORMAT].as_slice(), place].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn a_value_is_read_in_its_place_under_its_key_and_unchanged_only() {
        let (key, other) = (ValueKey::new(&[1; 32]), ValueKey::new(&[2; 32]));
        let sealed = key.seal(b"place", b"a secret").unwrap();
        assert_eq!(sealed.len(), 8 + OVERHEAD);
        assert_eq!(key.unseal(b"place", &sealed).unwrap().as_slice(), b"a secret");
        assert!(key.unseal(b"other", &sealed).is_err());
        assert!(other.unseal(b"place", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(key.unseal(b"place", &changed).err(), Some(SealedError::Damaged), "byte {place}");
            assert!(key.unseal(b"place", &sealed[..place]).is_err());
        }
        assert_ne!(sealed, key.seal(b"place", b"a secret").unwrap(), "a nonce is drawn for each");
    }

    #[test]
    fn a_hash_depends_on_key_purpose_and_message() {
        let key = HashKey::new(&[1; 32]);
        let hash = key.hash(b"one purpose     ", b"message");
        assert_eq!(hash, key.hash(b"one purpose     ", b"message"));
        assert_ne!(hash, key.hash(b"another purpose ", b"message"));
        assert_ne!(hash, key.hash(b"one purpose     ", b"another"));
        assert_ne!(hash, HashKey::new(&[2; 32]).hash(b"one purpose     ", b"message"));
    }
}
