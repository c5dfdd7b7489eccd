//! `farthing wallet history` and `receipts`

use anyhow::Result;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::MintId;
use farthing_protocol::text::TextForm;
use farthing_wallet::{
    HistoryEntry, OpId, OperationView, Outcome, SentState, SentView, Stage, StoreError, Wallet, Work,
};
use serde::Serialize;

use super::open::Place;
use crate::args::{WalletHistory, WalletHistoryCommand};
use crate::exit::Advise;
use crate::output::{Answer, Money, Rows, Screen, seconds, short, time};

/// What was done.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HistoryAnswer {
    unfinished: Vec<Entry>,
    /// Given out, and not claimed as far as is known.
    out: Vec<Entry>,
    finished: Vec<Entry>,
}

/// One operation.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HistoryEntryAnswer {
    entry: Entry,
}

/// What was paid and acknowledged.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReceiptsAnswer {
    receipts: Vec<ReceiptEntry>,
}

/// A receipt.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReceiptEntry {
    operation: u64,
    /// When the payee accepted, as he says.
    accepted_at: u64,
    payee: String,
    amount: Money,
    memo: Option<String>,
    url: Option<String>,
    payment: String,
    receipt: String,
}

/// An operation.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Entry {
    operation: u64,
    /// When it began, or if it is finished when it ended.
    time: u64,
    mint: String,
    kind: Kind,
    amount: Money,
    /// Who was paid, or to whom it was locked.
    payee: Option<String>,
    memo: Option<String>,
    /// The address that was paid for.
    url: Option<String>,
    state: State,
    receipt: Option<String>,
}

/// What an operation does.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Withdrawal,
    Voucher,
    Swap,
    Payment,
    Send,
    LockedSend,
    Receive,
    /// Tokens of a revoked keyset, claimed from their mint.
    Recoup,
    Other,
}

/// How far it is, or how it ended.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Beginning,
    Unanswered,
    Settling,
    Stopped,
    /// Claimed, and paid when the mint collects no more claims.
    Filed,
    /// Given out, and not claimed or accepted as far as is known.
    Out,
    Done,
    Paid,
    TakenBack,
    Claimed,
    Failed,
    TokensEnded,
    SpentElsewhere,
    /// Paid to the account, as far as it was.
    Recouped,
    Other,
}

pub(super) async fn history(place: &Place, args: WalletHistory) -> Result<()> {
    let wallet = place.open().await?;
    let all = read(&wallet).await?;
    let Some(WalletHistoryCommand::Show { operation }) = args.command else {
        return place.screen.answer(&all);
    };
    let entry =
        all.unfinished.into_iter().chain(all.out).chain(all.finished).find(|entry| entry.operation == operation);
    let entry = entry.ok_or(StoreError::NoSuchOperation).advise(
        format!("there is no operation {operation}"),
        "`farthing wallet history` lists them with their numbers",
    )?;
    place.screen.answer(&HistoryEntryAnswer { entry })
}

async fn read(wallet: &Wallet) -> Result<HistoryAnswer> {
    let (finished, unfinished) = (wallet.history().await?, wallet.operations().await?);
    let out = wallet.sent(false).await?;
    Ok(HistoryAnswer {
        unfinished: unfinished.iter().map(Entry::unfinished).collect(),
        out: out.iter().filter(|sent| sent.state == SentState::Out).map(Entry::out).collect(),
        finished: finished.iter().map(Entry::finished).collect(),
    })
}

impl Entry {
    pub(super) fn unfinished(op: &OperationView) -> Self {
        Self::of(op.id, op.created_at, &op.mint, (op.amount, &op.unit), &op.work, State::of_stage(op.stage))
    }

    /// Given out, and nobody is known to have claimed it.
    fn out(sent: &SentView) -> Self {
        let work = Work::Send { memo: sent.memo.clone() };
        Self::of(sent.op, sent.sent_at, &sent.mint, (sent.amount, &sent.unit), &work, State::Out)
    }

    fn finished(op: &HistoryEntry) -> Self {
        let state = State::of_outcome(&op.outcome);
        let entry = Self::of(op.id, op.ended_at, &op.mint, (op.amount, &op.unit), &op.work, state);
        let receipt = match op.outcome {
            Outcome::Paid(receipt) => receipt.map(|receipt| receipt.to_text()),
            _ => None,
        };
        Self { receipt, ..entry }
    }

    fn of(id: OpId, at: UnixTime, mint: &MintId, (amount, unit): (Amount, &Unit), work: &Work, state: State) -> Self {
        let mut entry = Self {
            operation: id.get(),
            time: seconds(at),
            mint: mint.to_text(),
            kind: Kind::Other,
            amount: Money::of(amount, unit),
            payee: None,
            memo: None,
            url: None,
            state,
            receipt: None,
        };
        match work {
            Work::Withdrawal => entry.kind = Kind::Withdrawal,
            Work::Voucher => entry.kind = Kind::Voucher,
            Work::Swap => entry.kind = Kind::Swap,
            Work::Payment { payee, memo, url, .. } => {
                entry.kind = Kind::Payment;
                (entry.payee, entry.memo, entry.url) = (Some(payee.to_text()), memo.clone(), url.clone());
            }
            Work::Send { memo } => (entry.kind, entry.memo) = (Kind::Send, memo.clone()),
            Work::Lock { payee, memo } => {
                entry.kind = Kind::LockedSend;
                (entry.payee, entry.memo) = (Some(payee.to_text()), memo.clone());
            }
            Work::Receive { memo, .. } => (entry.kind, entry.memo) = (Kind::Receive, memo.clone()),
            Work::Recoup { .. } => entry.kind = Kind::Recoup,
            _ => {}
        }
        entry
    }

