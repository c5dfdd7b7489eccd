//! The file `keys`: the key of the state and the seed, sealed under the wallet's passphrase.
//!
//! It is written once, by a link that never replaces a file, and replaced when the passphrase is changed, by a renaming: at any
//! instant it is there whole, under the old passphrase or under the new one.

use std::io;
use std::path::Path;

use farthing_protocol::derive::Seed;
use farthing_protocol::identity::{AccountKey, MintId};
use farthing_sealed::{Cost, Lock, Passphrase, SealedError, files, seal, unseal};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::error::OpenError;
use crate::options::Step;
use crate::vault::Vault;
use crate::words::Words;

const FILE: &str = "keys";
/// Where a version that did not encrypt kept the seed.
const OLD_FILE: &str = "seed";
const PURPOSE: &str = "farthing wallet keys";
const MAX_FILE: usize = 1024;
const DATA_KEY: usize = 32;
const SEED: usize = 64;

/// What protects a wallet's folder.
#[derive(Clone, Debug)]
pub enum Protection {
    /// A passphrase, stretched with Argon2id. Without it nobody opens the wallet, its owner included: the words remain.
    Passphrase {
        /// The passphrase.
        passphrase: Passphrase,
        /// What a guess costs.
        cost: Cost,
    },
    /// Nothing: whoever reads the folder has the money.
    NoPassphrase,
}

impl Protection {
    /// A passphrase at the default cost: 64 MiB and three passes.
    pub fn passphrase(passphrase: Passphrase) -> Self {
        Self::Passphrase { passphrase, cost: Cost::default() }
    }

    /// What opens a wallet protected like this.
    pub fn unlock(&self) -> Unlock {
        match self {
            Self::Passphrase { passphrase, .. } => Unlock::Passphrase(passphrase.clone()),
            Self::NoPassphrase => Unlock::NoPassphrase,
        }
    }
}

/// What is at hand to open a wallet.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// Its passphrase. A wallet without one is then refused: it may be another than the one meant.
    Passphrase(Passphrase),
    /// None: it must have been made without.
    NoPassphrase,
}

/// What the file holds. Zeroized when dropped.
pub(crate) struct Keys {
    data: Zeroizing<[u8; DATA_KEY]>,
    seed: Zeroizing<[u8; SEED]>,
}

impl Keys {
    /// A new data key, and the seed of these words.
    pub(crate) fn of(words: &Words) -> Result<Self, OpenError> {
        let mut data = Zeroizing::new([0; DATA_KEY]);
        SysRng.try_fill_bytes(data.as_mut()).map_err(io::Error::other)?;
        Ok(Self { data, seed: words.seed_bytes() })
    }

    pub(crate) fn data(&self) -> &[u8; DATA_KEY] {
        &self.data
    }

    pub(crate) fn seed(&self) -> Seed {
        Seed::from_bytes(*self.seed)
    }

    /// As the file will hold them. Slow on purpose.
    pub(crate) fn seal(&self, protection: &Protection) -> Result<Sealed, OpenError> {
        let lock = match protection {
            Protection::Passphrase { passphrase, cost } => Lock::Passphrase(passphrase, *cost),
            Protection::NoPassphrase => Lock::Nothing,
        };
        let mut secret = Zeroizing::new([0; DATA_KEY + SEED]);
        let (data, seed) = secret.split_at_mut(DATA_KEY);
        data.copy_from_slice(self.data.as_slice());
        seed.copy_from_slice(self.seed.as_slice());
        Ok(Sealed(seal(lock, PURPOSE, secret.as_slice())?))
    }
}

/// The bytes of a file `keys`.
pub(crate) struct Sealed(Zeroizing<Vec<u8>>);

impl Sealed {
    /// Reads the file of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, OpenError> {
        match files::read_short(&folder.join(FILE), MAX_FILE) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(OpenError::KeysDamaged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                refuse_old(folder)?;
                Err(OpenError::Missing)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn needs_passphrase(&self) -> Result<bool, OpenError> {
        match farthing_sealed::protection(&self.0)? {
            farthing_sealed::Protection::Passphrase => Ok(true),
            farthing_sealed::Protection::Nothing => Ok(false),
            farthing_sealed::Protection::Key => Err(OpenError::KeysDamaged),
        }
    }

    /// Unseals it. Slow on purpose.
    pub(crate) fn open(&self, unlock: &Unlock) -> Result<Keys, OpenError> {
        let unlock = match unlock {
            Unlock::Passphrase(passphrase) => farthing_sealed::Unlock::Passphrase(passphrase),
            Unlock::NoPassphrase => farthing_sealed::Unlock::Nothing,
        };
        let secret = unseal(unlock, PURPOSE, &self.0)?;
        let (data, seed) = secret.split_first_chunk().ok_or(OpenError::KeysDamaged)?;
        let seed: &[u8; SEED] = seed.try_into().map_err(|_| OpenError::KeysDamaged)?;
        Ok(Keys { data: Zeroizing::new(*data), seed: Zeroizing::new(*seed) })
    }

    /// Writes the first file of a folder: whole or not at all, durably, and never over another.
    pub(crate) fn write_new(&self, folder: &Path, vault: &Vault) -> Result<(), OpenError> {
        let written = files::write_new_telling(&folder.join(FILE), &self.0, |step| tell(vault, step));
        written.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OpenError::Exists,
            _ => error.into(),
        })
    }

    /// Puts it in the place of the folder's file, durably; after a crash at any instant one of the two is there.
    pub(crate) fn replace(&self, folder: &Path, vault: &Vault) -> Result<(), OpenError> {
        Ok(files::replace_telling(&folder.join(FILE), &self.0, |step| tell(vault, step))?)
    }
}

