//! The mint's folder, what opens its keys, and the mint that runs on it.

use anyhow::{Context, Result, bail};
use farthing_http::client::CallError;
use farthing_http::unix_client::UnixClient;
use farthing_issuer::{HomeError, MintHome, Passphrase, ProtectionKind, Unlock};

use crate::args::{MintFolder, Unlocking};
use crate::unlock::read_passphrase;
use crate::{place, prompt};

const KEY_FILE_VARIABLE: &str = "FARTHING_MINT_KEY_FILE";
const PASSPHRASE_VARIABLE: &str = "FARTHING_MINT_PASSPHRASE";

pub(super) fn open(folder: MintFolder) -> Result<MintHome> {
    let folder = place::folder(folder.dir, "mint")?;
    match MintHome::open(&folder) {
        Err(HomeError::NoMint) => {
            bail!("there is no mint in {}: `farthing mint init` makes one, --dir names another", folder.display())
        }
        home => home.with_context(|| format!("the mint in {} cannot be opened", folder.display())),
    }
}

/// Asks the running mint over its control socket; `None` if none runs.
pub(super) async fn ask_running<T>(
    home: &MintHome,
    ask: impl AsyncFnOnce(&UnixClient) -> Result<T, CallError>,
) -> Result<Option<T>> {
    let client = UnixClient::new(home.control_socket())?;
    match ask(&client).await {
        Ok(answer) => Ok(Some(answer)),
        Err(CallError::NotSent(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) enum Secret {
    Passphrase(Passphrase),
    KeyFile(std::path::PathBuf),
}

pub(super) const NEW_PASSPHRASE: &str = "New passphrase for the mint's keys: ";
pub(super) const SECRET_OPTIONS: &str = "--passphrase-file or --key-file";

/// What the command line or the environment gives.
pub(super) fn given_secret(unlocking: &Unlocking) -> Result<Option<Secret>> {
    if let Some(path) = &unlocking.passphrase_file {
        return Ok(Some(Secret::Passphrase(read_passphrase(path)?)));
    }
    if let Some(path) = &unlocking.key_file {
        return Ok(Some(Secret::KeyFile(path.clone())));
    }
    if let Some(path) = std::env::var_os(KEY_FILE_VARIABLE) {
        return Ok(Some(Secret::KeyFile(path.into())));
    }
    match std::env::var(PASSPHRASE_VARIABLE) {
        Ok(passphrase) => Ok(Some(Secret::Passphrase(Passphrase::new(passphrase)))),
        Err(_) => Ok(None),
    }
}

pub(super) fn unlock(home: &MintHome, unlocking: &Unlocking) -> Result<Unlock> {
    unlock_for(home.protection(), unlocking)
}

/// What opens keys that are protected like this.
pub(super) fn unlock_for(protection: ProtectionKind, unlocking: &Unlocking) -> Result<Unlock> {
    Ok(match (given_secret(unlocking)?, protection) {
        (Some(Secret::KeyFile(path)), _) => Unlock::KeyFile(path),
        (Some(Secret::Passphrase(passphrase)), _) => Unlock::Passphrase(passphrase),
        (None, ProtectionKind::KeyFile) => bail!("this mint's keys need its key file: give --key-file"),
        (None, ProtectionKind::Passphrase) => Unlock::Passphrase(Passphrase::new(
            prompt::passphrase("Passphrase of the mint's keys: ", SECRET_OPTIONS)?.as_str(),
        )),
    })
}
