//! A served mint erases references that are old enough, by itself.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;
use crate::watchdog::Task;

/// How often it looks for some, in seconds.
const EVERY: u64 = 6 * 3600;

/// What failed is tried again after so many seconds.
const AGAIN: u64 = 600;

/// Erases at once and then every few hours, until `stopped` ends. What fails is logged and tried again.
pub(super) async fn keep_erasing(mint: Mint, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    loop {
        let erased = mint.books().erase_references().await;
        let failed = erased.is_err();
        mint.did(Task::Erasing, !failed);
        match erased {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "references were erased"),
            Err(error) => tracing::error!(%error, "old references could not be erased"),
        }
        let wait = if failed { AGAIN } else { EVERY };
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(Duration::from_secs(wait)) => {}
        }
    }
}
