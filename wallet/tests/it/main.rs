//! A wallet against a mint and a payee over real sockets, honest and otherwise.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod account;
mod archive;
mod claims;
mod clock;
mod crash;
mod double;
mod flow;
mod fund;
mod get;
mod get_limits;
mod hand;
mod held;
mod http;
mod lies;
mod misconduct;
mod outlook;
mod pay;
mod proxy;
mod ready;
mod recoup;
mod redeem;
mod restore;
mod restore_again;
mod restore_lies;
mod rotation;
mod sealed;
mod shop;
mod transfer;
mod upkeep;
mod world;
