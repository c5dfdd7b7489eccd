//! The wallet's side: blinding derived from the seed and everything the mint chose, checks, unblinding.
#![allow(non_snake_case, reason = "names follow the paper")]

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, MultiscalarMul, VartimeMultiscalarMul};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::messages::{Challenge, Commitment, Response};
use super::signature::{BlindSignature, VerificationKey, verify_batch};
use crate::derive::{BlindingRoot, BlindingScalars, CoinContext, Seed};
use crate::group::{Element, fifth_power};

/// What a mint did wrong while signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnblindError {
    /// The session has an A or B twice.
    #[error("the mint repeated a commitment")]
    RepeatedCommitment,
    /// There are more or fewer commitments or responses than tokens.
    #[error("the mint answered for another number of tokens")]
    WrongCount,
    /// B ≠ bG + yH or zG ≠ A + (c + y⁵)X.
    #[error("the mint's response does not fit its commitment")]
    WrongResponse,
    /// The unblinded signature does not verify.
    #[error("the unblinded signature does not verify")]
    InvalidSignature,
}

/// A token for which a challenge went out and a response is awaited.
///
/// It is never stored: seed, context and commitment derive it again.
#[derive(ZeroizeOnDrop)]
pub struct AwaitingResponse {
    scalars: BlindingScalars,
    c: Scalar,
    #[zeroize(skip)]
    R: Element,
    #[zeroize(skip)]
    coin: Element,
    #[zeroize(skip)]
    commitment: Commitment,
}

impl AwaitingResponse {
    /// Blinds the coin key P for a commitment of the mint.
    ///
    /// ρ, and so α, r and β, depend on everything the mint chose: seed, keyset, d, X, n, position, P, A and B.
    pub fn new(
        seed: &Seed,
        context: &CoinContext,
        key: &VerificationKey,
        coin: Element,
        commitment: Commitment,
    ) -> (Self, Challenge) {
        let rho = seed.blinding_root(context, key, &coin, &commitment);
        Self::from_root(&rho, context, key, coin, commitment)
    }

    /// The same from ρ alone, which is what recoup reveals: whoever has it computes what its holder computed.
    pub(crate) fn from_root(
        rho: &BlindingRoot,
        context: &CoinContext,
        key: &VerificationKey,
        coin: Element,
        commitment: Commitment,
    ) -> (Self, Challenge) {
        let scalars = rho.scalars(context, key, &coin, &commitment);
        Self::with_scalars(scalars, key, coin, commitment)
    }

    fn with_scalars(
        scalars: BlindingScalars,
        key: &VerificationKey,
        coin: Element,
        commitment: Commitment,
    ) -> (Self, Challenge) {
        let BlindingScalars { alpha, r, beta } = &scalars;
        let alpha5 = fifth_power(alpha);
        // R̄ = rG + α⁵A + α⁵βX + αB
        let R = RistrettoPoint::multiscalar_mul(
            [*r, alpha5, alpha5 * beta, *alpha],
            [RISTRETTO_BASEPOINT_POINT, *commitment.A.point(), *key.element().point(), *commitment.B.point()],
        );
        // R̄ is the identity with probability 2⁻²⁵²: G then stands in, and unblinding refuses.
        let R = Element::from_point(R).unwrap_or_else(Element::generator);
        // c = c̄·α⁻⁵ + β
        let c = key.challenge(&coin, &R) * fifth_power(&alpha.invert()) + beta;
        (Self { scalars, c, R, coin, commitment }, Challenge(c))
    }

    /// The coin key P.
    pub fn coin(&self) -> &Element {
        &self.coin
    }

    /// c, as sent or to be sent.
    pub fn challenge(&self) -> Challenge {
        Challenge(self.c)
    }

