//! What a server may be paid without being asked about each time.

use std::fmt;

use farthing_http::client::{Endpoint, UrlError};
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};

use crate::error::StoreError;
use crate::operation::{Body, Delivery, Operation};
use crate::vault::Tx;
use crate::wallet::Wallet;

/// How much the server of an origin may be paid in a unit, and how much of that it was.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// Scheme, host and port: `https://shop.example`.
    pub origin: String,
    /// The unit.
    pub unit: Unit,
    /// How much.
    pub limit: Amount,
    /// What was paid or is reserved. What is taken back counts no more.
    pub spent: Amount,
    /// From when on it counts.
    pub since: UnixTime,
    /// After so many seconds it counts from nothing again; never without.
    pub window: Option<u64>,
}

impl Budget {
    /// What is left of it.
    pub fn left(&self) -> Amount {
        self.limit.checked_sub(self.spent).unwrap_or(Amount::ZERO)
    }

    /// As it stands at a time: with a window that has passed, it begins anew.
    fn at(mut self, now: UnixTime) -> Self {
        if self.window.is_some_and(|seconds| now >= self.since.plus(seconds)) {
            (self.spent, self.since) = (Amount::ZERO, now);
        }
        self
    }

    fn is_of(&self, origin: &str, unit: &Unit) -> bool {
        self.origin == origin && self.unit == *unit
    }
}

/// Why a budget cannot be set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not an address.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A window of no length.
    #[error("a budget's window must be longer than nothing")]
    Window,
    /// There are as many budgets as are kept.
    #[error("there are too many budgets; remove some")]
    TooMany,
}

/// The most budgets that are kept.
const MAX_BUDGETS: usize = 1000;

impl Wallet {
    /// Lets the server of a URL be paid up to a limit in each window, from now on. Another budget of the same origin and unit is
    /// replaced; what was spent of it counts no more.
    ///
    /// # Errors
    /// A [`BudgetError`].
    pub async fn set_budget(
        &self,
        url: &str,
        unit: &Unit,
        limit: Amount,
        window: Option<u64>,
    ) -> Result<Budget, BudgetError> {
        if window == Some(0) {
            return Err(BudgetError::Window);
        }
        let origin = Endpoint::parse(url)?.origin();
        let (spent, since) = (Amount::ZERO, self.inner.now());
        let budget = Budget { origin, unit: unit.clone(), limit, spent, since, window };
        let kept = budget.clone();
        self.inner
            .vault
            .run(move |tx| {
                let mut all = load(tx)?;
                all.retain(|other| !other.is_of(&kept.origin, &kept.unit));
                if all.len() >= MAX_BUDGETS {
                    return Err(BudgetError::TooMany);
                }
                all.push(kept);
                Ok(store(tx, all)?)
            })
            .await?;
        Ok(budget)
    }

    /// Forgets a budget. `false`: there was none.
    ///
    /// # Errors
    /// A [`BudgetError`].
    pub async fn remove_budget(&self, url: &str, unit: &Unit) -> Result<bool, BudgetError> {
        let (origin, unit) = (Endpoint::parse(url)?.origin(), unit.clone());
        let removed = self.inner.vault.run::<_, StoreError>(move |tx| {
            let mut all = load(tx)?;
            let before = all.len();
            all.retain(|budget| !budget.is_of(&origin, &unit));
            let removed = all.len() < before;
            store(tx, all)?;
            Ok(removed)
        });
        Ok(removed.await?)
    }

    /// All budgets, as they stand now.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn budgets(&self) -> Result<Vec<Budget>, StoreError> {
        let now = self.inner.now();
        let all = self.inner.vault.run::<_, StoreError>(|tx| load(tx)).await?;
        Ok(all.into_iter().map(|budget| budget.at(now)).collect())
    }
}

/// The budget of an origin and unit, if there is one.
pub(crate) fn find(tx: &Tx<'_, '_>, origin: &str, unit: &Unit, now: UnixTime) -> Result<Option<Budget>, StoreError> {
    let all = load(tx)?;
    Ok(all.into_iter().find(|budget| budget.is_of(origin, unit)).map(|budget| budget.at(now)))
}

/// Takes an amount from a budget as it was [found](find) in this transaction.
pub(crate) fn take(tx: &mut Tx<'_, '_>, mut budget: Budget, amount: Amount) -> Result<(), StoreError> {
    budget.spent = budget.spent.checked_add(amount).ok_or(StoreError::TooLarge)?;
    replace(tx, budget)
}

/// Gives back what an operation took from a budget, when nothing was paid after all.
pub(crate) fn give_back(tx: &mut Tx<'_, '_>, operation: &Operation) -> Result<(), StoreError> {
    let Body::Pay(pay) = &operation.body else { return Ok(()) };
    let Delivery::Http(exchange) = &pay.delivery else { return Ok(()) };
    let Ok(url) = Endpoint::parse(&exchange.url) else { return Ok(()) };
    let (origin, unit) = (url.origin(), &operation.unit);
    let Some(mut budget) = load(tx)?.into_iter().find(|budget| budget.is_of(&origin, unit)) else { return Ok(()) };
    // Taken from an earlier window, or from a budget that was replaced since.
    if operation.created_at < budget.since {
        return Ok(());
    }
    budget.spent = budget.spent.checked_sub(operation.amount).unwrap_or(Amount::ZERO);
    replace(tx, budget)
}

fn replace(tx: &mut Tx<'_, '_>, changed: Budget) -> Result<(), StoreError> {
    let mut all = load(tx)?;
    for budget in all.iter_mut().filter(|budget| budget.is_of(&changed.origin, &changed.unit)) {
        *budget = changed.clone();
    }
    store(tx, all)
}

/// One value for all: a key of its own would show whom the wallet pays.
const KEY: &[u8] = b"budgets";

struct Budgets(Vec<Budget>);

fn load(tx: &Tx<'_, '_>) -> Result<Vec<Budget>, StoreError> {
    Ok(tx.get_large::<Budgets>(KEY)?.map(|budgets| budgets.0).unwrap_or_default())
}

fn store(tx: &mut Tx<'_, '_>, budgets: Vec<Budget>) -> Result<(), StoreError> {
    tx.put_large(KEY, &Budgets(budgets))
}

/// Whom somebody pays is nobody's business.
impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Budget(<redacted>)")
    }
}

impl Encode for Budget {
    fn encode_to(&self, out: &mut Writer) {
        out.text(&self.origin);
        out.part(&self.unit);
        out.part(&self.limit);
        out.part(&self.spent);
        out.part(&self.since);
        out.u8(u8::from(self.window.is_some()));
        out.u64(self.window.unwrap_or_default());
    }
}

impl Decode for Budget {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let origin = input.text(usize::from(u16::MAX))?.to_owned();
        let (unit, limit, spent, since) = (input.part()?, input.part()?, input.part()?, input.part()?);
        let has_window = match input.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::UnknownTag),
        };
        let window = Some(input.u64()?).filter(|_| has_window);
        Ok(Self { origin, unit, limit, spent, since, window })
    }
}

impl Encode for Budgets {
    fn encode_to(&self, out: &mut Writer) {
        out.list(&self.0);
    }
}

impl Decode for Budgets {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.list(MAX_BUDGETS).map(Self)
    }
}

impl Wire for Budgets {}
