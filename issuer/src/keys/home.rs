//! Keys at rest as their operator handles them: another passphrase, a backup, and what is restored from one.

use std::path::Path;

use farthing_durable::{Engine, OpenError, Options};
use farthing_protocol::codec::{DecodeError, Reader, Wire};
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::keyset::{Keyset, SecretKeyset};
use farthing_sealed::Lock;
use zeroize::Zeroizing;

use super::change::{ExchangeStep, Named, Telling};
use super::folder::{IDENTITY, name_of};
use super::{KeyError, KeyFolder, Protection, Unlock, factors, read_key_file, write_new};
use crate::home::{HomeError, MintHome, ProtectionKind};
use crate::signer::SignerHome;

/// What a backup of keys is bound to.
const PURPOSE: &str = "farthing mint keys backup";
const FORMAT: u8 = 1;
/// Under this name it holds what secrets of second factors lie under, if the mint holds its keys itself.
const FACTORS: &str = "factors";
/// The longest backup that is read, in bytes: more than 10,000 keysets.
const MAX_BACKUP: usize = 64 << 20;

/// Where a mint's secret keys rest: in its own folder, or in its signer's.
#[derive(Clone, Debug)]
pub enum KeyHome {
    /// The mint holds them itself.
    Mint(Box<MintHome>),
    /// A process of its own holds them.
    Signer(Box<SignerHome>),
}

/// What was backed up, or restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysHandled {
    /// How many keysets' secret keys.
    pub keysets: usize,
}

