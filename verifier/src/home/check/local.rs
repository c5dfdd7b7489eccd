//! What is found out without asking anybody.

use std::io;

use farthing_protocol::keyset::Redemption;
use farthing_protocol::payment::PaymentKind;

use super::{FindingCode, Looked, Report};
use crate::check::TokenClass;
use crate::findings;
use crate::home::HomeOptions;
use crate::home::keys::{Keys, path as keys_path};
use crate::merchant::Tokens;
use crate::store::{Decides, StoreRole, check_start_up};

pub(super) fn permissions(looked: &Looked<'_>, report: &mut Report) {
    let folder = looked.home.folder();
    findings::permissions(FindingCode::Permissions, &[folder.to_owned(), keys_path(folder)], report);
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
    findings::writable(FindingCode::Records, &[folder, store.as_path()], report);
    findings::room(FindingCode::Room, folder, report);
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
    let encrypted = tls.is_some();
    findings::addresses(
        (FindingCode::Listen, *listen, encrypted),
        (FindingCode::Metrics, *metrics),
        looked.running,
        report,
    );
    findings::public_address(FindingCode::PublicUrl, "payers", (public_url.as_ref(), *listen, encrypted), report);
}

pub(super) fn tls(looked: &Looked<'_>, report: &mut Report) {
    if let Some(files) = looked.home.tls_files() {
        findings::tls(FindingCode::Tls, &files, report);
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
