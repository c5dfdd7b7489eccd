//! The sessions of this process, and the watch that discards them when the process is not what it was.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::blind::mint::{ClaimedSession, OpenedSession, SessionError, Sessions};
use farthing_protocol::blind::{Challenge, Commitment, SessionId, SessionSeal};
use farthing_protocol::ids::KeysetId;

use crate::clock::Clock;

/// How far wall clock and boot-time clock may drift apart before the boot key is discarded.
const MAX_DRIFT: Duration = Duration::from_secs(5);

/// Holds the [`Sessions`]. They never leave it.
#[derive(Debug)]
pub(crate) struct SessionKeeper {
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    sessions: Sessions,
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

/// A session as a request names it.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) session: &'a SessionId,
    pub(crate) seal: &'a SessionSeal,
    pub(crate) keyset: &'a KeysetId,
    pub(crate) denominations: &'a [Denomination],
    pub(crate) commitments: &'a [Commitment],
}

impl SessionKeeper {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = Reading::of(clock.as_ref());
        let state = State { sessions: new_sessions(), origin: now, last: now };
        Self { clock, state: RwLock::new(state) }
    }

    /// Opens a session.
    pub(crate) fn open(&self, keyset: &KeysetId, denominations: &[Denomination]) -> OpenedSession {
        self.watch();
        // Opening changes nothing, so a panic elsewhere leaves nothing half done.
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.sessions.open(&mut crate::system_rng(), keyset, denominations, self.clock.now())
    }

    /// Whether the session is this process's and has not expired.
    pub(crate) fn authenticate(&self, named: &Named<'_>) -> Result<(), SessionError> {
        self.watch();
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        authenticate(&state.sessions, named, self.clock.now()).map(drop)
    }

    /// Claims a session for a list of challenges and hands the claim to `then`, before anybody else can find the
    /// session claimed.
    ///
    /// `then` queues the ledger's job. So whoever finds a session claimed and asks the ledger **afterwards** is
    /// answered after that job: jobs run in the order in which they were queued, and every answer waits until all
    /// before it is durable. That is how a request that meets an unfinished claim waits for it.
    pub(crate) fn claim<T>(
        &self,
        named: &Named<'_>,
        challenges: Vec<Challenge>,
        then: impl FnOnce(ClaimedSession) -> T,
    ) -> Result<T, SessionError> {
        let mut state = self.writable();
        state.watch(self.clock.as_ref());
        let now = self.clock.now();
        let authentic = authenticate(&state.sessions, named, now)?;
        let claimed = state.sessions.claim(authentic, challenges, now)?;
        Ok(then(claimed))
    }

    fn watch(&self) {
        self.writable().watch(self.clock.as_ref());
    }

    /// After a panic while sessions were claimed, all of them are discarded.
    fn writable(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(|poisoned| {
            let mut state = poisoned.into_inner();
            state.renew(Reading::of(self.clock.as_ref()));
            self.state.clear_poison();
            state
        })
    }
}

impl State {
    /// Discards the boot key when the process was forked, or a drift of the clocks says that it was resumed.
    fn watch(&mut self, clock: &dyn Clock) {
        let now = Reading::of(clock);
        if now.process != self.origin.process
            || now.drift(&self.origin) > MAX_DRIFT
            || now.drift(&self.last) > MAX_DRIFT
        {
            tracing::warn!("process or clocks have changed: all issuance sessions are discarded");
            self.renew(now);
        }
        self.last = now;
    }

    fn renew(&mut self, now: Reading) {
        self.sessions = new_sessions();
        self.origin = now;
        self.last = now;
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

fn authenticate(
    sessions: &Sessions,
    named: &Named<'_>,
    now: UnixTime,
) -> Result<farthing_protocol::blind::mint::AuthenticSession, SessionError> {
    let Named { session, seal, keyset, denominations, commitments } = named;
    sessions.authenticate(session, seal, keyset, denominations, commitments, now)
}
