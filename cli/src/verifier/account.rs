//! `farthing verifier balance`, `payout` and `payouts`

use anyhow::{Context, Result};
use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{AccountAnswer, PayoutAnswer, PayoutState, SecondFactor};
use farthing_protocol::identity::PayeeKey;
use farthing_verifier::home::{AccountError, Payout, VerifierHome};
use farthing_wallet::{IssueError, account_text};
use serde::Serialize;

use super::mint::{deposit_fees, fetch_mint};
use super::open::open;
use crate::args::{VerifierBalance, VerifierPayout, VerifierPayouts};
use crate::exit::{Advise, Trouble, fault};
use crate::factor;
use crate::hooks;
use crate::mint::{read_account, read_amount};
use crate::output::{Answer, Money, Rows, Screen, WarningCode, percent, seconds, short, time};
use crate::prompt;

/// What the payee has at the mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BalanceAnswer {
    mint: String,
    /// One for each payee key, that in use first.
    accounts: Vec<AccountEntry>,
    /// What the mint takes of deposits now, for each unit.
    deposit_fees: Vec<DepositFee>,
}

/// What a mint takes of deposits.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DepositFee {
    unit: String,
    /// In parts per million.
    ppm: u32,
}

/// An account at the mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AccountEntry {
    payee: String,
    balances: Vec<Money>,
}

/// Payouts that were asked for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PayoutsAnswer {
    /// Oldest first.
    payouts: Vec<PayoutEntry>,
}

/// A payout that was asked for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PayoutEntry {
    payout: String,
    payee: String,
    amount: Money,
    reference: String,
    /// The account to which it went, if it was not to be paid outside.
    to: Option<String>,
    requested_at: u64,
    state: State,
    settled_at: Option<u64>,
    /// Under which reference it was paid outside, or why it was rejected.
    note: Option<String>,
    #[serde(skip)]
    time: UnixTime,
}

/// How far it is.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It is not known whether the mint took it.
    Unknown,
    /// The money left the account.
    Pending,
    /// The mint's operator says that it is to be paid.
    Approved,
    Paid,
    /// The money is in the account again.
    Rejected,
}

pub(super) async fn balance(args: VerifierBalance, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let accounts = balances(&home).await?;
    let mut entries = Vec::new();
    for (payee, answer) in &accounts {
        let mut held = Vec::new();
        for (unit, balance) in units(answer)? {
            held.push(Money::of(balance, &unit));
        }
        entries.push(AccountEntry { payee: payee.to_text(), balances: held });
    }
    let deposit_fees = deposit_fees(&fetch_mint(home.mint_url()).await?, hooks::now())
        .into_iter()
        .map(|(unit, ppm)| DepositFee { unit: unit.code().to_owned(), ppm })
        .collect();
    screen.answer(&BalanceAnswer { mint: home.mint().to_text(), accounts: entries, deposit_fees })
}

pub(super) async fn payout(args: VerifierPayout, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let from = match &args.from {
        None => home.payee(),
        Some(text) => PayeeKey::from_text(text).map_err(|_| {
            fault(Trouble::BadText, format!("{text:?} is no payee")).next("`farthing verifier balance` shows them")
        })?,
    };
    let accounts = balances(&home).await?;
    let answer = accounts.iter().find(|(payee, _)| *payee == from).map(|(_, answer)| answer);
    let held = units(answer.ok_or(AccountError::NotOurs)?)?;
    let code = args.unit.as_ref().or(home.options().unit.as_ref());
    let unit = match (&held[..], code) {
        ([(only, _)], None) => only,
        (all, Some(code)) => {
            let found = all.iter().map(|(unit, _)| unit).find(|unit| unit.code() == code);
            found.with_context(|| format!("the account never held any {code}"))?
        }
        ([], None) => return Err(fault(Trouble::Ambiguous, "the account never held anything").into()),
        (_, None) => {
            return Err(fault(Trouble::Ambiguous, "the account holds several units").next("give --unit").into());
        }
    };
    let amount = read_amount(&args.amount, unit)?;
    let to = args.to.as_deref().map(read_account).transpose()?;
    let ask = async |code: Option<SecondFactor>| {
        home.ask_payout(&from, (amount, unit), (args.reference.clone(), to), code, hooks::now()).await
    };
    let is_asked_for = args.code.is_none() && prompt::possible();
    let mut asked = ask(args.code).await;
    if let Err(AccountError::Call(call)) = &asked
        && is_asked_for
        && says(call, Code::SecondFactorRequired)
    {
        asked = ask(Some(factor::ask("Code of the account's second factor: ")?)).await;
    }
    let payout = match asked {
        Err(AccountError::Call(call)) if call.may_have_taken_effect() => {
            return Err(call).advise(
                "it is not known whether the mint took the payout",
                "`farthing verifier payouts` asks again; do not ask for another one before",
            );
        }
        Err(AccountError::Call(call)) if says(&call, Code::InsufficientFunds) => {
            return Err(IssueError::InsufficientFunds).advise(
                format!("the account does not hold {}", amount.display(unit)),
                "`farthing verifier balance` shows what it holds",
            );
        }
        // It is refused for good, whatever the file says for a day.
        Err(AccountError::NotTaken(call)) if says(&call, Code::LimitExceeded) => return Err(call.into()),
        Err(AccountError::NotTaken(call)) => {
            return Err(call).advise(
                "the mint has not taken the payout, but may still take it",
                "`farthing verifier payouts` asks again; do not ask for another one before",
            );
        }
        asked => asked?,
    };
    screen.answer(&PayoutEntry::of(&payout, payout.answer.clone()))
}

