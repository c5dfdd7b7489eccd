//! The mint's signed list: heads of all chains and revocations, the same bytes for everyone.

use alloc::vec::Vec;

use merlin::Transcript;

use super::{ChainHead, Redemption};
use crate::amount::{Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::{Keypair, MintId, Signature};
use crate::ids::KeysetId;
use crate::transcript::{Domain, TranscriptExt, label};
use crate::unsigned::{NO_SIGNATURE, Unsigned, signable};

/// A keyset that must not be used from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which keyset.
    pub keyset: KeysetId,
    /// From when on.
    pub revoked_at: UnixTime,
}

impl Encode for Revocation {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.keyset);
        out.part(&self.revoked_at);
    }
}

impl Decode for Revocation {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { keyset: input.part()?, revoked_at: input.part()? })
    }
}

/// The head of one chain of the list's mint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedHead {
    /// Currency unit.
    pub unit: Unit,
    /// Where the tokens may be spent.
    pub redemption: Redemption,
    /// The chain's last keyset.
    pub head: ChainHead,
}

impl Encode for ListedHead {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.unit);
        out.part(&self.redemption);
        out.part(&self.head);
    }
}

impl Decode for ListedHead {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { unit: input.part()?, redemption: input.part()?, head: input.part()? })
    }
}

/// Why a list is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The mint did not sign it, or it is of another mint.
    #[error("the list is not signed by this mint")]
    InvalidSignature,
    /// It is older than one already seen.
    #[error("the list is older than one already seen")]
    Older,
    /// It contradicts one already seen: another list for the same second, or another keyset at the same place.
    #[error("the mint's list contradicts an earlier one")]
    Contradiction,
    /// It went back: a chain or a revocation of an earlier list is missing or shortened.
    #[error("the list takes back what an earlier one said")]
    WentBack,
    /// Its time has passed, or not come.
    #[error("the list is not valid at this time")]
    NotCurrent,
}

/// Heads of all chains of a mint, and revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysetList {
    mint: MintId,
    issued_at: UnixTime,
    valid_until: UnixTime,
    heads: Vec<ListedHead>,
    revocations: Vec<Revocation>,
    signature: Signature,
}

impl KeysetList {
    const MAX_HEADS: usize = 1024;
    const MAX_REVOCATIONS: usize = 16_384;
    /// How far ahead of the reader's clock `issued_at` may lie, in seconds.
    pub const MAX_SKEW: u64 = 300;

    /// Signs a list.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`], [`DecodeError::OutOfRange`], or [`DecodeError::NonCanonicalShape`] unless the heads
    /// ascend strictly by unit and redemption, and the revocations by keyset.
    pub fn sign(
        identity: &Keypair,
        issued_at: UnixTime,
        valid_until: UnixTime,
        heads: Vec<ListedHead>,
        revocations: Vec<Revocation>,
    ) -> Result<Self, DecodeError> {
        Self::draft(identity.into(), issued_at, valid_until, heads, revocations)?.sign(identity)
    }

