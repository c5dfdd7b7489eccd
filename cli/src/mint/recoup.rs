//! `farthing mint revoke` and `recoup`

use anyhow::Result;
use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_issuer::control::{
    CloseRecoupRequest, CoverAnswer, CoverRequest, RecoupsReport, RevokeAnswer, RevokeRequest, path,
};
use farthing_issuer::{Books, CloseError, CoverError, Leak, RecoupReport, RecoupedSum, RevokeError};
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::codec::to_base64url;
use farthing_protocol::ids::KeysetId;
use farthing_verifier::merchant::system_clock;
use serde::Serialize;

use super::amount::read_amount;
use super::home::{Desk, ask_running, open};
use crate::args::{MintRecoup, MintRecoupCommand, MintRevoke};
use crate::exit::{Advise, Trouble, fault};
use crate::output::{Answer, Money, Rows, Screen, seconds, time};
use crate::{prompt, when};

const DAY: u64 = 86_400;

/// A keyset is revoked.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RevokedAnswer {
    keyset: String,
    revoked_at: u64,
    /// What was issued from then on is not recouped.
    leaked_since: u64,
    /// Until then claims are collected and nothing is paid.
    claims_until: u64,
}

/// How the recoup of each revoked keyset stands.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RecoupsAnswer {
    recoups: Vec<RecoupEntry>,
}

/// How the recoup of a revoked keyset stands.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RecoupEntry {
    keyset: String,
    revoked_at: u64,
    leaked_since: u64,
    claims_until: u64,
    /// From then on nothing is taken any more.
    ends_at: u64,
    /// Claimed, shown to come from an issuance that counts, and not paid yet.
    waiting: SumEntry,
    /// Claimed and not shown, or shown and not claimed.
    unproven: SumEntry,
    paid: SumEntry,
    /// Found not to count after they were filed.
    excluded: SumEntry,
    /// Not shown or not claimed in time, or not covered: nobody is paid for them any more.
    unpaid: SumEntry,
    /// What the books hold for the keyset's tokens.
    outstanding: Money,
    /// What waits beyond that: forged tokens took it.
    missing: Money,
    /// Issued after the suspected leak for money of accounts and vouchers: not recouped, and paid for.
    late_by_money: Money,
    /// Issued after the suspected leak for tokens, forged ones perhaps.
    late_by_tokens: Money,
    /// When you said that what is not covered is not paid.
    closed_at: Option<u64>,
    /// When the keyset was buried: nothing of this changes any more.
    buried_at: Option<u64>,
}

/// How many tokens, and their worth.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SumEntry {
    tokens: u64,
    amount: Money,
}

/// The operator's money for a revoked keyset.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CoveredAnswer {
    outstanding: Money,
    /// Whether it was put in before, under this reference.
    known: bool,
}

pub(super) async fn revoke(args: MintRevoke, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let keyset = read_keyset(&args.keyset)?;
    let now = system_clock()();
    let since = args.leaked_since.as_deref().map(|text| when::read(text, now)).transpose()?;
    if since.is_some_and(|since| since > now) {
        return Err(fault(Trouble::BadDate, "the leak lies in the future").into());
    }
    if !args.yes {
        let since = since.map_or_else(|| "from now on".to_owned(), |since| format!("since {} UTC", time(since)));
        let question = format!(
            "Revoke {keyset}, as if its key had leaked {since}? This cannot be undone: nobody can pay or swap its tokens any more."
        );
        if !prompt::confirm(&question, "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was revoked").into());
        }
    }
    let window = u64::from(args.claims_days).saturating_mul(DAY);
    let request = RevokeRequest { keyset, leaked_since: since, claims_seconds: Some(window) };
    let asked = ask_running(&home, async |client| client.post_json(path::REVOKE, &request).await).await;
    let RevokeAnswer { revoked_at, leaked_since, claims_until } =
        match asked.map_err(|error| explain(error, &keyset))? {
            Some(answer) => answer,
            None => {
                let (books, authority) = home.books().await?;
                let revoked = books.revoke_by(authority, keyset, Leak { since, window }).await;
                let revoked = revoked.map_err(|error| explain(error.into(), &keyset))?;
                let farthing_issuer::Revoked { revoked_at, leaked_since, claims_until } = revoked;
                RevokeAnswer { revoked_at, leaked_since, claims_until }
            }
        };
    screen.answer(&RevokedAnswer {
        keyset: keyset.to_text(),
        revoked_at: seconds(revoked_at),
        leaked_since: seconds(leaked_since),
        claims_until: seconds(claims_until),
    })
}

