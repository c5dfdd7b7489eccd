//! `farthing mint backing`

use anyhow::{Error, Result};
use farthing_http::client::CallError;
use farthing_issuer::Books;
use farthing_issuer::control::{BackingReport, BackingRequest, path};
use farthing_protocol::amount::Unit;
use serde::Serialize;

use super::amount::read_amount_or_zero;
use super::home::{ask_running, open};
use crate::args::MintBacking;
use crate::exit::Advise;
use crate::output::{Answer, Money, Rows, Screen, seconds};

/// What the mint owes, and what is held against it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BackingAnswer {
    /// Tokens that are out: issued and not redeemed.
    outstanding: Money,
    /// What is owed: tokens that are out, account balances, unused vouchers and pending payouts.
    owed: Money,
    /// What was declared, if it was.
    backing: Option<Money>,
    declared_at: Option<u64>,
    /// Whether what is owed is covered, as far as anything was declared. Else nothing is issued.
    backed: bool,
}

pub(super) async fn backing(args: MintBacking, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let declares = args.none || args.amount.is_some();
    let amount = args.amount.as_deref().map(|text| read_amount_or_zero(text, home.unit())).transpose()?;
    let request = BackingRequest { amount };
    let asked = ask_running(&home, async |client| {
        if declares { client.post_json(path::BACKING, &request).await } else { client.get_json(path::BACKING).await }
    });
    let report: BackingReport = match asked.await {
        Ok(Some(report)) => report,
        Ok(None) => {
            if declares {
                let (books, authority) = home.books().await?;
                books.declare_backing_by(authority, amount).await?
            } else {
                Books::open(&home).await?.backing().await?
            }
        }
        Err(error) => return Err(explain(error)),
    };
    screen.answer(&BackingAnswer::of(&report)?)
}

fn explain(error: Error) -> Error {
    match error.downcast_ref::<CallError>() {
        Some(call) if call.may_have_taken_effect() => {
            let failed = Err::<(), _>(error);
            let failed = failed.advise("it is not known whether this is declared", "repeat the command");
            failed.err().unwrap_or_else(|| Error::msg("it is not known whether this is declared"))
        }
        _ => error,
    }
}

impl BackingAnswer {
    fn of(report: &BackingReport) -> Result<Self> {
        let unit = Unit::new(&report.unit, report.exponent)?;
        Ok(Self {
            outstanding: Money::of(report.outstanding, &unit),
            owed: Money::of(report.owed, &unit),
            backing: report.backing.map(|backing| Money::of(backing, &unit)),
            declared_at: report.declared_at.map(seconds),
            backed: report.is_backed(),
        })
    }
}

impl Answer for BackingAnswer {
    fn show(&self, screen: &Screen) {
        let mut rows = Rows::new(["", "amount"]).right(1);
        let declared = self.backing.as_ref().map_or_else(|| "nothing declared".to_owned(), |money| money.text.clone());
        for (what, amount) in
            [("tokens that are out", &self.outstanding.text), ("owed in all", &self.owed.text), ("backing", &declared)]
        {
            rows.add([what.to_owned(), amount.clone()]);
        }
        rows.show(screen);
        if !self.backed {
            screen.note("More is owed than is backed: the mint issues nothing until that has changed.");
        }
    }
}