impl KeyHome {
    /// Opens a mint's or a signer's folder. No secret is read.
    ///
    /// # Errors
    /// A [`HomeError`]: [`HomeError::KeysApart`] for the folder of a mint whose keys are with its signer.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, HomeError> {
        match SignerHome::open(folder.as_ref()) {
            Ok(home) => return Ok(Self::Signer(Box::new(home))),
            Err(HomeError::NoSigner) => {}
            Err(error) => return Err(error),
        }
        let home = MintHome::open(folder.as_ref())?;
        if home.has_signer() { Err(HomeError::KeysApart) } else { Ok(Self::Mint(Box::new(home))) }
    }

    /// The mint's identity.
    pub fn mint_id(&self) -> &MintId {
        match self {
            Self::Mint(home) => home.mint_id(),
            Self::Signer(home) => home.mint_id(),
        }
    }

    /// What opens the keys.
    pub fn protection(&self) -> ProtectionKind {
        match self {
            Self::Mint(home) => home.protection(),
            Self::Signer(home) => home.protection(),
        }
    }

    /// Opens the identity of this mint, and keeps nothing of it: whoever can do that may do everything.
    pub(crate) fn open_identity(&self, mint: &MintId, unlock: &Unlock) -> Result<(), HomeError> {
        if self.mint_id() != mint {
            return Err(HomeError::OtherKeys);
        }
        self.keys().load_identity(unlock)?;
        Ok(())
    }

    fn keys(&self) -> KeyFolder {
        match self {
            Self::Mint(home) => home.keys(),
            Self::Signer(home) => home.keys(),
        }
    }

    fn keysets(&self) -> Result<Vec<std::sync::Arc<Keyset>>, HomeError> {
        match self {
            Self::Mint(home) => home.load_keysets(),
            Self::Signer(home) => home.load_keysets(),
        }
    }

    fn store_keyset(&self, keyset: &Keyset) -> Result<(), HomeError> {
        match self {
            Self::Mint(home) => home.store_keyset(keyset),
            Self::Signer(home) => home.store_keyset(keyset),
        }
    }

    /// Whether nothing runs on the folder now, so that its keys can be changed.
    ///
    /// # Errors
    /// [`HomeError::InUse`], or the folder cannot be used.
    pub fn check_free(&self) -> Result<(), HomeError> {
        self.hold().map(drop)
    }

    /// Protects the keys by another passphrase, or by a key file. When this returns, what opened them before opens them no more; cut short
    /// at any instant, either opens all of them. Takes as long as the passphrases cost: not for an executor's thread.
    ///
    /// # Security
    /// Copies that were made before are opened by what opened them then. This changes no key.
    ///
    /// # Errors
    /// A [`HomeError`]: [`HomeError::InUse`] while the mint or the signer runs.
    pub fn change_protection(&self, unlock: &Unlock, protection: &Protection) -> Result<(), HomeError> {
        self.change_protection_telling(unlock, protection, &|_| Ok(()))
    }

    /// The same, telling every step.
    ///
    /// # Errors
    /// The same, or what is answered to a step.
    #[doc(hidden)]
    pub fn change_protection_telling(
        &self,
        unlock: &Unlock,
        protection: &Protection,
        at: &dyn Fn(ExchangeStep) -> std::io::Result<()>,
    ) -> Result<(), HomeError> {
        let _alone = self.hold()?;
        let keys = self.keys();
        keys.settle()?;
        let secrets = keys.load_all(unlock)?;
        self.exchange(&secrets, protection, at)
    }

    fn exchange(&self, secrets: &[Named], protection: &Protection, at: Telling<'_>) -> Result<(), HomeError> {
        self.keys().exchange(secrets, protection, at)?;
        let kind = match protection {
            Protection::Passphrase { .. } => ProtectionKind::Passphrase,
            Protection::KeyFile(_) => ProtectionKind::KeyFile,
        };
        match self {
            Self::Mint(home) => home.note_protection(kind),
            Self::Signer(home) => home.note_protection(kind),
        }
    }

    /// Writes a backup of the keys, encrypted under a secret of its own, and nothing of the ledger. The mint may run.
    ///
    /// # Errors
    /// A [`HomeError`]; [`std::io::ErrorKind::AlreadyExists`] in it when there is such a file.
    pub fn back_up(&self, unlock: &Unlock, protection: &Protection, file: &Path) -> Result<KeysHandled, HomeError> {
        let mut secrets = self.keys().load_all(unlock)?;
        let keysets = self.keysets()?;
        for keyset in &keysets {
            if let Some((_, secret)) = secrets.iter().find(|(name, _)| *name == name_of(keyset.id())) {
                SecretKeyset::from_bytes(secret, keyset).map_err(|_| KeyError::Exchanged)?;
            }
        }
        let documents: Vec<Vec<u8>> = keysets.iter().map(|keyset| keyset.document().to_bytes()).collect();
        let handled = KeysHandled { keysets: count(&secrets) };
        if let Self::Mint(home) = self
            && let Some(key) = factors::read(home.folder())?
        {
            secrets.push((FACTORS.to_owned(), Zeroizing::new(key.to_vec())));
        }
        let content = write_backup(self.mint_id(), &secrets, &documents);
        protection.prepare()?;
        let sealed = match protection {
            Protection::Passphrase { passphrase, cost } => {
                farthing_sealed::seal(Lock::Passphrase(passphrase, *cost), PURPOSE, &content)
            }
            Protection::KeyFile(path) => farthing_sealed::seal(Lock::Key(&*read_key_file(path)?), PURPOSE, &content),
        };
        write_new(file, &sealed.map_err(KeyError::from)?)?;
        Ok(handled)
    }

    /// Puts the keys of a backup in the place of those that are here, missing, damaged or closed for ever as they may be, protected like
    /// this. Cut short at any instant, those that were here are here, or those of the backup.
    ///
    /// # Security
    /// Keys alone are no mint: with another ledger than the one that belongs to them, spent tokens would be redeemed again. So a mint's folder
    /// MUST have its ledger.
    ///
    /// # Errors
    /// A [`HomeError`]: [`HomeError::InUse`] while the mint or the signer runs, [`HomeError::NoLedger`],
    /// [`HomeError::MoreKeys`] when keys lie here that the backup does not hold.
    pub fn restore(&self, file: &Path, unlock: &Unlock, protection: &Protection) -> Result<KeysHandled, HomeError> {
        if let Self::Mint(home) = self
            && !home.ledger().try_exists()?
        {
            return Err(HomeError::NoLedger);
        }
        let _alone = self.hold()?;
        let Backup { mint, mut secrets, keysets } = read_backup(file, unlock)?;
        if mint != *self.mint_id() {
            return Err(KeyError::Exchanged.into());
        }
        // It lies beside the keys, and opens without what opens them.
        let factor_key = secrets.iter().position(|(name, _)| name == FACTORS).map(|place| secrets.remove(place));
        let keys = self.keys();
        keys.settle()?;
        keys.create()?;
        if keys.names()?.iter().any(|name| !secrets.iter().any(|(held, _)| held == name)) {
            return Err(HomeError::MoreKeys);
        }
        if let (Self::Mint(home), Some((_, key))) = (self, factor_key) {
            factors::put_back(home.folder(), &key)?;
        }
        let here: Vec<_> = self.keysets().unwrap_or_default().iter().map(|keyset| *keyset.id()).collect();
        self.exchange(&secrets, protection, &|_| Ok(()))?;
        for keyset in keysets.iter().filter(|keyset| !here.contains(keyset.id())) {
            self.store_keyset(keyset)?;
        }
        Ok(KeysHandled { keysets: count(&secrets) })
    }

    /// Nobody else uses the folder as long as this is held.
    fn hold(&self) -> Result<Engine, HomeError> {
        let (folder, options) = match self {
            Self::Mint(home) => (home.ledger(), Options::new().indexer(farthing_verifier::spent::indexer())),
            Self::Signer(home) => (home.store(), Options::new()),
        };
        Engine::open(&folder, options).map_err(|error| match error {
            OpenError::InUse => HomeError::InUse,
            _ => HomeError::Store,
        })
    }
}

fn count(secrets: &[Named]) -> usize {
    secrets.iter().filter(|(name, _)| name.starts_with("keyset-")).count()
}

struct Backup {
    mint: MintId,
    secrets: Vec<Named>,
    keysets: Vec<Keyset>,
}

