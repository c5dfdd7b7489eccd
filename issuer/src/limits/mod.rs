//! What a mint issues at most, and how often it is asked at most.

mod rates;

use farthing_protocol::amount::Amount;

pub(crate) use rates::Rates;
pub use rates::{RequestRates, TooOften};

/// What is issued at most, in the unit's smallest parts. Swaps make nothing, and are not limited.
///
/// Each limit is kept in the transaction that issues: no race passes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssueLimits {
    /// In one withdrawal.
    pub operation: Option<Amount>,
    /// To one account in a day: in the 24 hours before, and the part of an hour.
    pub account_day: Option<Amount>,
    /// To all in a day, vouchers included.
    pub day: Option<Amount>,
    /// Tokens that are out at once: issued and not redeemed.
    pub outstanding: Option<Amount>,
}

/// Which limit an issuance is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Limit {
    /// [`IssueLimits::operation`].
    #[error("it is more than the mint issues at once")]
    Operation,
    /// [`IssueLimits::account_day`].
    #[error("it is more than the mint issues to one account in a day")]
    AccountDay,
    /// [`IssueLimits::day`].
    #[error("it is more than the mint issues in a day")]
    Day,
    /// [`IssueLimits::outstanding`].
    #[error("more tokens would be out than the mint allows")]
    Outstanding,
}

impl Limit {
    /// What a client is told.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Operation => "It is more than the mint issues at once.",
            Self::AccountDay => "It is more than the mint issues to one account in a day.",
            Self::Day => "The mint has issued what it issues in a day.",
            Self::Outstanding => "The mint issues no more until some of what is out has come back.",
        }
    }
}

impl IssueLimits {
    /// Refuses what is more than one withdrawal may be: the one limit that needs no books.
    pub(crate) fn allow(&self, amount: Amount) -> Result<(), Limit> {
        match self.operation {
            Some(most) if amount > most => Err(Limit::Operation),
            _ => Ok(()),
        }
    }
}
