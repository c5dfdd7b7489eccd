//! Fingerprints of spent serials.

use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;

use super::{FileError, Span};
use crate::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use crate::identity::{Keypair, MintId, Signature};
use crate::ids::KeysetId;
use crate::transcript::{Domain, TranscriptExt, label};
use crate::unsigned::{NO_SIGNATURE, Unsigned, signable};

/// The first four bytes of a hash of (keyset, period, P).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u32);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(<redacted>)")
    }
}

impl Encode for Fingerprint {
    fn encode_to(&self, out: &mut Writer) {
        out.u32(self.0);
    }
}

impl Decode for Fingerprint {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u32().map(Self)
    }
}

/// Makes the fingerprints of one keyset and period. A serial's fingerprints in two periods have nothing to do with each
/// other, so that a false hit in one says nothing about another.
#[derive(Clone)]
pub struct Fingerprinter(Transcript);

impl Fingerprinter {
    /// For a keyset's period.
    pub fn new(keyset: &KeysetId, period: u32) -> Self {
        let mut transcript = Transcript::for_domain(Domain::SpentFingerprint);
        transcript.append_bytes(label::KEYSET, keyset.as_bytes());
        transcript.append_number(label::PERIOD, period.into());
        Self(transcript)
    }

    /// The fingerprint of a coin key P.
    pub fn of(&self, coin: &[u8; 32]) -> Fingerprint {
        let mut transcript = self.0.clone();
        transcript.append_bytes(label::COIN, coin);
        let [a, b, c, d, ..] = transcript.draw_bytes(label::OUTPUT);
        Fingerprint(u32::from_le_bytes([a, b, c, d]))
    }
}

impl fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprinter").finish_non_exhaustive()
    }
}

/// Which filter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterHead {
    /// The mint.
    pub mint: MintId,
    /// The keyset whose serials were spent.
    pub keyset: KeysetId,
    /// The period's place among those of the keyset, from 0.
    pub period: u32,
    /// When they were spent.
    pub span: Span,
    /// Which part of the period's fingerprints this is, from 0.
    pub part: u16,
    /// How many parts there are.
    pub parts: u16,
}

impl Encode for FilterHead {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.keyset);
        out.u32(self.period);
        out.part(&self.span);
        out.u16(self.part);
        out.u16(self.parts);
    }
}

impl Decode for FilterHead {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mint, keyset, period, span) = (input.part()?, input.part()?, input.u32()?, input.part()?);
        let (part, parts) = (input.u16()?, input.u16()?);
        if part >= parts {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Self { mint, keyset, period, span, part, parts })
    }
}

/// Fingerprints of a keyset's serials that were spent within a stretch of time, payments and swaps alike, signed by the
/// mint. A serial whose fingerprint is in it was *probably* spent then: 32 bits hit by chance.
#[derive(Clone, PartialEq, Eq)]
pub struct SpentFilter {
    head: FilterHead,
    fingerprints: Vec<Fingerprint>,
    signature: Signature,
}

impl SpentFilter {
    /// The most fingerprints in a part: one mebibyte of them.
    pub const MAX_FINGERPRINTS: usize = 262_144;

    /// Signs a filter.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`], [`DecodeError::OutOfRange`] for a part that is not one of the parts, or
    /// [`DecodeError::NonCanonicalShape`] unless the fingerprints ascend strictly.
    pub fn sign(identity: &Keypair, head: FilterHead, fingerprints: Vec<Fingerprint>) -> Result<Self, DecodeError> {
        Self::draft(head, fingerprints)?.sign(identity)
    }

    /// A filter that its mint has yet to sign.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn draft(head: FilterHead, fingerprints: Vec<Fingerprint>) -> Result<Unsigned<Self>, DecodeError> {
        if fingerprints.len() > Self::MAX_FINGERPRINTS {
            return Err(DecodeError::TooLong);
        }
        if head.part >= head.parts {
            return Err(DecodeError::OutOfRange);
        }
        check_order(&fingerprints)?;
        Ok(Unsigned::new(Self { head, fingerprints, signature: NO_SIGNATURE }))
    }

    /// Requires that this is the filter that was asked for, signed by its mint.
    ///
    /// # Errors
    /// A [`FileError`].
    pub fn accept(&self, asked: &FilterHead) -> Result<(), FileError> {
        if self.head != *asked {
            return Err(FileError::OtherFile);
        }
        Ok(self.head.mint.verify(&self.digest(), &self.signature)?)
    }

    /// Which filter it says it is.
    pub fn head(&self) -> &FilterHead {
        &self.head
    }

    /// Its fingerprints, strictly ascending.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    /// Whether a fingerprint is in it.
    pub fn holds(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprints.binary_search(&fingerprint).is_ok()
    }

    fn encode_body(&self, out: &mut Writer) {
        out.part(&self.head);
        out.u32(u32::try_from(self.fingerprints.len()).unwrap_or(u32::MAX));
        self.fingerprints.iter().for_each(|fingerprint| out.part(fingerprint));
    }

    fn digest(&self) -> [u8; 32] {
        let mut body = Writer::default();
        self.encode_body(&mut body);
        let mut transcript = Transcript::for_domain(Domain::SpentFilter);
        transcript.append_bytes(label::FILTER_BODY, &body.finish());
        transcript.draw_bytes(label::OUTPUT)
    }
}

fn check_order(fingerprints: &[Fingerprint]) -> Result<(), DecodeError> {
    if fingerprints.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(DecodeError::NonCanonicalShape) }
}

impl Encode for SpentFilter {
    fn encode_to(&self, out: &mut Writer) {
        self.encode_body(out);
        out.part(&self.signature);
    }
}

impl Decode for SpentFilter {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = input.part()?;
        let count = usize::try_from(input.u32()?).unwrap_or(usize::MAX);
        if count > Self::MAX_FINGERPRINTS {
            return Err(DecodeError::TooLong);
        }
        let bytes = input.bytes(count.saturating_mul(4))?;
        let fingerprints: Vec<Fingerprint> =
            bytes.as_chunks().0.iter().map(|bytes| Fingerprint(u32::from_le_bytes(*bytes))).collect();
        check_order(&fingerprints)?;
        Ok(Self { head, fingerprints, signature: input.part()? })
    }
}

impl fmt::Debug for SpentFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpentFilter").field("head", &self.head).finish_non_exhaustive()
    }
}

// Only as bytes: it is too long for JSON.
impl Wire for SpentFilter {}
signable!(SpentFilter, head.mint);
