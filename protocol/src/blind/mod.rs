//! The blind signature (protocol section 2): plain Snowblind with f(c, y) = c + y⁵.
//!
//! ```text
//! mint                                wallet
//! a, b ← Z_ℓ, y ← Z_ℓ*
//! A = aG, B = bG + yH      (A, B) →   α ← Z_ℓ*, r, β ← Z_ℓ
//!                                     R̄ = rG + α⁵A + α⁵βX + αB
//!                                     c̄ = Hsig(keyset, d, X, P, R̄)
//!                          ← c        c = c̄·α⁻⁵ + β
//! z = a + (c + y⁵)x        (b, y, z) →  y ≠ 0, B = bG + yH, zG = A + (c + y⁵)X
//!                                     z̄ = r + α⁵z + αb, ȳ = αy, σ = (R̄, z̄, ȳ)
//! ```
//!
//! [`mint`] holds the signing side, [`wallet`] the asking side, [`messages`] what passes between them,
//! [`BlindSignature`] and [`VerificationKey`] what anyone verifies.

mod blindness;
pub mod messages;
pub mod mint;
mod signature;
pub mod wallet;

pub use blindness::fits;
pub use messages::{Challenge, Commitment, Response, SessionId, SessionSeal};
pub use signature::{BlindSignature, InvalidToken, VerificationKey, verify_batch};
