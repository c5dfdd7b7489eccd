//! `farthing wallet doctor`, `export` and `forget`

use anyhow::{Context, Result};
use farthing_protocol::amount::UnixTime;
use farthing_wallet::{Diagnosis, Forget, Forgotten, MintDiagnosis, Reason, RestoreState};
use serde::Serialize;

use super::history::Entry;
use super::open::Place;
use crate::args::{WalletExport, WalletForget};
use crate::exit::{Told, Trouble, fault};
use crate::output::{Answer, Progress, Screen, say, seconds, time};
use crate::{prompt, qr};

/// What a look through the wallet found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DoctorAnswer {
    /// Whether nothing has to be done.
    well: bool,
    findings: Vec<FindingEntry>,
    tokens: u64,
    finished: u64,
    unfinished: Vec<Entry>,
    mints: Vec<MintHealth>,
    /// Files that prove misconduct of somebody.
    evidence: u64,
}

/// Something to be done.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FindingEntry {
    code: FindingCode,
    message: String,
}

/// What a finding is about.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum FindingCode {
    /// The state is not as it should be.
    State,
    /// An operation is unfinished.
    Unfinished,
    /// A mint does not answer, or not as it should.
    Mint,
    /// Tokens end soon.
    Ending,
    /// The clock is wrong, here or there.
    Clock,
    /// Evidence of misconduct lies in the folder.
    Evidence,
    /// Another wallet uses the same words, or an old copy of the folder was put back.
    WordsUsedElsewhere,
    /// A restore is not finished, or tokens that came back are not renewed.
    Restore,
}

/// How a mint is doing.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MintHealth {
    mint: String,
    mint_url: String,
    trusted: bool,
    refused: bool,
    /// Null if it was not asked, because it is not trusted.
    answers: Option<bool>,
    first_end: Option<u64>,
}

pub(super) async fn doctor(place: &Place) -> Result<()> {
    let (wallet, _) = place.open_and_resume().await?;
    let progress = Progress::start(&place.screen, "looking through the wallet, and asking its mints");
    let diagnosis = wallet.doctor(true).await?;
    let mut clocks = Vec::new();
    for mint in &diagnosis.mints {
        if mint.answers.is_some()
            && let Ok(Some(difference)) = wallet.clock_difference(&mint.mint).await
            && difference.matters()
        {
            clocks.push((mint.url.as_str().to_owned(), difference));
        }
    }
    drop(progress);
    let mut answer = DoctorAnswer::of(&diagnosis)?;
    if !wallet.used_elsewhere().await?.is_empty() {
        let message = "another wallet uses the same words, or an old copy of this folder was put back: \
                       `farthing wallet resync` brings it together again";
        answer.find(FindingCode::WordsUsedElsewhere, message.to_owned());
    }
    if wallet.restores().await?.iter().any(|restore| restore.state != RestoreState::Finished) {
        let message = "a restore is not finished: `farthing wallet restore` goes on with it";
        answer.find(FindingCode::Restore, message.to_owned());
    }
    if wallet.balance().await?.iter().any(|balance| !balance.restored.is_zero()) {
        let message = "tokens that came back from the words must be renewed before they can be paid: \
                       `farthing wallet refresh` renews them";
        answer.find(FindingCode::Restore, message.to_owned());
    }
    for expiry in wallet.expiry_warnings().await? {
        let (amount, end) = (expiry.amount.display(&expiry.unit), time(expiry.spend_until));
        answer.find(
            FindingCode::Ending,
            format!("tokens worth {amount} end on {end} UTC: `farthing wallet refresh` renews them"),
        );
    }
    for (url, difference) in clocks {
        let minutes = (difference.seconds().unsigned_abs() + 30) / 60;
        let side = if difference.seconds() > 0 { "ahead of" } else { "behind" };
        let message =
            format!("this machine's clock is {minutes} minutes {side} that of the mint at {url}: set it right");
        answer.find(FindingCode::Clock, message);
    }
    place.screen.answer(&answer)?;
    if answer.well { Ok(()) } else { Err(Told::failed().into()) }
}

