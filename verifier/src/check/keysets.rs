use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetList};

use super::CheckError;

/// The keysets that are known at one moment, and which of them are revoked: what the checks look things up in.
#[derive(Clone, Debug, Default)]
pub struct KnownKeysets {
    mints: BTreeSet<MintId>,
    keysets: BTreeMap<KeysetId, KeysetState>,
}

/// A known keyset.
#[derive(Clone, Debug)]
pub struct KeysetState {
    /// The keyset, verified.
    pub keyset: Arc<Keyset>,
    /// From when on it must not be used, if it was revoked.
    pub revoked_at: Option<UnixTime>,
    /// Whether its records were dropped: then it has ended, whatever a clock says.
    pub buried: bool,
}

impl KnownKeysets {
    /// Knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows a mint, and none of its keysets.
    pub fn none_of(mint: MintId) -> Self {
        Self { mints: BTreeSet::from([mint]), keysets: BTreeMap::new() }
    }

    /// Adds a keyset of a chain, with what its mint's list says of it.
    pub fn insert(&mut self, keyset: Arc<Keyset>, list: Option<&KeysetList>) {
        let revoked_at = list.and_then(|list| list.revoked_at(keyset.id()));
        self.mints.insert(keyset.terms().mint);
        self.keysets.insert(*keyset.id(), KeysetState { keyset, revoked_at, buried: false });
    }

    /// Notes a revocation; of two, the earlier counts.
    pub fn revoke(&mut self, keyset: &KeysetId, at: UnixTime) {
        if let Some(state) = self.keysets.get_mut(keyset) {
            state.revoked_at = Some(state.revoked_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// Notes that a keyset's records were dropped.
    pub fn bury(&mut self, keyset: &KeysetId) {
        if let Some(state) = self.keysets.get_mut(keyset) {
            state.buried = true;
        }
    }

    /// Takes over everything that another knows.
    pub fn merge(&mut self, other: Self) {
        self.mints.extend(other.mints);
        self.keysets.extend(other.keysets);
    }

    /// What is known of a keyset.
    pub fn get(&self, id: &KeysetId) -> Option<&KeysetState> {
        self.keysets.get(id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &KeysetState> {
        self.keysets.values()
    }

    /// Finds a keyset of this mint that may be used now.
    pub(super) fn usable(&self, mint: &MintId, id: &KeysetId, now: UnixTime) -> Result<&Arc<Keyset>, CheckError> {
        if !self.mints.contains(mint) {
            return Err(CheckError::UnknownMint);
        }
        let state =
            self.keysets.get(id).filter(|state| state.keyset.terms().mint == *mint).ok_or(CheckError::UnknownKeyset)?;
        if state.buried {
            return Err(CheckError::KeysetEnded);
        }
        if state.revoked_at.is_some_and(|at| at <= now) {
            return Err(CheckError::KeysetRevoked);
        }
        Ok(&state.keyset)
    }
}
