//! When a revoked keyset's key leaked, and which issuances do not count because of it.

use std::collections::BTreeMap;

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;

use crate::ledger::LedgerError;
use crate::ledger::archive::logged;
use crate::ledger::ended::{Flow, flows, tombstone};
use crate::ledger::lists::revocations;
use crate::ledger::records::{IssuanceEntry, LogPlace, Source, Table, get, put};

/// For so many seconds claims are collected, unless the operator says otherwise: 30 days.
pub(crate) const DEFAULT_WINDOW: u64 = 30 * 86_400;

/// What is known of a revoked keyset besides when it was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeakRow {
    /// Since when the key may have been in other hands.
    pub(crate) leaked_since: UnixTime,
    /// Until then claims are collected and nothing is paid.
    pub(crate) claims_until: UnixTime,
}

impl LeakRow {
    /// From then on nothing is filed any more.
    pub(crate) fn ends_at(&self, keyset: &Keyset) -> UnixTime {
        self.claims_until.max(keyset.terms().deposit_until)
    }
}

impl Encode for LeakRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.leaked_since);
        out.part(&self.claims_until);
    }
}

impl Decode for LeakRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { leaked_since: input.part()?, claims_until: input.part()? })
    }
}

/// Notes when a keyset's key leaked, in the transaction that revokes it. Said again, it can become earlier as long as nothing is
/// paid, and never later; the window stays as it was. It begins when it is noted, whatever the revocation is dated.
pub(crate) fn note_leak(
    txn: &mut Txn<'_>,
    now: UnixTime,
    keyset: &KeysetId,
    revoked_at: UnixTime,
    since: Option<UnixTime>,
    window: u64,
) -> Result<LeakRow, LedgerError> {
    let stored: Option<LeakRow> = get(txn, Table::Leak, keyset.as_bytes())?;
    // Of a revocation that nothing was noted of, the usual holds, and stays once it may have been paid by.
    let usual = row_of(txn, keyset, revoked_at)?;
    let row = match (stored, since) {
        (None, _) if now >= usual.claims_until => usual,
        (None, since) => {
            LeakRow { leaked_since: since.unwrap_or(revoked_at).min(revoked_at), claims_until: now.plus(window) }
        }
        (Some(row), Some(since)) if now < row.claims_until => {
            LeakRow { leaked_since: row.leaked_since.min(since), ..row }
        }
        (Some(row), _) => row,
    };
    put(txn, Table::Leak, keyset.as_bytes(), &row)?;
    Ok(row)
}

/// Notes that a keyset was revoked by somebody else, in the transaction that takes the revocation over. That says nothing of a leak: whatever
/// was issued until now counts. What is known already stays as it is; the operator says more by [`note_leak`].
pub(crate) fn note_published(
    txn: &mut Txn<'_>,
    now: UnixTime,
    keyset: &KeysetId,
    revoked_at: UnixTime,
) -> Result<LeakRow, LedgerError> {
    if let Some(row) = get(txn, Table::Leak, keyset.as_bytes())? {
        return Ok(row);
    }
    let row = LeakRow { leaked_since: revoked_at.max(now), claims_until: now.plus(DEFAULT_WINDOW) };
    put(txn, Table::Leak, keyset.as_bytes(), &row)?;
    Ok(row)
}

/// Collects claims on a revoked keyset's tokens anew, in a ledger that was put back from a copy: those that the original had collected are lost.
/// The window ends later than any that the original had said, so that whoever asks when that is over is heard in time.
pub(in crate::ledger) fn collect_again(txn: &mut Txn<'_>, now: UnixTime, keyset: &KeysetId) -> Result<(), LedgerError> {
    let stored: Option<LeakRow> = get(txn, Table::Leak, keyset.as_bytes())?;
    match stored {
        Some(row) if tombstone(txn, keyset)?.is_none() => {
            let claims_until = row.claims_until.max(now).plus(DEFAULT_WINDOW);
            put(txn, Table::Leak, keyset.as_bytes(), &LeakRow { claims_until, ..row })
        }
        _ => Ok(()),
    }
}

/// What is known of a revoked keyset; none if it is not revoked.
pub(crate) fn leak(
    txn: &Txn<'_>,
    keyset: &KeysetId,
    now: UnixTime,
) -> Result<Option<(UnixTime, LeakRow)>, LedgerError> {
    Ok(leak_of(txn, keyset)?.filter(|(revoked_at, _)| *revoked_at <= now))
}

/// The same whenever its revocation is.
pub(super) fn leak_of(txn: &Txn<'_>, keyset: &KeysetId) -> Result<Option<(UnixTime, LeakRow)>, LedgerError> {
    let revoked: Option<UnixTime> = get(txn, Table::Revoked, keyset.as_bytes())?;
    revoked.map(|revoked_at| Ok((revoked_at, row_of(txn, keyset, revoked_at)?))).transpose()
}

/// Every revoked keyset, when it was revoked, and what is known of it.
pub(crate) fn leaks(txn: &Txn<'_>) -> Result<Vec<(KeysetId, UnixTime, LeakRow)>, LedgerError> {
    let of = |revocation: farthing_protocol::keyset::Revocation| {
        Ok((revocation.keyset, revocation.revoked_at, row_of(txn, &revocation.keyset, revocation.revoked_at)?))
    };
    revocations(txn)?.into_iter().map(of).collect()
}

