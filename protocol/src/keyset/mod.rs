//! Keysets (protocol section 3): the mint's public keys for a while, with everything that governs them.

mod chain;
mod list;
mod secret;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;

use crate::amount::{Amount, Denomination, Fees, Unit, UnixTime};
use crate::blind::VerificationKey;
use crate::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer, wire_serde};
use crate::group::{Element, FixedBases};
use crate::identity::{InvalidSignature, Keypair, MintId, PayeeKey, Signature};
use crate::ids::KeysetId;
use crate::transcript::{Domain, TranscriptExt, label};

pub use chain::{Chain, ChainError, ChainHead, ChainKey, Misconduct, Relation};
pub use list::{KeysetList, ListError, ListedHead, Revocation};
pub use secret::{SecretKeyset, SigningKey};

/// Where tokens of a keyset are worth something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redemption {
    /// Spent records belong to the mint; many payees.
    Open,
    /// Spent records belong to this payee's own store.
    Closed(PayeeKey),
}

impl Encode for Redemption {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Open => out.u8(0),
            Self::Closed(payee) => {
                out.u8(1);
                out.part(payee);
            }
        }
    }
}

impl Decode for Redemption {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Open),
            1 => input.part().map(Self::Closed),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

/// A list of tokens that a wallet may withdraw at once: pairs of denomination and count, denominations
/// strictly ascending, counts not zero, at most 256 tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle(Vec<(Denomination, u16)>);

impl Bundle {
    /// The most tokens in a bundle.
    pub const MAX_TOKENS: u16 = 256;

    /// A bundle of these counts.
    ///
    /// # Errors
    /// [`DecodeError::Empty`], [`DecodeError::NonCanonicalShape`], or [`DecodeError::TooLong`].
    pub fn new(counts: Vec<(Denomination, u16)>) -> Result<Self, DecodeError> {
        if counts.is_empty() || counts.iter().any(|(_, count)| *count == 0) {
            return Err(DecodeError::Empty);
        }
        if !counts.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(DecodeError::NonCanonicalShape);
        }
        let total = counts.iter().try_fold(0_u16, |sum, (_, count)| sum.checked_add(*count));
        if total.is_none_or(|total| total > Self::MAX_TOKENS) {
            return Err(DecodeError::TooLong);
        }
        let bundle = Self(counts);
        bundle.checked_amount().ok_or(DecodeError::OutOfRange)?;
        Ok(bundle)
    }

    /// Denominations and counts.
    pub fn counts(&self) -> &[(Denomination, u16)] {
        &self.0
    }

    /// Each token's denomination, ascending.
    pub fn denominations(&self) -> Vec<Denomination> {
        self.0.iter().flat_map(|(d, count)| core::iter::repeat_n(*d, usize::from(*count))).collect()
    }

    /// What the tokens are worth together.
    pub fn amount(&self) -> Amount {
        self.checked_amount().unwrap_or(Amount::MAX)
    }

    fn checked_amount(&self) -> Option<Amount> {
        Amount::checked_sum(self.denominations().into_iter().map(Denomination::value))
    }
}

impl Encode for Bundle {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(u8::try_from(self.0.len()).unwrap_or(u8::MAX));
        for (denomination, count) in &self.0 {
            out.part(denomination);
            out.u16(*count);
        }
    }
}

impl Decode for Bundle {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = input.u8()?;
        let mut counts = Vec::new();
        for _ in 0..length {
            counts.push((input.part()?, input.u16()?));
        }
        Self::new(counts)
    }
}

/// Everything of a keyset but its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysetTerms {
    /// The mint's identity.
    pub mint: MintId,
    /// Place in the chain, from 0.
    pub sequence: u64,
    /// Id of the keyset with the sequence number before; none for the first.
    pub predecessor: Option<KeysetId>,
    /// Currency unit.
    pub unit: Unit,
    /// Where the tokens may be spent.
    pub redemption: Redemption,
    /// Start of the issue window.
    pub active_from: UnixTime,
    /// End of the issue window (not in it).
    pub issue_until: UnixTime,
    /// Tokens can be spent before this.
    pub spend_until: UnixTime,
    /// Payees can deposit before this.
    pub deposit_until: UnixTime,
    /// Fees.
    pub fees: Fees,
    /// Bundles that may be withdrawn, at most 16.
    pub bundles: Vec<Bundle>,
}