/// Where a test may stop the wallet.
fn tell(vault: &Vault, step: files::Step) -> io::Result<()> {
    let step = match step {
        files::Step::Written => Step::KeysWritten,
        files::Step::Synced => Step::KeysSynced,
        files::Step::Placed => Step::KeysPlaced,
        files::Step::Done => Step::KeysDurable,
    };
    vault.at(step).map_err(io::Error::other)
}

pub(crate) fn exists(folder: &Path) -> Result<bool, OpenError> {
    Ok(folder.join(FILE).try_exists()?)
}

/// Refuses a folder whose seed lies there in clear.
pub(crate) fn refuse_old(folder: &Path) -> Result<(), OpenError> {
    if folder.join(OLD_FILE).try_exists()? { Err(OpenError::Unencrypted) } else { Ok(()) }
}

/// Removes what a crash left of a file that was being written: it may be sealed under less than the wallet's passphrase.
/// Nobody else may have the wallet open.
pub(crate) fn tidy(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&format!(".{FILE}.")) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Something public that tells seeds apart: the account key at a mint that cannot exist.
pub(crate) fn fingerprint(seed: &Seed) -> AccountKey {
    AccountKey::from(&seed.account_key(&MintId::from_bytes([0; 32])))
}

impl From<SealedError> for OpenError {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::WrongSecret => Self::WrongPassphrase,
            SealedError::Protected(farthing_sealed::Protection::Passphrase) => Self::NeedsPassphrase,
            SealedError::Protected(farthing_sealed::Protection::Nothing) => Self::NoPassphrase,
            SealedError::EmptyPassphrase => Self::EmptyPassphrase,
            SealedError::Cost => Self::Cost,
            _ => Self::KeysDamaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WordCount;

    fn keys() -> Keys {
        Keys::of(&Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap()).unwrap()
    }

    /// Whoever writes keys has the state open.
    fn vault(folder: &Path) -> Vault {
        Vault::open(&folder.join("state"), &[7; 32], None).unwrap()
    }

    fn protection(text: &str) -> Protection {
        Protection::Passphrase { passphrase: Passphrase::new(text), cost: Cost { memory_kib: 64, passes: 1, lanes: 1 } }
    }

    #[test]
    fn a_file_opens_with_its_passphrase_and_is_never_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Sealed::read(folder.path()), Err(OpenError::Missing)));
        let (keys, right, vault) = (keys(), protection("right"), vault(folder.path()));
        keys.seal(&right).unwrap().write_new(folder.path(), &vault).unwrap();
        assert!(matches!(keys.seal(&right).unwrap().write_new(folder.path(), &vault), Err(OpenError::Exists)));
        let file = Sealed::read(folder.path()).unwrap();
        assert!(file.needs_passphrase().unwrap());
        let opened = file.open(&right.unlock()).unwrap();
        assert_eq!((opened.data(), &*opened.seed), (keys.data(), &*keys.seed));
        assert!(matches!(file.open(&protection("wrong").unlock()), Err(OpenError::WrongPassphrase)));
        assert!(matches!(file.open(&Unlock::NoPassphrase), Err(OpenError::NeedsPassphrase)));
        assert!(matches!(file.open(&protection("").unlock()), Err(OpenError::EmptyPassphrase)));
    }

    #[test]
    fn a_file_without_a_passphrase_takes_none() {
        let file = keys().seal(&Protection::NoPassphrase).unwrap();
        assert!(!file.needs_passphrase().unwrap());
        assert!(file.open(&Unlock::NoPassphrase).is_ok());
        assert!(matches!(file.open(&protection("any").unlock()), Err(OpenError::NoPassphrase)));
    }

    #[test]
    fn damage_is_found_wherever_it_is() {
        for protection in [protection("right"), Protection::NoPassphrase] {
            let bytes = keys().seal(&protection).unwrap().0;
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert!(Sealed(changed).open(&protection.unlock()).is_err(), "byte {place}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), vec![0; 4000]).unwrap();
        assert!(matches!(Sealed::read(folder.path()), Err(OpenError::KeysDamaged)));
    }

    #[test]
    fn what_a_crash_left_of_a_change_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, old, new, vault) = (keys(), protection("old"), protection("new"), vault(folder.path()));
        keys.seal(&old).unwrap().write_new(folder.path(), &vault).unwrap();
        // The instant before the renaming: the new file lies there, and the old one counts.
        let unfinished = folder.path().join(".keys.0123456789abcdef");
        std::fs::write(&unfinished, &*keys.seal(&Protection::NoPassphrase).unwrap().0).unwrap();
        tidy(folder.path()).unwrap();
        assert!(!unfinished.exists());
        assert!(Sealed::read(folder.path()).unwrap().open(&old.unlock()).is_ok());
        keys.seal(&new).unwrap().replace(folder.path(), &vault).unwrap();
        let file = Sealed::read(folder.path()).unwrap();
        assert!(file.open(&new.unlock()).is_ok());
        assert!(matches!(file.open(&old.unlock()), Err(OpenError::WrongPassphrase)));
    }

    #[test]
    fn a_folder_of_before_encryption_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(OLD_FILE), "farthingseed1").unwrap();
        assert!(matches!(Sealed::read(folder.path()), Err(OpenError::Unencrypted)));
    }

    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?} {:?}", protection("correct horse"), protection("correct horse").unlock());
        assert!(!shown.contains("horse"), "{shown}");
    }
}
