//! The mint's keysets: their chains, which of them issues, and what was revoked.

use std::collections::BTreeMap;
use std::sync::Arc;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Chain, ChainError, Keyset, KeysetDocument, ListedHead, Redemption, Revocation};
use farthing_verifier::check::KnownKeysets;
use serde::{Deserialize, Serialize};

use crate::ledger::{KeysetFacts, LedgerError, Tombstone};

/// All keysets at one moment. Replaced whole when one is added or revoked.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeysetBook {
    chains: Vec<Chain>,
    /// As the list says, or will say.
    revocations: Vec<Revocation>,
    /// What stayed of keysets that are over for good.
    tombstones: BTreeMap<KeysetId, Remains>,
    /// Here the earliest time counts at which a keyset was revoked, published or not.
    known: KnownKeysets,
}

/// What the operator is told of a keyset that is over for good.
#[derive(Clone, Copy, Debug)]
struct Remains {
    buried_at: UnixTime,
    lapsed: Amount,
}

/// What a keyset may be used for at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysetState {
    /// Published ahead: it will issue later.
    Announced,
    /// Its tokens are issued.
    Issuing,
    /// Its tokens can be spent, and are not issued any more.
    Spendable,
    /// Payees can still deposit its tokens.
    Depositable,
    /// Its time is over.
    Ended,
    /// It is over for good: only its tombstone is left, and no clock brings it back.
    Buried,
    /// It was revoked.
    Revoked,
}

/// A keyset as its operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysetSummary {
    /// The keyset.
    pub keyset: KeysetId,
    /// Its place in its chain.
    pub sequence: u64,
    /// The unit's code.
    pub unit: String,
    /// The unit's decimals.
    pub exponent: u8,
    /// The payee it is closed to, if it is not open.
    pub closed_to: Option<farthing_protocol::identity::PayeeKey>,
    /// How many denominations it has.
    pub denominations: u8,
    /// What is taken of a withdrawal, in parts per million.
    pub withdrawal_fee_ppm: u32,
    /// What is taken of a deposit, in parts per million.
    pub deposit_fee_ppm: u32,
    /// What it may be used for now.
    pub state: KeysetState,
    /// Start of the issue window.
    pub active_from: UnixTime,
    /// End of the issue window.
    pub issue_until: UnixTime,
    /// Tokens can be spent before this.
    pub spend_until: UnixTime,
    /// Payees can deposit before this.
    pub deposit_until: UnixTime,
    /// When it was revoked, if it was.
    pub revoked_at: Option<UnixTime>,
    /// Since when it is known that somebody else signs with its key, if he does.
    #[serde(default)]
    pub forged_at: Option<UnixTime>,
    /// When it was buried, if it was.
    pub buried_at: Option<UnixTime>,
    /// What of its tokens was never redeemed, and can never be; known once it is buried.
    pub lapsed: Option<Amount>,
}

impl KeysetBook {
    /// Links the keysets into chains, from the first of each on.
    pub(crate) fn new(mut keysets: Vec<Arc<Keyset>>, revocations: Vec<Revocation>) -> Result<Self, ChainError> {
        // In the order of a signed list, whatever order the folder gave.
        let order = |keyset: &Arc<Keyset>| {
            let terms = keyset.terms();
            (terms.unit.clone(), terms.redemption, terms.sequence)
        };
        keysets.sort_by_key(order);
        let mut book = Self { revocations, ..Self::default() };
        for keyset in keysets {
            book.add(keyset)?;
        }
        Ok(book)
    }

    /// The same without the ledger, in which revocations are. Windows of a chain overlap only where the earlier keyset was revoked.
    pub(crate) fn without_ledger(keysets: Vec<Arc<Keyset>>) -> Result<Self, ChainError> {
        let replaced_at = |keyset: &Keyset| {
            let terms = keyset.terms();
            let later = keysets
                .iter()
                .map(|later| later.terms())
                .filter(|later| later.chain_key() == terms.chain_key() && later.sequence > terms.sequence);
            let overlapping =
                later.filter(|later| later.active_from < terms.issue_until && terms.active_from < later.issue_until);
            overlapping.map(|later| later.active_from).min()
        };
        let revoked = |keyset: &Arc<Keyset>| {
            replaced_at(keyset).map(|revoked_at| Revocation { keyset: *keyset.id(), revoked_at })
        };
        let revocations = keysets.iter().filter_map(revoked).collect();
        Self::new(keysets, revocations)
    }

    /// Adds the next keyset of a chain, or the first of a new one.
    pub(crate) fn add(&mut self, keyset: Arc<Keyset>) -> Result<(), ChainError> {
        let key = keyset.terms().chain_key();
        match self.chains.iter_mut().find(|chain| chain.key() == key) {
            Some(chain) => chain.extend(Arc::clone(&keyset), &self.revocations)?,
            None => self.chains.push(Chain::start(Arc::clone(&keyset))?),
        }
        if self.known.get(keyset.id()).is_none() {
            self.known.insert(Arc::clone(&keyset), None);
        }
        if let Some(listed) = self.listed_at(keyset.id()) {
            self.known.revoke(keyset.id(), listed);
        }
        Ok(())
    }

