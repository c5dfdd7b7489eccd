//! The log of issuances, and what of it and of the spent records is listed in the archive.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::archive::{ArchiveIndex, SegmentSalt};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::IssuanceId;
use farthing_protocol::ids::KeysetId;
use farthing_verifier::spent::{self, SpentEntry};

use super::LedgerError;
use super::records::{
    ArchiveState, FilterRow, IssuanceEntry, LogPlace, LoggedIssuance, SegmentRow, SpentPlace, Table, from_value, get,
    parse, put, scan,
};
use crate::home::ArchiveTimes;

/// Adds an issuance to the log, in the transaction that records it.
pub(super) fn log(txn: &mut Txn<'_>, keyset: KeysetId, issuance: IssuanceId, at: UnixTime) -> Result<(), LedgerError> {
    let place = get(txn, Table::LogLength, &[])?.unwrap_or(LogPlace(0));
    put(txn, Table::Log, &place.key(), &LoggedIssuance { keyset, issuance, at })?;
    put(txn, Table::LogLength, &[], &place.next()?)
}

/// Gives a ledger that has none its log: the issuances by their time.
pub(super) fn begin_archive(txn: &mut Txn<'_>) -> Result<(), LedgerError> {
    if get::<LogPlace>(txn, Table::LogLength, &[])?.is_some() {
        return Ok(());
    }
    let mut found = Vec::new();
    scan(txn, Table::Issuance, &[], &mut |key, entry: IssuanceEntry| {
        found.push((entry.at, parse::<IssuanceId>(key)?, entry.keyset));
        Ok(())
    })?;
    found.sort_unstable_by_key(|(at, issuance, _)| (*at, *issuance));
    put(txn, Table::LogLength, &[], &LogPlace(0))?;
    found.into_iter().try_for_each(|(at, issuance, keyset)| log(txn, keyset, issuance, at))
}

/// Decides how far the archive will be listed: to the last end of an hour and of a day (of so many seconds). What was decided
/// before and is not listed yet stays as it was, so that after a crash the same files are made. The salt is for what is decided now.
///
/// The ledger's time never goes back, so nothing recorded after this job lies before what it decides.
pub(crate) fn plan(
    txn: &mut Txn<'_>,
    now: UnixTime,
    times: ArchiveTimes,
    salt: SegmentSalt,
) -> Result<ArchiveState, LedgerError> {
    let ArchiveTimes { seal, filter } = times;
    let stored: Option<ArchiveState> = get(txn, Table::ArchiveState, &[])?;
    let mut state = match &stored {
        Some(state) => state.clone(),
        None => begin(txn, now, times, salt)?,
    };
    if state.sealing_until <= state.sealed_until {
        state.sealing_until = whole(now, seal).max(state.sealed_until);
        // Until now something could be recorded before that time.
        if state.sealing_until > state.sealed_until {
            state.salt = salt;
        }
    }
    if state.filtering_until <= state.filtered_until {
        state.filtering_until = whole(now, filter).max(state.filtered_until);
    }
    if stored.as_ref() != Some(&state) {
        put(txn, Table::ArchiveState, &[], &state)?;
    }
    Ok(state)
}

/// An archive begins where the first issuance lies: nothing was spent before it.
fn begin(
    txn: &Txn<'_>,
    now: UnixTime,
    ArchiveTimes { seal, filter }: ArchiveTimes,
    salt: SegmentSalt,
) -> Result<ArchiveState, LedgerError> {
    let first = logged(txn, LogPlace(0), 1)?.pop();
    let first = first.map_or(now, |(_, first)| first.at.min(now));
    let (sealed_until, filtered_until) = (whole(first, seal), whole(first, filter));
    Ok(ArchiveState {
        sealed_until,
        sealing_until: sealed_until,
        salt,
        next: LogPlace(0),
        filtered_until,
        filtering_until: filtered_until,
    })
}

fn whole(time: UnixTime, step: u64) -> UnixTime {
    UnixTime::from_seconds(time.seconds() - time.seconds() % step.max(1))
}

/// The log from a place on, at most so many. There are gaps where keysets were dropped.
pub(crate) fn logged(
    txn: &Txn<'_>,
    from: LogPlace,
    at_most: usize,
) -> Result<Vec<(LogPlace, LoggedIssuance)>, LedgerError> {
    let after = from.0.checked_sub(1).map(|before| Table::Log.key(&LogPlace(before).key()));
    let rows = txn.scan_prefix(Table::Log.prefix(), after.as_deref(), at_most)?;
    let read = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let place = LogPlace::of(key.get(Table::Log.prefix().len()..).unwrap_or_default())?;
        Ok((place, from_value(value)?))
    };
    rows.iter().map(read).collect()
}

