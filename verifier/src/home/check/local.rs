//! What is found out without asking anybody.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use farthing_http::server::Tls;
use farthing_protocol::keyset::Redemption;
use farthing_protocol::payment::PaymentKind;

use super::{FindingCode, Looked, Report};
use crate::check::TokenClass;
use crate::home::HomeOptions;
use crate::home::keys::{Keys, path as keys_path};
use crate::merchant::Tokens;
use crate::store::{Decides, StoreRole, check_start_up};

/// Less room than this on the disk is worth a warning, in bytes.
const LITTLE_ROOM: u64 = 256 << 20;

pub(super) fn permissions(looked: &Looked<'_>, report: &mut Report) {
    let folder = looked.home.folder();
    let secret: Vec<PathBuf> = [folder.to_owned(), keys_path(folder)].into();
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

pub(super) fn keys(looked: &Looked<'_>, report: &mut Report) {
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

pub(super) fn records(looked: &Looked<'_>, report: &mut Report) {
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
pub(super) fn stores(looked: &Looked<'_>, report: &mut Report) {
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

pub(super) fn addresses(looked: &Looked<'_>, report: &mut Report) {
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

pub(super) fn tls(looked: &Looked<'_>, report: &mut Report) {
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

/// Who is told of accepted payments: the secret is there, and nobody reads along.
pub(super) fn webhook(looked: &Looked<'_>, report: &mut Report) {
    match looked.home.webhook() {
        Ok(None) => {}
        Ok(Some(target)) if target.url.as_str().starts_with("http:") => {
            report.warning(
                FindingCode::Webhook,
                "events of payments are sent without TLS: others can read them on their way",
            );
        }
        Ok(Some(_)) => report.fine(FindingCode::Webhook, "the webhook's secret is in order"),
        Err(error) => report.fault(FindingCode::Webhook, error.to_string()),
    }
}