impl KeysetTerms {
    /// The most bundles in a keyset.
    pub const MAX_BUNDLES: u8 = 16;

    /// The chain this keyset belongs to.
    pub fn chain_key(&self) -> ChainKey {
        ChainKey { mint: self.mint, unit: self.unit.clone(), redemption: self.redemption }
    }

    fn check(&self) -> Result<(), DecodeError> {
        let ordered = self.active_from < self.issue_until
            && self.issue_until <= self.spend_until
            && self.spend_until < self.deposit_until;
        let linked = (self.sequence == 0) == self.predecessor.is_none();
        if !ordered || !linked {
            return Err(DecodeError::OutOfRange);
        }
        if self.bundles.len() > usize::from(Self::MAX_BUNDLES) {
            return Err(DecodeError::TooLong);
        }
        Ok(())
    }
}

impl Encode for KeysetTerms {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.u64(self.sequence);
        out.optional(self.predecessor.as_ref());
        out.part(&self.unit);
        out.part(&self.redemption);
        out.part(&self.active_from);
        out.part(&self.issue_until);
        out.part(&self.spend_until);
        out.part(&self.deposit_until);
        out.part(&self.fees);
        out.list(&self.bundles);
    }
}

impl Decode for KeysetTerms {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let terms = Self {
            mint: input.part()?,
            sequence: input.u64()?,
            predecessor: input.optional()?,
            unit: input.part()?,
            redemption: input.part()?,
            active_from: input.part()?,
            issue_until: input.part()?,
            spend_until: input.part()?,
            deposit_until: input.part()?,
            fees: input.part()?,
            bundles: input.list(usize::from(Self::MAX_BUNDLES))?,
        };
        terms.check()?;
        Ok(terms)
    }
}

/// A keyset as bytes on the wire: well-formed, **its signature not checked yet**. [`KeysetDocument::verify`]
/// makes it a [`Keyset`].
#[derive(Clone, PartialEq, Eq)]
pub struct KeysetDocument {
    terms: KeysetTerms,
    keys: Vec<Element>,
    signature: Signature,
}

impl KeysetDocument {
    /// The most keys, one for each denomination.
    pub const MAX_KEYS: u8 = Denomination::COUNT;

    /// Checks the keys' rules (section 3) and the mint's signature.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(self) -> Result<Keyset, InvalidSignature> {
        let id = keyset_id(&self.terms, &self.keys);
        self.terms.mint.verify(id.as_bytes(), &self.signature)?;
        Ok(Keyset::assemble(id, self))
    }

    fn check_keys(keys: &[Element]) -> Result<(), DecodeError> {
        if keys.is_empty() {
            return Err(DecodeError::Empty);
        }
        let (g, h) = (Element::generator(), Element::second_generator());
        let forbidden = [Some(g), Some(h), Element::from_point(-g.point()), Element::from_point(-h.point())];
        let mut sorted: Vec<&Element> = keys.iter().collect();
        sorted.sort_unstable();
        if !sorted.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::Repeated);
        }
        if keys.iter().any(|key| forbidden.contains(&Some(*key))) {
            return Err(DecodeError::OutOfRange);
        }
        Ok(())
    }

    fn encode_body(terms: &KeysetTerms, keys: &[Element], out: &mut Writer) {
        out.part(terms);
        out.u8(u8::try_from(keys.len()).unwrap_or(u8::MAX));
        for key in keys {
            out.part(key);
        }
    }
}

impl Encode for KeysetDocument {
    fn encode_to(&self, out: &mut Writer) {
        Self::encode_body(&self.terms, &self.keys, out);
        out.part(&self.signature);
    }
}

