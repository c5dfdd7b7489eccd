//! The 128 bytes of an issuance that only its wallet can read.

use core::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::identity::IssuanceId;
use crate::ids::id_type;

/// How many bytes a wallet can keep in a field, padding included.
pub const FIELD_PLAINTEXT: usize = 88;

id_type! {
    /// Encrypted bytes: nonce (24) ‖ ciphertext (88) ‖ tag (16).
    Field, 128, hidden
}

/// A field cannot be decrypted: it is another wallet's or issuance's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the field does not belong to this issuance")]
pub struct InvalidField;

/// The key of one issuance's field.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct FieldKey([u8; 32]);

impl FieldKey {
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Encrypts 88 bytes under a random nonce, with the issuance id as associated data.
    pub fn encrypt<R: CryptoRng + ?Sized>(
        &self,
        rng: &mut R,
        issuance: &IssuanceId,
        plaintext: &[u8; FIELD_PLAINTEXT],
    ) -> Field {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let mut text = Zeroizing::new(*plaintext);
        let cipher = XChaCha20Poly1305::new(&self.0.into());
        // 88 bytes are far below the cipher's limit, so this cannot fail; a zero tag would only make the
        // field unreadable.
        let tag = cipher
            .encrypt_inout_detached(&XNonce::from(nonce), issuance.as_bytes(), text.as_mut_slice().into())
            .unwrap_or_default();
        let mut bytes = [0; 128];
        let (head, rest) = bytes.split_at_mut(24);
        let (body, tail) = rest.split_at_mut(FIELD_PLAINTEXT);
        head.copy_from_slice(&nonce);
        body.copy_from_slice(text.as_slice());
        tail.copy_from_slice(&tag);
        Field::from_bytes(bytes)
    }

    /// Decrypts a field of this issuance.
    ///
    /// # Errors
    /// [`InvalidField`].
    pub fn decrypt(
        &self,
        issuance: &IssuanceId,
        field: &Field,
    ) -> Result<Zeroizing<[u8; FIELD_PLAINTEXT]>, InvalidField> {
        let (head, rest) = field.as_bytes().split_first_chunk::<24>().ok_or(InvalidField)?;
        let (body, tail) = rest.split_first_chunk::<FIELD_PLAINTEXT>().ok_or(InvalidField)?;
        let tag = Tag::try_from(tail).map_err(|_| InvalidField)?;
        let mut text = Zeroizing::new(*body);
        XChaCha20Poly1305::new(&self.0.into())
            .decrypt_inout_detached(&XNonce::from(*head), issuance.as_bytes(), text.as_mut_slice().into(), &tag)
            .map_err(|_| InvalidField)?;
        Ok(text)
    }
}

impl fmt::Debug for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FieldKey(<redacted>)")
    }
}
