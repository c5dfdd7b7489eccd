//! `farthing wallet restore` and `resync`

use std::path::Path;

use anyhow::{Context, Result};
use farthing_protocol::identity::MintId;
use farthing_wallet::{
    Confirmed, MintError, OpenError, RestoreError, RestoreState, Restored, WHAT_A_RESTORE_SHOWS, Wallet,
};
use serde::Serialize;

use super::mints::tell_identity;
use super::open::{Place, choose_mint};
use crate::args::{WalletRestore, WalletResync};
use crate::exit::{Advise, Trouble, fault};
use crate::output::{Answer, Progress, Screen, seconds, time};
use crate::verifier::expect_mint;
use crate::{prompt, unlock, words};

/// What came back.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RestoreAnswer {
    mints: Vec<RestoreEntry>,
    /// What was renewed at once, if that was asked for.
    renewed: Option<RenewedEntry>,
}

/// What came back from one mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RestoreEntry {
    mint: String,
    mint_url: String,
    state: RestoreIs,
    /// Go on when the mint has published what happened before this.
    until: Option<u64>,
    /// Tokens that came back, and are renewed before they can be paid.
    tokens: u64,
    /// Tokens that are almost certainly spent; their renewal settles it.
    suspected: u64,
    /// Tokens that were locked to somebody.
    perhaps_sent: u64,
    /// The mint has published what was spent until then.
    filtered_until: u64,
}

/// How far it is.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RestoreIs {
    Reading,
    Waiting,
    Finished,
}

/// What was renewed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RenewedEntry {
    renewed: u64,
    spent: u64,
}

pub(super) async fn restore(place: &Place, args: WalletRestore) -> Result<()> {
    let folder = place.folder()?;
    let (wallet, mints) = match Wallet::needs_passphrase(&folder) {
        Err(OpenError::Missing) => begin(place, &args, &folder).await?,
        _ => go_on(place, &args, &folder).await?,
    };
    let mut entries = Vec::new();
    for mint in &mints {
        let progress = Progress::start(&place.screen, "reading the mint's archive");
        let restored = wallet.restore(mint).await;
        drop(progress);
        let restored = match restored {
            Err(error @ RestoreError::InUse) => return Err(error.into()),
            restored => or_interrupted(restored, "the restore was interrupted"),
        };
        entries.push(RestoreEntry::of(&wallet, mint, &restored?)?);
    }
    let renewed = if args.renew_now {
        let _progress = Progress::start(&place.screen, "renewing what came back");
        Some(RenewedEntry::of(&wallet.confirm_restored().await?)?)
    } else {
        None
    };
    place.screen.answer(&RestoreAnswer { mints: entries, renewed })
}

/// Makes the wallet of the words. Every question comes before anything is made.
async fn begin(place: &Place, args: &WalletRestore, folder: &Path) -> Result<(Wallet, Vec<MintId>)> {
    let Some(url) = &args.mint else {
        let message = format!("there is no wallet in {} to go on with", folder.display());
        return Err(fault(Trouble::Ambiguous, message).next("name the mint to restore from: --mint URL").into());
    };
    if !args.yes && !prompt::possible() {
        let message = "nobody can be asked here whether to go on";
        return Err(fault(Trouble::NobodyToAsk, message).next("give --yes").into());
    }
    unlock::expect_new(&place.common.unlocking, args.no_passphrase)?;
    let found = Wallet::look_at_mint(url, &place.options()).await;
    let mint = found.with_context(|| format!("there is no mint to be reached at {url}"))?.id;
    confirm_mint(place, args, url, &mint)?;
    tell_what_shows(place, args.yes)?;
    let words = words::read(args.words_file.as_deref(), "wallet")?;
    let protection = unlock::protection(&place.common.unlocking, args.no_passphrase)?;
    let wallet = Wallet::create(folder, &words, protection, place.options()).await?;
    add(&wallet, url, &mint).await?;
    Ok((wallet, vec![mint]))
}

/// Goes on with a wallet that is there: with the mint that is named, or with all that are being restored from.
async fn go_on(place: &Place, args: &WalletRestore, folder: &Path) -> Result<(Wallet, Vec<MintId>)> {
    let (wallet, _) = place.open_and_resume().await?;
    expect_its_own(&wallet, args, folder).await?;
    if let Some(url) = &args.mint {
        let found = wallet.add_mint(url).await?;
        if !found.pinned {
            confirm_mint(place, args, url, &found.id)?;
            tell_what_shows(place, args.yes)?;
            wallet.pin_mint(&found.id).await?;
        }
        return Ok((wallet, vec![found.id]));
    }
    let begun: Vec<MintId> = wallet.restores().await?.iter().map(|restore| restore.mint).collect();
    if !begun.is_empty() {
        return Ok((wallet, begun));
    }
    // Interrupted before it began, it is begun now, for its words were given again. A wallet that was used says so.
    let mint = choose_mint(&wallet, None)?;
    Ok((wallet, vec![mint.id]))
}

/// Requires that what is to be restored is the wallet that is there: its words are given, or its restore is under way.
async fn expect_its_own(wallet: &Wallet, args: &WalletRestore, folder: &Path) -> Result<()> {
    let elsewhere = "name an empty folder with --dir";
    if args.words_file.is_none() && !wallet.restores().await?.is_empty() {
        return Ok(());
    }
    if args.words_file.is_none() && !prompt::possible() {
        let message = format!("there is a wallet in {} already, and no restore is under way in it", folder.display());
        let hint = format!("{elsewhere}; a restore that was interrupted before it began goes on with --words-file");
        return Err(OpenError::Exists).advise(message, hint);
    }
    if !wallet.is_of(&words::read(args.words_file.as_deref(), "wallet")?) {
        let message = format!("there is a wallet of other words in {} already: nothing was restored", folder.display());
        return Err(OpenError::Exists).advise(message, elsewhere);
    }
    Ok(())
}

