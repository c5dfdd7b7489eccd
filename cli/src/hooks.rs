//! Where the tests' own binary takes hold of this process. The shipped one passes nothing.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farthing_protocol::amount::UnixTime;
use farthing_wallet::Options;

type Clock = Arc<dyn Fn() -> UnixTime + Send + Sync>;
type Moments = Arc<dyn Fn(&str) + Send + Sync>;

/// What a test changes of this process.
#[derive(Clone, Default)]
pub struct Hooks {
    clock: Option<Clock>,
    moments: Option<Moments>,
    attempts: Option<u32>,
    impatient: bool,
}

impl Hooks {
    /// The wallet's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Is called with the name of every moment of the wallet's at which a crash makes a difference.
    #[must_use]
    pub fn moments(mut self, at: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.moments = Some(Arc::new(at));
        self
    }

    /// How often a wallet sends a message whose outcome is not known.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// A mint does at once what cannot be undone, and waits for no day of service.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        self.impatient = true;
        self
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

static GIVEN: OnceLock<Hooks> = OnceLock::new();

/// Once, before anything else runs.
pub(crate) fn install(hooks: Hooks) {
    let _installed_before = GIVEN.set(hooks);
}

/// The settings that every command opens a wallet with.
pub(crate) fn wallet_options() -> Options {
    let mut options = Options::new();
    let Some(hooks) = GIVEN.get() else { return options };
    if let Some(clock) = hooks.clock.clone() {
        options = options.clock(move || clock());
    }
    if let Some(attempts) = hooks.attempts {
        options = options.attempts(attempts, Duration::ZERO);
    }
    if let Some(moments) = hooks.moments.clone() {
        options = options.hook(move |step| {
            moments(&format!("{step:?}"));
            false
        });
    }
    options
}

/// Whether a mint waits for a day of service before it does what cannot be undone.
pub(crate) fn is_patient() -> bool {
    !GIVEN.get().is_some_and(|hooks| hooks.impatient)
}

/// The time. Before 1970 counts as 1970.
pub(crate) fn now() -> UnixTime {
    match GIVEN.get().and_then(|hooks| hooks.clock.as_ref()) {
        Some(clock) => clock(),
        None => UnixTime::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs())),
    }
}
