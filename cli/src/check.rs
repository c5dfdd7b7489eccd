//! What a `check-config` answers, whatever it looked at.

use anyhow::Result;
use farthing_verifier::findings::{Finding, Severity};
use serde::Serialize;

use crate::exit::{Exit, Told};
use crate::output::{Answer, Screen};

/// What was found out about a folder.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckAnswer {
    folder: String,
    /// Whether it would run and do its work.
    well: bool,
    findings: Vec<CheckFinding>,
}

/// One thing that was looked at.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckFinding {
    /// What it is about. Stable.
    code: String,
    severity: CheckSeverity,
    /// A sentence.
    message: String,
}

/// How bad it is.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckSeverity {
    Fine,
    /// It runs, and should not stay so.
    Warning,
    /// It does not run, or does not do its work.
    Fault,
}

/// Answers with findings. `network` says which faults are only that somebody was not reached.
pub(crate) fn answer<C: Copy>(
    screen: &Screen,
    folder: &std::path::Path,
    findings: &[Finding<C>],
    name: fn(C) -> &'static str,
    network: fn(C) -> bool,
) -> Result<()> {
    let faults = || findings.iter().filter(|finding| finding.severity == Severity::Fault);
    let (well, network) = (faults().count() == 0, faults().all(|fault| network(fault.code)));
    let each = findings.iter().map(|Finding { code, severity, message }| CheckFinding {
        code: name(*code).to_owned(),
        severity: match severity {
            Severity::Fine => CheckSeverity::Fine,
            Severity::Warning => CheckSeverity::Warning,
            Severity::Fault => CheckSeverity::Fault,
        },
        message: message.clone(),
    });
    screen.answer(&CheckAnswer { folder: folder.display().to_string(), well, findings: each.collect() })?;
    match (well, network) {
        (true, _) => Ok(()),
        (false, true) => Err(Told::because(Exit::Network).into()),
        (false, false) => Err(Told::failed().into()),
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
