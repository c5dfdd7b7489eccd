//! The folder of a mint's secret keys: `identity.key`, `keyset-<id>.key`.

use std::fs;
use std::path::{Path, PathBuf};

use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, SecretKeyset};
use zeroize::Zeroizing;

use super::{KeyError, Protection, Unlock, create_folder, seal, unseal, write_new};

const IDENTITY: &str = "identity";

/// Where a mint's secret keys lie, each in a file of its own, encrypted and bound to its purpose.
#[derive(Clone, Debug)]
pub(crate) struct KeyFolder {
    folder: PathBuf,
    mint: MintId,
}

impl KeyFolder {
    pub(crate) fn new(folder: PathBuf, mint: MintId) -> Self {
        Self { folder, mint }
    }

    pub(crate) fn create(&self) -> Result<(), KeyError> {
        Ok(create_folder(&self.folder)?)
    }

    pub(crate) fn store_identity(&self, protection: &Protection, identity: &Keypair) -> Result<(), KeyError> {
        self.store(protection, IDENTITY, identity.secret().as_slice())
    }

    pub(crate) fn load_identity(&self, unlock: &Unlock) -> Result<Keypair, KeyError> {
        let bytes = self.load(unlock, IDENTITY)?;
        let secret: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.as_slice().try_into().map_err(|_| KeyError::Damaged)?);
        let identity = Keypair::from_secret(&secret);
        if MintId::from(&identity) == self.mint { Ok(identity) } else { Err(KeyError::Exchanged) }
    }

    /// Stores the secret keys of a keyset. They are durable when this returns.
    pub(crate) fn store_keyset(&self, protection: &Protection, secret: &SecretKeyset) -> Result<(), KeyError> {
        self.store(protection, &name_of(secret.keyset()), &secret.to_bytes())
    }

    pub(crate) fn load_keyset(&self, unlock: &Unlock, keyset: &Keyset) -> Result<SecretKeyset, KeyError> {
        let bytes = self.load(unlock, &name_of(keyset.id()))?;
        SecretKeyset::from_bytes(&bytes, keyset).map_err(|_| KeyError::Exchanged)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Those files that are not there of the identity's and these keysets' keys. None is read.
    pub(crate) fn missing<'a>(&self, keysets: impl Iterator<Item = &'a KeysetId>) -> Vec<PathBuf> {
        let names = std::iter::once(IDENTITY.to_owned()).chain(keysets.map(name_of));
        names.map(|name| self.folder.join(format!("{name}.key"))).filter(|path| !path.is_file()).collect()
    }

    fn store(&self, protection: &Protection, name: &str, secret: &[u8]) -> Result<(), KeyError> {
        let bytes = seal(protection, &self.purpose(name), secret)?;
        Ok(write_new(&self.folder.join(format!("{name}.key")), &bytes)?)
    }

    fn load(&self, unlock: &Unlock, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes = fs::read(self.folder.join(format!("{name}.key")))?;
        unseal(unlock, &self.purpose(name), &bytes)
    }

    /// What an encrypted file is bound to.
    fn purpose(&self, name: &str) -> String {
        format!("farthing mint {} {name}", self.mint.to_text())
    }
}

fn name_of(keyset: &KeysetId) -> String {
    format!("keyset-{}", keyset.to_text())
}
