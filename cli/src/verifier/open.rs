//! What every command does with the folder and the process that serves it.

use anyhow::{Context, Result, bail};
use farthing_http::client::CallError;
use farthing_http::unix_client::UnixClient;
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{PayeeAnswer, verifier_path};
use farthing_verifier::home::{HomeError, VerifierHome};

use super::offline::{is_outdated, outdated};
use crate::args::VerifierFolder;
use crate::place;

/// Opens the folder that the command names, or the usual one.
pub(super) fn open(folder: VerifierFolder) -> Result<VerifierHome> {
    let folder = place::folder(folder.dir, "verifier")?;
    match VerifierHome::open(&folder) {
        Err(HomeError::Missing) => bail!(
            "there is no verifier in {}: `farthing verifier init` makes one, --dir names another",
            folder.display()
        ),
        home => home.with_context(|| format!("the verifier in {} cannot be opened", folder.display())),
    }
}

/// The control socket of a verifier that runs.
pub(super) fn control(home: &VerifierHome) -> Result<UnixClient> {
    Ok(UnixClient::new(home.control_socket())?)
}

/// Says what to do when nobody answers at the control socket.
pub(super) fn explain_not_running(error: CallError) -> anyhow::Error {
    match error {
        CallError::NotSent(_) => anyhow::anyhow!("the verifier is not running: start it with `farthing verifier run`"),
        error if is_outdated(&error) => outdated(),
        error => error.into(),
    }
}

/// The unit in which the running verifier is paid. It knows, also while the mint cannot be reached.
pub(super) async fn unit_of(home: &VerifierHome) -> Result<Unit> {
    let answer: PayeeAnswer = control(home)?.get_json(verifier_path::PAYEE).await.map_err(explain_not_running)?;
    Ok(Unit::new(&answer.unit, answer.exponent)?)
}
