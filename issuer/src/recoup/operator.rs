//! The operator's side: revoking, how the recoup stands, and money for what forged tokens took.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::ids::KeysetId;
use serde::{Deserialize, Serialize};

use crate::books::Books;
use crate::control::CoverAnswer;
use crate::ledger::{
    self, Act, Authority, CoverError, Covering, LateSums, LedgerError, LogPlace, RecoupSums, Sum, Text,
};

/// What an operator knows of a key that leaked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Since when it may have been in other hands; none for the time of the revocation.
    pub since: Option<UnixTime>,
    /// For so many seconds claims are collected before anything is paid.
    pub window: u64,
}

impl Default for Leak {
    /// Since the revocation; 30 days.
    fn default() -> Self {
        Self { since: None, window: ledger::DEFAULT_WINDOW }
    }
}

/// A keyset is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Since when.
    pub revoked_at: UnixTime,
    /// Since when its key may have been in other hands: what was issued from then on is not recouped.
    pub leaked_since: UnixTime,
    /// Until then claims are collected and nothing is paid.
    pub claims_until: UnixTime,
}

/// How many tokens, and what they are worth together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoupedSum {
    /// How many.
    pub tokens: u64,
    /// Their worth.
    pub amount: Amount,
}

impl From<Sum> for RecoupedSum {
    fn from(Sum { tokens, amount }: Sum) -> Self {
        Self { tokens, amount }
    }
}

/// How the recoup of a revoked keyset stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoupReport {
    /// The keyset.
    pub keyset: KeysetId,
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// Since when it is revoked.
    pub revoked_at: UnixTime,
    /// Since when its key may have been in other hands.
    pub leaked_since: UnixTime,
    /// Until then claims are collected and nothing is paid.
    pub claims_until: UnixTime,
    /// From then on nothing is taken any more.
    pub ends_at: UnixTime,
    /// Claimed, shown to come from an issuance that counts, and not paid yet.
    pub waiting: RecoupedSum,
    /// Claimed and not shown, or shown and not claimed.
    pub unproven: RecoupedSum,
    /// Paid.
    pub paid: RecoupedSum,
    /// Found not to count after they were filed.
    pub excluded: RecoupedSum,
    /// What the books hold for the keyset's tokens. What waits beyond it is missing: forged tokens took it.
    pub outstanding: Amount,
    /// What was issued after the suspected leak for money of accounts and vouchers: it is not recouped, and its holders paid for it.
    pub late_by_money: Amount,
    /// What was issued after the suspected leak for tokens, forged ones perhaps.
    pub late_by_tokens: Amount,
}

impl Books {
    /// How the recoup of each revoked keyset stands.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn recoup_reports(&self) -> Result<Vec<RecoupReport>, LedgerError> {
        let mut reports = Vec::new();
        for window in self.recoups().await?.recoups {
            let Some(keyset) = self.keyset_book().get(&window.keyset).cloned() else { continue };
            let unit = keyset.terms().unit.clone();
            let late = self.late(window.keyset, window.leaked_since).await?;
            let sums: RecoupSums = self.ledger().read(move |txn| ledger::recoup_sums(txn, &keyset)).await?;
            reports.push(RecoupReport {
                keyset: window.keyset,
                unit: unit.code().to_owned(),
                exponent: unit.exponent(),
                revoked_at: window.revoked_at,
                leaked_since: window.leaked_since,
                claims_until: window.claims_until,
                ends_at: window.ends_at,
                waiting: sums.waiting.into(),
                unproven: sums.unproven.into(),
                paid: sums.paid.into(),
                excluded: sums.excluded.into(),
                outstanding: sums.outstanding,
                late_by_money: late.by_money,
                late_by_tokens: late.by_tokens,
            });
        }
        Ok(reports)
    }

    /// Puts the operator's own money in for the honest tokens of a revoked keyset, once for each reference.
    ///
    /// # Errors
    /// A [`CoverError`].
    pub async fn cover_recoup(
        &self,
        keyset: KeysetId,
        amount: Amount,
        reference: impl Into<String>,
    ) -> Result<CoverAnswer, CoverError> {
        self.cover_recoup_by(Authority::local(), keyset, amount, reference).await
    }

    /// As [`cover_recoup`](Self::cover_recoup), on somebody's authority.
    ///
    /// # Errors
    /// A [`CoverError`].
    pub async fn cover_recoup_by(
        &self,
        authority: Authority,
        keyset: KeysetId,
        amount: Amount,
        reference: impl Into<String>,
    ) -> Result<CoverAnswer, CoverError> {
        let (keyset, reference) = (self.keyset_book().get(&keyset).cloned(), reference.into());
        let keyset = keyset.ok_or(CoverError::UnknownKeyset)?;
        let rules = self.home().config().accounts;
        let put_in = move |txn: &mut farthing_durable::Txn<'_>, now| {
            let covered = ledger::cover(txn, now, &rules, Covering { keyset: &keyset, amount, reference: &reference })?;
            if !covered.known {
                let act = Act::RecoupCovered { keyset: *keyset.id(), amount, reference: Text(reference.clone()) };
                ledger::journal::record(txn, now, &authority, &act)?;
            }
            Ok::<_, CoverError>(covered)
        };
        let ledger::Covered { outstanding, known } = self.ledger().run(put_in).await?;
        Ok(CoverAnswer { outstanding, known })
    }

    async fn late(&self, keyset: KeysetId, since: UnixTime) -> Result<LateSums, LedgerError> {
        const PORTION: usize = 256;
        let (mut sums, mut from) = (LateSums::default(), LogPlace(0));
        loop {
            let (entries, next) = self.ledger().read(move |txn| ledger::entries(txn, from, PORTION)).await?;
            entries.iter().try_for_each(|entry| sums.add(entry, &keyset, since))?;
            if next == from {
                return Ok(sums);
            }
            from = next;
        }
    }
}
