//! `farthing mint payouts`

use std::io;

use anyhow::Result;
use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_issuer::control::{PayoutView, PayoutWord, PayoutsReport, SettlePayoutsRequest, path};
use farthing_issuer::{Books, PayoutError};
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::api::PayoutState;
use farthing_wallet::account_text;
use serde::Serialize;

use super::home::{Desk, ask_running, open};
use crate::args::MintPayouts;
use crate::exit::{Trouble, advice, fault};
use crate::output::{Answer, Money, Rows, Screen, harmless, seconds, stamp, time};

/// So many are read at once.
const PAGE: usize = 500;

/// Payouts that account owners asked for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PayoutsAnswer {
    /// In the order in which they were taken.
    payouts: Vec<PayoutEntry>,
    /// Something was said of them just now.
    #[serde(skip)]
    said: bool,
}

/// A payout that an account's owner asked for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PayoutEntry {
    number: u64,
    account: String,
    amount: Money,
    /// The owner's words: where it should go.
    reference: String,
    /// The account to which it went, if it was not to be paid outside.
    to: Option<String>,
    state: State,
    /// When the money left the account.
    taken_at: u64,
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
    /// It was asked for, and the money left the account.
    Pending,
    /// It is to be paid.
    Approved,
    Paid,
    /// The money is in the account again.
    Rejected,
}

pub(super) async fn payouts(args: MintPayouts, screen: &Screen) -> Result<()> {
    let MintPayouts { folder, all, approve, paid, reference, reject, reason, csv, json: _ } = args;
    let desk = open(folder)?;
    if !approve.is_empty() {
        return settle(&desk, approve, PayoutWord::Approve {}, screen).await;
    }
    if let (false, Some(reference)) = (paid.is_empty(), reference) {
        return settle(&desk, paid, PayoutWord::Paid { reference }, screen).await;
    }
    if let (false, Some(reason)) = (reject.is_empty(), reason) {
        return settle(&desk, reject, PayoutWord::Reject { reason }, screen).await;
    }
    let mut payouts = list(&desk, all).await?;
    if !csv {
        return screen.answer(&PayoutsAnswer { payouts, said: false });
    }
    if !all {
        payouts.retain(|entry| matches!(entry.state, State::Approved));
    }
    write_csv(&payouts, io::stdout().lock())
}

async fn settle(desk: &Desk, numbers: Vec<u64>, word: PayoutWord, screen: &Screen) -> Result<()> {
    let request = SettlePayoutsRequest { numbers, word };
    let asked = ask_running(desk, async |client| client.post_json(path::SETTLE_PAYOUTS, &request).await).await;
    let views = match asked.map_err(explain)? {
        Some(PayoutsReport { payouts, .. }) => payouts,
        None => {
            let (books, authority) = desk.books().await?;
            let SettlePayoutsRequest { numbers, word } = &request;
            let settled = books.settle_payouts(authority, numbers, word.clone()).await;
            settled.map_err(|error| explain(error.into()))?
        }
    };
    let payouts = views.into_iter().map(PayoutEntry::of).collect::<Result<_>>()?;
    screen.answer(&PayoutsAnswer { payouts, said: true })
}

async fn list(desk: &Desk, all: bool) -> Result<Vec<PayoutEntry>> {
    let mut entries = Vec::new();
    let (mut after, mut books) = (None, None);
    loop {
        let (which, from) = (all.to_string(), after.map(|number: u64| number.to_string()));
        let mut query = vec![("all", which.as_str())];
        query.extend(from.as_deref().map(|from| ("after", from)));
        let asked = match &books {
            None => ask_running(desk, async |client| client.get_json_with(path::PAYOUTS, &query).await).await?,
            Some(_) => None,
        };
        let PayoutsReport { payouts, next } = match asked {
            Some(report) => report,
            None => {
                let books = match &mut books {
                    Some(books) => books,
                    none => none.insert(Books::open(desk).await?),
                };
                let payouts = books.payouts(all, after, PAGE).await?;
                let next = if payouts.len() < PAGE { None } else { payouts.last().map(|payout| payout.number) };
                PayoutsReport { payouts, next }
            }
        };
        for view in payouts {
            entries.push(PayoutEntry::of(view)?);
        }
        after = next;
        if after.is_none() {
            return Ok(entries);
        }
    }
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    let code = error.downcast_ref::<CallError>().and_then(|call| call.problem()?.known());
    let refused = |message: &str, hint: &str| fault(Trouble::BadNumber, message).next(hint).into();
    match (error.downcast_ref::<PayoutError>(), code) {
        (Some(PayoutError::Unknown), _) | (_, Some(Code::NotFound)) => {
            refused("there is no payout with one of these numbers", "`farthing mint payouts` lists those that wait")
        }
        (Some(PayoutError::Settled), _) | (_, Some(Code::FundingUsed)) => {
            refused("one of these payouts was settled otherwise before", "`farthing mint payouts --all` shows how")
        }
        (Some(PayoutError::NotApproved), _) | (_, Some(Code::InvalidShape)) => {
            refused("one of these payouts was not approved", "`farthing mint payouts --approve` approves them")
        }
        (Some(PayoutError::Note), _) | (_, Some(Code::BadRequest)) => {
            let message = "a reference or a reason has 1 to 256 bytes, none of them control characters";
            fault(Trouble::BadText, message).into()
        }
        _ => match error.downcast_ref::<CallError>() {
            Some(call) if call.may_have_taken_effect() => error.context(advice(
                "whether these payouts are settled is not known",
                "repeat the command: it is said once, whatever happened",
            )),
            _ => error,
        },
    }
}

