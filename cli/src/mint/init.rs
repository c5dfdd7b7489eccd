//! `farthing mint init`

use std::path::Path;

use anyhow::{Context, Result, bail};
use farthing_issuer::{HomeError, InitOptions, MintHome, Passphrase, Protection};
use farthing_protocol::amount::Unit;

use super::home::{NEW_PASSPHRASE, SECRET_OPTIONS, Secret, given_secret};
use crate::args::{MintInit, Unlocking};
use crate::output::{note, say};
use crate::{place, prompt};

pub(super) async fn init(args: MintInit) -> Result<()> {
    let named = args.folder.dir.clone();
    let folder = place::folder(args.folder.dir, "mint")?;
    let unit = Unit::new(&args.unit, args.decimals).context("a unit's code has 1 to 16 letters, digits, - or _")?;
    let protection = match given_secret(&args.unlocking)? {
        Some(Secret::KeyFile(path)) => Protection::KeyFile(path),
        Some(Secret::Passphrase(passphrase)) => Protection::passphrase(passphrase),
        None => {
            Protection::passphrase(Passphrase::new(prompt::new_passphrase(NEW_PASSPHRASE, SECRET_OPTIONS)?.as_str()))
        }
    };
    let secret = match &protection {
        Protection::KeyFile(path) => format!("the key file {}", path.display()),
        Protection::Passphrase { .. } => "the passphrase".to_owned(),
    };
    let next = next_command(&args.unlocking, named.as_deref());
    let options = InitOptions::new(unit, protection).denominations(args.denominations);
    let place = folder.clone();
    let home = match tokio::task::spawn_blocking(move || MintHome::init(place, &options)).await? {
        Err(HomeError::NotEmpty) if folder.join("mint.toml").exists() => {
            bail!("there is a mint in {} already", folder.display())
        }
        Err(HomeError::NotEmpty) => {
            bail!("{} is not empty, and there is no mint in it: empty it, or name another with --dir", folder.display())
        }
        home => home?,
    };
    say(format!("mint {}", home.mint_id()));
    note(format!("made in {}", home.folder().display()));
    note(format!("Keep a copy of the folder's keys and of {secret}"));
    note("in another place.");
    note(format!("Next: {next}"));
    Ok(())
}

/// The command that runs a mint made with these options.
fn next_command(unlocking: &Unlocking, named: Option<&Path>) -> String {
    let mut command = "farthing mint run".to_owned();
    let options = [
        ("--dir", named),
        ("--key-file", unlocking.key_file.as_deref()),
        ("--passphrase-file", unlocking.passphrase_file.as_deref()),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            command = format!("{command} {option} {}", value.display());
        }
    }
    command
}
