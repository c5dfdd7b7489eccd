//! Messages of a payment processor, as Standard Webhooks has them.

use std::io;
use std::path::PathBuf;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use farthing_http::extract::{Json, decode_json};
use farthing_http::problem::{Code, Problem};
use farthing_http::server::{Limits, harden};
use farthing_protocol::amount::Amount;
use farthing_verifier::webhook::{Secrets, SecretsError};
use serde::{Deserialize, Serialize};

use crate::books::Books;
use crate::control::{IncomeState, IncomeView};
use crate::home::MintHome;
use crate::keys::is_private;
use crate::ledger::{Act, Authority, IncomeError, LedgerError, journal};
use crate::mint::Mint;
use crate::watchdog::Task;

/// Where they are posted.
pub const WEBHOOK: &str = "/v1/funding/webhook";

/// A message says how much came for which quote: nothing that takes more than this.
const BODY_BYTES: usize = 16 << 10;

/// Money came in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookPayment {
    /// The processor's own id of the payment, 1 to 128 bytes: with the same one it is credited once, whenever it is reported.
    pub id: String,
    /// The name of the quote, as the payer wrote it. Money for none, or an unknown one, is held.
    pub quote: String,
    /// How much came, in smallest units.
    pub amount: Amount,
    /// The unit's code.
    pub unit: String,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookAnswer {
    /// What became of the payment.
    pub state: IncomeState,
    /// Whether it was reported before: then nothing changed.
    pub known: bool,
}

/// Why a secret cannot be used or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookSecretError {
    /// The file.
    #[error("the file {path} cannot be read or written", path = .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// Whoever reads it can have any sum credited.
    #[error("the file {path} can be read by others: chmod 600 {path}", path = .0.display())]
    ReadableByOthers(PathBuf),
    /// What is in it.
    #[error("the file {path} holds no secrets that can be used", path = .0.display())]
    Secrets(PathBuf, #[source] SecretsError),
    /// The ledger, whose journal says that a secret was made.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The endpoint that takes them. Its secrets are read for each message, so that a new one counts at once.
pub(crate) fn router(mint: Mint) -> Router {
    let limits = Limits { body_bytes: BODY_BYTES, ..Limits::default() };
    harden(Router::new().route(WEBHOOK, post(take)).with_state(mint), limits)
}

async fn take(State(mint): State<Mint>, headers: HeaderMap, body: Bytes) -> Result<Json<WebhookAnswer>, Problem> {
    let home = mint.books().home().clone();
    let secrets = tokio::task::spawn_blocking(move || home.webhook_secrets()).await.map_err(|_| Code::Internal)?;
    let secrets = secrets.map_err(|error| {
        tracing::error!(%error, "a payment processor's message cannot be verified");
        Code::Unavailable
    })?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = [header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")];
    let [Some(id), Some(timestamp), Some(signature)] = signed else { return Err(refused("A header is missing.")) };
    let now = mint.books().clock().now();
    if let Err(error) = secrets.verify(id, timestamp, signature, &body, now) {
        tracing::warn!(%error, "a message was refused that a payment processor should have signed");
        return Err(refused("The message is not signed with a secret of this mint, or not now."));
    }
    let payment: WebhookPayment = decode_json(&body)?;
    if payment.unit != mint.books().home().unit().code() {
        return Err(Problem::new(Code::UnsupportedKind).with_detail("The mint keeps its books in another unit."));
    }
    // In a task of its own: what was begun is finished even if the processor hangs up.
    let work = tokio::spawn(async move {
        let WebhookPayment { id, quote, amount, .. } = payment;
        mint.books().receive(id, quote, amount).await
    });
    let received = work.await.map_err(|_| Code::Internal)?.inspect_err(|error| {
        if *error == IncomeError::Ledger(LedgerError::TooMuch) {
            tracing::error!(
                "the payment processor reports more than `most_payment` in mint.toml allows: nothing was credited"
            );
        }
    });
    let (IncomeView { state, number, .. }, known) = received?;
    if !known {
        match state {
            IncomeState::Held => tracing::warn!(number, "money came for no quote that is known, and is held"),
            _ => tracing::info!(number, late = state == IncomeState::Late, "money was credited for a quote"),
        }
    }
    Ok(Json(WebhookAnswer { state, known }))
}

fn refused(detail: &'static str) -> Problem {
    Problem::new(Code::Unauthorized).with_detail(detail)
}

impl Books {
    /// Puts a new secret in the place of the last one, which stays valid until the next is made: so the processor can be given the
    /// new one without a message being lost. When this returns, it is durable. That it was to be made stands in the journal before.
    ///
    /// # Errors
    /// A [`WebhookSecretError`]; then the file is as it was.
    pub async fn new_webhook_secret(
        &self,
        authority: Authority,
    ) -> Result<zeroize::Zeroizing<String>, WebhookSecretError> {
        let act = Act::WebhookSecretMade {};
        self.ledger().run(move |txn, now| journal::record(txn, now, &authority, &act)).await?;
        let home = self.home().clone();
        tokio::task::spawn_blocking(move || home.new_webhook_secret()).await.map_err(|_| LedgerError::Stopped)?
    }
}

impl Mint {
    /// Looks whether messages of a payment processor could be verified, where they are taken.
    pub(crate) async fn look_at_webhook(&self) {
        let home = self.books().home().clone();
        if home.config().funding.webhook_listen.is_none() {
            return;
        }
        let secrets = tokio::task::spawn_blocking(move || home.webhook_secrets()).await;
        self.did(Task::Webhook, matches!(secrets, Ok(Ok(_))));
    }
}

impl MintHome {
    /// The secrets shared with the payment processor.
    ///
    /// # Errors
    /// A [`WebhookSecretError`].
    pub(crate) fn webhook_secrets(&self) -> Result<Secrets, WebhookSecretError> {
        let path = self.webhook_secret_file();
        let failed = |error| WebhookSecretError::Io(path.clone(), error);
        if !is_private(&path).map_err(failed)? {
            return Err(WebhookSecretError::ReadableByOthers(path));
        }
        let text = std::fs::read_to_string(&path).map(zeroize::Zeroizing::new).map_err(failed)?;
        Secrets::parse(&text).map_err(|error| WebhookSecretError::Secrets(path, error))
    }

    /// The file with the secrets shared with the payment processor.
    pub fn webhook_secret_file(&self) -> PathBuf {
        self.folder().join(&self.config().funding.webhook_secret_file)
    }

    fn new_webhook_secret(&self) -> Result<zeroize::Zeroizing<String>, WebhookSecretError> {
        let path = self.webhook_secret_file();
        let made = Secrets::generate();
        let mut text = zeroize::Zeroizing::new(format!("{}\n", made.as_str()));
        match std::fs::read_to_string(&path).map(zeroize::Zeroizing::new) {
            Ok(before) => {
                Secrets::parse(&before).map_err(|error| WebhookSecretError::Secrets(path.clone(), error))?;
                if let Some(last) = before.lines().map(str::trim).find(|line| !line.is_empty()) {
                    text.push_str(last);
                    text.push('\n');
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(WebhookSecretError::Io(path, error)),
        }
        farthing_sealed::files::replace(&path, text.as_bytes()).map_err(|error| WebhookSecretError::Io(path, error))?;
        Ok(made)
    }
}
