//! The mint on real folders, and over real sockets where it matters.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod accounts;
mod administration;
mod archive;
mod audits;
mod authenticator;
mod backup;
mod clocks;
mod closed;
mod common;
mod conformance;
mod damage;
mod deposits;
mod erase;
mod factors;
mod faults;
mod finish;
mod forgery;
mod funding;
mod guard;
mod home;
mod http;
mod keys;
mod keysets;
mod layouts;
mod limits;
mod openapi;
mod owners;
mod payouts;
mod random;
mod recoup;
mod registration;
mod rotation;
mod rotation_crash;
mod rotation_kill;
mod sessions;
mod signer;
mod swaps;
mod vouchers;
mod wallet;
mod watch;
mod webhook_tls;
