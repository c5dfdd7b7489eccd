use farthing_protocol::amount::{Amount, UnixTime};
use serde::{Deserialize, Serialize};

use crate::ledger::Standing;

/// Declares what the operator holds against what the mint owes, in the mint's unit.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackingRequest {
    /// How much; nothing to declare nothing any more.
    pub amount: Option<Amount>,
}

/// What the mint owes, and what is held against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackingReport {
    /// The unit's code.
    pub unit: String,
    /// The unit's decimals.
    pub exponent: u8,
    /// Tokens that are out: issued and not redeemed.
    pub outstanding: Amount,
    /// What is owed: tokens that are out, account balances, unused vouchers and pending payouts.
    pub owed: Amount,
    /// What was declared, if it was.
    pub backing: Option<Amount>,
    /// Since when.
    pub declared_at: Option<UnixTime>,
}

impl BackingReport {
    /// Whether what is owed is covered, as far as anything was declared.
    pub fn is_backed(&self) -> bool {
        self.backing.is_none_or(|backing| self.owed <= backing)
    }

    pub(crate) fn of(standing: &Standing) -> Self {
        let books = &standing.books;
        Self {
            unit: books.unit.clone(),
            exponent: books.exponent,
            outstanding: books.outstanding(),
            owed: books.owed(),
            backing: standing.backing.as_ref().map(|backing| backing.amount),
            declared_at: standing.backing.as_ref().map(|backing| backing.declared_at),
        }
    }
}
