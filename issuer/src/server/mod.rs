//! Serving a mint: the public endpoints on TCP, the operator's on a Unix socket.

mod control;
mod erasing;
mod funding;
mod living;
mod public;
mod reaching;
mod recouping;
mod rotation;
mod sealing;

pub use self::public::{public_document, public_router};

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use farthing_http::problem::Problem;
use farthing_http::server::{Limits, Tls, harden, serve_figures, serve_public, serve_unix};
use farthing_verifier::metrics::{METRICS, figures_answer};
use farthing_verifier::service::{HEALTH, READY};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::funding::webhook_router;
use crate::mint::Mint;
use crate::watchdog::keep_watch;

/// Longest time at shutdown for work whose askers went away.
const DRAIN: Duration = Duration::from_secs(30);

/// Where a mint is served.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Where its public endpoints listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate under which they are served, if not in the clear.
    pub tls: Option<Tls>,
    /// The certificate under which a payment processor's messages are taken, if not in the clear.
    pub webhook_tls: Option<Tls>,
    /// Where figures are served, if they are.
    pub metrics: Option<SocketAddr>,
}

/// A mint that is being served. Dropped, it goes on until its shutdown.
#[derive(Debug)]
pub struct RunningMint {
    /// Where the public endpoints are.
    pub local_addr: SocketAddr,
    /// Where figures are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// Where a payment processor's messages are taken, if anywhere.
    pub webhook: Option<SocketAddr>,
    tls: Vec<Tls>,
    stop: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

/// Serves a mint until `shutdown` ends: its public endpoints in the clear at `listen` (port 0 takes a free one), its control endpoints on the
/// socket in its folder.
///
/// # Errors
/// When the address or the socket cannot be had.
pub async fn run(
    mint: Mint,
    listen: SocketAddr,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<RunningMint> {
    serve(mint, Serving { listen, tls: None, webhook_tls: None, metrics: None }, shutdown).await
}

/// As [`run`], with a certificate and an address for figures.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    mint: Mint,
    serving: Serving,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<RunningMint> {
    let Serving { listen, tls, webhook_tls, metrics } = serving;
    let listener = TcpListener::bind(listen).await?;
    let local_addr = listener.local_addr()?;
    let figures = match metrics {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let reports = match mint.books().home().config().funding.webhook_listen {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let webhook = reports.as_ref().map(TcpListener::local_addr).transpose()?;
    let metrics = figures.as_ref().map(TcpListener::local_addr).transpose()?;
    let (stop, stopped) = watch::channel(false);
    let socket = mint.books().home().control_socket();
    let mut control = Box::pin(serve_unix(socket, control_router(mint.clone()), until(stopped.clone())));
    // The socket is bound before this future waits for anything: polled once, it can be used, or has failed.
    let begun = poll_fn(|context| Poll::Ready(control.as_mut().poll(context))).await;
    if let Poll::Ready(ended) = begun {
        ended?;
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let public = serve_public(listener, tls.clone(), public_router(mint.clone()), until(stopped.clone()));
    let figures = serve_figures(figures, figures_router(mint.clone()), until(stopped.clone()));
    let certificates = [&tls, &webhook_tls].into_iter().flatten().cloned().collect();
    let reports = serve_reports(reports, webhook_tls, webhook_router(mint.clone()), until(stopped.clone()));
    let ending_vouchers = funding::keep_ending(mint.clone(), until(stopped.clone()));
    let sealing = sealing::keep_sealing(mint.clone(), until(stopped.clone()));
    let rotating = rotation::keep_rotating(mint.clone(), until(stopped.clone()));
    let paying = recouping::keep_paying(mint.clone(), until(stopped.clone()));
    let erasing = erasing::keep_erasing(mint.clone(), until(stopped.clone()));
    let reaching = reaching::keep_reaching(mint.clone(), until(stopped.clone()));
    let living = living::keep_living(mint.clone(), until(stopped.clone()));
    let watching = keep_watch(mint.clone(), until(stopped));
    let ending = stop.clone();
    let task = tokio::spawn(async move {
        // A listener that is lost ends the others, which answer what they have begun.
        let (public, control, figures, reports, (), (), (), (), (), (), (), ()) = tokio::join!(
            ends_all(public, &ending),
            ends_all(control, &ending),
            ends_all(figures, &ending),
            ends_all(reports, &ending),
            sealing,
            ending_vouchers,
            rotating,
            paying,
            erasing,
            reaching,
            living,
            watching,
        );
        if tokio::time::timeout(DRAIN, mint.finished()).await.is_err() {
            tracing::warn!("work in progress was cut off at shutdown");
        }
        public.and(control).and(figures).and(reports)
    });
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown => { asked.send_replace(true); }
            () = asked.closed() => {}
        }
    });
    tracing::info!("the mint is being served");
    Ok(RunningMint { local_addr, metrics, webhook, tls: certificates, stop, task })
}

impl RunningMint {
    /// What reads the certificate files again, of each address that is served over TLS: see [`Tls::reload`].
    pub fn tls(&self) -> Vec<Tls> {
        self.tls.clone()
    }

    /// Asks it to stop, and waits until the requests in flight are answered.
    ///
    /// # Errors
    /// When a listener failed.
    pub async fn stop(self) -> io::Result<()> {
        self.stop.send_replace(true);
        self.wait().await
    }

    /// Waits until it has stopped, and everything that was begun has ended. If one listener ends early, the others are stopped as well.
    ///
    /// # Errors
    /// When a listener failed.
    pub async fn wait(self) -> io::Result<()> {
        self.task.await.map_err(io::Error::other)?
    }
}

/// Takes a payment processor's messages, if it has an address for them.
async fn serve_reports(
    listener: Option<TcpListener>,
    tls: Option<Tls>,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    match (listener, tls) {
        (Some(listener), Some(tls)) => serve_public(listener, Some(tls), router, shutdown).await,
        (listener, _) => serve_figures(listener, router, shutdown).await,
    }
}

/// The operator's endpoints, with the figures beside them.
fn control_router(mint: Mint) -> Router {
    harden(control::router(mint.clone()).merge(watching_routes().with_state(mint)), Limits::default())
}

/// Figures, health and readiness.
///
/// # Security
/// The figures tell how much money there is: they are to be served on an address of their own.
fn figures_router(mint: Mint) -> Router {
    harden(watching_routes().with_state(mint), Limits { concurrency: 8, ..Limits::default() })
}

fn watching_routes() -> Router<Mint> {
    Router::new().route(METRICS, get(metrics)).route(HEALTH, get(public::health)).route(READY, get(public::ready))
}

async fn metrics(State(mint): State<Mint>) -> Result<Response, Problem> {
    figures_answer(mint.figures().await)
}

/// Ends everything when it ends.
async fn ends_all(listener: impl Future<Output = io::Result<()>>, stop: &watch::Sender<bool>) -> io::Result<()> {
    let ended = listener.await;
    stop.send_replace(true);
    ended
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ended = stopped.wait_for(|stopped| *stopped).await;
}