impl Decode for KeysetDocument {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let terms = input.part()?;
        let count = input.u8()?;
        if count > Self::MAX_KEYS {
            return Err(DecodeError::TooLong);
        }
        let keys = (0..count).map(|_| input.part()).collect::<Result<Vec<_>, _>>()?;
        Self::check_keys(&keys)?;
        Ok(Self { terms, keys, signature: input.part()? })
    }
}

wire_serde!(KeysetDocument);

impl fmt::Debug for KeysetDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeysetDocument").field("terms", &self.terms).finish_non_exhaustive()
    }
}

fn keyset_id(terms: &KeysetTerms, keys: &[Element]) -> KeysetId {
    let mut body = Writer::default();
    KeysetDocument::encode_body(terms, keys, &mut body);
    let mut transcript = Transcript::for_domain(Domain::KeysetId);
    transcript.append_bytes(label::KEYSET_BODY, &body.finish());
    KeysetId::from_bytes(transcript.draw_bytes(label::OUTPUT))
}

/// A keyset whose rules hold and whose mint signed it.
pub struct Keyset {
    id: KeysetId,
    document: KeysetDocument,
    keys: Vec<VerificationKey>,
}

impl Keyset {
    fn assemble(id: KeysetId, document: KeysetDocument) -> Self {
        let bases = Arc::new(FixedBases::new());
        let keys = (0..Denomination::COUNT)
            .filter_map(Denomination::new)
            .zip(&document.keys)
            .map(|(d, key)| VerificationKey::new(id, d, *key, Arc::clone(&bases)))
            .collect();
        Self { id, document, keys }
    }

    /// Signs terms and public keys.
    ///
    /// # Errors
    /// A [`DecodeError`] when terms or keys break a rule of section 3, or the terms name another mint.
    pub fn sign(terms: KeysetTerms, keys: Vec<Element>, identity: &Keypair) -> Result<Self, DecodeError> {
        terms.check()?;
        KeysetDocument::check_keys(&keys)?;
        if terms.mint != MintId::from(identity) || keys.len() > usize::from(KeysetDocument::MAX_KEYS) {
            return Err(DecodeError::OutOfRange);
        }
        let id = keyset_id(&terms, &keys);
        let signature = identity.sign(id.as_bytes());
        Ok(Self::assemble(id, KeysetDocument { terms, keys, signature }))
    }

    /// The id.
    pub fn id(&self) -> &KeysetId {
        &self.id
    }

    /// Everything but the keys.
    pub fn terms(&self) -> &KeysetTerms {
        &self.document.terms
    }

    /// The signed document, to be stored or sent.
    pub fn document(&self) -> &KeysetDocument {
        &self.document
    }

    /// The key of a denomination, if the keyset has it.
    pub fn key(&self, denomination: Denomination) -> Option<&VerificationKey> {
        self.keys.get(denomination.index())
    }

    /// All keys, by denomination from 0.
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// The most that one canonical set of tokens can be worth: 2^n − 1.
    pub fn max_amount(&self) -> Amount {
        Amount::checked_sum(self.keys.iter().map(|key| key.denomination().value())).unwrap_or(Amount::MAX)
    }

    /// This keyset's place in its chain.
    pub fn head(&self) -> ChainHead {
        ChainHead { sequence: self.terms().sequence, keyset: self.id }
    }

    /// Reads stored or received bytes and verifies them.
    ///
    /// # Errors
    /// [`KeysetError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeysetError> {
        Ok(KeysetDocument::from_bytes(bytes)?.verify()?)
    }
}

impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyset").field("id", &self.id).field("terms", self.terms()).finish_non_exhaustive()
    }
}

/// Bytes are not a keyset of the mint they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysetError {
    /// The bytes are not a keyset.
    #[error("not a keyset: {0}")]
    Malformed(#[from] DecodeError),
    /// The mint did not sign it.
    #[error("the keyset's signature does not fit")]
    InvalidSignature(#[from] InvalidSignature),
}
