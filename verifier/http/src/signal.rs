//! The end of a service's life.

use std::io;

/// A future that ends at the first SIGINT or SIGTERM.
///
/// The handlers are in place when this returns, so no signal is missed between here and the first poll. It may be called once for each
/// server of a process; every future sees the signal.
///
/// # Errors
///
/// When the operating system refuses the handlers.
///
/// # Panics
///
/// tokio panics when this is called outside of a runtime.
#[cfg(unix)]
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// SIGINT and SIGTERM, one after the other.
///
/// For services that end gracefully at the first, and at once at the second.
#[cfg(unix)]
#[derive(Debug)]
pub struct EndSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl EndSignals {
    /// The handlers are in place when this returns.
    ///
    /// # Errors
    ///
    /// When the operating system refuses the handlers.
    ///
    /// # Panics
    ///
    /// tokio panics when this is called outside of a runtime.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one. Those that come in a burst may count as one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGHUP, by which a service is asked to read its files again.
#[cfg(unix)]
#[derive(Debug)]
pub struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    /// The handler is in place when this returns: the signal no longer ends the process.
    ///
    /// # Errors
    ///
    /// When the operating system refuses the handler.
    ///
    /// # Panics
    ///
    /// tokio panics when this is called outside of a runtime.
    pub fn new() -> io::Result<Self> {
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// A future that ends at the first Ctrl-C.
///
/// # Errors
///
/// None on this platform.
#[cfg(not(unix))]
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
