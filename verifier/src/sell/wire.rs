//! x402 version 2 in headers: base64 with padding, of JSON.

use axum::http::HeaderMap;
use data_encoding::BASE64;
use farthing_protocol::api::PayRequest;
use farthing_protocol::codec::{Wire, to_base64url};
use farthing_protocol::identity::MintId;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::Invoice;
use serde::Deserialize;
use serde_json::{Value, json};

/// Names of headers.
pub mod header {
    /// What the server demands, with status 402.
    pub const REQUIRED: &str = "payment-required";
    /// The client's payment.
    pub const SIGNATURE: &str = "payment-signature";
    /// What became of it.
    pub const RESPONSE: &str = "payment-response";
    /// A way of other servers to change the amount. Never let through.
    pub const OVERRIDES: &str = "settlement-overrides";
    /// The payment's id, for the service behind.
    pub const PAYMENT: &str = "farthing-payment";
}

/// The longest payment that is read, in characters of its header.
const MAX_SIGNATURE: usize = 32 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    x402_version: Value,
    payload: PayRequest,
}

/// The payment of a request. One that cannot be read, or is there twice, is none; what the client says it accepted is not looked at.
pub(super) fn payment(headers: &HeaderMap) -> Result<Option<PayRequest>, &'static str> {
    let mut values = headers.get_all(header::SIGNATURE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("There is more than one payment.");
    }
    if value.len() > MAX_SIGNATURE {
        return Err("The payment is too large.");
    }
    let json = BASE64.decode(value.as_bytes()).map_err(|_| "The payment is not written in base64.")?;
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("The payment cannot be read.");
    }
    let Signature { x402_version, payload } =
        serde_json::from_slice(&json).map_err(|_| "The payment cannot be read.")?;
    if x402_version.as_u64() == Some(2) { Ok(Some(payload)) } else { Err("Only version 2 is taken.") }
}

/// What is demanded for one request.
pub(super) struct Demand<'a> {
    pub(super) mint: &'a MintId,
    pub(super) invoice: &'a Invoice,
    pub(super) url: &'a str,
    pub(super) description: Option<&'a str>,
    pub(super) timeout_seconds: u32,
    pub(super) error: &'a str,
}

/// `PAYMENT-REQUIRED`.
pub(super) fn required(demand: &Demand<'_>) -> String {
    let draft = demand.invoice.draft();
    let entry = json!({
        "scheme": "exact", "network": demand.mint.network(), "amount": draft.amount, "asset": draft.unit.code(),
        "payTo": draft.payee.to_text(), "maxTimeoutSeconds": demand.timeout_seconds,
        "extra": {"invoice": to_base64url(&demand.invoice.to_bytes())},
    });
    let resource = json!({"url": demand.url, "description": demand.description.unwrap_or(""), "mimeType": ""});
    encode(&json!({"x402Version": 2, "error": demand.error, "resource": resource, "accepts": [entry]}))
}

/// `PAYMENT-RESPONSE` of a payment that was accepted.
pub(super) fn settled(mint: &MintId, receipt: &Receipt) -> String {
    let draft = receipt.draft();
    encode(&json!({
        "success": true, "payer": "anonymous", "transaction": draft.payment.to_text(), "network": mint.network(),
        "amount": draft.amount, "receipt": to_base64url(&receipt.to_bytes()),
    }))
}

/// `PAYMENT-RESPONSE` of one that buys nothing here.
pub(super) fn refused(mint: &MintId, reason: &str, message: &str) -> String {
    encode(&json!({
        "success": false, "errorReason": reason, "errorMessage": message, "transaction": "", "network": mint.network(),
    }))
}

fn encode(json: &Value) -> String {
    BASE64.encode(json.to_string().as_bytes())
}
