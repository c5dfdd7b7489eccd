//! Bodies of the endpoints that are the payee's own.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::amount::{Amount, UnixTime};
use crate::identity::AccountKey;
use crate::ids::{PaymentId, RequestHash};
use crate::request::TransferRequest;

/// Which accepted payments are asked for: the query of `GET /v1/payments`. What is left out is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentsQuery {
    /// The payment id, or how it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Accepted then or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<UnixTime>,
    /// Accepted earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
    /// The memo holds this, in capitals or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// Where to go on: `next` of the answer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Accepted payments, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentsAnswer {
    /// The payments. There may be few of them, or none, though more follow.
    pub payments: Vec<PaymentSummary>,
    /// Where to go on; none when there are no more.
    #[serde(default)]
    pub next: Option<u64>,
}

/// One accepted payment, as its payee sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentSummary {
    /// The payment.
    pub payment: PaymentId,
    /// The request it answered.
    pub request: RequestHash,
    /// How much.
    pub amount: Amount,
    /// The unit's code.
    pub unit: String,
    /// How many of the amount's digits are decimals.
    pub exponent: u8,
    /// When it was accepted.
    pub accepted_at: UnixTime,
    /// The invoice's memo.
    pub memo: Option<String>,
    /// How much of it was paid back, or is being paid back.
    pub refunded: Amount,
}

/// Puts a refund on record before it is paid.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// The payment that is paid back, or a part of it.
    pub payment: PaymentId,
    /// The transfer request to which it is paid back.
    pub request: TransferRequest,
    /// The account of the wallet that pays: no other one may go on with it.
    pub by: AccountKey,
}

/// Says how a refund ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundEndRequest {
    /// The payment.
    pub payment: PaymentId,
    /// The transfer request's hash.
    pub request: RequestHash,
    /// Whether it was paid; else the wallet has not begun and will not, and it is taken off the record.
    pub paid: bool,
}

/// A refund on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundAnswer {
    /// How much.
    pub amount: Amount,
    /// When it was put on record.
    pub begun_at: UnixTime,
    /// How far it is.
    pub state: RefundState,
}

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// The wallet may be paying it.
    Begun,
    /// It was paid.
    Paid,
}

/// Which events are asked for: the query of `GET /v1/webhooks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksQuery {
    /// Where to go on: `next` of the answer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<PaymentId>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Events that were not delivered yet, in the order of their payments' ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksAnswer {
    /// The events.
    pub events: Vec<WebhookSummary>,
    /// Where to go on; none when there are no more.
    #[serde(default)]
    pub next: Option<PaymentId>,
}

/// An event that was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSummary {
    /// Its id.
    pub id: String,
    /// The accepted payment of which it tells.
    pub payment: PaymentId,
    /// Whether it is still being sent.
    pub state: WebhookState,
    /// Since when it is to be sent.
    pub recorded_at: UnixTime,
    /// How often it was sent.
    pub attempts: u32,
    /// When it is sent again.
    pub next_attempt: Option<UnixTime>,
    /// What became of the last attempt.
    pub failure: Option<WebhookFailure>,
}

/// Whether an event is still being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// It is.
    Pending,
    /// It was refused too often, and waits until somebody sends it again.
    Dead,
}

/// Why an attempt to deliver an event failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
pub enum WebhookFailure {
    /// The receiver was not reached.
    NotReached {},
    /// It did not answer in time, or not whole.
    NoAnswer {},
    /// It answered with another status than success.
    Refused {
        /// The status.
        status: u16,
    },
}

/// Sends events again that were not delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRetryRequest {
    /// The payment of which the event tells; if not given, all that were put aside.
    pub payment: Option<PaymentId>,
}

/// So many events are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRetryAnswer {
    /// How many.
    pub retried: u64,
}
