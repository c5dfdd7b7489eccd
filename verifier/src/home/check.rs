//! `farthing verifier check-config`: whether a folder's verifier would run, and be paid.

mod gateway;
mod local;
mod mint;

use std::path::Path;
use std::time::Duration;

use farthing_protocol::amount::UnixTime;

use super::{CONFIG, HomeError, VerifierHome};

/// Longest time that the mint is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

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
        check(&looked, &mut report);
    }
    if options.ask_mint {
        mint::mint(&looked, &mut report).await;
    }
    report.0
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
