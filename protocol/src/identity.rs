//! Ed25519 identities: mints, payees, accounts, issuances.
//!
//! Every Ed25519 signature of the protocol is over a 32-byte digest drawn from a transcript of its own
//! [`Domain`](crate::transcript::Domain), and is verified strictly: canonical, no small-order keys.

use alloc::string::String;
use core::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::ids::id_type;

/// A signature does not fit its key and message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct InvalidSignature;

macro_rules! public_key {
    ($(#[$doc:meta])* $name:ident, $visibility:ident) => {
        id_type! { $(#[$doc])* $name, 32, $visibility }

        impl $name {
            /// Verifies strictly that this key signed a 32-byte digest.
            ///
            /// # Errors
            /// [`InvalidSignature`], also for bytes that are no key or a key of small order.
            pub fn verify(&self, digest: &[u8; 32], signature: &Signature) -> Result<(), InvalidSignature> {
                verify(self.as_bytes(), digest, signature)
            }
        }

        impl From<&Keypair> for $name {
            fn from(keypair: &Keypair) -> Self {
                Self::from_bytes(keypair.public())
            }
        }
    };
}

public_key! {
    /// A mint's identity: its Ed25519 public key (32 bytes).
    MintId, shown
}
public_key! {
    /// A payee's Ed25519 public key (32 bytes). It owns the account that deposits credit.
    PayeeKey, shown
}
public_key! {
    /// An account at a mint: its owner's Ed25519 public key (32 bytes).
    AccountKey, hidden
}
public_key! {
    /// An issuance id: an Ed25519 public key of its own for each issuance (32 bytes).
    IssuanceId, hidden
}
public_key! {
    /// The public key of a voucher code (32 bytes).
    VoucherKey, hidden
}

impl PayeeKey {
    /// The account that is credited for payments to this payee.
    pub const fn account(&self) -> AccountKey {
        AccountKey::from_bytes(*self.as_bytes())
    }
}

impl MintId {
    /// The mint's name as a network of x402: `farthing:` and the first 24 bytes in base64url, 32 characters, which is all that
    /// CAIP-2 leaves room for.
    ///
    /// # Security
    /// Compare it with the names of mints that are known. Nothing MUST be derived from it.
    pub fn network(&self) -> String {
        let (front, _) = self.0.split_at(24);
        alloc::format!("farthing:{}", crate::codec::to_base64url(front))
    }

    /// The payee of a swap is the mint itself.
    pub const fn as_payee(&self) -> PayeeKey {
        PayeeKey::from_bytes(*self.as_bytes())
    }
}

fn verify(key: &[u8; 32], digest: &[u8; 32], signature: &Signature) -> Result<(), InvalidSignature> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| InvalidSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(digest, &signature).map_err(|_| InvalidSignature)
}

/// An Ed25519 signature (64 bytes).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes the bytes as they are; verification decides.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

impl Encode for Signature {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for Signature {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

/// An Ed25519 key pair. Zeroized when dropped, never cloned; `Debug` shows nothing.
pub struct Keypair(SigningKey);

impl Keypair {
    /// A new key pair from the given randomness.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(secret.as_mut());
        Self::from_secret(&secret)
    }

    /// The key pair of a 32-byte secret (RFC 8032's private key).
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The 32-byte secret, to be stored encrypted.
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a 32-byte digest, which MUST come from a transcript of the object's own domain.
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        Signature(self.0.sign(digest).to_bytes())
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keypair(<redacted>)")
    }
}
