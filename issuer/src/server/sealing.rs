//! The archive of a served mint grows by itself.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;

/// Seals at once and then whenever an hour or a day (of so many seconds) is over, until `stopped` ends. What fails is
/// logged and tried again.
pub(super) async fn keep_sealing(mint: Mint, stopped: impl Future<Output = ()>) {
    let times = mint.books().home().config().archive;
    let mut stopped = pin!(stopped);
    loop {
        if let Err(error) = mint.seal().await {
            tracing::error!(%error, "the archive could not be sealed");
        }
        let now = mint.books().clock().wall().as_secs();
        let wait = [times.seal, times.filter].map(|step| step - now % step).into_iter().min().unwrap_or(1);
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(Duration::from_secs(wait)) => {}
        }
    }
}
