//! The sessions of this process, and the watch that discards them when the process is not what it was.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::blind::Challenge;
use farthing_protocol::blind::mint::{AuthenticSession, ClaimedSession, OpenedSession, SessionError, Sessions};
use farthing_protocol::ids::KeysetId;

use super::Presented;
use crate::clock::Clock;

/// How far wall clock and boot-time clock may drift apart before the boot key is discarded.
const MAX_DRIFT: Duration = Duration::from_secs(5);

/// Holds the [`Sessions`]. They never leave it.
#[derive(Debug)]
pub(crate) struct SessionKeeper {
    clock: Arc<dyn Clock>,
    /// Locked before `sessions`, never after.
    watch: Mutex<Watch>,
    sessions: RwLock<Sessions>,
}

/// What the process and the clocks were.
#[derive(Clone, Copy, Debug)]
struct Watch {
    /// When the sessions began.
    origin: Reading,
    /// When it was last looked.
    last: Reading,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    process: u32,
    wall: Duration,
    since_boot: Duration,
}

impl SessionKeeper {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = Reading::of(clock.as_ref());
        let watch = Mutex::new(Watch { origin: now, last: now });
        Self { clock, watch, sessions: RwLock::new(new_sessions()) }
    }

    /// Opens a session.
    pub(crate) fn open(&self, keyset: &KeysetId, denominations: &[Denomination]) -> OpenedSession {
        self.watch();
        // Opening changes nothing, so a panic elsewhere leaves nothing half done.
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions.open(&mut crate::system_rng(), keyset, denominations, self.clock.now())
    }

    /// Whether the session is this process's and has not expired.
    pub(crate) fn authenticate(&self, presented: &Presented) -> Result<(), SessionError> {
        self.watch();
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        authenticate(&sessions, presented, self.clock.now()).map(drop)
    }

    /// Claims a session for a list of challenges and hands the claim to `then`, before anybody else can find the
    /// session claimed.
    pub(crate) fn claim<T>(
        &self,
        presented: &Presented,
        challenges: Vec<Challenge>,
        then: impl FnOnce(ClaimedSession) -> T,
    ) -> Result<T, SessionError> {
        self.watch();
        let mut sessions = self.writable();
        let now = self.clock.now();
        let authentic = authenticate(&sessions, presented, now)?;
        let claimed = sessions.claim(authentic, challenges, now)?;
        Ok(then(claimed))
    }

    /// Discards the boot key when the process was forked, or a drift of the clocks says that it was resumed.
    fn watch(&self) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Reading::of(self.clock.as_ref());
        let drifted = now.drift(&watch.origin) > MAX_DRIFT || now.drift(&watch.last) > MAX_DRIFT;
        if now.process != watch.origin.process || drifted {
            tracing::warn!("process or clocks have changed: all issuance sessions are discarded");
            *self.writable() = new_sessions();
            watch.origin = now;
        }
        watch.last = now;
    }

    /// After a panic while a session was claimed, all of them are discarded.
    fn writable(&self) -> RwLockWriteGuard<'_, Sessions> {
        self.sessions.write().unwrap_or_else(|poisoned| {
            let mut sessions = poisoned.into_inner();
            *sessions = new_sessions();
            self.sessions.clear_poison();
            sessions
        })
    }
}

impl Reading {
    fn of(clock: &dyn Clock) -> Self {
        Self { process: clock.process(), wall: clock.wall(), since_boot: clock.since_boot() }
    }

    /// By how much more one clock has advanced than the other.
    fn drift(&self, earlier: &Self) -> Duration {
        // wall − earlier.wall against since_boot − earlier.since_boot, without negative numbers.
        let left = self.wall.saturating_add(earlier.since_boot);
        let right = self.since_boot.saturating_add(earlier.wall);
        left.abs_diff(right)
    }
}

fn new_sessions() -> Sessions {
    Sessions::new(&mut crate::system_rng())
}

fn authenticate(sessions: &Sessions, presented: &Presented, now: UnixTime) -> Result<AuthenticSession, SessionError> {
    let Presented { session, seal, keyset, denominations, commitments } = presented;
    sessions.authenticate(session, seal, keyset, denominations, commitments, now)
}
