//! `farthing wallet resume` and `give-up`

use anyhow::Result;
use farthing_wallet::{OpId, OperationView, Resumed, Resumption, Stage, StoreError, Work};
use serde::Serialize;

use super::history::Entry;
use super::open::Place;
use crate::args::WalletGiveUp;
use crate::exit::{Advise, Explained, Told, Trouble, fault};
use crate::output::{Answer, Progress, Screen};
use crate::prompt;

/// How the operations stand that were unfinished.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ResumeAnswer {
    resumed: Vec<ResumedEntry>,
    /// Operations that are still unfinished.
    unfinished: Vec<Entry>,
}

/// An operation that was given up.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct GiveUpAnswer {
    operation: u64,
    outcome: ResumedIs,
}

/// An operation that was gone on with.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ResumedEntry {
    operation: u64,
    outcome: ResumedIs,
    /// Code of the failure, if it failed or is not finished.
    code: Option<String>,
    message: Option<String>,
}

/// How an operation stands.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResumedIs {
    /// Tokens arrived.
    Issued,
    /// The payee was paid.
    Paid,
    /// It can never be accepted any more, and its money is back.
    TakenBack,
    /// Somebody claimed it.
    Claimed,
    /// Claims on tokens of a revoked keyset are filed, or decided.
    Filed,
    /// It is locked, and has a text.
    Locked,
    /// It was dropped, and what it held is available again.
    Dropped,
    /// See the code.
    Failed,
    Other,
}

impl ResumedIs {
    const fn of(resumption: &Resumption) -> Self {
        match resumption {
            Resumption::Issued(_) => Self::Issued,
            Resumption::Paid(_) => Self::Paid,
            Resumption::TakenBack(_) => Self::TakenBack,
            Resumption::Claimed(_) => Self::Claimed,
            Resumption::Locked(_) => Self::Locked,
            Resumption::Recoup(_) => Self::Filed,
            _ => Self::Other,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Issued => "its tokens arrived",
            Self::Paid => "the payee was paid",
            Self::TakenBack => "never accepted, and its money is back",
            Self::Claimed => "somebody claimed it",
            Self::Filed => "claimed; `farthing wallet recoup --list` shows how it stands",
            Self::Locked => "locked; `farthing wallet sent` shows its text",
            Self::Dropped => "dropped; what it held is available again",
            Self::Failed => "not done",
            Self::Other => "finished",
        }
    }
}

pub(super) async fn resume(place: &Place) -> Result<()> {
    let (wallet, resumed) = place.open_and_resume().await?;
    place.warn(&wallet).await?;
    let unfinished: Vec<Entry> = wallet.operations().await?.iter().map(Entry::unfinished).collect();
    let left = !unfinished.is_empty();
    let resumed = resumed.into_iter().map(ResumedEntry::of).collect();
    place.screen.answer(&ResumeAnswer { resumed, unfinished })?;
    if left { Err(Told::unfinished().into()) } else { Ok(()) }
}

impl ResumedEntry {
    fn of(resumed: Resumed) -> Self {
        let (outcome, failure) = match resumed.result {
            Ok(resumption) => (ResumedIs::of(&resumption), None),
            Err(error) => (ResumedIs::Failed, Some(Explained::of(&error.into()))),
        };
        Self {
            operation: resumed.op.get(),
            outcome,
            code: failure.as_ref().map(|failure| failure.code.to_owned()),
            message: failure.map(|failure| failure.in_one_line()),
        }
    }
}

impl Answer for ResumeAnswer {
    fn show(&self, screen: &Screen) {
        if self.resumed.is_empty() {
            screen.say("nothing was left unfinished");
        }
        for entry in &self.resumed {
            let why = entry.message.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            screen.say(format!("operation {}: {}{why}", entry.operation, entry.outcome.words()));
        }
        if !self.unfinished.is_empty() {
            screen.note(format!(
                "{} still unfinished: the next command goes on with them, `farthing wallet give-up` settles one.",
                self.unfinished.len()
            ));
        }
    }
}

pub(super) async fn give_up(place: &Place, args: WalletGiveUp) -> Result<GiveUpAnswer> {
    let op = OpId::new(args.operation);
    let (wallet, _) = place.open_and_resume().await?;
    place.warn(&wallet).await?;
    let operations = wallet.operations().await?;
    let operation = operations
        .iter()
        .find(|operation| operation.id == op)
        .ok_or(StoreError::NoSuchOperation)
        .advise(format!("operation {op} is not unfinished"), "`farthing wallet history` lists operations")?;
    if !args.yes {
        let question = format!("Give up operation {op}, {}?", what_it_means(operation));
        if !prompt::confirm(&question, "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was given up").into());
        }
    }
    let progress = Progress::start(&place.screen, "settling with the mint");
    let given_up = wallet.give_up(op).await;
    drop(progress);
    let outcome = match given_up {
        Ok(resumption) => resumption.as_ref().map_or(ResumedIs::Dropped, ResumedIs::of),
        Err(farthing_wallet::ResumeError::Issue(farthing_wallet::IssueError::Store(StoreError::Busy))) => {
            return Err(anyhow::Error::new(StoreError::Busy).context(crate::exit::advice(
                format!("operation {op} cannot be given up: a message of it may have reached the mint"),
                "the next command asks again with the same bytes, and finishes it when the mint answers",
            )));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(GiveUpAnswer { operation: op.get(), outcome })
}

fn what_it_means(operation: &OperationView) -> String {
    let amount = operation.amount.display(&operation.unit);
    if let Work::Payment { held: true, .. } = operation.work {
        return format!("of {amount}, of which its payee alone can say how it stands: it may be paid");
    }
    match operation.stage {
        Stage::Beginning | Stage::Stopped => format!("of {amount}, of which nothing is out"),
        _ => format!("of {amount}, and settle with the mint how it stands"),
    }
}

impl Answer for GiveUpAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("operation {}: {}", self.operation, self.outcome.words()));
    }
}