/// Format (1) ‖ mint (32) ‖ count (4) ‖ [name (length 2, text) ‖ length (4) ‖ secret] ‖ count (4) ‖ [length (4) ‖ keyset].
fn write_backup(mint: &MintId, secrets: &[Named], keysets: &[Vec<u8>]) -> Zeroizing<Vec<u8>> {
    let length = secrets.iter().map(|(name, secret)| name.len() + secret.len() + 8).sum::<usize>()
        + keysets.iter().map(|keyset| keyset.len() + 4).sum::<usize>();
    // Reserved at once: growing would leave copies behind.
    let mut out = Zeroizing::new(Vec::with_capacity(length + 64));
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
    out.push(FORMAT);
    out.extend_from_slice(mint.as_bytes());
    out.extend_from_slice(&number(secrets.len()));
    for (name, secret) in secrets {
        out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&number(secret.len()));
        out.extend_from_slice(secret);
    }
    out.extend_from_slice(&number(keysets.len()));
    for keyset in keysets {
        out.extend_from_slice(&number(keyset.len()));
        out.extend_from_slice(keyset);
    }
    out
}

fn read_backup(file: &Path, unlock: &Unlock) -> Result<Backup, HomeError> {
    let sealed = farthing_sealed::files::read_short(file, MAX_BACKUP)?;
    let content = super::unseal(unlock, PURPOSE, &sealed)?;
    let backup = parse_backup(&content).map_err(|_| KeyError::Damaged)?;
    // Every secret is what its name says.
    let identity = backup.secrets.iter().find(|(name, _)| name == IDENTITY).ok_or(KeyError::Damaged)?;
    let identity: [u8; 32] = identity.1.as_slice().try_into().map_err(|_| KeyError::Damaged)?;
    if MintId::from(&Keypair::from_secret(&Zeroizing::new(identity))) != backup.mint {
        return Err(KeyError::Damaged.into());
    }
    for keyset in &backup.keysets {
        if let Some((_, secret)) = backup.secrets.iter().find(|(name, _)| *name == name_of(keyset.id())) {
            SecretKeyset::from_bytes(secret, keyset).map_err(|_| KeyError::Damaged)?;
        }
    }
    Ok(backup)
}

fn parse_backup(content: &[u8]) -> Result<Backup, DecodeError> {
    let mut input = Reader::new(content);
    if input.u8()? != FORMAT {
        return Err(DecodeError::UnsupportedVersion);
    }
    let mint = input.part()?;
    let bytes = |input: &mut Reader<'_>| {
        let length = usize::try_from(input.u32()?).unwrap_or(usize::MAX);
        Ok::<_, DecodeError>(Zeroizing::new(input.bytes(length)?.to_vec()))
    };
    let (mut secrets, mut keysets) = (Vec::new(), Vec::new());
    for _ in 0..input.u32()? {
        let name = input.text(256)?.to_owned();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !plain || name.is_empty() || secrets.iter().any(|(other, _): &Named| *other == name) {
            return Err(DecodeError::NonCanonicalText);
        }
        secrets.push((name, bytes(&mut input)?));
    }
    for _ in 0..input.u32()? {
        let keyset = Keyset::from_bytes(&bytes(&mut input)?).map_err(|_| DecodeError::OutOfRange)?;
        if keyset.terms().mint != mint {
            return Err(DecodeError::OutOfRange);
        }
        keysets.push(keyset);
    }
    input.finish()?;
    Ok(Backup { mint, secrets, keysets })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn a_backup_is_read_whole_or_not_at_all() {
        let identity = Keypair::from_secret(&[1; 32]);
        let mint = MintId::from(&identity);
        let secrets =
            vec![(IDENTITY.to_owned(), Zeroizing::new(vec![1; 32])), ("tls".to_owned(), Zeroizing::new(vec![2; 32]))];
        let content = write_backup(&mint, &secrets, &[]);
        let read = parse_backup(&content).unwrap();
        assert_eq!((read.mint, read.secrets, read.keysets.len()), (mint, secrets.clone(), 0));
        for length in 0..content.len() {
            assert!(parse_backup(&content[..length]).is_err(), "{length}");
        }
        let mut long = content.to_vec();
        long.push(0);
        assert!(parse_backup(&long).is_err());
        long[0] = 2;
        assert!(parse_backup(&long).is_err());
        // A name that leads out of the folder.
        for name in ["../keys", "", "a/b", "a.b"] {
            let bad = write_backup(&mint, &[(name.to_owned(), Zeroizing::new(vec![1]))], &[]);
            assert_eq!(parse_backup(&bad).err(), Some(DecodeError::NonCanonicalText), "{name}");
        }
        let twice = write_backup(&mint, &[secrets[0].clone(), secrets[0].clone()], &[]);
        assert!(parse_backup(&twice).is_err());
        assert!(parse_backup(&write_backup(&mint, &[], &[b"no keyset".to_vec()])).is_err());
    }
}
