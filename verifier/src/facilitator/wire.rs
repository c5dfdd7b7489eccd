//! Bodies, as x402 has them, and their descriptions.

use std::collections::BTreeMap;

use farthing_openapi::private::{ObjectBuilder, RefOr, Schema, json};
use farthing_openapi::{Described, Shelf, example};
use farthing_protocol::amount::Amount;
use farthing_protocol::api::PayRequest;
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::receipt::Receipt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::reason::Reason;

/// The version that is spoken.
pub(super) const VERSION: u64 = 2;
/// The scheme that is spoken: exactly this amount.
pub(super) const SCHEME: &str = "exact";
/// There is nobody to name: libraries want a name all the same.
const PAYER: &str = "anonymous";

/// A network in examples.
const NETWORK: &str = "farthing:8qZ1u0mVx3cM2tG7yWkRjD5aLbNfEoHs";

/// What is asked. A JSON object; what is in it is looked at field by field, so that each fault has its reason.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Question(pub(super) Map<String, Value>);

/// What is settled.
#[derive(Serialize, Deserialize)]
pub(super) struct Supported {
    kinds: Vec<Kind>,
    extensions: Vec<String>,
    signers: BTreeMap<String, Vec<String>>,
}

/// A kind of payment. What is in `extra` does not change while the payee stays the same: servers ask once, when they start.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    x402_version: u64,
    scheme: String,
    network: String,
    extra: Extra,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extra {
    pay_to: PayeeKey,
    asset: String,
    decimals: u8,
}

/// Whether a payment is in order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Verified {
    is_valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid_message: Option<String>,
    payer: String,
}

/// Whether a payment was accepted.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settled {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    payer: String,
    transaction: String,
    network: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    /// Libraries pass this on to the payer, and nothing that they do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<Proof>,
}

#[derive(Serialize, Deserialize)]
struct Proof {
    receipt: Receipt,
}

impl Supported {
    pub(super) fn new(network: String, pay_to: PayeeKey, asset: String, decimals: u8) -> Self {
        let extra = Extra { pay_to, asset, decimals };
        Self {
            kinds: vec![Kind { x402_version: VERSION, scheme: SCHEME.to_owned(), network, extra }],
            extensions: Vec::new(),
            signers: BTreeMap::from([("farthing:*".to_owned(), Vec::new())]),
        }
    }
}

impl Verified {
    pub(super) fn new(verdict: Result<(), Reason>) -> Self {
        let reason = verdict.err();
        Self {
            is_valid: reason.is_none(),
            invalid_reason: reason.map(|reason| reason.when_verified().to_owned()),
            invalid_message: reason.map(|reason| reason.message().to_owned()),
            payer: PAYER.to_owned(),
        }
    }
}

impl Settled {
    /// `transaction` is the payment's id.
    pub(super) fn accepted(network: String, transaction: String, receipt: Receipt) -> Self {
        Self {
            success: true,
            error_reason: None,
            error_message: None,
            payer: PAYER.to_owned(),
            transaction,
            network,
            amount: Some(receipt.draft().amount),
            extra: Some(Proof { receipt }),
        }
    }

    /// `transaction` is empty where nothing became of the payment.
    pub(super) fn refused(network: String, transaction: String, reason: Reason) -> Self {
        Self {
            success: false,
            error_reason: Some(reason.when_settled().to_owned()),
            error_message: Some(reason.message().to_owned()),
            payer: PAYER.to_owned(),
            transaction,
            network,
            amount: None,
            extra: None,
        }
    }
}

/// An object that may have more fields than those that are described.
fn object(about: &str, fields: impl IntoIterator<Item = (&'static str, RefOr<Schema>)>) -> ObjectBuilder {
    let object = ObjectBuilder::new().description(Some(about));
    fields.into_iter().fold(object, |object, (name, schema)| object.property(name, schema))
}

fn done(object: ObjectBuilder, required: &[&str]) -> RefOr<Schema> {
    RefOr::T(Schema::Object(required.iter().fold(object, |object, name| object.required(*name)).build()))
}

impl Described for Question {
    const NAME: Option<&'static str> = Some("FacilitatorQuestion");

    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        let version = shelf.field::<u64>("2, here and in `paymentPayload`.");
        let payload = shelf.field::<Value>("What the client sent: `x402Version`, `payload` {`payment`, `request`}.");
        let requirements = shelf.field::<Value>(
            "What the server demands: `scheme`, `network`, `amount`, `asset`, `payTo`, `maxTimeoutSeconds`.",
        );
        let fields = [("x402Version", version), ("paymentPayload", payload), ("paymentRequirements", requirements)];
        done(object("A payment, and what it is judged by. A field that is missing has its reason.", fields), &[])
    }

    fn examples() -> Vec<Value> {
        let payload = PayRequest::example();
        vec![json!({
            "x402Version": VERSION,
            "paymentPayload": {"x402Version": VERSION, "payload": payload},
            "paymentRequirements": {"scheme": SCHEME, "network": NETWORK, "amount": "5", "asset": "EUR",
                "payTo": PayeeKey::example(), "maxTimeoutSeconds": 60, "extra": {}},
        })]
    }
}

