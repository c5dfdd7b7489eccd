//! `farthing mint run`

use anyhow::{Context, Result};
use farthing_http::server::Tls;
use farthing_issuer::{ClockWord, FactorError, LedgerOpenError, Mint, MintError, Serving, Surroundings, WEBHOOK};

use super::audit::show_differences;
use super::home::{Desk, open, unlock};
use super::listen::{explain_listening, warn_of_plain_http};
use crate::args::{MintRun, Unlocking};
use crate::output::{note, say};
use crate::serving::{end_of_service, hangups, read_again};
use crate::{hooks, log};

pub(super) async fn serve(args: MintRun) -> Result<()> {
    let home = open(args.folder)?;
    let service = home.service().clone();
    log::settle(service.log_format);
    let listen = args.listen.unwrap_or(service.listen);
    let tls = home.tls_files().map(|files| Tls::load(files.certificate, files.key)).transpose();
    let tls = tls.context("the certificate in mint.toml cannot be used")?;
    let webhook_tls = home.webhook_tls_files().map(|files| Tls::load(files.certificate, files.key)).transpose();
    let webhook_tls = webhook_tls.context("the certificate for the webhook in mint.toml cannot be used")?;
    let (encrypted, reports_encrypted) = (tls.is_some(), webhook_tls.is_some());
    if !encrypted {
        warn_of_plain_http(listen);
    }
    let mint = open_mint(&home, &args.unlocking, args.clock_is_right).await?;
    let report = mint.first_audit()?;
    if !report.is_right() {
        show_differences(&report);
        note("The books are not right: the mint runs and takes deposits, and issues nothing.");
    }
    if let Err(error) = mint.signer_report().await {
        note(format!("{error}: nothing is issued until it is"));
    }
    let (shutdown, hangups) = (end_of_service()?, hangups(encrypted || reports_encrypted)?);
    let serving = Serving { listen, tls, webhook_tls, metrics: args.metrics.or(service.metrics) };
    let served = farthing_issuer::serve(mint, serving, shutdown).await;
    let running = served.map_err(|error| explain_listening(error, listen))?;
    if let Some(hangups) = hangups {
        tokio::spawn(read_again(hangups, running.tls()));
    }
    let scheme = if encrypted { "https" } else { "http" };
    say(format!("mint {}\n at {scheme}://{}", home.mint_id(), running.local_addr));
    if let Some(url) = &service.public_url {
        say(format!(" known as {}", url.as_str()));
    }
    if let Some(address) = running.metrics {
        say(format!("figures at http://{address}/metrics"));
    }
    if let Some(address) = running.webhook {
        if !reports_encrypted {
            warn_of_plain_http(address);
        }
        let scheme = if reports_encrypted { "https" } else { "http" };
        say(format!("takes reports of payments at {scheme}://{address}{WEBHOOK}"));
    }
    running.wait().await?;
    note("stopped; everything is on the disk");
    Ok(())
}

async fn open_mint(home: &Desk, unlocking: &Unlocking, clock_is_right: bool) -> Result<Mint> {
    let unlock = if home.has_signer() { None } else { Some(unlock(home, unlocking)?) };
    let open = async |clock_word: Option<ClockWord>| {
        let surroundings = Surroundings { clock_word, patient: hooks::is_patient(), ..Surroundings::default() };
        match unlock.clone() {
            None => Mint::open_with_signer_in(home, surroundings).await,
            Some(unlock) => Mint::open_in(home, unlock, surroundings).await,
        }
    };
    match open(clock_is_right.then(|| ClockWord { code: home.code() })).await {
        Err(MintError::Ledger(LedgerOpenError::Factor(FactorError::Required))) => {
            Ok(open(Some(ClockWord { code: Some(home.ask_for_code()?) })).await?)
        }
        mint => Ok(mint?),
    }
}
