//! Fetching from the archive: patient, and each file by itself.

use std::time::Duration;

use farthing_http::client::{CallError, Endpoint};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{ArchiveAnswer, mint_path};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;

use super::RestoreError;
use super::record;
use crate::error::MintError;
use crate::event::Event;
use crate::evidence::Evidence;
use crate::mints::Mint;
use crate::wallet::Inner;

/// How often a file is asked for that does not come, at least.
const ATTEMPTS: u32 = 4;

/// A mint that is too busy is left alone for so long at least, whatever it says.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// One file is waited for no longer than this, all waits together.
const MOST_WAIT: Duration = Duration::from_mins(30);

impl Inner {
    /// Reads a file. A mint that says it is too busy is waited for as long as it says, up to a bound; other failures are tried a few times.
    pub(super) async fn fetch_file(&self, mint: &MintId, url: &Endpoint) -> Result<Vec<u8>, CallError> {
        let (mut attempt, mut waited) = (1, Duration::ZERO);
        loop {
            // No other request goes its way.
            let error = match self.http_once()?.get_bytes(url).await {
                Ok(body) => return Ok(body.to_vec()),
                Err(error) => error,
            };
            if let Some(wait) = asked_to_wait(&error) {
                waited = waited.saturating_add(wait);
                if waited > MOST_WAIT {
                    return Err(error);
                }
                self.tell(&Event::RestoreWaits { mint: *mint, seconds: wait.as_secs() });
                self.options.pace.sleep(wait).await;
                continue;
            }
            if attempt >= ATTEMPTS.max(self.options.attempts) {
                return Err(error);
            }
            attempt = attempt.saturating_add(1);
            tokio::time::sleep(self.options.pause).await;
        }
    }

    /// Fetches the archive's index, and requires that it takes nothing back.
    pub(super) async fn fetch_index(&self, mint: &Mint) -> Result<ArchiveIndex, RestoreError> {
        let url = mint.url.join(mint_path::ARCHIVE).map_err(MintError::from)?;
        let body = self.fetch_file(&mint.id, &url).await?;
        let answer: ArchiveAnswer = serde_json::from_slice(&body).map_err(|_| CallError::BadAnswer(200))?;
        let (id, index) = (mint.id, answer.index);
        let seen = self.vault.run(move |tx| record::load_index(tx, &id)).await?;
        self.judge_index(mint, seen.as_ref(), &index, self.now()).await?;
        let kept = index.clone();
        self.vault.run(move |tx| record::keep_index(tx, &kept)).await?;
        Ok(index)
    }

    async fn judge_index(
        &self,
        mint: &Mint,
        seen: Option<&ArchiveIndex>,
        index: &ArchiveIndex,
        now: UnixTime,
    ) -> Result<(), RestoreError> {
        let ends = |keyset: &KeysetId| mint.keyset(keyset).map(|keyset| keyset.terms().deposit_until);
        match (index.accept(&mint.id, seen, &ends, now), seen) {
            (Ok(()), _) => Ok(()),
            (Err(error), Some(earlier)) if error.is_misconduct() => {
                let evidence =
                    self.write_evidence(&Evidence::Archive { earlier, later: index }).map_err(MintError::Evidence)?;
                self.refuse(&mint.id).await?;
                Err(MintError::Misconduct { evidence }.into())
            }
            (Err(error), _) => Err(RestoreError::Index(error)),
        }
    }
}

/// For how long a mint that is too busy is left alone.
fn asked_to_wait(error: &CallError) -> Option<Duration> {
    match error {
        CallError::Refused(problem, 429 | 503) => Some(problem.retry_after()?.max(LEAST_WAIT)),
        _ => None,
    }
}
