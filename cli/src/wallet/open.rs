//! Opening the wallet: going on with what was left unfinished, and telling what goes on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use farthing_protocol::amount::Unit;
use farthing_protocol::ids::KeysetId;
use farthing_wallet::{Event, MintView, Options, RestoreState, Resumed, Resumption, UnitView, Wallet};

use super::refresh::warn_of_ends;
use crate::args::{Common, Which};
use crate::exit::{Advise, Fault, Trouble, fault};
use crate::output::{Progress, Screen, WarningCode, time};
use crate::{hooks, place, unlock};

/// Where a command works, and where it writes.
pub(super) struct Place {
    pub(super) common: Common,
    pub(super) screen: Screen,
    /// What a payment shows was told before it began.
    pub(super) outlook_told: Arc<AtomicBool>,
    /// Revoked keysets that were warned of.
    recoups_told: Mutex<BTreeSet<KeysetId>>,
}

impl Place {
    pub(super) fn new(common: Common, screen: &Screen) -> Self {
        Self { common, screen: screen.clone(), outlook_told: Arc::default(), recoups_told: Mutex::default() }
    }

    pub(super) fn folder(&self) -> Result<PathBuf> {
        place::folder(self.common.dir.clone(), "wallet")
    }

    /// How a wallet is opened.
    pub(super) fn options(&self) -> Options {
        let (screen, outlook_told) = (self.screen.clone(), Arc::clone(&self.outlook_told));
        let options =
            hooks::wallet_options().observer(move |event| tell(&screen, event, outlook_told.load(Ordering::Relaxed)));
        match &self.common.proxy {
            Some(proxy) => options.proxy(proxy.clone()),
            None => options,
        }
    }

    /// Opens the wallet and goes on with what was left unfinished. What stays unfinished is said, and blocks nothing else.
    pub(super) async fn open(&self) -> Result<Wallet> {
        let (wallet, resumed) = self.open_and_resume().await?;
        for resumed in &resumed {
            self.tell_resumed(resumed);
        }
        self.warn(&wallet).await?;
        Ok(wallet)
    }

    /// Opens the wallet and asks nobody anything: what was left unfinished stays as it is.
    pub(super) async fn open_quietly(&self) -> Result<Wallet> {
        let folder = self.folder()?;
        let unlock = unlock::unlock(&folder, &self.common.unlocking)?;
        Wallet::open(&folder, unlock, self.options()).await.with_context(|| unlock::unopened(&folder))
    }

    /// Warns of what should not stay as it is.
    pub(super) async fn warn(&self, wallet: &Wallet) -> Result<()> {
        self.warn_of_words(wallet).await?;
        warn_of_ends(self, wallet).await?;
        self.warn_of_recoups(wallet).await
    }

    /// Warns, once, of tokens whose mint's key leaked, as far as the mint's list is known.
    pub(super) async fn warn_of_recoups(&self, wallet: &Wallet) -> Result<()> {
        for one in wallet.recoupable().await? {
            if self.recoups_told.lock().is_ok_and(|mut told| told.insert(one.keyset)) {
                let amount = one.amount.display(&one.unit);
                self.screen.warn(
                    WarningCode::Recoupable,
                    format!(
                        "a key of the mint leaked: {amount} can be paid no more; `farthing wallet recoup` claims it"
                    ),
                );
            }
        }
        Ok(())
    }

    /// The same, without saying how the unfinished operations stand.
    pub(super) async fn open_and_resume(&self) -> Result<(Wallet, Vec<Resumed>)> {
        let folder = self.folder()?;
        let unlock = unlock::unlock(&folder, &self.common.unlocking)?;
        let wallet = Wallet::open(&folder, unlock, self.options()).await.with_context(|| unlock::unopened(&folder))?;
        let progress = Progress::start(&self.screen, "going on with what was left unfinished");
        let resumed = wallet.resume().await?;
        drop(progress);
        Ok((wallet, resumed))
    }

