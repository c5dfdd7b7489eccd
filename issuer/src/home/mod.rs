//! A mint's folder.
//!
//! ```text
//! mint.toml          the configuration, with comments
//! keys/              secret keys, encrypted: identity.key, keyset-<id>.key
//! keysets/           public keysets, signed: <sequence>-<id>.keyset
//! ledger/            the books
//! archive/           files of issuance records and filters of spent serials, signed, for everyone
//! control.sock       the control socket of the running mint
//! ```

mod check;
mod config;
mod options;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::codec::{DecodeError, Wire};
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::keyset::{ChainError, Keyset, KeysetTerms};
use farthing_verifier::home::TlsFiles;

use crate::clock::{Clock, SystemClock};
use crate::keys::{KeyError, KeyFolder, create_folder, write_new};
use crate::keysets::KeysetBook;
use crate::signer::draw;

pub use check::{Finding, FindingCode, check_home};
pub(crate) use config::Config;
pub use config::ProtectionKind;
pub use options::{ArchiveTimes, DEFAULT_LISTEN, InitOptions, ServiceOptions, Windows, default_bundles};

const CONFIG: &str = "mint.toml";

/// Why a mint's folder cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// There is a mint in this folder, or something else.
    #[error("the folder is not empty")]
    NotEmpty,
    /// There is no mint in this folder.
    #[error("there is no mint in this folder")]
    NoMint,
    /// The configuration cannot be read.
    #[error("mint.toml cannot be understood")]
    Config,
    /// The configuration is no TOML, lacks a setting, or has one that is not known.
    #[error("mint.toml cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A certificate is set without its key, or a key without its certificate.
    #[error("mint.toml sets a certificate without its key, or a key without its certificate")]
    HalfTls,
    /// The archive would grow so often that its index is full before long.
    #[error(
        "the archive would grow too often for keysets that live so long: seal_seconds must be {} or more, filter_seconds {} or more",
        .0.seal, .0.filter
    )]
    ArchiveTimes(ArchiveTimes),
    /// The settings break a rule of keysets.
    #[error("the settings for keysets are not possible: {0}")]
    Settings(DecodeError),
    /// A keyset on disk is damaged or another mint's.
    #[error("a keyset in the folder is damaged or another mint's")]
    Keyset,
    /// The keysets do not form chains.
    #[error("the keysets in the folder do not follow one another: {0}")]
    Chain(#[from] ChainError),
    /// Secret keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The operating system refused.
    #[error("the folder could not be read or written: {}", .0.kind())]
    Io(#[from] io::Error),
}

/// A mint's folder, and what stands in it in the clear.
#[derive(Clone, Debug)]
pub struct MintHome {
    folder: PathBuf,
    config: Config,
}

impl MintHome {
    /// Makes a mint in an empty or missing folder: identity, first keyset, configuration. When this returns, all
    /// of it is durable. Takes as long as the passphrase costs: not for an executor's thread.
    ///
    /// # Errors
    /// A [`HomeError`]; what was begun is then left in the folder.
    pub fn init(folder: impl Into<PathBuf>, options: &InitOptions) -> Result<Self, HomeError> {
        Self::init_as(folder, options, &Keypair::generate(&mut crate::system_rng()), &SystemClock)
    }

    /// As [`init`](Self::init), for a given identity and by another clock.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    #[doc(hidden)]
    pub fn init_as(
        folder: impl Into<PathBuf>,
        options: &InitOptions,
        identity: &Keypair,
        clock: &dyn Clock,
    ) -> Result<Self, HomeError> {
        let folder = folder.into();
        if folder.try_exists()? && fs::read_dir(&folder)?.next().is_some() {
            return Err(HomeError::NotEmpty);
        }
        let home = Self { folder, config: Config::new(identity.into(), options) };
        let text = home.config.to_text();
        // What will be read again must be readable, before anything depends on it.
        Config::parse(&text)?;
        // Before anything is made: a key file that cannot be had must not leave half a mint behind.
        options.protection.prepare()?;
        create_folder(&home.folder)?;
        home.keys().create()?;
        create_folder(&home.keysets())?;
        home.keys().store_identity(&options.protection, identity)?;
        let now = clock.now();
        let terms = home.next_terms(None, (now, now.plus(options.windows.issue)))?;
        let (secret, keyset) = draw(terms, home.config.denominations, identity).map_err(HomeError::Settings)?;
        home.keys().store_keyset(&options.protection, &secret)?;
        home.store_keyset(&keyset)?;
        // Its presence says that everything else is there.
        write_new(&home.folder.join(CONFIG), text.as_bytes())?;
        Ok(home)
    }

    /// Opens a mint's folder. No secret is read.
    ///
    /// # Errors
    /// [`HomeError::NoMint`], [`HomeError::Io`], and those of the configuration.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, HomeError> {
        let folder = folder.into();
        let text = match fs::read_to_string(folder.join(CONFIG)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(HomeError::NoMint),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { folder, config: Config::parse(&text)? })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The mint's identity.
    pub fn mint_id(&self) -> &MintId {
        &self.config.mint
    }

    /// The mint's currency unit.
    pub fn unit(&self) -> &Unit {
        &self.config.unit
    }

    /// What opens its keys.
    pub fn protection(&self) -> ProtectionKind {
        self.config.protection
    }

    /// Where the running mint is controlled.
    pub fn control_socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Where it is served, and how it is watched.
    pub fn service(&self) -> &ServiceOptions {
        &self.config.service
    }

    /// The certificate's files, from the folder on.
    pub fn tls_files(&self) -> Option<TlsFiles> {
        let TlsFiles { certificate, key } = self.config.service.tls.as_ref()?;
        Some(TlsFiles { certificate: self.folder.join(certificate), key: self.folder.join(key) })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.join("ledger")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.folder.join("archive")
    }

    /// Its secret keys.
    pub(crate) fn keys(&self) -> KeyFolder {
        KeyFolder::new(self.folder.join("keys"), self.config.mint)
    }

    fn keysets(&self) -> PathBuf {
        self.folder.join("keysets")
    }

    /// All keysets on disk, verified.
    pub(crate) fn load_keysets(&self) -> Result<Vec<Arc<Keyset>>, HomeError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.keysets())? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "keyset") {
                continue;
            }
            let keyset = Keyset::from_bytes(&fs::read(path)?).map_err(|_| HomeError::Keyset)?;
            if keyset.terms().mint != self.config.mint {
                return Err(HomeError::Keyset);
            }
            found.push(Arc::new(keyset));
        }
        if found.is_empty() { Err(HomeError::Keyset) } else { Ok(found) }
    }

    /// The terms of the next keyset of the configured chain, which issues within a window.
    pub(crate) fn next_terms(
        &self,
        previous: Option<&Keyset>,
        (active_from, issue_until): (UnixTime, UnixTime),
    ) -> Result<KeysetTerms, HomeError> {
        let Config { windows, unit, redemption, fees, bundles, mint, .. } = &self.config;
        let spend_until = issue_until.plus(windows.spend);
        let sequence = previous.map_or(Some(0), |previous| previous.terms().sequence.checked_add(1));
        Ok(KeysetTerms {
            mint: *mint,
            sequence: sequence.ok_or(HomeError::Settings(DecodeError::OutOfRange))?,
            predecessor: previous.map(|previous| *previous.id()),
            unit: unit.clone(),
            redemption: *redemption,
            active_from,
            issue_until,
            spend_until,
            deposit_until: spend_until.plus(windows.deposit),
            fees: *fees,
            bundles: bundles.clone(),
        })
    }

    /// Stores a keyset, whose secret keys are durable. It is durable when this returns.
    pub(crate) fn store_keyset(&self, keyset: &Keyset) -> Result<(), HomeError> {
        let name = format!("{:08}-{}.keyset", keyset.terms().sequence, keyset.id().to_text());
        Ok(write_new(&self.keysets().join(name), &keyset.document().to_bytes())?)
    }

    pub(crate) fn load_book(
        &self,
        revocations: Vec<farthing_protocol::keyset::Revocation>,
    ) -> Result<KeysetBook, HomeError> {
        Ok(KeysetBook::new(self.load_keysets()?, revocations)?)
    }
}
