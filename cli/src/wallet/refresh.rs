//! `farthing wallet refresh`: brings the stock to its policy, once or as a daemon.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use farthing_http::signal::shutdown_signal;
use farthing_wallet::{
    OpenError, Pace, RefreshLimits, RefreshReport, Schedule, SwapWhat, UpkeepFailure, UpkeepKind, Wallet, daemon,
};
use serde::Serialize;

use super::open::Place;
use crate::args::WalletRefresh;
use crate::exit::{Exit, Explained, Told};
use crate::output::{Answer, Money, Progress, Screen, WarningCode, time};
use crate::unlock;

/// What was done for the stock.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RefreshAnswer {
    /// Mints whose lists were fetched.
    lists: Vec<String>,
    done: Vec<UpkeepEntry>,
    failed: Vec<UpkeepFailed>,
    /// Whether something is left for the next time.
    work_left: bool,
    #[serde(skip)]
    exit: Option<Exit>,
}

/// Something that was done.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UpkeepEntry {
    operation: u64,
    mint: String,
    what: UpkeepIs,
    amount: Money,
    tokens: u64,
}

/// Something that did not come about.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UpkeepFailed {
    mint: String,
    what: UpkeepIs,
    code: String,
    message: String,
}

/// Kinds of upkeep.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum UpkeepIs {
    /// The mint's list was fetched.
    List,
    /// Tokens that end soon were renewed.
    Renewed,
    /// A restored token was renewed.
    Checked,
    Split,
    Merged,
    Withdrawn,
    Other,
}

impl UpkeepIs {
    const fn of(kind: Option<UpkeepKind>) -> Self {
        match kind {
            None => Self::List,
            Some(UpkeepKind::Renewed) => Self::Renewed,
            Some(UpkeepKind::Checked) => Self::Checked,
            Some(UpkeepKind::Swapped(SwapWhat::Split(_))) => Self::Split,
            Some(UpkeepKind::Swapped(SwapWhat::Merge(_))) => Self::Merged,
            Some(UpkeepKind::Swapped(SwapWhat::Renew(_))) => Self::Renewed,
            Some(UpkeepKind::Withdrawn) => Self::Withdrawn,
            Some(_) => Self::Other,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::List => "fetched the keysets",
            Self::Renewed => "renewed",
            Self::Checked => "checked and renewed",
            Self::Split => "split",
            Self::Merged => "merged",
            Self::Withdrawn => "withdrawn",
            Self::Other => "done",
        }
    }
}

pub(super) async fn refresh(place: &Place, args: WalletRefresh) -> Result<()> {
    let limits = RefreshLimits::new().swaps(args.max_swaps).pause(Duration::from_secs(args.pause.into()));
    let answer = if args.daemon {
        keep_refreshing(place, Schedule::every(Duration::from_secs(args.every.into())).limits(limits)).await?
    } else {
        let wallet = place.open().await?;
        let progress = Progress::start(&place.screen, "looking after the stock");
        let report = wallet.refresh(&limits).await?;
        drop(progress);
        let mut answer = RefreshAnswer::default();
        answer.add(&report);
        answer
    };
    let exit = answer.exit;
    place.screen.answer(&answer)?;
    exit.map_or(Ok(()), |exit| Err(Told::because(exit).into()))
}

/// Until it is interrupted. The passphrase is asked for once; the wallet is open only while something is done.
async fn keep_refreshing(place: &Place, schedule: Schedule) -> Result<RefreshAnswer> {
    let folder = place.folder()?;
    let unlock = unlock::unlock(&folder, &place.common.unlocking)?;
    // Whoever gave the wrong passphrase hears of it now.
    drop(Wallet::open(&folder, unlock.clone(), place.options()).await.with_context(|| unlock::unopened(&folder))?);
    let sum = Mutex::new(RefreshAnswer::default());
    let open = || Wallet::open(&folder, unlock.clone(), place.options());
    let told = |due: Result<&farthing_wallet::Due, &OpenError>| match due {
        Ok(due) => {
            if let Some(report) = &due.report {
                sum.lock().unwrap_or_else(PoisonError::into_inner).add(report);
                let (done, failed) = (report.done.len(), report.failed.len());
                place.screen.note(format!("{done} swaps and withdrawals, {failed} failed."));
            }
            place.screen.note(format!("The next look is at {} UTC.", time(due.next)));
        }
        Err(error) => place.screen.note(format!("Not now: {error}")),
    };
    place.screen.note("Looking after the stock at random times, until it is interrupted.");
    daemon(open, &schedule, &Pace::default(), told, shutdown_signal()?).await?;
    Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl RefreshAnswer {
    fn add(&mut self, report: &RefreshReport) {
        self.lists.extend(report.lists.iter().map(|mint| mint.to_text()));
        self.done.extend(report.done.iter().map(|done| UpkeepEntry {
            operation: done.issued.op.get(),
            mint: done.mint.to_text(),
            what: UpkeepIs::of(Some(done.kind)),
            amount: Money::of(done.issued.amount, &done.unit),
            tokens: u64::try_from(done.issued.tokens).unwrap_or(u64::MAX),
        }));
        for failure in &report.failed {
            self.fail(failure);
        }
        self.work_left = report.is_work_left;
    }

    fn fail(&mut self, failure: &UpkeepFailure) {
        let explained = Explained::of_cause(&failure.error);
        self.exit = self.exit.or(Some(explained.exit));
        self.failed.push(UpkeepFailed {
            mint: failure.mint.to_text(),
            what: UpkeepIs::of(failure.kind),
            code: explained.code.to_owned(),
            message: super::open::because(&failure.error),
        });
    }
}

impl Answer for RefreshAnswer {
    fn show(&self, screen: &Screen) {
        for done in &self.done {
            screen.say(format!("{}: {} in {} tokens", done.what.words(), done.amount.text, done.tokens));
        }
        for failed in &self.failed {
            screen.bullet(&format!("not {}: {}", failed.what.words(), failed.message));
        }
        if self.done.is_empty() && self.failed.is_empty() {
            screen.say("nothing was to be done");
        }
        if self.work_left {
            screen.say("something is left for the next time");
        }
    }
}

/// Warns of tokens that end soon.
pub(super) async fn warn_of_ends(place: &Place, wallet: &Wallet) -> Result<()> {
    for expiry in wallet.expiry_warnings().await? {
        let amount = expiry.amount.display(&expiry.unit);
        let what = match expiry.renewed_from {
            Some(_) => "`farthing wallet refresh` renews them",
            None => "the mint has nothing yet to renew them into; spend them, or look again later",
        };
        place.screen.warn(
            WarningCode::TokensEnding,
            format!("tokens worth {amount} end on {} UTC: {what}", time(expiry.spend_until)),
        );
    }
    Ok(())
}