impl Described for Kind {
    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        let extra = [
            ("payTo", shelf.field::<PayeeKey>("Who is paid.")),
            ("asset", shelf.field::<String>("The unit's code.")),
            ("decimals", shelf.field::<u8>("Its number of decimals.")),
        ];
        let fields = [
            ("x402Version", shelf.field::<u64>("2.")),
            ("scheme", shelf.field::<String>("`exact`.")),
            ("network", shelf.field::<String>("The mint: `farthing:` and 32 characters.")),
            ("extra", done(object("What does not change.", extra), &["payTo", "asset", "decimals"])),
        ];
        done(object("A kind of payment.", fields), &["x402Version", "scheme", "network", "extra"])
    }

    fn examples() -> Vec<Value> {
        let extra = json!({"payTo": PayeeKey::example(), "asset": "EUR", "decimals": 2});
        vec![json!({"x402Version": VERSION, "scheme": SCHEME, "network": NETWORK, "extra": extra})]
    }
}

impl Described for Supported {
    const NAME: Option<&'static str> = Some("FacilitatorSupported");

    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        let fields = [
            ("kinds", shelf.field::<Vec<Kind>>("One.")),
            ("extensions", shelf.field::<Vec<String>>("None.")),
            ("signers", shelf.field::<Value>("`farthing:*`, and nobody.")),
        ];
        done(object("What is settled here.", fields), &["kinds", "extensions", "signers"])
    }

    fn examples() -> Vec<Value> {
        vec![json!({"kinds": Kind::examples(), "extensions": [], "signers": {"farthing:*": []}})]
    }
}

impl Described for Verified {
    const NAME: Option<&'static str> = Some("FacilitatorVerified");

    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        let fields = [
            ("isValid", shelf.field::<bool>("Whether it is.")),
            ("invalidReason", shelf.field::<String>("Why not; section 18.5 of the specification lists the reasons.")),
            ("invalidMessage", shelf.field::<String>("The same in a sentence.")),
            ("payer", shelf.field::<String>("Always `anonymous`.")),
        ];
        done(object("Whether a payment is in order.", fields), &["isValid", "payer"])
    }

    fn examples() -> Vec<Value> {
        [Ok(()), Err(Reason::Amount)].into_iter().filter_map(|one| serde_json::to_value(Self::new(one)).ok()).collect()
    }
}

impl Described for Settled {
    const NAME: Option<&'static str> = Some("FacilitatorSettled");

    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        let proof = object("With success.", [("receipt", shelf.field::<Receipt>("The payee's receipt."))]);
        let fields = [
            ("success", shelf.field::<bool>("Whether it was. Yes is said once for each payment.")),
            ("errorReason", shelf.field::<String>("Why not; section 18.5 of the specification lists the reasons.")),
            ("errorMessage", shelf.field::<String>("The same in a sentence.")),
            ("payer", shelf.field::<String>("Always `anonymous`.")),
            (
                "transaction",
                shelf.field::<String>("The payment's id if it was accepted, or may have been; else empty."),
            ),
            ("network", shelf.field::<String>("The mint.")),
            ("amount", shelf.field::<Amount>("With success: how much.")),
            ("extra", done(proof, &["receipt"])),
        ];
        let required = ["success", "payer", "transaction", "network"];
        done(object("Whether a payment was accepted.", fields), &required)
    }

    fn examples() -> Vec<Value> {
        let refused = Self::refused(NETWORK.to_owned(), String::new(), Reason::Settled);
        let refused = serde_json::to_value(refused).unwrap_or_default();
        let accepted = json!({"success": true, "payer": PAYER, "transaction": example("PaymentId"), "network": NETWORK,
            "amount": Amount::example(), "extra": {"receipt": Receipt::example()}});
        vec![accepted, refused]
    }
}
