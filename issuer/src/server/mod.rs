//! Serving a mint: the public endpoints on TCP, the operator's on a Unix socket.

mod control;
mod public;
mod rotation;
mod sealing;

pub use self::public::{public_document, public_router};

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use farthing_http::server::{Limits, harden, serve_tcp, serve_unix};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::mint::Mint;

/// A mint that is being served. Dropped, it goes on until its shutdown.
#[derive(Debug)]
pub struct RunningMint {
    /// Where the public endpoints are.
    pub local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    public: JoinHandle<io::Result<()>>,
    control: JoinHandle<io::Result<()>>,
}

/// Serves a mint until `shutdown` ends: its public endpoints at `listen` (port 0 takes a free one), its control endpoints
/// on the socket in its folder.
///
/// # Errors
/// When the address or the socket cannot be had.
pub async fn run(
    mint: Mint,
    listen: SocketAddr,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<RunningMint> {
    let listener = TcpListener::bind(listen).await?;
    let local_addr = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let socket = mint.books().home().control_socket();
    let public_router = public_router(mint.clone());
    let (sealer, sealed_until) = (mint.clone(), stopped.clone());
    let (rotator, rotated_until) = (mint.clone(), stopped.clone());
    let control_router = harden(control::router(mint), Limits::default());
    let mut control = Box::pin(serve_unix(socket, control_router, until(stopped.clone())));
    // The socket is bound before this future waits for anything: polled once, it can be used, or has failed.
    let begun = poll_fn(|context| Poll::Ready(control.as_mut().poll(context))).await;
    if let Poll::Ready(ended) = begun {
        ended?;
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let control = tokio::spawn(control);
    let public = tokio::spawn(serve_tcp(listener, public_router, until(stopped)));
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown => { asked.send_replace(true); }
            () = asked.closed() => {}
        }
    });
    tokio::spawn(sealing::keep_sealing(sealer, until(sealed_until)));
    tokio::spawn(rotation::keep_rotating(rotator, until(rotated_until)));
    tracing::info!("the mint is being served");
    Ok(RunningMint { local_addr, stop, public, control })
}

impl RunningMint {
    /// Asks it to stop, and waits until the requests in flight are answered.
    ///
    /// # Errors
    /// When a listener failed.
    pub async fn stop(self) -> io::Result<()> {
        self.stop.send_replace(true);
        self.wait().await
    }

    /// Waits until it has stopped. If one listener ends early, the other is stopped as well.
    ///
    /// # Errors
    /// When a listener failed.
    pub async fn wait(self) -> io::Result<()> {
        let Self { stop, mut public, mut control, .. } = self;
        let (first, rest) = tokio::select! {
            ended = &mut public => (ended, control),
            ended = &mut control => (ended, public),
        };
        stop.send_replace(true);
        let second = rest.await;
        first.map_err(io::Error::other)?.and(second.map_err(io::Error::other)?)
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ended = stopped.wait_for(|stopped| *stopped).await;
}
