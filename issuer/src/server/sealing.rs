//! The archive of a served mint grows by itself.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;
use crate::watchdog::Task;

/// What failed is tried again after so many seconds, if not sooner.
const AGAIN: u64 = 60;

/// Seals at once and then whenever an hour or a day (of so many seconds) is over, until `stopped` ends. What fails is
/// logged and tried again.
pub(super) async fn keep_sealing(mint: Mint, stopped: impl Future<Output = ()>) {
    let times = mint.books().home().config().archive;
    let mut stopped = pin!(stopped);
    loop {
        let sealed = mint.seal().await;
        mint.did(Task::Archive, sealed.is_ok());
        if let Err(error) = &sealed {
            tracing::error!(%error, "the archive could not be sealed");
        }
        let now = mint.books().clock().wall().as_secs();
        let wait = [times.seal, times.filter].map(|step| step - now % step).into_iter().min().unwrap_or(1);
        let wait = if sealed.is_ok() { wait } else { wait.min(AGAIN) };
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(Duration::from_secs(wait)) => {}
        }
    }
}
