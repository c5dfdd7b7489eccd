//! `farthing wallet budget …`

use anyhow::Result;
use farthing_protocol::amount::UnixTime;
use farthing_wallet::Budget;
use serde::Serialize;

use super::open::{Place, choose_unit};
use crate::args::{WalletBudgetCommand, WalletBudgetRemove, WalletBudgetSet, Which};
use crate::mint::read_amount;
use crate::output::{Answer, Money, Rows, Screen, seconds, time};

/// A budget.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BudgetAnswer {
    budget: BudgetEntry,
}

/// All budgets.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BudgetsAnswer {
    budgets: Vec<BudgetEntry>,
}

/// Whether there was a budget to forget.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RemovedAnswer {
    removed: bool,
}

/// What a server may be paid.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BudgetEntry {
    /// Scheme, host and port.
    origin: String,
    limit: Money,
    spent: Money,
    left: Money,
    since: u64,
    /// After so many seconds it counts from nothing again; null for never.
    window: Option<u64>,
}

pub(super) async fn run(place: &Place, command: WalletBudgetCommand) -> Result<()> {
    match command {
        WalletBudgetCommand::List => place.screen.answer(&list(place).await?),
        WalletBudgetCommand::Set(args) => place.screen.answer(&set(place, args).await?),
        WalletBudgetCommand::Remove(args) => place.screen.answer(&remove(place, args).await?),
    }
}

async fn list(place: &Place) -> Result<BudgetsAnswer> {
    let wallet = place.open().await?;
    Ok(BudgetsAnswer { budgets: wallet.budgets().await?.iter().map(BudgetEntry::of).collect() })
}

async fn set(place: &Place, args: WalletBudgetSet) -> Result<BudgetAnswer> {
    let wallet = place.open().await?;
    let unit = choose_unit(&wallet, &Which { mint: None, unit: args.unit })?;
    let limit = read_amount(&args.amount, &unit)?;
    let budget = wallet.set_budget(&args.url, &unit, limit, args.window).await?;
    Ok(BudgetAnswer { budget: BudgetEntry::of(&budget) })
}

async fn remove(place: &Place, args: WalletBudgetRemove) -> Result<RemovedAnswer> {
    let wallet = place.open().await?;
    let unit = choose_unit(&wallet, &Which { mint: None, unit: args.unit })?;
    Ok(RemovedAnswer { removed: wallet.remove_budget(&args.url, &unit).await? })
}

impl BudgetEntry {
    fn of(budget: &Budget) -> Self {
        Self {
            origin: budget.origin.clone(),
            limit: Money::of(budget.limit, &budget.unit),
            spent: Money::of(budget.spent, &budget.unit),
            left: Money::of(budget.left(), &budget.unit),
            since: seconds(budget.since),
            window: budget.window,
        }
    }

    fn window(&self) -> String {
        self.window.map_or_else(|| "never".to_owned(), |seconds| format!("every {seconds} s"))
    }
}

impl Answer for BudgetAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("{} may be paid {} without asking", self.budget.origin, self.budget.limit.text));
    }
}

impl Answer for BudgetsAnswer {
    fn show(&self, screen: &Screen) {
        if self.budgets.is_empty() {
            screen.say("none");
            return;
        }
        let mut rows = Rows::new(["server", "limit", "spent", "since (UTC)", "begins anew"]).right(1).right(2);
        for budget in &self.budgets {
            rows.add([
                budget.origin.clone(),
                budget.limit.text.clone(),
                budget.spent.text.clone(),
                time(UnixTime::from_seconds(budget.since)),
                budget.window(),
            ]);
        }
        rows.show(screen);
    }
}

impl Answer for RemovedAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(if self.removed { "removed" } else { "there was none" });
    }
}
