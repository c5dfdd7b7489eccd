//! What mint and wallet send each other while a token is signed.
#![allow(non_snake_case, reason = "names follow the paper")]

use core::fmt;

use curve25519_dalek::scalar::Scalar;

use crate::amount::UnixTime;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::group::{Element, nonzero_scalar_from_bytes, scalar_from_bytes};
use crate::ids::id_type;

/// Mint to wallet: (A, B), 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Commitment {
    pub(crate) A: Element,
    pub(crate) B: Element,
}

/// Wallet to mint: c, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge(pub(crate) Scalar);

/// Mint to wallet: (b, y, z), 96 bytes, y not zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Response {
    pub(crate) b: Scalar,
    pub(crate) y: Scalar,
    pub(crate) z: Scalar,
}

impl Encode for Commitment {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.A);
        out.part(&self.B);
    }
}

impl Decode for Commitment {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { A: input.part()?, B: input.part()? })
    }
}

impl Encode for Challenge {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(self.0.as_bytes());
    }
}

impl Decode for Challenge {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        scalar_from_bytes(input.array()?).map(Self)
    }
}

impl Encode for Response {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(self.b.as_bytes());
        out.bytes(self.y.as_bytes());
        out.bytes(self.z.as_bytes());
    }
}

impl Decode for Response {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            b: scalar_from_bytes(input.array()?)?,
            y: nonzero_scalar_from_bytes(input.array()?)?,
            z: scalar_from_bytes(input.array()?)?,
        })
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commitment(<redacted>)")
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(<redacted>)")
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response(<redacted>)")
    }
}

id_type! {
    /// Id of an issuance session: 32 bytes of randomness ‖ expiry (8) ‖ MAC (32).
    SessionId, 72, hidden
}
id_type! {
    /// MAC over a session's commitments (32 bytes), so that the mint need not compute them again when they
    /// come back.
    SessionSeal, 32, hidden
}

impl SessionId {
    pub(crate) fn assemble(randomness: &[u8; 32], expires_at: UnixTime, mac: &[u8; 32]) -> Self {
        let mut bytes = [0; 72];
        let (head, rest) = bytes.split_at_mut(32);
        let (middle, tail) = rest.split_at_mut(8);
        head.copy_from_slice(randomness);
        middle.copy_from_slice(&expires_at.seconds().to_le_bytes());
        tail.copy_from_slice(mac);
        Self::from_bytes(bytes)
    }

    pub(crate) fn parts(&self) -> ([u8; 32], UnixTime, [u8; 32]) {
        let mut input = Reader::new(self.as_bytes());
        // 72 bytes hold 32 + 8 + 32.
        let randomness = input.array().unwrap_or_default();
        let expires_at = UnixTime::from_seconds(input.u64().unwrap_or_default());
        (randomness, expires_at, input.array().unwrap_or_default())
    }

    /// When the session ends. What a session id says is believed only after its MAC was checked.
    pub fn expires_at(&self) -> UnixTime {
        self.parts().1
    }
}
