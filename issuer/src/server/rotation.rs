//! The keysets of a served mint follow one another by themselves.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;
use crate::watchdog::Task;

/// It is looked again after so many seconds, whatever the clock said.
const AGAIN: u64 = 60;

/// Rotates at once and then whenever something is due, until `stopped` ends. What fails is logged and tried again.
pub(super) async fn keep_rotating(mint: Mint, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    loop {
        let rotated = mint.rotate().await;
        mint.did(Task::Keysets, rotated.is_ok());
        let wait = match &rotated {
            Ok(_) => {
                let now = mint.books().clock().now();
                let due = mint.rotation_due().map_or(AGAIN, |due| due.seconds().saturating_sub(now.seconds()));
                due.clamp(1, AGAIN)
            }
            Err(error) => {
                tracing::error!(%error, "the keysets could not be rotated");
                AGAIN
            }
        };
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(Duration::from_secs(wait)) => {}
        }
    }
}
