//! Tokens locked to the payee (protocol section 9): taken without asking anybody, redeemed at their mint later.
//!
//! What was taken is kept whole until it is known what became of its deposit (see [`spent::locked`](crate::spent::locked)).
//! Beside it stand sums for each unit, so that [`LockedLimits`] are judged in the same transaction in which a payment is
//! accepted: any number of payments at once cannot get past them.
//!
//! | key | value |
//! |---|---|
//! | `locked/open/` ‖ unit | number and worth of what is accepted and neither credited nor refused |
//! | `locked/credited/` ‖ unit | number and worth of what the mint credited |
//! | `locked/refused/` ‖ payment id | what the mint refused and why; a large value beside it holds the payment |

mod record;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::ids::PaymentId;

pub(crate) use record::{add, again, credited, open_sums, outstanding, refuse, refused_after, refused_payment};

/// How old an offline verifier's list of keysets may be unless it is said otherwise, in seconds: seven days.
pub const DEFAULT_MAX_LIST_AGE: u64 = 7 * 86_400;

/// How much an offline verifier takes before it deposits unless it is said otherwise, in the unit's smallest parts: 500.00
/// of a unit with two decimals.
pub const DEFAULT_MAX_OFFLINE_VALUE: Amount = match Amount::new(50_000) {
    Some(amount) => amount,
    None => Amount::MAX,
};

/// How much is taken in locked tokens. In the smallest parts of each unit.
///
/// A keyset that was revoked since the last list is not known to be: what was taken of it since then may be worth nothing.
/// These bound it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockedLimits {
    /// The most that is accepted and not deposited, all payments together.
    pub outstanding: Option<Amount>,
    /// The most for one payment.
    pub payment: Option<Amount>,
}

impl LockedLimits {
    /// Whether a payment may be taken beside what is outstanding.
    pub(crate) fn allow(&self, outstanding: Amount, payment: Amount) -> bool {
        let total = outstanding.checked_add(payment);
        let within = |limit: Option<Amount>, value: Option<Amount>| {
            limit.is_none_or(|limit| value.is_some_and(|value| value <= limit))
        };
        within(self.outstanding, total) && within(self.payment, Some(payment))
    }
}

/// How many payments, and what they are worth together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub payments: u64,
    /// Their worth.
    pub amount: Amount,
}

impl Sum {
    /// With one payment more, unless it is too much.
    pub(crate) fn with(self, amount: Amount) -> Option<Self> {
        Some(Self { payments: self.payments.checked_add(1)?, amount: self.amount.checked_add(amount)? })
    }

    /// With one payment less, unless it was never there.
    pub(crate) fn without(self, amount: Amount) -> Option<Self> {
        Some(Self { payments: self.payments.checked_sub(1)?, amount: self.amount.checked_sub(amount)? })
    }
}

/// A payment that was accepted and that the mint refused to credit. It is kept whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedDeposit {
    /// The payment, as it was accepted.
    pub payment: PaymentId,
    /// Its worth.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// When it was accepted.
    pub accepted_at: UnixTime,
    /// When the mint refused it.
    pub refused_at: UnixTime,
    /// The mint's reason: a problem code.
    pub code: String,
}
