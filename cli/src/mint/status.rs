//! `farthing mint status`

use anyhow::Result;
use farthing_issuer::control::{SignerView, StatusReport, path};
use farthing_protocol::amount::UnixTime;
use serde::Serialize;

use super::home::{ask_running, open};
use crate::args::MintStatus;
use crate::exit::Told;
use crate::output::{Answer, Screen, seconds, time};

/// How a mint stands.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StatusAnswer {
    mint: String,
    /// Whether it runs. If not, nothing else is known.
    running: bool,
    /// What is wrong, the worst first.
    alarms: Vec<StatusAlarm>,
    /// Until when the keyset issues that issues now.
    issues_until: Option<u64>,
    signer: Option<StatusSigner>,
    /// Since when its signer has not been reached, if it is not.
    signer_unreached_since: Option<u64>,
}

/// Something that is wrong.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StatusAlarm {
    /// Its stable name.
    code: String,
    /// A sentence.
    message: String,
}

/// Where the secret keys are, and whether they can be used.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatusSigner {
    /// The mint holds them itself.
    Here,
    /// They are with a process of its own, which answers.
    Reached,
    /// They are with a process of its own, which does not answer.
    Unreached,
}

pub(super) async fn status(args: MintStatus, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let asked: Option<StatusReport> = ask_running(&home, async |client| client.get_json(path::STATUS).await).await?;
    let answer = asked.map_or_else(|| StatusAnswer::of_none(home.mint_id().to_text()), StatusAnswer::of);
    screen.answer(&answer)?;
    if answer.running && answer.alarms.is_empty() { Ok(()) } else { Err(Told::failed().into()) }
}

impl StatusAnswer {
    fn of_none(mint: String) -> Self {
        let (alarms, issues_until) = (Vec::new(), None);
        Self { mint, running: false, alarms, issues_until, signer: None, signer_unreached_since: None }
    }

    fn of(report: StatusReport) -> Self {
        let (signer, since) = match report.signer {
            SignerView::Here {} => (StatusSigner::Here, None),
            SignerView::Reached {} => (StatusSigner::Reached, None),
            SignerView::Unreached { since } => (StatusSigner::Unreached, Some(seconds(since))),
        };
        let alarms = report.alarms.into_iter().map(|view| StatusAlarm { code: view.alarm, message: view.sentence });
        Self {
            mint: report.mint.to_text(),
            running: true,
            alarms: alarms.collect(),
            issues_until: report.issues_until.map(seconds),
            signer: Some(signer),
            signer_unreached_since: since,
        }
    }
}

impl Answer for StatusAnswer {
    fn show(&self, screen: &Screen) {
        let at = |at: u64| time(UnixTime::from_seconds(at));
        if !self.running {
            return screen.say(format!("mint {} does not run", self.mint));
        }
        screen.say(format!("mint {} runs", self.mint));
        match self.issues_until {
            Some(until) => screen.say(format!("a keyset issues until {}", at(until))),
            None => screen.say("no keyset issues now"),
        }
        match (self.signer, self.signer_unreached_since) {
            (Some(StatusSigner::Reached), _) => screen.say("the signer answers"),
            (_, Some(since)) => screen.say(format!("the signer has not been reached since {}", at(since))),
            _ => {}
        }
        for StatusAlarm { code, message } in &self.alarms {
            screen.say(format!("{code}: {message}"));
        }
    }
}
