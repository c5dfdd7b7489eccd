//! `farthing mint check-config`: whether a folder's mint would run, and issue.

use std::io;
use std::path::{Path, PathBuf};

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::ids::KeysetId;
use farthing_verifier::findings;

use super::{CONFIG, HomeError, MintHome, ServiceOptions, SignerAt};
use crate::funding::WebhookSecretError;
use crate::keys::{KeyFolder, is_private};
use crate::keysets::{KeysetBook, KeysetState, KeysetSummary};
use crate::limits::IssueLimits;
use crate::signer::{SigningError, reach_now};

farthing_verifier::finding_codes! {
    /// The settings.
    Config = "config";
    /// Who may read the folder.
    Permissions = "permissions";
    /// The files of secret keys.
    Keys = "keys";
    /// The signer, if it is a process of its own.
    Signer = "signer";
    /// The keysets, and whether one issues now.
    Keysets = "keysets";
    /// The ledger.
    Ledger = "ledger";
    /// Room on the disk.
    Room = "room";
    /// Where it listens.
    Listen = "listen";
    /// Where wallets and merchants are told to come.
    PublicUrl = "public_url";
    /// The certificate files.
    Tls = "tls";
    /// Where figures are served.
    Metrics = "metrics";
    /// What is issued at most.
    Limits = "limits";
    /// Who is told when it stops issuing.
    Alert = "alert";
    /// Where money is reported that came in.
    Webhook = "webhook";
}

/// What was found out about a mint's folder.
pub type Finding = findings::Finding<FindingCode>;

type Report = findings::Report<FindingCode>;

/// Looks at everything a mint in this folder needs, and changes nothing. No secret is read but the mint's own for its connection to a
/// signer, which is asked whether it is there, and the ledger is not opened: what was revoked says the running mint, if there is one; without
/// it, a keyset counts as revoked whose place another has taken.
pub fn check_home(folder: &Path, now: UnixTime, running: Option<&[KeysetSummary]>) -> Vec<Finding> {
    let mut report = Report::default();
    let home = match MintHome::open(folder) {
        Ok(home) => home,
        Err(error) => {
            let message = match error {
                HomeError::NoMint => format!("there is no {CONFIG} in {}", folder.display()),
                error => error.to_string(),
            };
            report.fault(FindingCode::Config, message);
            return report.into_findings();
        }
    };
    let looked = Looked { home: &home, running, now };
    report.fine(FindingCode::Config, format!("{CONFIG} is in order"));
    for check in CHECKS {
        check(&looked, &mut report);
    }
    report.into_findings()
}

/// A check. Another one is added to [`CHECKS`].
type Check = fn(&Looked<'_>, &mut Report);

const CHECKS: &[Check] = &[permissions, keysets, signer, ledger, addresses, tls, limits, alert, webhook];

struct Looked<'a> {
    home: &'a MintHome,
    /// The keysets of the mint that runs on it.
    running: Option<&'a [KeysetSummary]>,
    now: UnixTime,
}

impl Looked<'_> {
    fn book(&self) -> Result<KeysetBook, HomeError> {
        Ok(KeysetBook::without_ledger(self.home.load_keysets()?)?)
    }

    /// What the running mint says of its keysets, or else their windows.
    fn summaries(&self, book: &KeysetBook) -> Vec<KeysetSummary> {
        self.running.map_or_else(|| book.summaries(self.now), <[KeysetSummary]>::to_vec)
    }
}

fn permissions(looked: &Looked<'_>, report: &mut Report) {
    let home = looked.home;
    let keys = home.keys().path().to_owned();
    let folders = if home.has_signer() { vec![home.folder.clone()] } else { vec![home.folder.clone(), keys] };
    findings::permissions(FindingCode::Permissions, &folders, report);
}

/// The keysets follow one another, one of them issues, and the keys that are still needed are there.
fn keysets(looked: &Looked<'_>, report: &mut Report) {
    let (home, now) = (looked.home, looked.now);
    let book = match looked.book() {
        Ok(book) => book,
        Err(error) => return report.fault(FindingCode::Keysets, error.to_string()),
    };
    let config = home.config();
    if book.last_of(&config.unit, &config.redemption).is_none() {
        let message = "no keyset is of the unit and redemption in the settings: these cannot be changed";
        report.fault(FindingCode::Keysets, message);
    }
    let summaries = looked.summaries(&book);
    let needed = needed(&summaries);
    let missing: Vec<String> = home.keys().missing(needed).iter().map(|path| path.display().to_string()).collect();
    match missing.as_slice() {
        _ if home.has_signer() && home.keys().path().exists() => {
            let left = home.keys().path().display().to_string();
            let message = format!(
                "the mint has a signer, and secret keys in {left} all the same: repeat `farthing mint signer init`, which removes them"
            );
            report.fault(FindingCode::Keys, message);
        }
        _ if home.has_signer() => report.fine(FindingCode::Keys, "the secret keys are with the signer"),
        [] => report.fine(FindingCode::Keys, "the files of secret keys are there"),
        missing => {
            let message = format!("there is no {}: farthing mint keys restore", missing.join(", nor "));
            report.fault(FindingCode::Keys, message);
        }
    }
    match summaries.iter().find(|keyset| keyset.state == KeysetState::Issuing) {
        Some(keyset) => {
            let left = keyset.issue_until.seconds().saturating_sub(now.seconds()) / 86_400;
            let unless = if looked.running.is_some() { "" } else { ", unless it was revoked" };
            report
                .fine(FindingCode::Keysets, format!("keyset {} issues for {left} more days{unless}", keyset.sequence));
        }
        None => report.fault(FindingCode::Keysets, "no keyset issues now: farthing mint new-keyset makes one"),
    }
}

