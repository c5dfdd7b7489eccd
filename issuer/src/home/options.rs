use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use farthing_http::client::BaseUrl;
use farthing_protocol::amount::{Denomination, Fees, Unit};
use farthing_protocol::codec::DecodeError;
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::keyset::{Bundle, Redemption};
use farthing_verifier::home::{LogFormat, TlsFiles};

use crate::keys::Protection;
use crate::limits::{IssueLimits, RequestRates};

const DAY: u64 = 86_400;

/// How long keysets live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How long tokens are issued.
    pub issue: u64,
    /// How long they can be spent after that.
    pub spend: u64,
    /// How long payees can deposit after that.
    pub deposit: u64,
}

impl Windows {
    /// How long before its time a keyset is published unless it is said otherwise: 30 days, or a third of the time that it issues.
    pub fn usual_ahead(&self) -> u64 {
        (30 * DAY).min(self.issue / 3)
    }
}

impl Default for Windows {
    /// 90 days, 365 days, 30 days.
    fn default() -> Self {
        Self { issue: 90 * DAY, spend: 365 * DAY, deposit: 30 * DAY }
    }
}

/// How often the archive grows, in seconds: not more often than [`least`](Self::least).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveTimes {
    /// Issuances are sealed in files so often.
    pub seal: u64,
    /// Filters of spent serials are closed so often.
    pub filter: u64,
}

impl ArchiveTimes {
    /// How many segments, and filters, a keyset may have at most in its time: the index has room for several such keysets.
    const MOST: u64 = 20_000;

    /// The shortest times for keysets that live so long: an index forgets nothing, and its length is limited. Two seconds at least: no two
    /// indices have one date, and with a new one more often than every second their dates would run ahead of the clock.
    pub fn least(windows: &Windows) -> Self {
        let Windows { issue, spend, deposit } = *windows;
        let life = issue.saturating_add(spend).saturating_add(deposit);
        let least = |time: u64| time.div_ceil(Self::MOST).max(2);
        Self { seal: least(issue), filter: least(life) }
    }
}

impl Default for ArchiveTimes {
    /// An hour, a day.
    fn default() -> Self {
        Self { seal: 3600, filter: DAY }
    }
}

/// Where a mint listens unless it is told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 3338));

/// Where a mint is served, and how it is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOptions {
    /// Where it listens, unless the command line says otherwise.
    pub listen: SocketAddr,
    /// The address under which wallets and merchants reach it; if not given, the one it listens on.
    pub public_url: Option<BaseUrl>,
    /// The files of the certificate under which it is served; if not given, it is served without TLS.
    pub tls: Option<TlsFiles>,
    /// Where figures are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// A program with its arguments that is run when the mint stops issuing, and when it goes on. None if it is empty.
    pub alert_command: Vec<String>,
    /// How often the books are computed from every record, in seconds.
    pub audit_seconds: u64,
    /// How what it does is logged, unless the command line says otherwise.
    pub log_format: LogFormat,
}

impl Default for ServiceOptions {
    /// [`DEFAULT_LISTEN`], no public address, no TLS, no figures, nobody who is told, an audit each day.
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            public_url: None,
            tls: None,
            metrics: None,
            alert_command: Vec::new(),
            audit_seconds: DAY,
            log_format: LogFormat::default(),
        }
    }
}

/// What a new mint is like.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// Currency unit.
    pub unit: Unit,
    /// How many denominations keysets have: 1 to 63.
    pub denominations: u8,
    /// Bundles that can be withdrawn at once.
    pub bundles: Vec<Bundle>,
    /// Fees.
    pub fees: Fees,
    /// How long keysets live.
    pub windows: Windows,
    /// So many seconds before a keyset ceases to issue, a running mint makes and publishes the next one: less than it issues. As
    /// [usual](Windows::usual_ahead), if nothing is said.
    pub ahead: Option<u64>,
    /// How the keys are protected.
    pub protection: Protection,
    /// Where tokens may be spent.
    pub redemption: Redemption,
    /// Payees who are one operator with the mint and have no spent-token store but this ledger: keysets closed to
    /// them are decided here (protocol section 8).
    pub closed_to: Vec<PayeeKey>,
    /// How often the archive grows.
    pub archive: ArchiveTimes,
    /// Where it is served, and how it is watched.
    pub service: ServiceOptions,
    /// What it issues at most.
    pub limits: IssueLimits,
    /// How often it is asked at most.
    pub rates: RequestRates,
}

impl InitOptions {
    /// A mint of open tokens in this unit: 32 denominations, no fees, the [default bundles](default_bundles).
    pub fn new(unit: Unit, protection: Protection) -> Self {
        Self {
            unit,
            denominations: 32,
            bundles: default_bundles(32),
            fees: Fees::default(),
            windows: Windows::default(),
            ahead: None,
            protection,
            redemption: Redemption::Open,
            closed_to: Vec::new(),
            archive: ArchiveTimes::default(),
            service: ServiceOptions::default(),
            limits: IssueLimits::default(),
            rates: RequestRates::default(),
        }
    }

    /// Sets the number of denominations, and the bundles that they allow.
    #[must_use]
    pub fn denominations(mut self, count: u8) -> Self {
        self.denominations = count;
        self.bundles = default_bundles(count);
        self
    }
}

/// Two of each denomination from 1 up to 2⁷ (510 units together: small change), up to 2¹¹ (8,190), and up to 2¹⁵
/// (131,070): as many of these as the denominations allow, and at least one.
pub fn default_bundles(denominations: u8) -> Vec<Bundle> {
    let up_to = |count: u8| -> Result<Bundle, DecodeError> {
        Bundle::new((0..count).filter_map(Denomination::new).map(|denomination| (denomination, 2)).collect())
    };
    let mut sizes: Vec<u8> = [8, 12, 16].into_iter().filter(|size| *size <= denominations).collect();
    if sizes.is_empty() {
        sizes.push(denominations);
    }
    sizes.into_iter().filter_map(|size| up_to(size).ok()).collect()
}