impl DoctorAnswer {
    fn of(diagnosis: &Diagnosis) -> Result<Self> {
        let mut answer = Self {
            well: true,
            findings: Vec::new(),
            tokens: u64::try_from(diagnosis.tokens)?,
            finished: u64::try_from(diagnosis.finished)?,
            unfinished: diagnosis.unfinished.iter().map(Entry::unfinished).collect(),
            mints: diagnosis.mints.iter().map(MintHealth::of).collect(),
            evidence: u64::try_from(diagnosis.proofs.saturating_add(diagnosis.statements))?,
        };
        for finding in &diagnosis.findings {
            answer.find(FindingCode::State, finding.to_string());
        }
        for operation in &diagnosis.unfinished {
            let message = format!(
                "operation {} is unfinished: `farthing wallet resume` says why, `farthing wallet give-up {0}` settles it",
                operation.id
            );
            answer.find(FindingCode::Unfinished, message);
        }
        for mint in &diagnosis.mints {
            answer.look_at(mint);
        }
        if diagnosis.proofs > 0 {
            let message =
                format!("{} files in the folder `evidence` prove that a mint contradicted itself", diagnosis.proofs);
            answer.find(FindingCode::Evidence, message);
        }
        if diagnosis.statements > 0 {
            let message = format!(
                "{} files in the folder `evidence` hold statements that differ; who is right they do not prove",
                diagnosis.statements
            );
            answer.find(FindingCode::Evidence, message);
        }
        Ok(answer)
    }

    fn find(&mut self, code: FindingCode, message: String) {
        self.well = false;
        self.findings.push(FindingEntry { code, message });
    }

    fn look_at(&mut self, mint: &MintDiagnosis) {
        let url = mint.url.as_str();
        if let Some(Err(error)) = &mint.answers {
            let code =
                if error.reason() == Reason::MintListNotCurrent { FindingCode::Clock } else { FindingCode::Mint };
            self.find(code, format!("the mint at {url} does not do well: {}", super::open::because(error)));
        }
        if mint.refused {
            self.find(FindingCode::Mint, format!("the mint at {url} contradicted itself, and is refused"));
        } else if !mint.pinned {
            let message = format!("the mint at {url} is known and not trusted: `farthing wallet mint trust` trusts it");
            self.find(FindingCode::Mint, message);
        }
    }
}

impl MintHealth {
    fn of(mint: &MintDiagnosis) -> Self {
        Self {
            mint: mint.mint.to_text(),
            mint_url: mint.url.as_str().to_owned(),
            trusted: mint.pinned,
            refused: mint.refused,
            answers: mint.answers.as_ref().map(Result::is_ok),
            first_end: mint.first_end.map(seconds),
        }
    }
}

impl Answer for DoctorAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!(
            "{} tokens, {} finished operations, {} unfinished",
            self.tokens,
            self.finished,
            self.unfinished.len()
        ));
        for mint in &self.mints {
            let state = match mint.answers {
                Some(true) => "answers",
                Some(false) => "does not answer as it should",
                None => "was not asked",
            };
            screen.say(format!("the mint at {} {state}", mint.mint_url));
        }
        if self.well {
            screen.say("all is well");
        }
        for finding in &self.findings {
            screen.bullet(&finding.message);
        }
    }
}

/// Everything the wallet knows. Its format is numbered, and described in docs/cli.md.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ExportAnswer {
    export: serde_json::Value,
    file: Option<String>,
}