fn write_csv(payouts: &[PayoutEntry], out: impl io::Write) -> Result<()> {
    let mut table = csv::Writer::from_writer(out);
    let head = ["number", "state", "time", "amount", "unit", "units", "account", "reference", "to", "settled", "note"];
    table.write_record(head)?;
    for entry in payouts {
        let PayoutEntry { number, account, amount, reference, to, settled_at, note, .. } = entry;
        let text = amount.text.split(' ').next().unwrap_or_default();
        let settled = settled_at.map(|at| stamp(UnixTime::from_seconds(at))).unwrap_or_default();
        table.write_record([
            &number.to_string(),
            entry.state(),
            &stamp(entry.time),
            text,
            &amount.unit,
            &amount.units,
            account,
            &harmless(reference),
            to.as_deref().unwrap_or_default(),
            &settled,
            &harmless(note.as_deref().unwrap_or_default()),
        ])?;
    }
    match table.flush() {
        // A reader who has gone away is no error of ours.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

impl PayoutEntry {
    fn of(view: PayoutView) -> Result<Self> {
        let PayoutView { number, account, amount, unit, exponent, reference, to, state, taken_at, settled_at, note } =
            view;
        Ok(Self {
            number,
            account: account_text(&account),
            amount: Money::of(amount, &Unit::new(&unit, exponent)?),
            reference,
            to: to.as_ref().map(account_text),
            state: match state {
                PayoutState::Pending => State::Pending,
                PayoutState::Approved => State::Approved,
                PayoutState::Paid => State::Paid,
                PayoutState::Rejected => State::Rejected,
            },
            taken_at: seconds(taken_at),
            settled_at: settled_at.map(seconds),
            note,
            time: taken_at,
        })
    }

    fn state(&self) -> &'static str {
        match self.state {
            State::Pending => "pending",
            State::Approved => "approved",
            State::Paid => "paid",
            State::Rejected => "rejected",
        }
    }
}

impl Answer for PayoutsAnswer {
    fn show(&self, screen: &Screen) {
        if self.said {
            for entry in &self.payouts {
                screen.say(format!("payout {} of {} {}", entry.number, entry.amount.text, entry.state()));
            }
            return;
        }
        if self.payouts.is_empty() {
            screen.say("no payouts to be paid");
            return;
        }
        let mut rows = Rows::new(["no.", "asked for (UTC)", "amount", "account", "state", "reference"]).right(2);
        for entry in &self.payouts {
            let account: String = entry.account.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
            let (amount, reference) = (entry.amount.text.clone(), entry.reference.clone());
            let state = entry.state().to_owned();
            rows.add([entry.number.to_string(), time(entry.time), amount, format!("…{account}"), state, reference]);
        }
        rows.show(screen);
        for entry in &self.payouts {
            if let Some(note) = &entry.note {
                let what = if matches!(entry.state, State::Rejected) { "rejected" } else { "paid" };
                screen.say(format!("no. {} was {what}: {note}", entry.number));
            }
        }
        if self.payouts.iter().any(|entry| matches!(entry.state, State::Pending)) {
            screen.note("Approve what is to be paid: `farthing mint payouts --approve NUMBERS`.");
        }
        if self.payouts.iter().any(|entry| matches!(entry.state, State::Approved)) {
            screen.note("Pay it outside, then say so: `farthing mint payouts --paid NUMBERS --reference TEXT`.");
        }
    }
}
