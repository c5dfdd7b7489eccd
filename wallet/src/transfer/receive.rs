//! Somebody else's tokens, swapped for own ones at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use farthing_protocol::amount::Amount;
use farthing_protocol::derive::ReceivingIndex;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::locked::LockKey;
use farthing_protocol::shape::Shape;
use farthing_protocol::token::{CoinKey, TextToken, TextTokenContent, Token};
use sha2::{Digest, Sha256};

use super::{ReceiveError, Received, ask};
use crate::error::{IssueError, MintError, PendingCause, StoreError};
use crate::issue::is_unbegun;
use crate::mints::Mint;
use crate::operation::{Body, Foreign, Issue, OpId, Operation, Outcome, Receiving, Source};
use crate::options::Step;
use crate::stock::{self, TokenState};
use crate::vault::Tx;
use crate::views::Issued;
use crate::wallet::{Inner, Wallet};

impl Wallet {
    /// Swaps somebody else's tokens for own ones, so that nobody else can spend them any more. First goes on with whatever was left
    /// unfinished.
    ///
    /// What is worth something is kept before the mint is asked: if it cannot be reached, [`resume`](Self::resume) goes on. If somebody
    /// claimed a part, the rest arrives.
    ///
    /// # Errors
    /// A [`ReceiveError`].
    pub async fn receive(&self, token: TextToken) -> Result<Received, ReceiveError> {
        self.ready().await?;
        let inner = &self.inner;
        let (mint, keyset) = inner.keyset_of(&token).await?;
        if token.tokens().iter().any(|token| token.verify(&keyset).is_err()) {
            return Err(ReceiveError::Forged);
        }
        let (held, memo) = (token.amount(), token.memo().map(str::to_owned));
        let (tokens, index) = inner.open(&keyset, token.into_content()).await?;
        let coins: BTreeSet<[u8; 32]> = tokens.iter().map(|(token, _)| *token.coin.as_bytes()).collect();
        let (terms, unit) = (keyset.terms(), keyset.terms().unit.clone());
        let source = Source::Foreign(Foreign { keyset: *keyset.id(), tokens });
        let issue = Issue::new(Shape::Renew(held), terms.redemption, source);
        let (now, mint_id, note, own) = (inner.now(), mint.id, memo.clone(), coins.clone());
        let (keyset_id, of) = (*keyset.id(), unit.clone());
        let working = inner
            .create::<ReceiveError>(move |tx| {
                let key = key_of(&own);
                if let Some(op) = before(tx, &key, &own)? {
                    return Ok(Some(op));
                }
                check_not_own(tx, &keyset_id, &own)?;
                let id = Operation::next_id(tx)?;
                index.map_or(Ok(()), |index| ask::note_used(tx, index))?;
                let body = Body::Receive(Box::new(Receiving { memo: note, index, issue }));
                tx.put(&key, &id)?;
                Operation { id, created_at: now, mint: mint_id, unit: of, amount: held, body, ended: None }.keep(tx)?;
                Ok(Some(id))
            })
            .await?;
        let working = working.ok_or(StoreError::Busy)?;
        inner.vault.at(Step::IssueStored)?;
        let op = working.op;
        let issued = inner.swap_in(op, &coins).await?;
        let locked = index.is_some();
        Ok(Received { op, mint: mint.id, unit, amount: issued.amount, held, tokens: issued.tokens, memo, locked })
    }
}

impl Inner {
    /// Mint and keyset of a text, the list fetched if need be.
    async fn keyset_of(&self, token: &TextToken) -> Result<(Arc<Mint>, Arc<Keyset>), ReceiveError> {
        let mut mint = self.find_mint(token.mint()).ok_or(ReceiveError::UnknownMint { mint: *token.mint() })?;
        mint.usable()?;
        if mint.keyset(token.keyset()).is_none() {
            mint = self.refresh(&mint.id).await?;
        }
        let keyset = mint.keyset(token.keyset()).ok_or(ReceiveError::UnknownKeyset)?.clone();
        match mint.is_spendable(&keyset, self.now()) {
            true => Ok((mint, keyset)),
            false if mint.list.revoked_at(keyset.id()).is_some() => Err(ReceiveError::KeysetRevoked),
            false => Err(ReceiveError::KeysetEnded),
        }
    }

    /// The coin keys of a text's tokens and, if they were locked, with which key of this wallet.
    async fn open(
        &self,
        keyset: &Keyset,
        content: TextTokenContent,
    ) -> Result<(Vec<(Token, CoinKey)>, Option<ReceivingIndex>), ReceiveError> {
        let locked = match content {
            TextTokenContent::Bearer(tokens) => return Ok((tokens, None)),
            TextTokenContent::Locked(tokens) => tokens,
        };
        let next = self.vault.run::<_, StoreError>(|tx| ask::next(tx)).await?;
        let id = keyset.id();
        let opens = |key: &LockKey| {
            let open = |(token, ephemeral): &(Token, _)| {
                key.open(id, token.denomination, &token.coin, ephemeral).ok().map(|key| (*token, key))
            };
            locked.iter().map(open).collect::<Option<Vec<_>>>()
        };
        let (index, tokens) = ask::find_key(&self.seed, next, opens).ok_or(ReceiveError::LockedToAnother)?;
        Ok((tokens, Some(index)))
    }

