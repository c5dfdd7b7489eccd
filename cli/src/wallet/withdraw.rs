//! `farthing wallet withdraw`

use anyhow::Result;
use farthing_protocol::api::SecondFactor;
use farthing_protocol::keyset::Bundle;
use farthing_wallet::{IssueError, MintError, UnitView, WithdrawWhat};
use serde::Serialize;

use super::held::recipient;
use super::open::{Place, advise_funds, choose};
use crate::args::WalletWithdraw;
use crate::exit::{Trouble, fault};
use crate::mint::read_amount;
use crate::output::{Answer, Money, Progress, Rows, Screen, percent, short};
use crate::{factor, prompt};

/// Tokens came of a withdrawal.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WithdrawAnswer {
    operation: u64,
    mint: String,
    amount: Money,
    /// What the mint took for it, beside the amount.
    fee: Money,
    tokens: u64,
    /// Who alone can be paid with them, if they are locked.
    locked_to: Option<String>,
}

/// The bundles of a mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BundlesAnswer {
    mint: String,
    largest: Money,
    bundles: Vec<BundleAnswer>,
}

/// One bundle.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BundleAnswer {
    number: u64,
    worth: Money,
    tokens: Vec<TokensAnswer>,
}

/// Equal tokens.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TokensAnswer {
    count: u32,
    value: Money,
}

pub(super) async fn withdraw(place: &Place, args: WalletWithdraw) -> Result<()> {
    let wallet = place.open().await?;
    let (mint, unit) = choose(&wallet, &args.which)?;
    let what = match (&args.amount, args.bundle.as_deref()) {
        (Some(amount), _) => WithdrawWhat::Amount(read_amount(amount, &unit.unit)?),
        (None, Some("list")) => return place.screen.answer(&bundles(&mint.id.to_text(), &unit)?),
        (None, number) => {
            let number = number.and_then(|number| number.parse().ok());
            WithdrawWhat::Bundle(number.ok_or_else(|| {
                fault(Trouble::BadText, "a bundle is named by its number").next("`--bundle list` shows them")
            })?)
        }
    };
    tell_fee(place, &unit, what);
    let to = match &args.lock_to {
        Some(named) => Some(recipient(&wallet, named).await?),
        None => None,
    };
    if let Some(to) = &to
        && !args.yes
    {
        let payee = short(&to.payee().to_text());
        let question = format!("Lock it to {payee}? It can be paid there and nowhere else, and not be taken back.");
        if !prompt::confirm(&question, "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was withdrawn").into());
        }
    }
    let progress = Progress::start(&place.screen, "withdrawing");
    let withdraw = async |code: Option<SecondFactor>| match (&to, code) {
        (Some(to), code) => wallet.withdraw_held_with(to, &unit.unit, what, code).await,
        (None, Some(code)) => wallet.withdraw_with(&mint.id, &unit.unit, what, code).await,
        (None, None) => wallet.withdraw(&mint.id, &unit.unit, what).await,
    };
    let mut issued = withdraw(args.code).await;
    drop(progress);
    if let Err(IssueError::SecondFactor { free }) = &issued
        && prompt::possible()
    {
        let free = free.display(&unit.unit);
        place.screen.note_for(true, format!("{free} may leave the account now without a code."));
        issued = withdraw(Some(factor::ask("Code of the account's second factor: ")?)).await;
    }
    place.warn_of_recoups(&wallet).await?;
    let issued = advise_funds(
        issued,
        |error| matches!(error, IssueError::InsufficientFunds),
        "the account does not hold so much",
        "`farthing wallet balance` shows it; its mint's operator credits it",
    )?;
    place.screen.answer(&WithdrawAnswer {
        operation: issued.op.get(),
        mint: mint.id.to_text(),
        amount: Money::of(issued.amount, &unit.unit),
        fee: Money::of(issued.fee, &unit.unit),
        tokens: u64::try_from(issued.tokens)?,
        locked_to: to.map(|to| to.payee().to_text()),
    })
}

/// Says what it costs, before anything is asked for. It never costs more than that.
fn tell_fee(place: &Place, unit: &UnitView, what: WithdrawWhat) {
    let Some(active) = unit.active.as_ref().filter(|active| active.fees.withdrawal_ppm > 0) else { return };
    let worth = match what {
        WithdrawWhat::Amount(amount) => Some(amount),
        WithdrawWhat::Bundle(number) => active.bundles.get(usize::from(number)).map(Bundle::amount),
    };
    let fee = worth.and_then(|worth| active.fees.debit(worth)?.checked_sub(worth));
    if let Some(fee) = fee {
        let (fee, rate) = (fee.display(&unit.unit), percent(active.fees.withdrawal_ppm));
        place.screen.note(format!("The mint takes a fee of {fee} ({rate}) for this withdrawal."));
    }
}

fn bundles(mint: &str, unit: &UnitView) -> Result<BundlesAnswer> {
    let active = unit.active.as_ref().ok_or(MintError::NoActiveKeyset)?;
    let mut bundles = Vec::new();
    for (number, bundle) in active.bundles.iter().enumerate() {
        let tokens = bundle.counts().iter().map(|(denomination, count)| TokensAnswer {
            count: u32::from(*count),
            value: Money::of(denomination.value(), &unit.unit),
        });
        bundles.push(BundleAnswer {
            number: u64::try_from(number)?,
            worth: Money::of(bundle.amount(), &unit.unit),
            tokens: tokens.collect(),
        });
    }
    Ok(BundlesAnswer { mint: mint.to_owned(), largest: Money::of(active.max_amount, &unit.unit), bundles })
}

impl Answer for WithdrawAnswer {
    fn show(&self, screen: &Screen) {
        let locked = self.locked_to.as_deref().map(|payee| format!(", payable to {} only", short(payee)));
        let locked = locked.unwrap_or_default();
        let fee = if self.fee.units == "0" { String::new() } else { format!(", for a fee of {}", self.fee.text) };
        screen.say(format!("withdrew {} in {} tokens{locked}{fee}", self.amount.text, self.tokens));
    }
}

impl Answer for BundlesAnswer {
    fn show(&self, screen: &Screen) {
        let mut rows = Rows::new(["bundle", "worth", "tokens"]).right(1);
        for bundle in &self.bundles {
            let tokens: Vec<String> =
                bundle.tokens.iter().map(|tokens| format!("{}×{}", tokens.count, tokens.value.units)).collect();
            rows.add([bundle.number.to_string(), bundle.worth.text.clone(), tokens.join(" ")]);
        }
        rows.show(screen);
        screen.say(format!("The largest amount at once is {}.", self.largest.text));
    }
}
