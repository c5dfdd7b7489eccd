//! Integration tests of the protocol.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod claims;
mod common;
mod flow;
mod properties;
mod reference;
mod secrets;
mod specification;
mod twins;
mod vectors;