/// What can be gone on with is said where the mint did not answer; other failures have next steps of their own.
fn or_interrupted(restored: Result<Restored, RestoreError>, message: &str) -> Result<Restored> {
    match restored {
        Err(error @ RestoreError::Mint(MintError::Call(_))) => {
            Err(error).advise(message, "what was found is kept: the same command goes on with it")
        }
        restored => restored.with_context(|| message.to_owned()),
    }
}

async fn add(wallet: &Wallet, url: &str, mint: &MintId) -> Result<()> {
    let found = wallet.add_mint(url).await?;
    expect_mint(&found.id, Some(&mint.to_text()))?;
    wallet.pin_mint(mint).await?;
    Ok(())
}

fn confirm_mint(place: &Place, args: &WalletRestore, url: &str, mint: &MintId) -> Result<()> {
    expect_mint(mint, args.mint_id.as_deref())?;
    let sure = args.yes || args.mint_id.is_some();
    tell_identity(&place.screen, !sure, url, mint);
    if !sure && !prompt::confirm("Is that the mint you mean?", "--yes or --mint-id")? {
        return Err(fault(Trouble::Declined, "nothing was restored")
            .next("ask the mint's operator for its identity, and give it with --mint-id")
            .into());
    }
    Ok(())
}

/// Says what a restore shows, and asks whether to go on.
fn tell_what_shows(place: &Place, sure: bool) -> Result<()> {
    place.screen.note_for(!sure, WHAT_A_RESTORE_SHOWS);
    if place.common.proxy.is_none() {
        place.screen.note_for(!sure, "No proxy is given: --proxy socks5h://127.0.0.1:9050 would be that of Tor.");
    }
    if !sure && !prompt::confirm("Go on?", "--yes")? {
        return Err(fault(Trouble::Declined, "nothing was restored").into());
    }
    Ok(())
}

pub(super) async fn resync(place: &Place, args: WalletResync) -> Result<()> {
    let (wallet, _) = place.open_and_resume().await?;
    let mints = match &args.mint {
        Some(named) => vec![choose_mint(&wallet, Some(named))?.id],
        None => match wallet.used_elsewhere().await? {
            // Nothing was noticed. Whoever asks knows better, if it is clear where to look.
            marked if marked.is_empty() => vec![choose_mint(&wallet, None)?.id],
            marked => marked,
        },
    };
    if !mints.is_empty() {
        tell_what_shows(place, args.yes)?;
    }
    let mut entries = Vec::new();
    for mint in &mints {
        let progress = Progress::start(&place.screen, "reading the mint's archive");
        let restored = wallet.resynchronise(mint).await;
        drop(progress);
        let restored = or_interrupted(restored, "it was interrupted");
        entries.push(RestoreEntry::of(&wallet, mint, &restored?)?);
    }
    place.screen.answer(&RestoreAnswer { mints: entries, renewed: None })
}

impl RestoreEntry {
    fn of(wallet: &Wallet, mint: &MintId, restored: &Restored) -> Result<Self> {
        let url = wallet.mints().into_iter().find(|known| known.id == *mint).map(|known| known.url.as_str().to_owned());
        let (state, until) = match restored.state {
            RestoreState::Finished => (RestoreIs::Finished, None),
            RestoreState::Restoring { until } => (RestoreIs::Waiting, Some(seconds(until))),
            _ => (RestoreIs::Reading, None),
        };
        Ok(Self {
            mint: mint.to_text(),
            mint_url: url.unwrap_or_default(),
            state,
            until,
            tokens: u64::try_from(restored.tokens)?,
            suspected: u64::try_from(restored.suspected)?,
            perhaps_sent: u64::try_from(restored.perhaps_sent)?,
            filtered_until: seconds(restored.filtered_until),
        })
    }
}

impl RenewedEntry {
    fn of(confirmed: &Confirmed) -> Result<Self> {
        Ok(Self { renewed: u64::try_from(confirmed.renewed)?, spent: u64::try_from(confirmed.spent)? })
    }
}

impl Answer for RestoreAnswer {
    fn show(&self, screen: &Screen) {
        if self.mints.is_empty() {
            screen.say("nothing is to be brought together");
        }
        for entry in &self.mints {
            screen.say(format!("{} tokens came back from {}", entry.tokens, entry.mint_url));
            if entry.suspected > 0 {
                screen.say(format!("{} more are almost certainly spent", entry.suspected));
            }
            if entry.perhaps_sent > 0 {
                screen.say(format!("{} were locked to somebody, and are perhaps sent", entry.perhaps_sent));
            }
            match (entry.state, entry.until) {
                (RestoreIs::Waiting, Some(until)) => screen.bullet(&format!(
                    "not finished yet: call it again once the mint has published what happened before {} UTC, mostly within \
                     the hour; meanwhile the wallet can be used",
                    time(farthing_protocol::amount::UnixTime::from_seconds(until))
                )),
                (RestoreIs::Finished, _) => screen.say("the restore is finished"),
                _ => screen.say("not finished yet: call it again"),
            }
        }
        match &self.renewed {
            Some(renewed) => screen.say(format!("{} renewed, {} were spent", renewed.renewed, renewed.spent)),
            None if self.mints.iter().any(|entry| entry.tokens > 0) => screen.note(
                "They are renewed one at a time before they can be paid: `farthing wallet refresh` does it, spread over time; \
                 `farthing wallet restore --renew-now` all at once.",
            ),
            None => {}
        }
    }
}
