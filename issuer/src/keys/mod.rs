//! Keys at rest: encrypted under a passphrase or a key file, each file bound to its purpose.

mod error;
mod folder;
mod sealed;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use error::KeyError;
pub(crate) use farthing_sealed::files::{create_folder, write_new};
pub use farthing_sealed::{Cost, Passphrase};
pub(crate) use folder::KeyFolder;
pub(crate) use sealed::{seal, unseal};

/// What opens the mint's keys.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// A passphrase.
    Passphrase(Passphrase),
    /// A file of 32 random bytes that nobody but its owner can read.
    KeyFile(PathBuf),
}

impl Unlock {
    /// How new keys are protected so that this opens them.
    pub(crate) fn protection(&self) -> Protection {
        match self {
            Self::Passphrase(passphrase) => Protection::passphrase(passphrase.clone()),
            Self::KeyFile(path) => Protection::KeyFile(path.clone()),
        }
    }
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
            Self::Passphrase { passphrase, .. } if passphrase.is_empty() => Err(KeyError::EmptyPassphrase),
            Self::Passphrase { .. } => Ok(()),
            Self::KeyFile(path) if path.try_exists()? => read_key_file(path).map(drop),
            Self::KeyFile(path) => {
                let key = Zeroizing::new(crate::random::<32>());
                write_new(path, key.as_slice()).map_err(KeyError::Io)
            }
        }
    }
}

/// The 32 bytes of a key file.
pub(crate) fn read_key_file(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    refuse_if_readable_by_others(path)?;
    let bytes = Zeroizing::new(std::fs::read(path)?);
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::NoKeyFile)?;
    Ok(Zeroizing::new(key))
}

fn refuse_if_readable_by_others(path: &Path) -> Result<(), KeyError> {
    if std::fs::metadata(path)?.permissions().mode() & 0o077 == 0 { Ok(()) } else { Err(KeyError::ReadableByOthers) }
}
