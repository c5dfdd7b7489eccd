use farthing_http::problem::{Code, Problem};
use farthing_protocol::payment::PaymentError;

/// Why a payment is refused before any store is asked. Nothing has changed anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A kind that is not taken here; or kind `locked` without a lock key.
    #[error("this kind of payment is not taken here")]
    UnsupportedKind,
    /// Not locked to the payee, where only such tokens are taken.
    #[error("only tokens that are locked to the payee are taken here")]
    OnlyLocked,
    /// An offer, where only invoices are taken.
    #[error("this kind of payment request is not taken here")]
    UnsupportedRequest,
    /// The mint is not known, or not one that the request names.
    #[error("this mint is not accepted here")]
    UnknownMint,
    /// The keyset is not known.
    #[error("the keyset is not known")]
    UnknownKeyset,
    /// The keyset was revoked.
    #[error("the keyset was revoked")]
    KeysetRevoked,
    /// The keyset's tokens cannot be spent, or deposited, any more.
    #[error("the keyset has ended")]
    KeysetEnded,
    /// The keyset is closed to another payee.
    #[error("the keyset's tokens may be spent with another payee only")]
    ClosedToAnother,
    /// The payment or the request is made out to somebody else, or a locked token to another recipient.
    #[error("the payment is made out to another payee")]
    WrongPayee,
    /// The payment names another request, or another amount or unit than the request.
    #[error("the payment does not match the request")]
    WrongRequest,
    /// The request's signature is not the payee's.
    #[error("the payee did not sign the request")]
    InvalidRequest,
    /// The request has expired.
    #[error("the request has expired")]
    Expired,
    /// It claims to have been authorized at an impossible time.
    #[error("the time of the authorization is impossible")]
    ImpossibleTime,
    /// It claims to have been authorized later than now. Not a refusal for good: the same bytes may pass later, when this
    /// clock or that one was set right, so whoever sent them must not take them for void.
    #[error("the payment was authorized later than this clock says it is")]
    NotYet,
    /// The keyset has no token of such a denomination.
    #[error("the keyset has no token of this denomination")]
    UnknownDenomination,
    /// The mint did not sign a token.
    #[error("the mint did not sign a token")]
    InvalidToken,
    /// The holder did not authorize this payment.
    #[error("the authorization does not fit the payment")]
    InvalidAuthorization,
}

impl CheckError {
    /// The stable code under which it is told to clients.
    pub const fn code(self) -> Code {
        match self {
            Self::UnsupportedKind | Self::UnsupportedRequest => Code::UnsupportedKind,
            Self::UnknownMint => Code::UnknownMint,
            Self::UnknownKeyset => Code::UnknownKeyset,
            Self::KeysetRevoked | Self::KeysetEnded => Code::KeysetEnded,
            Self::ClosedToAnother | Self::OnlyLocked => Code::NotDecidedHere,
            Self::WrongPayee => Code::WrongPayee,
            Self::WrongRequest => Code::WrongRequest,
            Self::InvalidRequest | Self::InvalidToken => Code::InvalidSignature,
            Self::Expired => Code::RequestExpired,
            Self::NotYet => Code::ClockBehind,
            Self::ImpossibleTime | Self::UnknownDenomination => Code::InvalidShape,
            Self::InvalidAuthorization => Code::InvalidProof,
        }
    }
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        let detail = match error {
            CheckError::OnlyLocked => "Without a network, only tokens that are locked to this payee are taken.",
            CheckError::UnsupportedRequest => "Only invoices are taken here.",
            CheckError::KeysetRevoked => "The keyset was revoked.",
            CheckError::ClosedToAnother => "The tokens may be spent with another payee only.",
            CheckError::InvalidRequest => "The payee did not sign the payment request.",
            CheckError::InvalidToken => "The mint did not sign a token.",
            CheckError::ImpossibleTime => "The time of the authorization is impossible.",
            CheckError::UnknownDenomination => "The keyset has no token of this denomination.",
            CheckError::UnsupportedKind
            | CheckError::UnknownMint
            | CheckError::UnknownKeyset
            | CheckError::KeysetEnded
            | CheckError::WrongPayee
            | CheckError::WrongRequest
            | CheckError::Expired
            | CheckError::NotYet
            | CheckError::InvalidAuthorization => return Self::new(error.code()),
        };
        Self::new(error.code()).with_detail(detail)
    }
}

impl From<PaymentError> for CheckError {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::WrongKeyset => Self::UnknownKeyset,
            PaymentError::UnknownDenomination => Self::UnknownDenomination,
            PaymentError::WrongKind => Self::UnsupportedKind,
            PaymentError::NotLockedToRecipient => Self::WrongPayee,
            PaymentError::InvalidToken => Self::InvalidToken,
            // A reason that a later version of the protocol crate adds is a refusal too.
            PaymentError::InvalidAuthorization | _ => Self::InvalidAuthorization,
        }
    }
}
