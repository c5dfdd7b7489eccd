//! The accept loop: HTTP/1.1 connections, counted and timed, that finish what they have begun at shutdown.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::seats::{Seated, Seats};
use super::stall::WriteStall;

/// How long to wait after an accept failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long anything is waited for while others have no place.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// What connections to one listener may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Most connections open at once; those beyond wait in the operating system's queue.
    pub connections: usize,
    /// How long a request's head is waited for while others have no place: then the connection on which nothing has come for
    /// longest is closed for them.
    pub patience: Duration,
    /// Longest time for a request's head to arrive. It bounds idle keep-alive as well.
    pub header_timeout: Duration,
    /// Largest request head, in bytes. Payments may travel in headers, so this is larger than usual.
    pub header_bytes: usize,
    /// Longest time without progress while sending an answer.
    pub write_stall: Duration,
    /// Longest time that requests in flight get to finish after shutdown was asked for.
    pub drain: Duration,
}

impl Default for ServeOptions {
    /// 1,024 connections, a second of patience, 15 seconds and 128 KiB for a head, 30 seconds for a stalled write, 30 seconds to drain.
    fn default() -> Self {
        Self {
            connections: 1024,
            patience: PATIENCE,
            header_timeout: Duration::from_secs(15),
            header_bytes: 128 << 10,
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

/// Serves a router on TCP until `shutdown` ends and the requests in flight are answered, with default [`ServeOptions`].
///
/// # Errors
///
/// None today; failures to accept are waited out. The result is there for listeners that can be lost.
pub async fn serve_tcp(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    serve_tcp_with(listener, router, ServeOptions::default(), shutdown).await
}

/// As [`serve_tcp`], with other options.
///
/// # Errors
///
/// As [`serve_tcp`].
pub async fn serve_tcp_with(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve(listener, router, options, shutdown).await;
    Ok(())
}

/// Serves figures, and whatever else only a few ask for, on an address of their own. Without one it only waits for `shutdown`.
///
/// # Errors
///
/// As [`serve_tcp`].
pub async fn serve_figures(
    listener: Option<TcpListener>,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let Some(listener) = listener else {
        shutdown.await;
        return Ok(());
    };
    serve_tcp_with(listener, router, ServeOptions { connections: 16, ..ServeOptions::default() }, shutdown).await
}

/// Something that connections come from.
pub(super) trait Listener {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn next(&self) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Accepts until `shutdown` ends, drops the listener, and waits for the connections for the time that the options give.
pub(super) async fn serve<L: Listener>(
    listener: L,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) {
    let seats = Seats::new(options.connections, options.patience);
    let graceful = GracefulShutdown::new();
    // Dropped with this future, it ends the connections.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(options.header_timeout).max_header_size(options.header_bytes);
    // hyper reads heads into this buffer and panics below 8 KiB.
    http.max_buf_size(options.header_bytes.saturating_add(8 << 10));

    loop {
        while connections.try_join_next().is_some() {}
        let arrival = async {
            let io = listener.next().await?;
            Ok((io, seats.take().await))
        };
        let arrival = tokio::select! {
            biased;
            () = &mut shutdown => break,
            arrival = arrival => arrival,
        };
        match arrival {
            Ok((io, seat)) => {
                let io = TokioIo::new(WriteStall::new(io, options.write_stall));
                let service = Seated { service: TowerToHyperService::new(router.clone()), seat: Arc::clone(&seat) };
                let connection = graceful.watch(http.serve_connection(io, service));
                connections.spawn(async move {
                    tokio::select! {
                        ended = connection => if ended.is_err() {
                            tracing::debug!("a connection ended early");
                        },
                        () = seat.must_leave() => tracing::debug!("a connection gave way to another"),
                    }
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "no connection could be accepted");
                // For want of descriptors, most likely.
                seats.relieve();
                tokio::select! {
                    biased;
                    () = &mut shutdown => break,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }

    drop(listener);
    if tokio::time::timeout(options.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests in flight were cut off at shutdown");
    }
    connections.shutdown().await;
}

/// Whether an accept failed for the sake of the connection alone, not of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput)
}
