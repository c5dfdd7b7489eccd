//! x402 version 2 over HTTP, the client's side, as pure functions: what a server demands, which of it this wallet can pay, what
//! is sent, and what the answer says of it.
//!
//! A demand is somebody else's text. Of an entry, the bytes are kept as they came, because they are sent back as they came;
//! what is paid is decided from the fields, and from what the wallet knows of its mints.

mod choose;
mod demand;
mod encoding;
mod error;
mod settlement;
mod signature;
#[cfg(test)]
mod tests;

pub(crate) use choose::{Choice, Known, Seen, SeenRequest, choose};
pub(crate) use demand::Demand;
pub use error::{BadInvoice, DemandError, Field, Unusable};
pub use settlement::Settlement;
pub(crate) use settlement::{Verdict, judge};
pub(crate) use signature::{MAX_HEADERS, Template};

/// The version that is spoken.
const VERSION: u64 = 2;
/// The scheme that is spoken: exactly this amount.
const SCHEME: &str = "exact";
/// What every network of ours begins with.
const NAMESPACE: &str = "farthing:";

/// Names of headers, in small letters.
pub(crate) mod header {
    /// What a server demands.
    pub(crate) const REQUIRED: &str = "payment-required";
    /// A payment.
    pub(crate) const SIGNATURE: &str = "payment-signature";
    /// What became of a payment.
    pub(crate) const RESPONSE: &str = "payment-response";
}
