use std::fmt;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use serde::{Deserialize, Serialize};

use crate::ledger::records::UnitTotals;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// When.
    pub audited_at: UnixTime,
    /// The running totals of each unit, by code.
    pub units: Vec<UnitBooks>,
    /// Figures that differ from what the records add up to, at most 100. Empty when the books are right.
    pub differences: Vec<Difference>,
}

/// The running totals of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitBooks {
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// What came from outside.
    pub funded: Amount,
    /// What went outside.
    pub paid_out: Amount,
    /// Σ account balances, the mint's fee income apart.
    pub balances: Amount,
    /// The mint's fee income.
    pub fees: Amount,
    /// Σ unused vouchers.
    pub vouchers: Amount,
    /// Σ payouts that were asked for and are not settled.
    pub pending: Amount,
    /// Σ tokens issued.
    pub issued: Amount,
    /// Σ tokens deposited or swapped.
    pub redeemed: Amount,
    /// Of the tokens issued and not redeemed, those whose keyset has ended: nobody can redeem them any more.
    #[serde(default)]
    pub lapsed: Amount,
}

/// A figure of the books that was computed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Figure {
    /// Money from outside, against all credits and vouchers.
    Funded,
    /// Money to the outside.
    PaidOut,
    /// Σ balances, against everything that ever moved in an account.
    Balances,
    /// The mint's fee income.
    Fees,
    /// Σ unused vouchers.
    Vouchers,
    /// Σ pending payouts, against the payouts and against the list of what is to be paid.
    Pending,
    /// A payout against the request by which it is known: without it the same request would be taken twice.
    PayoutRequest,
    /// Tokens issued of a keyset, against the issuance records.
    Issued,
    /// Tokens redeemed of a keyset, against the accepted payments.
    Redeemed,
    /// Tokens of a keyset: more were redeemed than issued.
    Outstanding,
    /// One account's balance.
    AccountBalance,
    /// One account's deposit fees not charged yet, in millionths.
    AccountFee,
    /// An issuance's record against its entry in the books.
    IssuanceRecord,
    /// An issuance's session or funding id, which must lead back to it.
    IssuanceIndex,
    /// An issuance against the log from which the archive is made.
    IssuanceLog,
    /// A redeemed voucher against its issuance.
    VoucherRecord,
    /// A batch of vouchers against its vouchers.
    VoucherBatch,
    /// A payment that a processor reported, against its id and against the list of what is held.
    Income,
    /// A swap's inputs against its outputs.
    Swap,
    /// An accepted payment's tokens, payee, amount or request against its payment id: a spent token was exchanged.
    SpentRecord,
    /// A token of a revoked keyset that was paid for: against its issuance, its claims and the records of spent tokens.
    Recoup,
    /// The administrative journal: a row was changed, added or taken away.
    Journal,
    /// A record of a keyset that the mint does not know.
    UnknownKeyset,
    /// Tokens that lapsed, against the tombstones of the keysets that ended.
    Lapsed,
    /// A tombstone against what it stands for.
    Tombstone,
    /// funded − paid out against balances + fees + vouchers + pending payouts + (issued − redeemed).
    Identity,
}

/// A figure that is not what the records add up to. It names no account, payment or issuance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The unit's code, if the figure has one.
    pub unit: Option<String>,
    /// Which figure.
    pub figure: Figure,
    /// What the books say.
    pub recorded: String,
    /// What the records add up to.
    pub computed: String,
}

impl AuditReport {
    const MAX_DIFFERENCES: usize = 100;

    pub(super) const fn new(audited_at: UnixTime) -> Self {
        Self { audited_at, units: Vec::new(), differences: Vec::new() }
    }

    /// Whether the books are right.
    pub fn is_right(&self) -> bool {
        self.differences.is_empty()
    }

    pub(super) fn compare(&mut self, unit: Option<&Unit>, figure: Figure, recorded: i128, computed: i128) {
        if recorded != computed {
            self.differ(unit, figure, recorded, computed);
        }
    }