    /// Warns of words that are used elsewhere, and of a restore that is not finished.
    async fn warn_of_words(&self, wallet: &Wallet) -> Result<()> {
        if !wallet.used_elsewhere().await?.is_empty() {
            self.screen.warn(
                WarningCode::WordsUsedElsewhere,
                "another wallet uses the same words, or an old copy of this folder was put back: nothing is moved until \
                 `farthing wallet resync` has brought it together again",
            );
        }
        for restore in wallet.restores().await? {
            let when = match restore.state {
                RestoreState::Finished => continue,
                RestoreState::Restoring { until } => {
                    format!("once the mint has published what happened before {} UTC", time(until))
                }
                _ => "now".to_owned(),
            };
            self.screen.warn(
                WarningCode::RestoreUnfinished,
                format!("the restore is not finished: `farthing wallet restore` goes on with it {when}"),
            );
        }
        Ok(())
    }

    fn tell_resumed(&self, resumed: &Resumed) {
        let op = resumed.op;
        match &resumed.result {
            Ok(Resumption::Issued(issued)) => {
                self.screen.note(format!("Operation {op} is finished: {} tokens arrived.", issued.tokens));
            }
            Ok(Resumption::Paid(_)) => self.screen.note(format!("Operation {op} is finished: the payee was paid.")),
            Ok(Resumption::TakenBack(_)) => {
                self.screen.note(format!("Operation {op} is finished: it was never accepted, and its money is back."));
            }
            Ok(Resumption::Claimed(_)) => self.screen.note(format!("Operation {op} is finished: somebody claimed it.")),
            Ok(Resumption::Locked(_)) => {
                self.screen.note(format!("Operation {op} is finished: `farthing wallet sent {op}` shows its text."));
            }
            Ok(_) => self.screen.note(format!("Operation {op} is finished.")),
            Err(error) => {
                let why = because(error);
                self.screen.warn(WarningCode::StillUnfinished, format!("operation {op} is not done: {why}"));
            }
        }
    }
}

fn tell(screen: &Screen, event: &Event, outlook_told: bool) {
    match event {
        Event::SwapBeforePaying | Event::ListBeforePaying { .. } if outlook_told => {}
        Event::Resuming { op } => screen.note(format!("Going on with operation {op}, which was left unfinished.")),
        Event::SwapBeforePaying => screen.warn(
            WarningCode::Shows,
            "tokens must be swapped first: the mint sees the swap and then the payee's deposit, and can guess that they \
             belong together. To avoid it next time, withdraw a bundle ahead of need: farthing wallet withdraw --bundle 0",
        ),
        Event::ListBeforePaying { .. } => screen.warn(
            WarningCode::Shows,
            "the mint's keysets had to be fetched just before paying: the mint sees that, and then the payee's deposit, and \
             can guess that they belong together",
        ),
        Event::RestoreProgress { done, total, tokens, .. } => {
            screen.progress(*done, *total, format!("files, {tokens} tokens found"));
        }
        Event::RestoreWaits { seconds, .. } => {
            screen.note(format!("The mint is busy; it is asked again in {seconds} s."));
        }
        _ => {}
    }
}

