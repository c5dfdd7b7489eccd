//! Telling the merchant's own systems of accepted payments: webhooks.
//!
//! The event is written in the transaction that records the acceptance, so that neither is there without the other. It is sent in
//! the background, at least once, until the receiver takes it: as [Standard Webhooks] has it, so that stock libraries verify the
//! signature. An event that is refused again and again is put aside after [`MAX_ATTEMPTS`], and stays until somebody sends it
//! again or the records' time is over.
//!
//! [Standard Webhooks]: https://www.standardwebhooks.com

mod deliver;
pub(crate) mod outbox;
mod sign;

use farthing_http::client::Endpoint;

pub use deliver::{AT_ONCE, Webhooks};
pub use outbox::{MAX_ATTEMPTS, WebhookError};
pub use sign::{Secrets, SecretsError, UnsignedError};

/// Where events go, and by which secrets the receiver knows them.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// The receiver.
    pub url: Endpoint,
    /// The secrets shared with it.
    pub secrets: Secrets,
}
