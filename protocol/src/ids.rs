//! Ids and other opaque fixed-length values, each its own type.

use merlin::Transcript;
use subtle::ConstantTimeEq;

use crate::transcript::{Domain, TranscriptExt, label};

/// `shown` ids print in base64url; `hidden` ones (they link a payment to something) print nothing in `Debug`.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $length:literal, $visibility:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Length in bytes.
            pub const LENGTH: usize = $length;

            /// Takes the bytes as they are.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// Reads the base64url form.
            ///
            /// # Errors
            /// [`crate::codec::DecodeError::NonCanonicalText`] for another alphabet or length.
            pub fn from_text(text: &str) -> Result<Self, $crate::codec::DecodeError> {
                $crate::codec::from_base64url(text)?
                    .try_into()
                    .map(Self)
                    .map_err(|_| $crate::codec::DecodeError::NonCanonicalText)
            }

            /// The base64url form, without padding.
            pub fn to_text(&self) -> alloc::string::String {
                $crate::codec::to_base64url(&self.0)
            }
        }

        impl $crate::codec::Encode for $name {
            fn encode_to(&self, out: &mut $crate::codec::Writer) {
                out.bytes(&self.0);
            }
        }

        impl $crate::codec::Decode for $name {
            fn decode_from(input: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::DecodeError> {
                input.array().map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_text())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::codec::base64url_in(deserializer)?
                    .try_into()
                    .map(Self)
                    .map_err(|_| $crate::codec::malformed($crate::codec::DecodeError::NonCanonicalText))
            }
        }

        id_type!(@debug $name $visibility);
    };
    (@debug $name:ident shown) => {
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.to_text())
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.to_text())
            }
        }
    };
    (@debug $name:ident hidden) => {
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }
    };
}
pub(crate) use id_type;

id_type! {
    /// Id of a keyset: the hash of everything in it (32 bytes). Never shortened for deriving anything.
    KeysetId, 32, shown
}
id_type! {
    /// Id of a payment (32 bytes): which tokens, for which request, to whom, how much.
    PaymentId, 32, hidden
}
id_type! {
    /// Hash of an invoice or offer, or H(issuance id) for a swap (32 bytes).
    RequestHash, 32, hidden
}
id_type! {
    /// What funds an issuance, as one hash (32 bytes); unique in the mint's ledger.
    FundingId, 32, hidden
}
id_type! {
    /// D, the digest that the issuance key and the funding sign (32 bytes).
    IssuanceDigest, 32, hidden
}
id_type! {
    /// What the owner of an account signs to ask for a payout (32 bytes).
    PayoutDigest, 32, hidden
}
id_type! {
    /// Random value by which a verifier recognises its own deposit (32 bytes).
    Claim, 32, hidden
}
id_type! {
    /// Stays the same for an account's withdrawal and its replacements (16 bytes).
    OperationId, 16, hidden
}
id_type! {
    /// Nonce of an invoice or offer (16 bytes).
    RequestNonce, 16, hidden
}
id_type! {
    /// Which running mint process a session belongs to (16 bytes).
    InstanceId, 16, shown
}
id_type! {
    /// Binding of an invoice to one HTTP request (32 bytes).
    HttpBinding, 32, hidden
}

impl Claim {
    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl HttpBinding {
    /// Binds method, URL and body: the hash of the method in capitals, the URL as the payee's configured
    /// origin followed by the raw path and query, and the body's bytes.
    pub fn new(method: &str, url: &str, body: &[u8]) -> Self {
        let mut transcript = Transcript::for_domain(Domain::HttpBinding);
        transcript.append_bytes(label::METHOD, method.as_bytes());
        transcript.append_bytes(label::URL, url.as_bytes());
        transcript.append_bytes(label::BODY, body);
        Self(transcript.draw_bytes(label::OUTPUT))
    }
}
