//! The gateway: puts a price on the requests to a server that knows nothing of it.
//!
//! It is [`RequirePayment`](crate::sell::RequirePayment) around a [proxy](Upstream), with prices from a file of [rules](Rules). It fails closed: what no
//! rule names is not served, whatever is behind.

mod path;
mod quote;
mod rules;
mod upstream;

pub use rules::{Rules, RulesError};
pub use upstream::{Upstream, UpstreamError, UpstreamOptions};
