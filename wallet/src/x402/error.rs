//! Why a demand is not met.

use std::fmt;

/// What is wrong with a demand for payment. Nothing was paid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DemandError {
    /// The header is there more than once: it is not clear which is meant.
    #[error("the server demands payment twice in one answer")]
    Repeated,
    /// The header is longer than this wallet reads.
    #[error("the server's demand for payment is too large")]
    TooLarge,
    /// Not standard base64 with padding.
    #[error("the server's demand for payment is not base64")]
    Encoding,
    /// Not JSON, or not of a demand's form.
    #[error("the server's demand for payment is malformed")]
    Json,
    /// Another version of x402.
    #[error("the server speaks another version of x402; this wallet speaks version 2")]
    Version,
    /// Nothing is accepted, or more than this wallet reads.
    #[error("the server names no way of paying, or far too many")]
    Entries,
    /// No way of paying is one that this wallet has. The reasons are those of the server's entries, in their order.
    #[error("this wallet cannot pay in any way that the server accepts: {}", nearest(.0))]
    Unusable(Vec<Unusable>),
}

/// Why one way of paying is not one that this wallet has. The order is from far away to near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Another scheme or another kind of network.
    #[error("it takes no Farthing tokens")]
    NotFarthing,
    /// A field is missing or is not what it must be.
    #[error("its field {0} is missing or malformed")]
    Field(Field),
    /// No mint of this wallet has this name.
    #[error("the mint is not one that this wallet knows")]
    UnknownMint,
    /// The mint was not confirmed yet, or was caught cheating.
    #[error("the mint was not confirmed yet, or is refused")]
    Mint,
    /// The mint has no such unit, or several units of this name.
    #[error("the mint has no such unit that this payee could be paid in")]
    Unit,
    /// It comes with an invoice that is not what it must be.
    #[error("the invoice in it {0}")]
    Invoice(BadInvoice),
}

/// A field of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Field {
    /// `amount`: decimal digits as a string, from 1 to 2⁶³ − 1.
    Amount,
    /// `asset`: a unit's code.
    Asset,
    /// `payTo`: a payee's key, 32 bytes in base64url.
    PayTo,
    /// `maxTimeoutSeconds`: a whole number from 1 to 2³² − 1.
    MaxTimeoutSeconds,
    /// `network`: `farthing:` and 32 characters of base64url.
    Network,
}

/// What is wrong with the invoice that an entry comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum BadInvoice {
    /// Not an invoice.
    #[error("cannot be read")]
    Malformed,
    /// The payee did not sign it.
    #[error("is not signed by its payee")]
    Signature,
    /// It is bound to another request than the one that was made, or to none.
    #[error("is not bound to this request")]
    Binding,
    /// Another payee, amount, unit or mint than in the entry.
    #[error("asks for something else than the entry it comes with")]
    Differs,
    /// It has expired.
    #[error("has expired")]
    Expired,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amount => "amount",
            Self::Asset => "asset",
            Self::PayTo => "payTo",
            Self::MaxTimeoutSeconds => "maxTimeoutSeconds",
            Self::Network => "network",
        })
    }
}

/// The reason of the entry that came nearest to being paid.
fn nearest(reasons: &[Unusable]) -> String {
    reasons.iter().max().map(ToString::to_string).unwrap_or_default()
}
