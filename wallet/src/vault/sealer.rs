//! How keys and values of the state lie on the disk.
//!
//! A **name** is the key's first byte, so that its kind can be listed, and a keyed BLAKE2b of the whole key. A **value** is
//! a format byte, a random nonce (24) and XChaCha20-Poly1305 of its plaintext, with name, size and format as associated
//! data: no value can be put in another's place. The plaintext of a small value begins with its key, which a name does not give back.
//!
//! Both keys derive from the data key by BLAKE2b, with a purpose of their own as its personalization.

use blake2::Blake2bMac;
use blake2::digest::{FixedOutput, Update, consts::U32};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::error::StoreError;

const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// Which of the two places of a key a value lies in.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Small = 1,
    Large = 2,
}

pub(super) struct Sealer {
    values: XChaCha20Poly1305,
    names: Zeroizing<[u8; 32]>,
}

impl Sealer {
    pub(super) fn new(data_key: &[u8; 32]) -> Self {
        let values = keyed(data_key, b"farthing values", &[]);
        Self { values: XChaCha20Poly1305::new(&(*values).into()), names: keyed(data_key, b"farthing names", &[]) }
    }

    /// Under which name a key lies on the disk.
    pub(super) fn name(&self, key: &[u8]) -> Vec<u8> {
        let hidden = keyed(&self.names, b"farthing name", key);
        key.iter().take(1).chain(hidden.iter()).copied().collect()
    }

    /// What lies on the disk for a value.
    pub(super) fn seal(&self, name: &[u8], size: Size, plaintext: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE];
        SysRng.try_fill_bytes(&mut nonce).map_err(|_| StoreError::Unavailable)?;
        let payload = Payload { msg: plaintext, aad: &associated(name, size) };
        let sealed = self.values.encrypt(&XNonce::from(nonce), payload).map_err(|_| StoreError::TooLarge)?;
        Ok([[FORMAT].as_slice(), &nonce, &sealed].concat())
    }

    /// The inverse of [`seal`](Self::seal).
    pub(super) fn unseal(&self, name: &[u8], size: Size, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let (&[FORMAT], rest) = sealed.split_first_chunk().ok_or(StoreError::Damaged)? else {
            return Err(StoreError::Damaged);
        };
        let (nonce, msg) = rest.split_first_chunk::<NONCE>().ok_or(StoreError::Damaged)?;
        let payload = Payload { msg, aad: &associated(name, size) };
        let opened = self.values.decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| StoreError::Damaged)
    }
}

fn associated(name: &[u8], size: Size) -> Vec<u8> {
    [[FORMAT, size as u8].as_slice(), name].concat()
}

/// Keyed BLAKE2b, 32 bytes.
fn keyed(key: &[u8; 32], purpose: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    #[allow(clippy::expect_used, reason = "a key of 32 bytes and a purpose of at most 16 are always taken")]
    let mut mac = Blake2bMac::<U32>::new_with_salt_and_personal(Some(key), &[], purpose).expect("fixed lengths");
    mac.update(message);
    Zeroizing::new(mac.finalize_fixed().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_in_its_place_under_its_key_and_unchanged_only() {
        let (sealer, other) = (Sealer::new(&[1; 32]), Sealer::new(&[2; 32]));
        let name = sealer.name(b"token");
        let sealed = sealer.seal(&name, Size::Small, b"a secret").unwrap();
        assert_eq!(sealer.unseal(&name, Size::Small, &sealed).unwrap().as_slice(), b"a secret");
        assert!(sealer.unseal(&name, Size::Large, &sealed).is_err());
        assert!(sealer.unseal(&sealer.name(b"taken"), Size::Small, &sealed).is_err());
        assert!(other.unseal(&name, Size::Small, &sealed).is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(sealer.unseal(&name, Size::Small, &changed).err(), Some(StoreError::Damaged), "byte {place}");
            assert!(sealer.unseal(&name, Size::Small, &sealed[..place]).is_err());
        }
        assert_ne!(sealed, sealer.seal(&name, Size::Small, b"a secret").unwrap(), "a nonce is drawn for each");
    }

    #[test]
    fn a_name_gives_away_the_kind_alone() {
        let sealer = Sealer::new(&[1; 32]);
        let (name, other) = (sealer.name(b"token one"), sealer.name(b"token two"));
        assert_eq!((name.len(), name[0], other[0]), (33, b't', b't'));
        assert_ne!(name, other);
        assert_eq!(name, sealer.name(b"token one"));
        assert_ne!(name, Sealer::new(&[2; 32]).name(b"token one"));
    }
}
