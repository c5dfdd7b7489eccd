//! Files of issuance records.

use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;

use super::{FileError, IssuanceHasher, Prefix, SegmentSalt, Span};
use crate::VERSION;
use crate::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use crate::identity::{IssuanceId, Keypair, MintId, Signature};
use crate::ids::KeysetId;
use crate::issuance::IssuanceRecord;
use crate::shape::Shape;
use crate::transcript::{Domain, TranscriptExt, label};
use crate::unsigned::{NO_SIGNATURE, Unsigned, signable};

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHead {
    /// The mint.
    pub mint: MintId,
    /// The keyset of the records.
    pub keyset: KeysetId,
    /// The segment's place among those of the keyset, from 0.
    pub segment: u32,
    /// When the issuances were recorded.
    pub span: Span,
    /// By which the segment is cut.
    pub salt: SegmentSalt,
    /// How the hashes of their ids begin.
    pub prefix: Prefix,
}

impl Encode for FileHead {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.keyset);
        out.u32(self.segment);
        out.part(&self.span);
        out.part(&self.salt);
        out.part(&self.prefix);
    }
}

impl Decode for FileHead {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            mint: input.part()?,
            keyset: input.part()?,
            segment: input.u32()?,
            span: input.part()?,
            salt: input.part()?,
            prefix: input.part()?,
        })
    }
}

/// A record as it lies in a file: read only as far as is needed to tell whose it is, so that a reader computes nothing
/// for records of others.
#[derive(Clone, PartialEq, Eq)]
pub struct FiledRecord {
    keyset: KeysetId,
    issuance: IssuanceId,
    /// The record, without its version byte.
    bytes: Vec<u8>,
}

impl FiledRecord {
    /// From a record's wire object, whose beginning is read.
    ///
    /// # Errors
    /// A [`DecodeError`] for another version or a beginning that is not a record's.
    pub fn from_wire(record: &[u8]) -> Result<Self, DecodeError> {
        match record.split_first() {
            Some((&VERSION, rest)) => Self::begin(rest),
            Some(_) => Err(DecodeError::UnsupportedVersion),
            None => Err(DecodeError::Truncated),
        }
    }

    /// Whose it is.
    pub fn issuance(&self) -> &IssuanceId {
        &self.issuance
    }

    /// How many bytes it takes in a file.
    pub fn length(&self) -> usize {
        self.bytes.len().saturating_add(2)
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// A [`DecodeError`]: the mint signed a file with something that is not a record.
    pub fn open(&self) -> Result<IssuanceRecord, DecodeError> {
        let mut input = Reader::new(&self.bytes);
        let record = IssuanceRecord::decode_from(&mut input)?;
        input.finish()?;
        Ok(record)
    }

    fn begin(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let keyset = input.part()?;
        Shape::decode_from(&mut input)?;
        let issuance = input.part()?;
        Ok(Self { keyset, issuance, bytes: bytes.to_vec() })
    }
}

impl fmt::Debug for FiledRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FiledRecord").field("keyset", &self.keyset).finish_non_exhaustive()
    }
}

impl Encode for FiledRecord {
    fn encode_to(&self, out: &mut Writer) {
        out.u16(u16::try_from(self.bytes.len()).unwrap_or(u16::MAX));
        out.bytes(&self.bytes);
    }
}

impl Decode for FiledRecord {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = input.u16()?;
        Self::begin(input.bytes(length.into())?)
    }
}

/// Issuance records of one keyset, stretch of time and prefix of their hash, signed by the mint. Publishing them harms
/// neither unforgeability nor blindness.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuanceFile {
    head: FileHead,
    records: Vec<FiledRecord>,
    signature: Signature,
}

impl IssuanceFile {
    /// The most records in a file.
    pub const MAX_RECORDS: usize = 16_384;

    /// Signs a file.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`]; [`DecodeError::OutOfRange`] for a record of another keyset or prefix;
    /// [`DecodeError::NonCanonicalShape`] unless they ascend strictly by their hash.
    pub fn sign(identity: &Keypair, head: FileHead, records: Vec<FiledRecord>) -> Result<Self, DecodeError> {
        Self::draft(head, records)?.sign(identity)
    }

    /// A file that its mint has yet to sign.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn draft(head: FileHead, records: Vec<FiledRecord>) -> Result<Unsigned<Self>, DecodeError> {
        let fits = |record: &FiledRecord| record.bytes.len() <= usize::from(u16::MAX);
        if records.len() > Self::MAX_RECORDS || !records.iter().all(fits) {
            return Err(DecodeError::TooLong);
        }
        check_records(&head, &records)?;
        Ok(Unsigned::new(Self { head, records, signature: NO_SIGNATURE }))
    }

    /// Requires that this is the file that was asked for, signed by its mint.
    ///
    /// # Errors
    /// A [`FileError`].
    pub fn accept(&self, asked: &FileHead) -> Result<(), FileError> {
        if self.head != *asked {
            return Err(FileError::OtherFile);
        }
        Ok(self.head.mint.verify(&self.digest(), &self.signature)?)
    }

    /// Which file it says it is.
    pub fn head(&self) -> &FileHead {
        &self.head
    }

    /// Its records, strictly ascending by their hash.
    pub fn records(&self) -> &[FiledRecord] {
        &self.records
    }

    /// The record of an issuance.
    pub fn find(&self, issuance: &IssuanceId) -> Option<&FiledRecord> {
        let hasher = IssuanceHasher::new(&self.head.salt);
        let hash = hasher.of(issuance);
        let place = self.records.binary_search_by(|record| hasher.of(&record.issuance).cmp(&hash)).ok()?;
        self.records.get(place).filter(|record| record.issuance == *issuance)
    }

    fn encode_body(&self, out: &mut Writer) {
        out.part(&self.head);
        out.list(&self.records);
    }

    fn digest(&self) -> [u8; 32] {
        let mut body = Writer::default();
        self.encode_body(&mut body);
        let mut transcript = Transcript::for_domain(Domain::IssuanceFile);
        transcript.append_bytes(label::FILE_BODY, &body.finish());
        transcript.draw_bytes(label::OUTPUT)
    }
}

fn check_records(head: &FileHead, records: &[FiledRecord]) -> Result<(), DecodeError> {
    let hasher = IssuanceHasher::new(&head.salt);
    let hashes: Vec<_> = records.iter().map(|record| hasher.of(&record.issuance)).collect();
    let begins = hashes.iter().all(|hash| Prefix::of(head.prefix.bits(), hash) == Some(head.prefix));
    if !begins || records.iter().any(|record| record.keyset != head.keyset) {
        return Err(DecodeError::OutOfRange);
    }
    if hashes.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(DecodeError::NonCanonicalShape) }
}

impl Encode for IssuanceFile {
    fn encode_to(&self, out: &mut Writer) {
        self.encode_body(out);
        out.part(&self.signature);
    }
}

impl Decode for IssuanceFile {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = input.part()?;
        let records = input.list(Self::MAX_RECORDS)?;
        let file = Self { head, records, signature: input.part()? };
        check_records(&file.head, &file.records)?;
        Ok(file)
    }
}

impl fmt::Debug for IssuanceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuanceFile").field("head", &self.head).finish_non_exhaustive()
    }
}

// Only as bytes: it is too long for JSON.
impl Wire for IssuanceFile {}
signable!(IssuanceFile, head.mint);