pub(super) async fn payouts(args: VerifierPayouts, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let mut entries = Vec::new();
    for payout in home.payouts()? {
        let known = match home.ask_again(&payout, hooks::now()).await {
            Err(AccountError::Call(error)) => {
                screen.warn(WarningCode::MintNotAsked, format!("the mint said nothing about a payout: {error}"));
                payout.answer.clone()
            }
            known => known?,
        };
        entries.push(PayoutEntry::of(&payout, known));
    }
    screen.answer(&PayoutsAnswer { payouts: entries })
}

fn says(call: &CallError, code: Code) -> bool {
    call.problem().and_then(|problem| problem.known()) == Some(code)
}

async fn balances(home: &VerifierHome) -> Result<Vec<(PayeeKey, AccountAnswer)>> {
    let asked = home.balances(hooks::now()).await;
    asked.with_context(|| format!("the mint at {} did not say what you have", home.mint_url().as_str()))
}

fn units(answer: &AccountAnswer) -> Result<Vec<(Unit, Amount)>> {
    let unit = |held: &farthing_protocol::api::UnitBalance| Ok((Unit::new(&held.unit, held.exponent)?, held.balance));
    answer.balances.iter().map(unit).collect()
}

impl PayoutEntry {
    fn of(payout: &Payout, answer: Option<PayoutAnswer>) -> Self {
        let draft = payout.request.draft();
        Self {
            payout: draft.operation.to_text(),
            payee: farthing_protocol::codec::to_base64url(draft.account.as_bytes()),
            amount: Money::of(draft.amount, &draft.unit),
            reference: draft.reference.clone(),
            to: draft.to.as_ref().map(account_text),
            requested_at: seconds(draft.requested_at),
            state: match answer.as_ref().map(|answer| answer.state) {
                None => State::Unknown,
                Some(PayoutState::Pending) => State::Pending,
                Some(PayoutState::Approved) => State::Approved,
                Some(PayoutState::Paid) => State::Paid,
                Some(PayoutState::Rejected) => State::Rejected,
            },
            settled_at: answer.as_ref().and_then(|answer| answer.settled_at).map(seconds),
            note: answer.and_then(|answer| answer.note),
            time: draft.requested_at,
        }
    }

    fn state(&self) -> &'static str {
        match self.state {
            State::Unknown => "not known to be taken",
            State::Pending => "pending",
            State::Approved => "approved",
            State::Paid => "paid",
            State::Rejected => "rejected",
        }
    }
}

impl Answer for BalanceAnswer {
    fn show(&self, screen: &Screen) {
        let mut rows = Rows::new(["payee", "balance"]).right(1);
        for AccountEntry { payee, balances } in &self.accounts {
            if balances.is_empty() {
                rows.add([payee.clone(), "nothing yet".to_owned()]);
            }
            for balance in balances {
                rows.add([payee.clone(), balance.text.clone()]);
            }
        }
        rows.show(screen);
        for DepositFee { unit, ppm } in self.deposit_fees.iter().filter(|fee| fee.ppm > 0) {
            screen.say(format!("The mint takes {} of what is deposited in {unit}.", percent(*ppm)));
        }
    }
}

impl Answer for PayoutEntry {
    fn show(&self, screen: &Screen) {
        screen.say(format!("{} {}: payout {}", self.amount.text, self.state(), self.payout));
    }
}

impl Answer for PayoutsAnswer {
    fn show(&self, screen: &Screen) {
        if self.payouts.is_empty() {
            screen.say("no payouts yet");
            return;
        }
        let mut rows = Rows::new(["asked for (UTC)", "amount", "payout", "state", "reference"]).right(1);
        for entry in &self.payouts {
            let amount = entry.amount.text.clone();
            let reference =
                entry.to.as_deref().map_or_else(|| entry.reference.clone(), |to| format!("to {}", short(to)));
            rows.add([time(entry.time), amount, short(&entry.payout), entry.state().to_owned(), reference]);
        }
        rows.show(screen);
        for entry in &self.payouts {
            if let Some(note) = &entry.note {
                screen.say(format!("{} {}: {note}", short(&entry.payout), entry.state()));
            }
        }
    }
}