    /// Unblinds one response after checking it (section 2, step 4).
    ///
    /// # Errors
    /// [`UnblindError::WrongResponse`] or [`UnblindError::InvalidSignature`].
    pub fn unblind(self, key: &VerificationKey, response: &Response) -> Result<BlindSignature, UnblindError> {
        let Response { b, y, z } = response;
        let G = RISTRETTO_BASEPOINT_POINT;
        // B = bG + yH
        let first = RistrettoPoint::vartime_multiscalar_mul([*b, *y], [G, *key.second_generator().point()]);
        // zG = A + (c + y⁵)X, checked as zG − (c + y⁵)X = A
        let f = self.c + fifth_power(y);
        let second = RistrettoPoint::vartime_multiscalar_mul([*z, -f], [G, *key.element().point()]);
        if first != *self.commitment.B.point() || second != *self.commitment.A.point() {
            return Err(UnblindError::WrongResponse);
        }
        let signature = self.apply(response);
        key.verify(&self.coin, &signature).map_err(|_| UnblindError::InvalidSignature)?;
        Ok(signature)
    }

    /// z̄ = r + α⁵z + αb, ȳ = αy
    fn apply(&self, response: &Response) -> BlindSignature {
        let BlindingScalars { alpha, r, .. } = &self.scalars;
        BlindSignature { R: self.R, z: r + fifth_power(alpha) * response.z + alpha * response.b, y: alpha * response.y }
    }
}

impl fmt::Debug for AwaitingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitingResponse(<redacted>)")
    }
}

/// Requires that no A and no B stands twice in a session, and none as both.
///
/// # Errors
/// [`UnblindError::RepeatedCommitment`].
pub fn check_commitments(commitments: &[Commitment]) -> Result<(), UnblindError> {
    let all: BTreeSet<&Element> = commitments.iter().flat_map(|c| [&c.A, &c.B]).collect();
    if all.len() == commitments.len().saturating_mul(2) { Ok(()) } else { Err(UnblindError::RepeatedCommitment) }
}

/// Checks many responses by one multiplication, with an independent secret 128-bit weight for each of the
/// two equations of each response, unblinds them, and verifies the signatures by another.
///
/// The weights are drawn here, from `rng`, when everything is decoded already.
///
/// # Errors
/// An [`UnblindError`]; then no token is to be used.
pub fn unblind_all<R: CryptoRng + ?Sized>(
    rng: &mut R,
    tokens: Vec<(&VerificationKey, AwaitingResponse)>,
    responses: &[Response],
) -> Result<Vec<BlindSignature>, UnblindError> {
    if tokens.len() != responses.len() {
        return Err(UnblindError::WrongCount);
    }
    let Some((first, _)) = tokens.first() else { return Ok(Vec::new()) };
    let mut scalars = Vec::with_capacity(tokens.len().saturating_mul(3).saturating_add(2));
    let mut points = Vec::with_capacity(scalars.capacity());
    let (mut sum_G, mut sum_H) = (Scalar::ZERO, Scalar::ZERO);
    for ((key, token), response) in tokens.iter().zip(responses) {
        let Response { b, y, z } = response;
        let (v, w) = (weight(rng), weight(rng));
        // v(bG + yH − B) = 0
        sum_G += v * b;
        sum_H += v * y;
        scalars.push(-v);
        points.push(*token.commitment.B.point());
        // w(zG − A − (c + y⁵)X) = 0
        sum_G += w * z;
        scalars.push(-w);
        points.push(*token.commitment.A.point());
        scalars.push(-w * (token.c + fifth_power(y)));
        points.push(*key.element().point());
    }
    scalars.extend([sum_G, sum_H]);
    points.extend([RISTRETTO_BASEPOINT_POINT, *first.second_generator().point()]);
    if !RistrettoPoint::vartime_multiscalar_mul(&scalars, &points).is_identity() {
        return Err(UnblindError::WrongResponse);
    }
    let signatures: Vec<BlindSignature> =
        tokens.iter().zip(responses).map(|((_, token), response)| token.apply(response)).collect();
    let items = tokens.iter().zip(&signatures).map(|((key, token), signature)| (*key, &token.coin, signature));
    verify_batch(rng, items).map_err(|_| UnblindError::InvalidSignature)?;
    Ok(signatures)
}

/// A secret 128-bit weight that is not zero.
pub(crate) fn weight<R: CryptoRng + ?Sized>(rng: &mut R) -> Scalar {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    let weight = u128::from_le_bytes(bytes).max(1);
    bytes.zeroize();
    Scalar::from(weight)
}
