//! `farthing mint backup`

use std::path::{Path, PathBuf};

use anyhow::Result;
use farthing_http::client::CallError;
use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{BeginCopyAnswer, BeginCopyRequest, CopyPortionAnswer, CopyPortionRequest, path};
use farthing_issuer::{
    BackupError, BackupPlan, BackupSummary, Books, CheckedBackup, LedgerPortion, MintHome, check_backup, last_backup,
    write_backup,
};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::from_base64url;
use serde::Serialize;

use super::home::open;
use crate::args::MintBackup;
use crate::exit::{Trouble, fault};
use crate::hooks;
use crate::output::{Answer, Screen, seconds, time};

/// A copy that was found whole and right.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BackupAnswer {
    /// Where it is.
    folder: String,
    /// Whose it is.
    mint: String,
    /// Everything that was answered before is in it.
    taken_at: u64,
    /// Whether the original was taken out of service with it.
    last: bool,
    /// Whether the secret keys are in it.
    with_keys: bool,
    files: usize,
    bytes: u64,
    /// A hash of all of it: kept in another place, it shows that a copy is this one.
    fingerprint: String,
    #[serde(skip)]
    time: UnixTime,
    #[serde(skip)]
    taken: bool,
    /// Whether the secret keys are with a signer.
    #[serde(skip)]
    apart: bool,
}

pub(super) async fn backup(args: MintBackup, screen: &Screen) -> Result<()> {
    let place = std::path::absolute(&args.place)?;
    if args.check {
        let checked = check(place.clone(), None).await?;
        return screen.answer(&BackupAnswer::of(checked.summary, &place, None));
    }
    let home = open(args.folder)?;
    let plan = BackupPlan { to: place.clone(), with_keys: args.with_keys, now: hooks::now() };
    let taken = if args.last {
        home.in_held_ledger(async |proof| last_backup(&home, plan.clone(), proof).await).await?
    } else {
        take(&home, plan).await
    };
    let taken = taken.map_err(|error| explain(error, &place))?;
    // A copy is worth what its check says.
    let checked = check(place.clone(), Some(taken.fingerprint)).await?;
    screen.answer(&BackupAnswer::of(checked.summary, &place, Some(&home)))
}

/// Takes the copy from the mint that runs, or from its ledger if none does.
async fn take(home: &MintHome, plan: BackupPlan) -> Result<BackupSummary, BackupError> {
    let client = UnixClient::new(home.control_socket()).map_err(|_| CallError::BadAnswer(0))?;
    let begun: Result<BeginCopyAnswer, CallError> = client.post_json(path::BEGIN_COPY, &BeginCopyRequest {}).await;
    match begun {
        Ok(BeginCopyAnswer { copy, begun_at }) => {
            let plan = BackupPlan { now: begun_at, ..plan };
            write_backup(home, plan, async || next_of(&client, copy).await).await
        }
        Err(CallError::NotSent(_)) => {
            let books = Books::open(home).await.map_err(BackupError::from)?;
            books.note_copy().await?;
            let mut copy = books.copy_ledger();
            write_backup(home, plan, async || copy.portion().await).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn next_of(client: &UnixClient, copy: u64) -> Result<LedgerPortion, BackupError> {
    let answer: CopyPortionAnswer = client.post_json(path::COPY_PORTION, &CopyPortionRequest { copy }).await?;
    let bytes = from_base64url(&answer.bytes).map_err(|_| CallError::BadAnswer(200))?;
    Ok(LedgerPortion { bytes, is_last: answer.is_last })
}

async fn check(place: PathBuf, fingerprint: Option<String>) -> Result<CheckedBackup> {
    let folder = place.clone();
    let checked = tokio::task::spawn_blocking(move || {
        // Beside the copy there was room for one already.
        let scratch = folder.parent().unwrap_or(&folder);
        check_backup(&folder, scratch, fingerprint.as_deref())
    });
    checked.await?.map_err(|error| explain(error, &place))
}

/// What is wrong with a copy, or with taking it.
pub(super) fn explain(error: BackupError, place: &Path) -> anyhow::Error {
    let (trouble, hint) = match &error {
        BackupError::NotEmpty(_) => (Trouble::Exists, "name a folder that is missing or empty"),
        BackupError::NoBackup => (Trouble::BadBackup, "name a folder that `farthing mint backup` made"),
        BackupError::Damaged(_) | BackupError::Restore(_) => {
            (Trouble::BadBackup, "use another backup; do not change this one")
        }
        BackupError::Newer => (Trouble::BadBackup, "update the program"),
        BackupError::OtherFingerprint(_) => (Trouble::BadBackup, "look for the one that you want"),
        BackupError::Books(_) => {
            (Trouble::BadBackup, "`farthing mint audit` says whether the mint's own books are right")
        }
        BackupError::BadFence(_) => {
            (Trouble::BadFile, "name the original's fence with --fence FILE, or say --no-fence if it is gone")
        }
        BackupError::Factor(error) => return (*error).into(),
        _ => return anyhow::Error::new(error).context(format!("there is no backup in {}", place.display())),
    };
    fault(trouble, format!("{}: {error}", place.display())).next(hint).into()
}

impl BackupAnswer {
    /// `of` is the mint, if it was taken just now.
    fn of(summary: BackupSummary, folder: &Path, of: Option<&MintHome>) -> Self {
        let BackupSummary { mint, taken_at, is_last, with_keys, files, bytes, fingerprint, .. } = summary;
        Self {
            folder: folder.display().to_string(),
            mint: mint.to_text(),
            taken_at: seconds(taken_at),
            last: is_last,
            with_keys,
            files,
            bytes,
            fingerprint,
            time: taken_at,
            taken: of.is_some(),
            apart: of.is_some_and(MintHome::has_signer),
        }
    }
}

impl Answer for BackupAnswer {
    fn show(&self, screen: &Screen) {
        let what = if self.taken { "copied and checked" } else { "whole, and its books are right" };
        screen.say(format!("{}: {what}", self.folder));
        screen.say(format!("  as of {} UTC, {} files, {} bytes", time(self.time), self.files, self.bytes));
        screen.say(format!("  fingerprint {}", self.fingerprint));
        if !self.taken {
            return;
        }
        if self.apart {
            screen.note(
                "The secret keys are with the signer, and not in it: `farthing mint keys backup --dir SIGNER FILE` copies them from the \
                 signer's folder.",
            );
        } else if !self.with_keys {
            screen.note("The secret keys are not in it: keep a copy of them in another place.");
        }
        if self.last {
            screen
                .note("The mint is out of service here. Put this copy back where it goes on: `farthing mint restore`.");
        }
    }
}
