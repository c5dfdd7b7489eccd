//! Which reason each error is: exhaustive matches, so that none is forgotten.

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::keyset::ListError;

use super::Reason;
use crate::budget::BudgetError;
use crate::error::{IssueError, MintError, OpenError, PayError, PendingCause, StoreError};
use crate::funding::{QuoteError, RedeemError};
use crate::pay::{GetError, RequestError};
use crate::recoup::RecoupError;
use crate::restore::RestoreError;
use crate::transfer::{AskError, ReceiveError, SendError};
use crate::views::ResumeError;

impl StoreError {
    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Unavailable => Reason::StateUnavailable,
            Self::Damaged | Self::TooLarge => Reason::StateDamaged,
            Self::NoSuchOperation => Reason::NoSuchOperation,
            Self::WordsUsedElsewhere => Reason::WordsUsedElsewhere,
            Self::RestoreFirst => Reason::RestoreFirst,
            Self::Busy => Reason::Busy,
        }
    }
}

impl OpenError {
    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Exists => Reason::WalletExists,
            Self::Missing => Reason::WalletMissing,
            Self::InUse => Reason::WalletInUse,
            Self::NeedsPassphrase => Reason::PassphraseNeeded,
            Self::WrongPassphrase => Reason::PassphraseWrong,
            Self::NoPassphrase => Reason::PassphraseUnexpected,
            Self::EmptyPassphrase => Reason::PassphraseEmpty,
            Self::Cost => Reason::PassphraseCost,
            Self::Unencrypted => Reason::NotEncrypted,
            Self::KeysDamaged | Self::KeysMismatch => Reason::KeysDamaged,
            Self::Io(_) => Reason::FolderUnusable,
            Self::State(_) | Self::StateTruncated | Self::StateMissing => Reason::StateDamaged,
            Self::Store(error) => error.reason(),
            Self::Http(_) => Reason::NetworkSetup,
        }
    }
}

impl MintError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Url(_) => Reason::BadAddress,
            Self::Call(call) => question_failed(call),
            Self::Unknown => Reason::MintUnknown,
            Self::NotPinned => Reason::MintNotConfirmed,
            Self::Refused => Reason::MintDistrusted,
            Self::Misconduct { .. } => Reason::Misconduct,
            Self::List(ListError::NotCurrent) => Reason::MintListNotCurrent,
            Self::List(_) | Self::BadKeysets => Reason::MintListRefused,
            Self::WrongIdentity => Reason::MintIsAnother,
            Self::Evidence(_) => Reason::FolderUnusable,
            Self::Http(_) => Reason::NetworkSetup,
            Self::InvalidRecipient => Reason::InvalidSignature,
            Self::NoSuchUnit => Reason::UnitUnknown,
            Self::NoActiveKeyset => Reason::NothingIssued,
        }
    }
}

impl Reason {
    /// The reason that a refusal with this code has wherever it comes from, if it has one.
    #[must_use]
    pub const fn of_refusal(code: Code) -> Option<Self> {
        match code {
            Code::SecondFactorRequired => Some(Self::SecondFactorRequired),
            Code::SecondFactorWrong => Some(Self::SecondFactorWrong),
            Code::SecondFactorLocked => Some(Self::SecondFactorLocked),
            Code::SettingsChanged => Some(Self::SettingsChanged),
            Code::LimitExceeded => Some(Self::OverLimit),
            _ => None,
        }
    }
}

/// A mint was asked something that changes nothing, or nothing of value.
fn question_failed(call: &CallError) -> Reason {
    if let Some(reason) = call.problem().and_then(|problem| problem.known()).and_then(Reason::of_refusal) {
        return reason;
    }
    match call {
        CallError::NotSent(_) | CallError::Unknown(_) => Reason::MintNotReached,
        CallError::Refused(_, 408 | 429 | 500..) => Reason::MintUnavailable,
        // Of what a wallet asks, this code is for the time that stands in the question.
        CallError::Refused(problem, _) if problem.known() == Some(Code::RequestExpired) => Reason::ClockRefused,
        CallError::Refused(..) => Reason::MintRefused,
        CallError::BadAnswer(_) | CallError::TooLarge => Reason::MintBadAnswer,
    }
}

impl IssueError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::Shape(_) => Reason::NoSuchShape,
            Self::InsufficientFunds => Reason::InsufficientFunds,
            Self::SecondFactor { .. } => Reason::SecondFactorRequired,
            Self::NoSuchTokens => Reason::NoSuchTokens,
            Self::Pending { cause, .. } => match cause {
                PendingCause::Call(_) | PendingCause::FeeRose | PendingCause::NumbersAbandoned => Reason::Unfinished,
            },
            Self::FeeRose { .. } => Reason::FeeRose,
            Self::Refused { code, .. } => Reason::of_refusal(*code).unwrap_or(Reason::MintRefused),
            Self::Lie { .. } => Reason::Misconduct,
            Self::SeedUsedElsewhere { .. } => Reason::SeedUsedElsewhere,
            Self::TooManyAbandoned { .. } => Reason::Unfinished,
            Self::SpentElsewhere { .. } => Reason::SpentElsewhere,
            Self::TokensEnded { .. } => Reason::TokensEnded,
        }
    }
}