pub(super) async fn recoup(args: MintRecoup, screen: &Screen) -> Result<()> {
    match args.command {
        Some(MintRecoupCommand::Cover { folder, keyset, amount, reference, yes }) => {
            let home = open(folder)?;
            cover(&home, &keyset, (&amount, reference, yes), screen).await
        }
        Some(MintRecoupCommand::Close { folder, keyset, yes }) => {
            let home = open(folder)?;
            close(&home, &keyset, yes, screen).await
        }
        None => {
            let home = open(args.folder)?;
            let asked = ask_running(&home, async |client| client.get_json(path::RECOUPS).await).await?;
            let report = match asked {
                Some(report) => report,
                None => RecoupsReport { recoups: Books::open(&home).await?.recoup_reports().await? },
            };
            screen.answer(&RecoupsAnswer::of(report)?)
        }
    }
}

async fn close(home: &Desk, keyset: &str, yes: bool, screen: &Screen) -> Result<()> {
    let keyset = read_keyset(keyset)?;
    let question = format!("Pay no more claims on {keyset} than the books cover? This cannot be undone.");
    if !yes && !prompt::confirm(&question, "--yes")? {
        return Err(fault(Trouble::Declined, "nothing was closed").into());
    }
    let request = CloseRecoupRequest { keyset };
    let asked = ask_running(home, async |client| client.post_json(path::CLOSE_RECOUP, &request).await).await;
    let report: RecoupsReport = match asked.map_err(|error| explain(error, &keyset))? {
        Some(report) => report,
        None => {
            let (books, authority) = home.books().await?;
            let closed = books.close_recoup_by(authority, keyset).await;
            closed.map_err(|error| explain(error.into(), &keyset))?;
            RecoupsReport { recoups: books.recoup_reports().await? }
        }
    };
    screen.answer(&RecoupsAnswer::of(report)?)
}

async fn cover(
    home: &Desk,
    keyset: &str,
    (amount, reference, yes): (&str, Option<String>, bool),
    screen: &Screen,
) -> Result<()> {
    let (keyset, unit) = (read_keyset(keyset)?, home.unit());
    let amount = read_amount(amount, unit)?;
    let reference = reference.unwrap_or_else(|| to_base64url(&rand::random::<[u8; 16]>()));
    let mut request = CoverRequest { keyset, amount, reference, beyond: yes };
    let CoverAnswer { outstanding, known } = match put_in(home, &request).await {
        Err(error) if !yes && is_beyond(&error) => {
            let amount = Money::of(amount, unit).text;
            let question = format!(
                "{amount} is more than what is missing for the claims that wait. Put it in? It cannot be taken back."
            );
            if !prompt::confirm(&question, "--yes")? {
                return Err(fault(Trouble::Declined, "nothing was put in").into());
            }
            request.beyond = true;
            put_in(home, &request).await?
        }
        answer => answer?,
    };
    screen.answer(&CoveredAnswer { outstanding: Money::of(outstanding, unit), known })
}

async fn put_in(home: &Desk, request: &CoverRequest) -> Result<CoverAnswer> {
    let (keyset, reference) = (request.keyset, &request.reference);
    let asked = ask_running(home, async |client| client.post_json(path::COVER_RECOUP, request).await).await;
    let asked: Option<CoverAnswer> = asked.map_err(|error| match error.downcast_ref::<CallError>() {
        Some(call) if call.may_have_taken_effect() => {
            error.context(format!("repeat it with --reference {reference}: it is then put in once, whatever happened"))
        }
        _ => explain(error, &keyset),
    })?;
    match asked {
        Some(answer) => Ok(answer),
        None => {
            let (books, authority) = home.books().await?;
            let covered = books.cover_recoup_by(authority, request.clone()).await;
            Ok(covered.map_err(|error| explain(error.into(), &keyset))?)
        }
    }
}

/// Whether the mint asks first whether so much is meant.
fn is_beyond(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<CallError>().and_then(CallError::problem).and_then(|problem| problem.known());
    matches!(error.downcast_ref::<CoverError>(), Some(CoverError::Beyond(_))) || refused == Some(Code::AmountOutOfRange)
}

pub(super) fn read_keyset(text: &str) -> Result<KeysetId> {
    Ok(KeysetId::from_text(text).map_err(|_| {
        fault(Trouble::BadText, format!("{text:?} is no keyset")).next("`farthing mint keysets` shows their ids")
    })?)
}

