//! Problem details (RFC 9457): how every Farthing service says no.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

pub use self::advice::Retry;
pub use self::received::{ProblemBody, ReceivedCode};

mod advice;
mod received;

/// The media type of a problem, RFC 9457 section 3.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// What every problem's `type` begins with; the code follows.
pub const TYPE_PREFIX: &str = "urn:farthing:problem:";

/// Declares [`Code`] from one table, so that a code cannot lack its text, its status or its place in [`Code::ALL`].
macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// Why a request was refused: stable names that clients may rely upon.
        ///
        /// Semantic refusals of well-formed requests are 422, except where another status says more (404, 409, 410).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as it stands on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that goes with the code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// One plain sentence, the same for every occurrence of the problem.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What it means to the service, as its documentation here has it.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }

            /// The code with this name, if there is one.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    /// The body is not JSON, or not of the expected shape; or the path or query cannot be read.
    BadRequest = "bad_request", 400, "The request could not be read.";
    /// The body has a field that the service does not know.
    UnknownField = "unknown_field", 400, "The request has a field that is not known here.";
    /// The body is larger than the service reads.
    BodyTooLarge = "body_too_large", 413, "The request body is too large.";
    /// The content type is missing or another than the one expected.
    UnsupportedMediaType = "unsupported_media_type", 415, "The request body has a content type that is not accepted here.";
    /// Nothing is served at this path.
    NotFound = "not_found", 404, "There is nothing at this address.";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, "This method is not allowed at this address.";
    /// The request did not arrive completely in time.
    Timeout = "timeout", 408, "The request did not arrive in time.";
    /// A wire object inside the body did not decode.
    MalformedObject = "malformed_object", 400, "An object in the request could not be decoded.";
    /// No such keyset.
    UnknownKeyset = "unknown_keyset", 422, "This keyset is not known here.";
    /// The keyset exists and is not open for issuing.
    KeysetNotIssuing = "keyset_not_issuing", 422, "This keyset is not issuing tokens.";
    /// The keyset's life is over.
    KeysetEnded = "keyset_ended", 422, "This keyset has ended.";
    /// Nothing of the keyset is recouped: it was not revoked.
    KeysetNotRevoked = "keyset_not_revoked", 422, "This keyset was not revoked.";
    /// The issuance was recorded after the suspected leak of the keyset's key, or paid for by tokens that were doubtful then.
    IssuanceExcluded = "issuance_excluded", 422, "Tokens of this issuance are not recouped.";
    /// No such mint, or not one accepted here.
    UnknownMint = "unknown_mint", 422, "This mint is not known here.";
    /// No such account.
    UnknownAccount = "unknown_account", 422, "This account is not known here.";
    /// The funding does not cover the amount.
    InsufficientFunds = "insufficient_funds", 409, "The funds do not cover the amount.";
    /// The operator allows no more: at once, to one account in a day, in all in a day, or out at once; the detail says which. Nothing was
    /// debited.
    LimitExceeded = "limit_exceeded", 409, "It is more than the operator's limits allow.";
    /// A signature does not verify.
    InvalidSignature = "invalid_signature", 422, "A signature is not valid.";
    /// A proof does not verify.
    InvalidProof = "invalid_proof", 422, "A proof is not valid.";
    /// The parts of the request do not fit together.
    InvalidShape = "invalid_shape", 422, "The parts of the request do not fit together.";
    /// An amount is zero, too large, or not expressible.
    AmountOutOfRange = "amount_out_of_range", 422, "The amount is out of range.";
    /// The payment is made out to somebody else.
    WrongPayee = "wrong_payee", 422, "The payment is made out to another payee.";
    /// The payment does not match the request it names.
    WrongRequest = "wrong_request", 422, "The payment does not match the payment request.";
    /// No such payment request.
    UnknownRequest = "unknown_request", 404, "This payment request is not known here.";
    /// The payment request is past its time.
    RequestExpired = "request_expired", 422, "The payment request has expired.";
    /// The payment request was paid by another payment.
    RequestTaken = "request_taken", 409, "The payment request was already paid by another payment.";
    /// A token was spent before; the extension [`EARLIER_PAYMENT_ID`] names the payment.
    DoubleSpend = "double_spend", 409, "A token in the payment was spent before.";
    /// The same payment was accepted for another claim.
    AcceptedElsewhere = "accepted_elsewhere", 409, "This payment was already accepted elsewhere.";
    /// The request is being served for this payment at this moment; it was paid, and can be made again with it.
    InProgress = "in_progress", 409, "The request is being served for this payment.";
    /// Everything that the payment buys was given.
    PaymentUsed = "payment_used", 410, "Nothing more is given for this payment.";
    /// What the payment is for could not be had from the server behind this one. The payment is kept: make the request again with it.
    UpstreamFailed = "upstream_failed", 502, "The server behind this one failed.";
    /// The server behind this one did not answer in time. The payment is kept: make the request again with it.
    UpstreamTimeout = "upstream_timeout", 504, "The server behind this one did not answer in time.";
    /// There is no price for the request, so that it is not served.
    NotForSale = "not_for_sale", 403, "This request is not for sale here.";
    /// What the request costs could not be found out. Nothing was begun.
    PriceUnavailable = "price_unavailable", 503, "The price is not known at the moment.";
    /// The funding was used by another operation; the extension [`WINNER`] names it.
    FundingUsed = "funding_used", 409, "The funding was already used by another operation.";
    /// The voucher that was to pay has expired, or the mint's operator has revoked it.
    VoucherEnded = "voucher_ended", 410, "The voucher has expired or was revoked.";
    /// No such issuance session.
    UnknownSession = "unknown_session", 404, "This session is not known here.";
    /// The issuance session existed and cannot be continued.
    SessionGone = "session_gone", 410, "This session can no longer be continued.";
    /// The store asked may not decide over these tokens.
    NotDecidedHere = "not_decided_here", 422, "These tokens are not decided upon here.";
    /// What the payee took offline and has not deposited, or one payment, would be worth more than he allows.
    OfflineLimit = "offline_limit", 409, "The payee takes no more offline before it has deposited what it holds.";
    /// The service was started to ask nobody.
    Offline = "offline", 409, "This service runs without a network.";
    /// The list of keysets that an offline payee goes by is older than he allows.
    ListOutdated = "list_outdated", 409, "The payee's list of the mint's keysets is too old.";
    /// A kind of payment or object that the service does not take.
    UnsupportedKind = "unsupported_kind", 422, "This kind is not supported here.";
    /// The service's clock is behind what it has already recorded.
    ClockBehind = "clock_behind", 503, "The clock of the service is behind.";
    /// The service's clock is further ahead than it can be: it was set forward, and the service does not believe it. Nothing was begun.
    ClockAhead = "clock_ahead", 503, "The clock of the service is ahead.";
    /// The service could not finish; whether the request took effect is not known.
    Unavailable = "unavailable", 503, "The service is not available at the moment.";
    /// The service has too much to do and did not begin.
    Overloaded = "overloaded", 503, "The service has too many requests at the moment.";
    /// The caller asked too often; the service did not begin.
    RateLimited = "rate_limited", 429, "Too many requests were made.";
    /// The request needs a code of the second factor, and carries none. Nothing was begun.
    SecondFactorRequired = "second_factor_required", 403, "This needs a code of the second factor.";
    /// The code is wrong, was used before, or there is no second factor. Nothing was begun.
    SecondFactorWrong = "second_factor_wrong", 403, "The code of the second factor is not accepted.";
    /// Too many codes were wrong: for a while those of the authenticator are not looked at.
    SecondFactorLocked = "second_factor_locked", 429, "Too many codes of the second factor were wrong.";
    /// The account's settings are not those that the request names.
    SettingsChanged = "settings_changed", 409, "The settings of the account are other ones than those named.";
    /// The request needs an authorization it does not carry.
    Unauthorized = "unauthorized", 401, "The request is not authorized.";
    /// A fault of the service; whether the request took effect is not known.
    Internal = "internal", 500, "The service failed.";
}

