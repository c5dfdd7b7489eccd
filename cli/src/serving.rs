//! What every service does at its signals.

use std::io::IsTerminal;

use anyhow::Result;
use farthing_http::server::Tls;
use farthing_http::signal::{EndSignals, Hangups};

use crate::output::note;

/// Ends at the first signal to end. A second one ends the process at once.
pub(crate) fn end_of_service() -> Result<impl Future<Output = ()> + Send + 'static> {
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
pub(crate) fn hangups(encrypted: bool) -> Result<Option<Hangups>> {
    let wanted = encrypted || !std::io::stdin().is_terminal();
    Ok(wanted.then(Hangups::new).transpose()?)
}

/// Reads the certificate files again at every SIGHUP.
pub(crate) async fn read_again(mut hangups: Hangups, tls: impl IntoIterator<Item = Tls>) {
    let tls: Vec<Tls> = tls.into_iter().collect();
    loop {
        hangups.next().await;
        if tls.is_empty() {
            note("there is no certificate to be read again; other settings take a restart");
        }
        for certificate in &tls {
            match certificate.reload() {
                Ok(()) => note("the certificate files were read again"),
                Err(error) => note(format!("warning: the certificate stays as it was: {error}")),
            }
        }
    }
}
