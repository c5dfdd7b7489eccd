//! The key under which the secrets of second factors lie in the ledger.
//!
//! It is in a file of its own in the mint's folder, and opens without a passphrase: codes are judged while nobody is there. Copies of the ledger
//! do not hold it, so that whoever has one, or asks the running mint for one, reads no secret in it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use farthing_protocol::api::FactorSecret;
use farthing_sealed::{OVERHEAD, ValueKey};
use zeroize::Zeroizing;

use super::{KeyError, read_key_file, write_new};

/// The file's name in the mint's folder.
pub(crate) const FACTORS: &str = "factors.key";

/// A secret of a second factor as it lies in the ledger: 61 bytes.
pub(crate) type SealedFactor = [u8; FactorSecret::LENGTH + OVERHEAD];

/// The key, as far as it is there. Clones share it.
#[derive(Clone)]
pub(crate) struct FactorKey {
    path: PathBuf,
    key: Arc<Mutex<Option<ValueKey>>>,
}

impl FactorKey {
    /// That of a mint's folder. It may be missing: then one is made for the next secret.
    ///
    /// # Errors
    /// A [`KeyError`] when there is a file that is no key, or that others can read.
    pub(crate) fn open(folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join(FACTORS);
        let key = if path.try_exists()? { Some(ValueKey::new(&*read_key_file(&path)?)) } else { None };
        Ok(Self { path, key: Arc::new(Mutex::new(key)) })
    }

    /// Makes the key of a new mint. When this returns, it is durable.
    pub(crate) fn create(folder: &Path) -> Result<(), KeyError> {
        make(&folder.join(FACTORS)).map(drop)
    }

    /// Seals the secret of one holder. A key that is missing is made, and durable before this returns.
    pub(crate) fn seal(&self, holder: &[u8], secret: &FactorSecret) -> Result<SealedFactor, KeyError> {
        let mut key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        let key = match &mut *key {
            Some(key) => key,
            missing => missing.insert(make(&self.path)?),
        };
        let sealed = key.seal(&place(holder), secret.as_bytes())?;
        sealed.try_into().map_err(|_| KeyError::Damaged)
    }

    /// The secret of one holder; nothing if it was sealed under another key, or the key is lost.
    pub(crate) fn unseal(&self, holder: &[u8], sealed: &SealedFactor) -> Option<FactorSecret> {
        let key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = key.as_ref()?.unseal(&place(holder), sealed).ok()?;
        secret.as_slice().try_into().ok().map(FactorSecret::from_bytes)
    }
}

fn make(path: &Path) -> Result<ValueKey, KeyError> {
    let key = Zeroizing::new(crate::random::<32>());
    write_new(path, key.as_slice())?;
    Ok(ValueKey::new(&key))
}

fn place(holder: &[u8]) -> Vec<u8> {
    [b"factor/".as_slice(), holder].concat()
}

/// The 32 bytes of the key in a mint's folder, if it is there.
pub(super) fn read(folder: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, KeyError> {
    let path = folder.join(FACTORS);
    if path.try_exists()? { read_key_file(&path).map(Some) } else { Ok(None) }
}

/// Puts a key into a mint's folder that has none. One that is there stays: secrets may lie under it.
pub(super) fn put_back(folder: &Path, key: &[u8]) -> Result<(), KeyError> {
    if key.len() != 32 {
        return Err(KeyError::Damaged);
    }
    match write_new(&folder.join(FACTORS), key) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        written => Ok(written?),
    }
}

impl fmt::Debug for FactorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_secret_opens_for_its_holder_under_the_key_that_it_was_sealed_under() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (FactorSecret::from_bytes([1; 20]), FactorSecret::from_bytes([2; 20]));
        let key = FactorKey::open(folder.path()).unwrap();
        let sealed = key.seal(b"a", &one).unwrap();
        assert_eq!(key.unseal(b"a", &sealed), Some(one.clone()));
        assert_eq!(key.unseal(b"b", &sealed), None);
        // Opened again it is the same; where it is lost another is made, and what lay under the first one is lost with it.
        let again = FactorKey::open(folder.path()).unwrap();
        assert_eq!(again.unseal(b"a", &sealed), Some(one.clone()));
        let kept = read(folder.path()).unwrap().unwrap();
        std::fs::remove_file(folder.path().join(FACTORS)).unwrap();
        let lost = FactorKey::open(folder.path()).unwrap();
        assert_eq!(lost.unseal(b"a", &sealed), None);
        let other = lost.seal(b"b", &two).unwrap();
        assert_eq!((lost.unseal(b"a", &sealed), lost.unseal(b"b", &other)), (None, Some(two)));
        // What is there is not overwritten; what is missing is put back.
        put_back(folder.path(), kept.as_slice()).unwrap();
        assert_eq!(FactorKey::open(folder.path()).unwrap().unseal(b"a", &sealed), None);
        std::fs::remove_file(folder.path().join(FACTORS)).unwrap();
        put_back(folder.path(), kept.as_slice()).unwrap();
        assert_eq!(FactorKey::open(folder.path()).unwrap().unseal(b"a", &sealed), Some(one));
    }

    #[test]
    fn a_key_that_others_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        FactorKey::open(folder.path()).unwrap().seal(b"a", &FactorSecret::from_bytes([1; 20])).unwrap();
        let path = folder.path().join(FACTORS);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(FactorKey::open(folder.path()), Err(KeyError::ReadableByOthers)));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, [1; 31]).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(FactorKey::open(folder.path()), Err(KeyError::NoKeyFile)));
    }
}