/// Recorded issuances in the order of the log, at most so many from a place on, with the place behind them.
pub(crate) fn entries(
    txn: &Txn<'_>,
    from: LogPlace,
    at_most: usize,
) -> Result<(Vec<IssuanceEntry>, LogPlace), LedgerError> {
    let (mut found, mut place) = (Vec::new(), from);
    for (at, logged) in logged(txn, from, at_most)? {
        // Of a keyset that was dropped, or is being dropped, nothing is asked any more.
        found.extend(get::<IssuanceEntry>(txn, Table::Issuance, logged.issuance.as_bytes())?);
        place = at.next()?;
    }
    Ok((found, place))
}

/// A keyset that was revoked by a version without recoup: everything before its revocation counts.
fn row_of(txn: &Txn<'_>, keyset: &KeysetId, revoked_at: UnixTime) -> Result<LeakRow, LedgerError> {
    let stored = get(txn, Table::Leak, keyset.as_bytes())?;
    Ok(stored.unwrap_or(LeakRow { leaked_since: revoked_at, claims_until: revoked_at.plus(DEFAULT_WINDOW) }))
}

/// Which recorded issuances do not count.
///
/// None does that was recorded after the suspected leak of its own keyset. And none that tokens paid for after they had become
/// doubtful: those of a leaked keyset since its leak, and those of any keyset since such tokens were first swapped into it. Which
/// token paid for which the mint cannot see, so that from then on all of that keyset's tokens are doubtful in this one respect.
/// Money of an account or a voucher is not traced: what was deposited was accepted, and stays so.
///
/// Of a keyset that was buried it is kept when tokens of which keyset first and last paid for its own. Its tokens are doubtful as soon as
/// doubtful ones may have paid for some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exclusions {
    known: Known,
    doubtful: BTreeMap<KeysetId, UnixTime>,
}

/// What exclusions are computed from, besides the log. A keyset leaves the log only after what stays of it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    leaked: BTreeMap<KeysetId, UnixTime>,
    flows: BTreeMap<(KeysetId, KeysetId), Flow>,
}

impl Known {
    pub(crate) fn read(txn: &Txn<'_>) -> Result<Self, LedgerError> {
        let leaked = leaks(txn)?.into_iter().map(|(keyset, _, row)| (keyset, row.leaked_since)).collect();
        Ok(Self { leaked, flows: flows(txn)? })
    }
}

impl Exclusions {
    /// As far as can be told without the log. [`follow`](Self::follow) finds the rest.
    pub(crate) fn of(known: Known) -> Self {
        let mut exclusions = Self { doubtful: known.leaked.clone(), known };
        exclusions.spread();
        exclusions
    }

    /// The stretch of time in which an issuance can make another keyset doubtful and still matter; none if there is no such time.
    pub(crate) fn stretch(&self) -> Option<(UnixTime, UnixTime)> {
        let (first, last) = (self.known.leaked.values().min()?, self.known.leaked.values().max()?);
        if first < last { Some((*first, *last)) } else { None }
    }

    /// Takes an issuance into account. They MUST come in the order in which they were recorded.
    pub(crate) fn follow(&mut self, entry: &IssuanceEntry) {
        let Source::Tokens(inputs, _) = &entry.source else { return };
        let doubtful = self.doubtful.get(inputs).is_some_and(|since| *since <= entry.at);
        if doubtful && self.doubt(entry.keyset, entry.at) {
            self.spread();
        }
    }

    /// Hands doubt on through keysets that were buried, until nothing changes: times only become earlier, and none earlier than a leak.
    fn spread(&mut self) {
        loop {
            let found = |((outputs, inputs), flow): (&(KeysetId, KeysetId), &Flow)| {
                let since = self.doubtful.get(inputs).filter(|since| **since <= flow.last)?;
                Some((*outputs, flow.first.max(*since)))
            };
            let found: Vec<_> = self.known.flows.iter().filter_map(found).collect();
            let changed = found.into_iter().fold(false, |changed, (keyset, at)| self.doubt(keyset, at) || changed);
            if !changed {
                return;
            }
        }
    }

    /// Notes that a keyset's tokens are doubtful from a time on, and says whether that is news.
    fn doubt(&mut self, keyset: KeysetId, at: UnixTime) -> bool {
        let news = self.doubtful.get(&keyset).is_none_or(|since| at < *since);
        if news {
            self.doubtful.insert(keyset, at);
        }
        news
    }

    /// Whether they were computed from what is known now.
    pub(crate) fn are_of(&self, known: &Known) -> bool {
        self.known == *known
    }

    /// Whether an issuance does not count.
    pub(crate) fn exclude(&self, entry: &IssuanceEntry) -> bool {
        let since = |of: &BTreeMap<KeysetId, UnixTime>, keyset| of.get(keyset).is_some_and(|since| *since <= entry.at);
        since(&self.known.leaked, &entry.keyset)
            || matches!(&entry.source, Source::Tokens(inputs, _) if since(&self.doubtful, inputs))
    }
}