    /// The same keysets with more revocations. None is ever taken back, in whatever order they arrive here. Of two of one keyset the earlier
    /// counts, and the first is listed.
    pub(crate) fn with_revocations(&self, revocations: Vec<Revocation>) -> Self {
        let mut book = self.clone();
        for revocation in revocations {
            book.known.revoke(&revocation.keyset, revocation.revoked_at);
            if book.listed_at(&revocation.keyset).is_none() {
                book.revocations.push(revocation);
            }
        }
        book.revocations.sort_by_key(|revocation| revocation.keyset);
        book
    }

    /// The same keysets with revocations that were published: they are listed from now on, even if another time was noted here. If that
    /// was earlier, it is when the keyset's use ends here.
    pub(crate) fn with_published(&self, revocations: &[Revocation]) -> Self {
        let mut book = self.clone();
        book.revocations.retain(|own| revocations.iter().all(|published| published.keyset != own.keyset));
        book.with_revocations(revocations.to_vec())
    }

    /// Whether only a tombstone is left of a keyset, or will be.
    pub(crate) fn is_buried(&self, keyset: &KeysetId) -> bool {
        self.tombstones.contains_key(keyset)
    }

    /// The same keysets with more tombstones. None is ever taken away.
    pub(crate) fn with_tombstones(&self, tombstones: BTreeMap<KeysetId, Tombstone>) -> Result<Self, LedgerError> {
        let mut book = self.clone();
        for (keyset, tombstone) in tombstones {
            let remains = Remains { buried_at: tombstone.buried_at, lapsed: tombstone.lapsed()? };
            book.known.bury(&keyset);
            book.tombstones.insert(keyset, remains);
        }
        Ok(book)
    }

    /// Keysets whose records can be dropped: payees can deposit no more, and they were neither buried nor revoked. How long those that were
    /// revoked are kept, the ledger knows.
    pub(crate) fn to_bury(&self, now: UnixTime) -> impl Iterator<Item = &Arc<Keyset>> {
        self.with_records().filter(move |keyset| now >= keyset.terms().deposit_until)
    }

    /// When the next of them ends that has not.
    pub(crate) fn next_end(&self, now: UnixTime) -> Option<UnixTime> {
        self.with_records().map(|keyset| keyset.terms().deposit_until).filter(|end| *end > now).min()
    }

    fn with_records(&self) -> impl Iterator<Item = &Arc<Keyset>> {
        self.iter()
            .filter(|keyset| !self.tombstones.contains_key(keyset.id()) && self.revoked_at(keyset.id()).is_none())
    }

    /// When the next keyset of a chain is to be made, so many seconds before its last one ceases to issue. Nothing if that is left to
    /// the operator: there is no such chain yet, or its last keyset was revoked.
    pub(crate) fn next_due(&self, unit: &Unit, redemption: &Redemption, ahead: u64) -> Option<UnixTime> {
        let last = self.last_of(unit, redemption).filter(|last| self.revoked_at(last.id()).is_none())?;
        Some(last.terms().issue_until.minus(ahead))
    }

    /// When the next keyset of a chain may issue, for so many seconds at most: at once if none issues now, but
    /// never over an announced one; else when the last one ends.
    pub(crate) fn next_window(&self, last: Option<&Keyset>, now: UnixTime, seconds: u64) -> (UnixTime, UnixTime) {
        let key = last.map(|last| last.terms().chain_key());
        let chain = self.chains.iter().find(|chain| Some(chain.key()) == key);
        let windows: Vec<(UnixTime, UnixTime)> = chain
            .into_iter()
            .flat_map(Chain::iter)
            .map(|keyset| {
                let terms = keyset.terms();
                let until = self.listed_at(keyset.id()).map_or(terms.issue_until, |at| at.min(terms.issue_until));
                (terms.active_from, until)
            })
            .filter(|(from, until)| from < until && now < *until)
            .collect();
        if windows.iter().any(|(from, _)| *from <= now) {
            let from = windows.iter().map(|(_, until)| *until).max().unwrap_or(now);
            return (from, from.plus(seconds));
        }
        let announced = windows.iter().map(|(from, _)| *from).min();
        (now, announced.map_or(now.plus(seconds), |from| from.min(now.plus(seconds))))
    }

    /// Whether heads of chains are as far as a keyset: it is in this book, in a chain whose head has its number or a later one.
    pub(crate) fn reaches(&self, heads: &[ListedHead], keyset: &KeysetId) -> bool {
        let Some(terms) = self.get(keyset).map(|keyset| keyset.terms()) else { return false };
        let of_chain = |head: &&ListedHead| (&head.unit, head.redemption) == (&terms.unit, terms.redemption);
        heads.iter().find(of_chain).is_some_and(|head| head.head.sequence >= terms.sequence)
    }

