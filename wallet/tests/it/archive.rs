//! The double's archive: sealed when a test says so, and as wrong as a test wants it.

use std::collections::{BTreeMap, BTreeSet};

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::mint_path;
use farthing_protocol::archive::{
    ArchiveIndex, ArchivedKeyset, FileHead, FiledRecord, FilterHead, Fingerprinter, IssuanceFile, IssuanceHasher,
    ListedFilter, ListedSegment, Prefix, SegmentSalt, Span, SpentFilter,
};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::issuance::IssuanceRecord;

use crate::double::{Double, START, State};

#[derive(Default)]
pub(crate) struct Archive {
    pub(crate) index: Option<ArchiveIndex>,
    /// By path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// How many records a segment has at most; more make several of the same span. 0: as many as there are.
    pub(crate) at_most: usize,
}

impl Double {
    /// Seals everything up to now, issuances and spendings, with so many bits, and lets a second pass.
    pub(crate) fn seal(&self, bits: u8) -> ArchiveIndex {
        self.seal_parts(bits, true)
    }

    /// Seals what was issued; what was spent is told later.
    pub(crate) fn seal_issuances(&self, bits: u8) -> ArchiveIndex {
        self.seal_parts(bits, false)
    }

    fn seal_parts(&self, bits: u8, filters: bool) -> ArchiveIndex {
        self.pass(1);
        let now = self.now();
        let index = self.with(|state| state.seal(bits, filters, now));
        self.pass(1);
        index
    }

    /// The paths of archive files that were asked for, and how often.
    pub(crate) fn files_asked(&self) -> BTreeMap<String, u32> {
        let is_file = |path: &String| path.starts_with("/v1/archive/");
        self.with(|state| {
            state.requests.iter().filter(|(path, _)| is_file(path)).map(|(p, n)| (p.clone(), *n)).collect()
        })
    }

    /// Signs another index in the place of the last.
    pub(crate) fn sign_index(&self, times: (UnixTime, UnixTime), change: impl FnOnce(&mut Vec<ArchivedKeyset>)) {
        let now = self.now();
        self.with(|state| {
            let mut keysets = state.archive.index.as_ref().unwrap().keysets().to_vec();
            change(&mut keysets);
            state.archive.index = Some(ArchiveIndex::sign(&state.identity, now, times, keysets).unwrap());
        });
    }
}

impl State {
    fn seal(&mut self, bits: u8, filters: bool, now: UnixTime) -> ArchiveIndex {
        let start = UnixTime::from_seconds(START - 10);
        let last = self.archive.index.take();
        let (sealed, filtered) =
            last.as_ref().map_or((start, start), |last| (last.sealed_until(), last.filtered_until()));
        let mut keysets: BTreeMap<KeysetId, ArchivedKeyset> =
            last.iter().flat_map(|last| last.keysets()).map(|archived| (archived.keyset, archived.clone())).collect();
        for keyset in self.keysets.iter().map(|(_, keyset)| *keyset.id()).collect::<Vec<_>>() {
            let entry = || ArchivedKeyset { keyset, segments: Vec::new(), filters: Vec::new() };
            let span = Span::new(sealed, now).unwrap();
            if self.issued_in(&keyset, span).next().is_some() {
                let archived = keysets.entry(keyset).or_insert_with(entry);
                self.segments(archived, span, bits);
            }
            let span = Span::new(filtered, now).unwrap();
            let spent = self.spendings.iter().any(|(of, _, at)| *of == keyset && span.holds(*at));
            if filters && spent {
                let archived = keysets.entry(keyset).or_insert_with(entry);
                let listed = self.filter(&keyset, u32::try_from(archived.filters.len()).unwrap(), span);
                archived.filters.push(listed);
            }
        }
        let times = (now, if filters { now } else { filtered });
        let index = ArchiveIndex::sign(&self.identity, now, times, keysets.into_values().collect()).unwrap();
        self.archive.index = Some(index.clone());
        index
    }

    fn issued_in(&self, keyset: &KeysetId, span: Span) -> impl Iterator<Item = &IssuanceRecord> {
        let all = self.records.iter().zip(&self.recorded_at);
        all.filter(move |(record, at)| record.keyset == *keyset && span.holds(**at)).map(|(record, _)| record)
    }

    fn segments(&mut self, archived: &mut ArchivedKeyset, span: Span, bits: u8) {
        let wire = |record: &IssuanceRecord| FiledRecord::from_wire(&record.to_bytes()).unwrap();
        let records: Vec<_> = self.issued_in(&archived.keyset, span).map(wire).collect();
        let at_most = if self.archive.at_most == 0 { records.len() } else { self.archive.at_most };
        for records in records.chunks(at_most) {
            let segment = u32::try_from(archived.segments.len()).unwrap();
            archived.segments.push(self.segment(&archived.keyset, segment, span, bits, records.to_vec()));
        }
    }

    fn segment(
        &mut self,
        keyset: &KeysetId,
        segment: u32,
        span: Span,
        bits: u8,
        mut records: Vec<FiledRecord>,
    ) -> ListedSegment {
        let salt = SegmentSalt::from_bytes(rand::random());
        let hasher = IssuanceHasher::new(&salt);
        records.sort_by_key(|record| hasher.of(record.issuance()));
        for prefix in Prefix::all(bits) {
            let head = FileHead { mint: MintId::from(&self.identity), keyset: *keyset, segment, span, salt, prefix };
            let is_own = |record: &&FiledRecord| Prefix::of(bits, &hasher.of(record.issuance())) == Some(prefix);
            let own = records.iter().filter(is_own).cloned().collect();
            let file = IssuanceFile::sign(&self.identity, head, own).unwrap();
            self.archive.files.insert(mint_path::issued(&head), file.to_bytes());
        }
        ListedSegment { span, salt, bits, count: u32::try_from(records.len()).unwrap() }
    }

    fn filter(&mut self, keyset: &KeysetId, period: u32, span: Span) -> ListedFilter {
        let printer = Fingerprinter::new(keyset, period);
        let within = self.spendings.iter().filter(|(of, _, at)| of == keyset && span.holds(*at));
        let prints: BTreeSet<_> = within.map(|(_, coin, _)| printer.of(coin)).collect();
        let mint = MintId::from(&self.identity);
        let head = FilterHead { mint, keyset: *keyset, period, span, part: 0, parts: 1 };
        let count = u32::try_from(prints.len()).unwrap();
        let filter = SpentFilter::sign(&self.identity, head, prints.into_iter().collect()).unwrap();
        self.archive.files.insert(mint_path::spent(&head), filter.to_bytes());
        ListedFilter { span, parts: 1, count }
    }
}
