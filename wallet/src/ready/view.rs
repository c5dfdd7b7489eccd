//! What people are shown of their stock.

use farthing_protocol::amount::{Amount, Denomination, Unit};
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::Redemption;

use super::holdings::Holdings;
use super::plan;
use super::policy::{self, StockPolicy};
use super::work::{renewals, withdrawal};
use crate::error::{MintError, StoreError};
use crate::stock::{self, TokenState};
use crate::wallet::Wallet;

/// Not more planned swaps than this are counted.
const MOST_SWAPS: usize = 10_000;

/// The stock of one unit of one mint, and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StockView {
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// What is to be kept ready.
    pub policy: StockPolicy,
    /// What can be paid, of all keysets.
    pub available: Amount,
    /// By denomination, ascending: each that is held or wanted.
    pub lines: Vec<StockLine>,
    /// So many payments of any usual amount can be made for sure, one after the other, without a swap.
    pub covers: u32,
    /// So many swaps are to be made by the plan, ten thousand at most.
    pub planned_swaps: usize,
    /// So many swaps are to be made to renew tokens that end soon.
    pub renewals: u32,
    /// So many tokens came back from the words and were not renewed yet: they are not paid before.
    pub unchecked: usize,
    /// The bundle that would be withdrawn, by its number.
    pub withdrawal: Option<u8>,
}

/// Tokens of one denomination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StockLine {
    /// The denomination.
    pub denomination: Denomination,
    /// How many are there.
    pub held: u32,
    /// How many the policy wants.
    pub wanted: u32,
    /// How many of those can be had of what the stock is worth.
    pub attainable: u32,
}

impl Wallet {
    /// What is kept of one unit of one mint, what is wanted, and what is to be done about it. Nothing is asked of anybody.
    ///
    /// # Errors
    /// [`MintError::Unknown`], [`MintError::NoSuchUnit`], [`MintError::Store`].
    pub async fn stock_view(&self, mint: &MintId, unit: &Unit) -> Result<StockView, MintError> {
        let mint = self.inner.mint(mint)?;
        let chain = mint.chain(unit, &Redemption::Open).ok_or(MintError::NoSuchUnit)?;
        let (id, of) = (mint.id, unit.clone());
        let look = move |tx: &mut crate::vault::Tx<'_, '_>| Ok((policy::load(tx, &id, &of)?, stock::live(tx)?));
        let (policy, live) = self.inner.vault.run::<_, StoreError>(look).await?;
        let holdings = Holdings::of(&mint, chain, &live, self.inner.now());
        let available = holdings.worth().ok_or(StoreError::TooLarge)?;
        let wanted = policy.wanted();
        let unchecked = live.iter().filter(|(key, token)| {
            token.restored && token.state == TokenState::Available && chain.get(&key.keyset).is_some()
        });
        Ok(StockView {
            mint: mint.id,
            unit: unit.clone(),
            policy,
            available,
            lines: lines(&holdings, available, wanted),
            covers: plan::covered(&holdings.all(), wanted.digits),
            planned_swaps: plan::all(holdings.stock(), wanted, MOST_SWAPS).len(),
            renewals: renewals(&holdings),
            unchecked: unchecked.count(),
            withdrawal: holdings.issuing.as_ref().and_then(|issuing| withdrawal(&holdings, issuing, &policy)),
        })
    }
}

fn lines(holdings: &Holdings, available: Amount, wanted: plan::Wanted) -> Vec<StockLine> {
    let sizes = plan::sizes(available.units(), wanted);
    let all = holdings.all();
    let line = |denomination| {
        let held = all.iter().filter_map(|counts| counts.get(&denomination)).copied().fold(0, u32::saturating_add);
        let is_usual = denomination.exponent() < wanted.digits;
        StockLine {
            denomination,
            held,
            wanted: if is_usual { u32::from(wanted.sets) } else { 0 },
            attainable: plan::wanted_count(&sizes, denomination),
        }
    };
    let lines = (0..Denomination::COUNT).filter_map(Denomination::new).map(line);
    lines.filter(|line| line.held > 0 || line.wanted > 0).collect()
}
