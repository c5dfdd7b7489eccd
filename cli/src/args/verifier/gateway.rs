//! `farthing verifier gateway`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

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
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: String,
    /// File of rules that say what requests cost
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8402")]
    pub(crate) listen: SocketAddr,
    /// Address under which clients reach it, such as https://api.example.com; may be given several times
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Vec<String>,
    /// Address for payments alone: invoices and x402 servers
    #[arg(long, value_name = "LISTEN", default_value = "127.0.0.1:3339")]
    pub(crate) pay_listen: SocketAddr,
    /// Largest body of a request that costs something, in KiB
    #[arg(long, value_name = "KIB", default_value_t = 1024)]
    pub(crate) max_body: usize,
    /// How long a payment is served again, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) window: u64,
    /// Longest time until the server behind begins to answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 25)]
    pub(crate) upstream_timeout: u64,
}
