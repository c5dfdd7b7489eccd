//! Secrets in files: sealed under a passphrase or a key, each bound to its purpose, written whole and durably.
//!
//! Mint and wallet share it; it knows nothing of either. [`seal`] and [`unseal`] make and read the bytes of a file, [`files`] puts
//! them on the disk. [`ValueKey`] and [`HashKey`] are for stores that seal many values under a key from such a file.
//!
//! # Security
//! Without its passphrase or key a sealed file gives away its purpose, its length and what a guess costs. Each byte of it is
//! authenticated. A passphrase is as strong as it is hard to guess: [`Cost`] makes a guess expensive, not impossible.

pub mod files;
mod format;
mod values;

use std::fmt;

use rand::rngs::SysRng;
use rand_core::{Rng, UnwrapErr};
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use format::{protection, seal, unseal};
pub use values::{HashKey, OVERHEAD, ValueKey};

/// A passphrase, byte for byte as it was typed. Zeroized when dropped; `Debug` shows nothing.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes a passphrase as it was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(<redacted>)")
    }
}

/// What a guess at a passphrase costs (Argon2id).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// The least that is advised for real use: 19 MiB and two passes.
    pub const LEAST_ADVISED: Self = Self { memory_kib: 19 << 10, passes: 2, lanes: 1 };
}

impl Default for Cost {
    /// 64 MiB and three passes.
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 1 }
    }
}

/// What a new file is sealed under.
#[derive(Clone, Copy)]
pub enum Lock<'a> {
    /// A passphrase.
    Passphrase(&'a Passphrase, Cost),
    /// A random key.
    Key(&'a [u8; 32]),
    /// Nothing: the secret lies there for everybody who can read the file, and the file says so.
    Nothing,
}

/// What is at hand to unseal a file.
#[derive(Clone, Copy)]
pub enum Unlock<'a> {
    /// A passphrase.
    Passphrase(&'a Passphrase),
    /// A key.
    Key(&'a [u8; 32]),
    /// Nothing.
    Nothing,
}

/// How a file says that it is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// By a passphrase.
    Passphrase,
    /// By a key.
    Key,
    /// Not at all.
    Nothing,
}

impl Unlock<'_> {
    /// The protection that it fits.
    pub fn protection(&self) -> Protection {
        match self {
            Self::Passphrase(_) => Protection::Passphrase,
            Self::Key(_) => Protection::Key,
            Self::Nothing => Protection::Nothing,
        }
    }
}

/// Why bytes could not be sealed or unsealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealedError {
    /// The passphrase or key does not open it, or bytes of it were changed.
    #[error("the passphrase or key does not open the file, or the file was changed")]
    WrongSecret,
    /// It is protected in another way than the one tried.
    #[error("the file is protected in another way")]
    Protected(Protection),
    /// It was sealed for another purpose.
    #[error("the file is of another purpose")]
    Exchanged,
    /// It is not a sealed file of this version.
    #[error("the file is damaged, or of another version")]
    Damaged,
    /// The cost is outside of what this version computes.
    #[error("the cost of the passphrase is out of range")]
    Cost,
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Randomness,
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Passphrase::new("correct horse")), "Passphrase(<redacted>)");
    }
}
