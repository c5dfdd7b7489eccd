//! Prices that another server says.

use std::time::Duration;

use farthing_http::client::{Endpoint, HttpClient};
use serde::{Deserialize, Serialize};

/// Longest time for a price.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks what requests cost.
#[derive(Clone, Debug)]
pub(super) struct Quotes {
    client: HttpClient,
}

/// What it is asked.
#[derive(Debug, Serialize)]
pub(super) struct Question<'a> {
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

/// What it answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quote {
    /// In the unit's decimals, such as `0.05`.
    pub(super) price: String,
    pub(super) description: Option<String>,
}

impl Quotes {
    pub(super) fn new() -> Result<Self, farthing_http::client::BuildError> {
        let client = HttpClient::builder().reuse_connections(true).timeout(PATIENCE).build()?;
        Ok(Self { client })
    }

    /// None when there is no answer that can be used.
    pub(super) async fn ask(&self, at: &Endpoint, question: &Question<'_>) -> Option<Quote> {
        match self.client.post_json(at, question).await {
            Ok(quote) => Some(quote),
            Err(error) => {
                tracing::warn!(%error, "a price was asked for in vain");
                None
            }
        }
    }
}
