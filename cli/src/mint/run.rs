//! `farthing mint run`

use anyhow::Result;
use farthing_http::signal::shutdown_signal;
use farthing_issuer::Mint;

use super::audit::show_differences;
use super::home::{open, unlock};
use super::listen::{explain_listening, warn_of_plain_http};
use crate::args::MintRun;
use crate::output::{note, say};

pub(super) async fn serve(args: MintRun) -> Result<()> {
    let home = open(args.folder)?;
    let unlock = unlock(&home, &args.unlocking)?;
    let mint = Mint::open(&home, unlock).await?;
    let report = mint.audit().await?;
    if !report.is_right() {
        show_differences(&report);
        note("The books are not right: the mint runs and takes deposits, and issues nothing.");
    }
    warn_of_plain_http(args.listen);
    let shutdown = shutdown_signal()?;
    let running = farthing_issuer::run(mint, args.listen, shutdown)
        .await
        .map_err(|error| explain_listening(error, args.listen))?;
    say(format!("mint {}\n at http://{}", home.mint_id(), running.local_addr));
    running.wait().await?;
    note("stopped; everything is on the disk");
    Ok(())
}
