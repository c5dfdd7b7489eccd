//! A verifier's folder, and running what is in it.
//!
//! | name | what |
//! |---|---|
//! | `config.toml` | settings, with comments; written last, so that a folder without it was never finished |
//! | `payee.key`, `lock.key` | secret keys, for the owner alone |
//! | `store/` | records |
//! | `evidence/` | proofs of a mint's misconduct |
//! | `control.sock` | control socket, while the verifier runs |

mod config;
mod gateway;
mod run;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use farthing_durable::OpenError;
use farthing_http::client::{BaseUrl, BuildError, UrlError};
use farthing_protocol::codec::{DecodeError, Reader, Writer, from_base64url, to_base64url};
use farthing_protocol::identity::{Keypair, MintId, PayeeKey};
use farthing_protocol::locked::LockKey;
use zeroize::Zeroizing;

use crate::files;
use crate::gateway::{RulesError, UpstreamError};
use crate::keyring::KeyringError;
use crate::merchant::{Merchant, Tokens};
use crate::sell::InvalidOrigin;
use crate::store::NotDecided;

pub use config::HomeOptions;
pub use gateway::GatewayOptions;
pub use run::{RunningVerifier, run, run_gateway, run_with_clock};

/// A verifier's folder that was read and found in order.
#[derive(Debug)]
pub struct VerifierHome {
    folder: PathBuf,
    mint: MintId,
    mint_url: BaseUrl,
    options: HomeOptions,
    key: Keypair,
    lock: Option<LockKey>,
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
    /// A key file is damaged.
    #[error("a key file is damaged: {0}")]
    Key(#[source] DecodeError),
    /// The records cannot be opened.
    #[error("the records cannot be opened: {0}")]
    Store(#[from] OpenError),
    /// What is known of the mint cannot be read.
    #[error("{0}")]
    Keyring(#[from] KeyringError),
    /// The settings ask for tokens that no store here decides over.
    #[error("{0}")]
    NotDecided(#[from] NotDecided),
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
}

impl VerifierHome {
    /// Makes a folder for a new payee who is paid in tokens of this mint. The mint's id is pinned by this.
    ///
    /// Everything is durable when this returns. Keys left by an attempt that was cut short are used.
    ///
    /// # Errors
    /// [`HomeError::Exists`] when there is a verifier already.
    pub fn init(folder: &Path, mint_url: &BaseUrl, mint: &MintId, options: &HomeOptions) -> Result<Self, HomeError> {
        files::create_folder(folder)?;
        if folder.join(CONFIG).try_exists()? {
            return Err(HomeError::Exists);
        }
        let mut rng = crate::random::system_rng();
        write_key(&folder.join(PAYEE_KEY), Keypair::generate(&mut rng).secret().as_ref())?;
        if options.locked {
            let mut out = Writer::default();
            out.part(&LockKey::generate(&mut rng));
            write_key(&folder.join(LOCK_KEY), &Zeroizing::new(out.finish()))?;
        }
        match files::create_private(&folder.join(CONFIG), config::write(mint_url, mint, options).as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(HomeError::Exists),
            written => written?,
        }
        Self::open(folder)
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
        let key = Keypair::from_secret(&*read_key(&folder.join(PAYEE_KEY))?);
        let lock = if options.locked {
            let secret = read_key(&folder.join(LOCK_KEY))?;
            Some(Reader::new(secret.as_ref()).part().map_err(HomeError::Key)?)
        } else {
            None
        };
        Ok(Self { folder: folder.to_owned(), mint, mint_url, options, key, lock })
    }

    /// The same, reached by payers at this address.
    #[must_use]
    pub fn with_public_url(mut self, url: BaseUrl) -> Self {
        self.options.public_url = Some(url);
        self
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
        PayeeKey::from(&self.key)
    }

    /// The mint.
    pub fn mint(&self) -> &MintId {
        &self.mint
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

const CONFIG: &str = "config.toml";
const PAYEE_KEY: &str = "payee.key";
const LOCK_KEY: &str = "lock.key";

/// A key that is there already stays.
fn write_key(path: &Path, secret: &[u8]) -> Result<(), HomeError> {
    let mut text = Zeroizing::new(to_base64url(secret));
    text.push('\n');
    match files::create_private(path, text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        written => Ok(written?),
    }
}

fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, HomeError> {
    let text = Zeroizing::new(fs::read_to_string(path)?);
    let bytes = Zeroizing::new(from_base64url(text.trim_end()).map_err(HomeError::Key)?);
    let secret = bytes.as_slice().try_into().map_err(|_| HomeError::Key(DecodeError::OutOfRange))?;
    Ok(Zeroizing::new(secret))
}
