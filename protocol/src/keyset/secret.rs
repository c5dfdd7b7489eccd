//! The mint's secret keys of a keyset.

use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Keyset, KeysetTerms};
use crate::amount::Denomination;
use crate::codec::DecodeError;
use crate::group::{Element, nonzero_scalar_from_bytes, zero_to_one};
use crate::identity::Keypair;
use crate::ids::KeysetId;

/// The secret key x of one denomination. Never cloned, zeroized when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SigningKey(Scalar);

impl SigningKey {
    pub(crate) fn scalar(&self) -> &Scalar {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(<redacted>)")
    }
}

/// All secret keys of a keyset, by denomination from 0.
///
/// # Security
/// MUST rest encrypted only.
pub struct SecretKeyset {
    keyset: KeysetId,
    keys: Vec<SigningKey>,
}

impl SecretKeyset {
    /// Draws `count` keys (1 to 63) and signs the keyset.
    ///
    /// # Errors
    /// A [`DecodeError`] when the terms break a rule of section 3.
    pub fn generate<R: CryptoRng + ?Sized>(
        rng: &mut R,
        terms: KeysetTerms,
        count: u8,
        identity: &Keypair,
    ) -> Result<(Self, Keyset), DecodeError> {
        let keys: Vec<SigningKey> = (0..count).map(|_| SigningKey(zero_to_one(Scalar::random(rng)))).collect();
        let keyset = Keyset::sign(terms, public_keys(&keys), identity)?;
        Ok((Self { keyset: *keyset.id(), keys }, keyset))
    }

    /// The 32-byte secrets one after the other, to be encrypted.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.keys.iter().flat_map(|key| key.0.to_bytes()).collect())
    }

    /// Reads what [`SecretKeyset::to_bytes`] wrote and requires that it fits the keyset.
    ///
    /// # Errors
    /// A [`DecodeError`]; [`DecodeError::OutOfRange`] when the keys are of another keyset.
    pub fn from_bytes(bytes: &[u8], keyset: &Keyset) -> Result<Self, DecodeError> {
        let (chunks, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(DecodeError::TrailingBytes);
        }
        let keys = chunks.iter().map(|b| nonzero_scalar_from_bytes(*b).map(SigningKey));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if public_keys(&keys).iter().eq(keyset.keys().iter().map(|key| key.element())) {
            Ok(Self { keyset: *keyset.id(), keys })
        } else {
            Err(DecodeError::OutOfRange)
        }
    }

    /// The key of a denomination, if there is one.
    pub fn key(&self, denomination: Denomination) -> Option<&SigningKey> {
        self.keys.get(denomination.index())
    }

    /// Whose keys these are.
    pub fn keyset(&self) -> &KeysetId {
        &self.keyset
    }
}

fn public_keys(keys: &[SigningKey]) -> Vec<Element> {
    keys.iter().map(|key| Element::of_nonzero(&key.0)).collect()
}

impl fmt::Debug for SecretKeyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKeyset(<redacted>)")
    }
}