impl PayError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::Issue(error) => error.reason(),
            Self::InvalidInvoice => Reason::InvalidInvoice,
            Self::Expired => Reason::Expired,
            Self::NoEndpoint => Reason::NoEndpoint,
            Self::NoCommonMint => Reason::NoCommonMint,
            Self::HeadDiffers { .. } => Reason::Misconduct,
            Self::HeadUnknown => Reason::HeadUnknown,
            Self::InsufficientFunds => Reason::InsufficientFunds,
            Self::NoHeldTokens => Reason::NoHeldTokens,
            Self::InProgress { .. } => Reason::InProgress,
            Self::NotSent(_) => Reason::PayeeNotReached,
            Self::Unknown { .. } => Reason::OutcomeUnknown,
            Self::TakenBack { .. } => Reason::TakenBack,
        }
    }
}

impl ResumeError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Issue(error) => error.reason(),
            Self::Pay(error) => error.reason(),
            Self::Recoup(error) => error.reason(),
        }
    }
}

impl RecoupError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::NotRevoked | Self::Nothing => Reason::NoSuchTokens,
            Self::Pending { .. } => Reason::Unfinished,
            Self::Refused { .. } => Reason::MintRefused,
        }
    }
}

impl SendError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::Issue(error) => error.reason(),
            Self::Nothing => Reason::NothingToSend,
            Self::Memo(_) => Reason::BadMemo,
            Self::InsufficientFunds => Reason::InsufficientFunds,
            Self::InvalidSignature => Reason::InvalidSignature,
            Self::Expired => Reason::Expired,
            Self::NoCommonMint => Reason::NoCommonMint,
            Self::HeadDiffers { .. } => Reason::Misconduct,
            Self::HeadUnknown => Reason::HeadUnknown,
            Self::InProgress { .. } => Reason::InProgress,
            Self::NotSent { .. } => Reason::NotSent,
        }
    }
}

impl ReceiveError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::Issue(error) => error.reason(),
            Self::UnknownMint { .. } => Reason::MintUnknown,
            Self::UnknownKeyset => Reason::KeysetUnknown,
            Self::KeysetEnded | Self::KeysetRevoked => Reason::KeysetEnded,
            Self::Forged => Reason::Forged,
            Self::LockedToAnother => Reason::LockedToAnother,
            Self::Own { .. } | Self::Held => Reason::OwnToken,
            Self::Before { .. } => Reason::ReceivedBefore,
            Self::AlreadySpent => Reason::AlreadySpent,
        }
    }
}

impl QuoteError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::Nothing => Reason::NothingToSend,
            Self::NotOffered => Reason::NoQuotes,
            Self::TooMany => Reason::TooManyQuotes,
            Self::BadAnswer => Reason::MintBadAnswer,
        }
    }
}

impl RedeemError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::Issue(error) => error.reason(),
            Self::UnknownMint { .. } => Reason::MintUnknown,
            Self::Before { .. } => Reason::ReceivedBefore,
            Self::Used => Reason::VoucherUsed,
            Self::Ended => Reason::VoucherEnded,
            Self::Unknown => Reason::VoucherUnknown,
        }
    }
}

impl AskError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Nothing => Reason::NothingToSend,
            Self::Memo(_) => Reason::BadMemo,
            Self::NoMint => Reason::UnitUnknown,
        }
    }
}

impl GetError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::Issue(error) => error.reason(),
            Self::Settle(error) => error.reason(),
            Self::NoAnswer(call) => match &**call {
                CallError::NotSent(_) | CallError::Unknown(_) => Reason::ServerNotReached,
                CallError::Refused(..) | CallError::BadAnswer(_) | CallError::TooLarge => Reason::ServerBadAnswer,
            },
            Self::Demand(_) => Reason::DemandUnusable,
            Self::Denied(_) => Reason::PriceNotAllowed,
            Self::TooLarge { .. } => Reason::RequestTooLarge,
            Self::Expired => Reason::Expired,
            Self::NoCommonMint => Reason::NoCommonMint,
            Self::HeadDiffers { .. } => Reason::Misconduct,
            Self::HeadUnknown => Reason::HeadUnknown,
            Self::InsufficientFunds => Reason::InsufficientFunds,
            Self::InProgress { .. } => Reason::InProgress,
            Self::NotSent(_) => Reason::PayeeNotReached,
            Self::Unknown { .. } => Reason::OutcomeUnknown,
            Self::AnswerLost { .. } => Reason::AnswerLost,
        }
    }
}

impl RequestError {
    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Url(_) => Reason::BadAddress,
            Self::Method | Self::Header | Self::Reserved(_) => Reason::BadRequest,
        }
    }
}

impl BudgetError {
    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Url(_) => Reason::BadAddress,
            Self::Window | Self::TooMany => Reason::BadBudget,
        }
    }
}

impl RestoreError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Store(error) => error.reason(),
            Self::Mint(error) => error.reason(),
            Self::InUse => Reason::NotToBeRestored,
            Self::Index(_) | Self::File(_) | Self::TooManyFiles => Reason::ArchiveRefused,
            Self::Lie { .. } => Reason::Misconduct,
        }
    }
}
