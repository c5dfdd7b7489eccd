//! `farthing mint restore`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use farthing_issuer::{
    BackupError, Decided, Decision, MintHome, OriginalFence, Proof, Restored, decide, restore_backup,
};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::KeysetsAnswer;
use serde::Serialize;

use super::backup::explain;
use super::home::{key_home, open, unlock_for};
use crate::args::MintRestore;
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Screen, seconds, time};
use crate::{hooks, place, prompt};

/// A mint's folder was made of a copy.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RestoreAnswer {
    /// The mint's folder.
    folder: String,
    mint: String,
    /// When the copy was taken.
    taken_at: u64,
    /// Whether the original was taken out of service with it.
    last: bool,
    /// Whether the original certainly answered something after the copy.
    went_on: bool,
    /// Whether the secret keys were in the copy.
    with_keys: bool,
    #[serde(skip)]
    time: UnixTime,
    /// Whether they are with a signer.
    #[serde(skip)]
    apart: bool,
}

/// What became of the original.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DecidedAnswer {
    /// When the copy was taken.
    taken_at: u64,
    /// Keysets that were revoked.
    revoked: Vec<String>,
    #[serde(skip)]
    time: UnixTime,
}

pub(super) async fn restore(args: MintRestore, screen: &Screen) -> Result<()> {
    match args.backup.clone() {
        Some(backup) => put_back(args, backup, screen).await,
        None => say_what_became(args, screen).await,
    }
}

async fn put_back(args: MintRestore, backup: PathBuf, screen: &Screen) -> Result<()> {
    let folder = place::folder(args.folder.dir, "mint")?;
    let fence = match args.fence {
        Some(fence) => OriginalFence::At(std::path::absolute(fence)?),
        None if args.no_fence => OriginalFence::Gone,
        None => OriginalFence::Configured,
    };
    let put = async |fence: OriginalFence| {
        let (from, to, fingerprint) = (backup.clone(), folder.clone(), args.fingerprint.clone());
        let restored = tokio::task::spawn_blocking(move || restore_backup(&from, &to, fingerprint.as_deref(), &fence));
        Ok::<_, anyhow::Error>(restored.await?)
    };
    let restored = match put(fence).await? {
        Err(error @ BackupError::NoFence) => {
            require_gone(&error, screen)?;
            put(OriginalFence::Gone).await?
        }
        restored => restored,
    };
    let restored = restored.map_err(|error| explain(error, &backup))?;
    screen.answer(&RestoreAnswer::of(&restored, &folder))
}

/// Goes on only if somebody says that there is no fence any more.
fn require_gone(error: &BackupError, screen: &Screen) -> Result<()> {
    const NEXT: &str = "name the original's fence with --fence FILE, or say --no-fence if it is gone";
    if !prompt::possible() {
        return Err(fault(Trouble::NobodyToAsk, error.to_string()).next(NEXT).into());
    }
    screen.note(format!("Take care: {error}."));
    if prompt::confirm("Is the original's fence gone?", "--no-fence")? {
        return Ok(());
    }
    Err(fault(Trouble::Declined, "nothing was put back").next(NEXT).into())
}

async fn say_what_became(args: MintRestore, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let decision = if args.accept_loss { Decision::AcceptLoss } else { Decision::NothingLost };
    let newest = args.keysets.as_deref().map(read_keysets).transpose()?;
    if decision == Decision::AcceptLoss && newest.is_none() {
        screen.note(
            "Without --keysets: if the original published a keyset after the copy, the next one made here proves that this mint made two \
             in one place. Ask merchants and users for what `/v1/keysets` answered last.",
        );
    }
    let question = match decision {
        Decision::AcceptLoss => "Is what was answered after the copy lost, and shall all keysets be revoked?",
        Decision::NothingLost => "Is it certain that the original answered nothing after the copy, and never will?",
    };
    if !args.yes && !prompt::confirm(question, "--yes")? {
        return Err(fault(Trouble::Declined, "nothing was changed").into());
    }
    let work = async |proof: Proof| {
        let (home, newest, now) = ((*home).clone(), newest.clone(), hooks::now());
        tokio::task::spawn_blocking(move || decide(&home, decision, newest, proof, now)).await?
    };
    let is_opened = args.unlocking.passphrase_file.is_some() || args.unlocking.key_file.is_some();
    let decided = if args.by_keys || is_opened {
        let keys = key_home(&home, args.signer)?;
        let unlock = unlock_for(keys.protection(), &args.unlocking)?;
        work(Proof::Keys(keys, unlock)).await
    } else {
        home.in_held_ledger(work).await?
    };
    let decided = decided.map_err(explain_decision)?;
    screen.answer(&DecidedAnswer::of(decided))
}

