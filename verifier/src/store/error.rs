use farthing_durable::Unavailable;
use farthing_http::problem::{Code, Problem};

/// Why nothing is known to have been decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store may not decide over these tokens (protocol section 8). Nothing changed.
    #[error("this store does not decide over these tokens")]
    NotDecidedHere,
    /// The clock is behind the highest time that the store has seen. Nothing changed.
    #[error("the clock is behind what the store has already recorded")]
    ClockBehind,
    /// The clock is further ahead than it can be: years after the highest time that the store has seen, see
    /// [`CLOCK_STEP`](crate::spent::CLOCK_STEP), or set forward while the store was open. Nothing changed.
    #[error("the clock is ahead of what it can be")]
    ClockAhead,
    /// The keyset's records were dropped when its time was over. Nothing changed.
    #[error("the keyset has ended")]
    KeysetEnded,
    /// More than the payee takes before he has deposited what he holds: see [`LockedLimits`](crate::offline::LockedLimits).
    /// Nothing changed.
    #[error("the payee takes no more offline before it has deposited what it holds")]
    OverLimit,
    /// Whoever decides refused for a reason of its own. Nothing changed.
    #[error("the payment was refused: {}", .0.title())]
    Refused(Code),
    /// Whoever decides could not be reached. Nothing changed.
    #[error("the mint could not be reached")]
    NotReached,
    /// Too much to do. Nothing changed.
    #[error("the store is busy")]
    Busy,
    /// The store has stopped and must be opened again. Nothing changed.
    #[error("the store has stopped")]
    Stopped,
    /// Whether the payment was accepted is not known: ask again with the same payment and claim.
    #[error("the outcome is not known")]
    Unavailable,
}

impl StoreError {
    /// Whether it is certain that nothing changed. If not, the question stays open until it is asked again.
    pub const fn nothing_changed(self) -> bool {
        match self {
            Self::NotDecidedHere
            | Self::ClockBehind
            | Self::ClockAhead
            | Self::KeysetEnded
            | Self::OverLimit
            | Self::Refused(_)
            | Self::NotReached
            | Self::Busy
            | Self::Stopped => true,
            Self::Unavailable => false,
        }
    }

    /// Whether asking again later can bring another answer.
    pub const fn is_passing(self) -> bool {
        match self {
            Self::ClockBehind
            | Self::ClockAhead
            | Self::NotReached
            | Self::Busy
            | Self::Stopped
            | Self::Unavailable => true,
            Self::NotDecidedHere | Self::KeysetEnded | Self::OverLimit | Self::Refused(_) => false,
        }
    }

    /// The stable code under which it is told to clients.
    pub const fn code(self) -> Code {
        match self {
            Self::NotDecidedHere => Code::NotDecidedHere,
            Self::ClockBehind => Code::ClockBehind,
            Self::ClockAhead => Code::ClockAhead,
            Self::KeysetEnded => Code::KeysetEnded,
            Self::OverLimit => Code::OfflineLimit,
            Self::Refused(code) => code,
            Self::Busy => Code::Overloaded,
            Self::NotReached | Self::Stopped | Self::Unavailable => Code::Unavailable,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(error.code())
    }
}

impl From<Unavailable> for StoreError {
    fn from(error: Unavailable) -> Self {
        match error {
            Unavailable::Busy => Self::Busy,
            Unavailable::NotStored | Unavailable::Panicked => Self::Stopped,
            // What a later version adds is taken for the worst.
            Unavailable::Unknown | _ => Self::Unavailable,
        }
    }
}
