//! Cutting records into files, and fingerprints into parts.

use std::path::PathBuf;

use farthing_protocol::archive::{
    FileHead, FiledRecord, FilterHead, Fingerprint, IssuanceFile, ListedFilter, ListedSegment, Prefix, Span,
    SpentFilter,
};
use farthing_protocol::codec::{DecodeError, Wire};
use farthing_protocol::identity::Keypair;
use farthing_protocol::ids::KeysetId;

use super::files::{issued_name, spent_name};

/// What a file has on average at most, in bytes.
const USUAL: usize = 1 << 20;

/// What a file may have, in bytes: clients refuse 4 MiB.
const AT_MOST: usize = 3_500_000;

/// A file to be written.
pub(super) type Made = (PathBuf, Vec<u8>);

/// The records of a segment by their hash, and by how many bits they are cut.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) listed: ListedSegment,
    records: Vec<FiledRecord>,
}

impl Segment {
    /// Cuts into the fewest files of about a mebibyte of which none is too long; nothing if there is no such cut.
    pub(super) fn cut(span: Span, records: Vec<FiledRecord>) -> Option<Self> {
        Self::cut_into(span, records, USUAL, AT_MOST)
    }

    fn cut_into(span: Span, mut records: Vec<FiledRecord>, usual: usize, at_most: usize) -> Option<Self> {
        records.sort_unstable_by(|a, b| a.hash().cmp(b.hash()));
        let total: usize = records.iter().map(FiledRecord::length).sum();
        let fits = |bits: &u8| total >> bits <= usual && longest(&records, *bits).fits(at_most);
        let bits = (0..=Prefix::MAX_BITS).find(fits)?;
        let count = u32::try_from(records.len()).ok()?;
        Some(Self { listed: ListedSegment { span, bits, count }, records })
    }

    /// The records of a segment that was cut before.
    pub(super) fn again(listed: ListedSegment, mut records: Vec<FiledRecord>) -> Self {
        records.sort_unstable_by(|a, b| a.hash().cmp(b.hash()));
        Self { listed, records }
    }

    /// One of its files.
    pub(super) fn file(&self, identity: &Keypair, head: FileHead) -> Result<Made, DecodeError> {
        let of = |record: &FiledRecord| Prefix::of(head.prefix.bits(), record.hash());
        let from = self.records.partition_point(|record| of(record) < Some(head.prefix));
        let until = self.records.partition_point(|record| of(record) <= Some(head.prefix));
        let records = self.records.get(from..until).unwrap_or_default().to_vec();
        Ok((issued_name(&head), IssuanceFile::sign(identity, head, records)?.to_bytes()))
    }

    /// All of its files.
    pub(super) fn files(&self, identity: &Keypair, keyset: KeysetId, segment: u32) -> Result<Vec<Made>, DecodeError> {
        let head = |prefix| FileHead { mint: identity.into(), keyset, segment, span: self.listed.span, prefix };
        Prefix::all(self.listed.bits).map(|prefix| self.file(identity, head(prefix))).collect()
    }
}

/// The most bytes and the most records that a file of so many bits has.
fn longest(records: &[FiledRecord], bits: u8) -> Longest {
    let mut longest = Longest { bytes: 0, records: 0 };
    let same = |a: &FiledRecord, b: &FiledRecord| Prefix::of(bits, a.hash()) == Prefix::of(bits, b.hash());
    for file in records.chunk_by(same) {
        longest.bytes = longest.bytes.max(file.iter().map(FiledRecord::length).sum());
        longest.records = longest.records.max(file.len());
    }
    longest
}

struct Longest {
    bytes: usize,
    records: usize,
}

impl Longest {
    fn fits(&self, at_most: usize) -> bool {
        self.bytes <= at_most && self.records <= IssuanceFile::MAX_RECORDS
    }
}

/// The fingerprints of a period, ascending, each once.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) listed: ListedFilter,
    fingerprints: Vec<Fingerprint>,
}

impl Filter {
    /// Cuts into parts; nothing if there are too many.
    pub(super) fn cut(span: Span, mut fingerprints: Vec<Fingerprint>) -> Option<Self> {
        fingerprints.sort_unstable();
        fingerprints.dedup();
        let parts = u16::try_from(fingerprints.len().div_ceil(SpentFilter::MAX_FINGERPRINTS)).ok()?;
        let count = u32::try_from(fingerprints.len()).ok()?;
        Some(Self { listed: ListedFilter { span, parts, count }, fingerprints })
    }

