//! `farthing mint run`

use anyhow::{Context, Result};
use farthing_http::server::Tls;
use farthing_issuer::{Mint, Serving, WEBHOOK};

use super::audit::show_differences;
use super::home::{open, unlock};
use super::listen::{explain_listening, warn_of_plain_http};
use crate::args::MintRun;
use crate::log;
use crate::output::{note, say};
use crate::serving::{end_of_service, hangups, read_again};

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
    let mint = if home.has_signer() {
        Mint::open_with_signer(&home).await?
    } else {
        let unlock = unlock(&home, &args.unlocking)?;
        Mint::open(&home, unlock).await?
    };
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
