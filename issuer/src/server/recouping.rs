//! Claims on revoked keysets' tokens are paid by themselves when they are due.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;
use crate::watchdog::Task;

/// Every so many seconds it is looked whether anything is due: as long as no keyset is revoked that costs one look.
const EVERY: u64 = 5;

/// Pays what is due at once and then every few seconds, until `stopped` ends. What fails is logged and tried again.
pub(super) async fn keep_paying(mint: Mint, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    loop {
        let settled = mint.books().settle_recoups().await;
        mint.did(Task::Recoup, settled.is_ok());
        if let Err(error) = settled {
            tracing::error!(%error, "claims on a revoked keyset's tokens could not be paid");
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(Duration::from_secs(EVERY)) => {}
        }
    }
}
