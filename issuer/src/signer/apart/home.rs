//! A signer's folder.
//!
//! ```text
//! signer.toml        the configuration, with comments
//! keys/              secret keys, encrypted: identity.key, keyset-<id>.key, tls.key
//! keysets/           public keysets, signed
//! rules/             what was signed last, and what was issued
//! signer.sock        where the mint asks, if it is not on TCP
//! ```

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farthing_durable::{OpenError, Options};
use farthing_protocol::amount::Unit;
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::unsigned::Unsigned;
use farthing_verifier::home::LogFormat;

use super::config::{Listen, SignerConfig, ValueLimits, text};
use super::rules::{Filed, Rules, RulesError};
use super::tls::TlsSecret;
use crate::archive::{Signed, signed_files};
use crate::books::Books;
use crate::home::{
    HomeError, KeysetSettings, MintHome, ProtectionKind, SignerAt, keysets_in, note_protection_in, signer_text,
    store_keyset_in,
};
use crate::keys::{KeyError, KeyFolder, Unlock, create_folder, replace, write_new};
use crate::keysets::KeysetBook;
use crate::ledger::{self, LedgerError};

const CONFIG: &str = "signer.toml";
const TLS: &str = "tls";
/// A signer's store is small.
pub(super) const CACHE: u64 = 8 << 20;
/// So many files of the archive are handed over in one transaction.
const FILES_AT_ONCE: usize = 1024;
/// In the mint's folder.
const MINT_TLS: &str = "signer-tls.key";

/// Where a signer will listen, and how its mint reaches it.
#[derive(Clone, Debug)]
pub enum SignerListen {
    /// On a socket in its folder, for processes of the same user.
    Socket,
    /// On TCP, with TLS in which each side knows the other's key.
    Tcp {
        /// The address to listen on.
        listen: SocketAddr,
        /// Host and port where the mint reaches it.
        address: String,
    },
}

/// What a new signer is like.
#[derive(Clone, Debug)]
pub struct SignerOptions {
    /// Where it listens.
    pub listen: SignerListen,
    /// What it issues at most.
    pub limits: ValueLimits,
}

/// A signer's folder, and what stands in it in the clear.
#[derive(Clone, Debug)]
pub struct SignerHome {
    folder: PathBuf,
    config: SignerConfig,
}

impl SignerHome {
    /// Makes a signer in an empty or missing folder, and hands a mint's keys over to it: from then on the mint's folder holds none.
    /// The mint does not run meanwhile, as its books are held. Called again after a crash, it goes on; keysets that the mint made in between
    /// are handed over as well. Takes as long as the passphrase costs: not for an executor's thread.
    ///
    /// # Errors
    /// A [`HomeError`]: [`HomeError::NotEmpty`] for a folder with something else in it, [`HomeError::KeysApart`] when the mint has
    /// a signer already, [`HomeError::OtherKeys`] when the two hold different keys. The mint's keys are removed last, and only when the signer
    /// has all of them.
    pub fn init(
        folder: impl Into<PathBuf>,
        books: &Books,
        unlock: &Unlock,
        options: &SignerOptions,
    ) -> Result<Self, HomeError> {
        let (folder, mint) = (absolute(&folder.into())?, books.home());
        let made = match Self::open(&folder) {
            Ok(home) if home.mint_id() == mint.mint_id() => home,
            Ok(_) => return Err(HomeError::NotEmpty),
            Err(HomeError::NoSigner) => Self::make(folder, books, unlock, options)?,
            Err(error) => return Err(error),
        };
        made.take_over(books, unlock, &options.listen)?;
        Ok(made)
    }

