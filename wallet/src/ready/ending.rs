//! Keysets end, and with them their tokens: when they are renewed, and when people are told.

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetTerms};

use crate::error::StoreError;
use crate::mints::Mint;
use crate::stock::{self, TokenState};
use crate::wallet::Wallet;

const DAY: u64 = 86_400;

/// So many seconds before their end people are told of tokens.
pub(crate) const WARN: u64 = 60 * DAY;

/// Closer to the end than this, renewals are made however many swaps were made already.
const LAST_DAYS: u64 = 3 * DAY;

/// Tokens of one keyset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expiry {
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// The keyset.
    pub keyset: KeysetId,
    /// Before when they must be spent or renewed.
    pub spend_until: UnixTime,
    /// What they are worth, those that unfinished operations hold included.
    pub amount: Amount,
    /// How many they are.
    pub tokens: usize,
    /// From when a refresh renews them by itself; none while the mint has no keyset that ends later.
    pub renewed_from: Option<UnixTime>,
}

impl Expiry {
    /// Whether people should be told: 60 days before the end.
    pub fn is_near(&self, now: UnixTime) -> bool {
        now >= self.spend_until.minus(WARN)
    }
}

impl Wallet {
    /// The tokens that can be spent, by the end of their keysets: those that end first come first. Nothing is asked of anybody.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn expiries(&self) -> Result<Vec<Expiry>, StoreError> {
        let live = self.inner.vault.run::<_, StoreError>(|tx| stock::live(tx)).await?;
        let now = self.inner.now();
        let mut expiries = Vec::new();
        for mint in self.inner.all_mints() {
            for keyset in mint.chains.iter().flat_map(|chain| chain.iter()) {
                let holds = |state| matches!(state, TokenState::Available | TokenState::Reserved(_));
                let held = live.iter().filter(|(key, token)| key.keyset == *keyset.id() && holds(token.state));
                let held: Vec<_> = held.map(|(_, token)| token.denomination).collect();
                if held.is_empty() || !mint.is_spendable(keyset, now) {
                    continue;
                }
                expiries.push(Expiry {
                    mint: mint.id,
                    unit: keyset.terms().unit.clone(),
                    keyset: *keyset.id(),
                    spend_until: keyset.terms().spend_until,
                    tokens: held.len(),
                    amount: stock::worth(held)?,
                    renewed_from: renewed_from(&mint, keyset, now),
                });
            }
        }
        expiries.sort_by_key(|expiry| (expiry.spend_until, expiry.keyset));
        Ok(expiries)
    }

    /// Those of [`Self::expiries`] that end within 60 days.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn expiry_warnings(&self) -> Result<Vec<Expiry>, StoreError> {
        let now = self.inner.now();
        Ok(self.expiries().await?.into_iter().filter(|expiry| expiry.is_near(now)).collect())
    }
}

fn renewed_from(mint: &Mint, keyset: &Keyset, now: UnixTime) -> Option<UnixTime> {
    let terms = keyset.terms();
    let issuing = mint.chain(&terms.unit, &terms.redemption)?.active(now, mint.list.revocations())?;
    let later = issuing.terms().spend_until > terms.spend_until && mint.is_spendable(issuing, now);
    later.then(|| terms.spend_until.minus(renewal_window(terms)))
}

/// Whether tokens are to be renewed into a keyset that ends at `later`.
pub(crate) fn is_due(terms: &KeysetTerms, later: UnixTime, now: UnixTime) -> bool {
    later > terms.spend_until && now >= terms.spend_until.minus(renewal_window(terms))
}

/// Whether renewing cannot wait any more.
pub(crate) fn is_urgent(terms: &KeysetTerms, now: UnixTime) -> bool {
    now >= terms.spend_until.minus(LAST_DAYS)
}

/// So many seconds before the end tokens are renewed: 60 days; a tenth of the time in which they can be spent, if that is more; but
/// of a keyset that does not live long only the last quarter, for else its tokens would be renewed all the time.
fn renewal_window(terms: &KeysetTerms) -> u64 {
    let life = terms.spend_until.seconds().saturating_sub(terms.active_from.seconds());
    WARN.min(life / 4).max(life / 10)
}
