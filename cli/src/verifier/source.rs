//! A merchant's records: of the process that runs, or in its folder when none does.

use anyhow::{Result, bail};
use farthing_http::client::CallError;
use farthing_http::unix_client::UnixClient;
use farthing_protocol::api::{
    PaymentAnswer, PaymentsAnswer, PaymentsQuery, RefundAnswer, RefundEndRequest, RefundRequest, WebhookRetryAnswer,
    WebhookRetryRequest, WebhooksAnswer, verifier_path,
};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::{PaymentId, RequestHash};
use farthing_protocol::receipt::Receipt;
use farthing_verifier::home::{HomeError, VerifierHome};
use farthing_verifier::merchant::Books;
use farthing_verifier::service::{HEALTH, Health};

use super::open::control;
use crate::hooks;

/// Where the records are read.
pub(super) enum Source {
    /// From the process that runs.
    Running(MintId, UnixClient),
    /// From the folder, which nobody else can open meanwhile.
    Stored(Box<VerifierHome>, Books),
}

impl Source {
    /// Asks the process that runs; if there is none, opens the folder.
    pub(super) async fn open(home: VerifierHome) -> Result<Self> {
        let client = control(&home)?;
        match client.get_json::<Health>(HEALTH).await {
            Err(CallError::NotSent(_)) => {}
            // What is wrong with it shows in what it is asked.
            Ok(_) | Err(_) => return Ok(Self::Running(*home.mint(), client)),
        }
        let opened = tokio::task::spawn_blocking(move || {
            let books = home.books()?;
            Ok((Box::new(home), books))
        });
        match opened.await? {
            Ok((home, books)) => Ok(Self::Stored(home, books)),
            Err(HomeError::Store(farthing_durable::OpenError::InUse)) => {
                bail!("another process has the records open: try again")
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn payments(&self, query: &PaymentsQuery) -> Result<PaymentsAnswer> {
        match self {
            Self::Running(_, client) => {
                let pairs = pairs(query);
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
                Ok(client.get_json_with(verifier_path::PAYMENTS, &pairs).await?)
            }
            Self::Stored(_, books) => Ok(books.payments(query.clone()).await?),
        }
    }

    /// The receipt of a payment that is listed.
    pub(super) async fn receipt(&self, id: PaymentId) -> Result<Option<Receipt>> {
        match self {
            Self::Running(_, client) => {
                let path = verifier_path::PAYMENT.replace("{id}", &id.to_text());
                Ok(Some(client.get_json::<PaymentAnswer>(&path).await?.receipt))
            }
            Self::Stored(home, books) => Ok(books.receipt(id).await?.map(|draft| home.sign(draft)).transpose()?),
        }
    }

    /// Puts a refund on record, before it is paid.
    pub(super) async fn begin_refund(&self, refund: RefundRequest) -> Result<RefundAnswer> {
        match self {
            Self::Running(_, client) => Ok(client.post_json(verifier_path::REFUNDS, &refund).await?),
            Self::Stored(_, books) => Ok(books.begin_refund(refund, hooks::now()).await?),
        }
    }

    /// Says how it ended.
    pub(super) async fn end_refund(
        &self,
        payment: PaymentId,
        request: RequestHash,
        paid: bool,
    ) -> Result<RefundAnswer> {
        match self {
            Self::Running(_, client) => {
                let end = RefundEndRequest { payment, request, paid };
                Ok(client.post_json(verifier_path::REFUNDS_END, &end).await?)
            }
            Self::Stored(_, books) => Ok(books.end_refund(payment, request, paid).await?),
        }
    }

    /// The merchant's mint.
    pub(super) fn mint(&self) -> &MintId {
        match self {
            Self::Running(mint, _) => mint,
            Self::Stored(home, _) => home.mint(),
        }
    }

    pub(super) async fn webhooks(&self, after: Option<PaymentId>) -> Result<WebhooksAnswer> {
        match self {
            Self::Running(_, client) => {
                let (limit, after) = (PAGE.to_string(), after.map(|id| id.to_text()));
                let mut query = vec![("limit", limit.as_str())];
                query.extend(after.as_deref().map(|after| ("after", after)));
                Ok(client.get_json_with(verifier_path::WEBHOOKS, &query).await?)
            }
            Self::Stored(_, books) => Ok(books.webhooks(after, PAGE).await?),
        }
    }

    pub(super) async fn retry(&self, payment: Option<PaymentId>) -> Result<u64> {
        match self {
            Self::Running(_, client) => {
                let request = WebhookRetryRequest { payment };
                let answer: WebhookRetryAnswer = client.post_json(verifier_path::WEBHOOKS_RETRY, &request).await?;
                Ok(answer.retried)
            }
            Self::Stored(_, books) => Ok(books.retry_webhooks(payment, hooks::now()).await?),
        }
    }

    /// Whether a verifier runs.
    pub(super) fn runs(&self) -> bool {
        matches!(self, Self::Running(..))
    }
}

/// So many are asked for at once.
pub(super) const PAGE: usize = 500;

fn pairs(query: &PaymentsQuery) -> Vec<(&'static str, String)> {
    let PaymentsQuery { id, since, until, memo, before, limit } = query;
    let time = |time: &Option<farthing_protocol::amount::UnixTime>| time.map(|time| time.seconds().to_string());
    let all = [
        ("id", id.clone()),
        ("since", time(since)),
        ("until", time(until)),
        ("memo", memo.clone()),
        ("before", before.map(|before| before.to_string())),
        ("limit", limit.map(|limit| limit.to_string())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
