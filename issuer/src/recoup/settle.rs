//! Paying what was claimed, when claims are collected no more.

use std::sync::Arc;

use crate::books::Books;
use crate::ledger::{self, LedgerError, Rank};

/// How many tokens are paid in one transaction.
const PORTION: usize = 64;

impl Books {
    /// Pays every claim that is due: of each revoked keyset payees first, holders only when no payee is left out. Run again it pays
    /// what came since, so that it may be cut off anywhere.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn settle_recoups(&self) -> Result<(), LedgerError> {
        let leaks = self.ledger().read(ledger::leaks).await?;
        if leaks.is_empty() {
            return Ok(());
        }
        let now = self.ledger().times().await?.sure;
        for (id, _, leak) in leaks {
            let keyset = self.keyset_book().get(&id).cloned();
            let Some(keyset) = keyset.filter(|_| leak.claims_until <= now) else { continue };
            let mut paid = 0_u64;
            'ranks: for rank in [Rank::Payee, Rank::Holder] {
                let mut after = None;
                let mut uncovered = false;
                loop {
                    let (exclusions, keyset) = (self.exclusions().await?, Arc::clone(&keyset));
                    let settle = move |txn: &mut farthing_durable::Txn<'_>, times| {
                        ledger::settle_recoups(txn, times, &keyset, rank, (after, PORTION), &exclusions)
                    };
                    let settled = self.ledger().run_sure::<_, LedgerError, _>(settle).await?;
                    paid = paid.saturating_add(settled.paid);
                    uncovered |= !settled.uncovered.is_zero();
                    // The next run goes on: payees who were not looked at must not come after holders.
                    if settled.stale {
                        break 'ranks;
                    }
                    match settled.next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
                if uncovered {
                    tracing::error!(
                        keyset = %id,
                        "the books do not cover the claims on a revoked keyset's tokens: forged ones were redeemed; see the recoup report"
                    );
                    break 'ranks;
                }
            }
            if paid > 0 {
                tracing::info!(keyset = %id, paid, "tokens of a revoked keyset were paid for");
            }
        }
        Ok(())
    }
}
