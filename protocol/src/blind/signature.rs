//! Signatures and their verification.
#![allow(non_snake_case, reason = "names follow the paper")]

use alloc::sync::Arc;
use core::fmt;

use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use merlin::Transcript;
use rand_core::CryptoRng;

use crate::amount::Denomination;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::group::{Element, FixedBases, fifth_power, nonzero_scalar_from_bytes, scalar_from_bytes};
use crate::ids::KeysetId;
use crate::transcript::{Domain, TranscriptExt, label};

/// A token's signature does not fit its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token's signature does not fit")]
pub struct InvalidToken;

/// σ = (R̄, z̄, ȳ): 96 bytes, ȳ not zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BlindSignature {
    pub(crate) R: Element,
    pub(crate) z: Scalar,
    pub(crate) y: Scalar,
}

impl BlindSignature {
    /// Length of the encoding, in bytes.
    pub const LENGTH: usize = 96;
}

impl Encode for BlindSignature {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.R);
        out.bytes(self.z.as_bytes());
        out.bytes(self.y.as_bytes());
    }
}

impl Decode for BlindSignature {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            R: input.part()?,
            z: scalar_from_bytes(input.array()?)?,
            y: nonzero_scalar_from_bytes(input.array()?)?,
        })
    }
}

impl fmt::Debug for BlindSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindSignature(<redacted>)")
    }
}

/// The public key X of one denomination of one keyset.
#[derive(Clone)]
pub struct VerificationKey {
    denomination: Denomination,
    X: Element,
    /// The same for every key of the keyset.
    bases: Arc<FixedBases>,
    /// Hsig's transcript up to X, the same for every token of this key.
    prefix: Transcript,
}

impl VerificationKey {
    pub(crate) fn new(keyset: KeysetId, denomination: Denomination, X: Element, bases: Arc<FixedBases>) -> Self {
        let mut prefix = Transcript::for_domain(Domain::BlindSignature);
        prefix.append_bytes(label::KEYSET, keyset.as_bytes());
        prefix.append_bytes(label::DENOMINATION, &[denomination.exponent()]);
        prefix.append_point(label::ISSUER_KEY, &X);
        Self { denomination, X, bases, prefix }
    }

    /// d.
    pub fn denomination(&self) -> Denomination {
        self.denomination
    }

    /// X.
    pub fn element(&self) -> &Element {
        &self.X
    }

    /// H, kept here because computing it costs two Elligator maps.
    pub(crate) fn second_generator(&self) -> &Element {
        self.bases.second_generator()
    }

    /// c̄ = Hsig(version, keyset id, d, X, P, R̄).
    pub(crate) fn challenge(&self, coin: &Element, R: &Element) -> Scalar {
        let mut transcript = self.prefix.clone();
        transcript.append_point(label::COIN, coin);
        transcript.append_point(label::SIGNATURE_R, R);
        transcript.draw_scalar(label::CHALLENGE)
    }

    /// f(c̄, ȳ) = c̄ + ȳ⁵, the coefficient of X in the verification equation.
    pub(crate) fn coefficient(&self, coin: &Element, signature: &BlindSignature) -> Scalar {
        self.challenge(coin, &signature.R) + fifth_power(&signature.y)
    }

    /// Verifies a token's signature over its coin key P, in variable time: all of it is public.
    ///
    /// # Errors
    /// [`InvalidToken`].
    pub fn verify(&self, coin: &Element, signature: &BlindSignature) -> Result<(), InvalidToken> {
        let f = self.coefficient(coin, signature);
        // R̄ + (c̄ + ȳ⁵)X = z̄G + ȳH
        let rest = self.bases.vartime_sum(-signature.z, -signature.y, f, &self.X);
        if (signature.R.point() + rest).is_identity() { Ok(()) } else { Err(InvalidToken) }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey").field("denomination", &self.denomination).finish_non_exhaustive()
    }
}

/// Verifies many tokens' signatures by one multiplication, each under a fresh secret 128-bit weight.
///
/// An error says that at least one is wrong, not which: payments are bisected by
/// [`verify_payments`](crate::payment::verify_payments).
///
/// # Errors
/// [`InvalidToken`].
pub fn verify_batch<'a, R: CryptoRng + ?Sized>(
    rng: &mut R,
    tokens: impl IntoIterator<Item = (&'a VerificationKey, &'a Element, &'a BlindSignature)>,
) -> Result<(), InvalidToken> {
    let tokens = tokens.into_iter();
    let mut batch = crate::payment::Accumulator::with_capacity(tokens.size_hint().0);
    for (key, coin, signature) in tokens {
        batch.add_token(rng, key, coin, signature);
    }
    if batch.vanishes() { Ok(()) } else { Err(InvalidToken) }
}
