//! Reading what a step is made from, in portions, so that the ledger's other work goes on.

use std::collections::BTreeMap;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::archive::{FiledRecord, Fingerprinter, Span};
use farthing_protocol::ids::KeysetId;
use farthing_verifier::spent::SpentEntry;

use super::ArchiveError;
use super::cut::{Filter, Placed};
use crate::ledger::{self, ArchiveState, FilterRow, Ledger, LedgerError, LogPlace, LoggedIssuance, SpentPlace};

/// How many bytes of records make a segment end before its hour does. They are held in memory.
const ENOUGH: usize = 64 << 20;

/// How many issuances, or accepted payments, are read at once.
const PORTION: usize = 256;

/// Records of one stretch of time, by keyset.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) span: Span,
    pub(super) end: LogPlace,
    pub(super) records: BTreeMap<KeysetId, Vec<Placed>>,
}

impl Gathered {
    pub(super) async fn from_log(ledger: &Ledger, state: &ArchiveState) -> Result<Self, ArchiveError> {
        let mut gathering = Gathering { enough: ENOUGH, from: state.sealed_until, ..Gathering::new(state.next) };
        let mut until = None;
        'log: loop {
            let from = gathering.end;
            let portion = portion(ledger, from, PORTION).await?;
            let last = portion.len() < PORTION;
            for (place, logged, record) in portion {
                if logged.at >= state.sealing_until {
                    break 'log;
                }
                if let Some(ended) = gathering.add(place, &logged, record.as_deref())? {
                    until = Some(ended);
                    break 'log;
                }
            }
            if last {
                break;
            }
        }
        let span = Span::new(state.sealed_until, until.unwrap_or(state.sealing_until));
        Ok(Self { span: span.ok_or(LedgerError::Damaged)?, end: gathering.end, records: gathering.records })
    }
}

/// The records of a keyset between two places of the log.
pub(super) async fn records_between(
    ledger: &Ledger,
    keyset: KeysetId,
    first: LogPlace,
    end: LogPlace,
) -> Result<Vec<Placed>, ArchiveError> {
    let (mut from, mut records) = (first, Vec::new());
    // Whether all are there, their number says.
    while from < end {
        let portion = portion(ledger, from, PORTION).await?;
        let Some((last, ..)) = portion.last() else { break };
        from = last.next()?;
        for (place, logged, record) in portion.into_iter().take_while(|(place, ..)| *place < end) {
            if logged.keyset == keyset {
                records.push((place, FiledRecord::from_wire(&record.ok_or(LedgerError::Damaged)?)?));
            }
        }
    }
    Ok(records)
}

/// A place of the log and what stands there; with the record, unless its keyset has ended for good.
type LogLine = (LogPlace, LoggedIssuance, Option<Vec<u8>>);

async fn portion(ledger: &Ledger, from: LogPlace, at_most: usize) -> Result<Vec<LogLine>, LedgerError> {
    ledger
        .read(move |txn| {
            let line = |(place, logged): (LogPlace, LoggedIssuance)| {
                let ended = ledger::tombstone(txn, &logged.keyset)?.is_some();
                let record = if ended { None } else { Some(ledger::record_bytes(txn, &logged.issuance)?) };
                Ok((place, logged, record))
            };
            ledger::logged(txn, from, at_most)?.into_iter().map(line).collect()
        })
        .await
}

/// Records added one after another.
struct Gathering {
    end: LogPlace,
    records: BTreeMap<KeysetId, Vec<Placed>>,
    bytes: usize,
    enough: usize,
    /// Where the segment begins. Records may be older, if somebody had an index signed that says that nothing was issued then.
    from: UnixTime,
    last: Option<UnixTime>,
}

impl Gathering {
    fn new(first: LogPlace) -> Self {
        Self {
            end: first,
            records: BTreeMap::new(),
            bytes: 0,
            enough: usize::MAX,
            from: UnixTime::default(),
            last: None,
        }
    }

    /// Adds a record, or goes past one that there is no more; or, if there is enough and a new second begins, says when the segment ends and
    /// adds nothing.
    fn add(
        &mut self,
        place: LogPlace,
        logged: &LoggedIssuance,
        record: Option<&[u8]>,
    ) -> Result<Option<UnixTime>, ArchiveError> {
        if let Some(last) = self.last
            && self.bytes >= self.enough
            && last < logged.at
            && last >= self.from
        {
            return Ok(Some(last.plus(1)));
        }
        if let Some(record) = record {
            let record = FiledRecord::from_wire(record)?;
            self.bytes = self.bytes.saturating_add(record.length());
            self.records.entry(logged.keyset).or_default().push((place, record));
        }
        self.last = Some(logged.at);
        self.end = place.next()?;
        Ok(None)
    }
}

