//! `farthing verifier webhooks`

use anyhow::{Context, Result};
use farthing_http::client::CallError;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{WebhookFailure, WebhookState, WebhookSummary};
use farthing_protocol::ids::PaymentId;
use farthing_verifier::home::{HomeError, VerifierHome};
use farthing_verifier::webhook::WebhookError;
use serde::Serialize;

use super::open::open;
use super::source::Source;
use crate::args::VerifierWebhooks;
use crate::exit::{Advise, Trouble, fault};
use crate::output::{Answer, Rows, Screen, seconds, short, time};

/// Events that were not delivered.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WebhooksAnswer {
    /// Oldest first.
    events: Vec<EventEntry>,
}

/// An event that was not delivered.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EventEntry {
    id: String,
    payment: String,
    state: EventState,
    /// When the payment was recorded.
    recorded_at: u64,
    attempts: u32,
    /// When it is sent again.
    next_attempt: Option<u64>,
    /// Why the last attempt failed.
    failure: Option<String>,
    #[serde(skip)]
    times: (UnixTime, Option<UnixTime>),
}

/// Whether it is still being sent.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventState {
    Pending,
    /// It was put aside.
    Dead,
}

/// What was put back.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RetriedAnswer {
    retried: u64,
}

/// Where the new secret is.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SecretAnswer {
    file: String,
}

pub(super) async fn webhooks(args: VerifierWebhooks, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    if args.new_secret {
        return new_secret(&home, screen);
    }
    let configured = home.options().webhook.is_some();
    let source = Source::open(home).await?;
    if let Some(id) = &args.retry {
        return retry(&source, id, screen).await;
    }
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = source.webhooks(after).await?;
        events.extend(page.events.into_iter().map(EventEntry::of));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    events.sort_by(|one, other| (one.recorded_at, &one.id).cmp(&(other.recorded_at, &other.id)));
    screen.answer(&WebhooksAnswer { events })?;
    if !configured {
        screen.note("No webhook is set: config.toml says how.");
    }
    Ok(())
}

async fn retry(source: &Source, id: &str, screen: &Screen) -> Result<()> {
    let payment = match id {
        "all" => None,
        id => {
            let read = PaymentId::from_text(id.strip_prefix("evt_").unwrap_or(id));
            Some(read.map_err(|_| {
                fault(Trouble::BadText, format!("{id:?} is no event's id"))
                    .next("`farthing verifier webhooks` lists them; `all` stands for all that were put aside")
            })?)
        }
    };
    let retried = match source.retry(payment).await {
        Err(error) if is_unknown(&error) => {
            return Err(error).advise(
                "no event that was not delivered has this id",
                "`farthing verifier webhooks` lists those that wait or were put aside",
            );
        }
        retried => retried?,
    };
    screen.answer(&RetriedAnswer { retried })?;
    if !source.runs() {
        screen.note("They are sent when the verifier runs.");
    }
    Ok(())
}

fn is_unknown(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(WebhookError::Unknown))
        || matches!(error.downcast_ref(), Some(CallError::Refused(_, 404)))
}

fn new_secret(home: &VerifierHome, screen: &Screen) -> Result<()> {
    let file = match home.new_webhook_secret() {
        Err(HomeError::Io(error)) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(error).advise(
                "there is a secret already, and it stays",
                "to replace it, write a second one into the same file on a line of its own, give it to the receiver, and take the \
                 first one away",
            );
        }
        made => made.context("the secret could not be written")?,
    };
    screen.answer(&SecretAnswer { file: file.display().to_string() })?;
    screen
        .note("Give what is in it to the receiver, and nobody else: by it the receiver knows that an event is yours.");
    Ok(())
}

impl EventEntry {
    fn of(event: WebhookSummary) -> Self {
        let WebhookSummary { id, payment, state, recorded_at, attempts, next_attempt, failure } = event;
        Self {
            id,
            payment: payment.to_text(),
            state: match state {
                WebhookState::Pending => EventState::Pending,
                WebhookState::Dead => EventState::Dead,
            },
            recorded_at: seconds(recorded_at),
            attempts,
            next_attempt: next_attempt.map(seconds),
            failure: failure.map(explain),
            times: (recorded_at, next_attempt),
        }
    }
}

fn explain(failure: WebhookFailure) -> String {
    match failure {
        WebhookFailure::NotReached {} => "not reached".to_owned(),
        WebhookFailure::NoAnswer {} => "no answer".to_owned(),
        WebhookFailure::Refused { status } => format!("answered {status}"),
    }
}

impl Answer for WebhooksAnswer {
    fn show(&self, screen: &Screen) {
        if self.events.is_empty() {
            screen.say("every event was delivered");
            return;
        }
        let mut rows = Rows::new(["since (UTC)", "payment", "sent", "last time", "next (UTC)"]).right(2);
        for EventEntry { payment, attempts, failure, times: (since, next), .. } in &self.events {
            let next = next.map_or_else(|| "put aside".to_owned(), time);
            rows.add([time(*since), short(payment), attempts.to_string(), failure.clone().unwrap_or_default(), next]);
        }
        rows.show(screen);
        let dead = self.events.iter().filter(|event| event.state == EventState::Dead).count();
        if dead > 0 {
            screen.note(format!(
                "{dead} were refused too often: `farthing verifier webhooks --retry all` sends them again."
            ));
        }
    }
}

impl Answer for RetriedAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("{} to be sent again", self.retried));
    }
}

impl Answer for SecretAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(&self.file);
    }
}