    pub(crate) fn get(&self, id: &KeysetId) -> Option<&Arc<Keyset>> {
        self.chains.iter().find_map(|chain| chain.get(id))
    }

    /// Whether this is the keyset of its chain that issues now.
    pub(crate) fn is_issuing(&self, keyset: &Keyset, now: UnixTime) -> bool {
        if self.tombstones.contains_key(keyset.id()) || self.revoked_at(keyset.id()).is_some_and(|at| at <= now) {
            return false;
        }
        let key = keyset.terms().chain_key();
        let chain = self.chains.iter().find(|chain| chain.key() == key);
        chain.and_then(|chain| chain.active(now, &self.revocations)).is_some_and(|active| active.id() == keyset.id())
    }

    /// The last keyset of a chain.
    pub(crate) fn last_of(&self, unit: &Unit, redemption: &Redemption) -> Option<&Arc<Keyset>> {
        let own = |chain: &&Chain| {
            let key = chain.key();
            key.unit == *unit && key.redemption == *redemption
        };
        self.chains.iter().find(own).map(Chain::last)
    }

    /// Since when a keyset is revoked here.
    pub(crate) fn revoked_at(&self, keyset: &KeysetId) -> Option<UnixTime> {
        self.known.get(keyset).and_then(|state| state.revoked_at)
    }

    /// Since when a keyset is revoked by the list: everybody's clock for its issue window.
    pub(crate) fn listed_at(&self, keyset: &KeysetId) -> Option<UnixTime> {
        self.revocations.iter().find(|revocation| revocation.keyset == *keyset).map(|r| r.revoked_at)
    }

    /// Revocations as they are listed.
    pub(crate) fn revocations(&self) -> &[Revocation] {
        &self.revocations
    }

    pub(crate) fn known(&self) -> &KnownKeysets {
        &self.known
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Keyset>> {
        self.chains.iter().flat_map(Chain::iter)
    }

    /// Heads of all chains, in the order of a signed list.
    pub(crate) fn heads(&self) -> Vec<ListedHead> {
        let head = |chain: &Chain| {
            let key = chain.key();
            ListedHead { unit: key.unit, redemption: key.redemption, head: chain.head() }
        };
        let mut heads: Vec<ListedHead> = self.chains.iter().map(head).collect();
        heads.sort_by(|a, b| (&a.unit, &a.redemption).cmp(&(&b.unit, &b.redemption)));
        heads
    }

    /// Every document, each chain in order.
    pub(crate) fn documents(&self) -> Vec<KeysetDocument> {
        self.iter().map(|keyset| keyset.document().clone()).collect()
    }

    pub(crate) fn facts(&self) -> KeysetFacts {
        self.iter().map(|keyset| (*keyset.id(), (keyset.terms().unit.clone(), keyset.terms().fees))).collect()
    }

    pub(crate) fn summaries(&self, now: UnixTime) -> Vec<KeysetSummary> {
        self.iter().map(|keyset| self.summary(keyset, now)).collect()
    }

    fn summary(&self, keyset: &Keyset, now: UnixTime) -> KeysetSummary {
        let terms = keyset.terms();
        let (revoked_at, remains) = (self.revoked_at(keyset.id()), self.tombstones.get(keyset.id()));
        let state = match now {
            _ if remains.is_some() => KeysetState::Buried,
            _ if revoked_at.is_some_and(|at| at <= now) => KeysetState::Revoked,
            now if now < terms.active_from => KeysetState::Announced,
            now if now < terms.issue_until => KeysetState::Issuing,
            now if now < terms.spend_until => KeysetState::Spendable,
            now if now < terms.deposit_until => KeysetState::Depositable,
            _ => KeysetState::Ended,
        };
        KeysetSummary {
            keyset: *keyset.id(),
            sequence: terms.sequence,
            unit: terms.unit.code().to_owned(),
            exponent: terms.unit.exponent(),
            closed_to: match terms.redemption {
                Redemption::Open => None,
                Redemption::Closed(payee) => Some(payee),
            },
            denominations: u8::try_from(keyset.keys().len()).unwrap_or(u8::MAX),
            withdrawal_fee_ppm: terms.fees.withdrawal_ppm,
            deposit_fee_ppm: terms.fees.deposit_ppm,
            state,
            active_from: terms.active_from,
            issue_until: terms.issue_until,
            spend_until: terms.spend_until,
            deposit_until: terms.deposit_until,
            revoked_at,
            // The ledger knows.
            forged_at: None,
            buried_at: remains.map(|remains| remains.buried_at),
            lapsed: remains.map(|remains| remains.lapsed),
        }
    }
}
