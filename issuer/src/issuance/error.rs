use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, Problem, WINNER};
use farthing_protocol::identity::IssuanceId;
use farthing_protocol::ids::PaymentId;
use farthing_protocol::shape::ShapeError;
use farthing_verifier::check::CheckError;

use crate::books::Halt;
use crate::ledger::{IssueRefusal, LedgerError};
use crate::limits::{Limit, TooOften};
use crate::signer::SessionRefusal;

/// Why a session was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The mint has no such keyset.
    #[error("the keyset is not known")]
    UnknownKeyset,
    /// It is not the keyset's time, or it was revoked.
    #[error("the keyset is not issuing tokens")]
    KeysetNotIssuing,
    /// The keyset cannot issue this.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It is more than the mint issues.
    #[error(transparent)]
    OverLimit(#[from] Limit),
    /// The last audit failed.
    #[error("the mint has stopped issuing: its books are not right")]
    Stopped,
    /// Somebody else signs with the key of a keyset that is not revoked: nothing is issued until it is.
    #[error("the mint has stopped issuing: a keyset's key is in other hands")]
    Forged,
    /// More is owed than was declared to be held against it. Swaps go on.
    #[error("the mint has stopped issuing: what it owes is not backed")]
    NotBacked,
    /// Too much to do.
    #[error("the mint is busy")]
    Busy,
    /// The process that holds the keys is not reached.
    #[error("the mint's signer is not reached")]
    SignerUnreached,
    /// A fault of the mint.
    #[error("the session could not be opened")]
    Failed,
}

/// Why an issuance was not finished. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// The issuance key, the account or the voucher did not sign exactly this.
    #[error("a signature does not fit")]
    InvalidSignature,
    /// The tokens that should pay are refused.
    #[error(transparent)]
    Swap(#[from] CheckError),
    /// It is made out to another mint.
    #[error("the request is for another mint")]
    UnknownMint,
    /// The mint has no such keyset.
    #[error("the keyset is not known")]
    UnknownKeyset,
    /// The keyset was revoked, or is over.
    #[error("the keyset is not issuing tokens")]
    KeysetNotIssuing,
    /// Shape, outputs, inputs, amount, debit and kind of funding do not fit together.
    #[error("the parts of the request do not fit together")]
    Mismatch,
    /// Another process opened the session, or nobody.
    #[error("the session is not known")]
    UnknownSession,
    /// The session was answered, given up or has expired, and this issuance is not recorded.
    #[error("the session can no longer be continued")]
    SessionGone,
    /// The funding paid for another issuance.
    #[error("the funding was used by another issuance")]
    FundingUsed(IssuanceId),
    /// A token was spent in another payment.
    #[error("a token was spent before")]
    DoubleSpend(PaymentId),
    /// The account or voucher does not cover the debit.
    #[error("the funds do not cover the debit")]
    InsufficientFunds,
    /// It is more than the mint issues.
    #[error(transparent)]
    OverLimit(#[from] Limit),
    /// The account's owner asked too often. The session goes on.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// The voucher's batch expired or was revoked.
    #[error("the voucher has expired or was revoked")]
    VoucherEnded,
    /// It is more than the account's owner lets go without a code, and he gave no permission for it.
    #[error("this needs a code of the account's second factor")]
    SecondFactor,
    /// More would leave the account within a day than the mint allows.
    #[error("more would leave the account within a day than the mint allows")]
    DayLimit,
    /// The last audit failed.
    #[error("the mint has stopped issuing: its books are not right")]
    Stopped,
    /// Somebody else signs with the key of a keyset that is not revoked: nothing is issued until it is.
    #[error("the mint has stopped issuing: a keyset's key is in other hands")]
    Forged,
    /// More is owed than was declared to be held against it. Swaps go on.
    #[error("the mint has stopped issuing: what it owes is not backed")]
    NotBacked,
    /// The signer has issued as much within an hour as it may. The session is burned.
    #[error("the signer's limit on value issued within an hour is reached")]
    SignerLimit,
    /// The process that holds the keys is not reached. The session may be burned.
    #[error("the mint's signer is not reached")]
    SignerUnreached,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<SessionRefusal> for OpenError {
    fn from(refusal: SessionRefusal) -> Self {
        match refusal {
            SessionRefusal::NotIssuing => Self::KeysetNotIssuing,
            // Opening asks nothing of a session.
            SessionRefusal::Session(_) | SessionRefusal::Limit | SessionRefusal::Failed => Self::Failed,
            SessionRefusal::Busy => Self::Busy,
            SessionRefusal::Unreached => Self::SignerUnreached,
        }
    }
}

impl From<IssueRefusal> for FinishError {
    fn from(refusal: IssueRefusal) -> Self {
        match refusal {
            // The same transaction has found that the issuance is not recorded.
            IssueRefusal::SessionAnswered => Self::SessionGone,
            IssueRefusal::FundingUsed(winner) => Self::FundingUsed(winner),
            IssueRefusal::DoubleSpend(earlier) => Self::DoubleSpend(earlier),
            IssueRefusal::InsufficientFunds => Self::InsufficientFunds,
            IssueRefusal::SecondFactor => Self::SecondFactor,
            IssueRefusal::DayLimit => Self::DayLimit,
            IssueRefusal::VoucherNotWhole => Self::Mismatch,
            IssueRefusal::VoucherEnded => Self::VoucherEnded,
            IssueRefusal::KeysetNotIssuing => Self::KeysetNotIssuing,
            IssueRefusal::InputsEnded => Self::Swap(CheckError::KeysetEnded),
            IssueRefusal::OverLimit(limit) => Self::OverLimit(limit),
            IssueRefusal::NotBacked => Self::NotBacked,
            IssueRefusal::Ledger(error) => Self::Ledger(error),
        }
    }
}

impl From<Halt> for OpenError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::BooksNotRight => Self::Stopped,
            Halt::KeysetForged => Self::Forged,
            Halt::NotBacked => Self::NotBacked,
        }
    }
}

