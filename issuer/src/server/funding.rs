//! What ends by time in the books of a served mint.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;
use crate::watchdog::Task;

/// So often, in seconds, it is looked for what has ended. Until then it cannot be redeemed either.
const EVERY: u64 = 60;

/// Ends vouchers and quotes whose time has passed, and forgets refused payouts that are too old to be taken, at once and then every minute, until `stopped` ends. What fails is logged and
/// tried again.
pub(super) async fn keep_ending(mint: Mint, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    loop {
        let (vouchers, quotes) = (mint.books().expire_vouchers().await, mint.books().expire_quotes().await);
        mint.did(Task::Ending, vouchers.is_ok() && quotes.is_ok());
        if let Err(error) = vouchers {
            tracing::error!(%error, "vouchers whose time has passed could not be ended");
        }
        if let Err(error) = quotes {
            tracing::error!(%error, "quotes whose time has passed could not be closed");
        }
        if let Err(error) = mint.books().forget_refusals().await {
            tracing::error!(%error, "refused payouts whose time has passed could not be forgotten");
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(Duration::from_secs(EVERY)) => {}
        }
    }
}
