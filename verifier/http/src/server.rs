//! Serving a router on TCP, with TLS or without, or on a Unix socket, bounded in every direction.
//!
//! [`harden`] bounds what requests may cost; [`serve_tcp`] and [`serve_unix`] bound what connections may cost. Nothing here logs an address.

pub use self::harden::{Limits, harden, harden_keeping_fallback};
pub use self::serve::{ServeOptions, serve_figures, serve_tcp, serve_tcp_with};
pub use self::tls::{Tls, TlsError, serve_public, serve_tls_with};
#[cfg(unix)]
pub use self::unix::{PrivateSocket, serve_unix, serve_unix_with};

mod harden;
mod seats;
mod serve;
mod stall;
mod tls;
#[cfg(unix)]
mod unix;
