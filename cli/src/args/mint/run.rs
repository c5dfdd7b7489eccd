use std::net::SocketAddr;

use clap::Args;

use super::{MintFolder, Unlocking};

/// `farthing mint run`
#[derive(Debug, Args)]
pub(crate) struct MintRun {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Address to listen on; port 0 takes a free one [default: that of mint.toml, else 127.0.0.1:3338]
    ///
    /// On anything but loopback, set a certificate in mint.toml or put a TLS proxy in front.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// Serve figures for Prometheus on this address, at /metrics
    #[arg(long, value_name = "LISTEN")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Say that the clock is right, although the mint was off for more than 30 days
    ///
    /// Compare it with another one first: what ended while the mint was off is dropped for good after a day. Needs a code if
    /// there is a second factor, and is kept in the journal.
    #[arg(long)]
    pub(crate) clock_is_right: bool,
}
