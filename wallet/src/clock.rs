//! Whether this machine's clock is right.

use std::time::UNIX_EPOCH;

use farthing_protocol::api::mint_path;
use farthing_protocol::identity::MintId;

use crate::error::MintError;
use crate::wallet::Wallet;

/// How far this machine's clock is from a mint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference {
    seconds: i64,
}

impl ClockDifference {
    /// What services allow, with room for a slow way: within it everything works.
    const HARMLESS: u64 = 120;

    /// In seconds: positive when this machine's clock is ahead of the mint's.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Whether it is large enough for requests to be refused because of it.
    pub const fn matters(self) -> bool {
        self.seconds.unsigned_abs() > Self::HARMLESS
    }
}

impl Wallet {
    /// Asks a mint what time it is: for `doctor`, and when something was refused as too early or too late. `None` if the mint does
    /// not say.
    ///
    /// Nobody signed the answer. It is for telling people, and nothing is decided by it. The mint sees that its keysets were fetched.
    ///
    /// # Errors
    /// [`MintError::Unknown`], [`MintError::Call`].
    pub async fn clock_difference(&self, mint: &MintId) -> Result<Option<ClockDifference>, MintError> {
        let mint = self.inner.mint(mint)?;
        let before = self.inner.now().seconds();
        let date = self.inner.http_once()?.date(&mint.url.join(mint_path::KEYSETS)?).await?;
        let after = self.inner.now().seconds();
        let Some(theirs) = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok()) else { return Ok(None) };
        // In the middle of the time that it took.
        let own = before.midpoint(after);
        let seconds = i128::from(own) - i128::from(theirs.as_secs());
        Ok(i64::try_from(seconds).ok().map(|seconds| ClockDifference { seconds }))
    }
}
