//! Tests of the whole system, with real processes, folders and sockets.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod accounts;
mod backup;
mod bad_input;
mod bad_texts;
mod cheat;
mod clock;
mod codes;
mod crash;
mod damage;
mod doubts;
mod durable_answers;
mod fake;
mod full_disk;
mod funding;
mod gateway;
mod get;
mod harness;
mod journey;
mod json;
mod keysets;
mod logs;
mod merchant;
mod mint_operating;
mod mint_page;
mod net;
mod network;
mod offline;
mod operating;
mod overload;
mod passphrase;
mod pay_entry;
mod people;
mod purse;
mod races;
mod raw;
mod recoup;
mod restore;
mod schema;
mod secrets;
mod servers;
mod signer;
mod stage;
mod stock;
mod terminal;
mod trouble;
mod words;
mod x402;
mod x402_stock;
