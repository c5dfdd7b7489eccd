//! A signer that is a process of its own: `farthing mint signer`.
//!
//! It alone holds the keys and the sessions, and keeps its own rules whatever the mint asks: see [`rules`]. What the two say to each
//! other stands in [`wire`].

mod config;
mod home;
mod remote;
mod rules;
mod service;
mod tls;
mod turns;
mod wire;

pub use config::ValueLimits;
pub use home::{SignerHome, SignerListen, SignerOptions};
pub(crate) use remote::{Remote, reach_now};
pub use service::{RunningSigner, SignerError, run_signer, run_signer_in};
pub use tls::TlsKey;
pub use wire::Refusal as SignerRefusal;
pub(crate) use wire::{IssuedOf, Published, Purpose};
