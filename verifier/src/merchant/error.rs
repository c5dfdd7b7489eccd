use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, Problem};
use farthing_protocol::codec::DecodeError;
use farthing_protocol::ids::PaymentId;

use crate::check::CheckError;
use crate::keyring::KeyringError;
use crate::pipeline::PipelineError;
use crate::store::StoreError;

/// Why a payment has no receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayError {
    /// It is not in order. Nothing changed.
    #[error("{0}")]
    Check(#[from] CheckError),
    /// The single-use invoice is reserved to, or was paid by, another payment. Nothing changed.
    #[error("the invoice was already paid by another payment")]
    RequestTaken,
    /// A token of it is spent on another payment. Nothing changed.
    #[error("a token of the payment was spent before")]
    DoubleSpend {
        /// That payment.
        earlier: PaymentId,
    },
    /// Somebody else had it accepted, or it was given in here for something else: nothing is served for it.
    #[error("the payment was already accepted elsewhere")]
    AcceptedElsewhere,
    /// The request is being served for this payment right now.
    #[error("the request is being served for this payment")]
    InProgress,
    /// Everything that the payment buys was given.
    #[error("nothing more is given for this payment")]
    Used,
    /// The mint's keysets are not known well enough; the code says why. Nothing changed.
    #[error("the mint's keysets are not known at the moment")]
    Keysets(Code),
    /// No answer from the store, or a refusal of its own.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl PayError {
    /// The stable code under which it is told to clients.
    pub const fn code(self) -> Code {
        match self {
            Self::Check(error) => error.code(),
            Self::RequestTaken => Code::RequestTaken,
            Self::DoubleSpend { .. } => Code::DoubleSpend,
            Self::AcceptedElsewhere => Code::AcceptedElsewhere,
            Self::InProgress => Code::InProgress,
            Self::Used => Code::PaymentUsed,
            Self::Keysets(code) => code,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        match error {
            PayError::Check(error) => error.into(),
            PayError::Store(error) => error.into(),
            PayError::DoubleSpend { earlier } => Self::new(error.code()).with(EARLIER_PAYMENT_ID, earlier.to_text()),
            PayError::RequestTaken
            | PayError::AcceptedElsewhere
            | PayError::InProgress
            | PayError::Used
            | PayError::Keysets(_) => Self::new(error.code()),
        }
    }
}

impl From<PipelineError> for PayError {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Check(error) => Self::Check(error),
            PipelineError::Overloaded => Self::Store(StoreError::Busy),
            PipelineError::Failed => Self::Store(StoreError::Unavailable),
        }
    }
}

/// Why there is no invoice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvoiceError {
    /// The amount is zero, or more than one payment can be worth.
    #[error("the amount is zero or too large")]
    Amount,
    /// It would expire at once.
    #[error("an invoice must be payable for at least a second")]
    Expiry,
    /// The memo is too long, or holds control characters.
    #[error("the memo cannot be written: {0}")]
    Text(#[source] DecodeError),
    /// The mint has no such unit, or several, of which none was configured.
    #[error("the mint issues no tokens of the configured unit, or several units and none was configured")]
    Unit,
    /// Nothing current is known of the mint.
    #[error("{0}")]
    Keysets(#[from] KeyringError),
}

impl InvoiceError {
    /// The stable code under which it is told to clients.
    pub const fn code(&self) -> Code {
        match self {
            Self::Amount => Code::AmountOutOfRange,
            Self::Expiry | Self::Text(_) => Code::InvalidShape,
            Self::Unit => Code::UnknownKeyset,
            Self::Keysets(error) => error.code(),
        }
    }
}

impl From<InvoiceError> for Problem {
    fn from(error: InvoiceError) -> Self {
        let problem = Self::new(error.code());
        match error {
            InvoiceError::Expiry => problem.with_detail("An invoice must be payable for at least a second."),
            InvoiceError::Text(_) => problem.with_detail("The memo is too long or holds control characters."),
            InvoiceError::Unit => problem.with_detail("The mint does not issue the configured unit."),
            InvoiceError::Keysets(KeyringError::Outdated | KeyringError::ClockBehind) => problem,
            InvoiceError::Keysets(_) => problem.with_detail("The mint's keysets are not known at the moment."),
            InvoiceError::Amount => problem,
        }
    }
}
