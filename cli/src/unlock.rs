//! What opens a wallet: its passphrase, from a file, from the environment, or typed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use farthing_wallet::{OpenError, Passphrase, Protection, Unlock, Wallet};
use zeroize::Zeroizing;

use crate::exit::{Advise, Trouble, fault};
use crate::prompt;

/// Where a wallet's passphrase comes from. It is asked for if neither is given.
#[derive(Debug, Args)]
pub(crate) struct WalletUnlocking {
    /// Read the wallet's passphrase from the first line of a file
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "passphrase_env")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Take the wallet's passphrase from this environment variable
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) passphrase_env: Option<String>,
}

/// Where a wallet's new passphrase comes from, when it is changed. It is asked for if none is given.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct NewPassphrase {
    /// Read the new passphrase from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    /// Take the new passphrase from this environment variable
    #[arg(long, value_name = "NAME")]
    pub(crate) new_passphrase_env: Option<String>,
    /// Protect the wallet by no passphrase any more: whoever reads its folder has the money
    #[arg(long)]
    pub(crate) no_passphrase: bool,
}

/// Refuses to begin what would need a new passphrase where none is given and nobody can be asked.
pub(crate) fn expect_new(unlocking: &WalletUnlocking, none: bool) -> Result<()> {
    let given = none || unlocking.passphrase_file.is_some() || unlocking.passphrase_env.is_some();
    if !given && !prompt::possible() {
        return Err(fault(Trouble::NobodyToAsk, "nobody can be asked for a passphrase here")
            .next(
                "give --passphrase-file, --passphrase-env, or --no-passphrase for a wallet that is protected like cash",
            )
            .into());
    }
    Ok(())
}

/// What a new wallet is protected by.
pub(crate) fn protection(unlocking: &WalletUnlocking, none: bool) -> Result<Protection> {
    new_protection(unlocking.passphrase_file.as_deref(), unlocking.passphrase_env.as_deref(), none)
}

/// What a wallet is protected by from now on.
pub(crate) fn changed_protection(new: &NewPassphrase) -> Result<Protection> {
    new_protection(new.new_passphrase_file.as_deref(), new.new_passphrase_env.as_deref(), new.no_passphrase)
}

/// What opens the wallet in a folder.
pub(crate) fn unlock(folder: &Path, unlocking: &WalletUnlocking) -> Result<Unlock> {
    let given = given(unlocking.passphrase_file.as_deref(), unlocking.passphrase_env.as_deref())?;
    Ok(match given {
        Some(passphrase) => Unlock::Passphrase(passphrase),
        None if !needs_passphrase(folder)? => Unlock::NoPassphrase,
        None if !prompt::possible() => {
            let message = "nobody can be asked for the passphrase here";
            return Err(OpenError::NeedsPassphrase).advise(message, "give --passphrase-file or --passphrase-env");
        }
        None => {
            let typed = prompt::passphrase("Passphrase of the wallet: ", "--passphrase-file or --passphrase-env")?;
            Unlock::Passphrase(Passphrase::new(typed.as_str()))
        }
    })
}

fn needs_passphrase(folder: &Path) -> Result<bool> {
    Wallet::needs_passphrase(folder).with_context(|| unopened(folder))
}

/// What is said of a wallet that cannot be opened.
pub(crate) fn unopened(folder: &Path) -> String {
    format!("the wallet in {} cannot be opened", folder.display())
}

fn new_protection(file: Option<&Path>, variable: Option<&str>, none: bool) -> Result<Protection> {
    if none {
        return Ok(Protection::NoPassphrase);
    }
    let passphrase = match given(file, variable)? {
        // Said before anything is made: later a file with words would be left behind.
        Some(passphrase) if passphrase.is_empty() => return Err(OpenError::EmptyPassphrase.into()),
        Some(passphrase) => passphrase,
        None => {
            let question = "New passphrase for the wallet: ";
            let options = "a file with a passphrase, the name of a variable that holds it, or --no-passphrase";
            Passphrase::new(prompt::new_passphrase(question, options)?.as_str())
        }
    };
    Ok(Protection::passphrase(passphrase))
}

fn given(file: Option<&Path>, variable: Option<&str>) -> Result<Option<Passphrase>> {
    match (file, variable) {
        (Some(path), _) => read_passphrase(path).map(Some),
        (None, Some(name)) => match std::env::var(name) {
            Ok(passphrase) => Ok(Some(Passphrase::new(passphrase))),
            Err(std::env::VarError::NotPresent) => {
                Err(fault(Trouble::BadVariable, format!("there is no environment variable {name}")).into())
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(fault(Trouble::BadVariable, format!("the environment variable {name} holds no text")).into())
            }
        },
        (None, None) => Ok(None),
    }
}

/// The first line of a file.
pub(crate) fn read_passphrase(path: &Path) -> Result<Passphrase> {
    let unreadable =
        |error: std::io::Error| fault(Trouble::BadFile, format!("{} cannot be read: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let text = Zeroizing::new(text);
    Ok(Passphrase::new(text.lines().next().unwrap_or_default()))
}
