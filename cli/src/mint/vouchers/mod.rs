//! `farthing mint vouchers …`

mod create;
mod sheet;

use anyhow::Result;
use farthing_http::client::CallError;
use farthing_issuer::control::{BatchView, RevokeVouchersRequest, VouchersReport, path};
use farthing_issuer::{BatchState, Books, VoucherError};
use farthing_protocol::amount::{Unit, UnixTime};
use serde::Serialize;

use super::home::{ask_running, open};
use crate::args::{MintVouchersCommand, MintVouchersList, MintVouchersRevoke};
use crate::exit::{Advise, Trouble, fault};
use crate::output::{Answer, Money, Rows, Screen, seconds, time};
use crate::prompt;

/// So many batches are read at once.
const PAGE: usize = 500;

/// Batches of vouchers.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VouchersAnswer {
    /// In the order in which they were made.
    batches: Vec<BatchEntry>,
}

/// A batch that was made, and where its codes are.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CreatedAnswer {
    batch: BatchEntry,
    /// Whether the mint had it before.
    known: bool,
    /// The files with the codes.
    sheets: Vec<String>,
}

/// A batch of vouchers.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BatchEntry {
    number: u64,
    title: String,
    /// What each voucher is worth.
    amount: Money,
    count: u32,
    redeemed: u32,
    /// What was not redeemed: it waits, or has left the books when the batch ended.
    open: Money,
    created_at: u64,
    expires_at: u64,
    state: State,
    /// When what was open left the books.
    ended_at: Option<u64>,
    #[serde(skip)]
    time: UnixTime,
}

/// How far it is.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Open,
    Expired,
    Revoked,
}

pub(super) async fn run(command: MintVouchersCommand, screen: &Screen) -> Result<()> {
    match command {
        MintVouchersCommand::Create(args) => screen.answer(&create::create(args, screen).await?),
        MintVouchersCommand::Register(args) => screen.answer(&create::register(args).await?),
        MintVouchersCommand::List(args) => screen.answer(&list(args).await?),
        MintVouchersCommand::Revoke(args) => screen.answer(&revoke(args).await?),
    }
}

async fn list(args: MintVouchersList) -> Result<VouchersAnswer> {
    let home = open(args.folder)?;
    let (mut batches, mut after, mut books) = (Vec::new(), None, None);
    loop {
        let from = after.map(|number: u64| number.to_string());
        let query: Vec<_> = from.as_deref().map(|from| ("after", from)).into_iter().collect();
        let asked = match &books {
            None => ask_running(&home, async |client| client.get_json_with(path::VOUCHERS, &query).await).await?,
            Some(_) => None,
        };
        let VouchersReport { batches: page, next } = match asked {
            Some(report) => report,
            None => {
                let books = match &mut books {
                    Some(books) => books,
                    none => none.insert(Books::open(&home).await?),
                };
                let batches = books.vouchers(after, PAGE).await?;
                let next = if batches.len() < PAGE { None } else { batches.last().map(|batch| batch.number) };
                VouchersReport { batches, next }
            }
        };
        for view in page {
            batches.push(BatchEntry::of(view)?);
        }
        after = next;
        if after.is_none() {
            return Ok(VouchersAnswer { batches });
        }
    }
}

async fn revoke(args: MintVouchersRevoke) -> Result<BatchEntry> {
    let home = open(args.folder)?;
    let number = args.batch;
    let question = format!("Revoke batch {number}? Its vouchers are worth nothing from then on, whoever has them.");
    if !args.yes && !prompt::confirm(&question, "--yes")? {
        return Err(fault(Trouble::Declined, "nothing was revoked").into());
    }
    let request = RevokeVouchersRequest { batch: number };
    let asked = ask_running(&home, async |client| client.post_json(path::REVOKE_VOUCHERS, &request).await).await;
    let view: BatchView = match asked.map_err(|error| explain(error, number))? {
        Some(view) => view,
        None => {
            let (books, authority) = home.books().await?;
            let revoked = books.revoke_vouchers_by(authority, number).await;
            revoked.map_err(|error| explain(error.into(), number))?
        }
    };
    BatchEntry::of(view)
}

fn explain(error: anyhow::Error, number: u64) -> anyhow::Error {
    let unknown = matches!(error.downcast_ref::<VoucherError>(), Some(VoucherError::Unknown))
        || matches!(error.downcast_ref::<CallError>(), Some(CallError::Refused(_, 404)));
    if unknown {
        let fault = fault(Trouble::BadNumber, format!("there is no batch {number}"));
        return fault.next("`farthing mint vouchers list` shows them").into();
    }
    match Err::<(), _>(error).advise(
        format!("whether batch {number} is revoked is not known"),
        "repeat the command: it is revoked once, whatever happened",
    ) {
        Err(error) => error,
        Ok(()) => fault(Trouble::BadNumber, "the batch was not revoked").into(),
    }
}

impl BatchEntry {
    fn of(view: BatchView) -> Result<Self> {
        let BatchView { number, amount, count, redeemed, open, created_at, expires_at, note, state, ended_at, .. } =
            view;
        let unit = Unit::new(&view.unit, view.exponent)?;
        Ok(Self {
            number,
            title: note,
            amount: Money::of(amount, &unit),
            count,
            redeemed,
            open: Money::of(open, &unit),
            created_at: seconds(created_at),
            expires_at: seconds(expires_at),
            state: match state {
                BatchState::Open => State::Open,
                BatchState::Expired => State::Expired,
                BatchState::Revoked => State::Revoked,
            },
            ended_at: ended_at.map(seconds),
            time: expires_at,
        })
    }

    const fn state(&self) -> &'static str {
        match self.state {
            State::Open => "open",
            State::Expired => "expired",
            State::Revoked => "revoked",
        }
    }
}

impl Answer for BatchEntry {
    fn show(&self, screen: &Screen) {
        let Self { number, count, redeemed, open, .. } = self;
        screen.say(format!("batch {number} {}: {redeemed} of {count} were redeemed", self.state()));
        screen.say(format!("{} left the books", open.text));
    }
}

impl Answer for VouchersAnswer {
    fn show(&self, screen: &Screen) {
        if self.batches.is_empty() {
            screen.say("no vouchers were made yet");
            return;
        }
        let mut rows = Rows::new(["batch", "title", "worth", "redeemed", "open", "state", "ends (UTC)"]).right(2);
        for batch in &self.batches {
            let redeemed = format!("{} of {}", batch.redeemed, batch.count);
            let open = match batch.state {
                State::Open => batch.open.text.clone(),
                State::Expired | State::Revoked => "-".to_owned(),
            };
            let state = batch.state().to_owned();
            let (title, worth) = (batch.title.clone(), batch.amount.text.clone());
            rows.add([batch.number.to_string(), title, worth, redeemed, open, state, time(batch.time)]);
        }
        rows.show(screen);
    }
}

impl Answer for CreatedAnswer {
    fn show(&self, screen: &Screen) {
        let BatchEntry { number, amount, count, time: end, .. } = &self.batch;
        let known = if self.known { " was there before" } else { "" };
        screen.say(format!("batch {number}{known}: {count} vouchers of {}, until {} UTC", amount.text, time(*end)));
        for sheet in &self.sheets {
            screen.say(sheet);
        }
        if !self.known {
            screen.note("Whoever reads the sheet has the money: print it, and erase it.");
        }
    }
}
