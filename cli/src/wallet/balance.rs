//! `farthing wallet balance`

use anyhow::{Context, Result};
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_wallet::{Balance, MintView, PerhapsSentToken, Wallet};
use serde::Serialize;

use super::held::HeldBalance;
use super::open::Place;
use crate::output::{Answer, Money, Progress, Rows, Screen, WarningCode, seconds, time};

/// What the wallet holds.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BalanceAnswer {
    balances: Vec<UnitBalance>,
    /// Locked to single payees: it can be paid to them, and is of no other use.
    held: Vec<HeldBalance>,
    accounts: Vec<AccountBalance>,
}

/// Tokens of one unit of one mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnitBalance {
    mint: String,
    mint_url: String,
    available: Money,
    tokens: u64,
    reserved: Money,
    /// Given out, and not claimed as far as is known.
    sent: Money,
    /// Came back from the words, and is being renewed before it can be paid.
    restored: Money,
    /// Came back from the words and is almost certainly spent; renewing it settles that.
    suspected: Money,
    ended: Money,
    /// Restored tokens that were locked to somebody, who has them if he got their text. Nothing of them can be spent here.
    perhaps_sent: Money,
    first_end: Option<u64>,
}

/// What an account at a mint holds.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AccountBalance {
    mint: String,
    mint_url: String,
    balance: Money,
}

pub(super) async fn balance(place: &Place) -> Result<BalanceAnswer> {
    let wallet = place.open().await?;
    let mints = wallet.mints();
    // The account is asked for anyway, and a list of this hour says whether a key leaked.
    for mint in mints.iter().filter(|mint| mint.pinned && !mint.refused) {
        if let Err(error) = wallet.refresh_mint(&mint.id).await {
            place.screen.note(format!("The mint's list could not be fetched: {error}"));
        }
    }
    place.warn_of_recoups(&wallet).await?;
    let perhaps_sent = wallet.perhaps_sent().await?;
    let mut balances = Vec::new();
    for held in wallet.balance().await? {
        let Some(mint) = mints.iter().find(|mint| mint.id == held.mint) else { continue };
        balances.push(UnitBalance {
            mint: mint.id.to_text(),
            mint_url: mint.url.as_str().to_owned(),
            available: Money::of(held.available, &held.unit),
            tokens: u64::try_from(held.tokens)?,
            reserved: Money::of(held.reserved, &held.unit),
            sent: Money::of(held.sent, &held.unit),
            restored: Money::of(held.restored, &held.unit),
            suspected: Money::of(held.suspected, &held.unit),
            ended: Money::of(held.ended, &held.unit),
            perhaps_sent: Money::of(sum_of(&perhaps_sent, &held)?, &held.unit),
            first_end: held.first_end.map(seconds),
        });
    }
    let mut held = Vec::new();
    for one in wallet.held().await? {
        let Some(mint) = mints.iter().find(|mint| mint.id == one.mint) else { continue };
        held.push(HeldBalance::of(&one, mint.url.as_str())?);
    }
    let mut accounts = Vec::new();
    let _progress = Progress::start(&place.screen, "asking for the accounts");
    for mint in &mints {
        match accounts_at(&wallet, mint).await {
            Ok(held) => accounts.extend(held),
            Err(error) => place.screen.warn(
                WarningCode::MintNotAsked,
                format!("the account at {} could not be asked for: {error}", mint.url.as_str()),
            ),
        }
    }
    Ok(BalanceAnswer { balances, held, accounts })
}

/// What was perhaps sent of one unit of one mint.
fn sum_of(perhaps_sent: &[PerhapsSentToken], held: &Balance) -> Result<Amount> {
    let of_it = perhaps_sent.iter().filter(|token| token.mint == held.mint && token.unit == held.unit);
    Amount::checked_sum(of_it.map(|token| token.denomination.value())).context("too much")
}

async fn accounts_at(wallet: &Wallet, mint: &MintView) -> Result<Vec<AccountBalance>> {
    let of =
        |balance: Money| AccountBalance { mint: mint.id.to_text(), mint_url: mint.url.as_str().to_owned(), balance };
    let mut held = Vec::new();
    for balance in wallet.account_balance(&mint.id).await? {
        let unit = Unit::new(&balance.unit, balance.exponent)?;
        held.push(of(Money::of(balance.balance, &unit)));
    }
    if let (true, Some(unit)) = (held.is_empty(), mint.units.first()) {
        held.push(of(Money::of(Amount::ZERO, &unit.unit)));
    }
    Ok(held)
}

impl Answer for BalanceAnswer {
    fn show(&self, screen: &Screen) {
        let mut rows = Rows::new(["amount", "", "mint"]).right(0);
        for held in &self.balances {
            rows.add([held.available.text.clone(), format!("in {} tokens", held.tokens), held.mint_url.clone()]);
            let others = [
                (&held.reserved, "held by unfinished operations"),
                (&held.sent, "sent, not claimed as far as is known"),
                (&held.restored, "restored, to be renewed before it can be paid"),
                (&held.suspected, "restored, and almost certainly spent"),
                (&held.ended, "in tokens that have ended"),
                (&held.perhaps_sent, "perhaps sent: locked to somebody, of no use here"),
            ];
            for (money, what) in others.iter().filter(|(money, _)| money.units != "0") {
                rows.add([money.text.clone(), (*what).to_owned(), String::new()]);
            }
        }
        for row in self.held.iter().flat_map(HeldBalance::rows) {
            rows.add(row);
        }
        for held in &self.accounts {
            rows.add([held.balance.text.clone(), "in the account".to_owned(), held.mint_url.clone()]);
        }
        rows.show(screen);
        if let Some(first) = self.balances.iter().filter_map(|held| held.first_end).min() {
            screen.say(format!("The first tokens expire on {} UTC.", time(UnixTime::from_seconds(first))));
        }
    }
}
