//! Running a verifier.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use farthing_http::client::{BaseUrl, HttpClient};
use farthing_http::server::{Tls, serve_figures, serve_public, serve_unix};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::gateway::{Gateway, GatewayOptions};
use super::{HomeError, Merchant, VerifierHome, open_records};
use crate::keyring::Keyring;
use crate::merchant::{Clock, DEFAULT_AT_ONCE, DepositReport, Keep, MerchantParts, system_clock};
use crate::metrics::{metrics_route, metrics_router};
use crate::service::{control_router, public_router};
use crate::store::{ClearingStore, StoreError};
use crate::webhook::Webhooks;

/// How often the mint's list is looked after, and open payments are asked about again.
const ROUND: Duration = Duration::from_secs(30);

/// Longest time at shutdown for answers whose clients went away.
const DRAIN: Duration = Duration::from_secs(30);

/// How long answers are kept that a gateway gave which does not run any more, in seconds.
const ANSWERS_KEPT: u64 = 86_400;

/// Longest time for a call to the mint: less than a payer is kept waiting.
const MINT_TIMEOUT: Duration = Duration::from_secs(20);

/// A verifier that is being served.
#[derive(Debug)]
pub struct RunningVerifier {
    /// Where the public service listens.
    pub local_addr: SocketAddr,
    /// Where payers are told to pay.
    pub public_url: BaseUrl,
    /// Where the gateway listens, and under which address it is reached, if there is one.
    pub gateway: Option<(SocketAddr, String)>,
    /// Where figures are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// The service itself.
    pub merchant: Merchant,
    tls: Option<Tls>,
    task: JoinHandle<io::Result<()>>,
}

