//! `farthing verifier run`

use std::net::SocketAddr;

use clap::Args;
use farthing_verifier::merchant::Keep;

use super::VerifierFolder;

/// `farthing verifier run`
#[derive(Debug, Args)]
pub(crate) struct VerifierRun {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// Address to listen on; port 0 takes a free one [default: that of config.toml, else 127.0.0.1:3339]
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// Ask nobody anything: take only tokens that are locked to you, and deposit them later
    ///
    /// Needs a list of the mint's keysets: see `farthing verifier import-keysets`.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Address that invoices name, if wallets reach you by another one
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Serve figures for Prometheus on this address, at /metrics
    #[arg(long, value_name = "LISTEN")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Erase payments that were recorded longer ago than so many days, such as 90d; config.toml sets it for good
    #[arg(long, value_name = "DAYS")]
    pub(crate) keep: Option<Keep>,
}
