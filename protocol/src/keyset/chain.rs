//! The hash chain of a mint's keysets, and what contradicts it.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Keyset, KeysetDocument, Redemption, Revocation};
use crate::amount::{Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::group::Element;
use crate::identity::MintId;
use crate::ids::KeysetId;

/// Which chain: there is one for each mint, unit and redemption.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainKey {
    /// The mint's identity.
    pub mint: MintId,
    /// Currency unit.
    pub unit: Unit,
    /// Where the tokens may be spent.
    pub redemption: Redemption,
}

/// The last keyset of a chain that somebody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainHead {
    /// Its place in the chain, from 0.
    pub sequence: u64,
    /// Its id.
    pub keyset: KeysetId,
}

impl Encode for ChainHead {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.sequence);
        out.part(&self.keyset);
    }
}

impl Decode for ChainHead {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { sequence: input.u64()?, keyset: input.part()? })
    }
}

wire_serde!(ChainHead);

/// How somebody's head lies to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It lies on the chain.
    Known,
    /// It is further than the chain: fetch the list and extend.
    Newer,
    /// The chain has another keyset at that place: refuse to pay and keep both.
    Differs,
}

/// Why a keyset does not extend a chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The keyset is of another mint, unit or redemption.
    #[error("the keyset belongs to another chain")]
    OtherChain,
    /// Its sequence number or predecessor does not follow the head.
    #[error("the keyset does not follow the last known one")]
    NotNext,
    /// Two different keysets signed with one sequence number: proof that the mint cheats.
    #[error("the mint signed two different keysets with one sequence number")]
    Misconduct(Box<Misconduct>),
    /// Its issue window overlaps another's.
    #[error("the keyset's issue window overlaps another's")]
    Overlap,
    /// It uses a public key that stood in an earlier keyset.
    #[error("the keyset repeats an earlier public key")]
    KeyReused,
}

/// Two keysets of one chain with one sequence number, each signed by the mint: anybody can verify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misconduct {
    first: KeysetDocument,
    second: KeysetDocument,
}

impl Misconduct {
    /// Both documents.
    pub fn documents(&self) -> (&KeysetDocument, &KeysetDocument) {
        (&self.first, &self.second)
    }

    /// Verifies the proof: both signatures hold, chain and sequence number are the same, the ids differ.
    pub fn proves(&self) -> bool {
        let (Ok(first), Ok(second)) = (self.first.clone().verify(), self.second.clone().verify()) else {
            return false;
        };
        first.terms().chain_key() == second.terms().chain_key()
            && first.terms().sequence == second.terms().sequence
            && first.id() != second.id()
    }
}

impl Encode for Misconduct {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.first);
        out.part(&self.second);
    }
}

impl Decode for Misconduct {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { first: input.part()?, second: input.part()? })
    }
}

wire_serde!(Misconduct);

/// A chain from its first keyset on, each verified and linked to the one before.
#[derive(Clone, Debug)]
pub struct Chain {
    first: Arc<Keyset>,
    rest: Vec<Arc<Keyset>>,
}

impl Chain {
    /// A chain of its first keyset.
    ///
    /// # Errors
    /// [`ChainError::NotNext`] unless its sequence number is 0.
    pub fn start(first: Arc<Keyset>) -> Result<Self, ChainError> {
        if first.terms().sequence == 0 { Ok(Self { first, rest: Vec::new() }) } else { Err(ChainError::NotNext) }
    }

    /// Appends the next keyset. A keyset the chain has already changes nothing.
    ///
    /// # Errors
    /// A [`ChainError`]; the chain stays as it was.
    pub fn extend(&mut self, next: Arc<Keyset>, revocations: &[Revocation]) -> Result<(), ChainError> {
        let terms = next.terms();
        if terms.chain_key() != self.key() {
            return Err(ChainError::OtherChain);
        }
        if let Some(known) = self.at(terms.sequence) {
            if known.id() == next.id() {
                return Ok(());
            }
            let (first, second) = (known.document().clone(), next.document().clone());
            return Err(ChainError::Misconduct(Box::new(Misconduct { first, second })));
        }
        let head = self.last();
        if Some(terms.sequence) != head.terms().sequence.checked_add(1) || terms.predecessor != Some(*head.id()) {
            return Err(ChainError::NotNext);
        }
        if self.iter().any(|earlier| overlap(window(earlier, revocations), window(&next, revocations))) {
            return Err(ChainError::Overlap);
        }
        let used: BTreeSet<&Element> = self.iter().flat_map(|k| k.keys()).map(|key| key.element()).collect();
        if next.keys().iter().any(|key| used.contains(key.element())) {
            return Err(ChainError::KeyReused);
        }
        self.rest.push(next);
        Ok(())
    }

    /// Which chain this is.
    pub fn key(&self) -> ChainKey {
        self.first.terms().chain_key()
    }

    /// All keysets in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Keyset>> {
        core::iter::once(&self.first).chain(&self.rest)
    }

    /// The last keyset.
    pub fn last(&self) -> &Arc<Keyset> {
        self.rest.last().unwrap_or(&self.first)
    }

    /// The last keyset's place.
    pub fn head(&self) -> ChainHead {
        self.last().head()
    }

    /// The keyset with a sequence number.
    pub fn at(&self, sequence: u64) -> Option<&Arc<Keyset>> {
        self.iter().nth(usize::try_from(sequence).ok()?)
    }

    /// The keyset with an id.
    pub fn get(&self, id: &KeysetId) -> Option<&Arc<Keyset>> {
        self.iter().find(|keyset| keyset.id() == id)
    }

    /// How somebody's head lies to this chain (section 3).
    pub fn relation(&self, head: &ChainHead) -> Relation {
        match self.at(head.sequence) {
            None => Relation::Newer,
            Some(known) if *known.id() == head.keyset => Relation::Known,
            Some(_) => Relation::Differs,
        }
    }

    /// The keyset that may issue at a time, if any.
    pub fn active(&self, now: UnixTime, revocations: &[Revocation]) -> Option<&Arc<Keyset>> {
        self.iter().find(|keyset| {
            let (from, until) = window(keyset, revocations);
            from <= now && now < until
        })
    }
}

/// The issue window, which a revocation ends.
fn window(keyset: &Keyset, revocations: &[Revocation]) -> (UnixTime, UnixTime) {
    let terms = keyset.terms();
    let revoked = revocations.iter().filter(|r| r.keyset == *keyset.id()).map(|r| r.revoked_at).min();
    let until = revoked.map_or(terms.issue_until, |at| at.min(terms.issue_until));
    (terms.active_from, until)
}

fn overlap(a: (UnixTime, UnixTime), b: (UnixTime, UnixTime)) -> bool {
    a.0 < b.1 && b.0 < a.1 && a.0 < a.1 && b.0 < b.1
}
