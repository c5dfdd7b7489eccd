//! A mint's folder.
//!
//! ```text
//! mint.toml          the configuration, with comments
//! keys/              secret keys, encrypted: identity.key, keyset-<id>.key
//! keysets/           public keysets, signed: <sequence>-<id>.keyset
//! ledger/            the books; `.NAME.fence-…` beside the folder counts their answers
//! factors.key        the key under which secrets of second factors lie in the ledger
//! archive/           files of issuance records and filters of spent serials, signed, for everyone
//! control.sock       the control socket of the running mint
//! ```

mod check;
mod config;
mod options;
mod settings;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farthing_durable::Options;
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::codec::{DecodeError, Wire};
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::keyset::{ChainError, Keyset, KeysetTerms};
use farthing_verifier::home::TlsFiles;

use crate::clock::{Clock, SystemClock};
use crate::keys::{FactorKey, KeyError, KeyFolder, create_folder, replace, write_new};
use crate::keysets::KeysetBook;
use crate::ledger::{HeldLedger, LedgerOpenError};
use crate::signer::draw;

pub use check::{Finding, FindingCode, check_home};
pub use config::ProtectionKind;
pub(crate) use config::{Config, Funding, Keysets, SignerAt, SignerPlace, keysets_text, signer_text};
pub use options::{ArchiveTimes, DEFAULT_LISTEN, InitOptions, ServiceOptions, Windows, default_bundles};
pub(crate) use settings::KeysetSettings;

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
    /// The next keyset would be due before the one before it has begun.
    #[error("ahead_seconds must be less than issue_seconds")]
    Ahead,
    /// Money cannot come in as it is set.
    #[error("the settings for funding are not possible: {0}")]
    Funding(#[from] FundingSettingsError),
    /// The settings break a rule of keysets.
    #[error("the settings for keysets are not possible: {0}")]
    Settings(DecodeError),
    /// A keyset on disk is damaged or another mint's.
    #[error("a keyset in the folder is damaged or another mint's")]
    Keyset,
    /// The keysets do not form chains.
    #[error("the keysets in the folder do not follow one another: {0}")]
    Chain(#[from] ChainError),
    /// There is no signer in this folder.
    #[error("there is no signer in this folder")]
    NoSigner,
    /// The mint's keys are with a signer.
    #[error("the mint's keys are with its signer, a process of its own")]
    KeysApart,
    /// The mint holds its keys itself.
    #[error("the mint has no signer: it holds its keys itself")]
    KeysHere,
    /// The mint or the signer runs.
    #[error("the mint or its signer is running: stop it first")]
    InUse,
    /// A store in the folder cannot be opened.
    #[error("a store in the folder is damaged or cannot be opened")]
    Store,
    /// There is no ledger.
    #[error(
        "there is no ledger in the folder: keys without the ledger that belongs to them would redeem spent tokens again"
    )]
    NoLedger,
    /// Keys lie in the folder that the backup does not hold.
    #[error("there are keys in the folder that the backup does not hold")]
    MoreKeys,
    /// The signer's folder has other keys than the mint's.
    #[error("the signer's folder has other keys or keysets than the mint's: nothing was removed")]
    OtherKeys,
    /// What was signed last could not be handed over.
    #[error("what the mint signed last could not be handed over to its signer")]
    Signed,
    /// Secret keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The key under which secrets of second factors lie.
    #[error("factors.key cannot be used: {0}")]
    FactorKey(#[source] KeyError),
    /// Its ledger could not be made.
    #[error(transparent)]
    Ledger(#[from] LedgerOpenError),
    /// The operating system refused.
    #[error("the folder could not be read or written: {}", .0.kind())]
    Io(#[from] io::Error),
}

/// Why the settings for funding are not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FundingSettingsError {
    /// The text about how to pay does not name the quote.
    #[error("payment must hold {{quote}}, or nobody knows which payment is whose")]
    NoQuote,
    /// The text about how to pay is too long, or does not show what it says.
    #[error("payment must be plain text of at most 1024 bytes")]
    Payment,
    /// A time is out of range.
    #[error("quote_seconds must be 60 to 2592000, late_seconds at most 316224000")]
    Seconds,
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
        FactorKey::create(&home.folder).map_err(HomeError::FactorKey)?;
        let now = clock.now();
        let terms = home.next_terms(None, (now, now.plus(options.windows.issue)))?;
        let (secret, keyset) = draw(terms, home.config.denominations, identity).map_err(HomeError::Settings)?;
        home.keys().store_keyset(&options.protection, &secret)?;
        home.store_keyset(&keyset)?;
        // From now on a mint without a ledger has lost it.
        HeldLedger::open(&home.ledger(), home.ledger_options(Options::new()), home.config.mint)?;
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

    /// What opens its keys: the files say it, whatever the configuration says.
    pub fn protection(&self) -> ProtectionKind {
        self.keys().protection().unwrap_or(self.config.protection)
    }

    /// Whether its keys are with a signer, a process of its own: see [`Mint::open_with_signer`](crate::Mint::open_with_signer).
    pub fn has_signer(&self) -> bool {
        self.config.signer.is_some()
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

    /// The same of the address at which a payment processor's messages are taken.
    pub fn webhook_tls_files(&self) -> Option<TlsFiles> {
        let TlsFiles { certificate, key } = self.config.funding.webhook_tls.as_ref()?;
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

    /// The same mint in another folder.
    pub(crate) fn moved_to(&self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), config: self.config.clone() }
    }

    /// Where the ledger's answers are counted outside of the folder, and whether that must be there: see
    /// [`Options::fence`].
    pub(crate) fn fence(&self) -> (PathBuf, bool) {
        if let Some(fence) = &self.config.data.fence {
            return (fence.clone(), true);
        }
        let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let mut name = OsString::from(".");
        name.push(folder.file_name().unwrap_or_default());
        let mint: String = self.config.mint.to_text().chars().take(12).collect();
        name.push(format!(".fence-{mint}"));
        (folder.with_file_name(name), false)
    }

    /// How the ledger is opened.
    pub(crate) fn ledger_options(&self, options: Options) -> Options {
        let (fence, required) = self.fence();
        options.fence(fence, required)
    }

    /// The key under which secrets of second factors lie in the ledger.
    pub(crate) fn factor_key(&self) -> Result<FactorKey, HomeError> {
        FactorKey::open(&self.folder).map_err(HomeError::FactorKey)
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
        keysets_in(&self.keysets(), &self.config.mint)
    }

    /// The terms of the next keyset of the configured chain, which issues within a window.
    pub(crate) fn next_terms(
        &self,
        previous: Option<&Keyset>,
        (active_from, issue_until): (UnixTime, UnixTime),
    ) -> Result<KeysetTerms, HomeError> {
        self.config.keyset_settings().terms(previous, (active_from, issue_until))
    }

    /// Stores a keyset, whose secret keys are durable. It is durable when this returns.
    pub(crate) fn store_keyset(&self, keyset: &Keyset) -> Result<(), HomeError> {
        store_keyset_in(&self.keysets(), keyset)
    }

    /// Writes down what protects the keys. The key files themselves say it first.
    pub(crate) fn note_protection(&self, kind: ProtectionKind) -> Result<(), HomeError> {
        note_protection_in(&self.folder.join(CONFIG), kind)
    }

    /// Appends a section to the configuration: either all of it is there afterwards, or nothing.
    pub(crate) fn append(&self, section: &str) -> Result<(), HomeError> {
        let path = self.folder.join(CONFIG);
        let text = fs::read_to_string(&path)? + section;
        Config::parse(&text)?;
        Ok(replace(&path, text.as_bytes())?)
    }

    pub(crate) fn load_book(
        &self,
        revocations: Vec<farthing_protocol::keyset::Revocation>,
    ) -> Result<KeysetBook, HomeError> {
        Ok(KeysetBook::new(self.load_keysets()?, revocations)?)
    }
}

/// All keysets in a folder, verified.
pub(crate) fn keysets_in(folder: &Path, mint: &MintId) -> Result<Vec<Arc<Keyset>>, HomeError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "keyset") {
            continue;
        }
        let keyset = Keyset::from_bytes(&fs::read(path)?).map_err(|_| HomeError::Keyset)?;
        if keyset.terms().mint != *mint {
            return Err(HomeError::Keyset);
        }
        found.push(Arc::new(keyset));
    }
    if found.is_empty() { Err(HomeError::Keyset) } else { Ok(found) }
}

