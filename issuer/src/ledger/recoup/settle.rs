//! Paying, when claims are collected no more.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::keyset::Keyset;
use farthing_verifier::spent;

use super::end::is_closed;
use super::leaks::{Exclusions, Known, leak};
use super::rows::{Rank, TokenRow, Verdict};
use crate::ledger::book::{Place, TransferError, transfer};
use crate::ledger::records::{IssuanceEntry, KeysetTotals, Table, get, scan_keys};
use crate::ledger::{LedgerError, Times};

/// What one portion came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Where to go on; none when everything was looked at.
    pub(crate) next: Option<Vec<u8>>,
    /// How many tokens were paid.
    pub(crate) paid: u64,
    /// Worth of those that could not be paid, because more was redeemed of the keyset than its honest holders had: the forged
    /// tokens' worth is missing.
    pub(crate) uncovered: Amount,
    /// What is excluded must be computed anew before anything is paid: nothing was done.
    pub(crate) stale: bool,
}

/// Pays tokens of a revoked keyset whose winning claim is of this rank, at most so many after a key. Payees MUST be paid whole
/// before holders: as long as something of theirs is uncovered, holders are not paid.
///
/// Nothing is done before claims are collected no more. What was paid is paid for good, so that it can be run again.
pub(crate) fn settle_recoups(
    txn: &mut Txn<'_>,
    Times { now, sure }: Times,
    keyset: &Keyset,
    rank: Rank,
    (after, at_most): (Option<Vec<u8>>, usize),
    exclusions: &Exclusions,
) -> Result<Settled, LedgerError> {
    let mut settled = Settled { next: None, paid: 0, uncovered: Amount::ZERO, stale: false };
    let Some((_, row)) = leak(txn, keyset.id(), now)? else { return Ok(settled) };
    if sure < row.claims_until {
        return Ok(settled);
    }
    // Another keyset was revoked or buried meanwhile.
    if !exclusions.are_of(&Known::read(txn)?) {
        settled.stale = true;
        return Ok(settled);
    }
    let over = sure >= row.ends_at(keyset);
    let closed = over && is_closed(txn, keyset.id())?;
    let keys = scan_keys(txn, Table::RecoupOpen, keyset.id().as_bytes(), after.as_deref(), at_most)?;
    settled.next = if keys.len() < at_most { None } else { keys.last().cloned() };
    for key in &keys {
        let coin = key.get(32..).and_then(|coin| coin.try_into().ok()).ok_or(LedgerError::Damaged)?;
        let mut row = TokenRow::load(txn, keyset.id(), &coin)?.ok_or(LedgerError::Damaged)?;
        let verdict = match decide(txn, now, keyset, rank, (&coin, &row), exclusions)? {
            Decision::Decided(verdict) => verdict,
            // The operator has said so.
            Decision::Uncovered if closed => Verdict::Unpaid(now),
            Decision::Uncovered => {
                let worth = row.denomination.value();
                settled.uncovered = settled.uncovered.checked_add(worth).ok_or(LedgerError::Overflow)?;
                continue;
            }
            // Listed by a version that listed such ones. Nothing more is filed: nobody will ever be paid for it.
            Decision::Undecided if over => Verdict::Unpaid(now),
            Decision::Undecided | Decision::OtherRank => continue,
        };
        row.verdict = verdict;
        row.store(txn, keyset.id(), &coin)?;
        settled.paid = settled.paid.saturating_add(u64::from(matches!(row.verdict, Verdict::Paid(..))));
    }
    Ok(settled)
}

enum Decision {
    Decided(Verdict),
    Uncovered,
    OtherRank,
    /// Nobody claims it, or nobody has shown where it came from.
    Undecided,
}

fn decide(
    txn: &mut Txn<'_>,
    now: UnixTime,
    keyset: &Keyset,
    rank: Rank,
    (coin, row): (&[u8; 32], &TokenRow),
    exclusions: &Exclusions,
) -> Result<Decision, LedgerError> {
    let (Some(origin), Some(winner)) = (row.origin, row.winner()) else { return Ok(Decision::Undecided) };
    if winner.rank != rank {
        return Ok(Decision::OtherRank);
    }
    let entry: IssuanceEntry = get(txn, Table::Issuance, origin.issuance.as_bytes())?.ok_or(LedgerError::Damaged)?;
    // The leak may have turned out to be earlier since the claim was filed. And nothing is paid for twice, whatever let it be spent.
    if exclusions.exclude(&entry) || spent::spent_on(txn, keyset.id(), coin)?.is_some() {
        return Ok(Decision::Decided(Verdict::Excluded(now)));
    }
    let worth = row.denomination.value();
    if outstanding(txn, keyset)? < worth {
        return Ok(Decision::Uncovered);
    }
    let (from, to) = (Place::Tokens(keyset.id()), Place::Account(&winner.account));
    transfer(txn, &keyset.terms().unit, from, to, worth).map_err(|error| match error {
        TransferError::Insufficient => LedgerError::Damaged,
        TransferError::Ledger(error) => error,
    })?;
    Ok(Decision::Decided(Verdict::Paid(winner.payment, winner.account, now)))
}

/// What was issued of a keyset and not redeemed.
pub(super) fn outstanding(txn: &Txn<'_>, keyset: &Keyset) -> Result<Amount, LedgerError> {
    let totals: Option<KeysetTotals> = get(txn, Table::Keyset, keyset.id().as_bytes())?;
    let left = totals.map(|totals| totals.issued.checked_sub(totals.redeemed).ok_or(LedgerError::Damaged));
    left.unwrap_or(Ok(Amount::ZERO))
}
