//! `farthing mint funding …`

use anyhow::{Context, Result};
use farthing_http::client::CallError;
use farthing_issuer::control::{AssignIncomeRequest, IncomeReport, IncomeState, IncomeView, Nothing, path};
use farthing_issuer::{Books, IncomeError};
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::identity::AccountKey;
use farthing_wallet::account_text;
use serde::Serialize;

use super::home::{ask_running, open};
use crate::args::{MintFolder, MintFundingCommand, MintFundingList};
use crate::exit::{Advise, Trouble, fault};
use crate::mint::read_account;
use crate::output::{Answer, Money, Rows, Screen, seconds, time};

/// So many are read at once.
const PAGE: usize = 500;

/// Money that a payment processor reported.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FundingAnswer {
    /// In the order in which it was reported.
    payments: Vec<FundingEntry>,
}

/// A payment that a processor reported.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FundingEntry {
    number: u64,
    /// The processor's id of it.
    id: String,
    /// What the payer wrote in the place of a quote's name.
    quote: String,
    amount: Money,
    received_at: u64,
    state: State,
    /// The account that was credited, unless it was forgotten.
    account: Option<String>,
    /// When it was assigned or sent back.
    settled_at: Option<u64>,
    #[serde(skip)]
    time: UnixTime,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Credited,
    /// The same, after the quote's time.
    Late,
    /// It waits for the operator.
    Held,
    Assigned,
    Returned,
}

/// Where the new secret is.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SecretAnswer {
    file: String,
}

pub(super) async fn run(command: MintFundingCommand, screen: &Screen) -> Result<()> {
    match command {
        MintFundingCommand::List(args) => screen.answer(&list(args).await?),
        MintFundingCommand::Assign(args) => {
            let account = read_account(&args.account)?;
            screen.answer(&release(args.folder, args.number, Some(account)).await?)
        }
        MintFundingCommand::Return(args) => screen.answer(&release(args.folder, args.number, None).await?),
        MintFundingCommand::Secret(args) => {
            let home = open(args.folder)?;
            let asked = ask_running(&home, async |client| {
                client.post_json::<_, Nothing>(path::WEBHOOK_SECRET, &Nothing {}).await
            });
            if asked.await?.is_none() {
                let (books, authority) = home.books().await?;
                books.new_webhook_secret(authority).await.context("the secret could not be made")?;
            }
            screen.answer(&SecretAnswer { file: home.webhook_secret_file().display().to_string() })?;
            screen.note(
                "Give its first line to the payment processor, and to nobody else: by it the mint knows its messages.",
            );
            Ok(())
        }
    }
}

async fn list(args: MintFundingList) -> Result<FundingAnswer> {
    let home = open(args.folder)?;
    let (mut payments, mut after, mut books) = (Vec::new(), None, None);
    loop {
        let (all, from) = (args.all.to_string(), after.map(|number: u64| number.to_string()));
        let mut query = vec![("all", all.as_str())];
        query.extend(from.as_deref().map(|from| ("after", from)));
        let asked = match &books {
            None => ask_running(&home, async |client| client.get_json_with(path::INCOME, &query).await).await?,
            Some(_) => None,
        };
        let IncomeReport { payments: page, next } = match asked {
            Some(report) => report,
            None => {
                let books = match &mut books {
                    Some(books) => books,
                    none => none.insert(Books::open(&home).await?),
                };
                let payments = books.incomes(args.all, after, PAGE).await?;
                let next = if payments.len() < PAGE { None } else { payments.last().map(|payment| payment.number) };
                IncomeReport { payments, next }
            }
        };
        for view in page {
            payments.push(FundingEntry::of(view)?);
        }
        after = next;
        if after.is_none() {
            return Ok(FundingAnswer { payments });
        }
    }
}

async fn release(folder: MintFolder, number: u64, account: Option<AccountKey>) -> Result<FundingEntry> {
    let home = open(folder)?;
    let request = AssignIncomeRequest { number, account };
    let asked = ask_running(&home, async |client| client.post_json(path::ASSIGN_INCOME, &request).await).await;
    let view: IncomeView = match asked.map_err(|error| explain(error, number))? {
        Some(view) => view,
        None => {
            let (books, authority) = home.books().await?;
            let released = books.release_income_by(authority, number, account).await;
            released.map_err(|error| explain(error.into(), number))?
        }
    };
    FundingEntry::of(view)
}

fn explain(error: anyhow::Error, number: u64) -> anyhow::Error {
    let status = match error.downcast_ref::<CallError>() {
        Some(CallError::Refused(_, status)) => Some(*status),
        _ => None,
    };
    match (error.downcast_ref::<IncomeError>(), status) {
        (Some(IncomeError::Unknown), _) | (_, Some(404)) => {
            fault(Trouble::BadNumber, format!("there is no payment {number}"))
                .next("`farthing mint funding list` shows those that wait")
                .into()
        }
        (Some(IncomeError::NotHeld), _) | (_, Some(409)) => {
            fault(Trouble::BadNumber, format!("payment {number} is not held any more"))
                .next("`farthing mint funding list --all` shows what became of it")
                .into()
        }
        _ => match Err::<(), _>(error).advise(
            format!("what became of payment {number} is not known"),
            "repeat the command: it is done once, whatever happened",
        ) {
            Err(error) => error,
            Ok(()) => fault(Trouble::BadNumber, "nothing was changed").into(),
        },
    }
}

impl FundingEntry {
    fn of(view: IncomeView) -> Result<Self> {
        let IncomeView { number, id, quote, amount, unit, exponent, received_at, state, account, settled_at } = view;
        Ok(Self {
            number,
            id,
            quote,
            amount: Money::of(amount, &Unit::new(&unit, exponent)?),
            received_at: seconds(received_at),
            state: match state {
                IncomeState::Credited => State::Credited,
                IncomeState::Late => State::Late,
                IncomeState::Held => State::Held,
                IncomeState::Assigned => State::Assigned,
                IncomeState::Returned => State::Returned,
            },
            account: account.as_ref().map(account_text),
            settled_at: settled_at.map(seconds),
            time: received_at,
        })
    }

    const fn state(&self) -> &'static str {
        match self.state {
            State::Credited => "credited",
            State::Late => "credited, late",
            State::Held => "held",
            State::Assigned => "assigned",
            State::Returned => "sent back",
        }
    }
}

impl Answer for FundingEntry {
    fn show(&self, screen: &Screen) {
        screen.say(format!("payment {} of {}: {}", self.number, self.amount.text, self.state()));
    }
}

impl Answer for FundingAnswer {
    fn show(&self, screen: &Screen) {
        if self.payments.is_empty() {
            screen.say("no money waits for you");
            return;
        }
        let mut rows =
            Rows::new(["no.", "reported (UTC)", "amount", "state", "written on it", "processor's id"]).right(2);
        for payment in &self.payments {
            let FundingEntry { number, id, quote, amount, time: at, .. } = payment;
            let state = payment.state().to_owned();
            rows.add([number.to_string(), time(*at), amount.text.clone(), state, quote.clone(), id.clone()]);
        }
        rows.show(screen);
        if self.payments.iter().any(|payment| payment.state == State::Held) {
            screen.note("Find out whose it is, and say so: `farthing mint funding assign NUMBER ACCOUNT`.");
        }
    }
}

impl Answer for SecretAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(&self.file);
    }
}
