//! Mints: what the wallet was shown of each, whom the user confirmed, who was caught cheating.

use std::sync::Arc;

use farthing_http::client::BaseUrl;
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::api::KeysetsAnswer;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{
    Chain, ChainError, Keyset, KeysetDocument, KeysetList, ListError, Misconduct, Redemption, Relation,
};

use crate::error::{MintError, StoreError};
use crate::vault::Tx;

/// A mint as it is kept.
pub(crate) struct MintRecord {
    pub(crate) url: BaseUrl,
    pub(crate) pinned: bool,
    pub(crate) refused: bool,
    pub(crate) list: KeysetList,
    pub(crate) documents: Vec<KeysetDocument>,
}

/// A mint with its chains verified.
pub(crate) struct Mint {
    pub(crate) id: MintId,
    pub(crate) url: BaseUrl,
    pub(crate) pinned: bool,
    pub(crate) refused: bool,
    pub(crate) list: KeysetList,
    pub(crate) chains: Vec<Chain>,
}

/// Why an answer is not accepted.
pub(crate) enum Rejection {
    /// Nothing is proven: the answer may come from somebody else, or be cut short.
    Refused(MintError),
    /// Two signed keysets with one sequence number.
    Misconduct(Box<Misconduct>),
    /// Two signed lists that contradict each other.
    Lists,
    /// Signed keysets that do not make the chains of the signed list.
    Chain,
}

impl Mint {
    /// Verifies an answer: the first one of a mint, or one that must extend what is known.
    pub(crate) fn accept(
        known: Option<&Self>,
        url: &BaseUrl,
        answer: KeysetsAnswer,
        now: UnixTime,
    ) -> Result<Self, Rejection> {
        let KeysetsAnswer { list, keysets } = answer;
        let id = known.map_or(*list.mint(), |mint| mint.id);
        list.accept(&id, known.map(|mint| &mint.list), now).map_err(|error| match error {
            ListError::Contradiction | ListError::WentBack => Rejection::Lists,
            ListError::InvalidSignature if known.is_some_and(|mint| mint.id != *list.mint()) => {
                Rejection::Refused(MintError::WrongIdentity)
            }
            other => Rejection::Refused(MintError::List(other)),
        })?;
        let mut chains = known.map(|mint| mint.chains.clone()).unwrap_or_default();
        extend(&mut chains, &id, &list, keysets)?;
        check_heads(&chains, &list)?;
        Ok(Self {
            id,
            url: url.clone(),
            pinned: known.is_some_and(|mint| mint.pinned),
            refused: known.is_some_and(|mint| mint.refused),
            list,
            chains,
        })
    }

    /// Reads what was kept.
    pub(crate) fn from_record(record: MintRecord) -> Result<Self, StoreError> {
        let MintRecord { url, pinned, refused, list, documents } = record;
        let id = *list.mint();
        let mut chains = Vec::new();
        extend(&mut chains, &id, &list, documents).map_err(|_| StoreError::Damaged)?;
        Ok(Self { id, url, pinned, refused, list, chains })
    }

    pub(crate) fn to_record(&self) -> MintRecord {
        MintRecord {
            url: self.url.clone(),
            pinned: self.pinned,
            refused: self.refused,
            list: self.list.clone(),
            documents: self.chains.iter().flat_map(Chain::iter).map(|keyset| keyset.document().clone()).collect(),
        }
    }

    /// Requires that the user confirmed this mint and that it was not caught cheating.
    pub(crate) fn usable(&self) -> Result<(), MintError> {
        if self.refused {
            return Err(MintError::Refused);
        }
        if self.pinned { Ok(()) } else { Err(MintError::NotPinned) }
    }

    pub(crate) fn chain(&self, unit: &Unit, redemption: &Redemption) -> Option<&Chain> {
        self.chains.iter().find(|chain| {
            let key = chain.key();
            key.unit == *unit && key.redemption == *redemption
        })
    }

    pub(crate) fn keyset(&self, id: &KeysetId) -> Option<&Arc<Keyset>> {
        self.chains.iter().find_map(|chain| chain.get(id))
    }

    /// The keyset that issues now, while the list is current. A revoked one does not, also when it was revoked ahead of this clock:
    /// what it would issue could not be spent.
    pub(crate) fn active(&self, unit: &Unit, redemption: &Redemption, now: UnixTime) -> Result<Arc<Keyset>, MintError> {
        let chain = self.chain(unit, redemption).ok_or(MintError::NoSuchUnit)?;
        if !self.is_current(now) {
            return Err(MintError::NoActiveKeyset);
        }
        let active = chain.active(now, self.list.revocations());
        active.filter(|keyset| self.is_spendable(keyset, now)).cloned().ok_or(MintError::NoActiveKeyset)
    }

