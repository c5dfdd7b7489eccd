//! How a wallet is opened: its clock, its way to the network, who listens to its progress.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farthing_http::client::{BuildError, Builder, Clients, HttpClient};
use farthing_protocol::amount::UnixTime;

use crate::event::Event;
use crate::ready::Pace;

pub(crate) type Clock = Arc<dyn Fn() -> UnixTime + Send + Sync>;
pub(crate) type Observer = Arc<dyn Fn(&Event) + Send + Sync>;
pub(crate) type Hook = Arc<dyn Fn(Step) -> bool + Send + Sync>;

/// Settings of an open wallet.
#[derive(Clone)]
pub struct Options {
    pub(crate) http: Builder,
    pub(crate) clock: Clock,
    pub(crate) observer: Observer,
    pub(crate) attempts: u32,
    pub(crate) pause: Duration,
    pub(crate) pace: Pace,
    pub(crate) hook: Option<Hook>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            http: HttpClient::builder(),
            clock: Arc::new(system_time),
            observer: Arc::new(|_| {}),
            attempts: 2,
            pause: Duration::from_millis(500),
            pace: Pace::default(),
            hook: None,
        }
    }
}

impl Options {
    /// The system's clock, no proxy, two attempts for each message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends everything through a SOCKS proxy, name resolution included: `socks5h://host:port`. Without one, mints and payees see
    /// the wallet's network address.
    ///
    /// Each operation gets a user name and a password of its own, drawn at random, and so does each call outside of operations: a
    /// proxy like Tor gives each its own path, so that nobody at its end sees that they are of one wallet. A URL with a user name is
    /// therefore refused when the wallet is opened ([`BuildError::ProxyUser`]), and so is what is no such URL. Nothing is ever sent
    /// past the proxy, and proxies named in the environment are never used.
    #[must_use]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.http = self.http.proxy(url);
        self
    }

    /// Sets what clients are made of: time limits, root certificates. A [`proxy`](Self::proxy) set before is forgotten.
    #[must_use]
    pub fn http(mut self, builder: Builder) -> Self {
        self.http = builder;
        self
    }

    pub(crate) fn clients(&self) -> Result<Clients, BuildError> {
        self.http.clone().clients()
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Is called with every [`Event`], on whatever thread works. It must not block.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// How often a message whose outcome is not known is sent before the operation is left for
    /// [`resume`](crate::Wallet::resume) (at least once), and the pause between.
    #[must_use]
    pub fn attempts(mut self, attempts: u32, pause: Duration) -> Self {
        self.attempts = attempts.max(1);
        self.pause = pause;
        self
    }

    /// Sets where random times come from, and how the wallet waits between swaps that nobody waits for.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Lets a test stop the wallet as a crash would: at a step for which the hook says `true`, whatever runs ends there, and the
    /// wallet must be opened again.
    #[doc(hidden)]
    #[must_use]
    pub fn hook(mut self, hook: impl Fn(Step) -> bool + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

/// Where a test can stop the wallet.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An issuing operation is durable; nothing was sent.
    IssueStored,
    /// The mint opened a session; no number was drawn.
    SessionOpened,
    /// Number and request are durable; the request was not sent.
    RequestStored,
    /// The mint answered the request; nothing of it is durable.
    RequestAnswered,
    /// An abandoned number is durable.
    NumberAbandoned,
    /// Tokens are durable.
    TokensStored,
    /// Tokens that are given out are durably reserved; nobody has their text yet.
    SendStored,
    /// A payment is durable; it was not sent.
    PaymentStored,
    /// The payee answered; nothing of it is durable.
    PaymentAnswered,
    /// The receipt is durable.
    ReceiptStored,
    /// It is durable that a payment is being settled.
    SettlementStored,
    /// It is durable how a payment was settled.
    PaymentSettled,
    /// It is durable what a file of a mint's archive brought.
    ArchiveRead,
    /// A transaction is about to be written; nothing of it is in the file.
    BeforeWrite,
    /// A transaction is in the file, and not synced.
    BeforeSync,
    /// A transaction is durable; whoever waits for it does not know yet.
    Synced,
    /// New keys lie beside the file `keys`, and are not synced.
    KeysWritten,
    /// They are durable there.
    KeysSynced,
    /// They are in the place of the file; the folder is not synced.
    KeysPlaced,
    /// They are durable in its place.
    KeysDurable,
}

impl Step {
    /// Every step of an operation.
    pub const ALL: [Self; 13] = [
        Self::IssueStored,
        Self::SessionOpened,
        Self::RequestStored,
        Self::RequestAnswered,
        Self::NumberAbandoned,
        Self::TokensStored,
        Self::SendStored,
        Self::PaymentStored,
        Self::PaymentAnswered,
        Self::ReceiptStored,
        Self::SettlementStored,
        Self::PaymentSettled,
        Self::ArchiveRead,
    ];
}

/// Before 1970 counts as 1970: everything is then not yet valid.
fn system_time() -> UnixTime {
    UnixTime::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs()))
}
