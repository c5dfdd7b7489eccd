//! The signer of a served mint is asked whether it is there.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;

/// So often.
const EACH: Duration = Duration::from_secs(5);

/// Asks a signer that is a process of its own, at once and then again and again, until `stopped` ends.
pub(super) async fn keep_reaching(mint: Mint, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    if !mint.books().home().has_signer() {
        return;
    }
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = mint.signer().try_to_reach() => {}
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(EACH) => {}
        }
    }
}
