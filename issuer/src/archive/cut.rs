//! Cutting records into files, and fingerprints into parts.

use std::path::PathBuf;

use farthing_protocol::archive::{
    FileHead, FiledRecord, FilterHead, Fingerprint, IssuanceFile, IssuanceHash, IssuanceHasher, ListedFilter,
    ListedSegment, Prefix, SegmentSalt, Span, SpentFilter,
};
use farthing_protocol::codec::{DecodeError, Wire};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::unsigned::Unsigned;

use super::files::{issued_name, spent_name};
use crate::ledger::{LedgerError, LogPlace, SegmentRow};
use crate::signer::{Signer, SigningError};

/// What files may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many bytes on average at most.
    usual: usize,
    /// How many bytes at most.
    at_most: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // Clients refuse 4 MiB.
        Self { usual: 1 << 20, at_most: 3_500_000 }
    }
}

impl Limits {
    /// Files of so many bytes.
    pub(crate) const fn of(bytes: usize) -> Self {
        Self { usual: bytes, at_most: bytes }
    }
}

/// A file to be written.
pub(super) type Made = (PathBuf, Vec<u8>);

/// A file to be signed, and where it will lie.
pub(super) enum Draft {
    Issued(PathBuf, Unsigned<IssuanceFile>),
    Spent(PathBuf, Unsigned<SpentFilter>),
}

impl Draft {
    /// Has it signed.
    pub(super) async fn sign(self, signer: &Signer) -> Result<Made, SigningError> {
        Ok(match self {
            Self::Issued(name, file) => (name, signer.sign(file).await?.to_bytes()),
            Self::Spent(name, filter) => (name, signer.sign(filter).await?.to_bytes()),
        })
    }
}

/// A record and its place in the log.
pub(super) type Placed = (LogPlace, FiledRecord);

/// The records of a segment by their hash, and by how many bits they are cut.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) row: SegmentRow,
    records: Vec<(IssuanceHash, FiledRecord)>,
}

impl Segment {
    /// Makes one segment of a keyset's records, which are in the order of the log; or several of the same span, if one cannot be cut
    /// into files that are short enough.
    ///
    /// There is always a way: records that cannot be cut are halved, and a single one is shorter than any file may be.
    pub(super) fn cut(
        span: Span,
        salt: SegmentSalt,
        records: Vec<Placed>,
        limits: Limits,
    ) -> Result<Vec<Self>, LedgerError> {
        let (mut waiting, mut segments) = (vec![records], Vec::new());
        while let Some(records) = waiting.pop() {
            let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) else { continue };
            let (first, end) = (*first, last.next()?);
            let count = u32::try_from(records.len()).map_err(|_| LedgerError::Damaged)?;
            let mut sorted = by_hash(&salt, records.into_iter());
            if let Some(bits) = fewest_bits(&sorted, limits) {
                let row = SegmentRow { listed: ListedSegment { span, salt, bits, count }, first, end };
                let records = sorted.into_iter().map(|(hash, (_, record))| (hash, record)).collect();
                segments.push(Self { row, records });
            } else {
                sorted.sort_unstable_by_key(|(_, (place, _))| *place);
                let mut earlier: Vec<Placed> = sorted.into_iter().map(|(_, placed)| placed).collect();
                let later = earlier.split_off(earlier.len() / 2);
                waiting.extend([later, earlier]);
            }
        }
        Ok(segments)
    }

    /// A segment that was listed, from its records; nothing if they are not those that were listed.
    pub(super) fn again(row: SegmentRow, records: Vec<Placed>) -> Option<Self> {
        let is_all = u32::try_from(records.len()).is_ok_and(|count| count == row.listed.count);
        let sorted = by_hash(&row.listed.salt, records.into_iter());
        let records = sorted.into_iter().map(|(hash, (_, record))| (hash, record)).collect();
        is_all.then_some(Self { row, records })
    }

    /// A segment that somebody else had listed.
    pub(super) const fn without_records(row: SegmentRow) -> Self {
        Self { row, records: Vec::new() }
    }

    /// One of its files.
    pub(super) fn file(&self, head: FileHead) -> Result<Draft, DecodeError> {
        let of = |hash: &IssuanceHash| Prefix::of(head.prefix.bits(), hash);
        let from = self.records.partition_point(|(hash, _)| of(hash) < Some(head.prefix));
        let until = self.records.partition_point(|(hash, _)| of(hash) <= Some(head.prefix));
        let records = self.records.get(from..until).unwrap_or_default();
        let records = records.iter().map(|(_, record)| record.clone()).collect();
        Ok(Draft::Issued(issued_name(&head), IssuanceFile::draft(head, records)?))
    }

    /// All of its files.
    pub(super) fn files(&self, mint: MintId, keyset: KeysetId, segment: u32) -> Result<Vec<Draft>, DecodeError> {
        let ListedSegment { span, salt, bits, .. } = self.row.listed;
        let head = |prefix| FileHead { mint, keyset, segment, span, salt, prefix };
        Prefix::all(bits).map(|prefix| self.file(head(prefix))).collect()
    }
}

