//! How keys and values of the state lie on the disk.
//!
//! A **name** is the key's first byte, so that its kind can be listed, and a keyed hash of the whole key. A **value** is sealed for
//! its name and size: it cannot be put in another's place. The plaintext of a small value begins with its key, which a name does
//! not give back.

use farthing_sealed::{HashKey, SealedError, ValueKey};
use zeroize::Zeroizing;

use crate::error::StoreError;

/// Which of the two places of a key a value lies in.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Small = 1,
    Large = 2,
}

pub(super) struct Sealer {
    values: ValueKey,
    names: HashKey,
}

impl Sealer {
    pub(super) fn new(data_key: &[u8; 32]) -> Self {
        let root = HashKey::new(data_key);
        Self {
            values: ValueKey::new(&root.hash(b"farthing values\0", &[])),
            names: HashKey::new(&root.hash(b"farthing names\0\0", &[])),
        }
    }

    /// Under which name a key lies on the disk.
    pub(super) fn name(&self, key: &[u8]) -> Vec<u8> {
        let hidden = self.names.hash(b"farthing name\0\0\0", key);
        key.iter().take(1).chain(hidden.iter()).copied().collect()
    }

    /// What lies on the disk for a value.
    pub(super) fn seal(&self, name: &[u8], size: Size, plaintext: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.values.seal(&place(name, size), plaintext).map_err(|error| match error {
            SealedError::Randomness => StoreError::Unavailable,
            _ => StoreError::TooLarge,
        })
    }

    /// The inverse of [`seal`](Self::seal).
    pub(super) fn unseal(&self, name: &[u8], size: Size, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.values.unseal(&place(name, size), sealed).map_err(|_| StoreError::Damaged)
    }
}

fn place(name: &[u8], size: Size) -> Vec<u8> {
    [[size as u8].as_slice(), name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_in_its_place_and_under_its_key_only() {
        let (sealer, other) = (Sealer::new(&[1; 32]), Sealer::new(&[2; 32]));
        let name = sealer.name(b"token");
        let sealed = sealer.seal(&name, Size::Small, b"a secret").unwrap();
        assert_eq!(sealer.unseal(&name, Size::Small, &sealed).unwrap().as_slice(), b"a secret");
        assert_eq!(sealer.unseal(&name, Size::Large, &sealed).err(), Some(StoreError::Damaged));
        assert_eq!(sealer.unseal(&sealer.name(b"taken"), Size::Small, &sealed).err(), Some(StoreError::Damaged));
        assert_eq!(other.unseal(&name, Size::Small, &sealed).err(), Some(StoreError::Damaged));
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
