//! The operator's side: revoking, how the recoup stands, and money for what forged tokens took.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;
use serde::{Deserialize, Serialize};

use crate::books::Books;
use crate::control::{CoverAnswer, CoverRequest};
use crate::ledger::{
    self, Act, Authority, CloseError, CoverError, Covering, LateSums, LedgerError, LogPlace, RecoupSums, Sum, Text,
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
    /// Not shown or not claimed in time, or not covered: nobody is paid for them any more.
    pub unpaid: RecoupedSum,
    /// What the books hold for the keyset's tokens. What waits beyond it is missing: forged tokens took it.
    pub outstanding: Amount,
    /// What was issued after the suspected leak for money of accounts and vouchers: it is not recouped, and its holders paid for it.
    pub late_by_money: Amount,
    /// What was issued after the suspected leak for tokens, forged ones perhaps.
    pub late_by_tokens: Amount,
    /// When the operator said that what is not covered is not paid, if he did.
    pub closed_at: Option<UnixTime>,
    /// When the keyset was buried, if it was: nothing of this changes any more.
    pub buried_at: Option<UnixTime>,
}

/// What the ledger says of a keyset's recoup.
struct Stands {
    sums: RecoupSums,
    closed_at: Option<UnixTime>,
    /// When it was buried, and what was noted then.
    buried: Option<(UnixTime, LateSums)>,
}

impl Stands {
    fn read(txn: &farthing_durable::Txn<'_>, keyset: &Keyset, over: bool) -> Result<Self, LedgerError> {
        let id = keyset.id();
        let noted = ledger::recoup_end(txn, id)?.map_or_else(LateSums::default, |end| LateSums {
            by_money: end.late_by_money,
            by_tokens: end.late_by_tokens,
        });
        Ok(Self {
            sums: ledger::recoup_sums(txn, keyset, over)?,
            closed_at: ledger::closed_at(txn, id)?,
            buried: ledger::tombstone(txn, id)?.map(|tombstone| (tombstone.buried_at, noted)),
        })
    }
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
            let over = window.ends_at <= self.clock().now();
            let stands = move |txn: &farthing_durable::Txn<'_>| Stands::read(txn, &keyset, over);
            let Stands { sums, closed_at, buried } = self.ledger().read(stands).await?;
            let (buried_at, late) = buried.map_or((None, late), |(at, late)| (Some(at), late));
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
                unpaid: sums.unpaid.into(),
                outstanding: sums.outstanding,
                late_by_money: late.by_money,
                late_by_tokens: late.by_tokens,
                closed_at,
                buried_at,
            });
        }
        Ok(reports)
    }

    /// Puts the operator's own money in for the honest tokens of a revoked keyset, once for each reference, and not more than is missing.
    ///
    /// # Errors
    /// A [`CoverError`].
    pub async fn cover_recoup(
        &self,
        keyset: KeysetId,
        amount: Amount,
        reference: impl Into<String>,
    ) -> Result<CoverAnswer, CoverError> {
        let request = CoverRequest { keyset, amount, reference: reference.into(), beyond: false };
        self.cover_recoup_by(Authority::local(), request).await
    }

    /// As [`cover_recoup`](Self::cover_recoup), on somebody's authority.
    ///
    /// # Errors
    /// A [`CoverError`].
    pub async fn cover_recoup_by(
        &self,
        authority: Authority,
        request: CoverRequest,
    ) -> Result<CoverAnswer, CoverError> {
        let CoverRequest { keyset, amount, reference, beyond } = request;
        let keyset = self.keyset_book().get(&keyset).cloned().ok_or(CoverError::UnknownKeyset)?;
        let rules = self.home().config().accounts;
        let put_in = move |txn: &mut farthing_durable::Txn<'_>, now| {
            let covering = Covering { keyset: &keyset, amount, reference: &reference, beyond };
            let covered = ledger::cover(txn, now, &rules, covering)?;
            if !covered.known {
                let act = Act::RecoupCovered { keyset: *keyset.id(), amount, reference: Text(reference.clone()) };
                ledger::journal::record(txn, now, &authority, &act)?;
            }
            Ok::<_, CoverError>(covered)
        };
        let ledger::Covered { outstanding, known } = self.ledger().run(put_in).await?;
        Ok(CoverAnswer { outstanding, known })
    }

    /// Says that what the books do not cover of the claims on a revoked keyset's tokens is not paid: payees are paid as far as it goes, then
    /// holders, and the rest is closed. Then the keyset can be buried.
    ///
    /// # Errors
    /// A [`CloseError`]; [`CloseError::Running`] as long as claims are taken.
    pub async fn close_recoup(&self, keyset: KeysetId) -> Result<(), CloseError> {
        self.close_recoup_by(Authority::local(), keyset).await
    }

    /// As [`close_recoup`](Self::close_recoup), on somebody's authority.
    ///
    /// # Errors
    /// As [`close_recoup`](Self::close_recoup).
    pub async fn close_recoup_by(&self, authority: Authority, keyset: KeysetId) -> Result<(), CloseError> {
        let keyset = self.keyset_book().get(&keyset).cloned().ok_or(CloseError::UnknownKeyset)?;
        let close = move |txn: &mut farthing_durable::Txn<'_>, now| {
            if !ledger::close(txn, now, &keyset)? {
                let act = Act::RecoupClosed { keyset: *keyset.id() };
                ledger::journal::record(txn, now, &authority, &act)?;
            }
            Ok::<_, CloseError>(())
        };
        self.ledger().run(close).await?;
        Ok(self.settle_recoups().await?)
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