/// Changes what a configuration says that protects the keys.
pub(crate) fn note_protection_in(path: &Path, kind: ProtectionKind) -> Result<(), HomeError> {
    let text = fs::read_to_string(path)?;
    let noted = match kind {
        ProtectionKind::Passphrase => "protection = \"passphrase\"",
        ProtectionKind::KeyFile => "protection = \"key_file\"",
    };
    let line = |line: &str| if line.starts_with("protection = ") { format!("{noted}\n") } else { format!("{line}\n") };
    let changed: String = text.lines().map(line).collect();
    if changed == text { Ok(()) } else { Ok(replace(path, changed.as_bytes())?) }
}

/// Changes where a folder's configuration says that the ledger's answers are counted.
pub(crate) fn note_fence_in(folder: &Path, fence: &Path) -> Result<(), HomeError> {
    let path = folder.join(CONFIG);
    let changed = config::with_fence(&fs::read_to_string(&path)?, fence);
    Config::parse(&changed)?;
    Ok(replace(&path, changed.as_bytes())?)
}

/// Stores a keyset in a folder. It is durable when this returns.
pub(crate) fn store_keyset_in(folder: &Path, keyset: &Keyset) -> Result<(), HomeError> {
    let name = format!("{:08}-{}.keyset", keyset.terms().sequence, keyset.id().to_text());
    Ok(write_new(&folder.join(name), &keyset.document().to_bytes())?)
}
