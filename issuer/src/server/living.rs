//! A served mint notes that it lives, and looks at what it will need.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;

/// So often.
const EACH: Duration = Duration::from_secs(60);

/// Notes for how long the mint was served, for which some things wait; and looks whether a payment processor's messages could be verified. At
/// once and then every minute, until `stopped` ends.
pub(super) async fn keep_living(mint: Mint, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    loop {
        if let Err(error) = mint.books().live().await {
            tracing::error!(%error, "that the mint is served could not be noted");
        }
        mint.look_at_webhook().await;
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(EACH) => {}
        }
    }
}