    fn row(&self) -> [String; 6] {
        let payee = self.payee.as_ref().map(|payee| format!(" to {}", short(payee))).unwrap_or_default();
        [
            self.operation.to_string(),
            time(UnixTime::from_seconds(self.time)),
            format!("{}{payee}", self.kind.words()),
            self.amount.text.clone(),
            self.state.words(self.receipt.is_some()).to_owned(),
            self.memo.clone().or_else(|| self.url.clone()).unwrap_or_default(),
        ]
    }
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Withdrawal => "withdrawal",
            Self::Voucher => "voucher",
            Self::Swap => "swap",
            Self::Payment => "payment",
            Self::Send => "sent",
            Self::LockedSend => "locked",
            Self::Receive => "received",
            Self::Recoup => "claimed of a revoked keyset",
            Self::Other => "other",
        }
    }
}

impl State {
    const fn of_stage(stage: Stage) -> Self {
        match stage {
            Stage::Beginning => Self::Beginning,
            Stage::Unanswered => Self::Unanswered,
            Stage::Settling => Self::Settling,
            Stage::Handed => Self::Out,
            Stage::Stopped => Self::Stopped,
            Stage::Filed => Self::Filed,
            _ => Self::Other,
        }
    }

    const fn of_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Issued => Self::Done,
            Outcome::Paid(_) => Self::Paid,
            Outcome::TakenBack => Self::TakenBack,
            Outcome::Claimed => Self::Claimed,
            Outcome::Failed => Self::Failed,
            Outcome::TokensEnded => Self::TokensEnded,
            Outcome::SpentElsewhere => Self::SpentElsewhere,
            Outcome::Recouped(_) => Self::Recouped,
            _ => Self::Other,
        }
    }

    pub(super) const fn words(self, receipt: bool) -> &'static str {
        match self {
            Self::Beginning => "unfinished: begun",
            Self::Unanswered => "unfinished: no answer",
            Self::Settling => "unfinished: being settled",
            Self::Stopped => "stopped",
            Self::Filed => "unfinished: the mint pays later",
            Self::Out => "out, not taken yet",
            Self::Done => "done",
            Self::Paid if receipt => "paid, with receipt",
            Self::Paid => "paid",
            Self::TakenBack => "taken back",
            Self::Claimed => "claimed",
            Self::Failed => "failed, nothing moved",
            Self::TokensEnded => "tokens ended",
            Self::SpentElsewhere => "tokens were spent elsewhere",
            Self::Recouped => "paid to the account",
            Self::Other => "ended",
        }
    }
}

impl Answer for HistoryAnswer {
    fn show(&self, screen: &Screen) {
        if self.unfinished.is_empty() && self.out.is_empty() && self.finished.is_empty() {
            screen.say("nothing yet");
            return;
        }
        let mut rows = Rows::new(["no.", "time (UTC)", "what", "amount", "outcome", "memo"]).right(3);
        for entry in self.unfinished.iter().chain(&self.out).chain(&self.finished) {
            rows.add(entry.row());
        }
        rows.show(screen);
    }
}

impl Answer for HistoryEntryAnswer {
    fn show(&self, screen: &Screen) {
        let entry = &self.entry;
        let optional =
            [("payee", &entry.payee), ("note", &entry.memo), ("address", &entry.url), ("receipt", &entry.receipt)];
        screen.say(format!("operation {}: {} {}", entry.operation, entry.kind.words(), entry.amount.text));
        screen.say(format!("outcome: {}", entry.state.words(entry.receipt.is_some())));
        screen.say(format!("time: {} UTC", time(UnixTime::from_seconds(entry.time))));
        screen.say(format!("mint: {}", entry.mint));
        for (name, value) in optional {
            if let Some(value) = value {
                screen.say(format!("{name}: {value}"));
            }
        }
    }
}

pub(super) async fn receipts(place: &Place) -> Result<ReceiptsAnswer> {
    let wallet = place.open().await?;
    let mut receipts = Vec::new();
    for op in wallet.history().await? {
        if let (Outcome::Paid(Some(receipt)), Work::Payment { payee, memo, url, .. }) = (&op.outcome, &op.work) {
            receipts.push(ReceiptEntry {
                operation: op.id.get(),
                accepted_at: seconds(receipt.draft().accepted_at),
                payee: payee.to_text(),
                amount: Money::of(op.amount, &op.unit),
                memo: memo.clone(),
                url: url.clone(),
                payment: receipt.draft().payment.to_text(),
                receipt: receipt.to_text(),
            });
        }
    }
    Ok(ReceiptsAnswer { receipts })
}

impl Answer for ReceiptsAnswer {
    fn show(&self, screen: &Screen) {
        if self.receipts.is_empty() {
            screen.say("none");
            return;
        }
        let mut rows = Rows::new(["no.", "accepted (UTC)", "amount", "payee", "memo"]).right(2);
        for entry in &self.receipts {
            rows.add([
                entry.operation.to_string(),
                time(UnixTime::from_seconds(entry.accepted_at)),
                entry.amount.text.clone(),
                short(&entry.payee),
                entry.memo.clone().or_else(|| entry.url.clone()).unwrap_or_default(),
            ]);
        }
        rows.show(screen);
        screen.note("`farthing wallet history show NUMBER` prints a receipt.");
    }
}