/// The wire object of an issuance's record.
pub(crate) fn record_bytes(txn: &Txn<'_>, issuance: &IssuanceId) -> Result<Vec<u8>, LedgerError> {
    txn.get_large(&Table::Issuance.key(issuance.as_bytes()))?.ok_or(LedgerError::Damaged)
}

/// Keysets of which anything was spent.
pub(crate) fn spent_keysets(txn: &Txn<'_>) -> Result<Vec<KeysetId>, LedgerError> {
    Ok(spent::keysets(txn)?)
}

/// A keyset's spent records behind a place, in the order of acceptance.
pub(crate) fn spent_after(
    txn: &Txn<'_>,
    keyset: &KeysetId,
    after: SpentPlace,
    at_most: usize,
) -> Result<Vec<SpentEntry>, LedgerError> {
    Ok(spent::entries(txn, keyset, after.0, at_most)?)
}

/// Up to where a keyset's filters go, and how many there are.
pub(crate) fn last_filter(txn: &Txn<'_>, keyset: &KeysetId, filters: u32) -> Result<SpentPlace, LedgerError> {
    let Some(last) = filters.checked_sub(1) else { return Ok(SpentPlace(None)) };
    Ok(filter_row(txn, keyset, last)?.ok_or(LedgerError::Damaged)?.last)
}

pub(crate) fn segment_row(txn: &Txn<'_>, keyset: &KeysetId, number: u32) -> Result<Option<SegmentRow>, LedgerError> {
    get(txn, Table::Segment, &numbered(keyset, number))
}

pub(crate) fn filter_row(txn: &Txn<'_>, keyset: &KeysetId, number: u32) -> Result<Option<FilterRow>, LedgerError> {
    get(txn, Table::Filter, &numbered(keyset, number))
}

/// The index last stored.
pub(crate) fn stored_index(txn: &Txn<'_>) -> Result<Option<ArchiveIndex>, LedgerError> {
    let Some(bytes) = txn.get_large(Table::ArchiveIndex.prefix())? else { return Ok(None) };
    ArchiveIndex::from_bytes(&bytes).map(Some).map_err(|_| LedgerError::Damaged)
}

/// Files that are durable in the folder, and are to be listed.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// What they were made from.
    pub(crate) before: ArchiveState,
    pub(crate) after: ArchiveState,
    pub(crate) segments: Vec<(KeysetId, u32, SegmentRow)>,
    pub(crate) filters: Vec<(KeysetId, u32, FilterRow)>,
    pub(crate) index: ArchiveIndex,
}

/// Lists files. The index MUST NOT leave before this is durable. What was listed is never listed again in another way.
pub(crate) fn list_files(txn: &mut Txn<'_>, listing: &Listing) -> Result<(), LedgerError> {
    let Listing { before, after, segments, filters, index } = listing;
    if get::<ArchiveState>(txn, Table::ArchiveState, &[])?.as_ref() != Some(before) {
        return Err(LedgerError::Damaged);
    }
    for (keyset, number, row) in segments {
        if segment_row(txn, keyset, *number)?.is_some() {
            return Err(LedgerError::Damaged);
        }
        put(txn, Table::Segment, &numbered(keyset, *number), row)?;
    }
    for (keyset, number, row) in filters {
        if filter_row(txn, keyset, *number)?.is_some() {
            return Err(LedgerError::Damaged);
        }
        put(txn, Table::Filter, &numbered(keyset, *number), row)?;
    }
    put(txn, Table::ArchiveState, &[], after)?;
    Ok(txn.put_large(Table::ArchiveIndex.prefix(), &index.to_bytes())?)
}

