//! What is known of one mint, and how it may change.

use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::KeysetsAnswer;
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::{Chain, ChainError, ChainKey, KeysetList};

use super::KeyringError;
use crate::check::KnownKeysets;
use crate::store::StoreError;

/// Everything a mint has signed, as far as it is known. It only ever grows.
#[derive(Clone, Debug, Default)]
pub struct MintView {
    list: Option<KeysetList>,
    chains: Vec<Chain>,
    known: Arc<KnownKeysets>,
    refused: bool,
}

impl MintView {
    /// The view of a mint that signed two histories.
    pub(super) fn refused() -> Self {
        Self { refused: true, ..Self::default() }
    }

    /// Whether the mint is refused for good.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// When the list was signed.
    pub fn list_issued_at(&self) -> Option<UnixTime> {
        self.list.as_ref().map(|list| list.issued_at())
    }

    /// Whether the list is valid at this time.
    pub fn is_current(&self, now: UnixTime) -> bool {
        self.list.as_ref().is_some_and(|list| now < list.valid_until())
    }

    /// Whether half of the list's time has passed, or there is none.
    pub fn is_ageing(&self, now: UnixTime) -> bool {
        self.list.as_ref().is_none_or(|list| {
            let life = list.valid_until().seconds().saturating_sub(list.issued_at().seconds());
            now >= list.issued_at().plus(life / 2)
        })
    }

    /// The chains.
    pub fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter()
    }

    /// One chain.
    pub fn chain(&self, key: &ChainKey) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.key() == *key)
    }

    /// All keysets, with revocations.
    pub fn known(&self) -> &Arc<KnownKeysets> {
        &self.known
    }

    /// What is known after an answer of the mint: requires that the list follows the one known, that every keyset
    /// is signed and continues its chain, and that the list names exactly the chains' heads.
    ///
    /// # Errors
    /// A [`KeyringError`]; [`KeyringError::Misconduct`] with the proof when the answer contradicts what is known.
    pub fn follow(&self, mint: &MintId, answer: KeysetsAnswer, now: UnixTime) -> Result<Self, KeyringError> {
        let KeysetsAnswer { list, keysets } = answer;
        // The keysets first: their proof of misconduct stands whatever the list says.
        let mut chains = self.chains.clone();
        for document in keysets {
            let keyset = Arc::new(document.verify()?);
            if keyset.terms().mint != *mint {
                return Err(KeyringError::Inconsistent);
            }
            let key = keyset.terms().chain_key();
            let extended = match chains.iter_mut().find(|chain| chain.key() == key) {
                Some(chain) => chain.extend(keyset, list.revocations()),
                None => Chain::start(keyset).map(|chain| chains.push(chain)),
            };
            extended.map_err(|error| match error {
                ChainError::Misconduct(proof) => KeyringError::Misconduct(proof),
                error => KeyringError::Chain(error),
            })?;
        }
        list.accept(mint, self.list.as_ref(), now)?;
        let listed = chains.iter().all(|chain| {
            let key = chain.key();
            let head = list.heads().iter().find(|head| head.unit == key.unit && head.redemption == key.redemption);
            head.is_some_and(|head| head.head == chain.head())
        });
        if !listed || list.heads().len() != chains.len() {
            return Err(KeyringError::Inconsistent);
        }
        Ok(Self::assemble(list, chains))
    }

    /// The list and all keysets, as they are kept.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Some(list) = self.list.clone() else { return Vec::new() };
        let keysets = self.chains.iter().flat_map(Chain::iter).map(|keyset| keyset.document().clone()).collect();
        // Strings and lists of strings: writing them cannot fail.
        serde_json::to_vec(&KeysetsAnswer { list, keysets }).unwrap_or_default()
    }

    /// Reads what was kept, and verifies it as if the mint had sent it on the day.
    pub(super) fn from_bytes(mint: &MintId, bytes: &[u8]) -> Result<Self, KeyringError> {
        let answer: KeysetsAnswer = serde_json::from_slice(bytes).map_err(|_| StoreError::Stopped)?;
        let at = answer.list.issued_at();
        Self::default().follow(mint, answer, at)
    }

    fn assemble(list: KeysetList, chains: Vec<Chain>) -> Self {
        let mut known = KnownKeysets::new();
        for keyset in chains.iter().flat_map(Chain::iter) {
            known.insert(Arc::clone(keyset), Some(&list));
        }
        Self { list: Some(list), chains, known: Arc::new(known), refused: false }
    }
}
