//! The group ristretto255: canonical elements and scalars, and the second generator H.

use core::fmt;

use curve25519_dalek::constants::{RISTRETTO_BASEPOINT_COMPRESSED, RISTRETTO_BASEPOINT_POINT};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint, VartimeRistrettoPrecomputation};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimePrecomputedMultiscalarMul};
use sha2::{Digest, Sha512};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// The text whose SHA-512 is mapped to H. Nobody knows log_G(H).
pub const H_SEED: &[u8] = b"farthing/v1/H";

/// An element of ristretto255 that is not the identity, with its canonical 32-byte encoding.
///
/// `Debug` prints nothing of it: many elements are serials.
#[derive(Clone, Copy)]
pub struct Element {
    compressed: CompressedRistretto,
    point: RistrettoPoint,
}

impl Element {
    /// Length of the encoding, in bytes.
    pub const LENGTH: usize = 32;

    /// The generator G.
    pub fn generator() -> Self {
        Self { compressed: RISTRETTO_BASEPOINT_COMPRESSED, point: RISTRETTO_BASEPOINT_POINT }
    }

    /// The second generator, H = from_uniform_bytes(SHA-512("farthing/v1/H")).
    ///
    /// Costs two Elligator maps; whoever needs it often keeps it.
    pub fn second_generator() -> Self {
        let digest: [u8; 64] = Sha512::digest(H_SEED).into();
        let point = RistrettoPoint::from_uniform_bytes(&digest);
        Self { compressed: point.compress(), point }
    }

    /// Reads a canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalPoint`], or [`DecodeError::IdentityPoint`].
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, DecodeError> {
        let compressed = CompressedRistretto(bytes);
        if bytes == [0; 32] {
            return Err(DecodeError::IdentityPoint);
        }
        let point = compressed.decompress().ok_or(DecodeError::NonCanonicalPoint)?;
        Ok(Self { compressed, point })
    }

    /// Takes a computed point; `None` when it is the identity.
    pub fn from_point(point: RistrettoPoint) -> Option<Self> {
        if point.is_identity() { None } else { Some(Self { compressed: point.compress(), point }) }
    }

    /// A point whose encoding is known already, as from a batched compression.
    pub(crate) fn from_parts(point: RistrettoPoint, compressed: CompressedRistretto) -> Option<Self> {
        if point.is_identity() { None } else { Some(Self { compressed, point }) }
    }

    /// The public key of a secret scalar, in constant time. The scalar is never zero: see
    /// [`zero_to_one`].
    pub(crate) fn of_nonzero(secret: &Scalar) -> Self {
        let point = RistrettoPoint::mul_base(secret);
        Self { compressed: point.compress(), point }
    }

    /// The canonical encoding.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.compressed.as_bytes()
    }

    /// The point.
    pub fn point(&self) -> &RistrettoPoint {
        &self.point
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.compressed == other.compressed
    }
}

impl Eq for Element {}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of encodings as byte strings.
impl Ord for Element {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Element(<redacted>)")
    }
}

impl Encode for Element {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(self.as_bytes());
    }
}

impl Decode for Element {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::from_bytes(input.array()?)
    }
}

/// G and H with their odd multiples up to 127: at most 20 KiB, held once for all keys of a keyset.
#[allow(non_snake_case, reason = "names follow the paper")]
pub(crate) struct FixedBases {
    H: Element,
    multiples: VartimeRistrettoPrecomputation,
}

#[allow(non_snake_case, reason = "names follow the paper")]
impl FixedBases {
    pub(crate) fn new() -> Self {
        let H = Element::second_generator();
        Self { H, multiples: VartimeRistrettoPrecomputation::new([RISTRETTO_BASEPOINT_POINT, H.point]) }
    }

    pub(crate) fn second_generator(&self) -> &Element {
        &self.H
    }

    /// gG + hH + xX in variable time: for public values only.
    pub(crate) fn vartime_sum(&self, g: Scalar, h: Scalar, x: Scalar, X: &Element) -> RistrettoPoint {
        self.multiples.vartime_mixed_multiscalar_mul([g, h], [x], [X.point])
    }
}

/// Reads a canonical scalar of 32 little-endian bytes.
///
/// # Errors
/// [`DecodeError::NonCanonicalScalar`].
pub fn scalar_from_bytes(bytes: [u8; 32]) -> Result<Scalar, DecodeError> {
    Option::from(Scalar::from_canonical_bytes(bytes)).ok_or(DecodeError::NonCanonicalScalar)
}

/// Reads a canonical scalar that is not zero.
///
/// # Errors
/// [`DecodeError::NonCanonicalScalar`], or [`DecodeError::ZeroScalar`].
pub fn nonzero_scalar_from_bytes(bytes: [u8; 32]) -> Result<Scalar, DecodeError> {
    let scalar = scalar_from_bytes(bytes)?;
    if scalar == Scalar::ZERO { Err(DecodeError::ZeroScalar) } else { Ok(scalar) }
}

/// Maps zero to one and leaves every other scalar alone, in constant time.
pub(crate) fn zero_to_one(scalar: Scalar) -> Scalar {
    Scalar::conditional_select(&scalar, &Scalar::ONE, scalar.ct_eq(&Scalar::ZERO))
}

/// y⁵. Since gcd(5, ℓ − 1) = 1 this permutes the non-zero scalars.
pub(crate) fn fifth_power(y: &Scalar) -> Scalar {
    let square = y * y;
    square * square * y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_divides_the_order_minus_one_and_five_does_not() {
        // ℓ − 1 = −1 mod ℓ; its residue mod 3 and 5, from the big-endian bytes.
        let minus_one = -Scalar::ONE;
        let residue = |m: u32| minus_one.as_bytes().iter().rev().fold(0, |r, b| (r * 256 + u32::from(*b)) % m);
        assert_eq!(residue(3), 0);
        assert_ne!(residue(5), 0);
    }

    #[test]
    fn identity_and_noncanonical_are_refused() {
        assert_eq!(Element::from_bytes([0; 32]).err(), Some(DecodeError::IdentityPoint));
        assert_eq!(Element::from_bytes([0xff; 32]).err(), Some(DecodeError::NonCanonicalPoint));
        assert_eq!(scalar_from_bytes([0xff; 32]).err(), Some(DecodeError::NonCanonicalScalar));
        assert_eq!(nonzero_scalar_from_bytes([0; 32]).err(), Some(DecodeError::ZeroScalar));
    }
}
