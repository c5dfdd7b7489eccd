//! The verifier, held to account over real folders and real sockets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod books;
mod check;
mod clearing;
mod common;
mod credited;
mod decides;
mod deposit_faults;
mod deposits;
mod double;
mod facilitator;
mod figures;
mod gathered;
mod home;
mod keyring;
mod kill;
mod layer;
mod offline;
mod openapi;
mod pipeline;
mod places;
mod refund;
mod retention;
mod rotation;
mod sale;
mod service;
mod sled;
mod webhook;
