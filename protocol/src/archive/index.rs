//! What there is in an archive.

use alloc::vec::Vec;

use merlin::Transcript;

use super::{FileHead, FilterHead, Prefix, SegmentSalt, Span, SpentFilter};
use crate::amount::UnixTime;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::{Keypair, MintId, Signature};
use crate::ids::KeysetId;
use crate::transcript::{Domain, TranscriptExt, label};
use crate::unsigned::{NO_SIGNATURE, Unsigned, signable};

/// A stretch of time in which tokens of a keyset were issued; there is one file for each prefix of so many bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedSegment {
    /// When. A keyset's segments of the same span share what was issued in it.
    pub span: Span,
    /// By which it is cut into files.
    pub salt: SegmentSalt,
    /// How many bits of the hash cut it into files: there are 2^bits.
    pub bits: u8,
    /// How many records there are in all its files.
    pub count: u32,
}

impl Encode for ListedSegment {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.span);
        out.part(&self.salt);
        out.u8(self.bits);
        out.u32(self.count);
    }
}

impl Decode for ListedSegment {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let listed = Self { span: input.part()?, salt: input.part()?, bits: input.u8()?, count: input.u32()? };
        if listed.bits > Prefix::MAX_BITS { Err(DecodeError::OutOfRange) } else { Ok(listed) }
    }
}

/// A stretch of time in which tokens of a keyset were spent; its filter has one or more parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedFilter {
    /// When.
    pub span: Span,
    /// How many parts there are: as few as can hold `count` fingerprints.
    pub parts: u16,
    /// How many fingerprints there are in all parts.
    pub count: u32,
}

impl Encode for ListedFilter {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.span);
        out.u16(self.parts);
        out.u32(self.count);
    }
}

impl ListedFilter {
    /// How many parts so many fingerprints have.
    fn parts_of(count: u32) -> usize {
        usize::try_from(count).unwrap_or(usize::MAX).div_ceil(SpentFilter::MAX_FINGERPRINTS)
    }
}

impl Decode for ListedFilter {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { span: input.part()?, parts: input.u16()?, count: input.u32()? })
    }
}

/// What there is of a keyset. Segments and filters are numbered by their place, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedKeyset {
    /// The keyset.
    pub keyset: KeysetId,
    /// Its segments, in time. There is none for a time in which nothing was issued.
    pub segments: Vec<ListedSegment>,
    /// Its filters, in time. There is none for a time in which nothing was spent.
    pub filters: Vec<ListedFilter>,
}

impl ArchivedKeyset {
    /// The most segments, and the most filters, of a keyset.
    pub const MAX: usize = 65_535;

    fn check(&self, sealed_until: UnixTime, filtered_until: UnixTime) -> Result<(), DecodeError> {
        if self.segments.is_empty() && self.filters.is_empty() {
            return Err(DecodeError::Empty);
        }
        if self.segments.iter().any(|listed| listed.count == 0)
            || self.filters.iter().any(|listed| listed.count == 0 || listed.parts == 0)
        {
            return Err(DecodeError::Empty);
        }
        if self.filters.iter().any(|listed| usize::from(listed.parts) != ListedFilter::parts_of(listed.count)) {
            return Err(DecodeError::NonCanonicalShape);
        }
        let mut segments: Vec<Span> = self.segments.iter().map(|listed| listed.span).collect();
        segments.dedup();
        let filters: Vec<Span> = self.filters.iter().map(|listed| listed.span).collect();
        let in_time = |spans: &[Span], until: UnixTime| {
            spans.is_sorted_by(|a, b| a.until() <= b.from()) && spans.last().is_none_or(|last| last.until() <= until)
        };
        let in_order = in_time(&segments, sealed_until) && in_time(&filters, filtered_until);
        if in_order { Ok(()) } else { Err(DecodeError::NonCanonicalShape) }
    }

    /// Whether it takes back nothing of what an earlier index said.
    fn extends(&self, seen: &Self) -> bool {
        self.segments.starts_with(&seen.segments) && self.filters.starts_with(&seen.filters)
    }
}

impl Encode for ArchivedKeyset {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.keyset);
        out.list(&self.segments);
        out.list(&self.filters);
    }
}

impl Decode for ArchivedKeyset {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { keyset: input.part()?, segments: input.list(Self::MAX)?, filters: input.list(Self::MAX)? })
    }
}

