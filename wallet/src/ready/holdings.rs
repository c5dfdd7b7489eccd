//! What a wallet holds of one chain, sorted by what may be done with it.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::keyset::{Chain, Keyset};

use super::ending;
use super::plan::Stock;
use crate::exact::counts;
use crate::mints::Mint;
use crate::plan::{Counts, worth};
use crate::stock::{StoredToken, TokenKey};

/// Tokens that are not spent.
pub(crate) type Live = [(TokenKey, StoredToken)];

/// Keysets of one chain that can be spent.
pub(crate) struct Holdings {
    /// The one that issues now, if one does.
    pub(crate) issuing: Option<Arc<Keyset>>,
    /// Those that end soon while the one that issues now ends later, the first to end before the others: their tokens are renewed.
    pub(crate) ending: Vec<(Arc<Keyset>, Counts)>,
    /// The other ones, the first to end before the others.
    pub(crate) older: Vec<(Arc<Keyset>, Counts)>,
    /// Of the one that issues now.
    pub(crate) active: Counts,
}

impl Holdings {
    /// From local data only. The list may be over: whoever then swaps fetches it first.
    pub(crate) fn of(mint: &Mint, chain: &Chain, live: &Live, now: UnixTime) -> Self {
        let issuing = chain.active(now, mint.list.revocations()).filter(|keyset| mint.is_spendable(keyset, now));
        let mut others: Vec<&Arc<Keyset>> = chain.iter().filter(|keyset| mint.is_spendable(keyset, now)).collect();
        others.retain(|keyset| issuing.is_none_or(|issuing| issuing.id() != keyset.id()));
        others.sort_by_key(|keyset| (keyset.terms().spend_until, keyset.terms().sequence));
        let ends_before = |keyset: &Keyset| {
            issuing.is_some_and(|issuing| ending::is_due(keyset.terms(), issuing.terms().spend_until, now))
        };
        let (ending, older): (Vec<_>, Vec<_>) = others.into_iter().partition(|keyset| ends_before(keyset));
        let count = |keysets: Vec<&Arc<Keyset>>| {
            keysets.into_iter().map(|keyset| (Arc::clone(keyset), counts(live, keyset))).collect()
        };
        Self {
            ending: count(ending),
            older: count(older),
            active: issuing.map(|keyset| counts(live, keyset)).unwrap_or_default(),
            issuing: issuing.cloned(),
        }
    }

    /// What the plan is made from.
    pub(crate) fn stock(&self) -> Stock {
        Stock {
            older: self.older.iter().map(|(_, counts)| counts.clone()).collect(),
            active: self.active.clone(),
            denominations: self.issuing.as_ref().map_or(0, |keyset| denominations(keyset)),
        }
    }

    /// Everything that can be paid, by keyset.
    pub(crate) fn all(&self) -> Vec<Counts> {
        let others = self.ending.iter().chain(&self.older).map(|(_, counts)| counts.clone());
        others.chain([self.active.clone()]).collect()
    }

    /// What can be paid; nothing if amounts do not reach.
    pub(crate) fn worth(&self) -> Option<Amount> {
        self.all().iter().map(worth).try_fold(Amount::ZERO, |sum, part| sum.checked_add(part?))
    }
}

/// How many denominations a keyset has.
pub(crate) fn denominations(keyset: &Keyset) -> u8 {
    u8::try_from(keyset.keys().len()).unwrap_or(u8::MAX)
}
