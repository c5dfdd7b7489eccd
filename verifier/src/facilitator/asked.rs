//! What a server asks: a payment to be judged by its requirements.

use farthing_protocol::amount::Amount;
use farthing_protocol::api::PayRequest;
use farthing_protocol::request::PaymentRequest;
use serde_json::{Map, Value};

use super::reason::Reason;
use super::wire::{SCHEME, VERSION};
use crate::merchant::{Merchant, OfferTerms};

/// A payment, and what the server demands.
pub(super) struct Asked {
    pub(super) request: PayRequest,
    pub(super) terms: OfferTerms,
}

impl Asked {
    /// Reads a body. Fields that are not known here are passed over, those of the payload excepted.
    pub(super) fn read(body: &Map<String, Value>, merchant: &Merchant) -> Result<Self, Reason> {
        require_version(body)?;
        let payload = object(body, "paymentPayload").ok_or(Reason::Payload)?;
        require_version(payload)?;
        let requirements = object(body, "paymentRequirements").ok_or(Reason::Requirements)?;
        let terms = read_terms(requirements, merchant)?;
        let request = payload.get("payload").ok_or(Reason::Payload)?;
        let request: PayRequest = match request {
            // A list would be read as an object without names.
            Value::Object(_) => serde_json::from_value(request.clone()).map_err(|_| Reason::Payload)?,
            _ => return Err(Reason::Payload),
        };
        let PaymentRequest::Offer(offer) = &request.request else { return Err(Reason::Kind) };
        if request.payment.amount() != terms.amount || offer.draft().amount != terms.amount {
            return Err(Reason::Amount);
        }
        Ok(Self { request, terms })
    }
}

fn require_version(body: &Map<String, Value>) -> Result<(), Reason> {
    // Not 2.0, and not "2".
    let version = body.get("x402Version").and_then(Value::as_u64);
    if version == Some(VERSION) { Ok(()) } else { Err(Reason::Version) }
}

/// The server's own words.
fn read_terms(requirements: &Map<String, Value>, merchant: &Merchant) -> Result<OfferTerms, Reason> {
    let text = |name| requirements.get(name).and_then(Value::as_str).ok_or(Reason::Requirements);
    if text("scheme")? != SCHEME {
        return Err(Reason::Scheme);
    }
    if text("network")? != merchant.mint().network() {
        return Err(Reason::Network);
    }
    if text("payTo")? != merchant.payee().to_text() {
        return Err(Reason::Payee);
    }
    let asset = Some(text("asset")?.to_owned());
    let amount = requirements.get("amount").filter(|amount| amount.is_string()).ok_or(Reason::Requirements)?;
    let amount: Amount = serde_json::from_value(amount.clone()).map_err(|_| Reason::Requirements)?;
    if amount.is_zero() {
        return Err(Reason::Requirements);
    }
    let timeout = requirements.get("maxTimeoutSeconds").and_then(Value::as_u64);
    let timeout_seconds = timeout.and_then(|seconds| u32::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    Ok(OfferTerms { asset, amount, timeout_seconds: timeout_seconds.ok_or(Reason::Requirements)? })
}

fn object<'v>(body: &'v Map<String, Value>, name: &str) -> Option<&'v Map<String, Value>> {
    body.get(name).and_then(Value::as_object)
}