/// The filter of what was spent of a keyset since its last one, and where its spent records lie; nothing if nothing was.
pub(super) async fn filter(
    ledger: &Ledger,
    state: &ArchiveState,
    keyset: KeysetId,
    period: u32,
) -> Result<Option<(Filter, FilterRow)>, ArchiveError> {
    let after = ledger.read(move |txn| ledger::last_filter(txn, &keyset, period)).await?;
    let until = state.filtering_until;
    let before_end = move |entry: &SpentEntry| entry.accepted_at < until;
    let (fingerprints, last) = fingerprints(ledger, keyset, period, after, before_end).await?;
    if fingerprints.is_empty() {
        return Ok(None);
    }
    let span = Span::new(state.filtered_until, until).ok_or(LedgerError::Damaged)?;
    let filter = Filter::cut(span, fingerprints).ok_or(farthing_protocol::DecodeError::TooLong)?;
    let row = FilterRow { listed: filter.listed, after, last };
    Ok(Some((filter, row)))
}

/// The filter of a row, made again. It is the one that was listed.
pub(super) async fn filter_again(
    ledger: &Ledger,
    keyset: KeysetId,
    period: u32,
    row: &FilterRow,
) -> Result<Filter, ArchiveError> {
    let last = row.last;
    let within = move |entry: &SpentEntry| Some(entry.cursor) <= last.0;
    let (fingerprints, _) = fingerprints(ledger, keyset, period, row.after, within).await?;
    let filter = Filter::cut(row.listed.span, fingerprints).filter(|filter| filter.listed == row.listed);
    Ok(filter.ok_or(LedgerError::Damaged)?)
}

/// Fingerprints of the spent records behind a place, as long as they are wanted, and the last one's place.
async fn fingerprints(
    ledger: &Ledger,
    keyset: KeysetId,
    period: u32,
    after: SpentPlace,
    wanted: impl Fn(&SpentEntry) -> bool,
) -> Result<(Vec<farthing_protocol::archive::Fingerprint>, SpentPlace), ArchiveError> {
    let (printer, mut found, mut place) = (Fingerprinter::new(&keyset, period), Vec::new(), after);
    loop {
        let entries = ledger.read(move |txn| ledger::spent_after(txn, &keyset, place, PORTION)).await?;
        let last = entries.len() < PORTION;
        for entry in entries {
            if !wanted(&entry) {
                return Ok((found, place));
            }
            found.extend(entry.coins.iter().map(|coin| printer.of(coin)));
            place = SpentPlace(Some(entry.cursor));
        }
        if last {
            return Ok((found, place));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_protocol::identity::IssuanceId;

    use super::*;

    /// The beginning of a record: a merge of keyset 1.
    fn record(issuance: [u8; 32]) -> Vec<u8> {
        [[1].as_slice(), &[1; 32], &[4, 0], &issuance, &[0; 100]].concat()
    }

    #[test]
    fn a_segment_ends_early_between_two_seconds_when_there_is_enough() {
        let mut gathering = Gathering { enough: 3 * 166, ..Gathering::new(LogPlace(7)) };
        let mut place = LogPlace(7);
        let mut add = |number: u8, at| {
            let id = [number; 32];
            let logged = LoggedIssuance {
                keyset: KeysetId::from_bytes([1; 32]),
                issuance: IssuanceId::from_bytes(id),
                at: UnixTime::from_seconds(at),
            };
            let ended = gathering.add(place, &logged, Some(&record(id))).unwrap().map(UnixTime::seconds);
            place = place.next().unwrap();
            ended
        };
        let ended: Vec<_> =
            [(1, 10), (2, 11), (3, 12), (4, 12), (5, 12)].into_iter().map(|(n, at)| add(n, at)).collect();
        assert_eq!(ended, [None; 5]);
        assert_eq!(add(6, 15), Some(13));
        assert_eq!(gathering.end, LogPlace(12));
        assert_eq!(gathering.records.values().map(Vec::len).sum::<usize>(), 5);
    }
}
