//! `farthing verifier check-config`: whether a folder's verifier would run, and be paid.

mod gateway;
mod local;
mod mint;

use std::path::Path;
use std::time::Duration;

use farthing_protocol::amount::UnixTime;

use super::{CONFIG, HomeError, VerifierHome};
pub use crate::findings::Severity;

type Report = crate::findings::Report<FindingCode>;

/// Longest time that the mint is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

crate::finding_codes! {
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
    /// Who is told of accepted payments.
    Webhook = "webhook";
    /// The mint was not reached.
    MintNotReached = "mint_not_reached";
    /// What the mint says of itself and its keysets.
    Mint = "mint";
    /// The unit, and a keyset to be paid in.
    Unit = "unit";
    /// The clock of this machine, against what the mint signed.
    Clock = "clock";
}

/// What was found out about a verifier's folder.
pub type Finding = crate::findings::Finding<FindingCode>;

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
    let mut report = Report::default();
    let home = match VerifierHome::open(folder) {
        Ok(home) => home,
        Err(error) => {
            let code = if matches!(error, HomeError::Keys) { FindingCode::Keys } else { FindingCode::Config };
            let message = match error {
                HomeError::Missing => format!("there is no {CONFIG} in {}", folder.display()),
                error => error.to_string(),
            };
            report.fault(code, message);
            return report.into_findings();
        }
    };
    let running = std::os::unix::net::UnixStream::connect(home.control_socket()).is_ok();
    let looked = Looked { home: &home, running, options };
    report.fine(FindingCode::Config, format!("{CONFIG} is in order"));
    for check in CHECKS {
        check(&looked, &mut report);
    }
    if options.ask_mint {
        mint::mint(&looked, &mut report).await;
    }
    report.into_findings()
}

/// A check. Another one is added to [`CHECKS`].
type Check = fn(&Looked<'_>, &mut Report);

const CHECKS: &[Check] = &[
    local::permissions,
    local::keys,
    local::records,
    local::stores,
    local::addresses,
    local::tls,
    gateway::gateway,
    local::webhook,
];

struct Looked<'a> {
    home: &'a VerifierHome,
    running: bool,
    options: CheckOptions,
}