    /// A list that its mint has yet to sign.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn draft(
        mint: MintId,
        issued_at: UnixTime,
        valid_until: UnixTime,
        heads: Vec<ListedHead>,
        revocations: Vec<Revocation>,
    ) -> Result<Unsigned<Self>, DecodeError> {
        if heads.len() > Self::MAX_HEADS || revocations.len() > Self::MAX_REVOCATIONS {
            return Err(DecodeError::TooLong);
        }
        if issued_at >= valid_until {
            return Err(DecodeError::OutOfRange);
        }
        check_order(&heads, &revocations)?;
        let signature = NO_SIGNATURE;
        Ok(Unsigned::new(Self { mint, issued_at, valid_until, heads, revocations, signature }))
    }

    /// Requires that this list is signed by `mint`, current at `now`, and not older than `seen`, nor takes
    /// back anything `seen` said.
    ///
    /// # Errors
    /// A [`ListError`].
    pub fn accept(&self, mint: &MintId, seen: Option<&Self>, now: UnixTime) -> Result<(), ListError> {
        if self.mint != *mint || self.mint.verify(&self.digest(), &self.signature).is_err() {
            return Err(ListError::InvalidSignature);
        }
        if let Some(seen) = seen {
            self.follows(seen)?;
        }
        if now >= self.valid_until || self.issued_at > now.plus(Self::MAX_SKEW) {
            return Err(ListError::NotCurrent);
        }
        Ok(())
    }

    fn follows(&self, seen: &Self) -> Result<(), ListError> {
        if self.issued_at < seen.issued_at {
            return Err(ListError::Older);
        }
        if self.issued_at == seen.issued_at && self != seen {
            return Err(ListError::Contradiction);
        }
        let same_chain = |a: &ListedHead, b: &ListedHead| a.unit == b.unit && a.redemption == b.redemption;
        let mut heads_kept = true;
        for old in &seen.heads {
            let new = self.heads.iter().find(|new| same_chain(new, old)).map(|new| &new.head);
            if new.is_some_and(|new| new.sequence == old.head.sequence && new.keyset != old.head.keyset) {
                return Err(ListError::Contradiction);
            }
            heads_kept &= new.is_some_and(|new| new.sequence >= old.head.sequence);
        }
        let revocations_kept = seen.revocations.iter().all(|old| self.revocations.contains(old));
        if heads_kept && revocations_kept { Ok(()) } else { Err(ListError::WentBack) }
    }

    /// The mint.
    pub fn mint(&self) -> &MintId {
        &self.mint
    }

    /// When it was signed.
    pub fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// Until when it may be used.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// Heads of all chains.
    pub fn heads(&self) -> &[ListedHead] {
        &self.heads
    }

    /// All revocations.
    pub fn revocations(&self) -> &[Revocation] {
        &self.revocations
    }

    /// When a keyset was revoked, if it was.
    pub fn revoked_at(&self, keyset: &KeysetId) -> Option<UnixTime> {
        self.revocations.iter().filter(|r| r.keyset == *keyset).map(|r| r.revoked_at).min()
    }

    fn encode_body(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.issued_at);
        out.part(&self.valid_until);
        out.list(&self.heads);
        out.list(&self.revocations);
    }

    fn digest(&self) -> [u8; 32] {
        let mut body = Writer::default();
        self.encode_body(&mut body);
        let mut transcript = Transcript::for_domain(Domain::KeysetList);
        transcript.append_bytes(label::LIST_BODY, &body.finish());
        transcript.draw_bytes(label::OUTPUT)
    }
}

/// One head for each chain, by unit and redemption; one revocation for each keyset, by id.
fn check_order(heads: &[ListedHead], revocations: &[Revocation]) -> Result<(), DecodeError> {
    let by_chain = heads.is_sorted_by(|a, b| (&a.unit, &a.redemption) < (&b.unit, &b.redemption));
    let by_keyset = revocations.is_sorted_by(|a, b| a.keyset < b.keyset);
    if by_chain && by_keyset { Ok(()) } else { Err(DecodeError::NonCanonicalShape) }
}

impl Encode for KeysetList {
    fn encode_to(&self, out: &mut Writer) {
        self.encode_body(out);
        out.part(&self.signature);
    }
}

impl Decode for KeysetList {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mint, issued_at, valid_until) = (input.part()?, input.part()?, input.part()?);
        let heads = input.list(Self::MAX_HEADS)?;
        let revocations = input.list(Self::MAX_REVOCATIONS)?;
        let list = Self { mint, issued_at, valid_until, heads, revocations, signature: input.part()? };
        if list.issued_at >= list.valid_until {
            return Err(DecodeError::OutOfRange);
        }
        check_order(&list.heads, &list.revocations)?;
        Ok(list)
    }
}

wire_serde!(KeysetList);
signable!(KeysetList, mint);