    /// Whether tokens of a keyset can be spent: before its end, and not revoked.
    pub(crate) fn is_spendable(&self, keyset: &Keyset, now: UnixTime) -> bool {
        now < keyset.terms().spend_until && self.list.revoked_at(keyset.id()).is_none()
    }

    pub(crate) fn is_current(&self, now: UnixTime) -> bool {
        now < self.list.valid_until()
    }

    pub(crate) fn load_all(tx: &Tx<'_, '_>) -> Result<Vec<Self>, StoreError> {
        let ids = tx.scan::<StoredId>(&[PREFIX])?;
        let load = |(_, id): (_, StoredId)| tx.get_large(&key(&id.0))?.ok_or(StoreError::Damaged);
        ids.into_iter().map(load).map(|record| record.and_then(Self::from_record)).collect()
    }

    pub(crate) fn store(tx: &mut Tx<'_, '_>, id: &MintId, record: &MintRecord) -> Result<(), StoreError> {
        tx.put(&key(id), &StoredId(*id))?;
        tx.put_large(&key(id), record)
    }
}

/// Adds keysets to the chains they belong to.
fn extend(
    chains: &mut Vec<Chain>,
    mint: &MintId,
    list: &KeysetList,
    documents: Vec<KeysetDocument>,
) -> Result<(), Rejection> {
    for document in documents {
        let keyset = document.verify().map_err(|_| Rejection::Refused(MintError::BadKeysets))?;
        if keyset.terms().mint != *mint {
            return Err(Rejection::Refused(MintError::BadKeysets));
        }
        let keyset = Arc::new(keyset);
        let key = keyset.terms().chain_key();
        let extended = match chains.iter_mut().find(|chain| chain.key() == key) {
            Some(chain) => chain.extend(keyset, list.revocations()),
            None => Chain::start(keyset).map(|chain| chains.push(chain)),
        };
        extended.map_err(|error| match error {
            ChainError::Misconduct(proof) => Rejection::Misconduct(proof),
            ChainError::Overlap | ChainError::KeyReused => Rejection::Chain,
            _ => Rejection::Refused(MintError::BadKeysets),
        })?;
    }
    Ok(())
}

/// Requires that every chain ends at its listed head, and that every head has its chain.
fn check_heads(chains: &[Chain], list: &KeysetList) -> Result<(), Rejection> {
    for head in list.heads() {
        let is_its = |chain: &&Chain| chain.key().unit == head.unit && chain.key().redemption == head.redemption;
        let chain = chains.iter().find(is_its).ok_or(Rejection::Refused(MintError::BadKeysets))?;
        match chain.relation(&head.head) {
            Relation::Known if chain.head() == head.head => {}
            Relation::Differs => return Err(Rejection::Chain),
            Relation::Known | Relation::Newer => return Err(Rejection::Refused(MintError::BadKeysets)),
        }
    }
    if chains.len() == list.heads().len() { Ok(()) } else { Err(Rejection::Refused(MintError::BadKeysets)) }
}

const PREFIX: u8 = b'm';

fn key(id: &MintId) -> Vec<u8> {
    [[PREFIX].as_slice(), id.as_bytes()].concat()
}

/// A mint's id as a value of its own.
struct StoredId(MintId);

impl Encode for StoredId {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.0);
    }
}

impl Decode for StoredId {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.part().map(Self)
    }
}

impl Wire for StoredId {}

impl Encode for MintRecord {
    fn encode_to(&self, out: &mut Writer) {
        out.text(self.url.as_str());
        out.u8(u8::from(self.pinned));
        out.u8(u8::from(self.refused));
        out.part(&self.list);
        out.list(&self.documents);
    }
}

impl Decode for MintRecord {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let flag = |byte: u8| match byte {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::UnknownTag),
        };
        Ok(Self {
            url: BaseUrl::parse(input.text(usize::from(u16::MAX))?).map_err(|_| DecodeError::NonCanonicalText)?,
            pinned: flag(input.u8()?)?,
            refused: flag(input.u8()?)?,
            list: input.part()?,
            documents: input.list(usize::from(u16::MAX))?,
        })
    }
}

impl Wire for MintRecord {}