type Hashed = (IssuanceHash, Placed);

fn by_hash(salt: &SegmentSalt, records: impl Iterator<Item = Placed>) -> Vec<Hashed> {
    let hasher = IssuanceHasher::new(salt);
    let mut sorted: Vec<Hashed> = records.map(|placed| (hasher.of(placed.1.issuance()), placed)).collect();
    sorted.sort_unstable_by_key(|(hash, _)| *hash);
    sorted
}

/// The fewest files that are short enough, if there are any such. A single record always is.
fn fewest_bits(records: &[Hashed], limits: Limits) -> Option<u8> {
    if records.len() <= 1 {
        return Some(0);
    }
    let total = length(records);
    let fits = |bits: &u8| {
        let same = |a: &Hashed, b: &Hashed| Prefix::of(*bits, &a.0) == Prefix::of(*bits, &b.0);
        let is_short = |file: &[Hashed]| length(file) <= limits.at_most && file.len() <= IssuanceFile::MAX_RECORDS;
        total >> bits <= limits.usual && records.chunk_by(same).all(is_short)
    };
    (0..=Prefix::MAX_BITS).find(fits)
}

fn length(records: &[Hashed]) -> usize {
    records.iter().map(|(_, (_, record))| record.length()).sum()
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

    /// A filter that somebody else had listed.
    pub(super) const fn without_serials(listed: ListedFilter) -> Self {
        Self { listed, fingerprints: Vec::new() }
    }

    /// One of its parts.
    pub(super) fn part(&self, head: FilterHead) -> Result<Draft, DecodeError> {
        let part = self.fingerprints.chunks(SpentFilter::MAX_FINGERPRINTS).nth(head.part.into()).unwrap_or_default();
        Ok(Draft::Spent(spent_name(&head), SpentFilter::draft(head, part.to_vec())?))
    }

    /// All of its parts.
    pub(super) fn parts(&self, mint: MintId, keyset: KeysetId, period: u32) -> Result<Vec<Draft>, DecodeError> {
        let ListedFilter { span, parts, .. } = self.listed;
        let head = |part| FilterHead { mint, keyset, period, span, part, parts };
        (0..parts).map(|part| self.part(head(part))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_protocol::amount::UnixTime;
    use farthing_protocol::identity::Keypair;

    use super::*;

    impl Draft {
        fn issued(self, identity: &Keypair) -> IssuanceFile {
            match self {
                Self::Issued(_, file) => file.sign(identity).unwrap(),
                Self::Spent(..) => panic!("a filter"),
            }
        }

        fn spent(self, identity: &Keypair) -> SpentFilter {
            match self {
                Self::Spent(_, filter) => filter.sign(identity).unwrap(),
                Self::Issued(..) => panic!("a file of records"),
            }
        }
    }

    /// So many records of 168 bytes in a file, the beginning of each that of a merge, from place 7 of the log on.
    fn records(count: u16) -> Vec<Placed> {
        let record = |number: u16| {
            let id = [number.to_le_bytes().as_slice(), &[9; 30]].concat();
            let wire = [[1].as_slice(), &[1; 32], &[4, 0], &id, &[0; 100]].concat();
            (LogPlace(u64::from(number) + 7), FiledRecord::from_wire(&wire).unwrap())
        };
        (0..count).map(record).collect()
    }

    fn span() -> Span {
        Span::new(UnixTime::from_seconds(1), UnixTime::from_seconds(2)).unwrap()
    }

    fn cut(count: u16, usual: usize, at_most: usize) -> Vec<Segment> {
        let salt = SegmentSalt::from_bytes([5; 16]);
        Segment::cut(span(), salt, records(count), Limits { usual, at_most }).unwrap()
    }

    #[test]
    fn a_segment_is_cut_into_the_fewest_files_that_are_short_enough() {
        let bits = |count, usual, at_most| match cut(count, usual, at_most).as_slice() {
            [segment] => segment.row.listed.bits,
            more => panic!("{} segments", more.len()),
        };
        assert_eq!(bits(10, 1680, 1680), 0);
        assert_eq!(bits(11, 1680, 16_800), 1);
        assert_eq!(bits(1000, 16_800, 168_000), 4);
        // Hashes do not spread evenly: the longest file decides.
        assert!(bits(1000, 16_800, 12_600) > 4);
    }

    #[test]
    fn what_cannot_be_cut_is_several_segments_of_the_same_span() {
        for (count, usual, at_most) in [(10, 0, 0), (1, 0, 0), (1000, 300, 300), (1000, 168, 500), (700, 1000, 167)] {
            let segments = cut(count, usual, at_most);
            let mut end = LogPlace(7);
            for segment in &segments {
                let SegmentRow { listed, first, end: next } = segment.row;
                assert_eq!((first, listed.span), (end, span()), "nothing is left out between");
                assert_eq!(u64::from(listed.count), next.0 - first.0);
                let files =
                    segment.records.chunk_by(|a, b| Prefix::of(listed.bits, &a.0) == Prefix::of(listed.bits, &b.0));
                let is_short = |file: &[(IssuanceHash, FiledRecord)]| file.len() * 168 <= at_most;
                assert!(listed.count == 1 || files.into_iter().all(is_short));
                end = next;
            }
            assert_eq!(end, LogPlace(7 + u64::from(count)));
        }
        assert_eq!(cut(10, 0, 0).len(), 10);
        // No more files than 256 for a segment.
        assert!(cut(1000, 300, 300).len() > 1);
    }

    /// Ids that were chosen before the salt cannot be such that they are all in one file.
    #[test]
    fn another_salt_is_another_cut() {
        let hashes = |salt| {
            let sorted = by_hash(&SegmentSalt::from_bytes([salt; 16]), records(400).into_iter());
            let one: Vec<_> = sorted.iter().filter(|(hash, _)| hash.as_bytes()[0] < 16).map(|(_, p)| p.0).collect();
            one
        };
        let chosen = hashes(1);
        let still: Vec<_> = hashes(2).into_iter().filter(|place| chosen.contains(place)).collect();
        assert!(still.len() < chosen.len() / 2, "{} of {}", still.len(), chosen.len());
    }

    #[test]
    fn a_segment_is_made_again_of_all_its_records_only() {
        let row = cut(300, 2000, 168_000)[0].row.clone();
        assert!(Segment::again(row.clone(), records(300)).is_some());
        assert!(Segment::again(row.clone(), records(299)).is_none());
        assert!(Segment::again(row, records(301)).is_none());
    }

    #[test]
    fn the_files_of_a_segment_hold_every_record_once() {
        let (identity, keyset) = (Keypair::from_secret(&[1; 32]), KeysetId::from_bytes([1; 32]));
        let segment = cut(300, 2000, 168_000).pop().unwrap();
        let listed = segment.row.listed;
        let files = segment.files((&identity).into(), keyset, 5).unwrap();
        assert_eq!(files.len(), 1 << listed.bits);
        let mut found = 0;
        for (place, draft) in files.into_iter().enumerate() {
            let file = draft.issued(&identity);
            assert_eq!(usize::from(file.head().prefix.value()), place);
            file.accept(file.head()).unwrap();
            found += file.records().len();
        }
        assert_eq!((found, listed.count), (300, 300));
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
        let identity = Keypair::from_secret(&[1; 32]);
        let parts = filter.parts((&identity).into(), keyset, 0).unwrap();
        let parts: Vec<_> = parts.into_iter().map(|draft| draft.spent(&identity)).collect();
        assert_eq!(parts[0].fingerprints().len(), SpentFilter::MAX_FINGERPRINTS);
        assert!(parts[0].fingerprints().last() < parts[1].fingerprints().first());
        let count: usize = parts.iter().map(|part| part.fingerprints().len()).sum();
        assert_eq!(filter.listed.count as usize, count);
    }
}
