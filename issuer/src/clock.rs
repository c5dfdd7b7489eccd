//! Clocks and the process's identity, behind a trait so that tests can turn them.

use std::fmt;
use std::time::{Duration, SystemTime};

use farthing_protocol::amount::UnixTime;
use rustix::time::{ClockId, clock_gettime};

/// What the mint reads of the world: the time, how long the machine is up, and which process it is.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Wall-clock time since 1970.
    fn wall(&self) -> Duration;

    /// Time since the machine booted, sleep included: it cannot be set.
    fn since_boot(&self) -> Duration;

    /// The process's id.
    fn process(&self) -> u32 {
        std::process::id()
    }

    /// The wall-clock time in whole seconds.
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.wall().as_secs())
    }
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn since_boot(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
        Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanoseconds))
    }
}
