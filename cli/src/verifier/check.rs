//! `farthing verifier check-config`

use anyhow::Result;
use farthing_verifier::home::{CheckOptions, Finding, FindingCode, Severity, check_home};
use serde::Serialize;

use crate::args::VerifierCheckConfig;
use crate::exit::{Exit, Told};
use crate::output::{Answer, Screen};
use crate::{hooks, place};

/// What was found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckAnswer {
    folder: String,
    /// Whether the verifier runs and is paid.
    well: bool,
    findings: Vec<CheckFinding>,
}

/// One thing that was looked at.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckFinding {
    /// Stable; docs/cli.md lists them.
    code: String,
    severity: CheckSeverity,
    message: String,
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckSeverity {
    /// As it should be.
    Fine,
    /// It runs, and should not stay so.
    Warning,
    /// It does not run, or is not paid.
    Fault,
}

pub(super) async fn check(args: VerifierCheckConfig, screen: &Screen) -> Result<()> {
    let folder = place::folder(args.folder.dir, "verifier")?;
    let options = CheckOptions { ask_mint: !args.offline, now: hooks::now() };
    let findings = check_home(&folder, options).await;
    let faults = || findings.iter().filter(|finding| finding.severity == Severity::Fault);
    let (well, network) = (faults().count() == 0, faults().all(|fault| fault.code == FindingCode::MintNotReached));
    let answer = CheckAnswer {
        folder: folder.display().to_string(),
        well,
        findings: findings.iter().map(CheckFinding::of).collect(),
    };
    screen.answer(&answer)?;
    match (well, network) {
        (true, _) => Ok(()),
        (false, true) => Err(Told::because(Exit::Network).into()),
        (false, false) => Err(Told::failed().into()),
    }
}

impl CheckFinding {
    fn of(finding: &Finding) -> Self {
        let severity = match finding.severity {
            Severity::Fine => CheckSeverity::Fine,
            Severity::Warning => CheckSeverity::Warning,
            Severity::Fault => CheckSeverity::Fault,
        };
        Self { code: finding.code.as_str().to_owned(), severity, message: finding.message.clone() }
    }
}

impl Answer for CheckAnswer {
    fn show(&self, screen: &Screen) {
        for CheckFinding { code, severity, message } in &self.findings {
            let mark = match severity {
                CheckSeverity::Fine => "ok",
                CheckSeverity::Warning => "warning",
                CheckSeverity::Fault => "fault",
            };
            screen.say(format!("{mark:<8}{code}: {message}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_documented() {
        let documented = include_str!("../../../docs/cli.md");
        for code in FindingCode::ALL {
            assert!(documented.contains(&format!("| `{}` |", code.as_str())), "docs/cli.md lacks {}", code.as_str());
        }
    }
}
