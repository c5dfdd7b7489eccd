//! Which of the tokens that came back were spent, as far as the mint's filters say?

use std::collections::BTreeMap;
use std::sync::Arc;

use farthing_protocol::api::mint_path;
use farthing_protocol::archive::{ArchiveIndex, FilterHead, Fingerprinter, SpentFilter};
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::KeysetId;
use rand::seq::SliceRandom;

use super::record::{self, FilePlace, Progress, Restoring};
use super::{BadFile, RestoreError, Tally, Troubles};
use crate::error::{MintError, StoreError};
use crate::mints::Mint;
use crate::stock::{self, TokenKey};
use crate::vault::Tx;
use crate::wallet::Inner;

/// Coin keys of restored tokens.
type Coins = Arc<Vec<(TokenKey, [u8; 32])>>;

impl Inner {
    /// Looks at every filter that may hold a restored token and was not looked at yet, whole and in random order. One that cannot be
    /// read says nothing, and is looked at in the next round.
    pub(super) async fn read_filters(
        self: &Arc<Self>,
        mint: &Mint,
        index: &ArchiveIndex,
        tally: &mut Tally,
        troubles: &mut Troubles,
    ) -> Result<(), RestoreError> {
        let (id, listed) = (mint.id, index.clone());
        let (coins, mut parts, round) = self.vault.run::<_, StoreError>(move |tx| to_read(tx, &id, &listed)).await?;
        parts.shuffle(&mut rand::rng());
        tally.expect(parts.len());
        for (keyset, (period, part)) in parts {
            let Some(coins) = coins.get(&keyset).map(Arc::clone) else { continue };
            let head = index.filter(&keyset, period, part).ok_or(StoreError::Damaged)?;
            let holds = holds(index, &head).ok_or(StoreError::Damaged)?;
            match self.read_filter(mint, (head, holds), coins, round).await {
                Ok(()) => troubles.answered(),
                Err(error) => troubles.note(error)?,
            }
            self.tell(&tally.read(mint.id));
        }
        troubles.require_reached()
    }

    async fn read_filter(
        &self,
        mint: &Mint,
        (head, holds): (FilterHead, usize),
        coins: Coins,
        round: u32,
    ) -> Result<(), RestoreError> {
        let url = mint.url.join(&mint_path::spent(&head)).map_err(MintError::from)?;
        let bytes = self.fetch_file(&mint.id, &url).await?;
        let searched = tokio::task::spawn_blocking(move || hits(&bytes, &head, holds, &coins)).await;
        let hits = searched.map_err(|_| StoreError::Unavailable)??;
        self.vault
            .run::<_, StoreError>(move |tx| {
                hits.iter().try_for_each(|key| stock::suspect(tx, *key))?;
                record::note_filtered(tx, &head.keyset, (head.period, head.part), round)
            })
            .await?;
        Ok(())
    }
}

/// Parts of filters to be read: of which keyset, and which.
type Parts = Vec<(KeysetId, FilePlace)>;

/// The tokens to be looked for, the parts of filters to be read, and the round in which that is.
fn to_read(
    tx: &mut Tx<'_, '_>,
    mint: &farthing_protocol::identity::MintId,
    index: &ArchiveIndex,
) -> Result<(BTreeMap<KeysetId, Coins>, Parts, u32), StoreError> {
    let restoring = Restoring::load(tx, mint)?.ok_or(StoreError::Damaged)?;
    let mut coins: BTreeMap<KeysetId, Vec<(TokenKey, [u8; 32])>> = BTreeMap::new();
    for (key, token) in stock::all_live(tx)? {
        if token.mint == *mint && token.restored && !token.suspected {
            let coin = *token.token()?.coin.as_bytes();
            coins.entry(key.keyset).or_default().push((key, coin));
        }
    }
    let mut parts = Vec::new();
    for archived in index.keysets().iter().filter(|archived| coins.contains_key(&archived.keyset)) {
        let first_from = Progress::load(tx, &archived.keyset)?.first_from.unwrap_or_default();
        let seen = record::filtered(tx, &archived.keyset)?;
        for (period, listed) in (0..).zip(&archived.filters) {
            for part in 0..listed.parts {
                // What was found in this round may have been spent since it was issued, and was not looked for before.
                let is_done = seen.get(&(period, part)).is_some_and(|round| {
                    *round == u64::from(restoring.round)
                        || restoring.found_from.is_none_or(|from| listed.span.until() <= from)
                });
                let may_hold = first_from < listed.span.until();
                if may_hold && !is_done {
                    parts.push((archived.keyset, (period, part)));
                }
            }
        }
    }
    let coins = coins.into_iter().map(|(keyset, coins)| (keyset, Arc::new(coins))).collect();
    Ok((coins, parts, restoring.round))
}

/// How many fingerprints a part holds by the index: every part but the last is full.
fn holds(index: &ArchiveIndex, head: &FilterHead) -> Option<usize> {
    let listed = index.keyset(&head.keyset)?.filters.get(usize::try_from(head.period).ok()?)?;
    let before = usize::from(head.part).checked_mul(SpentFilter::MAX_FINGERPRINTS)?;
    let left = usize::try_from(listed.count).ok()?.checked_sub(before)?;
    Some(left.min(SpentFilter::MAX_FINGERPRINTS))
}

/// The tokens whose fingerprints are in a part of a filter. Takes long: not for an executor's thread.
fn hits(
    bytes: &[u8],
    asked: &FilterHead,
    holds: usize,
    coins: &[(TokenKey, [u8; 32])],
) -> Result<Vec<TokenKey>, BadFile> {
    let filter = SpentFilter::from_bytes(bytes)?;
    filter.accept(asked)?;
    // One that leaves something out would say of spent tokens that they are not.
    if filter.fingerprints().len() != holds {
        return Err(BadFile::OtherCount);
    }
    let printer = Fingerprinter::new(&asked.keyset, asked.period);
    Ok(coins.iter().filter(|(_, coin)| filter.holds(printer.of(coin))).map(|(key, _)| *key).collect())
}
