//! Time as limits count it.

use std::sync::Arc;
use std::time::Duration;

use farthing_protocol::amount::UnixTime;

use crate::clock::Clock;

/// The wall clock's time when the rules were opened, and from then on the machine's own, which nobody can set. So whoever sets the wall
/// clock of a signer that runs makes no hour or week pass sooner, and none later.
#[derive(Debug)]
pub(super) struct Steady {
    clock: Arc<dyn Clock>,
    wall: Duration,
    since_boot: Duration,
}

impl Steady {
    pub(super) fn begin(clock: Arc<dyn Clock>) -> Self {
        let (wall, since_boot) = (clock.wall(), clock.since_boot());
        Self { clock, wall, since_boot }
    }

    pub(super) fn now(&self) -> UnixTime {
        let gone_by = self.clock.since_boot().saturating_sub(self.since_boot);
        UnixTime::from_seconds(self.wall.saturating_add(gone_by).as_secs())
    }
}
