//! What a code means for who receives it. `docs/errors.md` is written from here.

use super::{Code, EARLIER_PAYMENT_ID, WINNER};

/// Whether the same request may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// It would be refused again: something has to change first.
    Never,
    /// This request did nothing. It may pass later: the answer says when in `Retry-After`.
    Later,
    /// Whether it took effect is not known: the same bytes, again, until there is another answer.
    Same,
}

impl Code {
    /// Whether the request may be made again as it is.
    #[must_use]
    pub const fn retry(self) -> Retry {
        match self {
            code if code.default_retry_after().is_some() => Retry::Later,
            code if code.outcome_unknown() => Retry::Same,
            _ => Retry::Never,
        }
    }

    /// The members that a problem of this code has besides those of every problem.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::DoubleSpend => &[EARLIER_PAYMENT_ID],
            Self::FundingUsed => &[WINNER],
            _ => &[],
        }
    }

    /// What a client should do about it, in plain sentences.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::BadRequest => "Put the request right: the detail says what could not be read.",
            Self::UnknownField => {
                "Leave out what the specification does not name, or talk to a service of a later version."
            }
            Self::BodyTooLarge => "Send less at once: a deposit takes at most 64 payments.",
            Self::UnsupportedMediaType => "Send `Content-Type: application/json`.",
            Self::NotFound => "Check the path, the id in it, and the base address.",
            Self::MethodNotAllowed => "Use the method that the OpenAPI document has for this path.",
            Self::Timeout => "Send the same bytes again, on a better connection.",
            Self::MalformedObject => "Encode the object anew. A text that was copied has probably lost characters.",
            Self::UnknownKeyset => {
                "Fetch the mint's keysets again and look for the keyset. A service that learns of a new one late knows it a little later."
            }
            Self::KeysetNotIssuing => "Fetch the mint's keysets again and use the one that is issuing now.",
            Self::KeysetEnded => {
                "These tokens cannot be used any more. Renew tokens in time: before their keyset's spending ends."
            }
            Self::KeysetNotRevoked => {
                "Fetch the mint's keysets again. Tokens of a keyset that is not revoked are spent as usual."
            }
            Self::IssuanceExcluded => {
                "Ask the mint's operator: it was issued after the keyset's key had leaked, by what is known of the leak. Who paid for it with money is in the mint's books."
            }
            Self::UnknownMint => {
                "Use the tokens of a mint that is named in the payment request, or ask the mint with this id."
            }
            Self::UnknownAccount => {
                "Check the account's key. An account exists from the first credit on; where the operator opens accounts himself, ask him."
            }
            Self::InsufficientFunds => "Have the account credited, or ask for less.",
            Self::LimitExceeded => "Ask for less, or later: the detail says which limit it is.",
            Self::InvalidSignature => {
                "Sign again, with the right key and over exactly what is sent. If it is a token's signature, the mint never signed it: keep it as evidence."
            }
            Self::InvalidProof => "Make the proof again, for exactly this payment.",
            Self::InvalidShape => {
                "Compose the request by the rules of the specification: the detail says which part is meant."
            }
            Self::AmountOutOfRange => "Choose another amount.",
            Self::WrongPayee => "Pay where the payment request says.",
            Self::WrongRequest => "Make a payment for this payment request, in its amount and unit.",
            Self::UnknownRequest => "Ask the payee for a new payment request.",
            Self::RequestExpired => {
                "Ask the payee for a new payment request. A question that is signed is signed anew, by a clock that is right."
            }
            Self::RequestTaken => {
                "Ask the payee for a new payment request. The tokens of this payment are not spent by it."
            }
            Self::DoubleSpend => {
                "Do not send it again. If you made the earlier payment as well, your records are wrong; if you did not, whoever gave you the tokens has spent them."
            }
            Self::AcceptedElsewhere => "Ask whoever accepted it for the receipt: nothing is served for it here.",
            Self::InProgress => "Wait, then make the request again with the same payment.",
            Self::PaymentUsed => "Nothing is left to ask for. Pay anew if it is wanted once more.",
            Self::UpstreamFailed | Self::UpstreamTimeout => {
                "Make the request again, later, with the same payment: it is kept, and not charged twice."
            }
            Self::NotForSale => "Do not pay for it. Whoever runs the service decides what is sold.",
            Self::PriceUnavailable => "Wait for as long as `Retry-After` says, then ask again.",
            Self::FundingUsed => "Ask for the record of the issuance that is named: it has what was paid for.",
            Self::VoucherEnded => "Nothing can be had for it any more. Ask whoever gave it out.",
            Self::UnknownSession => "Open a new session. Nothing was paid in this one.",
            Self::SessionGone => {
                "Open a new session, with new blinding. This issuance is not recorded, so nothing was paid for it."
            }
            Self::NotDecidedHere => "Pay with other tokens, or have these cleared by who decides over them.",
            Self::OfflineLimit => "Pay less, or wait until the payee has deposited what it holds.",
            Self::Offline => "Ask a service that reaches the mint.",
            Self::ListOutdated => {
                "Have a newer list of the mint's keysets carried in. The payment is as good as before."
            }
            Self::UnsupportedKind => "Use a kind that the service takes: the detail says which.",
            Self::ClockBehind => "Wait and send the same bytes again. Should it last, one of the two clocks is wrong.",
            Self::ClockAhead => "Wait and send the same bytes again. Whoever runs the service has to set its clock.",
            Self::Unavailable => {
                "Wait and send the same bytes again, with growing pauses. Never make a new payment in its place."
            }
            Self::Overloaded => "Wait for as long as `Retry-After` says, then send the same bytes again.",
            Self::RateLimited => "Wait for as long as `Retry-After` says, then ask less often.",
            Self::SecondFactorRequired => {
                "Ask whoever owns the second factor for a code, and make the request again with it."
            }
            Self::SecondFactorWrong => {
                "Wait for the authenticator's next code: each is good once. If it stays like this, its clock is wrong."
            }
            Self::SecondFactorLocked => "Wait for as long as `Retry-After` says, or use a recovery code.",
            Self::SettingsChanged => "Ask for the settings again, and decide anew.",
            Self::Unauthorized => "Send the authorization that this path asks for.",
            Self::Internal => "Send the same bytes again later, and tell the operator when it happened.",
        }
    }
}
