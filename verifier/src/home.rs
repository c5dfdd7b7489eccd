//! A verifier's folder, and running what is in it.
//!
//! | name | what |
//! |---|---|
//! | `config.toml` | settings, with comments; written last, so that a folder without it was never finished |
//! | `keys.toml` | secret keys, those in use and those retired, for the owner alone |
//! | `store/` | records |
//! | `evidence/` | proofs of a mint's misconduct |
//! | `payouts/` | requests for payouts, before they leave |
//! | `webhook.secret` | the secret shared with the receiver of events, unless another file is set |
//! | `control.sock` | control socket, while the verifier runs |

mod account;
mod check;
mod config;
mod gateway;
mod keys;
mod run;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use farthing_durable::{Engine, OpenError, Options};
use farthing_http::client::{BaseUrl, BuildError, UrlError};
use farthing_http::server::TlsError;
use farthing_protocol::derive::{MerchantIndex, Seed};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::locked::Recipient;
use farthing_protocol::receipt::{Receipt, ReceiptDraft};
use zeroize::Zeroizing;

use crate::files;
use crate::gateway::{RulesError, UpstreamError};
use crate::keyring::KeyringError;
use crate::merchant::{Books, Keep, Merchant, Tokens, system_clock};
use crate::sell::InvalidOrigin;
use crate::spent;
use crate::store::NotDecided;
use crate::webhook::{Secrets, SecretsError, WebhookTarget};

use keys::Keys;

pub use account::{AccountError, Payout};
pub use check::{CheckOptions, Finding, FindingCode, Severity, check_home};
pub use config::{DEFAULT_LISTEN, GatewaySettings, HomeOptions, LogFormat, OfflineOptions, TlsFiles, WebhookOptions};
pub use gateway::GatewayOptions;
pub use keys::{KeyView, LockView, Rotation};
pub use run::{Network, RunningVerifier, open_merchant, run, run_gateway, run_offline, run_with_clock};

/// A verifier's folder that was read and found in order.
#[derive(Debug)]
pub struct VerifierHome {
    folder: PathBuf,
    mint: MintId,
    mint_url: BaseUrl,
    options: HomeOptions,
    keys: Keys,
}