pub(super) async fn export(place: &Place, args: WalletExport) -> Result<()> {
    let wallet = place.open().await?;
    let export = serde_json::to_value(wallet.export().await?)?;
    let Some(path) = args.file else {
        if place.screen.is_json() {
            return place.screen.answer(&ExportAnswer { export, file: None });
        }
        say(serde_json::to_string_pretty(&export)?);
        return Ok(());
    };
    qr::write_private(&path, format!("{}\n", serde_json::to_string_pretty(&export)?).as_bytes())?;
    let file = Some(path.display().to_string());
    place.screen.answer(&ExportAnswer { export, file })
}

impl Answer for ExportAnswer {
    fn show(&self, screen: &Screen) {
        screen.note(format!("written: {}", self.file.as_deref().unwrap_or_default()));
        screen.note("It shows what you did with whom: keep it to yourself.");
    }
}

/// What was forgotten.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ForgetAnswer {
    /// Whether it was only looked at.
    dry_run: bool,
    operations: u64,
    payments: u64,
    receipts: u64,
    locked: u64,
    locked_kept: u64,
    tokens: u64,
    requests: u64,
}

pub(super) async fn forget(place: &Place, args: WalletForget) -> Result<ForgetAnswer> {
    let what = Forget { before: read_date(&args.before)?, locked: args.locked };
    let wallet = place.open().await?;
    let would = wallet.forget(what, true).await?;
    if args.dry_run {
        return ForgetAnswer::of(&would, true);
    }
    if !args.yes {
        place.screen.note_for(true, consequences(&would));
        if !prompt::confirm("Forget it for good?", "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was forgotten").into());
        }
    }
    ForgetAnswer::of(&wallet.forget(what, false).await?, false)
}

/// Midnight of a day, in UTC.
fn read_date(text: &str) -> Result<UnixTime> {
    let bad = || {
        fault(Trouble::BadDate, format!("{text:?} is no date")).next("write it as 2026-11-23; days are those of UTC")
    };
    let date: jiff::civil::Date = text.parse().map_err(|_| bad())?;
    let midnight = date.to_zoned_datetime(jiff::tz::TimeZone::UTC).map_err(|_| bad())?;
    let seconds = u64::try_from(midnight.timestamp().as_second()).map_err(|_| bad())?;
    Ok(UnixTime::from_seconds(seconds))
}

fn consequences(would: &Forgotten) -> String {
    let mut text = format!("{} operations would be forgotten. ", would.operations);
    if would.payments > 0 {
        text.push_str(&format!(
            "Of {} payments it can no longer be shown to whom they went, of {} no longer be proven that they were accepted. ",
            would.payments, would.receipts
        ));
    }
    if would.locked > 0 {
        text.push_str(&format!(
            "The texts of {} sends to locked recipients would be lost: if a recipient does not have his yet, his money is lost. ",
            would.locked
        ));
    }
    text
}

impl ForgetAnswer {
    fn of(forgotten: &Forgotten, dry_run: bool) -> Result<Self> {
        let count = |count: usize| u64::try_from(count).context("too many");
        Ok(Self {
            dry_run,
            operations: count(forgotten.operations)?,
            payments: count(forgotten.payments)?,
            receipts: count(forgotten.receipts)?,
            locked: count(forgotten.locked)?,
            locked_kept: count(forgotten.locked_kept)?,
            tokens: count(forgotten.tokens)?,
            requests: count(forgotten.requests)?,
        })
    }
}

impl Answer for ForgetAnswer {
    fn show(&self, screen: &Screen) {
        let what = if self.dry_run { "would be forgotten" } else { "forgotten" };
        screen.say(format!(
            "{what}: {} operations, {} records of spent tokens, {} requests",
            self.operations, self.tokens, self.requests
        ));
        if self.payments > 0 {
            screen.say(format!(
                "no longer to be shown: to whom {} payments went; no longer to be proven: {} receipts",
                self.payments, self.receipts
            ));
        }
        if self.locked_kept > 0 {
            screen.say(format!("kept: {} sends to locked recipients; --locked forgets them too", self.locked_kept));
        }
    }
}
