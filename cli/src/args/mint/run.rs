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
    /// Address to listen on; port 0 takes a free one
    ///
    /// There is no TLS here: on anything but loopback, put a TLS proxy in front.
    #[arg(long, default_value = "127.0.0.1:3338")]
    pub(crate) listen: SocketAddr,
}