/// Keysets whose secret keys are still needed.
fn needed(summaries: &[KeysetSummary]) -> impl Iterator<Item = &KeysetId> {
    let issues = |keyset: &&KeysetSummary| matches!(keyset.state, KeysetState::Announced | KeysetState::Issuing);
    summaries.iter().filter(issues).map(|keyset| &keyset.keyset)
}

/// Whether the signer answers, and has the keys. A mint runs without it, and issues nothing.
fn signer(looked: &Looked<'_>, report: &mut Report) {
    let (home, code) = (looked.home, FindingCode::Signer);
    let Some(place) = home.config().signer.clone() else { return };
    let at = match &place.at {
        SignerAt::Socket(path) => path.display().to_string(),
        SignerAt::Tcp { address, .. } => address.clone(),
    };
    let summaries = looked.book().map(|book| looked.summaries(&book)).unwrap_or_default();
    let keysets = needed(&summaries).copied().collect();
    match reach_now(*home.mint_id(), place, keysets) {
        Ok(lacking) => {
            report.fine(code, format!("the signer answers at {at}"));
            for keyset in lacking {
                report.fault(FindingCode::Keys, format!("the signer has no {}", KeyFolder::file_name(&keyset)));
            }
        }
        Err(SigningError::Unreached) => {
            report.warning(code, format!("the signer is not reached at {at}: nothing is issued until it is"));
        }
        Err(error) => report.fault(code, format!("the signer at {at} cannot be used: {error}")),
    }
}

fn ledger(looked: &Looked<'_>, report: &mut Report) {
    let (home, ledger, code) = (looked.home, looked.home.ledger(), FindingCode::Ledger);
    match std::fs::read_dir(&ledger) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            report.fine(code, "there is no ledger yet: it is made at the first start");
        }
        Err(error) => report.fault(code, format!("{} cannot be read: {error}", ledger.display())),
        Ok(_) if looked.running.is_some() => report.fine(code, "the ledger is in use: the mint is running"),
        Ok(_) => report.fine(code, "the ledger is there"),
    }
    findings::writable(code, &[home.folder(), &ledger], report);
    findings::room(FindingCode::Room, home.folder(), report);
}

fn addresses(looked: &Looked<'_>, report: &mut Report) {
    let ServiceOptions { listen, tls, metrics, public_url, .. } = looked.home.service();
    let encrypted = tls.is_some();
    findings::addresses(
        (FindingCode::Listen, *listen, encrypted),
        (FindingCode::Metrics, *metrics),
        looked.running.is_some(),
        report,
    );
    let told = (public_url.as_ref(), *listen, encrypted);
    findings::public_address(FindingCode::PublicUrl, "wallets and merchants", told, report);
}

fn tls(looked: &Looked<'_>, report: &mut Report) {
    if let Some(files) = looked.home.tls_files() {
        findings::tls(FindingCode::Tls, &files, report);
    }
    if let Some(files) = looked.home.webhook_tls_files() {
        findings::tls(FindingCode::Tls, &files, report);
    }
}

fn limits(looked: &Looked<'_>, report: &mut Report) {
    let (config, code) = (looked.home.config(), FindingCode::Limits);
    let IssueLimits { operation, account_day, day, outstanding } = config.limits;
    let smallest = config.bundles.iter().map(|bundle| bundle.amount()).min();
    let within = |what: &str, limit: Option<Amount>, report: &mut Report| {
        if let (Some(limit), Some(smallest)) = (limit, smallest)
            && limit < smallest
        {
            let (limit, smallest) = (limit.display(&config.unit), smallest.display(&config.unit));
            report.warning(
                code,
                format!("{what} is {limit}, and the smallest bundle {smallest}: nobody can withdraw it"),
            );
            return true;
        }
        false
    };
    let limits = [
        ("max_issue", operation),
        ("max_issue_account_day", account_day),
        ("max_issue_day", day),
        ("max_outstanding", outstanding),
    ];
    let narrow = limits.into_iter().filter(|(what, limit)| within(what, *limit, report)).count();
    if narrow == 0 {
        let set: Vec<&str> = limits.iter().filter(|(_, limit)| limit.is_some()).map(|(what, _)| *what).collect();
        let message = if set.is_empty() { "nothing is limited".to_owned() } else { format!("set: {}", set.join(", ")) };
        report.fine(code, message);
    }
}

/// Whether there is a program to be run.
fn alert(looked: &Looked<'_>, report: &mut Report) {
    let Some(program) = looked.home.service().alert_command.first() else { return };
    match find_program(program) {
        Some(_) => report.fine(FindingCode::Alert, format!("{program} is told when the mint stops issuing")),
        None => report.fault(FindingCode::Alert, format!("{program} is no program that can be run")),
    }
}

/// Whether what a payment processor reports can be verified. Its secret is not read.
fn webhook(looked: &Looked<'_>, report: &mut Report) {
    let Some(listen) = looked.home.config().funding.webhook_listen else { return };
    let file = looked.home.webhook_secret_file();
    match is_private(&file) {
        Ok(true) => report.fine(FindingCode::Webhook, format!("payments are reported to {listen}")),
        Ok(false) => report.fault(FindingCode::Webhook, WebhookSecretError::ReadableByOthers(file).to_string()),
        Err(error) => report.fault(
            FindingCode::Webhook,
            format!("{} cannot be read ({error}): farthing mint funding secret makes one", file.display()),
        ),
    }
}

fn find_program(program: &str) -> Option<PathBuf> {
    let runs =
        |path: &PathBuf| path.is_file() && rustix::fs::access(path.as_path(), rustix::fs::Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(runs);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(runs)
}
