//! The archive (protocol section 11): what a mint publishes so that a wallet can be restored from its words without
//! asking for anything that is its own.
//!
//! | object | what it holds |
//! |---|---|
//! | [`ArchiveIndex`] | what there is: the same bytes for everyone |
//! | [`IssuanceFile`] | issuance records of one keyset, stretch of time and prefix of their hash |
//! | [`SpentFilter`] | fingerprints of one keyset's serials that were spent within a stretch of time |
//!
//! There is no question about one serial or one issuance, and no answer to it.

mod file;
mod filter;
mod index;

use core::fmt;

use merlin::Transcript;

use crate::amount::UnixTime;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::identity::{InvalidSignature, IssuanceId};
use crate::ids::id_type;
use crate::transcript::{Domain, TranscriptExt, label};

pub use file::{FileHead, FiledRecord, IssuanceFile};
pub use filter::{FilterHead, Fingerprint, Fingerprinter, SpentFilter};
pub use index::{ArchiveIndex, ArchivedKeyset, Ends, IndexError, ListedFilter, ListedSegment};

/// Why a file of the archive is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The mint did not sign it.
    #[error("the file is not signed by this mint")]
    InvalidSignature,
    /// It is not the file that was asked for.
    #[error("the mint gave another file than the one asked for")]
    OtherFile,
}

impl From<InvalidSignature> for FileError {
    fn from(_: InvalidSignature) -> Self {
        Self::InvalidSignature
    }
}

/// A stretch of time that holds its start and not its end, and is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    from: UnixTime,
    until: UnixTime,
}

impl Span {
    /// From a time until another; nothing unless it is later.
    pub fn new(from: UnixTime, until: UnixTime) -> Option<Self> {
        (from < until).then_some(Self { from, until })
    }

    /// Its start.
    pub fn from(&self) -> UnixTime {
        self.from
    }

    /// Its end, which is not in it.
    pub fn until(&self) -> UnixTime {
        self.until
    }

    /// Whether a time is in it.
    pub fn holds(&self, time: UnixTime) -> bool {
        self.from <= time && time < self.until
    }
}

impl Encode for Span {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.from);
        out.part(&self.until);
    }
}

impl Decode for Span {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(input.part()?, input.part()?).ok_or(DecodeError::OutOfRange)
    }
}

id_type! {
    /// By which a segment is cut into files (16 bytes).
    ///
    /// # Security
    /// It MUST be drawn at random, and not before everything in the segment is recorded: wallets choose the ids of their issuances, and
    /// whoever knew the salt could choose such that all of them are in one file.
    SegmentSalt, 16, shown
}

id_type! {
    /// H(salt, issuance id), by whose first bits a segment is cut into files (32 bytes).
    IssuanceHash, 32, hidden
}

/// Computes the hashes by which one segment's files are cut and ordered.
#[derive(Clone)]
pub struct IssuanceHasher(Transcript);

impl IssuanceHasher {
    /// For a segment of this salt.
    pub fn new(salt: &SegmentSalt) -> Self {
        let mut transcript = Transcript::for_domain(Domain::IssuanceHash);
        transcript.append_bytes(label::SALT, salt.as_bytes());
        Self(transcript)
    }

    /// The hash of an issuance id.
    pub fn of(&self, issuance: &IssuanceId) -> IssuanceHash {
        let mut transcript = self.0.clone();
        transcript.append_bytes(label::ISSUANCE, issuance.as_bytes());
        IssuanceHash::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }
}

impl fmt::Debug for IssuanceHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuanceHasher").finish_non_exhaustive()
    }
}

/// The first bits of an [`IssuanceHash`], at most 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    bits: u8,
    value: u16,
}

impl Prefix {
    /// The most bits of a prefix: a reader fetches all files of a segment.
    pub const MAX_BITS: u8 = 8;

    /// So many bits with this value; nothing if there are more than 8, or the value has more.
    pub fn new(bits: u8, value: u16) -> Option<Self> {
        let fits = bits <= Self::MAX_BITS && u32::from(value) < 1_u32 << bits;
        fits.then_some(Self { bits, value })
    }

    /// The first bits of a hash, the most significant first; nothing if there are more than 8.
    pub fn of(bits: u8, hash: &IssuanceHash) -> Option<Self> {
        let [first, ..] = *hash.as_bytes();
        Self::new(bits, u16::from(first) >> Self::MAX_BITS.checked_sub(bits)?)
    }

    /// Every prefix of so many bits, in order; none if there are more than 8.
    pub fn all(bits: u8) -> impl Iterator<Item = Self> {
        let count = if bits <= Self::MAX_BITS { 1_u32 << bits } else { 0 };
        (0..count).filter_map(move |value| Self::new(bits, u16::try_from(value).ok()?))
    }

    /// How many bits it has.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// The bits as a number.
    pub fn value(&self) -> u16 {
        self.value
    }
}

impl Encode for Prefix {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(self.bits);
        out.u16(self.value);
    }
}

impl Decode for Prefix {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(input.u8()?, input.u16()?).ok_or(DecodeError::OutOfRange)
    }
}
