//! `farthing verifier gateway`

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use farthing_verifier::home::{GatewayOptions, HomeError, VerifierHome, run_gateway};

use super::open::open;
use crate::args::{VerifierFolder, VerifierGateway};
use crate::exit::{Trouble, fault};
use crate::log;
use crate::mint::{explain_listening, warn_of_plain_http};
use crate::output::{note, say};
use crate::serving::{end_of_service, hangups, read_again};

const DEFAULT_LISTEN: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8402);

pub(super) async fn serve(args: VerifierGateway) -> Result<()> {
    let home = open(VerifierFolder { dir: args.folder.dir.clone() })?;
    log::settle(home.options().log_format);
    let home = match args.keep {
        Some(keep) => home.with_keep(keep),
        None => home,
    };
    let home = match args.metrics {
        Some(address) => home.with_metrics(address),
        None => home,
    };
    let options = options(&home, &args)?;
    let (payee, encrypted) = (home.payee(), home.options().tls.is_some());
    let (listen, upstream, rules) = (options.listen, options.upstream.clone(), options.rules.clone());
    if !encrypted {
        warn_of_plain_http(listen);
    }
    let pay_listen = args.pay_listen.unwrap_or(home.options().listen);
    let shutdown = end_of_service()?;
    let hangups = hangups(encrypted)?;
    let running = match run_gateway(home, pay_listen, options, shutdown).await {
        Err(HomeError::Io(error)) if error.kind() == std::io::ErrorKind::AddrInUse => {
            return Err(explain_listening(error, listen))
                .context(format!("the gateway wants {listen} and, for payments alone, {pay_listen}"));
        }
        Err(HomeError::Rules(error)) => {
            return Err(error).with_context(|| format!("the rules in {} cannot be used", rules.display()));
        }
        running => running?,
    };
    if let Some(hangups) = hangups {
        tokio::spawn(read_again(hangups, running.tls()));
    }
    let scheme = if encrypted { "https" } else { "http" };
    if let Some((address, origin)) = &running.gateway {
        say(format!("payee {payee}\n at {scheme}://{address}\n sells {upstream} as {origin}"));
    }
    note(format!("payments alone are taken at {scheme}://{}", running.local_addr));
    if let Some(address) = running.metrics {
        note(format!("figures at http://{address}/metrics"));
    }
    running.wait().await?;
    note("stopped; everything is on the disk");
    Ok(())
}

/// What the command line says counts more than what config.toml says.
fn options(home: &VerifierHome, args: &VerifierGateway) -> Result<GatewayOptions> {
    let set = &home.options().gateway;
    let missing = |what: &str| {
        fault(Trouble::Ambiguous, format!("{what} is neither given nor set in config.toml"))
            .next("`farthing verifier gateway --help` shows an example")
    };
    let upstream = args.upstream.clone().or_else(|| set.upstream.clone()).ok_or_else(|| missing("--upstream"))?;
    let of_folder = || set.rules.as_ref().map(|rules| home.folder().join(rules));
    let rules = args.rules.clone().or_else(of_folder).ok_or_else(|| missing("--rules"))?;
    if !rules.is_file() {
        anyhow::bail!("there is no file {} with rules; `farthing verifier gateway --help` shows one", rules.display());
    }
    let listen = args.listen.or(set.listen).unwrap_or_else(|| SocketAddr::from(DEFAULT_LISTEN));
    let mut options = GatewayOptions::new(listen, upstream, rules);
    options.origins = if args.origin.is_empty() { set.origins.clone() } else { args.origin.clone() };
    if let Some(kib) = args.max_body.or(set.max_body_kib) {
        options.body_bytes = kib.saturating_mul(1024);
    }
    if let Some(window) = args.window.or(set.window_seconds) {
        options.window = window;
    }
    if let Some(seconds) = args.upstream_timeout.or(set.upstream_timeout_seconds) {
        options.upstream_timeout = Duration::from_secs(seconds);
    }
    Ok(options)
}
