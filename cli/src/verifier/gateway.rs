//! `farthing verifier gateway`

use std::time::Duration;

use anyhow::{Context, Result};
use farthing_http::signal::shutdown_signal;
use farthing_verifier::home::{GatewayOptions, HomeError, run_gateway};

use super::open::open;
use crate::args::VerifierGateway;
use crate::mint::{explain_listening, warn_of_plain_http};
use crate::output::{note, say};

pub(super) async fn serve(args: VerifierGateway) -> Result<()> {
    let home = open(args.folder)?;
    let payee = home.payee();
    warn_of_plain_http(args.listen);
    let rules = args.rules;
    if !rules.is_file() {
        anyhow::bail!("there is no file {} with rules; `farthing verifier gateway --help` shows one", rules.display());
    }
    let options = GatewayOptions {
        origins: args.origin,
        body_bytes: args.max_body.saturating_mul(1024),
        window: args.window,
        upstream_timeout: Duration::from_secs(args.upstream_timeout),
        ..GatewayOptions::new(args.listen, args.upstream.clone(), &rules)
    };
    let shutdown = shutdown_signal()?;
    let running = match run_gateway(home, args.pay_listen, options, shutdown).await {
        Err(HomeError::Io(error)) if error.kind() == std::io::ErrorKind::AddrInUse => {
            return Err(explain_listening(error, args.listen))
                .context(format!("the gateway wants {} and, for payments alone, {}", args.listen, args.pay_listen));
        }
        Err(HomeError::Rules(error)) => {
            return Err(error).with_context(|| format!("the rules in {} cannot be used", rules.display()));
        }
        running => running?,
    };
    if let Some((address, origin)) = &running.gateway {
        say(format!("payee {payee}\n at http://{address}\n sells {} as {origin}", args.upstream));
    }
    note(format!("payments alone are taken at http://{}", running.local_addr));
    running.wait().await?;
    note("stopped; everything is on the disk");
    Ok(())
}
