//! `farthing verifier check-config`: whether a folder's verifier would run, and be paid.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use farthing_http::client::{CallError, HttpClient};
use farthing_http::server::Tls;
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::api::{KeysetsAnswer, mint_path};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::payment::PaymentKind;

use super::keys::Keys;
use super::{CONFIG, GatewaySettings, HomeError, HomeOptions, VerifierHome};
use crate::check::TokenClass;
use crate::gateway::{Rules, Upstream, UpstreamOptions};
use crate::keyring::{KeyringError, MintView};
use crate::merchant::Tokens;
use crate::sell::Origins;
use crate::store::{Decides, StoreRole, check_start_up};

/// Longest time that the mint is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Less room than this on the disk is worth a warning, in bytes.
const LITTLE_ROOM: u64 = 256 << 20;

macro_rules! findings {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a finding is about. Stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum FindingCode { $($(#[$doc])* $name,)* }

        impl FindingCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as programs know it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

findings! {
    /// The settings.
    Config = "config";
    /// Who may read the folder.
    Permissions = "permissions";
    /// The keys.
    Keys = "keys";
    /// The records.
    Records = "records";
    /// Room on the disk.
    Room = "room";
    /// Which store decides over the tokens that are taken.
    Stores = "stores";
    /// Where it listens.
    Listen = "listen";
    /// Where payers are told to pay.
    PublicUrl = "public_url";
    /// The certificate files.
    Tls = "tls";
    /// Where figures are served.
    Metrics = "metrics";
    /// What the gateway sells, and at what price.
    Gateway = "gateway";
    /// The mint was not reached.
    MintNotReached = "mint_not_reached";
    /// What the mint says of itself and its keysets.
    Mint = "mint";
    /// The unit, and a keyset to be paid in.
    Unit = "unit";
    /// The clock of this machine, against what the mint signed.
    Clock = "clock";
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Fine,
    /// It runs, and should not stay so.
    Warning,
    /// It does not run, or is not paid.
    Fault,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// About what.
    pub code: FindingCode,
    /// How bad it is.
    pub severity: Severity,
    /// A plain sentence.
    pub message: String,
}

/// What is to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct CheckOptions {
    /// Whether the mint is asked.
    pub ask_mint: bool,
    /// The time.
    pub now: UnixTime,
}

/// Looks at everything a verifier in this folder needs, and changes nothing.
pub async fn check_home(folder: &Path, options: CheckOptions) -> Vec<Finding> {
    let mut report = Report(Vec::new());
    let home = match VerifierHome::open(folder) {
        Ok(home) => home,
        Err(error) => {
            let code = if matches!(error, HomeError::Keys) { FindingCode::Keys } else { FindingCode::Config };
            let message = match error {
                HomeError::Missing => format!("there is no {CONFIG} in {}", folder.display()),
                error => error.to_string(),
            };
            report.fault(code, message);
            return report.0;
        }
    };
    let running = std::os::unix::net::UnixStream::connect(home.control_socket()).is_ok();
    let looked = Looked { home: &home, running, options };
    report.fine(FindingCode::Config, format!("{CONFIG} is in order"));
    for check in CHECKS {
        check(&looked, &mut report).await;
    }
    report.0
}

/// A check. What another one needs is added to [`CHECKS`].
type Check = for<'a> fn(&'a Looked<'_>, &'a mut Report) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

const CHECKS: &[Check] = &[
    |looked, report| now(permissions(looked, report)),
    |looked, report| now(keys(looked, report)),
    |looked, report| now(records(looked, report)),
    |looked, report| now(stores(looked, report)),
    |looked, report| now(addresses(looked, report)),
    |looked, report| now(tls(looked, report)),
    |looked, report| now(gateway(looked, report)),
    |looked, report| Box::pin(mint(looked, report)),
];

fn now<'a>((): ()) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    Box::pin(std::future::ready(()))
}

struct Looked<'a> {
    home: &'a VerifierHome,
    running: bool,
    options: CheckOptions,
}

struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, code: FindingCode, severity: Severity, message: impl Into<String>) {
        self.0.push(Finding { code, severity, message: message.into() });
    }

    fn fine(&mut self, code: FindingCode, message: impl Into<String>) {
        self.add(code, Severity::Fine, message);
    }

    fn warning(&mut self, code: FindingCode, message: impl Into<String>) {
        self.add(code, Severity::Warning, message);
    }

    fn fault(&mut self, code: FindingCode, message: impl Into<String>) {
        self.add(code, Severity::Fault, message);
    }
}

fn permissions(looked: &Looked<'_>, report: &mut Report) {
    let folder = looked.home.folder();
    let secret: Vec<PathBuf> = [folder.to_owned(), super::keys::path(folder)].into();
    let open: Vec<String> =
        secret.iter().filter(|path| is_open_to_others(path)).map(|path| path.display().to_string()).collect();
    if open.is_empty() {
        report.fine(FindingCode::Permissions, "the folder and its keys are for their owner alone");
    } else {
        report.fault(
            FindingCode::Permissions,
            format!("other users of this machine may read {}: chmod go= takes that away", open.join(", ")),
        );
    }
}

fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

fn keys(looked: &Looked<'_>, report: &mut Report) {
    let keys: &Keys = &looked.home.keys;
    let retired: Vec<_> = keys.views().into_iter().skip(1).collect();
    let accepting = retired.iter().filter(|key| key.until.covers(looked.options.now)).count();
    report.fine(
        FindingCode::Keys,
        match retired.len() {
            0 => format!("the payee is {}", keys.payee()),
            all => format!("the payee is {}; of {all} retired keys {accepting} still accept", keys.payee()),
        },
    );
}

fn records(looked: &Looked<'_>, report: &mut Report) {
    let folder = looked.home.folder();
    let store = folder.join("store");
    match std::fs::read_dir(&store) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            report.fine(FindingCode::Records, "there are no records yet: they are made at the first start");
        }
        Err(error) => report.fault(FindingCode::Records, format!("{} cannot be read: {error}", store.display())),
        Ok(_) if looked.running => report.fine(FindingCode::Records, "the records are in use: the verifier is running"),
        Ok(_) => report.fine(FindingCode::Records, "the records are there"),
    }
    let writable = [folder, store.as_path()].into_iter().filter(|path| path.exists());
    for path in writable.filter(|path| rustix::fs::access(*path, rustix::fs::Access::WRITE_OK).is_err()) {
        report.fault(FindingCode::Records, format!("nothing can be written in {}", path.display()));
    }
    if let Ok(disk) = rustix::fs::statvfs(folder) {
        let left = disk.f_bavail.saturating_mul(disk.f_frsize);
        if left < LITTLE_ROOM {
            report.warning(FindingCode::Room, format!("only {} MiB are left on the disk", left >> 20));
        }
    }
}

/// Exactly one store decides over each class of tokens: the same rule as at the start.
fn stores(looked: &Looked<'_>, report: &mut Report) {
    let (home, HomeOptions { tokens, locked, .. }) = (looked.home, looked.home.options());
    let (mint, payee) = (*home.mint(), home.payee());
    let payees = home.keys().iter().map(|key| key.payee).collect();
    let locks: Vec<_> = home.lock_keys().iter().filter(|_| *locked).map(|lock| lock.recipient).collect();
    let redemption = match tokens {
        Tokens::Open => Redemption::Open,
        Tokens::Closed => Redemption::Closed(payee),
    };
    let pay = TokenClass { mint, redemption, kind: PaymentKind::Pay, recipient: None };
    let taken: Vec<_> = std::iter::once(pay)
        .chain(locks.iter().map(|to| TokenClass { kind: PaymentKind::Locked, recipient: Some(*to), ..pay }))
        .collect();
    let own = Decides::new(StoreRole::Own { payees, locks });
    match check_start_up([&own, &Decides::new(StoreRole::Clearing { mint })], taken) {
        Ok(()) => report.fine(
            FindingCode::Stores,
            match (tokens, locked) {
                (Tokens::Open, false) => "open tokens are cleared with the mint",
                (Tokens::Open, true) => "open tokens are cleared with the mint, locked ones by the records here",
                (Tokens::Closed, false) => "tokens closed to this payee are decided by the records here",
                (Tokens::Closed, true) => "tokens closed or locked to this payee are decided by the records here",
            },
        ),
        Err(error) => report.fault(FindingCode::Stores, error.to_string()),
    }
}