fn explain(error: anyhow::Error, keyset: &KeysetId) -> anyhow::Error {
    let code = match error.downcast_ref::<CallError>() {
        Some(CallError::Refused(problem, _)) => problem.known(),
        _ => None,
    };
    let unknown = matches!(error.downcast_ref::<RevokeError>(), Some(RevokeError::UnknownKeyset))
        || matches!(error.downcast_ref::<CoverError>(), Some(CoverError::UnknownKeyset))
        || matches!(error.downcast_ref::<CloseError>(), Some(CloseError::UnknownKeyset))
        || code == Some(Code::UnknownKeyset);
    let unrevoked = matches!(error.downcast_ref::<CoverError>(), Some(CoverError::NotRevoked))
        || matches!(error.downcast_ref::<CloseError>(), Some(CloseError::NotRevoked))
        || code == Some(Code::KeysetNotRevoked);
    let said = match (unknown, unrevoked) {
        (true, _) => format!("the mint has no keyset {keyset}"),
        (_, true) => format!("the keyset {keyset} was not revoked"),
        _ => return error,
    };
    match Err::<(), _>(error).advise(said, "`farthing mint keysets` lists them") {
        Err(error) => error,
        Ok(()) => fault(Trouble::BadText, "nothing was done").into(),
    }
}

impl RecoupsAnswer {
    fn of(report: RecoupsReport) -> Result<Self> {
        Ok(Self { recoups: report.recoups.into_iter().map(RecoupEntry::of).collect::<Result<_>>()? })
    }
}

impl RecoupEntry {
    fn of(report: RecoupReport) -> Result<Self> {
        let unit = Unit::new(&report.unit, report.exponent)?;
        let money = |amount| Money::of(amount, &unit);
        let sum = |RecoupedSum { tokens, amount }: RecoupedSum| SumEntry { tokens, amount: money(amount) };
        let missing = report.waiting.amount.checked_sub(report.outstanding).unwrap_or_default();
        Ok(Self {
            keyset: report.keyset.to_text(),
            revoked_at: seconds(report.revoked_at),
            leaked_since: seconds(report.leaked_since),
            claims_until: seconds(report.claims_until),
            ends_at: seconds(report.ends_at),
            waiting: sum(report.waiting),
            unproven: sum(report.unproven),
            paid: sum(report.paid),
            excluded: sum(report.excluded),
            unpaid: sum(report.unpaid),
            outstanding: money(report.outstanding),
            missing: money(missing),
            late_by_money: money(report.late_by_money),
            late_by_tokens: money(report.late_by_tokens),
            closed_at: report.closed_at.map(seconds),
            buried_at: report.buried_at.map(seconds),
        })
    }
}

fn utc(at: u64) -> String {
    time(UnixTime::from_seconds(at))
}

impl Answer for RevokedAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("revoked: {}", self.keyset));
        screen
            .say(format!("leaked since {} UTC: what was issued from then on is not recouped", utc(self.leaked_since)));
        screen.say(format!("claims are collected until {} UTC, and then paid", utc(self.claims_until)));
        screen.note("`farthing mint new-keyset` lets the mint issue again, `farthing mint recoup` shows the claims.");
    }
}

impl Answer for RecoupsAnswer {
    fn show(&self, screen: &Screen) {
        if self.recoups.is_empty() {
            screen.say("no keyset was revoked");
        }
        for entry in &self.recoups {
            screen.say(format!("keyset {}", entry.keyset));
            screen.say(format!("revoked {} UTC, leaked since {} UTC", utc(entry.revoked_at), utc(entry.leaked_since)));
            screen.say(format!(
                "claims until {} UTC, nothing after {} UTC",
                utc(entry.claims_until),
                utc(entry.ends_at)
            ));
            let mut rows = Rows::new(["claims", "tokens", "worth"]).right(1).right(2);
            let sums = [
                ("waiting", &entry.waiting),
                ("not shown or not claimed", &entry.unproven),
                ("paid", &entry.paid),
                ("excluded later", &entry.excluded),
                ("not paid any more", &entry.unpaid),
            ];
            for (name, sum) in sums {
                rows.add([name.to_owned(), sum.tokens.to_string(), sum.amount.text.clone()]);
            }
            rows.show(screen);
            match entry.buried_at {
                Some(at) => screen.say(format!("buried {} UTC; lapsed: {}", utc(at), entry.outstanding.text)),
                None => {
                    let (left, missing) = (&entry.outstanding.text, &entry.missing.text);
                    screen.say(format!("left in the books: {left}; missing: {missing}"));
                }
            }
            screen.say(format!(
                "issued after the leak: {} for money, {} for tokens",
                entry.late_by_money.text, entry.late_by_tokens.text
            ));
            screen.note("Claims on what was issued after the leak are refused, and not counted among those above.");
        }
    }
}

impl Answer for CoveredAnswer {
    fn show(&self, screen: &Screen) {
        let what = if self.known { "was put in before, under this reference" } else { "put in" };
        screen.say(format!("{what}; the books hold {} for the keyset's tokens", self.outstanding.text));
    }
}
