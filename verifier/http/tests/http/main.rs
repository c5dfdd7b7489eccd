//! Everything over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod client;
mod errors;
mod extract;
mod harness;
mod problem;
mod proxy;
mod server;
mod tls;
mod tls_server;
#[cfg(unix)]
mod unix;
