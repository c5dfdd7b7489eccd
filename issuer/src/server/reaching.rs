//! The signer of a served mint is asked whether it is there.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::mint::Mint;

/// So often.
const EACH: Duration = Duration::from_secs(5);

/// After so many times a list is asked for as well, so that it is known before anybody needs it whether one can be signed.
const LIST: u64 = 12;

/// Asks a signer that is a process of its own, at once and then again and again, until `stopped` ends.
pub(super) async fn keep_reaching(mint: Mint, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    if !mint.books().home().has_signer() {
        return;
    }
    for time in 0_u64.. {
        tokio::select! {
            () = &mut stopped => return,
            () = ask(&mint, time.is_multiple_of(LIST)) => {}
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(EACH) => {}
        }
    }
}

async fn ask(mint: &Mint, list: bool) {
    mint.signer().try_to_reach(mint.issuing_keyset().map(|keyset| *keyset.id())).await;
    if list && let Err(error) = mint.keysets_answer().await {
        tracing::error!(%error, "no list of keysets could be signed");
    }
}
