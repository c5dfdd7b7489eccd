//! The examples of `docs/spec.md`, which a verifier that shares no code with this crate reads too.

use farthing_protocol::api::AccountQuery;
use farthing_protocol::codec::{Decode, Encode, Reader, Wire, Writer};
use farthing_protocol::group::Element;
use farthing_protocol::ids::{HttpBinding, IssuanceDigest};
use farthing_protocol::issuance::IssuanceRequest;
use farthing_protocol::keyset::{Keyset, KeysetList};
use farthing_protocol::locked::{LockKey, Recipient, deposit_request};
use farthing_protocol::payment::{CheckBinding, Payment, PaymentCheck, PaymentError, verify_payment};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_protocol::text::TextForm;
use farthing_protocol::transcript::{Domain, label};
use serde_json::Value;

const SPECIFICATION: &str = include_str!("../../../docs/spec.md");
const EXAMPLES: &str = include_str!("../../../docs/independent/vectors.json");

fn examples() -> Value {
    serde_json::from_str(EXAMPLES).unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    assert!(text.len().is_multiple_of(2) && text.is_ascii());
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn part<T: Decode>(value: &Value) -> T {
    T::decode_from(&mut Reader::new(&hex(value))).unwrap()
}

fn bytes_of<T: Encode>(part: &T) -> Vec<u8> {
    let mut out = Writer::default();
    out.part(part);
    out.finish()
}

/// Reads an object and requires that it writes the same bytes.
fn object<T: Wire>(value: &Value) -> T {
    let bytes = hex(&value["bytes"]);
    let object = T::from_bytes(&bytes).unwrap();
    assert_eq!(object.to_bytes(), bytes);
    object
}

fn keyset(examples: &Value) -> Keyset {
    Keyset::from_bytes(&hex(&examples["keyset"]["bytes"])).unwrap()
}

/// The words for a verdict that the examples use, and the payment's id if it is accepted.
fn judge(case: &Value, keyset: &Keyset) -> Result<Vec<u8>, &'static str> {
    let payment = Payment::from_bytes(&hex(&case["bytes"])).map_err(|_| "malformed")?;
    let lock: Option<LockKey> = case.get("lock_key").map(part);
    let digest: Option<IssuanceDigest> = case.get("issuance_digest").map(part);
    let binding = match (&lock, &digest) {
        (Some(lock), _) => CheckBinding::Recipient(lock),
        (None, Some(digest)) => CheckBinding::Issuance(digest),
        (None, None) => CheckBinding::None,
    };
    match verify_payment(&mut rand::rng(), PaymentCheck { payment, keyset, binding }) {
        Ok(authentic) => Ok(authentic.id().as_bytes().to_vec()),
        Err(PaymentError::WrongKeyset) => Err("wrong_keyset"),
        Err(PaymentError::WrongKind) => Err("wrong_kind"),
        Err(PaymentError::UnknownDenomination) => Err("unknown_denomination"),
        Err(PaymentError::NotLockedToRecipient) => Err("not_locked_to_recipient"),
        Err(PaymentError::InvalidToken) => Err("invalid_token"),
        Err(PaymentError::InvalidAuthorization) => Err("invalid_authorization"),
        Err(other) => panic!("a reason that the specification lacks: {other}"),
    }
}

#[test]
fn every_domain_and_label_is_specified() {
    for domain in Domain::ALL {
        let name = domain.separator().strip_prefix(b"farthing/v1/").map(str::from_utf8).unwrap().unwrap();
        assert!(SPECIFICATION.contains(&format!("\n| `{name}` | ")), "{name}");
    }
    for label in label::ALL {
        let label = str::from_utf8(label).unwrap();
        assert!(SPECIFICATION.contains(&format!("`{label}`")), "{label}");
    }
}

#[test]
fn payments_are_as_specified() {
    let examples = examples();
    let keyset = keyset(&examples);
    assert_eq!(bytes_of(&Element::second_generator()), hex(&examples["h"]));
    assert_eq!(keyset.id().as_bytes().to_vec(), hex(&examples["keyset"]["id"]));
    let payments = examples["payments"].as_array().unwrap();
    assert_eq!(payments.len(), 3);
    for case in payments {
        assert_eq!(judge(case, &keyset), Ok(hex(&case["id"])), "{}", case["name"]);
    }
    let refused = examples["refused"].as_array().unwrap();
    assert!(refused.len() > 40);
    for case in refused {
        assert_eq!(judge(case, &keyset).err(), case["reason"].as_str(), "{}", case["name"]);
    }
}

#[test]
fn everything_around_payments_is_as_specified() {
    let examples = examples();
    let keyset = keyset(&examples);
    let mint = keyset.terms().mint;

    let invoice: Invoice = object(&examples["invoice"]);
    invoice.verify().unwrap();
    assert_eq!(invoice.hash().as_bytes().to_vec(), hex(&examples["invoice"]["hash"]));
    assert_eq!(invoice.to_text(), examples["invoice"]["text"].as_str().unwrap());
    let http = &examples["invoice"]["http"];
    let binding =
        HttpBinding::new(http["method"].as_str().unwrap(), http["url"].as_str().unwrap(), &hex(&http["body"]));
    assert_eq!(invoice.draft().http, Some(binding));
    let offer: PaymentRequest = object(&examples["offer"]);
    assert_eq!(offer.hash().as_bytes().to_vec(), hex(&examples["offer"]["hash"]));

    object::<Receipt>(&examples["receipt"]).verify().unwrap();
    object::<Recipient>(&examples["recipient"]).verify().unwrap();
    object::<AccountQuery>(&examples["account_query"]).verify(&mint).unwrap();
    let list: KeysetList = object(&examples["list"]);
    list.accept(&mint, None, list.issued_at()).unwrap();

    let request = IssuanceRequest::from_bytes(&hex(&examples["issuance"]["request"])).unwrap();
    assert_eq!(request.verify().unwrap().as_bytes().to_vec(), hex(&examples["issuance"]["digest"]));
    assert_eq!(request.funding().source().id().as_bytes().to_vec(), hex(&examples["issuance"]["funding_id"]));
    let locked = Payment::from_bytes(&hex(&examples["payments"][1]["bytes"])).unwrap();
    assert_eq!(deposit_request(&locked.id()).as_bytes().to_vec(), hex(&examples["locked_deposit_request"]));
}