impl From<Halt> for FinishError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::BooksNotRight => Self::Stopped,
            Halt::KeysetForged => Self::Forged,
            Halt::NotBacked => Self::NotBacked,
        }
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownKeyset => Self::new(Code::UnknownKeyset),
            OpenError::KeysetNotIssuing => Self::new(Code::KeysetNotIssuing),
            OpenError::Shape(ShapeError::AmountOutOfRange) => Self::new(Code::AmountOutOfRange),
            OpenError::Shape(_) => Self::new(Code::InvalidShape).with_detail("The keyset cannot issue this."),
            OpenError::OverLimit(limit) => over(limit),
            OpenError::Stopped => stopped(),
            OpenError::Forged => forged(),
            OpenError::NotBacked => not_backed(),
            OpenError::Busy => Self::new(Code::Overloaded),
            OpenError::SignerUnreached => unreached(),
            OpenError::Failed => Self::new(Code::Internal),
        }
    }
}

impl From<FinishError> for Problem {
    fn from(error: FinishError) -> Self {
        match error {
            FinishError::InvalidSignature => Self::new(Code::InvalidSignature),
            FinishError::Swap(error) => error.into(),
            FinishError::UnknownMint => Self::new(Code::UnknownMint),
            FinishError::UnknownKeyset => Self::new(Code::UnknownKeyset),
            FinishError::KeysetNotIssuing => Self::new(Code::KeysetNotIssuing),
            FinishError::Mismatch => Self::new(Code::InvalidShape),
            FinishError::UnknownSession => Self::new(Code::UnknownSession),
            FinishError::SessionGone => Self::new(Code::SessionGone),
            FinishError::FundingUsed(winner) => Self::new(Code::FundingUsed).with(WINNER, winner.to_text()),
            FinishError::DoubleSpend(earlier) => {
                Self::new(Code::DoubleSpend).with(EARLIER_PAYMENT_ID, earlier.to_text())
            }
            FinishError::InsufficientFunds => Self::new(Code::InsufficientFunds),
            FinishError::OverLimit(limit) => over(limit),
            FinishError::TooOften(error) => error.into(),
            FinishError::VoucherEnded => Self::new(Code::VoucherEnded),
            FinishError::SecondFactor => Self::new(Code::SecondFactorRequired),
            FinishError::DayLimit => Self::new(Code::LimitExceeded),
            FinishError::Stopped => stopped(),
            FinishError::Forged => forged(),
            FinishError::NotBacked => not_backed(),
            FinishError::SignerLimit => Self::new(Code::Unavailable)
                .with_detail("The mint's signer has issued as much within an hour as it may."),
            FinishError::SignerUnreached => unreached(),
            FinishError::Ledger(error) => Self::new(error.code()),
        }
    }
}

fn unreached() -> Problem {
    Problem::new(Code::Unavailable).with_detail("The mint's signer is not reached.")
}

fn stopped() -> Problem {
    Problem::new(Code::Unavailable).with_detail("The mint has stopped issuing until its books are put right.")
}

fn forged() -> Problem {
    Problem::new(Code::Unavailable).with_detail(
        "The mint has stopped issuing: somebody else has the key of a keyset, which must be revoked first.",
    )
}

fn not_backed() -> Problem {
    Problem::new(Code::Unavailable).with_detail("The mint has stopped issuing until what it owes is backed.")
}

fn over(limit: Limit) -> Problem {
    Problem::new(Code::LimitExceeded).with_detail(limit.detail())
}
