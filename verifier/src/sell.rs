//! Selling answers to HTTP requests: a tower [`Layer`] that lets through what was paid for.
//!
//! ```text
//! request ─ price ─ body and binding ─ payment? ─ Merchant::sell ─ Sale::turn ─ the service behind ─ answer
//!              │                           └ 402, with an invoice for exactly this request
//!              └ no price, no answer
//! ```
//!
//! One payment buys one request: its method, its URL and its body. Made again with the same payment it is served again, and not
//! charged again: see [`Sale::turn`](crate::merchant::Sale::turn). What goes wrong behind this layer leaves the payment kept, and the answer
//! says so.

mod answer;
mod body;
mod origin;
mod page;
mod price;
mod service;
mod wire;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tower::Layer;

use crate::merchant::Merchant;

pub use origin::{InvalidOrigin, Origins};
pub use price::{Cost, Price, PriceError, PriceFuture, Pricing};
pub use service::Sell;
pub use wire::header;

/// How requests are sold.
#[derive(Clone, Debug)]
pub struct SellOptions {
    /// Under which addresses the service is reached: a payment is bound to one of them.
    pub origins: Origins,
    /// The largest body of a request that is paid for, in bytes. It is read before the payment is looked at.
    pub body_bytes: usize,
    /// How long after it first came a payment is served again, in seconds.
    pub window: u64,
    /// How long an invoice or an offer can be paid, in seconds.
    pub timeout_seconds: u32,
}

impl SellOptions {
    /// One megabyte, ten minutes of window, and as long to pay: a wallet comes again with its payment until then.
    pub fn new(origins: Origins) -> Self {
        Self { origins, body_bytes: 1 << 20, window: 600, timeout_seconds: 600 }
    }
}

/// An extension of a failed response: nothing of the request was sent, so that it can be made again without limit.
#[derive(Clone, Copy, Debug)]
pub struct NotSent;

/// Requires payment for the requests to a service.
///
/// The service behind it sees requests without payments' headers, and with `farthing-payment`, the payment's id, by which it can
/// tell that a request is made again. It MUST NOT be reachable past this layer.
#[derive(Clone)]
pub struct RequirePayment {
    shop: Arc<Shop>,
}

struct Shop {
    merchant: Merchant,
    pricing: Arc<dyn Pricing>,
    options: SellOptions,
    /// Room for bodies that are read before they are paid for, in KiB.
    room: Arc<Semaphore>,
    /// Held by each answer that is being made, whoever waits for it.
    working: Arc<Semaphore>,
}

/// All bodies that are read at once, in KiB.
const ROOM: usize = 64 << 10;

/// More than there are ever answers in the making.
const WORKING: u32 = 1 << 20;

impl RequirePayment {
    /// Sells at these prices.
    pub fn new(merchant: Merchant, pricing: impl Pricing + 'static, options: SellOptions) -> Self {
        let (room, working) = (Semaphore::new(ROOM), Semaphore::new(WORKING as usize));
        let (room, working) = (Arc::new(room), Arc::new(working));
        Self { shop: Arc::new(Shop { merchant, pricing: Arc::new(pricing), options, room, working }) }
    }

    /// Waits until every answer that was begun has ended: what must not be had again is read to its end, and kept, after its client
    /// went away too. For a shutdown, when nothing new comes any more.
    pub async fn finished(&self) {
        // The semaphore is never closed.
        let _all = self.shop.working.acquire_many(WORKING).await;
    }
}

impl<S> Layer<S> for RequirePayment {
    type Service = Sell<S>;

    fn layer(&self, inner: S) -> Sell<S> {
        Sell::new(Arc::clone(&self.shop), inner)
    }
}

impl std::fmt::Debug for RequirePayment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequirePayment").field("options", &self.shop.options).finish_non_exhaustive()
    }
}
