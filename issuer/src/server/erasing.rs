//! A served mint erases references that are old enough, by itself.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;

/// How often it looks for some, in seconds.
const EVERY: u64 = 6 * 3600;

/// Erases at once and then every few hours, until `stopped` ends. What fails is logged and tried again.
pub(super) async fn keep_erasing(mint: Mint, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    loop {
        match mint.books().erase_references().await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "references were erased"),
            Err(error) => tracing::error!(%error, "old references could not be erased"),
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(Duration::from_secs(EVERY)) => {}
        }
    }
}
