use farthing_durable::{StoreFault, Unavailable};
use farthing_http::problem::Code;
use farthing_protocol::amount::Amount;
use farthing_protocol::ids::KeysetId;
use farthing_verifier::spent::RecordError;

/// Why the ledger did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The clock is behind the highest time that the ledger has seen. Nothing changed.
    #[error("the clock is behind what the ledger has already recorded")]
    ClockBehind,
    /// The clock was set forward while the ledger is open; or it is years ahead of the highest time that the ledger has seen: see
    /// [`CLOCK_STEP`](farthing_verifier::spent::CLOCK_STEP). Nothing changed.
    #[error("the clock is ahead of what it can be")]
    ClockAhead,
    /// A total would grow beyond what can be represented. Nothing changed.
    #[error("the amount is too large for the books")]
    Overflow,
    /// More would come from outside at once than `most_payment` in mint.toml allows: a slip, more likely than money. Nothing changed.
    #[error("more would come in at once than `most_payment` in mint.toml allows")]
    TooMuch,
    /// More would be redeemed of a keyset than was ever issued: somebody else signs with its keys. Nothing changed.
    #[error("more would be redeemed of a keyset than was issued")]
    Forged {
        /// Of which.
        keyset: KeysetId,
        /// How much would have been redeemed of it.
        redeemed: Amount,
    },
    /// An administrative change, and a second factor is enrolled that was not proven. Nothing changed.
    #[error("this change needs the administrator's second factor")]
    SecondFactor,
    /// Too much to do. Nothing changed.
    #[error("the ledger is busy")]
    Busy,
    /// A record does not decode. Nothing changed.
    #[error("a record of the ledger is damaged")]
    Damaged,
    /// The ledger has stopped and must be opened again. Nothing changed.
    #[error("the ledger has stopped")]
    Stopped,
    /// Whether anything changed is not known: ask again.
    #[error("the ledger is unavailable; the outcome is unknown")]
    Unavailable,
}

impl LedgerError {
    /// The stable code under which it is told to clients.
    pub const fn code(self) -> Code {
        match self {
            Self::ClockBehind => Code::ClockBehind,
            Self::ClockAhead => Code::ClockAhead,
            Self::Overflow | Self::TooMuch => Code::AmountOutOfRange,
            Self::SecondFactor => Code::SecondFactorRequired,
            Self::Busy => Code::Overloaded,
            Self::Forged { .. } | Self::Damaged | Self::Stopped | Self::Unavailable => Code::Unavailable,
        }
    }
}

impl From<StoreFault> for LedgerError {
    fn from(fault: StoreFault) -> Self {
        match fault {
            StoreFault::TooLarge => Self::Overflow,
            StoreFault::Damaged => Self::Damaged,
            StoreFault::Full | StoreFault::Read | _ => Self::Stopped,
        }
    }
}

impl From<Unavailable> for LedgerError {
    fn from(error: Unavailable) -> Self {
        match error {
            Unavailable::Busy => Self::Busy,
            Unavailable::NotStored | Unavailable::Panicked => Self::Stopped,
            // What a later version adds is taken for the worst.
            Unavailable::Unknown | _ => Self::Unavailable,
        }
    }
}

/// Why a payment's tokens could not be marked spent.
impl From<RecordError> for LedgerError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::ClockBehind => Self::ClockBehind,
            RecordError::ClockAhead => Self::ClockAhead,
            RecordError::Fault(fault) => fault.into(),
            // The callers tell the end of a keyset apart before they come here.
            RecordError::KeysetEnded | _ => Self::Stopped,
        }
    }
}
