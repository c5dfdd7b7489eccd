//! Cryptography and wire objects of Farthing, private digital cash for small payments.
//!
//! This crate is pure: no input or output, no clock, no async, no global randomness. Times and
//! randomness are arguments. It is `no_std` with `alloc`; the feature `std` (on by default) only turns
//! on the standard library in its dependencies.
//!
//! The protocol is the plain (single-signer) version of Snowblind (Crites, Komlo, Maller, Tessaro, Zhu,
//! CRYPTO 2023, ePrint 2023/1228) over ristretto255 with f(c, y) = c + y⁵. The byte layouts and
//! transcripts are specified in `docs/spec.md`. **Unaudited.**
//!
//! # Map
//!
//! | module | what it holds |
//! |---|---|
//! | [`transcript`] | every label and domain separator |
//! | [`group`] | canonical points and scalars, the generator H |
//! | [`codec`], [`text`] | strict binary encoding; text forms for people |
//! | [`amount`], [`ids`], [`identity`] | checked amounts, ids, Ed25519 identities |
//! | [`keyset`] | keysets, their hash chain, the mint's signed list |
//! | [`blind`] | the blind signature: mint, wallet, verification |
//! | [`mod@derive`], [`token`] | what a seed derives; coin keys and tokens |
//! | [`shape`], [`issuance`] | canonical shapes; the digest that funds an issuance |
//! | [`request`], [`payment`], [`receipt`] | invoice or offer, payment, receipt |
//! | [`locked`] | tokens only one recipient can spend |
//! | [`recoup`] | what becomes of honest tokens when a key leaked |
//! | [`voucher`] | codes that are printed and redeemed without an account |
//! | [`archive`] | what a mint publishes for restoring wallets |
//! | [`unsigned`] | what a mint has yet to sign |
//! | [`api`] | JSON bodies of the services |
#![no_std]

extern crate alloc;

pub mod amount;
pub mod api;
pub mod archive;
pub mod blind;
pub mod codec;
pub mod derive;
pub mod group;
pub mod identity;
pub mod ids;
pub mod issuance;
pub mod keyset;
pub mod locked;
pub mod payment;
pub mod receipt;
pub mod recoup;
pub mod request;
pub mod shape;
pub mod text;
pub mod token;
pub mod transcript;
pub mod unsigned;
pub mod voucher;

pub use codec::{Decode, DecodeError, Encode};

/// The protocol's version: the first byte of every wire object, and part of every domain separator.
pub const VERSION: u8 = 1;
