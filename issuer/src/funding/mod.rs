//! How money gets into the mint: vouchers, and quotes that a payment processor reports as paid.

mod quotes;
mod vouchers;
mod webhook;

pub(crate) use crate::home::Funding;
pub use vouchers::{BatchState, NewBatch};
pub(crate) use webhook::router as webhook_router;
pub use webhook::{WEBHOOK, WebhookAnswer, WebhookPayment, WebhookSecretError};
