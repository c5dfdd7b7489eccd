//! What is said about an address to listen on.

use std::net::SocketAddr;

use crate::output::note;

/// Why nobody can listen at an address.
pub(crate) fn explain_listening(error: std::io::Error, listen: SocketAddr) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{listen} is in use by another program; --listen takes another address")
        }
        _ => anyhow::Error::new(error).context(format!("cannot serve at {listen}")),
    }
}

/// Plain HTTP is for loopback only.
pub(crate) fn warn_of_plain_http(listen: SocketAddr) {
    if !listen.ip().is_loopback() {
        note("warning: there is no TLS on this address; put a TLS proxy in front of it");
    }
}
