//! `PAYMENT-SIGNATURE`.

use farthing_protocol::api::PayRequest;
use farthing_protocol::codec::Wire;
use farthing_protocol::request::PaymentRequest;
use serde::Serialize;
use serde_json::value::RawValue;

use super::encoding::{write, written};
use super::{Choice, Demand, VERSION};

/// Node takes 16 KiB of headers in all, names included; half a kibibyte is left for the request line and what the client adds.
pub(crate) const MAX_HEADERS: usize = (16 << 10) - 512;

/// Everything of the header but the payment.
pub(crate) struct Template<'a> {
    demand: &'a Demand,
    choice: &'a Choice,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signature<'a, P: Serialize> {
    x402_version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a RawValue>,
    accepted: &'a RawValue,
    payload: P,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<&'a RawValue>,
}

/// As long as a [`PayRequest`].
#[derive(Serialize)]
struct Stencil {
    payment: String,
    request: String,
}

impl<'a> Template<'a> {
    pub(crate) fn new(demand: &'a Demand, choice: &'a Choice) -> Self {
        Self { demand, choice }
    }

    /// The header's value. Its payload is the payment with the request it answers: whoever judges an offer must know the payer's nonce
    /// and time.
    pub(crate) fn header(&self, payload: &PayRequest) -> Result<String, serde_json::Error> {
        Ok(write(&self.json(payload)?))
    }

    /// How long the header's value will be, before anything is reserved.
    pub(crate) fn length(&self, request: &PaymentRequest) -> Result<usize, serde_json::Error> {
        let tokens = self.choice.amount.digits().len();
        // 211 bytes and 129 for each token.
        let payment = tokens.saturating_mul(129).saturating_add(211);
        let stencil = Stencil { payment: filler(payment), request: filler(request.to_bytes().len()) };
        Ok(written(self.json(&stencil)?.len()))
    }

    fn json<P: Serialize>(&self, payload: &P) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Signature {
            x402_version: VERSION,
            resource: self.demand.resource.as_deref(),
            accepted: &self.choice.entry,
            payload,
            extensions: self.demand.extensions.as_deref(),
        })
    }
}

/// Text as long as so many bytes in base64url.
fn filler(bytes: usize) -> String {
    "A".repeat(bytes.saturating_mul(4).div_ceil(3))
}