/// Why an index is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The mint did not sign it, or it is of another mint.
    #[error("the archive's index is not signed by this mint")]
    InvalidSignature,
    /// It is older than one already seen.
    #[error("the archive's index is older than one already seen")]
    Older,
    /// It is another one for the same second.
    #[error("the archive's index contradicts an earlier one")]
    Contradiction,
    /// What an earlier one listed is missing or different.
    #[error("the archive's index takes back what an earlier one said")]
    WentBack,
    /// It is from the future.
    #[error("the archive's index is not valid at this time")]
    NotCurrent,
}

impl IndexError {
    /// Whether the two indexes, both signed, prove that the mint published what does not fit together.
    pub fn is_misconduct(self) -> bool {
        matches!(self, Self::Contradiction | Self::WentBack)
    }
}

/// A keyset's `deposit_until`, if the reader knows the keyset.
pub type Ends<'a> = &'a dyn Fn(&KeysetId) -> Option<UnixTime>;

/// What there is in a mint's archive: the same bytes for everyone, and nothing of it is ever taken back before its keyset has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveIndex {
    mint: MintId,
    issued_at: UnixTime,
    sealed_until: UnixTime,
    filtered_until: UnixTime,
    keysets: Vec<ArchivedKeyset>,
    signature: Signature,
}

impl ArchiveIndex {
    const MAX_KEYSETS: usize = 1024;
    /// The most bytes of an index.
    pub const MAX_BYTES: usize = 3_000_000;
    /// How far ahead of the reader's clock `issued_at` may lie, in seconds.
    pub const MAX_SKEW: u64 = 300;

    /// Signs an index: of issuances before `sealed_until` and of serials spent before `filtered_until`.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`], or whatever the rules of an index refuse.
    pub fn sign(
        identity: &Keypair,
        issued_at: UnixTime,
        (sealed_until, filtered_until): (UnixTime, UnixTime),
        keysets: Vec<ArchivedKeyset>,
    ) -> Result<Self, DecodeError> {
        Self::draft(identity.into(), issued_at, (sealed_until, filtered_until), keysets)?.sign(identity)
    }

