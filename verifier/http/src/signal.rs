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
