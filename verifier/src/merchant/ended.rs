//! Dropping what the own store keeps of keysets that have ended.

use std::collections::BTreeSet;

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::ids::KeysetId;

use super::Merchant;
use crate::spent;
use crate::store::{Old, StoreError, forget_old};

/// So many records, or locked payments, are looked at in one transaction.
const IN_ONE: u32 = 64;

impl Merchant {
    /// Drops the spent records of keysets whose `deposit_until` has passed, and returns how many keysets have none left now. Before the first record
    /// goes, a mark is durable by which the keyset is refused for good, whatever a clock says later.
    ///
    /// The records stay as long as a locked payment of the keyset waits for its deposit: they say when it was accepted. What the mint credited is
    /// dropped too, when it takes no claims on it any more.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be written, or the clock is years ahead.
    pub async fn drop_ended(&self) -> Result<usize, StoreError> {
        let (engine, now) = (&self.inner.engine, (self.inner.clock)());
        let ended = engine.submit(move |txn| spent::bury_ended(txn, now)).await??;
        let credited = move |txn: &mut Txn<'_>| forget_old(txn, Old::Ended(now), IN_ONE as usize);
        while engine.submit(credited).await?.map_err(|_| StoreError::Stopped)? {}
        if ended.is_empty() {
            return Ok(0);
        }
        let waiting = engine.submit(|txn| waiting(txn)).await?.map_err(|_| StoreError::Stopped)?;
        let mut dropped = 0_usize;
        for keyset in ended.into_iter().filter(|keyset| !waiting.contains(keyset)) {
            let drop_some = move |txn: &mut Txn<'_>| spent::drop_buried(txn, &keyset, IN_ONE);
            while engine.submit(drop_some).await?.map_err(|_| StoreError::Stopped)? {}
            tracing::info!(%keyset, "a keyset has ended; its spent records are dropped");
            dropped = dropped.saturating_add(1);
        }
        Ok(dropped)
    }
}

/// Keysets of which a locked payment waits for its deposit.
fn waiting(txn: &Txn<'_>) -> Result<BTreeSet<KeysetId>, StoreFault> {
    let (mut found, mut after) = (BTreeSet::new(), None);
    loop {
        let payments = spent::locked(txn, after.as_ref(), IN_ONE as usize)?;
        let Some(last) = payments.last() else { return Ok(found) };
        after = Some(last.id());
        found.extend(payments.iter().map(|payment| *payment.keyset()));
    }
}