/// Extension of [`Code::DoubleSpend`]: the payment that spent the token first.
pub const EARLIER_PAYMENT_ID: &str = "earlier_payment_id";

/// Extension of [`Code::FundingUsed`]: the operation that used the funding first.
pub const WINNER: &str = "winner";

/// Members that RFC 9457 and this crate define; an extension cannot take their place.
const RESERVED: [&str; 6] = ["type", "title", "status", "detail", "instance", "code"];

impl Code {
    /// Whether a request answered with this code can still have had an effect, so that the caller must ask again to know.
    ///
    /// Failures of the service count as yes, except where it is certain that nothing was begun. Every other code is a definite no.
    #[must_use]
    pub const fn outcome_unknown(self) -> bool {
        match self {
            Self::Overloaded | Self::ClockBehind | Self::ClockAhead | Self::PriceUnavailable => false,
            Self::Timeout => true,
            other => other.status() >= 500,
        }
    }

    /// The `Retry-After` that a problem of this code carries when nobody sets another.
    const fn default_retry_after(self) -> Option<Duration> {
        match self {
            Self::Overloaded
            | Self::RateLimited
            | Self::ClockBehind
            | Self::ClockAhead
            | Self::InProgress
            | Self::PriceUnavailable => Some(Duration::from_secs(1)),
            Self::SecondFactorLocked => Some(Duration::from_secs(900)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal, ready to be sent.
///
/// The detail is `'static`: a text written in the source, never one built from an error or from input. What varies goes into extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Option<&'static str>,
    extensions: BTreeMap<&'static str, String>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem with nothing but its code.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self { code, detail: None, extensions: BTreeMap::new(), retry_after: code.default_retry_after() }
    }

    /// Adds a plain sentence about this kind of occurrence.
    #[must_use]
    pub const fn with_detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Adds an extension member. A name that the format itself uses (`type`, `title`, `status`, `detail`, `instance`, `code`) is ignored.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if !RESERVED.contains(&name) {
            self.extensions.insert(name, value.into());
        }
        self
    }

    /// Sets `Retry-After`, in whole seconds, rounded up.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The detail, if one was given.
    #[must_use]
    pub const fn detail(&self) -> Option<&'static str> {
        self.detail
    }

    /// The extension of that name.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.get(name).map(String::as_str)
    }

    /// The body as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        for (name, value) in &self.extensions {
            body.insert((*name).to_owned(), value.as_str().into());
        }
        body.insert("type".to_owned(), format!("{TYPE_PREFIX}{}", self.code).into());
        body.insert("title".to_owned(), self.code.title().into());
        body.insert("status".to_owned(), self.code.status().into());
        body.insert("code".to_owned(), self.code.as_str().into());
        if let Some(detail) = self.detail {
            body.insert("detail".to_owned(), detail.into());
        }
        Value::Object(body)
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.detail.unwrap_or(self.code.title()))
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthorized {
            // RFC 9110 section 11.6.1: a 401 names a scheme.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Farthing"));
        }
        response
    }
}

impl IntoResponse for Code {
    fn into_response(self) -> Response {
        Problem::new(self).into_response()
    }
}
