//! Verification pipeline, spent-token stores and the merchant's service.
//!
//! ```text
//! Payment ─ check (pure, batched) → VerifiedPayment ─ SpentStore::accept (durable) → Outcome → Receipt
//! ```
//!
//! [`check`] alone makes a [`VerifiedPayment`](check::VerifiedPayment), and a [`SpentStore`](store::SpentStore)
//! takes nothing else: what was not checked cannot be spent.

pub mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
mod facilitator;
mod files;
pub mod findings;
pub mod gateway;
pub mod home;
pub mod keyring;
mod locks;
pub mod merchant;
pub mod metrics;
pub mod offline;
pub mod pipeline;
mod random;
pub mod sell;
pub mod service;
pub mod spent;
pub mod store;
pub mod webhook;
