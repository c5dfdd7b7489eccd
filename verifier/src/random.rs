//! The operating system's randomness, without any state of this process in between: of two copies of the process, as after
//! a snapshot, each draws its own claims and weights.

use rand::rngs::SysRng;
use rand_core::{Rng, UnwrapErr};

/// For weights, keys and nonces.
pub(crate) fn system_rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    system_rng().fill_bytes(&mut bytes);
    bytes
}
