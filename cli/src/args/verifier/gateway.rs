//! `farthing verifier gateway`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use farthing_verifier::merchant::Keep;

use super::VerifierFolder;

/// `farthing verifier gateway`
#[derive(Debug, Args)]
#[command(after_long_help = "\
A file of rules. The first that fits counts; what none fits is not served.

    [[rule]]
    path = \"/index.html\"
    free = true

    [[rule]]
    path = \"/reports/**\"            # * is one part of a path, ** any number
    methods = [\"GET\"]               # every method, if not given
    price = \"0.05\"
    description = \"One report\"

    [[rule]]
    path = \"/quotes/*\"
    price_from = \"http://127.0.0.1:9000/price\"
    max_price = \"1.00\"

Example: farthing verifier gateway --upstream http://127.0.0.1:8000 \\
             --rules rules.toml")]
pub(crate) struct VerifierGateway {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The server whose answers are sold, such as http://127.0.0.1:8000
    ///
    /// What is not given here or below is as config.toml says.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// File of rules that say what requests cost
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8402]
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// Address under which clients reach it, such as https://api.example.com; may be given several times
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Vec<String>,
    /// Address for payments alone: invoices and x402 servers [default: 127.0.0.1:3339]
    #[arg(long, value_name = "LISTEN")]
    pub(crate) pay_listen: Option<SocketAddr>,
    /// Serve figures for Prometheus on this address, at /metrics
    #[arg(long, value_name = "LISTEN")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Largest body of a request that costs something, in KiB [default: 1024]
    #[arg(long, value_name = "KIB")]
    pub(crate) max_body: Option<usize>,
    /// How long a payment is served again, in seconds [default: 600]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) window: Option<u64>,
    /// Longest time until the server behind begins to answer, in seconds [default: 25]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) upstream_timeout: Option<u64>,
    /// Erase payments that were recorded longer ago than so many days, such as 90d; config.toml sets it for good
    #[arg(long, value_name = "DAYS")]
    pub(crate) keep: Option<Keep>,
}
