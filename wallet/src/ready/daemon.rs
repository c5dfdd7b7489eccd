//! When the stock is looked after: at random times, however often the program that does it is begun anew.
//!
//! The next time is kept in the wallet's state. Nothing is done when a program begins, nor when it finds that its time passed long ago:
//! a time is drawn then, too, so that nobody sees when a machine was switched on. The wallet is open only while it works, for one
//! process at a time can have it open.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use tokio::sync::watch;

use super::pace::Pace;
use super::refresh::{RefreshLimits, RefreshReport};
use crate::error::{OpenError, StoreError};
use crate::wallet::Wallet;

/// A time that passed so many seconds ago was missed: the program was not running, or the machine slept.
const MISSED: u64 = 1800;

/// How long to wait, about, while another process has the wallet open.
const IN_USE: Duration = Duration::from_secs(60);

/// How often the stock is looked after, and how much is done each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    every: Duration,
    limits: RefreshLimits,
}

impl Default for Schedule {
    fn default() -> Self {
        Self::every(Duration::from_secs(2 * 3600))
    }
}

impl Schedule {
    /// Random times, with this mean between them (at least a minute). Each time one swap or withdrawal and no more, for several at once
    /// look like those of one wallet; when work is left, the next time comes a twelfth as late.
    pub fn every(mean: Duration) -> Self {
        Self { every: mean.max(Duration::from_secs(60)), limits: RefreshLimits::new().swaps(1).strictly() }
    }

    /// How much is done each time. The wallet is in use for as long as it takes.
    #[must_use]
    pub const fn limits(mut self, limits: RefreshLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The mean until the first time, after a missed one, and while work is left.
    fn soon(&self) -> Duration {
        self.every / 12
    }
}

/// What was done, and when the next time is.
#[derive(Debug)]
#[non_exhaustive]
pub struct Due {
    /// The next time.
    pub next: UnixTime,
    /// How long that is from now.
    pub wait: Duration,
    /// What was done, if it was time.
    pub report: Option<RefreshReport>,
}

impl Wallet {
    /// Looks after the stock if it is time. For a loop that opens the wallet, calls this, closes it, and waits: [`daemon`].
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn refresh_due(&self, schedule: &Schedule) -> Result<Due, StoreError> {
        let (_never, stop) = watch::channel(false);
        self.refresh_due_until(schedule, stop).await
    }

    async fn refresh_due_until(&self, schedule: &Schedule, stop: watch::Receiver<bool>) -> Result<Due, StoreError> {
        let now = self.inner.now();
        let kept = self.inner.vault.run::<_, StoreError>(|tx| tx.get::<Next>(NEXT)).await?.map(|next| next.0);
        // Further ahead than any draw: the schedule is another one now, or the clock was set back.
        let latest = now.plus(schedule.every.as_secs().saturating_mul(4).saturating_add(3600));
        match kept {
            Some(next) if now < next && next <= latest => Ok(self.due(next, None)),
            Some(next) if now >= next && now < next.plus(MISSED) => {
                // Kept before the work, so that dying of it does not repeat it at once.
                let next = self.draw_next(schedule.every).await?;
                let report = self.refresh_until(&schedule.limits, stop).await?;
                let next = if report.is_work_left { self.draw_next(schedule.soon()).await? } else { next };
                Ok(self.due(next, Some(report)))
            }
            _ => Ok(self.due(self.draw_next(schedule.soon()).await?, None)),
        }
    }

    /// Draws the next time, and keeps it.
    async fn draw_next(&self, mean: Duration) -> Result<UnixTime, StoreError> {
        let next = self.inner.options.pace.time_after(self.inner.now(), mean);
        self.inner.vault.run::<_, StoreError>(move |tx| tx.put(NEXT, &Next(next))).await?;
        Ok(next)
    }

    fn due(&self, next: UnixTime, report: Option<RefreshReport>) -> Due {
        let wait = Duration::from_secs(next.seconds().saturating_sub(self.inner.now().seconds()).max(1));
        Due { next, wait, report }
    }
}

/// Looks after a wallet's stock at random times until `stop` is ready: then no further swap is begun, and the one under way is
/// brought to its end. The wallet is opened with `open` when it is time, and closed again. `told` hears of every look at it; of an
/// error, too, if it does not end the daemon: the wallet was in use, or its state failed.
///
/// # Errors
/// An [`OpenError`] that waiting does not mend.
pub async fn daemon<F>(
    mut open: impl FnMut() -> F,
    schedule: &Schedule,
    pace: &Pace,
    mut told: impl FnMut(Result<&Due, &OpenError>),
    stop: impl Future<Output = ()>,
) -> Result<(), OpenError>
where
    F: Future<Output = Result<Wallet, OpenError>>,
{
    let mut stop = pin!(stop);
    let (stopping, stopped) = watch::channel(false);
    loop {
        let once = look(&mut open, schedule, stopped.clone());
        let mut once = pin!(once);
        let due = tokio::select! {
            due = &mut once => due,
            () = &mut stop => {
                // Nobody listens only if it has ended.
                stopping.send_replace(true);
                once.await
            }
        };
        told(due.as_ref());
        let wait = match due {
            Ok(due) => due.wait,
            Err(OpenError::InUse) => pace.around(IN_USE),
            Err(OpenError::Store(error)) if error != StoreError::Damaged => pace.around(schedule.soon()),
            Err(error) => return Err(error),
        };
        if *stopping.borrow() {
            return Ok(());
        }
        tokio::select! {
            () = pace.sleep(wait) => {}
            () = &mut stop => return Ok(()),
        }
    }
}

/// Opens the wallet, does what is due, closes it.
async fn look<F>(
    open: &mut impl FnMut() -> F,
    schedule: &Schedule,
    stop: watch::Receiver<bool>,
) -> Result<Due, OpenError>
where
    F: Future<Output = Result<Wallet, OpenError>>,
{
    let wallet = open().await?;
    Ok(wallet.refresh_due_until(schedule, stop).await?)
}

/// Under which key the next time is kept.
const NEXT: &[u8] = b"Yn";

struct Next(UnixTime);

impl Encode for Next {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.0);
    }
}

impl Decode for Next {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.part().map(Self)
    }
}

impl Wire for Next {}
