//! Filing what was taken in locked tokens of a keyset that was revoked before it could be deposited (protocol section 10).

use std::sync::Arc;

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::keyset::Redemption as SpendableWith;
use farthing_protocol::payment::Payment;
use farthing_protocol::recoup::RecoupClaim;

use super::Merchant;
use super::deposit::redeem;
use crate::offline::{self, RefusedDeposit};
use crate::store::StoreError;

/// The mint's word for a keyset that was revoked, or that ended.
const REFUSED_AS: &str = "keyset_ended";

impl Merchant {
    /// The deposits that the mint refused because their keyset was revoked, each as what is to be filed with it: the payment that redeems it,
    /// and the id of what was accepted. Nobody is asked.
    ///
    /// The payment's id is the same each time, so that filing it again is filing it once. Paid is what its payers show to have come
    /// from an honest issuance.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn recoup_claims(&self) -> Result<Vec<(RefusedDeposit, RecoupClaim)>, StoreError> {
        let inner = &self.inner;
        let kept = inner.engine.submit(|txn| refused(txn)).await?.map_err(|_: StoreFault| StoreError::Stopped)?;
        let keysets = Arc::new(inner.keyring.ever_known(&inner.mint).map_err(|_| StoreError::Stopped)?);
        let (locks, payee) = (inner.keys.locks(), *inner.keys.payee());
        let task = tokio::task::spawn_blocking(move || {
            let claim = |(refusal, locked): (RefusedDeposit, Payment)| {
                let keyset = &keysets.get(locked.keyset())?.keyset;
                let payee = match keyset.terms().redemption {
                    SpendableWith::Open => payee,
                    SpendableWith::Closed(payee) => payee,
                };
                let payment = locks.iter().find_map(|lock| redeem(lock, &payee, keyset, &locked))?;
                let claim = RecoupClaim::redeeming(payment, locked.id(), Vec::new()).ok()?;
                Some((refusal, claim))
            };
            kept.into_iter().filter_map(claim).collect()
        });
        task.await.map_err(|_| StoreError::Stopped)
    }
}

fn refused(txn: &Txn<'_>) -> Result<Vec<(RefusedDeposit, Payment)>, StoreFault> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let more = offline::refused_after(txn, after.as_ref(), 256)?;
        let Some(last) = more.last() else { return Ok(found) };
        after = Some(last.payment);
        for refusal in more.into_iter().filter(|refusal| refusal.code == REFUSED_AS) {
            if let Some(payment) = offline::refused_payment(txn, &refusal.payment)? {
                found.push((refusal, payment));
            }
        }
    }
}
