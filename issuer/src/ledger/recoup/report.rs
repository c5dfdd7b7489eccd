//! How a revoked keyset's recoup stands, for its operator.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;

use super::rows::{TokenRow, Verdict};
use super::settle::outstanding;
use crate::ledger::LedgerError;
use crate::ledger::records::{IssuanceEntry, Source, Table, scan};

/// How many tokens, and what they are worth together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) tokens: u64,
    pub(crate) amount: Amount,
}

impl Sum {
    pub(crate) fn add(&mut self, amount: Amount) -> Result<(), LedgerError> {
        self.tokens = self.tokens.saturating_add(1);
        self.amount = self.amount.checked_add(amount).ok_or(LedgerError::Overflow)?;
        Ok(())
    }
}

/// The tokens of a keyset of which anything was filed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecoupSums {
    /// Shown to come from an issuance that counts, and claimed.
    pub(crate) waiting: Sum,
    /// Claimed, and nobody has shown where they came from; or shown, and claimed by nobody.
    pub(crate) unproven: Sum,
    pub(crate) paid: Sum,
    pub(crate) excluded: Sum,
    /// Not shown or not claimed in time, or not covered: nobody is paid for it any more.
    pub(crate) unpaid: Sum,
    /// What the books hold for the keyset's tokens.
    pub(crate) outstanding: Amount,
}

/// What was issued of a keyset after its suspected leak, by what paid: none of it is recouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LateSums {
    /// By accounts and vouchers: money that the mint was given.
    pub(crate) by_money: Amount,
    /// By tokens, forged ones perhaps.
    pub(crate) by_tokens: Amount,
}

impl LateSums {
    /// Counts an issuance of the keyset.
    pub(crate) fn add(&mut self, entry: &IssuanceEntry, keyset: &KeysetId, since: UnixTime) -> Result<(), LedgerError> {
        if entry.keyset != *keyset || entry.at < since {
            return Ok(());
        }
        let sum = match entry.source {
            Source::Account(_) | Source::Voucher(_) | Source::Forgotten => &mut self.by_money,
            Source::Tokens(..) => &mut self.by_tokens,
        };
        *sum = sum.checked_add(entry.amount).ok_or(LedgerError::Overflow)?;
        Ok(())
    }
}

/// Adds up the rows of a keyset. When nothing is filed any more, `over`, what cannot be decided never will be.
pub(crate) fn recoup_sums(txn: &Txn<'_>, keyset: &Keyset, over: bool) -> Result<RecoupSums, LedgerError> {
    let mut sums = RecoupSums { outstanding: outstanding(txn, keyset)?, ..RecoupSums::default() };
    scan(txn, Table::Recoup, keyset.id().as_bytes(), &mut |_, row: TokenRow| {
        let sum = match row.verdict {
            Verdict::Paid(..) => &mut sums.paid,
            Verdict::Excluded(_) => &mut sums.excluded,
            Verdict::Unpaid(_) => &mut sums.unpaid,
            Verdict::Open if !row.is_undecidable() => &mut sums.waiting,
            Verdict::Open if over => &mut sums.unpaid,
            Verdict::Open => &mut sums.unproven,
        };
        sum.add(row.denomination.value())
    })?;
    Ok(sums)
}
