//! Keys at rest: encrypted under a passphrase or a key file, each file bound to its purpose.

mod error;
mod files;
mod sealed;

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use error::KeyError;
pub(crate) use files::{create_folder, write_new};
pub(crate) use sealed::{seal, unseal};

/// A passphrase. Zeroized when dropped; `Debug` shows nothing.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes a passphrase as it was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
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

/// What opens the mint's keys.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// A passphrase.
    Passphrase(Passphrase),
    /// A file of 32 random bytes that nobody but its owner can read.
    KeyFile(PathBuf),
}

/// How new keys are protected.
#[derive(Clone, Debug)]
pub enum Protection {
    /// By a passphrase, stretched with Argon2id.
    Passphrase {
        /// The passphrase.
        passphrase: Passphrase,
        /// What a guess costs.
        cost: Cost,
    },
    /// By a key file, which is created with mode 0600 if it is missing.
    KeyFile(PathBuf),
}

impl Protection {
    /// A passphrase at the default cost.
    pub fn passphrase(passphrase: Passphrase) -> Self {
        Self::Passphrase { passphrase, cost: Cost::default() }
    }

    /// What opens keys protected like this.
    pub fn unlock(&self) -> Unlock {
        match self {
            Self::Passphrase { passphrase, .. } => Unlock::Passphrase(passphrase.clone()),
            Self::KeyFile(path) => Unlock::KeyFile(path.clone()),
        }
    }

    /// Creates the key file if it is missing.
    pub(crate) fn prepare(&self) -> Result<(), KeyError> {
        match self {
            Self::Passphrase { passphrase, .. } if passphrase.as_bytes().is_empty() => Err(KeyError::EmptyPassphrase),
            Self::Passphrase { .. } => Ok(()),
            Self::KeyFile(path) if path.try_exists()? => read_key_file(path).map(drop),
            Self::KeyFile(path) => {
                let key = Zeroizing::new(crate::random::<32>());
                write_new(path, key.as_slice()).map_err(KeyError::Io)
            }
        }
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

/// The 32 bytes of a key file.
pub(crate) fn read_key_file(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    files::refuse_if_readable_by_others(path)?;
    let bytes = Zeroizing::new(std::fs::read(path)?);
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::NoKeyFile)?;
    Ok(Zeroizing::new(key))
}
