//! What can become of a call.

use crate::problem::ProblemBody;

/// Why a call did not bring what was asked for.
///
/// Exhaustive on purpose: whoever moves value must decide about every outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request surely did not reach the server.
    #[error("the service could not be reached: {0}")]
    NotSent(Unsent),
    /// The request may have reached the server, and no answer came back whole.
    #[error("the outcome of the request is not known: {0}")]
    Unknown(Lost),
    /// The server answered with a problem, under this HTTP status.
    #[error("{0}")]
    Refused(ProblemBody, u16),
    /// The server answered something that could not be understood, under this HTTP status. Redirections, never followed, are among them.
    #[error("the service gave an answer that could not be understood (status {0})")]
    BadAnswer(u16),
    /// The server's answer was larger than the client reads.
    #[error("the service gave an answer that is too large")]
    TooLarge,
}

impl CallError {
    /// Whether the request can have had an effect at the server. When it can, the caller must not forget it, and asks again with the same bytes.
    ///
    /// A [`Refused`](Self::Refused) counts as no when its code is a definite no. That is the server's word, and a server can lie.
    #[must_use]
    pub const fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::NotSent(_) => false,
            Self::Refused(problem, _) => problem.outcome_unknown(),
            Self::Unknown(_) | Self::BadAnswer(_) | Self::TooLarge => true,
        }
    }

    /// The problem, if the server answered with one.
    #[must_use]
    pub const fn problem(&self) -> Option<&ProblemBody> {
        match self {
            Self::Refused(problem, _) => Some(problem),
            Self::NotSent(_) | Self::Unknown(_) | Self::BadAnswer(_) | Self::TooLarge => None,
        }
    }
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// No connection came about: refused, no route, too slow, a broken TLS handshake, or a proxy that would not.
    #[error("no connection could be made")]
    Connection,
    /// The name could not be resolved.
    #[error("the name could not be resolved")]
    Name,
    /// The request could not be written: our own fault.
    #[error("the request could not be written")]
    Request,
}

/// How an answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The time was up.
    #[error("no answer came in time")]
    Timeout,
    /// The connection broke, or what came over it was not HTTP.
    #[error("the connection broke")]
    Broken,
}

/// Why a client could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The proxy is not of the form `socks5h://host:port`.
    #[error("the proxy is not of the form socks5h://host:port")]
    Proxy,
    /// The proxy's URL has a user name or a password where each client gets its own.
    #[error(
        "the proxy's URL must not contain a user name or a password: each client draws its own, so that the proxy keeps them apart"
    )]
    ProxyUser,
    /// A root certificate could not be read.
    #[error("a root certificate could not be read")]
    Certificate,
    /// The TLS or HTTP library refused its settings.
    #[error("the HTTP client could not be set up")]
    Setup,
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        // A request leaves only over a connection that stands, so an error while connecting is proof that it did not leave.
        if error.is_builder() {
            Self::NotSent(Unsent::Request)
        } else if error.is_connect() {
            Self::NotSent(if error.is_dns() { Unsent::Name } else { Unsent::Connection })
        } else if error.is_timeout() {
            Self::Unknown(Lost::Timeout)
        } else {
            Self::Unknown(Lost::Broken)
        }
    }
}