/// What failed, with what lies below it, in one line.
pub(super) fn because(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A number of an operation that is none.
pub(super) fn refuse_number(text: &str) -> Fault {
    fault(Trouble::BadNumber, format!("{text:?} is no number of an operation"))
        .next("`farthing wallet history` and `farthing wallet sent` show them")
}

/// The mint that is meant: the one that is named, or the only one.
pub(super) fn choose_mint(wallet: &Wallet, named: Option<&str>) -> Result<MintView> {
    let mut mints: Vec<MintView> = wallet.mints();
    if let Some(named) = named {
        let address = named.trim_end_matches('/');
        mints.retain(|mint| mint.url.as_str().trim_end_matches('/') == address || mint.id.to_text().starts_with(named));
        return match mints.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(fault(Trouble::Ambiguous, format!("the wallet knows no mint {named:?}"))
                .next("name it by its address, or by the beginning of its identity")
                .into()),
            _ => Err(fault(Trouble::Ambiguous, format!("several mints begin with {named:?}"))
                .next("give more of the identity")
                .into()),
        };
    }
    mints.retain(|mint| mint.pinned && !mint.refused);
    match mints.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(fault(Trouble::Ambiguous, "the wallet knows no mint that you confirmed")
            .next("`farthing wallet mint add` makes one known, `farthing wallet mint trust` confirms it")
            .into()),
        several => {
            let known: Vec<&str> = several.iter().map(|mint| mint.url.as_str()).collect();
            Err(fault(Trouble::Ambiguous, format!("the wallet knows several mints: {}", known.join(", ")))
                .next("name one with --mint")
                .into())
        }
    }
}

/// The mint and unit that are meant.
pub(super) fn choose(wallet: &Wallet, which: &Which) -> Result<(MintView, UnitView)> {
    let mint = choose_mint(wallet, which.mint.as_deref())?;
    let wanted = |unit: &&UnitView| which.unit.as_ref().is_none_or(|code| code == unit.unit.code());
    let units: Vec<&UnitView> = mint.units.iter().filter(wanted).collect();
    let issuing: Vec<&UnitView> = units.iter().copied().filter(|unit| unit.active.is_some()).collect();
    let unit = match (issuing.as_slice(), units.as_slice()) {
        ([only], _) | ([], [only]) => (*only).clone(),
        (_, []) => return Err(fault(Trouble::Ambiguous, "the mint does not issue this unit").into()),
        (_, several) => {
            let codes: Vec<&str> = several.iter().map(|unit| unit.unit.code()).collect();
            return Err(fault(Trouble::Ambiguous, format!("the mint issues several units: {}", codes.join(", ")))
                .next("choose one with --unit")
                .into());
        }
    };
    Ok((mint, unit))
}

/// The unit that is meant, whichever mint issues it.
pub(super) fn choose_unit(wallet: &Wallet, which: &Which) -> Result<Unit> {
    if which.mint.is_some() {
        return choose(wallet, which).map(|(_, unit)| unit.unit);
    }
    let mut units: Vec<Unit> = Vec::new();
    for mint in wallet.mints().iter().filter(|mint| mint.pinned && !mint.refused) {
        for unit in &mint.units {
            let wanted = which.unit.as_ref().is_none_or(|code| code == unit.unit.code());
            if wanted && !units.contains(&unit.unit) {
                units.push(unit.unit.clone());
            }
        }
    }
    match units.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(fault(Trouble::Ambiguous, "no mint that you trust issues this unit").into()),
        several => {
            let codes: Vec<&str> = several.iter().map(Unit::code).collect();
            Err(fault(Trouble::Ambiguous, format!("the wallet knows several units: {}", codes.join(", ")))
                .next("choose one with --unit")
                .into())
        }
    }
}

/// What the library says, when the funds do not suffice.
pub(super) fn advise_funds<T, E: Into<anyhow::Error>>(
    result: Result<T, E>,
    is_funds: impl Fn(&E) -> bool,
    message: impl Into<String>,
    hint: &str,
) -> Result<T> {
    match result {
        Err(error) if is_funds(&error) => Err(error).advise(message, hint),
        result => result.map_err(Into::into),
    }
}

/// Where more money to pay with comes from: what came back from the words waits for its renewal.
pub(super) async fn more_funds(wallet: &Wallet) -> &'static str {
    let balance = wallet.balance().await.unwrap_or_default();
    if balance.iter().any(|balance| !balance.restored.is_zero()) {
        "what came back from the words must be renewed first: `farthing wallet refresh` does that"
    } else {
        "`farthing wallet withdraw` gets more"
    }
}
