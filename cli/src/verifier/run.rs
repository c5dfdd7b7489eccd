//! `farthing verifier run`

use std::sync::Arc;

use anyhow::{Result, bail};
use farthing_verifier::home::HomeError;

use super::mint::read_url;
use super::offline::no_lock_key;
use super::open::open;
use crate::args::VerifierRun;
use crate::hooks;
use crate::log;
use crate::mint::{explain_listening, warn_of_plain_http};
use crate::output::{note, say};
use crate::serving::{end_of_service, hangups, read_again};

pub(super) async fn serve(args: VerifierRun) -> Result<()> {
    let home = open(args.folder)?;
    log::settle(home.options().log_format);
    let home = match args.public_url {
        Some(url) => home.with_public_url(read_url(&url)?),
        None => home,
    };
    let home = match args.keep {
        Some(keep) => home.with_keep(keep),
        None => home,
    };
    let home = match args.metrics {
        Some(address) => home.with_metrics(address),
        None => home,
    };
    let listen = args.listen.unwrap_or(home.options().listen);
    let (payee, encrypted) = (home.payee(), home.options().tls.is_some());
    if !encrypted {
        warn_of_plain_http(listen);
    }
    let shutdown = end_of_service()?;
    let hangups = hangups(encrypted)?;
    let running = if args.offline {
        farthing_verifier::home::run_offline(home, listen, Arc::new(hooks::now), shutdown).await
    } else {
        farthing_verifier::home::run(home, listen, shutdown).await
    };
    let running = match running {
        Err(HomeError::NoLockKey) => bail!(no_lock_key()),
        Err(HomeError::Io(error)) => return Err(explain_listening(error, listen)),
        running => running?,
    };
    if let Some(hangups) = hangups {
        tokio::spawn(read_again(hangups, running.tls()));
    }
    let scheme = if encrypted { "https" } else { "http" };
    say(format!("payee {payee}\n at {scheme}://{}", running.local_addr));
    if let Some(address) = running.metrics {
        say(format!("figures at http://{address}/metrics"));
    }
    if args.offline {
        note("without a network: only tokens that are locked to this payee are taken");
        if running.merchant.about().is_err() {
            note("There is no list of the mint's keysets, or it is too old: `farthing verifier import-keysets FILE`");
        }
    }
    running.wait().await?;
    note("stopped; everything is on the disk");
    Ok(())
}