impl RunningVerifier {
    /// Waits until the control socket is there, or everything has ended because it could not be made.
    async fn answers_at(&mut self, control: &Path) -> io::Result<()> {
        while tokio::net::UnixStream::connect(control).await.is_err() {
            tokio::select! {
                ended = &mut self.task => {
                    return ended.unwrap_or(Ok(())).and(Err(io::ErrorKind::Other.into()));
                }
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
        Ok(())
    }

    /// What reads the certificate files again, if it is served over TLS: see [`Tls::reload`].
    pub fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// Waits until the service has ended.
    ///
    /// # Errors
    /// Why a listener was lost.
    pub async fn wait(self) -> io::Result<()> {
        let Self { merchant, task, .. } = self;
        drop(merchant);
        task.await.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    }
}

/// Whether the mint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Payments are cleared with the mint, its keysets are fetched, and what was taken in locked tokens is deposited.
    Mint,
    /// Nobody is asked anything, and only tokens locked to the payee are taken: see [`crate::offline`].
    None,
}

/// Serves a verifier until `shutdown` ends. Port 0 is replaced by a free one.
///
/// When this returns, both listeners accept, the records are open, and the mint was asked for its keysets once. That
/// the mint cannot be reached stops nobody from starting: it is asked again.
///
/// # Errors
/// A [`HomeError`].
pub async fn run(
    home: VerifierHome,
    listen: SocketAddr,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<RunningVerifier, HomeError> {
    serve(home, listen, Network::Mint, None, system_clock(), shutdown).await
}

/// As [`run`], with another clock.
///
/// # Errors
/// As [`run`].
pub async fn run_with_clock(
    home: VerifierHome,
    listen: SocketAddr,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<RunningVerifier, HomeError> {
    serve(home, listen, Network::Mint, None, clock, shutdown).await
}

/// As [`run`], with a gateway.
///
/// # Errors
/// As [`run`], and what is wrong with the gateway's settings.
pub async fn run_gateway(
    home: VerifierHome,
    listen: SocketAddr,
    gateway: GatewayOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<RunningVerifier, HomeError> {
    serve(home, listen, Network::Mint, Some(gateway), system_clock(), shutdown).await
}

/// As [`run`], without asking anybody anything: [`Network::None`].
///
/// # Errors
/// As [`run`]; [`HomeError::NoLockKey`].
pub async fn run_offline(
    home: VerifierHome,
    listen: SocketAddr,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<RunningVerifier, HomeError> {
    serve(home, listen, Network::None, None, clock, shutdown).await
}

/// Opens the records of a verifier that is not served, to do something with them.
///
/// # Errors
/// A [`HomeError`], also when the verifier is running.
pub async fn open_merchant(home: VerifierHome, network: Network, clock: Clock) -> Result<Merchant, HomeError> {
    let endpoint = home.options.public_url.clone();
    assemble(home, endpoint, network, clock).await.map(|(merchant, _)| merchant)
}

async fn serve(
    home: VerifierHome,
    listen: SocketAddr,
    network: Network,
    gateway: Option<GatewayOptions>,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<RunningVerifier, HomeError> {
    let control = home.control_socket();
    let tls = home.tls_files().map(|files| Tls::load(files.certificate, files.key)).transpose()?;
    let keep = home.options.keep;
    let listener = TcpListener::bind(listen).await?;
    let local_addr = listener.local_addr()?;
    let public_url = match &home.options.public_url {
        Some(url) => url.clone(),
        None => BaseUrl::parse(&format!("{}://{local_addr}", if tls.is_some() { "https" } else { "http" }))?,
    };
    let figures = match home.options.metrics {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let metrics = figures.as_ref().map(TcpListener::local_addr).transpose()?;
    let (merchant, webhooks) = assemble(home, Some(public_url.clone()), network, clock).await?;
    merchant.refresh().await;
    let gateway = match gateway {
        Some(options) => Some(Gateway::open(&merchant, options, tls.is_some()).await?),
        None => None,
    };
    let window = gateway.as_ref().map(|gateway| gateway.window);
    let at = gateway.as_ref().map(|gateway| (gateway.address, gateway.origin.clone()));

    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        shutdown.await;
        // Nobody listens any more when everything has ended by itself.
        let _ended = stop.send(true);
    });
    let public = serve_public(listener, tls.clone(), public_router(merchant.clone()), until(stopped.clone()));
    let figures = serve_figures(figures, metrics_router(merchant.clone()), until(stopped.clone()));
    let own = control_router(merchant.clone()).merge(metrics_route(merchant.clone()));
    let private = serve_unix(control.clone(), own, until(stopped.clone()));
    let rounds = look_after(merchant.clone(), (window, keep), until(stopped.clone()));
    let sold_tls = tls.clone();
    let told = until(stopped.clone());
    let events = async move {
        match webhooks {
            Some(webhooks) if network == Network::Mint => webhooks.deliver(told).await,
            Some(_) | None => told.await,
        }
    };
    let task = tokio::spawn(async move {
        let sold = async {
            match gateway {
                Some(Gateway { listener, router, sold, .. }) => {
                    serve_public(listener, sold_tls, router, until(stopped)).await?;
                    // Within what clients were given to leave.
                    if tokio::time::timeout(DRAIN, sold.finished()).await.is_err() {
                        tracing::warn!("answers in the making were cut off at shutdown");
                    }
                    Ok(())
                }
                None => Ok(()),
            }
        };
        // One listener lost ends everything.
        let rounds = async {
            tokio::join!(rounds, events);
            Ok(())
        };
        tokio::try_join!(rounds, public, private, sold, figures).map(|_| ())
    });
    let mut running = RunningVerifier { local_addr, public_url, gateway: at, metrics, merchant, tls, task };
    running.answers_at(&control).await?;
    Ok(running)
}

/// Opens the records and puts the service together. Without a network no client is even built.
async fn assemble(
    home: VerifierHome,
    endpoint: Option<BaseUrl>,
    network: Network,
    clock: Clock,
) -> Result<(Merchant, Option<Webhooks>), HomeError> {
    // Events are told over the network.
    // Events are written without a network, too: they are sent when there is one.
    let target = home.webhook()?;
    let VerifierHome { folder, mint, mint_url, options, keys } = home;
    if network == Network::None && !options.locked {
        return Err(HomeError::NoLockKey);
    }
    let path = folder.clone();
    // Opening reads everything.
    let opened = tokio::task::spawn_blocking(move || open_records(&path));
    let engine = opened.await.map_err(|_| io::Error::from(io::ErrorKind::Other))??;
    let evidence = folder.join("evidence");
    let (keyring, clearing) = match network {
        Network::Mint => {
            let client = HttpClient::builder().reuse_connections(true).timeout(MINT_TIMEOUT).build()?;
            let mints = [(mint, mint_url.clone())];
            let keyring = Keyring::open(engine.clone(), evidence, client.clone(), mints).await?;
            (keyring, Some(ClearingStore::new(engine.clone(), mint, &mint_url, client)?))
        }
        Network::None => {
            let max_age = u64::from(options.offline.max_list_age_hours) * 3600;
            (Keyring::open_offline(engine.clone(), evidence, max_age, [mint]).await?, None)
        }
    };
    let webhooks = target.map(|target| Webhooks::new(engine.clone(), Arc::clone(&clock), target)).transpose()?;
    let merchant = Merchant::new(MerchantParts {
        keys: keys.into_merchant(options.locked),
        mint,
        tokens: options.tokens,
        unit: options.unit,
        endpoint,
        keyring,
        clearing,
        limits: options.offline.limits,
        engine,
        clock,
        at_once: DEFAULT_AT_ONCE,
        webhooks: webhooks.clone(),
    })?;
    Ok((merchant, webhooks))
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone: time to stop as well.
    let _stopped = stopped.wait_for(|stopped| *stopped).await;
}

/// Settles what is open, deposits what was taken in locked tokens, and keeps the mint's list fresh.
async fn look_after(
    merchant: Merchant,
    (window, keep): (Option<u64>, Option<Keep>),
    stopped: impl Future<Output = ()>,
) {
    let mut stopped = std::pin::pin!(stopped);
    loop {
        match merchant.resume().await {
            Ok(0) => {}
            Ok(open) => tracing::info!(open, "payments whose outcome is not known"),
            Err(error) => tracing::warn!(%error, "open payments were not settled"),
        }
        if let Err(error) = forget(&merchant, window, keep).await {
            tracing::warn!(%error, "old records were not erased");
        }
        if merchant.asks_the_mint() {
            deposit(&merchant).await;
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(ROUND) => merchant.refresh().await,
        }
    }
}

/// Erases what is not kept any longer.
async fn forget(merchant: &Merchant, window: Option<u64>, keep: Option<Keep>) -> Result<(), StoreError> {
    merchant.forget_answers(window.unwrap_or(ANSWERS_KEPT)).await?;
    if let Some(keep) = keep {
        let forgotten = merchant.forget_older(keep).await?;
        if forgotten > 0 {
            tracing::info!(forgotten, "erased payments that were kept long enough");
        }
    }
    Ok(())
}

async fn deposit(merchant: &Merchant) {
    match merchant.deposit().await {
        Ok(DepositReport { cause: None, .. }) => {}
        Ok(DepositReport { cause: Some(cause), .. }) => tracing::info!(%cause, "locked payments are not all deposited"),
        Err(error) => tracing::warn!(%error, "locked payments were not deposited"),
    }
}
