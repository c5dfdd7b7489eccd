//! Why not, as x402 names it. These texts reach the payer.

use crate::check::CheckError;
use crate::merchant::PayError;
use crate::store::StoreError;

/// Why a payment is not in order, or not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Another version of x402.
    Version,
    /// The payload holds no payment with its request.
    Payload,
    /// Another kind of payment or request than is taken here.
    Kind,
    /// A field of the requirements is missing or malformed.
    Requirements,
    /// The requirements name another payee.
    Payee,
    /// Another scheme.
    Scheme,
    /// Another network.
    Network,
    /// The payment is for somebody else.
    Recipient,
    /// It is for another amount.
    Amount,
    /// It is for another unit or time-out, or its parts do not belong together.
    Terms,
    /// Its tokens are of a mint or keyset that is not taken, or not any more.
    Keyset,
    /// A signature or proof in it does not hold.
    Signature,
    /// Its time has passed.
    Late,
    /// Its time has not come.
    Early,
    /// A token in it was spent before.
    Spent,
    /// It was settled before, or somewhere else.
    Settled,
    /// Nobody knows yet.
    Pending,
    /// It could not be judged. Nothing became of it.
    Unable,
}

impl Reason {
    /// The reason of each error.
    pub(super) const fn of(error: PayError) -> Self {
        match error {
            PayError::Check(error) => Self::of_check(error),
            PayError::RequestTaken | PayError::DoubleSpend { .. } => Self::Spent,
            PayError::AcceptedElsewhere | PayError::Used => Self::Settled,
            PayError::InProgress => Self::Pending,
            PayError::Keysets(_) => Self::Unable,
            PayError::Store(error) => Self::of_store(error),
        }
    }

    const fn of_check(error: CheckError) -> Self {
        match error {
            CheckError::UnsupportedKind | CheckError::UnsupportedRequest | CheckError::OnlyLocked => Self::Kind,
            CheckError::UnknownMint
            | CheckError::UnknownKeyset
            | CheckError::KeysetRevoked
            | CheckError::KeysetEnded
            | CheckError::ClosedToAnother => Self::Keyset,
            CheckError::WrongPayee => Self::Recipient,
            CheckError::WrongRequest => Self::Terms,
            CheckError::Expired => Self::Late,
            CheckError::NotYet => Self::Early,
            CheckError::InvalidRequest
            | CheckError::ImpossibleTime
            | CheckError::UnknownDenomination
            | CheckError::InvalidToken
            | CheckError::InvalidAuthorization => Self::Signature,
        }
    }

    const fn of_store(error: StoreError) -> Self {
        match error {
            StoreError::NotDecidedHere | StoreError::KeysetEnded => Self::Keyset,
            // The mint's own reason: what it can still have against a payment that was found in order here.
            StoreError::Refused(_) => Self::Keyset,
            StoreError::ClockBehind | StoreError::ClockAhead | StoreError::NotReached | StoreError::OverLimit => {
                Self::Unable
            }
            // Whether it was begun before could not be looked up either.
            StoreError::Busy | StoreError::Stopped | StoreError::Unavailable => Self::Pending,
        }
    }

    /// The name of it in an answer about a payment that was to be verified: nothing is pending then.
    pub(super) const fn when_verified(self) -> &'static str {
        match self {
            Self::Pending | Self::Unable => "unexpected_verify_error",
            other => other.when_settled(),
        }
    }

    /// The name of it in an answer about a payment that was to be settled.
    pub(super) const fn when_settled(self) -> &'static str {
        match self {
            Self::Version => "invalid_x402_version",
            Self::Payload | Self::Kind => "invalid_payload",
            Self::Requirements | Self::Payee => "invalid_payment_requirements",
            Self::Scheme => "unsupported_scheme",
            Self::Network => "invalid_network",
            Self::Recipient => "invalid_exact_farthing_payload_recipient_mismatch",
            Self::Amount => "invalid_exact_farthing_payload_authorization_value_mismatch",
            Self::Terms => "invalid_exact_farthing_payload_requirements_mismatch",
            Self::Keyset => "invalid_exact_farthing_payload_keyset",
            Self::Signature => "invalid_exact_farthing_payload_signature",
            Self::Late => "invalid_exact_farthing_payload_authorization_valid_before",
            Self::Early => "invalid_exact_farthing_payload_authorization_valid_after",
            Self::Spent => "invalid_transaction_state",
            Self::Settled => "duplicate_settlement",
            Self::Pending => "settlement_pending",
            Self::Unable => "unexpected_settle_error",
        }
    }

    /// The same in a sentence.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Version => "x402 version 2 is spoken here.",
            Self::Payload => "The payload holds no Farthing payment with its payment request.",
            Self::Kind => "This kind of payment is not taken here.",
            Self::Requirements => "The payment requirements lack a field, or one is malformed.",
            Self::Payee => "The payment requirements name another payee than this verifier's.",
            Self::Scheme => "The scheme exact is spoken here.",
            Self::Network => "This verifier takes no payments of that network.",
            Self::Recipient => "The payment is made out to another payee.",
            Self::Amount => "The payment is not for exactly this amount.",
            Self::Terms => "The payment is for another unit or time-out, or for another payment request.",
            Self::Keyset => "The payment's tokens are not taken here, or not any more.",
            Self::Signature => "A signature or proof in the payment is not valid.",
            Self::Late => "The payment's time has passed.",
            Self::Early => "The payment is of a later time than it is here.",
            Self::Spent => "A token in the payment was spent before.",
            Self::Settled => "The payment was settled before.",
            Self::Pending => "It is not known yet whether the payment was accepted: ask again with the same payment.",
            Self::Unable => "The payment could not be judged at the moment, and was not accepted.",
        }
    }
}
