//! `farthing verifier payments`

use std::io;

use anyhow::Result;
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::api::{PaymentSummary, PaymentsQuery};
use serde::Serialize;

use super::open::open;
use super::source::{PAGE, Source};
use crate::args::{Format, VerifierPayments};
use crate::exit::{Fault, Trouble, fault};
use crate::hooks;
use crate::output::{Answer, Money, Rows, Screen, harmless, seconds, short, stamp, time};
use crate::when;

/// So many are shown in a table unless it is said otherwise.
const SHOWN: usize = 50;

/// Accepted payments.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PaymentsAnswer {
    /// Newest first.
    payments: Vec<PaymentEntry>,
    /// Whether there are more that match.
    more: bool,
}

/// An accepted payment.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PaymentEntry {
    payment: String,
    accepted_at: u64,
    amount: Money,
    memo: Option<String>,
    /// Hash of the invoice or offer that was paid.
    request: String,
    /// How much of it was paid back, or is being paid back.
    refunded: Money,
    #[serde(skip)]
    time: UnixTime,
}

pub(super) async fn payments(args: VerifierPayments, screen: &Screen) -> Result<()> {
    let now = hooks::now();
    let query = PaymentsQuery {
        since: args.since.as_deref().map(|text| when::read(text, now)).transpose()?,
        until: args.until.as_deref().map(|text| when::read(text, now)).transpose()?,
        id: args.id.clone(),
        memo: args.memo.clone(),
        ..PaymentsQuery::default()
    };
    let limit = args.limit.unwrap_or(if is_table(&args) { SHOWN } else { usize::MAX });
    let (format, home) = (args.format, open(args.folder)?);
    let source = Source::open(home).await?;
    let answer = collect(&source, query, limit).await?;
    if format == Format::Csv { write_csv(&answer, io::stdout().lock()) } else { screen.answer(&answer) }
}

fn is_table(args: &VerifierPayments) -> bool {
    args.format == Format::Table && !args.wants_json()
}

async fn collect(source: &Source, mut query: PaymentsQuery, limit: usize) -> Result<PaymentsAnswer> {
    let mut payments = Vec::new();
    loop {
        // One more than wanted says whether there are more.
        let wanted = limit.saturating_sub(payments.len()).saturating_add(1);
        query.limit = Some(wanted.min(PAGE));
        let page = source.payments(&query).await?;
        for payment in page.payments {
            payments.push(PaymentEntry::of(payment)?);
        }
        query.before = page.next;
        if page.next.is_none() || payments.len() > limit {
            let more = payments.len() > limit;
            payments.truncate(limit);
            return Ok(PaymentsAnswer { payments, more });
        }
    }
}

/// The one payment whose id begins so.
pub(super) async fn find(source: &Source, id: &str) -> Result<PaymentSummary> {
    let mut query = PaymentsQuery { id: Some(id.to_owned()), limit: Some(2), ..PaymentsQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = source.payments(&query).await?;
        found.extend(page.payments);
        query.before = page.next;
        if found.len() > 1 {
            let text = format!("several accepted payments have ids that begin with {id:?}");
            return Err(fault(Trouble::Ambiguous, text).next("give more of it").into());
        }
        if query.before.is_none() {
            return Ok(found.pop().ok_or_else(|| unknown(id))?);
        }
    }
}

/// Says that there is no such payment.
pub(super) fn unknown(id: &str) -> Fault {
    fault(Trouble::Ambiguous, format!("no accepted payment has the id {id:?}"))
        .next("`farthing verifier payments` lists them")
}

impl PaymentEntry {
    pub(super) fn of(summary: PaymentSummary) -> Result<Self> {
        let PaymentSummary { payment, request, amount, unit, exponent, accepted_at, memo, refunded } = summary;
        let unit = Unit::new(&unit, exponent)?;
        Ok(Self {
            payment: payment.to_text(),
            accepted_at: seconds(accepted_at),
            amount: Money::of(amount, &unit),
            refunded: Money::of(refunded, &unit),
            memo,
            request: request.to_text(),
            time: accepted_at,
        })
    }
}

impl Answer for PaymentsAnswer {
    fn show(&self, screen: &Screen) {
        if self.payments.is_empty() {
            screen.say("no payments");
            return;
        }
        let mut rows = Rows::new(["time (UTC)", "amount", "payment", "memo"]).right(1);
        for PaymentEntry { payment, amount, memo, refunded, time: at, .. } in &self.payments {
            let mut memo = memo.clone().unwrap_or_default();
            if refunded.units != "0" {
                let gap = if memo.is_empty() { "" } else { " " };
                memo.push_str(&format!("{gap}({} paid back)", refunded.text));
            }
            rows.add([time(*at), amount.text.clone(), short(payment), memo]);
        }
        rows.show(screen);
        if self.more {
            screen.note(format!("There are more than these {}: --limit shows them.", self.payments.len()));
        }
    }
}

/// All fields, one payment on a line.
fn write_csv(answer: &PaymentsAnswer, out: impl io::Write) -> Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["time", "accepted_at", "payment", "amount", "unit", "units", "memo", "request", "refunded"])?;
    for PaymentEntry { payment, accepted_at, amount, memo, request, refunded, time } in &answer.payments {
        let number = |money: &Money| money.text.split(' ').next().unwrap_or_default().to_owned();
        let (amount_number, refunded) = (number(amount), number(refunded));
        let memo = harmless(memo.as_deref().unwrap_or_default());
        let (at, unix) = (stamp(*time), accepted_at.to_string());
        table.write_record([
            &at,
            &unix,
            payment,
            &amount_number,
            &amount.unit,
            &amount.units,
            &memo,
            request,
            &refunded,
        ])?;
    }
    match table.flush() {
        // A reader who has gone away is no error of ours.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_is_no_formula_and_breaks_no_line() {
        let entry = |memo: &str| PaymentEntry {
            payment: "p".into(),
            accepted_at: 60,
            amount: Money::of(farthing_protocol::amount::Amount::new(370).unwrap(), &Unit::new("EUR", 2).unwrap()),
            memo: Some(memo.into()),
            request: "r".into(),
            refunded: Money::of(farthing_protocol::amount::Amount::new(5).unwrap(), &Unit::new("EUR", 2).unwrap()),
            time: UnixTime::from_seconds(60),
        };
        let memos = ["=1+1", " =1+1", "+1", "-1", "@a", "\u{ff1d}1", "a,\"b\"", "plain"];
        let answer = PaymentsAnswer { payments: memos.map(entry).into(), more: false };
        let mut out = Vec::new();
        write_csv(&answer, &mut out).unwrap();
        let mut read = csv::Reader::from_reader(&out[..]);
        let rows: Vec<csv::StringRecord> = read.records().map(Result::unwrap).collect();
        let found: Vec<&str> = rows.iter().map(|row| &row[6]).collect();
        assert_eq!(found, ["'=1+1", "' =1+1", "'+1", "'-1", "'@a", "'\u{ff1d}1", "a,\"b\"", "plain"]);
        let first: Vec<&str> = rows[0].iter().collect();
        assert_eq!(first, ["1970-01-01T00:01:00Z", "60", "p", "3.70", "EUR", "370", "'=1+1", "r", "0.05"]);
    }
}
