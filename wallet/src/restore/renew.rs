//! Renewing what came back from the words, one token at a time.

use std::sync::Arc;

use farthing_protocol::amount::Amount;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;
use rand::seq::IndexedRandom;

use crate::error::{IssueError, StoreError};
use crate::mints::Mint;
use crate::operation::{Body, Issue, Operation, Source};
use crate::stock::{self, StoredToken, TokenKey, TokenState};
use crate::wallet::{Inner, Wallet, Working};

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
    /// suspected ones. Nothing if there is none left that can be renewed.
    ///
    /// Each call shows the mint one token, on connections of its own. Calls spread over time keep the tokens apart.
    ///
    /// # Errors
    /// An [`IssueError`]: [`IssueError::Pending`] when the outcome is not known; the operation then stays.
    pub async fn renew_restored(&self) -> Result<Option<Renewal>, IssueError> {
        let Some(working) = self.inner.reserve_restored().await? else { return Ok(None) };
        let (op, inner) = (working.op, &self.inner);
        let amount = inner.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?.amount;
        match inner.begin_issue(working).await {
            Ok(issued) => Ok(Some(Renewal::Renewed(issued.amount))),
            Err(IssueError::SpentElsewhere { .. }) => Ok(Some(Renewal::Spent(amount))),
            Err(error) => Err(error),
        }
    }

    /// Renews all of them now, each alone.
    ///
    /// # Errors
    /// As [`renew_restored`](Self::renew_restored); what was renewed before stays.
    ///
    /// # Security
    /// The mint sees many renewals at one time and may take them for one wallet's. [`renew_restored`](Self::renew_restored) called
    /// now and then shows less.
    pub async fn confirm_restored(&self) -> Result<Confirmed, IssueError> {
        let mut confirmed = Confirmed::default();
        while let Some(renewal) = self.renew_restored().await? {
            match renewal {
                Renewal::Renewed(amount) => {
                    confirmed.renewed = confirmed.renewed.saturating_add(1);
                    confirmed.amount = confirmed.amount.checked_add(amount).ok_or(StoreError::TooLarge)?;
                }
                Renewal::Spent(_) => confirmed.spent = confirmed.spent.saturating_add(1),
            }
        }
        Ok(confirmed)
    }
}

impl Inner {
    /// Keeps the renewal of one token, and reserves it.
    async fn reserve_restored(self: &Arc<Self>) -> Result<Option<Working>, IssueError> {
        let mut mints = Vec::new();
        for mint in self.all_mints() {
            // A mint that is not used has nothing to say about the others' tokens.
            if mint.usable().is_ok() {
                mints.push(self.current_mint(&mint.id).await?);
            }
        }
        let now = self.now();
        self.create(move |tx| {
            let live = stock::live(tx)?;
            let candidates = |suspected: bool| -> Vec<(TokenKey, &StoredToken, &Arc<Keyset>)> {
                let wanted = |(key, token): &(TokenKey, StoredToken)| {
                    let waits = token.restored && token.suspected == suspected;
                    (waits && token.state == TokenState::Available).then_some(*key)
                };
                let find = |pair| Some((wanted(pair)?, &pair.1, spendable(&mints, pair, now)?));
                live.iter().filter_map(find).collect()
            };
            let mut rng = rand::rng();
            let chosen = candidates(false).choose(&mut rng).copied();
            let chosen = chosen.or_else(|| candidates(true).choose(&mut rng).copied());
            let Some((key, token, keyset)) = chosen else { return Ok(None) };
            let (terms, amount) = (keyset.terms(), token.denomination.value());
            let id = Operation::next_id(tx)?;
            stock::reserve(tx, key, id)?;
            let issue = Issue::new(Shape::Renew(amount), terms.redemption, Source::Tokens(vec![key]));
            let (mint, unit) = (terms.mint, terms.unit.clone());
            Operation { id, created_at: now, mint, unit, amount, body: Body::Issue(Box::new(issue)), ended: None }
                .keep(tx)?;
            Ok(Some(id))
        })
        .await
    }
}

/// The keyset of a token that can still be renewed.
fn spendable<'m>(
    mints: &'m [Arc<Mint>],
    (key, token): &(TokenKey, StoredToken),
    now: farthing_protocol::amount::UnixTime,
) -> Option<&'m Arc<Keyset>> {
    let mint = mints.iter().find(|mint| mint.id == token.mint)?;
    mint.keyset(&key.keyset).filter(|keyset| mint.is_spendable(keyset, now))
}