    /// One of its parts.
    pub(super) fn part(&self, identity: &Keypair, head: FilterHead) -> Result<Made, DecodeError> {
        let part = self.fingerprints.chunks(SpentFilter::MAX_FINGERPRINTS).nth(head.part.into()).unwrap_or_default();
        Ok((spent_name(&head), SpentFilter::sign(identity, head, part.to_vec())?.to_bytes()))
    }

    /// All of its parts.
    pub(super) fn parts(&self, identity: &Keypair, keyset: KeysetId, period: u32) -> Result<Vec<Made>, DecodeError> {
        let ListedFilter { span, parts, .. } = self.listed;
        let head = |part| FilterHead { mint: identity.into(), keyset, period, span, part, parts };
        (0..parts).map(|part| self.part(identity, head(part))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_protocol::amount::UnixTime;

    use super::*;

    /// So many records of 168 bytes in a file, the beginning of each that of a merge.
    fn records(count: u16) -> Vec<FiledRecord> {
        let record = |number: u16| {
            let id = [number.to_le_bytes().as_slice(), &[9; 30]].concat();
            FiledRecord::from_wire(&[[1].as_slice(), &[1; 32], &[4, 0], &id, &[0; 100]].concat()).unwrap()
        };
        (0..count).map(record).collect()
    }

    fn span() -> Span {
        Span::new(UnixTime::from_seconds(1), UnixTime::from_seconds(2)).unwrap()
    }

    #[test]
    fn a_segment_is_cut_into_the_fewest_files_that_are_short_enough() {
        let bits = |count, usual, at_most| {
            Segment::cut_into(span(), records(count), usual, at_most).map(|segment| segment.listed.bits)
        };
        assert_eq!(bits(10, 1680, 1680), Some(0));
        assert_eq!(bits(11, 1680, 16_800), Some(1));
        assert_eq!(bits(1000, 16_800, 168_000), Some(4));
        // Hashes do not spread evenly: the longest file decides.
        assert!(bits(1000, 16_800, 12_600) > Some(4));
        assert_eq!(bits(10, 1, 1), None);
    }

    #[test]
    fn the_files_of_a_segment_hold_every_record_once() {
        let (identity, keyset) = (Keypair::from_secret(&[1; 32]), KeysetId::from_bytes([1; 32]));
        let segment = Segment::cut_into(span(), records(300), 2000, 168_000).unwrap();
        let files = segment.files(&identity, keyset, 5).unwrap();
        assert_eq!(files.len(), 1 << segment.listed.bits);
        let mut found = 0;
        for (place, (_, bytes)) in files.iter().enumerate() {
            let file = IssuanceFile::from_bytes(bytes).unwrap();
            assert_eq!(usize::from(file.head().prefix.value()), place);
            file.accept(file.head()).unwrap();
            found += file.records().len();
        }
        assert_eq!((found, segment.listed.count), (300, 300));
    }

    #[test]
    fn long_filters_have_parts() {
        let keyset = KeysetId::from_bytes([1; 32]);
        let printer = farthing_protocol::archive::Fingerprinter::new(&keyset, 0);
        let prints = (0..SpentFilter::MAX_FINGERPRINTS + 100).map(|number| {
            let mut coin = [0; 32];
            coin[..8].copy_from_slice(&number.to_le_bytes());
            printer.of(&coin)
        });
        let filter = Filter::cut(span(), prints.collect()).unwrap();
        assert_eq!(filter.listed.parts, 2);
        let parts = filter.parts(&Keypair::from_secret(&[1; 32]), keyset, 0).unwrap();
        let parts: Vec<_> = parts.iter().map(|(_, bytes)| SpentFilter::from_bytes(bytes).unwrap()).collect();
        assert_eq!(parts[0].fingerprints().len(), SpentFilter::MAX_FINGERPRINTS);
        assert!(parts[0].fingerprints().last() < parts[1].fingerprints().first());
        let count: usize = parts.iter().map(|part| part.fingerprints().len()).sum();
        assert_eq!(filter.listed.count as usize, count);
    }
}
