//! Getting exact tokens together, for whatever gives them away.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, Redemption};

use crate::error::{IssueError, MintError, StoreError};
use crate::event::Event;
use crate::issue::SwapWhat;
use crate::mints::Mint;
use crate::operation::{Body, OpId, Operation};
use crate::plan::{self, Counts, Next};
use crate::ready;
use crate::stock::{self, StoredToken, TokenKey};
use crate::vault::Tx;
use crate::wallet::{Inner, Working};

/// What exact tokens are wanted for.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) mint: MintId,
    pub(crate) redemption: Redemption,
    pub(crate) unit: Unit,
    pub(crate) amount: Amount,
    /// After this they are of no use.
    pub(crate) before: Option<UnixTime>,
    /// Whether they must last for whoever gets them: of no keyset that ends soon.
    pub(crate) lasting: bool,
}

/// Exact tokens of one keyset, ascending, reserved for the operation that is being kept.
pub(crate) struct Exact {
    pub(crate) op: OpId,
    pub(crate) keyset: KeysetId,
    pub(crate) tokens: Vec<(TokenKey, StoredToken)>,
    /// How many swaps had to be made just before.
    pub(crate) swaps: u32,
}

impl Exact {
    pub(crate) fn keys(&self) -> Vec<TokenKey> {
        self.tokens.iter().map(|(key, _)| *key).collect()
    }
}

/// Why exact tokens could not be got together.
pub(crate) enum GatherError {
    Store(StoreError),
    Mint(MintError),
    Issue(IssueError),
    Insufficient,
    TooLate,
}

impl From<StoreError> for GatherError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<MintError> for GatherError {
    fn from(error: MintError) -> Self {
        Self::Mint(error)
    }
}

impl From<IssueError> for GatherError {
    fn from(error: IssueError) -> Self {
        Self::Issue(error)
    }
}

impl Inner {
    /// What the wallet can spend of a chain.
    pub(crate) async fn spendable(
        &self,
        mint: &Mint,
        redemption: &Redemption,
        unit: &Unit,
    ) -> Result<Amount, GatherError> {
        let keysets = self.spendable_keysets(mint, redemption, unit)?;
        let live = self.vault.run::<_, StoreError>(|tx| stock::live(tx)).await?;
        let mut worth = keysets.iter().map(|keyset| plan::worth(&counts(&live, keyset)));
        let sum = worth.try_fold(Amount::ZERO, |sum, worth| sum.checked_add(worth?));
        Ok(sum.ok_or(StoreError::TooLarge)?)
    }

    /// Swaps until exact tokens are there, and keeps the operation that `keep` makes of them. What `keep` refuses leaves everything
    /// as it was.
    pub(crate) async fn with_exact<E>(
        self: &Arc<Self>,
        wanted: &Wanted,
        keep: impl Fn(&mut Tx<'_, '_>, Exact) -> Result<Body, E> + Send + Sync + 'static,
    ) -> Result<Working, E>
    where
        E: From<StoreError> + From<GatherError> + Send + 'static,
    {
        let keep = Arc::new(keep);
        let mut swaps = 0_u32;
        loop {
            if wanted.before.is_some_and(|before| self.now() >= before) {
                return Err(GatherError::TooLate.into());
            }
            // Looked up each time: a swap may have made the list be fetched, and a new keyset known.
            let mint = self.mint_to_pay_with(&wanted.mint).await.map_err(GatherError::from)?;
            let keysets = self.spendable_keysets(&mint, &wanted.redemption, &wanted.unit).map_err(GatherError::from)?;
            let lasting = self.lasting(wanted, &mint, &keysets);
            if let Some(working) = self.try_keep(wanted, &lasting, swaps, Arc::clone(&keep)).await? {
                return Ok(working);
            }
            if self.swap_once(wanted, &mint, &keysets, swaps == 0).await? {
                swaps = swaps.saturating_add(1);
            }
        }
    }

    /// Keysets of the chain that can be spent, those that end first before the others.
    fn spendable_keysets(
        &self,
        mint: &Mint,
        redemption: &Redemption,
        unit: &Unit,
    ) -> Result<Vec<Arc<Keyset>>, MintError> {
        let now = self.now();
        let chain = mint.chain(unit, redemption).ok_or(MintError::NoSuchUnit)?;
        let mut keysets: Vec<_> = chain.iter().filter(|keyset| mint.is_spendable(keyset, now)).cloned().collect();
        keysets.sort_by_key(|keyset| (keyset.terms().spend_until, keyset.terms().sequence));
        Ok(keysets)
    }