    /// Opens a signer's folder. No secret is read.
    ///
    /// # Errors
    /// [`HomeError::NoSigner`], [`HomeError::Config`] or [`HomeError::Io`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, HomeError> {
        let folder = folder.into();
        let text = match fs::read_to_string(folder.join(CONFIG)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(HomeError::NoSigner),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { folder, config: SignerConfig::parse(&text)? })
    }

    /// Everything that a signer needs, its configuration last. The mint's folder keeps its keys.
    fn make(folder: PathBuf, books: &Books, unlock: &Unlock, options: &SignerOptions) -> Result<Self, HomeError> {
        let mint = books.home();
        if mint.config().signer.is_some() {
            return Err(HomeError::KeysApart);
        }
        if folder.try_exists()? && !is_begun(&folder)? {
            return Err(HomeError::NotEmpty);
        }
        // A wrong passphrase is told before anything is made.
        mint.keys().load_identity(unlock)?;
        let listen = match &options.listen {
            SignerListen::Socket => Listen::Socket,
            SignerListen::Tcp { listen, .. } => {
                let secret = TlsSecret::draw();
                replace(&mint.folder().join(MINT_TLS), secret.as_bytes())?;
                Listen::Tcp(*listen, secret.key())
            }
        };
        let text = text(mint.config(), listen, &options.limits);
        let home = Self { folder, config: SignerConfig::parse(&text)? };
        create_folder(&home.folder)?;
        create_folder(&home.keysets())?;
        home.complete(books, unlock)?;
        if home.keys().holds(TLS)? {
            home.tls(unlock)?;
        } else {
            home.keys().store_secret(&unlock.protection(), TLS, TlsSecret::draw().as_bytes())?;
        }
        home.begin(books)?;
        write_new(&home.folder.join(CONFIG), text.as_bytes())?;
        Ok(home)
    }

    /// Everything of the mint's that the signer lacks: keys, and then keysets.
    fn complete(&self, books: &Books, unlock: &Unlock) -> Result<(), HomeError> {
        let mint = books.home();
        let mut keysets = if is_empty(&self.keysets())? { Vec::new() } else { self.load_keysets()? };
        let missing: Vec<_> = mint
            .load_keysets()?
            .into_iter()
            .filter(|theirs| keysets.iter().all(|own| own.id() != theirs.id()))
            .collect();
        keysets.extend(missing.iter().cloned());
        // Two keysets of one number would be found here.
        let revocations = books.keyset_book().revocations().to_vec();
        KeysetBook::new(keysets, revocations).map_err(|_| HomeError::OtherKeys)?;
        self.keys().complete_from(&mint.keys(), unlock).map_err(|error| match error {
            KeyError::Exchanged => HomeError::OtherKeys,
            error => error.into(),
        })?;
        missing.iter().try_for_each(|keyset| self.store_keyset(keyset))
    }

    /// What was signed last stands in the mint's ledger.
    fn begin(&self, books: &Books) -> Result<(), HomeError> {
        let signed = books
            .ledger()
            .submit(|txn, _| -> Result<_, LedgerError> { Ok((ledger::stored_list(txn)?, ledger::stored_index(txn)?)) });
        let (list, index) = signed.wait().ok().and_then(Result::ok).ok_or(HomeError::Signed)?;
        let clock = Arc::clone(books.clock());
        let rules = Rules::open(self.clone(), clock, Options::new().cache_bytes(CACHE));
        let rules = rules.map_err(|error| match error {
            RulesError::Store(OpenError::InUse) => HomeError::InUse,
            _ => HomeError::Signed,
        })?;
        rules.begin_with(list.as_ref(), index.as_ref()).map_err(|_| HomeError::Signed)?;
        // Of the files that are listed there are no others.
        let folder = books.home().archive();
        let mut files = index.iter().flat_map(|index| signed_files(&folder, index)).map(|file| match file {
            Signed::Issued(file) => (file.place(), Unsigned::signature_of(&file)),
            Signed::Spent(filter) => (filter.place(), Unsigned::signature_of(&filter)),
        });
        loop {
            let portion: Vec<_> = files.by_ref().take(FILES_AT_ONCE).collect();
            if portion.is_empty() {
                return Ok(());
            }
            rules.take_over_files(portion).map_err(|_| HomeError::Signed)?;
        }
    }

    /// Whether this is where a mint asks. Where on the network that is, its operator may have changed.
    fn is_at(&self, place: &SignerAt, unlock: &Unlock) -> Result<bool, HomeError> {
        match place {
            SignerAt::Socket(path) => {
                let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
                Ok(path.file_name() == self.socket().file_name() && folder == self.folder.canonicalize().ok())
            }
            SignerAt::Tcp { signer, .. } => {
                Ok(matches!(self.config.listen, Listen::Tcp(..)) && *signer == self.tls(unlock)?.key())
            }
        }
    }

    /// The mint is told of its signer, and then loses its keys: not before the signer has all of them. Where it has another one, this one is
    /// given nothing.
    fn take_over(&self, books: &Books, unlock: &Unlock, listen: &SignerListen) -> Result<(), HomeError> {
        let mint = books.home();
        mint.keys().settle()?;
        let known = MintHome::open(mint.folder())?.config().signer.clone();
        if let Some(place) = &known
            && !self.is_at(&place.at, unlock)?
        {
            return Err(HomeError::KeysApart);
        }
        if mint.keys().path().try_exists()? {
            self.complete(books, unlock)?;
        }
        if known.is_none() {
            // The mint may have run since the folder was made.
            self.begin(books)?;
            let at = match (self.config.listen, listen) {
                (Listen::Tcp(..), SignerListen::Tcp { address, .. }) => SignerAt::Tcp {
                    address: address.clone(),
                    signer: self.tls(unlock)?.key(),
                    key_file: absolute(&mint.folder().join(MINT_TLS))?,
                },
                (Listen::Socket, SignerListen::Socket) => SignerAt::Socket(self.socket()),
                // It was begun with other options.
                _ => return Err(HomeError::NotEmpty),
            };
            mint.append(&signer_text(&at))?;
        }
        Ok(mint.keys().remove()?)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The mint's identity.
    pub fn mint_id(&self) -> &MintId {
        &self.config.settings.mint
    }

    /// The mint's currency unit.
    pub fn unit(&self) -> &Unit {
        &self.config.settings.unit
    }

    /// What opens its keys.
    pub fn protection(&self) -> ProtectionKind {
        self.keys().protection().unwrap_or(self.config.protection)
    }

    /// How what it does is logged, unless the command line says otherwise.
    pub fn log_format(&self) -> LogFormat {
        self.config.log_format
    }

    /// What it issues at most.
    pub fn limits(&self) -> &ValueLimits {
        &self.config.limits
    }

    pub(crate) fn note_protection(&self, kind: ProtectionKind) -> Result<(), HomeError> {
        note_protection_in(&self.folder.join(CONFIG), kind)
    }

    pub(super) fn settings(&self) -> &KeysetSettings {
        &self.config.settings
    }

    pub(super) fn listen(&self) -> Listen {
        self.config.listen
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("signer.sock")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("rules")
    }

    pub(crate) fn keys(&self) -> KeyFolder {
        KeyFolder::new(self.folder.join("keys"), *self.mint_id())
    }

    fn keysets(&self) -> PathBuf {
        self.folder.join("keysets")
    }

    /// Its secret key for TLS.
    pub(super) fn tls(&self, unlock: &Unlock) -> Result<TlsSecret, HomeError> {
        Ok(TlsSecret::from_bytes(&self.keys().load_secret(unlock, TLS)?)?)
    }

    pub(crate) fn load_keysets(&self) -> Result<Vec<Arc<Keyset>>, HomeError> {
        keysets_in(&self.keysets(), self.mint_id())
    }

    pub(crate) fn store_keyset(&self, keyset: &Keyset) -> Result<(), HomeError> {
        store_keyset_in(&self.keysets(), keyset)
    }
}

/// Whether nothing is in a folder but what is made before its configuration.
fn is_begun(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let own = ["keys", "keysets", "rules"].iter().any(|own| name == *own);
        // What a write that was cut short leaves.
        if !own && !name.to_string_lossy().starts_with(".signer.toml.") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a folder has no keyset.
fn is_empty(keysets: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(keysets)? {
        if entry?.path().extension().is_some_and(|extension| extension == "keyset") {
            return Ok(false);
        }
    }
    Ok(true)
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}
