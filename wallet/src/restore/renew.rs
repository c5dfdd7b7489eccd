//! Renewing what came back from the words, one token at a time.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;
use rand::seq::SliceRandom;

use crate::error::{IssueError, StoreError};
use crate::mints::Mint;
use crate::operation::{Body, Issue, Operation, Source};
use crate::restore::record;
use crate::stock::{self, StoredToken, TokenKey, TokenState};
use crate::vault::Tx;
use crate::wallet::{Inner, Wallet};

/// What became of one token that had come back from the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renewal {
    /// It is in the wallet anew, and can be paid.
    Renewed(Amount),
    /// It had been spent.
    Spent(Amount),
}

/// What became of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmed {
    /// Tokens that can be paid again.
    pub renewed: usize,
    /// Tokens that had been spent.
    pub spent: usize,
    /// Worth of those that can be paid again, all units added up.
    pub amount: Amount,
}

impl Wallet {
    /// Renews one of the tokens that came back from the words, chosen at random: first those that no filter held, then the
    /// suspected ones. Nothing if there is none left that can be renewed. First goes on with whatever was left unfinished.
    ///
    /// Each call shows the mint one token, on connections of its own. Calls spread over time keep the tokens apart.
    ///
    /// # Errors
    /// An [`IssueError`]: [`IssueError::Pending`] when the outcome is not known; the operation then stays.
    pub async fn renew_restored(&self) -> Result<Option<Renewal>, IssueError> {
        self.ready().await?;
        for token in self.inner.restored_tokens().await? {
            if let Some(renewal) = self.inner.renew_restored(token).await? {
                return Ok(Some(renewal));
            }
        }
        Ok(None)
    }

    /// Renews all of them now, each alone. First goes on with whatever was left unfinished.
    ///
    /// # Errors
    /// As [`renew_restored`](Self::renew_restored); what was renewed before stays.
    ///
    /// # Security
    /// The mint sees many renewals at one time and may take them for one wallet's. [`renew_restored`](Self::renew_restored) called
    /// now and then shows less.
    pub async fn confirm_restored(&self) -> Result<Confirmed, IssueError> {
        self.ready().await?;
        let mut confirmed = Confirmed::default();
        for token in self.inner.restored_tokens().await? {
            match self.inner.renew_restored(token).await? {
                None => {}
                Some(Renewal::Renewed(amount)) => {
                    confirmed.renewed = confirmed.renewed.saturating_add(1);
                    confirmed.amount = confirmed.amount.checked_add(amount).ok_or(StoreError::TooLarge)?;
                }
                Some(Renewal::Spent(_)) => confirmed.spent = confirmed.spent.saturating_add(1),
            }
        }
        Ok(confirmed)
    }
}

impl Inner {
    /// The tokens that came back and can be renewed, in random order, the suspected ones last. Refuses when another wallet is known
    /// to use the words.
    async fn restored_tokens(&self) -> Result<Vec<TokenKey>, IssueError> {
        let mut mints = Vec::new();
        // A mint that is not used has nothing to say about the others' tokens.
        for mint in self.all_mints().into_iter().filter(|mint| mint.usable().is_ok()) {
            mints.push(self.current_mint(&mint.id).await?);
        }
        let now = self.now();
        let read = move |tx: &mut Tx<'_, '_>| {
            let ids: Vec<MintId> = mints.iter().map(|mint| mint.id).collect();
            let mut stopped = record::stopped(tx, &ids)?;
            let alone: Vec<_> = mints.into_iter().filter(|mint| !stopped.contains_key(&mint.id)).collect();
            if let (true, Some((_, why))) = (alone.is_empty(), stopped.pop_first()) {
                return Err(why);
            }
            let waits = |(_, token): &(TokenKey, StoredToken)| token.restored && token.state == TokenState::Available;
            let live = stock::live(tx)?;
            let tokens = live.iter().filter(|pair| waits(pair) && keyset_of(&alone, pair, now).is_some());
            Ok::<_, StoreError>(tokens.map(|(key, token)| (*key, token.suspected)).collect::<Vec<_>>())
        };
        let mut tokens = self.vault.run(read).await?;
        tokens.shuffle(&mut rand::rng());
        tokens.sort_by_key(|(_, suspected)| *suspected);
        Ok(tokens.into_iter().map(|(key, _)| key).collect())
    }

    /// Renews one token, unless something else took it meanwhile.
    async fn renew_restored(self: &Arc<Self>, key: TokenKey) -> Result<Option<Renewal>, IssueError> {
        let mint = self.all_mints().into_iter().find(|mint| mint.keyset(&key.keyset).is_some());
        let mint = mint.ok_or(StoreError::Damaged)?;
        let terms = mint.keyset(&key.keyset).ok_or(StoreError::Damaged)?.terms().clone();
        let now = self.now();
        let keep = move |tx: &mut Tx<'_, '_>| {
            let id = Operation::next_id(tx)?;
            let amount = stock::reserve(tx, key, id)?.denomination.value();
            let issue = Issue::new(Shape::Renew(amount), terms.redemption, Source::Tokens(vec![key]));
            let (mint, unit, body) = (terms.mint, terms.unit, Body::Issue(Box::new(issue)));
            Operation { id, created_at: now, mint, unit, amount, body, ended: None }.keep(tx)?;
            Ok(Some(id))
        };
        let working = match self.create(keep).await {
            Ok(Some(working)) => working,
            Ok(None) | Err(StoreError::Busy) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let op = working.op;
        let amount = self.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?.amount;
        match self.begin_issue(working).await {
            Ok(issued) => Ok(Some(Renewal::Renewed(issued.amount))),
            Err(IssueError::SpentElsewhere { .. }) => Ok(Some(Renewal::Spent(amount))),
            Err(error) => Err(error),
        }
    }
}

/// The keyset of a token that can still be renewed.
fn keyset_of<'m>(
    mints: &'m [Arc<Mint>],
    (key, token): &(TokenKey, StoredToken),
    now: UnixTime,
) -> Option<&'m Arc<Keyset>> {
    let mint = mints.iter().find(|mint| mint.id == token.mint)?;
    mint.keyset(&key.keyset).filter(|keyset| mint.is_spendable(keyset, now))
}