    /// Those of some keysets that last, if that is wanted, and if the mint has one to which others can be renewed.
    fn lasting(&self, wanted: &Wanted, mint: &Mint, keysets: &[Arc<Keyset>]) -> Vec<Arc<Keyset>> {
        let now = self.now();
        match mint.active(&wanted.unit, &wanted.redemption, now) {
            Ok(active) if wanted.lasting => {
                let later = active.terms().spend_until;
                keysets.iter().filter(|keyset| !ready::is_due(keyset.terms(), later, now)).cloned().collect()
            }
            _ => keysets.to_vec(),
        }
    }

    /// Keeps an operation with exact tokens of the first keyset that has them.
    async fn try_keep<E>(
        self: &Arc<Self>,
        wanted: &Wanted,
        keysets: &[Arc<Keyset>],
        swaps: u32,
        keep: Arc<impl Fn(&mut Tx<'_, '_>, Exact) -> Result<Body, E> + Send + Sync + 'static>,
    ) -> Result<Option<Working>, E>
    where
        E: From<StoreError> + Send + 'static,
    {
        let (wanted, keysets, now) = (wanted.clone(), keysets.to_vec(), self.now());
        self.create(move |tx| {
            let live = stock::live(tx)?;
            let digits = wanted.amount.digits();
            let found = keysets.iter().find_map(|k| Some((*k.id(), stock::choose(&live, k.id(), &digits)?)));
            let Some((keyset, chosen)) = found else { return Ok(None) };
            let id = Operation::next_id(tx)?;
            let tokens = chosen.into_iter().map(|(key, _)| Ok((*key, stock::reserve(tx, *key, id)?)));
            let tokens = tokens.collect::<Result<Vec<_>, StoreError>>()?;
            let body = keep(tx, Exact { op: id, keyset, tokens, swaps })?;
            let Wanted { mint, unit, amount, .. } = wanted;
            Operation { id, created_at: now, mint, unit, amount, body, ended: None }.keep(tx)?;
            Ok(Some(id))
        })
        .await
    }

    /// Makes the next swap that brings exact tokens nearer. What swaps make is of the keyset that issues now, so that everything is
    /// brought together there. `false`: somebody took tokens, or gave some back, between two looks.
    async fn swap_once(
        self: &Arc<Self>,
        wanted: &Wanted,
        mint: &Arc<Mint>,
        keysets: &[Arc<Keyset>],
        first: bool,
    ) -> Result<bool, GatherError> {
        let (amount, now) = (wanted.amount, self.now());
        if mint.active(&wanted.unit, &wanted.redemption, now).is_err() {
            self.tell(&Event::ListBeforePaying { mint: mint.id });
        }
        let active = self.active(mint, &wanted.unit, &wanted.redemption).await?;
        let live = self.vault.run::<_, StoreError>(|tx| stock::live(tx)).await?;
        if amount > active.max_amount() {
            return Err(GatherError::Insufficient);
        }
        let (from, what) = match plan::next(&counts(&live, &active), amount) {
            Next::Pay => return Ok(false),
            Next::Split(k) => (active, SwapWhat::Split(k)),
            Next::Merge(k) => (active, SwapWhat::Merge(k)),
            Next::TooLittle => {
                let older = keysets.iter().filter(|keyset| keyset.id() != active.id());
                let mut renewable = older.map(|keyset| (keyset, counts(&live, keyset))).filter(|(_, c)| !c.is_empty());
                let (keyset, counts) = renewable.next().ok_or(GatherError::Insufficient)?;
                let amount = stock::worth(counts.keys().copied())?;
                (Arc::clone(keyset), SwapWhat::Renew(amount))
            }
        };
        let working = match self.reserve_swap(mint, &wanted.redemption, vec![from], what).await {
            Ok(working) => working,
            Err(IssueError::NoSuchTokens) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if first {
            self.tell(&Event::SwapBeforePaying);
        }
        self.begin_issue(working).await?;
        Ok(true)
    }
}

/// How many tokens of a keyset can be paid, by denomination.
pub(crate) fn counts(live: &[(TokenKey, StoredToken)], keyset: &Keyset) -> Counts {
    let mut counts = Counts::new();
    for (key, token) in live {
        if key.keyset == *keyset.id() && token.is_payable() {
            let count = counts.entry(token.denomination).or_insert(0_u32);
            *count = count.saturating_add(1);
        }
    }
    counts
}
