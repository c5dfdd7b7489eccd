//! The mint's folder, what opens its keys, and the mint that runs on it.

use std::ops::Deref;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::CODE_HEADER;
use farthing_issuer::{
    Authority, BackupError, Books, FactorError, HomeError, KeyHome, MintHome, Passphrase, Proof, ProtectionKind, Unlock,
};
use farthing_protocol::api::SecondFactor;
use farthing_wallet::OpenError;

use crate::args::{MintFolder, SignerFolder, Unlocking};
use crate::exit::{Trouble, fault};
use crate::unlock::read_passphrase;
use crate::{factor, place, prompt};

const KEY_FILE_VARIABLE: &str = "FARTHING_MINT_KEY_FILE";
const PASSPHRASE_VARIABLE: &str = "FARTHING_MINT_PASSPHRASE";

/// A mint's folder, and how its administrator proves himself.
pub(super) struct Desk {
    home: MintHome,
    code: Option<SecondFactor>,
}

impl Deref for Desk {
    type Target = MintHome;

    fn deref(&self) -> &MintHome {
        &self.home
    }
}

impl Desk {
    /// The code that was given, if one was.
    pub(super) fn code(&self) -> Option<SecondFactor> {
        self.code.clone()
    }

    /// Asks for a code.
    pub(super) fn ask_for_code(&self) -> Result<SecondFactor> {
        factor::ask(QUESTION)
    }

    fn client(&self, code: Option<&SecondFactor>) -> Result<UnixClient> {
        let socket = self.home.control_socket();
        Ok(match code {
            None => UnixClient::new(socket)?,
            Some(code) => UnixClient::with_header(socket, CODE_HEADER, &code.to_text())?,
        })
    }

    /// The books of a mint that does not run, and the right to make one change in them: with the code given, or one that is asked
    /// for if it needs one.
    pub(super) async fn books(&self) -> Result<(Books, Authority)> {
        let books = Books::open(&self.home).await?;
        let authority = self.prove(&books).await?;
        Ok((books, authority))
    }

    /// Does something in a ledger that is not served: with the code given, or one that is asked for if it needs one.
    pub(super) async fn in_held_ledger<T>(
        &self,
        work: impl AsyncFn(Proof) -> Result<T, BackupError>,
    ) -> Result<Result<T, BackupError>> {
        Ok(match work(Proof::Code(self.code.clone())).await {
            Err(BackupError::Factor(FactorError::Required)) => work(Proof::Code(Some(factor::ask(QUESTION)?))).await,
            done => done,
        })
    }

    /// The right to make one change in books that are open.
    pub(super) async fn prove(&self, books: &Books) -> Result<Authority> {
        Ok(match books.prove(self.code.clone()).await {
            Err(FactorError::Required) => books.prove(Some(factor::ask(QUESTION)?)).await?,
            proven => proven?,
        })
    }
}

pub(super) fn open(folder: MintFolder) -> Result<Desk> {
    let MintFolder { dir, code } = folder;
    Ok(Desk { home: open_home(dir)?, code })
}

fn open_home(dir: Option<PathBuf>) -> Result<MintHome> {
    let folder = place::folder(dir, "mint")?;
    match MintHome::open(&folder) {
        Err(HomeError::NoMint) => {
            bail!("there is no mint in {}: `farthing mint init` makes one, --dir names another", folder.display())
        }
        home => home.with_context(|| format!("the mint in {} cannot be opened", folder.display())),
    }
}

/// Asks the running mint over its control socket; `None` if none runs. What changes something may need a code of the administrator's
/// second factor: then it is asked for, and the mint once more.
pub(super) async fn ask_running<T>(
    desk: &Desk,
    ask: impl AsyncFn(&UnixClient) -> Result<T, CallError>,
) -> Result<Option<T>> {
    let answer = match ask(&desk.client(desk.code.as_ref())?).await {
        Err(error) if is(&error, Code::SecondFactorRequired) => ask(&desk.client(Some(&factor::ask(QUESTION)?))?).await,
        answer => answer,
    };
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CallError::NotSent(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

const QUESTION: &str = "Code of the administrator's second factor: ";

/// Whether a refusal has this code.
pub(super) fn is(error: &CallError, code: Code) -> bool {
    error.problem().and_then(|problem| problem.known()) == Some(code)
}

pub(super) enum Secret {
    Passphrase(Passphrase),
    KeyFile(PathBuf),
}

pub(super) const NEW_PASSPHRASE: &str = "New passphrase for the mint's keys: ";
/// Asks for a new passphrase for keys, twice.
pub(super) fn new_passphrase(question: &str, options: &str) -> Result<Passphrase> {
    match prompt::new_passphrase(question, options) {
        Err(error) if error.is::<OpenError>() => {
            Err(fault(Trouble::BadText, "the passphrase is empty").next(format!("give one, or {options}")).into())
        }
        typed => Ok(Passphrase::new(typed?.as_str())),
    }
}

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

/// Where the keys of a mint are: in its own folder, or in its signer's.
pub(super) fn key_home(home: &MintHome, signer: SignerFolder) -> Result<KeyHome> {
    if !home.has_signer() {
        return Ok(KeyHome::Mint(Box::new(home.clone())));
    }
    let folder = place::folder(signer.signer_dir, "signer")?;
    match KeyHome::open(&folder) {
        Ok(keys @ KeyHome::Signer(_)) => Ok(keys),
        Ok(KeyHome::Mint(_)) | Err(HomeError::NoMint | HomeError::KeysApart) => {
            let message = format!("the mint's keys are with its signer, and there is none in {}", folder.display());
            Err(fault(Trouble::BadFile, message).next("name the signer's folder with --signer-dir").into())
        }
        Err(error) => Err(error.into()),
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
