//! `PAYMENT-RESPONSE`, and what an answer says of a payment.

use std::fmt;

use farthing_protocol::amount::Amount;
use farthing_protocol::codec::{Wire, from_base64url};
use farthing_protocol::receipt::Receipt;
use serde::Deserialize;
use serde_json::Value;

use super::encoding::{presentable, read};

/// What a server says became of a payment. Nothing but its word, except for the receipt.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settlement {
    /// Whether it was settled.
    pub success: bool,
    /// Why not, as a code.
    pub reason: Option<String>,
    /// Why not, in words.
    pub message: Option<String>,
    /// The server's name for what it did; often empty.
    pub transaction: String,
    /// Where: the mint's name as a network.
    pub network: String,
    /// How much, if the server says so.
    pub amount: Option<Amount>,
    /// The payee's receipt if there is one, **not checked yet**.
    pub(crate) receipt: Option<Receipt>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wired {
    success: bool,
    #[serde(default)]
    error_reason: Value,
    #[serde(default)]
    error_message: Value,
    #[serde(default)]
    transaction: Value,
    network: String,
    #[serde(default)]
    amount: Value,
    #[serde(default)]
    receipt: Value,
    /// Where libraries leave what they do not know.
    #[serde(default)]
    extra: Value,
}

/// What an answer to a payment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The payment was settled, whatever else was answered.
    Settled(Settlement),
    /// It was refused, or could not be settled.
    Refused(Option<Settlement>),
    /// Nothing that decides.
    Open,
}

/// A server that does not know yet itself.
const PENDING: &str = "settlement_pending";

impl Settlement {
    /// Reads the values of the header, if there is one that makes sense. What makes none says nothing.
    pub(crate) fn read<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Option<Self> {
        let mut values = values.into_iter();
        let wired: Wired = read(values.next()?).ok()?;
        if values.next().is_some() {
            return None;
        }
        let text = |value: &Value| value.as_str().map(presentable).filter(|text| !text.is_empty());
        let amount = match wired.amount {
            Value::Null => None,
            // Some servers leave it empty when nothing was settled.
            Value::String(text) if text.is_empty() => None,
            amount => Some(serde_json::from_value(amount).ok()?),
        };
        let receipt = wired.receipt.as_str().or_else(|| wired.extra.get("receipt")?.as_str());
        let receipt = receipt.and_then(|text| from_base64url(text).ok());
        Some(Self {
            success: wired.success,
            reason: text(&wired.error_reason),
            message: text(&wired.error_message),
            transaction: text(&wired.transaction).unwrap_or_default(),
            network: presentable(&wired.network),
            amount,
            receipt: receipt.and_then(|bytes| Receipt::from_bytes(&bytes).ok()),
        })
    }

    /// Why a payment was refused, in words for people.
    pub(crate) fn why(&self) -> Option<&str> {
        self.message.as_deref().or(self.reason.as_deref())
    }
}

/// What an answer says of a payment of this amount over this network.
///
/// Success counts under any status: the money is gone. That a 402 says nothing else means that the payment was not taken. Anything else
/// leaves open whether it was.
pub(crate) fn judge<'v>(
    status: u16,
    responses: impl IntoIterator<Item = &'v [u8]>,
    network: &str,
    amount: Amount,
) -> Verdict {
    match Settlement::read(responses) {
        Some(settled) if settled.success => {
            let fits = settled.network == network && settled.amount.is_none_or(|settled| settled == amount);
            if fits { Verdict::Settled(settled) } else { Verdict::Open }
        }
        Some(failed) if failed.reason.as_deref() == Some(PENDING) => Verdict::Open,
        Some(failed) => Verdict::Refused(Some(failed)),
        None if status == 402 => Verdict::Refused(None),
        None => Verdict::Open,
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settlement").field("success", &self.success).finish_non_exhaustive()
    }
}
