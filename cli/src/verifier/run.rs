//! `farthing verifier run`

use anyhow::Result;
use farthing_http::signal::shutdown_signal;
use farthing_verifier::home::HomeError;

use super::mint::read_url;
use super::open::open;
use crate::args::VerifierRun;
use crate::mint::{explain_listening, warn_of_plain_http};
use crate::output::{note, say};

pub(super) async fn serve(args: VerifierRun) -> Result<()> {
    let home = open(args.folder)?;
    let home = match args.public_url {
        Some(url) => home.with_public_url(read_url(&url)?),
        None => home,
    };
    let payee = home.payee();
    warn_of_plain_http(args.listen);
    let shutdown = shutdown_signal()?;
    let running = match farthing_verifier::home::run(home, args.listen, shutdown).await {
        Err(HomeError::Io(error)) => return Err(explain_listening(error, args.listen)),
        running => running?,
    };
    say(format!("payee {payee}\n at http://{}", running.local_addr));
    running.wait().await?;
    note("stopped; everything is on the disk");
    Ok(())
}