fn explain_decision(error: BackupError) -> anyhow::Error {
    match error {
        BackupError::WentOn(_) => fault(Trouble::SomethingLost, error.to_string())
            .next("put a newer backup back; or give up what was answered since, with --accept-loss")
            .into(),
        BackupError::NothingToDecide => fault(Trouble::Exists, error.to_string()).into(),
        BackupError::List(_) | BackupError::ListIncomplete => fault(Trouble::BadFile, error.to_string())
            .next("give the whole answer of `/v1/keysets`, as the mint gave it")
            .into(),
        BackupError::Factor(error) => error.into(),
        BackupError::RecoveryCode => fault(Trouble::WrongAnswer, error.to_string())
            .next("give a code of the authenticator; if it is lost, --by-keys opens the mint's keys instead")
            .into(),
        error => anyhow::Error::new(error).context("the mint cannot be opened for this"),
    }
}

fn read_keysets(path: &Path) -> Result<KeysetsAnswer> {
    let bytes = std::fs::read(path)
        .map_err(|error| fault(Trouble::BadFile, format!("{} cannot be read: {}", path.display(), error.kind())))?;
    serde_json::from_slice(&bytes)
        .ok()
        .with_context(|| fault(Trouble::BadFile, format!("{} is no answer of `/v1/keysets`", path.display())))
}

impl RestoreAnswer {
    fn of(restored: &Restored, folder: &Path) -> Self {
        let Restored { summary, went_on, .. } = restored;
        Self {
            folder: folder.display().to_string(),
            mint: summary.mint.to_text(),
            taken_at: seconds(summary.taken_at),
            last: summary.is_last,
            went_on: *went_on,
            with_keys: summary.with_keys,
            time: summary.taken_at,
            apart: MintHome::open(folder).is_ok_and(|home| home.has_signer()),
        }
    }
}

impl Answer for RestoreAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("{}: put back as of {} UTC", self.folder, time(self.time)));
        if self.apart {
            screen.note("The secret keys are with the signer: put its folder back, too, if it is not where it was.");
        } else if !self.with_keys {
            screen
                .note("The secret keys were not in the backup: put them back with `farthing mint keys restore FILE`.");
        }
        if self.went_on {
            screen.note("The original went on after this backup was taken. What it answered since is not here.");
        } else if self.last {
            screen.note(
                "It is the last backup of a mint that is out of service. If it was never put back before, say `farthing mint restore \
                 --nothing-lost`; if it was, what that mint answered is not here: --accept-loss.",
            );
            return;
        }
        screen.note(
            "It is not served before you say what became of the original: `farthing mint restore --accept-loss`, or --nothing-lost if it \
             was stopped before the backup was taken.",
        );
    }
}

impl DecidedAnswer {
    fn of(decided: Decided) -> Self {
        let Decided { copied_at, revoked, .. } = decided;
        let revoked = revoked.iter().map(|keyset| keyset.to_text()).collect();
        Self { taken_at: seconds(copied_at), revoked, time: copied_at }
    }
}

impl Answer for DecidedAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("the mint goes on as it was at {} UTC", time(self.time)));
        if self.revoked.is_empty() {
            return;
        }
        screen.say(format!("revoked: {} keysets", self.revoked.len()));
        screen.note("Holders of their tokens file claims. Run the mint, and make the next keyset: see docs/backup.md.");
        screen.note("All recovery codes are void: draw new ones with `farthing mint admin recovery-codes`, and tell account owners.");
    }
}
