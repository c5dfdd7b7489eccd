//! What requests cost.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use axum::http::request::Parts;
use farthing_protocol::amount::Amount;

/// What a request costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Price {
    /// Nothing: it is let through.
    Free,
    /// An amount that is not zero.
    Costs(Cost),
}

/// An amount, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How much, in smallest units.
    pub amount: Amount,
    /// What it is, in the seller's words.
    pub description: Option<String>,
}

/// Why there is no price. Nothing is served then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// Nobody set one.
    #[error("there is no price for this request")]
    NotForSale,
    /// Whoever knows it does not say.
    #[error("the price is not known at the moment")]
    Unavailable,
    /// The request is written in a way that could mean something else to the server behind.
    #[error("the path cannot be read without doubt")]
    Ambiguous,
}

/// A price, later.
pub type PriceFuture<'a> = Pin<Box<dyn Future<Output = Result<Price, PriceError>> + Send + 'a>>;

/// Says what requests cost. A function of the request's head is one.
///
/// A price of zero is taken for no price: what is free must be called so.
pub trait Pricing: Send + Sync {
    /// What this request costs.
    fn price<'a>(&'a self, request: &'a Parts) -> PriceFuture<'a>;
}

impl<F> Pricing for F
where
    F: Fn(&Parts) -> Result<Price, PriceError> + Send + Sync,
{
    fn price<'a>(&'a self, request: &'a Parts) -> PriceFuture<'a> {
        let price = self(request);
        Box::pin(async move { price })
    }
}

impl fmt::Debug for dyn Pricing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pricing")
    }
}
