//! What can go wrong with a request that may have to be paid for.

use std::path::PathBuf;

use farthing_http::client::{CallError, UrlError};
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};

use super::Price;
use crate::error::{IssueError, MintError, PayError, StoreError};
use crate::heads::from_choose_error;
use crate::operation::OpId;
use crate::x402::DemandError;

/// Why a text is no part of an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not a method.
    #[error("this is not an HTTP method")]
    Method,
    /// Not an address.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Not a header's name or value.
    #[error("this is not an HTTP header")]
    Header,
    /// A header that the wallet writes itself.
    #[error("the header {0} is the wallet's own to write")]
    Reserved(String),
}

/// Why a request was not made, or not paid for (yet).
///
/// Only [`Unknown`](Self::Unknown), [`InProgress`](Self::InProgress) and a swap or settlement that did not come about
/// ([`Issue`](Self::Issue), [`Settle`](Self::Settle)) leave an operation behind; after any other nothing was paid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint or its keysets.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// A swap before paying did not come about.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A payment of this very request is being settled, and could not be now.
    #[error(transparent)]
    Settle(Box<PayError>),
    /// The server was not reached, or did not answer. Nothing was paid.
    #[error("the server gave no answer: {0}")]
    NoAnswer(Box<CallError>),
    /// The server demands payment in a way that this wallet cannot meet.
    #[error(transparent)]
    Demand(#[from] DemandError),
    /// It costs more than it may, or nobody said what it may.
    #[error(transparent)]
    Denied(Box<NotAllowed>),
    /// The request with its payment is larger than servers take, or than this wallet keeps.
    #[error("the {part} of the request would be too large: {bytes} bytes, of at most {limit}")]
    TooLarge {
        /// What is too large.
        part: Part,
        /// How large.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// What is demanded expires before it can be paid.
    #[error("the server's demand expired before it could be paid")]
    Expired,
    /// The payee takes no mint that this wallet knows and trusts.
    #[error("the payee takes no mint that this wallet knows and trusts")]
    NoCommonMint,
    /// The payee was shown another keyset chain than this wallet.
    #[error("the payee was shown other keysets than this wallet; the evidence is in {}", evidence.display())]
    HeadDiffers {
        /// Where both were written.
        evidence: PathBuf,
    },
    /// The payee names a keyset that the mint does not list.
    #[error("the payee names a keyset that the mint does not list")]
    HeadUnknown,
    /// The tokens do not cover the amount.
    #[error("the tokens do not cover the amount")]
    InsufficientFunds,
    /// The invoice that came with the demand is being paid, or was, by another operation.
    #[error("operation {op} is for the invoice of this demand already")]
    InProgress {
        /// The operation.
        op: OpId,
    },
    /// The paid request was surely not sent, and the tokens are available again.
    #[error("the server could not be reached again; nothing was paid ({0})")]
    NotSent(Box<CallError>),
    /// It is not known whether the payment was accepted: no answer came. The same request made again before then sends the same payment
    /// again; afterwards it is settled with the mint.
    #[error("it is not known yet whether operation {op} was paid: {cause}")]
    Unknown {
        /// The operation.
        op: OpId,
        /// Until when the same request sends the same payment.
        until: UnixTime,
        /// What came between.
        cause: Box<CallError>,
    },
    /// An earlier payment of this very request turned out to have been accepted, though no answer came. Nothing more was paid. It is said
    /// once: the same request made again is a new one, and may be paid.
    #[error("operation {op} was paid for this request, and its answer was lost")]
    AnswerLost {
        /// The operation.
        op: OpId,
    },
}

/// A payment that was demanded and is not allowed: everything that a user must know to allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{price} for {}: {why}", origin.as_deref().unwrap_or("somebody who is not named"))]
pub struct NotAllowed {
    /// What it costs.
    pub price: Price,
    /// Who asks: scheme, host and port. None if the payment is delivered by somebody else, who knows.
    pub origin: Option<String>,
    /// Who is to be paid.
    pub payee: PayeeKey,
    /// With whose tokens.
    pub mint: MintId,
    /// Why not.
    pub why: Denied,
}

/// Why a price is not paid unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Neither this request nor this server has a limit.
    #[error("nothing says that it may be paid")]
    NoLimit,
    /// The request may cost less, or was allowed in another unit.
    #[error("it is more than this request may cost")]
    Request,
    /// Another payee or mint than the ones that were allowed.
    #[error("it is to be paid to another payee, or with another mint's tokens, than was allowed")]
    Another,
    /// The server's budget does not cover it.
    #[error("it is more than is left of the budget for this server")]
    Budget {
        /// What is left.
        left: Amount,
    },
}

/// A part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The headers, with the payment in them.
    Headers,
    /// The body.
    Body,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Headers => "headers",
            Self::Body => "body",
        })
    }
}

from_choose_error!(GetError);