    pub(in crate::ledger) fn differ(&mut self, unit: Option<&Unit>, figure: Figure, recorded: i128, computed: i128) {
        if self.differences.len() < Self::MAX_DIFFERENCES {
            let unit = unit.map(|unit| unit.code().to_owned());
            let (recorded, computed) = (recorded.to_string(), computed.to_string());
            self.differences.push(Difference { unit, figure, recorded, computed });
        }
    }
}

impl UnitBooks {
    /// Tokens that are out: issued, not redeemed, and not lapsed with their keyset.
    pub fn outstanding(&self) -> Amount {
        let out = self.issued.checked_sub(self.redeemed).unwrap_or(Amount::ZERO);
        out.checked_sub(self.lapsed).unwrap_or(Amount::ZERO)
    }

    /// What the mint owes: tokens that are out, account balances, unused vouchers and pending payouts. Its fee income is its own.
    pub fn owed(&self) -> Amount {
        let parts = [self.outstanding(), self.balances, self.vouchers, self.pending];
        Amount::checked_sum(parts).unwrap_or(Amount::MAX)
    }

    /// The two sides of the identity of the books: funded − paid out; and where that is now.
    pub fn identity(&self) -> (i128, i128) {
        let of = |amount: Amount| i128::from(amount.units());
        let left = of(self.funded).saturating_sub(of(self.paid_out));
        let places = [self.balances, self.fees, self.vouchers, self.pending, self.issued].map(of);
        (left, places.into_iter().fold(of(self.redeemed).saturating_neg(), i128::saturating_add))
    }

    /// Whether the running totals fit together: both sides are one, and no more was redeemed than issued.
    pub fn is_balanced(&self) -> bool {
        let (left, right) = self.identity();
        left == right && self.redeemed <= self.issued
    }

    pub(in crate::ledger) fn new(
        unit: &Unit,
        totals: &UnitTotals,
        pending: Amount,
        (issued, redeemed): (i128, i128),
        lapsed: Amount,
    ) -> Self {
        let amount = |sum: i128| u64::try_from(sum).ok().and_then(Amount::new).unwrap_or(Amount::MAX);
        Self {
            unit: unit.code().to_owned(),
            exponent: unit.exponent(),
            funded: totals.funded,
            paid_out: totals.paid_out,
            balances: totals.balances,
            fees: totals.fees,
            vouchers: totals.vouchers,
            pending,
            issued: amount(issued),
            redeemed: amount(redeemed),
            lapsed,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Funded => "money from outside",
            Self::PaidOut => "money to the outside",
            Self::Balances => "sum of the balances",
            Self::Fees => "fee income",
            Self::Vouchers => "unused vouchers",
            Self::Pending => "pending payouts",
            Self::PayoutRequest => "a payout's request",
            Self::Issued => "tokens issued",
            Self::Redeemed => "tokens redeemed",
            Self::Outstanding => "tokens redeemed beyond those issued",
            Self::AccountBalance => "an account's balance",
            Self::AccountFee => "an account's uncharged deposit fees",
            Self::IssuanceRecord => "an issuance's record",
            Self::IssuanceIndex => "an issuance's session or funding",
            Self::IssuanceLog => "an issuance's place in the log",
            Self::VoucherRecord => "a redeemed voucher",
            Self::VoucherBatch => "a batch of vouchers",
            Self::Income => "a payment from a processor",
            Self::Swap => "a swap's inputs and outputs",
            Self::SpentRecord => "a record of spent tokens",
            Self::Recoup => "a recouped token",
            Self::Journal => "the administrative journal",
            Self::UnknownKeyset => "a record of an unknown keyset",
            Self::Lapsed => "lapsed tokens",
            Self::Tombstone => "a tombstone",
            Self::Identity => "the identity of the books",
        })
    }
}
