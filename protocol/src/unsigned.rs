//! Objects that their mint has yet to sign.
//!
//! What a mint publishes may be put together where its key is not: whoever holds the key reads it whole before he signs.

use core::fmt;

use crate::codec::{DecodeError, Wire};
use crate::identity::{InvalidSignature, Keypair, MintId, Signature};

/// An object that a mint signs: [`KeysetList`](crate::keyset::KeysetList), [`ArchiveIndex`](crate::archive::ArchiveIndex),
/// [`IssuanceFile`](crate::archive::IssuanceFile), [`SpentFilter`](crate::archive::SpentFilter).
pub trait Signable: Wire + sealed::Parts {}

pub(crate) mod sealed {
    use crate::identity::{MintId, Signature};

    /// What signing needs of an object.
    pub trait Parts {
        /// Whose signature it carries.
        fn mint(&self) -> &MintId;
        /// What is signed.
        fn digest(&self) -> [u8; 32];
        /// The signature.
        fn signature(&self) -> &Signature;
        /// Puts a signature in its place.
        fn put_signature(&mut self, signature: Signature);
    }
}

/// An object whose rules hold and that nobody has signed: where its signature stands there are zeros.
pub struct Unsigned<T>(T);

/// Where a signature will stand.
pub(crate) const NO_SIGNATURE: Signature = Signature::from_bytes([0; 64]);

impl<T: Signable> Unsigned<T> {
    /// Of an object whose rules were checked, with [`NO_SIGNATURE`].
    pub(crate) const fn new(object: T) -> Self {
        Self(object)
    }

    /// What it says.
    pub const fn content(&self) -> &T {
        &self.0
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`DecodeError::OutOfRange`] when it is another mint's.
    pub fn sign(mut self, identity: &Keypair) -> Result<T, DecodeError> {
        if *self.0.mint() != MintId::from(identity) {
            return Err(DecodeError::OutOfRange);
        }
        let signature = identity.sign(&self.0.digest());
        self.0.put_signature(signature);
        Ok(self.0)
    }

    /// Takes a signature that somebody made for it, and verifies it.
    ///
    /// # Errors
    /// [`InvalidSignature`] when it is not the mint's over exactly this.
    pub fn signed(mut self, signature: Signature) -> Result<T, InvalidSignature> {
        self.0.mint().verify(&self.0.digest(), &signature)?;
        self.0.put_signature(signature);
        Ok(self.0)
    }

    /// The signature of an object that was signed.
    pub fn signature_of(signed: &T) -> Signature {
        *signed.signature()
    }

    /// The bytes of the object, with zeros for a signature.
    pub fn to_bytes(&self) -> alloc::vec::Vec<u8> {
        self.0.to_bytes()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// Whatever the object refuses; [`DecodeError::NonCanonicalShape`] for anything but zeros where the signature stands.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let object = T::from_bytes(bytes)?;
        if *object.signature() == NO_SIGNATURE { Ok(Self(object)) } else { Err(DecodeError::NonCanonicalShape) }
    }
}

impl<T: fmt::Debug> fmt::Debug for Unsigned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unsigned").field(&self.0).finish()
    }
}

/// Makes an object with the fields `mint` (or what is given), `signature` and a method `digest` [`Signable`].
macro_rules! signable {
    ($type:ty, $($mint:ident).+) => {
        impl $crate::unsigned::sealed::Parts for $type {
            fn mint(&self) -> &$crate::identity::MintId {
                &self.$($mint).+
            }

            fn digest(&self) -> [u8; 32] {
                Self::digest(self)
            }

            fn signature(&self) -> &$crate::identity::Signature {
                &self.signature
            }

            fn put_signature(&mut self, signature: $crate::identity::Signature) {
                self.signature = signature;
            }
        }

        impl $crate::unsigned::Signable for $type {}
    };
}
pub(crate) use signable;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::amount::UnixTime;
    use crate::keyset::KeysetList;

    fn draft(identity: &Keypair) -> Unsigned<KeysetList> {
        let (from, until) = (UnixTime::from_seconds(1), UnixTime::from_seconds(2));
        KeysetList::draft(identity.into(), from, until, Vec::new(), Vec::new()).unwrap()
    }

    #[test]
    fn what_is_signed_elsewhere_is_what_the_key_itself_would_have_signed() {
        let (identity, other) = (Keypair::from_secret(&[1; 32]), Keypair::from_secret(&[2; 32]));
        let bytes = draft(&identity).to_bytes();
        let there = Unsigned::<KeysetList>::from_bytes(&bytes).unwrap().sign(&identity).unwrap();
        let here = draft(&identity).signed(Unsigned::signature_of(&there)).unwrap();
        assert_eq!(here, there);
        here.accept(&(&identity).into(), None, UnixTime::from_seconds(1)).unwrap();
        assert_eq!(draft(&identity).sign(&other).err(), Some(DecodeError::OutOfRange));
        let foreign = Unsigned::signature_of(&draft(&other).sign(&other).unwrap());
        assert!(draft(&identity).signed(foreign).is_err());
        assert!(draft(&identity).signed(NO_SIGNATURE).is_err());
    }

    #[test]
    fn something_signed_is_no_draft() {
        let identity = Keypair::from_secret(&[1; 32]);
        let signed = draft(&identity).sign(&identity).unwrap().to_bytes();
        assert_eq!(Unsigned::<KeysetList>::from_bytes(&signed).err(), Some(DecodeError::NonCanonicalShape));
        let mut long = draft(&identity).to_bytes();
        long.push(0);
        assert_eq!(Unsigned::<KeysetList>::from_bytes(&long).err(), Some(DecodeError::TrailingBytes));
    }
}
