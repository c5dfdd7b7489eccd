//! Perfect blindness, so that it can be seen: every record fits every token.
#![allow(non_snake_case, reason = "names follow the paper")]

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::VartimeMultiscalarMul;

use super::messages::{Challenge, Commitment, Response};
use super::signature::{BlindSignature, VerificationKey};
use crate::group::{Element, fifth_power};

/// Whether blinding scalars (α, r, β) exist with which a session of the mint, everything of it known, would have become
/// this token.
///
/// For every valid session and every valid token of one key there is exactly one such triple: whoever sees both, with
/// whatever computing power, learns nothing of which session a token came from. This is why revealing the scalars
/// would prove nothing either (section 10).
pub fn fits(
    key: &VerificationKey,
    session: (&Commitment, &Challenge, &Response),
    coin: &Element,
    signature: &BlindSignature,
) -> bool {
    let (Commitment { A, B }, Challenge(c), Response { b, y, z }) = session;
    // ȳ = αy, z̄ = r + α⁵z + αb, c = c̄·α⁻⁵ + β, solved for α, r and β.
    let alpha = signature.y * y.invert();
    let alpha5 = fifth_power(&alpha);
    let r = signature.z - alpha5 * z - alpha * b;
    let beta = c - key.challenge(coin, &signature.R) * alpha5.invert();
    // R̄ = rG + α⁵A + α⁵βX + αB
    let R = RistrettoPoint::vartime_multiscalar_mul(
        [r, alpha5, alpha5 * beta, alpha],
        [RISTRETTO_BASEPOINT_POINT, *A.point(), *key.element().point(), *B.point()],
    );
    R == *signature.R.point()
}