fn addresses(looked: &Looked<'_>, report: &mut Report) {
    let HomeOptions { listen, tls, metrics, public_url, .. } = looked.home.options();
    let free = |address| looked.running || TcpListener::bind(address).is_ok();
    if !free(*listen) {
        report.warning(FindingCode::Listen, format!("{listen} is in use by another program"));
    } else if !listen.ip().is_loopback() && tls.is_none() {
        report.warning(
            FindingCode::Listen,
            format!("there is no TLS on {listen}, which others reach: set [tls], or put a TLS proxy in front of it"),
        );
    } else {
        report.fine(FindingCode::Listen, format!("listens on {listen}"));
    }
    match metrics {
        Some(address) if !free(*address) => {
            report.warning(FindingCode::Metrics, format!("{address} is in use by another program"));
        }
        Some(address) if !address.ip().is_loopback() => {
            let message = format!("figures are served to everyone who reaches {address}");
            report.warning(FindingCode::Metrics, message);
        }
        Some(address) => report.fine(FindingCode::Metrics, format!("figures at {address}")),
        None => {}
    }
    match public_url {
        Some(url) if !url.is_https() && !is_loopback(url.host()) => {
            let message = format!("payers are told {}, which has no TLS: others see what is paid", url.as_str());
            report.warning(FindingCode::PublicUrl, message);
        }
        Some(url) => report.fine(FindingCode::PublicUrl, format!("payers are told {}", url.as_str())),
        None if listen.ip().is_unspecified() => {
            let message = format!("payers are told {listen}, where nobody reaches it: set public_url");
            report.fault(FindingCode::PublicUrl, message);
        }
        None if tls.is_some() => {
            let message =
                "payers are told an address without a name, for which no certificate is likely: set public_url";
            report.warning(FindingCode::PublicUrl, message);
        }
        None => {}
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn tls(looked: &Looked<'_>, report: &mut Report) {
    let Some(files) = looked.home.tls_files() else { return };
    if is_open_to_others(&files.key) {
        let message = format!("other users of this machine may read {}", files.key.display());
        report.warning(FindingCode::Tls, message);
    }
    match Tls::load(&files.certificate, &files.key) {
        Ok(_) => report.fine(FindingCode::Tls, "the certificate and its key belong together"),
        Err(error) => report.fault(FindingCode::Tls, error.to_string()),
    }
}

fn gateway(looked: &Looked<'_>, report: &mut Report) {
    let GatewaySettings { upstream, rules, origins, .. } = &looked.home.options().gateway;
    let mut faults = Vec::new();
    if let Some(address) = upstream {
        let options = UpstreamOptions { timeout: PATIENCE };
        faults.extend(Upstream::new(address, options).err().map(|error| format!("upstream: {error}")));
    }
    if !origins.is_empty() {
        let read = Origins::new(origins.iter().map(String::as_str));
        faults.extend(read.err().map(|error| format!("origins: {error}")));
    }
    faults.extend(rules_fault(looked, None));
    if faults.is_empty() && (upstream.is_some() || rules.is_some()) {
        report.fine(FindingCode::Gateway, "the gateway's settings and rules are in order");
    }
    for fault in faults {
        report.fault(FindingCode::Gateway, fault);
    }
}

/// What is wrong with the gateway's rules, as far as it shows without the unit or with it.
fn rules_fault(looked: &Looked<'_>, unit: Option<Unit>) -> Option<String> {
    let path = looked.home.folder().join(looked.home.options().gateway.rules.as_ref()?);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Some(format!("{} cannot be read: {error}", path.display())),
    };
    let read = Rules::read(&text, move || unit.clone());
    read.err().map(|error| format!("the rules in {} cannot be used: {error}", path.display()))
}

async fn mint(looked: &Looked<'_>, report: &mut Report) {
    if !looked.options.ask_mint {
        return;
    }
    let (home, now) = (looked.home, looked.options.now);
    let answer = match ask(home).await {
        Ok(answer) => answer,
        Err(error) => {
            let url = home.mint_url().as_str();
            report.fault(FindingCode::MintNotReached, format!("the mint at {url} was not reached: {error}"));
            return;
        }
    };
    if answer.list.mint() != home.mint() {
        let message = format!("another mint answers at {}: {}", home.mint_url().as_str(), answer.list.mint());
        report.fault(FindingCode::Mint, message);
        return;
    }
    let issued_at = answer.list.issued_at();
    match MintView::default().follow(home.mint(), answer, now) {
        Ok(view) => {
            report.fine(FindingCode::Mint, format!("the mint at {} answers", home.mint_url().as_str()));
            unit(looked, &view, report);
        }
        Err(KeyringError::List(error)) if issued_at > now => {
            report.fault(FindingCode::Clock, format!("{error}: this machine's clock is behind the mint's"));
        }
        Err(error) => report.fault(FindingCode::Mint, error.to_string()),
    }
}

async fn ask(home: &VerifierHome) -> Result<KeysetsAnswer, Box<dyn std::error::Error + Send + Sync>> {
    let client = HttpClient::builder().timeout(PATIENCE).build()?;
    let answer: Result<KeysetsAnswer, CallError> = client.get_json(&home.mint_url().join(mint_path::KEYSETS)?).await;
    Ok(answer?)
}

/// Whether there is exactly one chain of keysets to be paid in, as when invoices are made.
fn unit(looked: &Looked<'_>, view: &MintView, report: &mut Report) {
    let HomeOptions { tokens, unit, .. } = looked.home.options();
    let redemption = match tokens {
        Tokens::Open => Redemption::Open,
        Tokens::Closed => Redemption::Closed(looked.home.payee()),
    };
    let of_kind = view.chains().filter(|chain| chain.key().redemption == redemption);
    let units: Vec<_> = of_kind.map(|chain| chain.key().unit).collect();
    let named: Vec<_> = units.iter().filter(|found| unit.as_deref().is_none_or(|code| code == found.code())).collect();
    match (named.as_slice(), unit) {
        ([one], _) => {
            report.fine(FindingCode::Unit, format!("paid in {}", one.code()));
            if rules_fault(looked, None).is_none()
                && let Some(fault) = rules_fault(looked, Some((*one).clone()))
            {
                report.fault(FindingCode::Gateway, fault);
            }
        }
        ([], _) if *tokens == Tokens::Closed && units.is_empty() => {
            report.fault(FindingCode::Unit, "the mint issues no tokens that are closed to this payee");
        }
        ([], Some(code)) => report.fault(FindingCode::Unit, format!("the mint issues no {code}")),
        ([], None) => report.fault(FindingCode::Unit, "the mint issues nothing"),
        (several, _) => {
            let codes: Vec<&str> = several.iter().map(|unit| unit.code()).collect();
            report.fault(FindingCode::Unit, format!("the mint issues {}: set unit to one of them", codes.join(", ")));
        }
    }
}
