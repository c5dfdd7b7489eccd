//! `farthing mint payouts`

use anyhow::Result;
use farthing_http::client::CallError;
use farthing_issuer::control::{PayoutView, PayoutsReport, SettlePayoutRequest, path};
use farthing_issuer::{Books, PayoutError};
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::api::PayoutState;
use farthing_wallet::account_text;
use serde::Serialize;

use super::home::{ask_running, open};
use crate::args::MintPayouts;
use crate::exit::{Advise, Trouble, fault};
use crate::output::{Answer, Money, Rows, Screen, seconds, time};

/// So many are read at once.
const PAGE: usize = 500;

/// Payouts that account owners asked for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PayoutsAnswer {
    /// In the order in which they were taken.
    payouts: Vec<PayoutEntry>,
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
    #[serde(skip)]
    time: UnixTime,
}

/// How far it is.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Pending,
    Paid,
    /// The money is in the account again.
    Rejected,
}

pub(super) async fn payouts(args: MintPayouts, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let settled = match (args.paid, args.reject) {
        (None, None) => None,
        (Some(number), _) => Some((number, true)),
        (None, Some(number)) => Some((number, false)),
    };
    if let Some((number, paid)) = settled {
        let request = SettlePayoutRequest { number, paid };
        let asked = ask_running(&home, async |client| client.post_json(path::SETTLE_PAYOUT, &request).await).await;
        let view: PayoutView = match asked.map_err(|error| explain(error, number))? {
            Some(view) => view,
            None => {
                let settled = Books::open(&home).await?.settle_payout(number, paid).await;
                settled.map_err(|error| explain(error.into(), number))?
            }
        };
        return screen.answer(&PayoutEntry::of(view)?);
    }
    let mut entries = Vec::new();
    let (mut after, mut books) = (None, None);
    loop {
        let (all, from) = (args.all.to_string(), after.map(|number: u64| number.to_string()));
        let mut query = vec![("all", all.as_str())];
        query.extend(from.as_deref().map(|from| ("after", from)));
        let asked = match &books {
            None => ask_running(&home, async |client| client.get_json_with(path::PAYOUTS, &query).await).await?,
            Some(_) => None,
        };
        let PayoutsReport { payouts, next } = match asked {
            Some(report) => report,
            None => {
                let books = match &mut books {
                    Some(books) => books,
                    none => none.insert(Books::open(&home).await?),
                };
                let payouts = books.payouts(args.all, after, PAGE).await?;
                let next = if payouts.len() < PAGE { None } else { payouts.last().map(|payout| payout.number) };
                PayoutsReport { payouts, next }
            }
        };
        for view in payouts {
            entries.push(PayoutEntry::of(view)?);
        }
        after = next;
        if after.is_none() {
            return screen.answer(&PayoutsAnswer { payouts: entries });
        }
    }
}

fn explain(error: anyhow::Error, number: u64) -> anyhow::Error {
    let status = match error.downcast_ref::<CallError>() {
        Some(CallError::Refused(_, status)) => Some(*status),
        _ => None,
    };
    match (error.downcast_ref::<PayoutError>(), status) {
        (Some(PayoutError::Unknown), _) | (_, Some(404)) => {
            fault(Trouble::BadNumber, format!("there is no payout {number}"))
                .next("`farthing mint payouts` lists those that wait")
                .into()
        }
        (Some(PayoutError::Settled), _) | (_, Some(409)) => {
            fault(Trouble::BadNumber, format!("payout {number} was settled otherwise before"))
                .next("`farthing mint payouts --all` shows how")
                .into()
        }
        _ => match Err::<(), _>(error).advise(
            format!("whether payout {number} is settled is not known"),
            "repeat the command: it is settled once, whatever happened",
        ) {
            Err(error) => error,
            Ok(()) => fault(Trouble::BadNumber, "the payout was not settled").into(),
        },
    }
}

impl PayoutEntry {
    fn of(view: PayoutView) -> Result<Self> {
        let PayoutView { number, account, amount, unit, exponent, reference, to, state, taken_at, settled_at } = view;
        Ok(Self {
            number,
            account: account_text(&account),
            amount: Money::of(amount, &Unit::new(&unit, exponent)?),
            reference,
            to: to.as_ref().map(account_text),
            state: match state {
                PayoutState::Pending => State::Pending,
                PayoutState::Paid => State::Paid,
                PayoutState::Rejected => State::Rejected,
            },
            taken_at: seconds(taken_at),
            settled_at: settled_at.map(seconds),
            time: taken_at,
        })
    }

    fn state(&self) -> &'static str {
        match self.state {
            State::Pending => "pending",
            State::Paid => "paid",
            State::Rejected => "rejected",
        }
    }
}

impl Answer for PayoutEntry {
    fn show(&self, screen: &Screen) {
        screen.say(format!("payout {} of {} {}", self.number, self.amount.text, self.state()));
    }
}

impl Answer for PayoutsAnswer {
    fn show(&self, screen: &Screen) {
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
        let waiting = self.payouts.iter().filter(|entry| matches!(entry.state, State::Pending)).count();
        if waiting > 0 {
            screen.note("Pay them outside, then say so: `farthing mint payouts --paid NUMBER`.");
        }
    }
}