/// Why a folder cannot be made, read or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// There is a verifier in the folder already.
    #[error("there is a verifier in this folder already")]
    Exists,
    /// There is none.
    #[error("there is no verifier in this folder")]
    Missing,
    /// The operating system refused.
    #[error("a file could not be read or written: {0}")]
    Io(#[from] io::Error),
    /// The settings cannot be read.
    #[error("config.toml cannot be read: {0}")]
    Config(#[from] toml::de::Error),
    /// The keys are damaged, or there are none.
    #[error("keys.toml is damaged, or not there")]
    Keys,
    /// There are keys without settings, which are not those of the words that were given.
    #[error("there are keys in this folder that belong to other words, or to an attempt that was cut short")]
    OtherKeys,
    /// The words are not those of the key in use, or not new.
    #[error("these are not the words of the key in use, or not new ones")]
    OtherWords,
    /// The records cannot be opened.
    #[error("the records cannot be opened: {0}")]
    Store(#[from] OpenError),
    /// What is known of the mint cannot be read.
    #[error("{0}")]
    Keyring(#[from] KeyringError),
    /// The settings ask for tokens that no store here decides over.
    #[error("{0}")]
    NotDecided(#[from] NotDecided),
    /// Without a network only tokens locked to the payee are taken, and he has no lock key.
    #[error("without a network only tokens locked to the payee are taken, and this payee has no lock key")]
    NoLockKey,
    /// The client for the mint cannot be built.
    #[error("{0}")]
    Client(#[from] BuildError),
    /// An address cannot be used.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// The gateway's rules cannot be used.
    #[error("{0}")]
    Rules(#[from] RulesError),
    /// The server behind the gateway cannot be asked.
    #[error("{0}")]
    Upstream(#[from] UpstreamError),
    /// The gateway's own address is none.
    #[error("{0}")]
    Origin(#[from] InvalidOrigin),
    /// The certificate files cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The webhook's secret cannot be read.
    #[error("the webhook's secret cannot be read from {0}: {1}")]
    SecretFile(PathBuf, #[source] io::Error),
    /// What is in the file is no secret.
    #[error("{0}: {1}")]
    Secret(PathBuf, #[source] SecretsError),
}

impl VerifierHome {
    /// Makes a folder for a new payee of randomness that nobody has written down, and who is lost with the folder: for tests and
    /// demonstrations. See [`VerifierHome::init_from`].
    ///
    /// # Errors
    /// As [`VerifierHome::init_from`].
    pub fn init(folder: &Path, mint_url: &BaseUrl, mint: &MintId, options: &HomeOptions) -> Result<Self, HomeError> {
        let keys = if Keys::exist(folder)? {
            Keys::read(folder)?
        } else {
            Keys::derive(&Seed::from_bytes(crate::random::random()), MerchantIndex::FIRST, system_clock()())
        };
        Self::init_with(folder, mint_url, mint, options, &keys)
    }

    /// Makes a folder for the payee of these words, who is paid in tokens of this mint. The mint's id is pinned by this.
    ///
    /// The payee's key is the one of this index: 0 for new words. The keys before it are there too and accept nothing any more. The lock
    /// key is always a new one.
    ///
    /// Everything is durable when this returns. An attempt that was cut short is gone on with if the words are the same.
    ///
    /// # Errors
    /// [`HomeError::Exists`] when there is a verifier already; [`HomeError::OtherKeys`] when there are keys of other words, which
    /// are never written over.
    pub fn init_from(
        folder: &Path,
        mint_url: &BaseUrl,
        mint: &MintId,
        options: &HomeOptions,
        (seed, index): (&Seed, MerchantIndex),
    ) -> Result<Self, HomeError> {
        let keys = Keys::derive(seed, index, system_clock()());
        Self::init_with(folder, mint_url, mint, options, &keys)
    }

    fn init_with(
        folder: &Path,
        mint_url: &BaseUrl,
        mint: &MintId,
        options: &HomeOptions,
        keys: &Keys,
    ) -> Result<Self, HomeError> {
        files::create_folder(folder)?;
        if folder.join(CONFIG).try_exists()? {
            return Err(HomeError::Exists);
        }
        match keys.write_new(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if Keys::read(folder)?.payee() != keys.payee() {
                    return Err(HomeError::OtherKeys);
                }
            }
            written => written?,
        }
        match files::create_private(&folder.join(CONFIG), config::write(mint_url, mint, options).as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(HomeError::Exists),
            written => written?,
        }
        Self::open(folder)
    }

    /// Whether there is a verifier in a folder, or what is left of one.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn is_there(folder: &Path) -> io::Result<bool> {
        Ok(folder.join(CONFIG).try_exists()? || Keys::exist(folder)?)
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// [`HomeError::Missing`] when there is no verifier; the others when it is not in order.
    pub fn open(folder: &Path) -> Result<Self, HomeError> {
        let text = match fs::read_to_string(folder.join(CONFIG)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(HomeError::Missing),
            text => text?,
        };
        let (mint_url, mint, options) = config::read(&text)?;
        let keys = Keys::read(folder)?;
        Ok(Self { folder: folder.to_owned(), mint, mint_url, options, keys })
    }

    /// Puts another payee key in the place of the one in use, which keeps its balance at the mint and accepts what is out for it
    /// until a time. A verifier that is running uses the new key when it is started again.
    ///
    /// # Errors
    /// [`HomeError::OtherWords`] when the words are not those of the key in use, or new words are those of a key that is there.
    pub fn rotate(mut self, rotation: &Rotation<'_>) -> Result<Self, HomeError> {
        self.keys = Keys::rotate(&self.folder, rotation)?;
        Ok(self)
    }

    /// Whether the key in use is of these words.
    pub fn is_of(&self, seed: &Seed) -> bool {
        self.keys.is_of(seed)
    }

    /// The payee's keys, the one in use first.
    pub fn keys(&self) -> Vec<KeyView> {
        self.keys.views()
    }

    /// The lock keys, the one in use first.
    pub fn lock_keys(&self) -> Vec<LockView> {
        self.keys.lock_views()
    }

    /// The same, reached by payers at this address.
    #[must_use]
    pub fn with_public_url(mut self, url: BaseUrl) -> Self {
        self.options.public_url = Some(url);
        self
    }

    /// The same, with figures served on this address.
    #[must_use]
    pub fn with_metrics(mut self, listen: SocketAddr) -> Self {
        self.options.metrics = Some(listen);
        self
    }

    /// The certificate's files, from the folder on.
    pub fn tls_files(&self) -> Option<TlsFiles> {
        let TlsFiles { certificate, key } = self.options.tls.as_ref()?;
        Some(TlsFiles { certificate: self.folder.join(certificate), key: self.folder.join(key) })
    }

    /// The same, with records kept for so long.
    #[must_use]
    pub fn with_keep(mut self, keep: Keep) -> Self {
        self.options.keep = Some(keep);
        self
    }

    /// Opens the records of a verifier that does not run.
    ///
    /// # Errors
    /// [`HomeError::Store`], of [`OpenError::InUse`] when it does.
    pub fn books(&self) -> Result<Books, HomeError> {
        Ok(Books::new(open_records(&self.folder)?))
    }

    /// The receipt of an accepted payment, if these records hold it.
    ///
    /// # Errors
    /// [`HomeError::Keys`] when it is another payee's.
    pub fn sign(&self, draft: ReceiptDraft) -> Result<Receipt, HomeError> {
        let signer = self.keys.signers().find(|key| PayeeKey::from(*key) == draft.payee).ok_or(HomeError::Keys)?;
        draft.sign(signer).map_err(|_| HomeError::Keys)
    }

    /// Makes the file with the webhook's secret, for the owner alone, and returns where it is.
    ///
    /// # Errors
    /// [`HomeError::Io`] of [`io::ErrorKind::AlreadyExists`] when there is one.
    pub fn new_webhook_secret(&self) -> Result<PathBuf, HomeError> {
        let path = self.secret_path();
        let mut text = Secrets::generate();
        text.push('\n');
        files::create_private(&path, text.as_bytes())?;
        Ok(path)
    }

    fn secret_path(&self) -> PathBuf {
        let configured = self.options.webhook.as_ref().map(|webhook| webhook.secret_file.as_path());
        self.folder.join(configured.unwrap_or(Path::new(WEBHOOK_SECRET)))
    }

    /// Who is told of accepted payments.
    fn webhook(&self) -> Result<Option<WebhookTarget>, HomeError> {
        let Some(WebhookOptions { url, .. }) = &self.options.webhook else { return Ok(None) };
        let path = self.secret_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) => return Err(HomeError::SecretFile(path, error)),
        };
        let secrets = Secrets::parse(&text).map_err(|error| HomeError::Secret(path, error))?;
        Ok(Some(WebhookTarget { url: url.clone(), secrets }))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The control socket's path.
    pub fn control_socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// The payee.
    pub fn payee(&self) -> PayeeKey {
        self.keys.payee()
    }

    /// The mint.
    pub fn mint(&self) -> &MintId {
        &self.mint
    }

    /// The record by which wallets lock tokens to this payee, signed by him. Nothing without a lock key.
    pub fn recipient(&self) -> Option<Recipient> {
        if self.options.locked { self.keys.recipient(self.mint) } else { None }
    }

    /// The mint's address.
    pub fn mint_url(&self) -> &BaseUrl {
        &self.mint_url
    }

    /// The settings.
    pub fn options(&self) -> &HomeOptions {
        &self.options
    }
}

/// Opens the records, which reads everything.
fn open_records(folder: &Path) -> Result<Engine, OpenError> {
    Engine::open(&folder.join("store"), Options::new().indexer(spent::indexer()))
}

const CONFIG: &str = "config.toml";
const WEBHOOK_SECRET: &str = "webhook.secret";
