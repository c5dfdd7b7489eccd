//! Chance: pauses and times that nobody foresees, drawn without a look at what the wallet holds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use farthing_protocol::amount::UnixTime;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a wallet's random times come from, and how it waits. The default is the system's randomness and clock.
#[derive(Clone)]
pub struct Pace {
    draw: Arc<dyn Fn() -> u64 + Send + Sync>,
    sleep: Arc<dyn Fn(Duration) -> Sleep + Send + Sync>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(rand::random, tokio::time::sleep)
    }
}

impl Pace {
    /// Another source of uniform numbers, another way to wait: for tests.
    ///
    /// # Security
    /// Whoever foresees the numbers foresees when the wallet swaps.
    pub fn new<S>(
        draw: impl Fn() -> u64 + Send + Sync + 'static,
        sleep: impl Fn(Duration) -> S + Send + Sync + 'static,
    ) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        Self { draw: Arc::new(draw), sleep: Arc::new(move |length| Box::pin(sleep(length))) }
    }

    pub(crate) async fn sleep(&self, length: Duration) {
        (self.sleep)(length).await;
    }

    /// A number below `bound`, each as likely as the others.
    pub(crate) fn below(&self, bound: usize) -> usize {
        let product = u128::from((self.draw)()).saturating_mul(u128::try_from(bound).unwrap_or(0)) >> 64;
        usize::try_from(product).unwrap_or(0)
    }

    /// A random length: exponential, so that having waited tells nothing of how long is still to wait; but not under a tenth of the
    /// mean nor over four times of it.
    pub(crate) fn around(&self, mean: Duration) -> Duration {
        // 32 bits of chance are finer than anybody's clock.
        let part = u32::try_from((self.draw)() >> 32).unwrap_or(0);
        let uniform = (f64::from(part) + 0.5) / (f64::from(u32::MAX) + 1.0);
        mean.mul_f64((-uniform.ln()).clamp(0.1, 4.0))
    }

    /// A random time after `now`, never on the hour.
    pub(crate) fn time_after(&self, now: UnixTime, mean: Duration) -> UnixTime {
        let time = now.plus(self.around(mean).as_secs().max(1));
        match time.seconds() % 3600 {
            0 => time.plus(u64::try_from(self.below(3599)).unwrap_or(0).saturating_add(1)),
            _ => time,
        }
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pace")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(number: u64) -> Pace {
        Pace::new(move || number, |_| std::future::ready(()))
    }

    #[test]
    fn lengths_stay_within_bounds_and_average_to_the_mean() {
        let mean = Duration::from_secs(1000);
        assert_eq!(drawing(0).around(mean), mean * 4);
        assert_eq!(drawing(u64::MAX).around(mean), mean / 10);
        let steps = 1_000_u64;
        let sum: Duration = (0..steps).map(|i| drawing(u64::MAX / steps * i).around(mean)).sum();
        let average = sum.as_secs() / steps;
        assert!((950..1050).contains(&average), "{average}");
    }

    #[test]
    fn numbers_reach_every_place_and_none_beyond() {
        assert_eq!(drawing(0).below(5), 0);
        assert_eq!(drawing(u64::MAX).below(5), 4);
        assert_eq!(drawing(u64::MAX / 2 + 1).below(4), 2);
        assert_eq!(drawing(7).below(0), 0);
    }

    #[test]
    fn no_time_is_on_the_hour() {
        let always_an_hour = drawing(0);
        let mean = Duration::from_secs(900);
        let time = always_an_hour.time_after(UnixTime::from_seconds(7200), mean);
        assert_eq!(time.seconds(), 7200 + 3600 + 1);
    }
}
