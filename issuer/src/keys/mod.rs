//! Keys at rest: encrypted under a passphrase or a key file, each file bound to its purpose.

mod change;
mod error;
mod factors;
mod folder;
mod home;
mod sealed;

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

#[doc(hidden)]
pub use change::ExchangeStep;
pub use error::KeyError;
pub(crate) use factors::{FACTORS, FactorKey, SealedFactor};
pub(crate) use farthing_sealed::files::{create_folder, replace, sync_folder, write_new};
pub use farthing_sealed::{Cost, Passphrase};
pub(crate) use folder::KeyFolder;
pub use home::{KeyHome, KeysHandled};
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
    if !is_private(path)? {
        return Err(KeyError::ReadableByOthers);
    }
    let bytes = farthing_sealed::files::read_short(path, 32).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => KeyError::NoKeyFile,
        _ => error.into(),
    })?;
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::NoKeyFile)?;
    Ok(Zeroizing::new(key))
}

/// Whether nobody but its owner reads a file with a secret.
pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    is_private_beside(path, credentials.as_deref())
}

/// systemd gives a service its credentials in a folder of their own, in memory, each owned by root and readable by the service's user through
/// an access list: the group's bits then stand for that list. Nobody else gets into the folder.
fn is_private_beside(path: &Path, credentials: Option<&Path>) -> io::Result<bool> {
    let found = std::fs::metadata(path)?;
    let is_credential = found.uid() == 0
        && credentials.is_some_and(|folder| folder.is_absolute() && path.parent().is_some_and(|own| own == folder));
    let allowed = if is_credential { 0o440 } else { 0o700 };
    let mode = found.permissions().mode() & 0o777;
    Ok(mode & !allowed & 0o077 == 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_credential_of_systemd_may_be_read_through_its_access_list() {
        let (credentials, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let [own, other] = [&credentials, &elsewhere].map(|folder| folder.path().join("key"));
        for (path, mode, plain, credential) in [
            (&own, 0o400, true, true),
            (&own, 0o600, true, true),
            (&own, 0o440, false, true),
            (&own, 0o640, false, true),
            (&own, 0o460, false, false),
            (&own, 0o444, false, false),
            (&own, 0o404, false, false),
            (&other, 0o400, true, true),
            (&other, 0o440, false, false),
        ] {
            let _fresh = std::fs::remove_file(path);
            std::fs::write(path, [1; 32]).unwrap();
            std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            let is_root = std::fs::metadata(path).unwrap().uid() == 0;
            assert_eq!(is_private_beside(path, None).unwrap(), plain, "{mode:o}");
            let taken = is_private_beside(path, Some(credentials.path())).unwrap();
            // Only what root has made counts as a credential.
            assert_eq!(taken, if is_root { credential } else { plain }, "{mode:o}");
        }
    }
}