    /// Brings a swap of somebody else's tokens to its end. Of several of which one was spent, each goes on by itself.
    async fn swap_in(self: &Arc<Self>, op: OpId, coins: &BTreeSet<[u8; 32]>) -> Result<Issued, ReceiveError> {
        match self.drive_issue(op).await {
            Ok(issued) => Ok(issued),
            // It was taken apart, now or before.
            Err(IssueError::SpentElsewhere { .. } | IssueError::Store(StoreError::NoSuchOperation))
                if coins.len() > 1 =>
            {
                let mut sum = Issued { op, amount: Amount::ZERO, tokens: 0, fee: Amount::ZERO };
                for part in self.parts(op, coins).await? {
                    let _working = self.work_on(part)?;
                    match self.drive_issue(part).await {
                        Ok(one) => {
                            sum.amount = sum.amount.checked_add(one.amount).ok_or(StoreError::TooLarge)?;
                            sum.tokens = sum.tokens.saturating_add(one.tokens);
                        }
                        Err(IssueError::SpentElsewhere { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                if sum.tokens == 0 { Err(ReceiveError::AlreadySpent) } else { Ok(sum) }
            }
            Err(IssueError::SpentElsewhere { .. }) => Err(ReceiveError::AlreadySpent),
            Err(IssueError::TokensEnded { .. }) => {
                self.drop_if(op, is_unbegun).await?;
                Err(ReceiveError::KeysetEnded)
            }
            Err(error @ IssueError::Refused { .. }) => {
                self.drop_if(op, is_unbegun).await?;
                Err(error.into())
            }
            // The tokens are kept, and asked about again.
            Err(IssueError::Mint(MintError::Call(cause))) => {
                Err(IssueError::Pending { op, cause: PendingCause::Call(cause) }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The operations into which one was taken apart.
    async fn parts(&self, whole: OpId, coins: &BTreeSet<[u8; 32]>) -> Result<Vec<OpId>, StoreError> {
        let coins = coins.clone();
        self.vault.run(move |tx| parts(tx, whole, &coins)).await
    }
}

/// The unfinished operations into which one was taken apart.
fn parts(tx: &Tx<'_, '_>, whole: OpId, coins: &BTreeSet<[u8; 32]>) -> Result<Vec<OpId>, StoreError> {
    let is_part = |operation: &Operation| {
        let Body::Receive(receiving) = &operation.body else { return false };
        let Source::Foreign(foreign) = &receiving.issue.source else { return false };
        operation.id > whole && foreign.tokens.iter().all(|(token, _)| coins.contains(token.coin.as_bytes()))
    };
    let live = Operation::all_live(tx)?;
    Ok(live.iter().filter(|operation| is_part(operation)).map(|operation| operation.id).collect())
}

/// The operation that is receiving these tokens, if there is one that goes on.
fn before(tx: &Tx<'_, '_>, key: &[u8], coins: &BTreeSet<[u8; 32]>) -> Result<Option<OpId>, ReceiveError> {
    let Some(op) = tx.get::<OpId>(key)? else { return Ok(None) };
    // Its history was forgotten: the mint knows.
    let Some(operation) = Operation::find(tx, op)? else { return Ok(None) };
    match operation.ended {
        None => Ok(Some(op)),
        Some((_, Outcome::Issued)) => Err(ReceiveError::Before { op }),
        // Somebody had a part, and the rest is still on its way.
        Some((_, Outcome::SpentElsewhere)) if !parts(tx, op, coins)?.is_empty() => Ok(Some(op)),
        Some((_, Outcome::SpentElsewhere)) => Err(ReceiveError::AlreadySpent),
        Some(_) => Ok(None),
    }
}

/// Requires that this wallet does not hold the tokens, and did not give them out itself: they would be counted twice.
fn check_not_own(tx: &Tx<'_, '_>, keyset: &KeysetId, coins: &BTreeSet<[u8; 32]>) -> Result<(), ReceiveError> {
    for (key, token) in stock::live(tx)? {
        if key.keyset == *keyset && coins.contains(token.open()?.0.coin.as_bytes()) {
            return Err(match token.state {
                TokenState::Reserved(op) => ReceiveError::Own { op },
                TokenState::Available | TokenState::Spent(_) | TokenState::Lost(_) => ReceiveError::Held,
            });
        }
    }
    Ok(())
}

/// Under which key it is kept which operation receives these tokens.
fn key_of(coins: &BTreeSet<[u8; 32]>) -> Vec<u8> {
    let all: Vec<u8> = coins.iter().flatten().copied().collect();
    [b"x".as_slice(), &Sha256::digest(&all)].concat()
}
