//! Kinds of payment.

use crate::codec::DecodeError;

/// What a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentKind {
    /// Pays a payee; cleared where the keyset's tokens are decided.
    Pay,
    /// Pays with tokens locked to the payee; only he accepts it.
    Locked,
    /// Gives tokens back to the mint for new ones.
    Swap,
    /// Redeems a token of a revoked keyset.
    Recoup,
}

impl PaymentKind {
    /// The kind's byte: 1 pay, 2 locked, 3 swap, 4 recoup.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Pay => 1,
            Self::Locked => 2,
            Self::Swap => 3,
            Self::Recoup => 4,
        }
    }

    /// Reads the kind's byte.
    ///
    /// # Errors
    /// [`DecodeError::UnknownTag`].
    pub const fn from_byte(byte: u8) -> Result<Self, DecodeError> {
        match byte {
            1 => Ok(Self::Pay),
            2 => Ok(Self::Locked),
            3 => Ok(Self::Swap),
            4 => Ok(Self::Recoup),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}
