//! `farthing verifier run`

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::{Result, bail};
use farthing_http::server::Tls;
use farthing_http::signal::{EndSignals, Hangups};
use farthing_verifier::home::HomeError;

use super::mint::read_url;
use super::offline::no_lock_key;
use super::open::open;
use crate::args::VerifierRun;
use crate::hooks;
use crate::mint::{explain_listening, warn_of_plain_http};
use crate::output::{note, say};

pub(super) async fn serve(args: VerifierRun) -> Result<()> {
    let home = open(args.folder)?;
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

/// Ends at the first signal to end. A second one ends the process at once.
pub(super) fn end_of_service() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = EndSignals::new()?;
    Ok(async move {
        signals.next().await;
        note("ending: what was begun is answered first; a second signal ends at once");
        tokio::spawn(async move {
            signals.next().await;
            note("ended at once: what was begun is settled at the next start");
            std::process::exit(1);
        });
    })
}

/// SIGHUP asks to read files again. It ends only who has nothing to read and sits at a terminal, which is gone then.
pub(super) fn hangups(encrypted: bool) -> Result<Option<Hangups>> {
    let wanted = encrypted || !std::io::stdin().is_terminal();
    Ok(wanted.then(Hangups::new).transpose()?)
}

/// Reads the certificate files again at every SIGHUP.
pub(super) async fn read_again(mut hangups: Hangups, tls: Option<Tls>) {
    loop {
        hangups.next().await;
        match tls.as_ref().map(Tls::reload) {
            Some(Ok(())) => note("the certificate files were read again"),
            Some(Err(error)) => note(format!("warning: the certificate stays as it was: {error}")),
            None => note("there is no certificate to be read again; other settings take a restart"),
        }
    }
}