/// Takes over an index that was signed in the mint's name and that this ledger does not know, and which takes nothing back. What it adds
/// is listed for ever: here it stands for nothing. What is recorded and not listed is cut by another salt and listed later.
pub(crate) fn adopt_index(
    txn: &mut Txn<'_>,
    now: UnixTime,
    index: &ArchiveIndex,
    salt: SegmentSalt,
) -> Result<(), LedgerError> {
    let state: ArchiveState = get(txn, Table::ArchiveState, &[])?.ok_or(LedgerError::Damaged)?;
    let last = stored_index(txn)?;
    for archived in index.keysets() {
        let keyset = &archived.keyset;
        let own = last.as_ref().and_then(|last| last.keyset(keyset));
        let (segments, filters) = own.map_or((0, 0), |own| (own.segments.len(), own.filters.len()));
        for (number, listed) in (0..).zip(&archived.segments).skip(segments) {
            let row = SegmentRow { listed: *listed, first: state.next, end: state.next };
            put(txn, Table::Segment, &numbered(keyset, number), &row)?;
            put(txn, Table::ArchiveForeign, &foreign(keyset, SEGMENT, number), &now)?;
        }
        let after = last_filter(txn, keyset, u32::try_from(filters).map_err(|_| LedgerError::Damaged)?)?;
        for (number, listed) in (0..).zip(&archived.filters).skip(filters) {
            put(txn, Table::Filter, &numbered(keyset, number), &FilterRow { listed: *listed, after, last: after })?;
            put(txn, Table::ArchiveForeign, &foreign(keyset, FILTER, number), &now)?;
        }
    }
    for gone in last.iter().flat_map(ArchiveIndex::keysets).filter(|own| index.keyset(&own.keyset).is_none()) {
        delete_rows(txn, &gone.keyset)?;
    }
    let (sealed_until, filtered_until) = (index.sealed_until(), index.filtered_until());
    let adopted = ArchiveState {
        sealed_until,
        sealing_until: state.sealing_until.max(sealed_until),
        salt,
        next: state.next,
        filtered_until,
        filtering_until: state.filtering_until.max(filtered_until),
    };
    put(txn, Table::ArchiveState, &[], &adopted)?;
    Ok(txn.put_large(Table::ArchiveIndex.prefix(), &index.to_bytes())?)
}

/// Gives what is to be listed next other heads: another salt, and for filters another end.
pub(crate) fn cut_anew(txn: &mut Txn<'_>, now: UnixTime, salt: SegmentSalt) -> Result<(), LedgerError> {
    let state: ArchiveState = get(txn, Table::ArchiveState, &[])?.ok_or(LedgerError::Damaged)?;
    let is_due = state.filtering_until > state.filtered_until;
    // Whatever is spent from now on is spent at this time or later.
    let filtering_until = if is_due { state.filtering_until.max(now) } else { state.filtering_until };
    put(txn, Table::ArchiveState, &[], &ArchiveState { salt, filtering_until, ..state })
}

/// Forgets which files there were of a keyset.
pub(super) fn delete_rows(txn: &mut Txn<'_>, keyset: &KeysetId) -> Result<(), LedgerError> {
    for table in [Table::Segment, Table::Filter, Table::ArchiveForeign] {
        let prefix = table.key(keyset.as_bytes());
        loop {
            let rows = txn.scan_prefix(&prefix, None, PORTION)?;
            if rows.is_empty() {
                break;
            }
            rows.iter().try_for_each(|(key, _)| txn.delete(key))?;
        }
    }
    Ok(())
}

/// So many rows are looked at at once.
const PORTION: usize = 256;

const SEGMENT: u8 = 1;
const FILTER: u8 = 2;

/// Whether a segment was listed for somebody else: there is nothing that it could be made from.
pub(crate) fn is_foreign_segment(txn: &Txn<'_>, keyset: &KeysetId, number: u32) -> Result<bool, LedgerError> {
    is_foreign(txn, &foreign(keyset, SEGMENT, number))
}

/// The same of a filter.
pub(crate) fn is_foreign_filter(txn: &Txn<'_>, keyset: &KeysetId, number: u32) -> Result<bool, LedgerError> {
    is_foreign(txn, &foreign(keyset, FILTER, number))
}

fn is_foreign(txn: &Txn<'_>, key: &[u8]) -> Result<bool, LedgerError> {
    Ok(get::<UnixTime>(txn, Table::ArchiveForeign, key)?.is_some())
}

fn foreign(keyset: &KeysetId, kind: u8, number: u32) -> Vec<u8> {
    [keyset.as_bytes().as_slice(), &[kind], &number.to_be_bytes()].concat()
}

fn numbered(keyset: &KeysetId, number: u32) -> Vec<u8> {
    [keyset.as_bytes().as_slice(), &number.to_be_bytes()].concat()
}
