//! Voucher codes and quote requests.

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{QuoteDraft, QuoteId, QuoteRequest};
use farthing_protocol::codec::{DecodeError, Wire};
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::text::TextForm;
use farthing_protocol::voucher::{VoucherCode, VoucherTerms};
use serde_json::json;

use super::{hex, stored};
use crate::reference::texts::bech32m;
use crate::reference::world::{NOW, world};
use crate::reference::{cat, ed25519_public, ed25519_sign, hash, text};

pub(crate) const VOUCHER_SECRET: [u8; 32] = [0x5e; 32];

/// A voucher code's bytes.
pub(crate) fn voucher(amount: u64, unit: &str) -> Vec<u8> {
    let (amount, end) = (amount.to_le_bytes(), (NOW + 7_776_000).to_le_bytes());
    cat(&[&[1], &world().mint, &VOUCHER_SECRET, &amount, &text(unit), &[2], &end])
}

#[test]
fn voucher_codes() {
    let bytes = voucher(500, "EUR");
    let made = json!({
        "mint": hex(world().mint),
        "secret": hex(VOUCHER_SECRET),
        "public": hex(ed25519_public(&VOUCHER_SECRET)),
        "amount": 500,
        "unit": { "code": "EUR", "exponent": 2 },
        "expires_at": NOW + 7_776_000,
        "voucher": hex(&bytes),
        "text": bech32m("farthingvoucher", &bytes),
    });
    let file = stored("voucher.json", &made);
    let terms = VoucherTerms {
        mint: MintId::from_bytes(file.array("mint")),
        amount: Amount::new(file.number("amount")).unwrap(),
        unit: Unit::new("EUR", 2).unwrap(),
        expires_at: UnixTime::from_seconds(file.number("expires_at")),
    };
    let code = VoucherCode::new(Keypair::from_secret(&file.array("secret")), &terms).unwrap();
    assert_eq!(code.to_bytes(), file.bytes("voucher"));
    assert_eq!(code.to_text(), file.text("text"));
    let read = VoucherCode::from_text(&file.text("text").to_uppercase()).unwrap();
    assert_eq!((read.terms(), read.public().as_bytes()), (terms.clone(), &file.array("public")));
    assert_eq!((read.mint(), read.amount(), read.unit(), read.expires_at()), {
        (&terms.mint, terms.amount, &terms.unit, terms.expires_at)
    });
    assert_eq!(read.key().secret(), code.into_key().secret());
    let nothing = VoucherTerms { amount: Amount::ZERO, ..terms };
    assert_eq!(VoucherCode::new(Keypair::from_secret(&[1; 32]), &nothing).err(), Some(DecodeError::OutOfRange));
}

/// A quote request's bytes without version and signature.
pub(crate) fn quote_body(amount: u64) -> Vec<u8> {
    let world = world();
    let account = ed25519_public(&world.place(0, 0, 0).account_key());
    let unit = cat(&[&text("EUR"), &[2]]);
    cat(&[&account, &world.mint, &[0x0c; 16], &amount.to_le_bytes(), &unit, &NOW.to_le_bytes()])
}

/// An account's signed quote request.
pub(crate) fn signed_quote(body: &[u8]) -> Vec<u8> {
    let digest = hash(b"farthing/v1/funding-quote", &[(b"quote-body", body)]);
    cat(&[&[1], body, &ed25519_sign(&world().place(0, 0, 0).account_key(), &digest)])
}

#[test]
fn quote_requests() {
    let world = world();
    let body = quote_body(2000);
    let made = json!({
        "account_secret": hex(world.place(0, 0, 0).account_key()),
        "mint": hex(world.mint),
        "operation": hex([0x0c; 16]),
        "amount": 2000,
        "unit": { "code": "EUR", "exponent": 2 },
        "requested_at": NOW,
        "digest": hex(hash(b"farthing/v1/funding-quote", &[(b"quote-body", &body)])),
        "quote_request": hex(signed_quote(&body)),
        "quote": { "bytes": hex([0, 1, 2, 3, 4, 0xfb, 0xfc, 0xfd, 0xfe, 0xff]), "text": "FQAAAQEAYE7P6P37X7" },
    });
    let file = stored("quote.json", &made);
    let request = QuoteRequest::from_bytes(&file.bytes("quote_request")).unwrap();
    request.verify(&MintId::from_bytes(file.array("mint"))).unwrap();
    let key = Keypair::from_secret(&file.array("account_secret"));
    assert_eq!(request.draft().clone().sign(&key).unwrap().to_bytes(), file.bytes("quote_request"));
    let nothing = QuoteDraft { amount: Amount::ZERO, ..request.draft().clone() };
    assert_eq!(nothing.sign(&key), Err(DecodeError::OutOfRange));
    assert_eq!(request.draft().clone().sign(&Keypair::from_secret(&[7; 32])), Err(DecodeError::OutOfRange));

    let (id, text) = (QuoteId::from_bytes(file.at("quote").array("bytes")), file.at("quote").text("text"));
    assert_eq!(id.to_text(), text);
    for written in [text.clone(), text.to_lowercase(), format!(" {}-{} ", &text[..6], &text[6..])] {
        assert_eq!(QuoteId::from_text(&written), Ok(id), "{written}");
    }
    for wrong in
        ["", "FQ", &text[2..], &text[..17], &format!("{text}A"), &text.replace('7', "8"), "FQäääääääääääääääää"]
    {
        assert_eq!(QuoteId::from_text(wrong), Err(DecodeError::NonCanonicalText), "{wrong}");
    }
    assert_eq!(serde_json::from_str::<QuoteId>(&format!("\"{text}\"")).unwrap(), id);
    assert!(serde_json::from_str::<QuoteId>(&format!("\"{}\"", text.to_lowercase())).is_err(), "JSON has one form");
}
