//! `farthing wallet send` and `sent`

use anyhow::Result;
use farthing_protocol::amount::UnixTime;
use farthing_wallet::{OpId, ResumeError, Resumption, SendError, Sent, SentState, SentView, Wallet};
use serde::Serialize;

use super::deliver::{Delivered, check, deliver};
use super::open::{Place, advise_funds, choose, choose_unit, more_funds, refuse_number};
use super::pay::look_ahead;
use super::text::Text;
use crate::args::{WalletSend, WalletSent};
use crate::exit::{Explained, Told, Trouble, fault};
use crate::mint::read_amount;
use crate::output::{Answer, Money, Progress, Rows, Screen, seconds, short, time};
use crate::{prompt, qr};

/// Money as a text. The text **is** the money, unless it is locked.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SendAnswer {
    operation: u64,
    mint: String,
    amount: Money,
    memo: Option<String>,
    /// Who alone can claim it, if it is locked.
    locked_to: Option<String>,
    /// Swaps that had to be made at the moment of sending.
    swaps: u32,
    /// Whether it was made before, so that nothing was taken now.
    again: bool,
    #[serde(flatten)]
    delivered: Delivered,
}

/// What was sent.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SentAnswer {
    sent: Vec<SentEntry>,
}

/// Something that was sent.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SentEntry {
    operation: u64,
    time: u64,
    mint: String,
    amount: Money,
    memo: Option<String>,
    locked_to: Option<String>,
    state: SentIs,
}

/// How it stands.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum SentIs {
    Out,
    Locking,
    Reclaiming,
    Locked,
    Claimed,
    TakenBack,
    Failed,
    Other,
}

/// What came of taking back.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReclaimAnswer {
    reclaimed: Vec<ReclaimEntry>,
}

/// What came of taking back one thing.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReclaimEntry {
    operation: u64,
    amount: Money,
    outcome: ReclaimOutcome,
    /// Code of the failure, if it is not known yet.
    code: Option<String>,
    message: Option<String>,
}

/// How taking back ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReclaimOutcome {
    TakenBack,
    Claimed,
    NotYet,
}

pub(super) async fn send(place: &Place, args: WalletSend) -> Result<()> {
    match (&args.amount, args.reclaim.as_deref()) {
        (_, Some(what)) => reclaim(place, what).await,
        (amount, None) => {
            let amount = amount.clone().unwrap_or_default();
            place.screen.answer(&give(place, &amount, args).await?)
        }
    }
}

async fn give(place: &Place, amount: &str, args: WalletSend) -> Result<SendAnswer> {
    check(&args.delivery)?;
    let to = args.to.as_deref().map(|text| Text::read(&qr::join(text)?)).transpose()?;
    let to = match to {
        None => None,
        Some(Text::Recipient(recipient)) => Some(recipient),
        Some(other) => return Err(other.misplaced("the record of a recipient").into()),
    };
    let wallet = place.open().await?;
    let unit = choose_unit(&wallet, &args.which)?;
    let amount = read_amount(amount, &unit)?;
    let text = amount.display(&unit);
    if let Some(recipient) = &to
        && !args.yes
    {
        let question = format!("Lock {text} to {}? It cannot be taken back.", short(&recipient.payee().to_text()));
        if !prompt::confirm(&question, "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was sent").into());
        }
    }
    let bearer_of = if to.is_none() { Some(choose(&wallet, &args.which)?.0.id) } else { None };
    if let Some(mint) = &bearer_of {
        look_ahead(place, &wallet.payment_outlook(mint, &unit, amount).await?, SendError::InsufficientFunds)?;
    }
    let progress = Progress::start(&place.screen, "sending");
    let sent = match (&to, bearer_of) {
        (Some(recipient), _) => wallet.send_to(recipient, &unit, amount, args.memo.clone()).await,
        (None, Some(mint)) => wallet.send(&mint, &unit, amount, args.memo.clone()).await,
        (None, None) => Err(SendError::NoCommonMint),
    };
    drop(progress);
    let sent = advise_funds(
        sent,
        |error| matches!(error, SendError::InsufficientFunds),
        format!("the wallet's tokens do not cover {text}"),
        more_funds(&wallet).await,
    )?;
    let delivered = deliver(&place.screen, sent.text.as_str().to_owned(), &args.delivery).map_err(|error| {
        fault(Trouble::BadFile, format!("it is sent, but its text could not be handed over: {error:#}"))
            .next(format!("do not send it again: `farthing wallet sent {}` shows its text", sent.op))
    })?;
    Ok(SendAnswer::of(&sent, args.memo, delivered))
}

impl SendAnswer {
    pub(super) fn of(sent: &Sent, memo: Option<String>, delivered: Delivered) -> Self {
        Self {
            operation: sent.op.get(),
            mint: sent.mint.to_text(),
            amount: Money::of(sent.amount, &sent.unit),
            memo,
            locked_to: sent.locked_to.map(|payee| payee.to_text()),
            swaps: sent.swaps,
            again: sent.again,
            delivered,
        }
    }
}

impl Answer for SendAnswer {
    fn show(&self, screen: &Screen) {
        self.delivered.show(screen);
        let (op, amount) = (self.operation, &self.amount.text);
        match &self.locked_to {
            Some(payee) => {
                let payee = short(payee);
                screen.note(format!(
                    "{amount}, locked to {payee}: nobody else can claim it, and it cannot be taken back."
                ));
                screen.note(format!("`farthing wallet sent {op}` shows the text again."));
            }
            None => {
                screen.note(format!("This is {amount}: whoever has the text first has the money."));
                screen.note(format!("Until it is claimed, `farthing wallet send --reclaim {op}` takes it back."));
            }
        }
    }
}