    /// An index that its mint has yet to sign.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn draft(
        mint: MintId,
        issued_at: UnixTime,
        (sealed_until, filtered_until): (UnixTime, UnixTime),
        keysets: Vec<ArchivedKeyset>,
    ) -> Result<Unsigned<Self>, DecodeError> {
        let fits = |archived: &ArchivedKeyset| {
            archived.segments.len() <= ArchivedKeyset::MAX && archived.filters.len() <= ArchivedKeyset::MAX
        };
        if keysets.len() > Self::MAX_KEYSETS || !keysets.iter().all(fits) {
            return Err(DecodeError::TooLong);
        }
        let index = Self { mint, issued_at, sealed_until, filtered_until, keysets, signature: NO_SIGNATURE };
        index.check(index.body().len())?;
        Ok(Unsigned::new(index))
    }

    /// Requires that this index is signed by `mint`, not from the future at `now`, not older than `seen`, and takes
    /// back nothing that `seen` said, but for whole keysets that had ended when it was signed. `ends` says when payees could last
    /// deposit a keyset's tokens; one that it does not know has not ended.
    ///
    /// # Errors
    /// An [`IndexError`].
    pub fn accept(&self, mint: &MintId, seen: Option<&Self>, ends: Ends<'_>, now: UnixTime) -> Result<(), IndexError> {
        if self.mint != *mint || self.mint.verify(&self.digest(), &self.signature).is_err() {
            return Err(IndexError::InvalidSignature);
        }
        if let Some(seen) = seen {
            self.follows(seen, ends)?;
        }
        if self.issued_at > now.plus(Self::MAX_SKEW) { Err(IndexError::NotCurrent) } else { Ok(()) }
    }

    fn follows(&self, seen: &Self, ends: Ends<'_>) -> Result<(), IndexError> {
        if self.issued_at < seen.issued_at {
            return Err(IndexError::Older);
        }
        if self.issued_at == seen.issued_at && self != seen {
            return Err(IndexError::Contradiction);
        }
        let kept = |earlier: &ArchivedKeyset| match self.keyset(&earlier.keyset) {
            Some(own) => own.extends(earlier),
            None => ends(&earlier.keyset).is_some_and(|end| end <= self.issued_at),
        };
        let fits = self.sealed_until >= seen.sealed_until
            && self.filtered_until >= seen.filtered_until
            && seen.keysets.iter().all(kept)
            && self.adds_only_later(seen);
        if fits { Ok(()) } else { Err(IndexError::WentBack) }
    }

    /// Nothing new lies in a time that an earlier index called complete.
    fn adds_only_later(&self, seen: &Self) -> bool {
        self.keysets.iter().all(|own| {
            let earlier = seen.keyset(&own.keyset);
            let (segments, filters) = earlier.map_or((0, 0), |seen| (seen.segments.len(), seen.filters.len()));
            own.segments.iter().skip(segments).all(|new| new.span.from() >= seen.sealed_until)
                && own.filters.iter().skip(filters).all(|new| new.span.from() >= seen.filtered_until)
        })
    }

    /// The mint.
    pub fn mint(&self) -> &MintId {
        &self.mint
    }

    /// When it was signed.
    pub fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// Every issuance recorded before this is in a listed segment.
    pub fn sealed_until(&self) -> UnixTime {
        self.sealed_until
    }

    /// Every serial spent before this is in a listed filter.
    pub fn filtered_until(&self) -> UnixTime {
        self.filtered_until
    }

    /// What there is, by keyset.
    pub fn keysets(&self) -> &[ArchivedKeyset] {
        &self.keysets
    }

    /// What there is of a keyset.
    pub fn keyset(&self, keyset: &KeysetId) -> Option<&ArchivedKeyset> {
        let place = self.keysets.binary_search_by(|archived| archived.keyset.cmp(keyset)).ok()?;
        self.keysets.get(place)
    }

    /// The head of a listed file.
    pub fn file(&self, keyset: &KeysetId, segment: u32, prefix: u16) -> Option<FileHead> {
        let listed = self.keyset(keyset)?.segments.get(usize::try_from(segment).ok()?)?;
        let prefix = Prefix::new(listed.bits, prefix)?;
        Some(FileHead { mint: self.mint, keyset: *keyset, segment, span: listed.span, salt: listed.salt, prefix })
    }

    /// The head of a listed part of a filter.
    pub fn filter(&self, keyset: &KeysetId, period: u32, part: u16) -> Option<FilterHead> {
        let listed = self.keyset(keyset)?.filters.get(usize::try_from(period).ok()?)?;
        let ListedFilter { span, parts, .. } = *listed;
        (part < parts).then_some(FilterHead { mint: self.mint, keyset: *keyset, period, span, part, parts })
    }

    fn check(&self, body: usize) -> Result<(), DecodeError> {
        if body > Self::MAX_BYTES {
            return Err(DecodeError::TooLong);
        }
        if self.sealed_until > self.issued_at || self.filtered_until > self.issued_at {
            return Err(DecodeError::OutOfRange);
        }
        if !self.keysets.is_sorted_by(|a, b| a.keyset < b.keyset) {
            return Err(DecodeError::NonCanonicalShape);
        }
        self.keysets.iter().try_for_each(|archived| archived.check(self.sealed_until, self.filtered_until))
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Writer::default();
        body.part(&self.mint);
        body.part(&self.issued_at);
        body.part(&self.sealed_until);
        body.part(&self.filtered_until);
        body.list(&self.keysets);
        body.finish()
    }

    fn digest(&self) -> [u8; 32] {
        let mut transcript = Transcript::for_domain(Domain::ArchiveIndex);
        transcript.append_bytes(label::INDEX_BODY, &self.body());
        transcript.draw_bytes(label::OUTPUT)
    }
}

impl Encode for ArchiveIndex {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.body());
        out.part(&self.signature);
    }
}

impl Decode for ArchiveIndex {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let before = input.remaining();
        let (mint, issued_at) = (input.part()?, input.part()?);
        let (sealed_until, filtered_until) = (input.part()?, input.part()?);
        let keysets = input.list(Self::MAX_KEYSETS)?;
        let body = before.saturating_sub(input.remaining());
        let index = Self { mint, issued_at, sealed_until, filtered_until, keysets, signature: input.part()? };
        index.check(body)?;
        Ok(index)
    }
}

wire_serde!(ArchiveIndex);
signable!(ArchiveIndex, mint);
