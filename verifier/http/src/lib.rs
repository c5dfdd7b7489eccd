//! HTTP conventions shared by Farthing services and clients.
//!
//! - [`problem`]: refusals as RFC 9457 problem details with a stable code.
//! - [`extract`]: request bodies read, and answers written, the same way everywhere.
//! - [`server`]: serving on TCP and on Unix sockets, bounded in every direction, with graceful shutdown.
//! - [`client`]: calls whose errors say whether the request can have had an effect.
//! - [`unix_client`]: the same calls over a control socket.
//! - [`signal`]: the future that ends when the process is asked to stop.
//!
//! # Security
//!
//! No internal text, no input bytes and no client address is ever put on the wire or into a log by this crate. It sets no cookies and
//! no ETag, and its client sends the same few headers for every user.

pub mod client;
pub mod extract;
pub mod problem;
pub mod server;
pub mod signal;
#[cfg(unix)]
pub mod unix_client;

pub use axum::body::Bytes;
