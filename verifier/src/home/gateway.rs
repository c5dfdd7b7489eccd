//! A gateway that runs with a verifier.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use farthing_http::server::{Limits, harden_keeping_fallback};
use tokio::net::TcpListener;
use tower::Layer;

use super::HomeError;
use crate::gateway::{Rules, Upstream, UpstreamOptions};
use crate::merchant::Merchant;
use crate::sell::{Origins, RequirePayment, SellOptions};

/// What a gateway is made of.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Where it listens; port 0 is replaced by a free one.
    pub listen: SocketAddr,
    /// The server behind: scheme, host and port.
    pub upstream: String,
    /// Longest time until the server behind begins to answer.
    pub upstream_timeout: Duration,
    /// The file of [`Rules`].
    pub rules: PathBuf,
    /// Under which addresses it is reached; if there are none, this machine's own names for the address it listens on.
    pub origins: Vec<String>,
    /// The largest body of a request that is paid for, in bytes.
    pub body_bytes: usize,
    /// How long after it first came a payment is served again, in seconds.
    pub window: u64,
    /// Most requests worked on at once.
    pub concurrency: usize,
}

impl GatewayOptions {
    /// One megabyte, ten minutes, 512 requests, 25 seconds for the server behind.
    pub fn new(listen: SocketAddr, upstream: impl Into<String>, rules: impl Into<PathBuf>) -> Self {
        Self {
            listen,
            upstream: upstream.into(),
            upstream_timeout: Duration::from_secs(25),
            rules: rules.into(),
            origins: Vec::new(),
            body_bytes: 1 << 20,
            window: 600,
            concurrency: 512,
        }
    }
}

/// A gateway that is ready to be served.
pub(super) struct Gateway {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) origin: String,
    pub(super) router: Router,
    pub(super) sold: RequirePayment,
    pub(super) window: u64,
}

impl Gateway {
    /// Reads the rules and takes the port. Nothing is served yet.
    pub(super) async fn open(merchant: &Merchant, options: GatewayOptions, encrypted: bool) -> Result<Self, HomeError> {
        let GatewayOptions { listen, upstream, upstream_timeout, rules, origins, body_bytes, window, concurrency } =
            options;
        let upstream = Upstream::new(&upstream, UpstreamOptions { timeout: upstream_timeout })?;
        let text = tokio::fs::read_to_string(rules).await?;
        let shop = merchant.clone();
        let rules = Rules::read(&text, move || shop.unit())?;
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let origins = match (origins.is_empty(), encrypted) {
            (true, false) => Origins::local(address),
            (true, true) => {
                // A certificate is for a name: that of this machine is all that is known.
                let port = address.port();
                Origins::new([format!("https://localhost:{port}").as_str(), &format!("https://{address}")])?
            }
            (false, _) => Origins::new(origins.iter().map(String::as_str))?,
        };
        let origin = origins.first().to_owned();
        let options = SellOptions { body_bytes, window, ..SellOptions::new(origins) };
        let sold = RequirePayment::new(merchant.clone(), rules, options);
        let service = sold.layer(upstream);
        // Bodies are bounded where they are read: what is free is streamed.
        let timeout = upstream_timeout.saturating_add(Duration::from_secs(30));
        let limits = Limits { body_bytes: usize::MAX, timeout, concurrency };
        let router = harden_keeping_fallback(Router::new().fallback_service(service), limits);
        Ok(Self { listener, address, origin, router, sold, window })
    }
}
