//! `[signer]`

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::home::HomeError;
use crate::signer::TlsKey;

/// How long a signer is waited for, if nothing else is said, in seconds.
const PATIENCE: u64 = 10;

/// Where a mint's signer is, and how it is known.
#[derive(Clone, Debug)]
pub(crate) struct SignerPlace {
    pub(crate) at: SignerAt,
    pub(crate) patience: Duration,
}

/// What kind of address it has.
#[derive(Clone, Debug)]
pub(crate) enum SignerAt {
    /// A Unix socket.
    Socket(PathBuf),
    /// TCP, with TLS in which each side knows the other's key.
    Tcp {
        /// Host and port.
        address: String,
        /// The signer's key.
        signer: TlsKey,
        /// The file with the mint's own secret key for TLS.
        key_file: PathBuf,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    socket: Option<PathBuf>,
    address: Option<String>,
    signer_key: Option<TlsKey>,
    key_file: Option<PathBuf>,
    wait_seconds: Option<u64>,
}

impl Section {
    pub(super) fn place(self) -> Result<SignerPlace, HomeError> {
        let at = match (self.socket, self.address, self.signer_key, self.key_file) {
            (Some(socket), None, None, None) => SignerAt::Socket(socket),
            (None, Some(address), Some(signer), Some(key_file)) => SignerAt::Tcp { address, signer, key_file },
            _ => return Err(HomeError::Config),
        };
        let patience = self.wait_seconds.unwrap_or(PATIENCE);
        if patience == 0 {
            Err(HomeError::Config)
        } else {
            Ok(SignerPlace { at, patience: Duration::from_secs(patience) })
        }
    }
}

/// The section, with comments.
pub(crate) fn text(at: &SignerAt) -> String {
    let address = match at {
        SignerAt::Socket(socket) => format!("socket = {}\n", quoted(&socket.to_string_lossy())),
        SignerAt::Tcp { address, signer, key_file } => format!(
            "address = {}\n\n# The signer's key for TLS, and the file with this mint's own.\nsigner_key = \"{}\"\nkey_file = {}\n",
            quoted(address),
            signer.to_text(),
            quoted(&key_file.to_string_lossy()),
        ),
    };
    format!(
        "
# The process that holds this mint's secret keys: `farthing mint signer`. Without this section the mint holds them itself.
[signer]
{address}
# How long it is waited for, in seconds.
wait_seconds = {PATIENCE}
"
    )
}

/// A text in TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
