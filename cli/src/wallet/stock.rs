//! `farthing wallet stock`: what is kept ready.

use anyhow::Result;
use farthing_wallet::{StockPolicy, StockView};
use serde::Serialize;

use super::open::{Place, choose};
use crate::args::WalletStock;
use crate::exit::{Trouble, fault};
use crate::mint::{read_amount, read_amount_or_zero};
use crate::output::{Answer, Money, Rows, Screen};

/// The stock, and what is wanted of it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StockAnswer {
    mint: String,
    mint_url: String,
    available: Money,
    /// Payments up to this are usual.
    up_to: Money,
    /// So many of them are kept ready.
    ahead: u8,
    /// Below this a bundle is withdrawn by itself; null for never.
    withdraw_below: Option<Money>,
    /// So many usual payments can be made without a swap.
    covers: u32,
    /// Swaps that the plan wants.
    planned_swaps: u64,
    /// Swaps that renew what ends soon.
    renewals: u32,
    /// Restored tokens that are renewed before they can be paid.
    unchecked: u64,
    /// The bundle that would be withdrawn.
    withdrawal: Option<u8>,
    lines: Vec<StockLine>,
}

/// Tokens of one value.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StockLine {
    value: Money,
    held: u32,
    wanted: u32,
    /// So many of those wanted can be had of what the stock is worth.
    attainable: u32,
}

pub(super) async fn stock(place: &Place, args: WalletStock) -> Result<StockAnswer> {
    let wallet = place.open().await?;
    let (mint, unit) = choose(&wallet, &args.which)?;
    let unit = unit.unit;
    if args.up_to.is_some() || args.ahead.is_some() || args.withdraw_below.is_some() {
        let old = wallet.stock_policy(&mint.id, &unit).await?;
        let up_to = match &args.up_to {
            Some(text) => read_amount_or_zero(text, &unit)?,
            None => old.up_to(),
        };
        let floor = match args.withdraw_below.as_deref() {
            Some("never") => None,
            Some(text) => Some(read_amount(text, &unit)?),
            None => old.floor(),
        };
        let policy = StockPolicy::new(up_to, args.ahead.unwrap_or(old.ahead()))
            .map_err(|error| fault(Trouble::BadPolicy, error.to_string()))?;
        wallet.set_stock_policy(&mint.id, &unit, policy.withdraw_below(floor)).await?;
    }
    let view = wallet.stock_view(&mint.id, &unit).await?;
    Ok(StockAnswer::of(&view, mint.url.as_str()))
}

impl StockAnswer {
    fn of(view: &StockView, url: &str) -> Self {
        let money = |amount| Money::of(amount, &view.unit);
        let lines = view.lines.iter().map(|line| StockLine {
            value: money(line.denomination.value()),
            held: line.held,
            wanted: line.wanted,
            attainable: line.attainable,
        });
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            mint: view.mint.to_text(),
            mint_url: url.to_owned(),
            available: money(view.available),
            up_to: money(view.policy.up_to()),
            ahead: view.policy.ahead(),
            withdraw_below: view.policy.floor().map(money),
            covers: view.covers,
            planned_swaps: count(view.planned_swaps),
            renewals: view.renewals,
            unchecked: count(view.unchecked),
            withdrawal: view.withdrawal,
            lines: lines.collect(),
        }
    }
}

impl Answer for StockAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("{} at {}", self.available.text, self.mint_url));
        let floor = match &self.withdraw_below {
            Some(floor) => format!("withdraw a bundle below {}", floor.text),
            None => "withdraw nothing".to_owned(),
        };
        screen.say(format!("policy: {} payments of up to {} ready, {floor}", self.ahead, self.up_to.text));
        screen.say(format!("payments that can be made without a swap: {}", self.covers));
        let todo = [
            (u64::from(self.renewals), "swaps to renew what ends soon"),
            (self.unchecked, "restored tokens to renew, one by one"),
            (self.planned_swaps, "swaps for the policy"),
            (u64::from(self.withdrawal.is_some()), "bundle to withdraw"),
        ];
        let todo: Vec<String> =
            todo.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        if !todo.is_empty() {
            screen.say(format!("to be done: {}", todo.join(", ")));
            screen.note("`farthing wallet refresh` does it, `farthing wallet refresh --daemon` keeps doing so.");
        }
        let mut rows = Rows::new(["tokens of", "held", "wanted", "attainable"]).right(0).right(1).right(2).right(3);
        for line in &self.lines {
            rows.add([
                line.value.text.clone(),
                line.held.to_string(),
                line.wanted.to_string(),
                line.attainable.to_string(),
            ]);
        }
        rows.show(screen);
    }
}
