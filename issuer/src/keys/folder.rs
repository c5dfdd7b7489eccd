//! The folder of a mint's secret keys: `identity.key`, `keyset-<id>.key`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, SecretKeyset};
use zeroize::Zeroizing;

use super::{KeyError, Protection, Unlock, create_folder, seal, sync_folder, unseal, write_new};
use crate::home::ProtectionKind;

pub(super) const IDENTITY: &str = "identity";

/// Where a mint's secret keys lie, each in a file of its own, encrypted and bound to its purpose.
#[derive(Clone, Debug)]
pub(crate) struct KeyFolder {
    pub(super) folder: PathBuf,
    pub(super) mint: MintId,
}

impl KeyFolder {
    pub(crate) fn new(folder: PathBuf, mint: MintId) -> Self {
        Self { folder, mint }
    }

    pub(crate) fn create(&self) -> Result<(), KeyError> {
        Ok(create_folder(&self.folder)?)
    }

    pub(crate) fn store_identity(&self, protection: &Protection, identity: &Keypair) -> Result<(), KeyError> {
        self.store_secret(protection, IDENTITY, identity.secret().as_slice())
    }

    pub(crate) fn load_identity(&self, unlock: &Unlock) -> Result<Keypair, KeyError> {
        let bytes = self.load_secret(unlock, IDENTITY)?;
        let secret: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.as_slice().try_into().map_err(|_| KeyError::Damaged)?);
        let identity = Keypair::from_secret(&secret);
        if MintId::from(&identity) == self.mint { Ok(identity) } else { Err(KeyError::Exchanged) }
    }

    /// Stores the secret keys of a keyset. They are durable when this returns.
    pub(crate) fn store_keyset(&self, protection: &Protection, secret: &SecretKeyset) -> Result<(), KeyError> {
        self.store_secret(protection, &name_of(secret.keyset()), &secret.to_bytes())
    }

    pub(crate) fn load_keyset(&self, unlock: &Unlock, keyset: &Keyset) -> Result<SecretKeyset, KeyError> {
        let bytes = self.load_secret(unlock, &name_of(keyset.id()))?;
        SecretKeyset::from_bytes(&bytes, keyset).map_err(|_| KeyError::Exchanged)
    }

    /// Removes the secret keys of a keyset, if they are there. Durable when this returns.
    pub(crate) fn remove_keyset(&self, keyset: &KeysetId) -> Result<(), KeyError> {
        self.finish()?;
        match fs::remove_file(self.file(&name_of(keyset))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
        Ok(sync_folder(&self.folder)?)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Those files that are not there of the identity's and these keysets' keys. None is read.
    pub(crate) fn missing<'a>(&self, keysets: impl Iterator<Item = &'a KeysetId>) -> Vec<PathBuf> {
        let names = std::iter::once(IDENTITY.to_owned()).chain(keysets.map(name_of));
        names.map(|name| self.file(&name)).filter(|path| !path.is_file()).collect()
    }

    /// What the files say that protects them; nothing if there are none.
    pub(crate) fn protection(&self) -> Option<ProtectionKind> {
        self.finish().ok()?;
        let bytes = fs::read(self.file(IDENTITY)).ok()?;
        match farthing_sealed::protection(&bytes).ok()? {
            farthing_sealed::Protection::Passphrase => Some(ProtectionKind::Passphrase),
            farthing_sealed::Protection::Key => Some(ProtectionKind::KeyFile),
            farthing_sealed::Protection::Nothing => None,
        }
    }

    /// Copies every key file of another folder that is missing here, encrypted as it is. They are durable when this returns.
    ///
    /// # Errors
    /// A [`KeyError`]: [`KeyError::Exchanged`] when another secret lies here under the same name; and what tells that one secret does not open
    /// all of them. Nothing was copied then.
    pub(crate) fn complete_from(&self, other: &Self, unlock: &Unlock) -> Result<(), KeyError> {
        self.create()?;
        let mut missing = Vec::new();
        for name in other.names()? {
            let theirs = fs::read(other.file(&name))?;
            if !self.file(&name).try_exists()? {
                other.load_secret(unlock, &name)?;
                missing.push((name, theirs));
            } else if fs::read(self.file(&name))? != theirs
                && *self.load_secret(unlock, &name)? != *other.load_secret(unlock, &name)?
            {
                return Err(KeyError::Exchanged);
            }
        }
        missing.iter().try_for_each(|(name, bytes)| Ok(write_new(&self.file(name), bytes)?))
    }

    /// Whether a secret lies here under a name.
    pub(crate) fn holds(&self, name: &str) -> Result<bool, KeyError> {
        self.finish()?;
        Ok(self.file(name).try_exists()?)
    }

    /// Removes the folder and everything in it.
    pub(crate) fn remove(&self) -> Result<(), KeyError> {
        self.settle()?;
        if self.folder.try_exists()? {
            fs::remove_dir_all(&self.folder)?;
        }
        Ok(self.folder.parent().map_or(Ok(()), sync_folder)?)
    }

    /// The names of all secrets that lie here.
    pub(crate) fn names(&self) -> Result<Vec<String>, KeyError> {
        self.finish()?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "key")
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The name of the file of a keyset's secret keys.
    pub(crate) fn file_name(keyset: &KeysetId) -> String {
        format!("{}.key", name_of(keyset))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// Stores a secret under a name. It is durable when this returns.
    pub(crate) fn store_secret(&self, protection: &Protection, name: &str, secret: &[u8]) -> Result<(), KeyError> {
        let bytes = seal(protection, &self.purpose(name), secret)?;
        Ok(write_new(&self.file(name), &bytes)?)
    }

    pub(crate) fn load_secret(&self, unlock: &Unlock, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.finish()?;
        let bytes = fs::read(self.file(name))?;
        unseal(unlock, &self.purpose(name), &bytes)
    }

    /// What an encrypted file is bound to.
    fn purpose(&self, name: &str) -> String {
        format!("farthing mint {} {name}", self.mint.to_text())
    }
}

pub(super) fn name_of(keyset: &KeysetId) -> String {
    format!("keyset-{}", keyset.to_text())
}