pub(super) async fn sent(place: &Place, args: WalletSent) -> Result<()> {
    let wallet = place.open().await?;
    let Some(operation) = args.operation else {
        let sent = wallet.sent(args.all).await?;
        return place.screen.answer(&SentAnswer { sent: sent.iter().map(SentEntry::of).collect() });
    };
    let sent = wallet.sent_text(OpId::new(operation)).await?;
    let memo = wallet.sent(true).await?.into_iter().find(|view| view.op == sent.op).and_then(|view| view.memo);
    let delivered = deliver(&place.screen, sent.text.as_str().to_owned(), &args.delivery)?;
    place.screen.answer(&SendAnswer::of(&sent, memo, delivered))
}

impl SentEntry {
    pub(super) fn of(view: &SentView) -> Self {
        Self {
            operation: view.op.get(),
            time: seconds(view.sent_at),
            mint: view.mint.to_text(),
            amount: Money::of(view.amount, &view.unit),
            memo: view.memo.clone(),
            locked_to: view.locked_to.map(|payee| payee.to_text()),
            state: match view.state {
                SentState::Out => SentIs::Out,
                SentState::Locking => SentIs::Locking,
                SentState::Reclaiming => SentIs::Reclaiming,
                SentState::Locked => SentIs::Locked,
                SentState::Claimed => SentIs::Claimed,
                SentState::TakenBack => SentIs::TakenBack,
                SentState::Failed => SentIs::Failed,
                _ => SentIs::Other,
            },
        }
    }

    fn words(&self) -> String {
        let to = self.locked_to.as_ref().map(|payee| format!(" to {}", short(payee))).unwrap_or_default();
        let state = match self.state {
            SentIs::Out => "out, not claimed as far as is known",
            SentIs::Locking => "being locked",
            SentIs::Reclaiming => "being taken back",
            SentIs::Locked => "locked",
            SentIs::Claimed => "claimed",
            SentIs::TakenBack => "taken back",
            SentIs::Failed => "failed, nothing moved",
            SentIs::Other => "ended",
        };
        format!("{state}{to}")
    }
}

impl Answer for SentAnswer {
    fn show(&self, screen: &Screen) {
        if self.sent.is_empty() {
            screen.say("nothing");
            return;
        }
        let mut rows = Rows::new(["no.", "time (UTC)", "amount", "state", "memo"]).right(2);
        for entry in &self.sent {
            rows.add([
                entry.operation.to_string(),
                time(UnixTime::from_seconds(entry.time)),
                entry.amount.text.clone(),
                entry.words(),
                entry.memo.clone().unwrap_or_default(),
            ]);
        }
        rows.show(screen);
    }
}

/// Takes back one thing that was sent, or all of them. One that fails does not keep the others from being taken back.
async fn reclaim(place: &Place, what: &str) -> Result<()> {
    let wallet = place.open().await?;
    let mut out = wallet.sent(false).await?;
    out.retain(|view| view.locked_to.is_none());
    if what != "all" {
        let number = what.parse().map_err(|_| refuse_number(what))?;
        let op = OpId::new(number);
        let Some(view) = out.into_iter().find(|view| view.op == op) else {
            let message = format!("operation {op} sent nothing that can be taken back");
            let hint = "`farthing wallet sent` lists what was sent; what is locked cannot be taken back";
            return Err(anyhow::Error::new(SendError::NotSent { op }).context(crate::exit::advice(message, hint)));
        };
        let resumption = take_back(place, &wallet, op).await?;
        return place.screen.answer(&ReclaimAnswer { reclaimed: vec![ReclaimEntry::of(&view, Ok(resumption))] });
    }
    let mut reclaimed = Vec::new();
    for view in out {
        let taken = take_back(place, &wallet, view.op).await;
        reclaimed.push(ReclaimEntry::of(&view, taken));
    }
    let unfinished = reclaimed.iter().any(|entry| entry.outcome == ReclaimOutcome::NotYet);
    place.screen.answer(&ReclaimAnswer { reclaimed })?;
    if unfinished { Err(Told::unfinished().into()) } else { Ok(()) }
}

async fn take_back(place: &Place, wallet: &Wallet, op: OpId) -> Result<Resumption, ResumeError> {
    let _progress = Progress::start(&place.screen, "taking back");
    wallet.reclaim(op).await
}

impl ReclaimEntry {
    fn of(view: &SentView, taken: Result<Resumption, ResumeError>) -> Self {
        let (outcome, failure) = match taken {
            Ok(Resumption::Claimed(_)) => (ReclaimOutcome::Claimed, None),
            Ok(_) => (ReclaimOutcome::TakenBack, None),
            Err(error) => (ReclaimOutcome::NotYet, Some(Explained::of(&error.into()))),
        };
        Self {
            operation: view.op.get(),
            amount: Money::of(view.amount, &view.unit),
            outcome,
            code: failure.as_ref().map(|failure| failure.code.to_owned()),
            message: failure.map(|failure| failure.in_one_line()),
        }
    }
}

impl Answer for ReclaimAnswer {
    fn show(&self, screen: &Screen) {
        if self.reclaimed.is_empty() {
            screen.say("nothing is out");
        }
        for entry in &self.reclaimed {
            let (op, amount) = (entry.operation, &entry.amount.text);
            match entry.outcome {
                ReclaimOutcome::TakenBack => screen.say(format!("taken back: {amount} of operation {op}")),
                ReclaimOutcome::Claimed => screen.say(format!("claimed by somebody: {amount} of operation {op}")),
                ReclaimOutcome::NotYet => {
                    let why = entry.message.as_deref().unwrap_or_default();
                    screen.say(format!("not yet: {amount} of operation {op}: {why}"));
                }
            }
        }
    }
}
