//! Invoices, offers, receipts, and text forms.

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{
    AccountQuery, PayoutDraft, PayoutRequest, PermitDraft, PermitPurpose, PermitRequest, SecondFactor, SettingsChange,
    SettingsDraft, SettingsRequest,
};
use farthing_protocol::codec::{DecodeError, Wire, from_base64url, to_base64url};
use farthing_protocol::identity::{AccountKey, Keypair, MintId};
use farthing_protocol::ids::{HttpBinding, OperationId, PayoutDigest, RequestNonce};
use farthing_protocol::keyset::ChainHead;
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{
    AcceptedMint, Invoice, InvoiceDraft, OfferDraft, PaymentRequest, TransferDraft, TransferRequest,
};
use farthing_protocol::text::TextForm;
use farthing_protocol::token::{TextToken, TextTokenContent};
use serde_json::json;

use super::{hex, stored};
use crate::reference::payment::{Coin, PAY};
use crate::reference::texts::bech32m;
use crate::reference::world::{NOW, other, world};
use crate::reference::{cat, ed25519_sign, enc, hash, text};

const MEMO: &str = "Zwei Kaffee — danke";
const ENDPOINT: &str = "https://shop.example/v1/pay";

fn http_binding() -> [u8; 32] {
    hash(
        b"farthing/v1/http-binding",
        &[(b"method", b"GET"), (b"url", b"https://shop.example/article?id=7"), (b"body", b"")],
    )
}

/// An invoice's bytes without version and signature.
pub(crate) fn invoice_body(mints: &[[u8; 32]], memo: &str, amount: u64) -> Vec<u8> {
    let world = world();
    let head = cat(&[&0_u64.to_le_bytes(), &world.keyset]);
    cat(&[
        &world.payee,
        &amount.to_le_bytes(),
        &text("EUR"),
        &[2],
        &u16::try_from(mints.len()).unwrap().to_le_bytes(),
        &mints.iter().flat_map(|mint| cat(&[mint, &head])).collect::<Vec<u8>>(),
        &[0x17; 16],
        &(NOW + 900).to_le_bytes(),
        &[0],
        &text(memo),
        &text(ENDPOINT),
        &[1],
        &http_binding(),
    ])
}

pub(crate) fn two_mints() -> Vec<[u8; 32]> {
    let mut mints = vec![world().mint, other().mint];
    mints.sort();
    mints
}

pub(crate) fn signed_invoice(body: &[u8]) -> Vec<u8> {
    let hash = hash(b"farthing/v1/invoice", &[(b"request-body", body)]);
    cat(&[&[1], body, &ed25519_sign(&world().payee_secret, &hash)])
}

#[test]
fn invoices() {
    let world = world();
    let body = invoice_body(&two_mints(), MEMO, 370);
    let bytes = signed_invoice(&body);
    let made = json!({
        "payee_secret": hex(world.payee_secret),
        "payee": hex(world.payee),
        "amount": 370,
        "unit": { "code": "EUR", "exponent": 2 },
        "mints": two_mints().iter().map(hex).collect::<Vec<_>>(),
        "head": { "sequence": 0, "keyset": hex(world.keyset) },
        "nonce": hex([0x17; 16]),
        "expires_at": NOW + 900,
        "reusable": false,
        "memo": MEMO,
        "endpoint": ENDPOINT,
        "http": { "method": "GET", "url": "https://shop.example/article?id=7", "body": "", "binding": hex(http_binding()) },
        "body": hex(&body),
        "hash": hex(hash(b"farthing/v1/invoice", &[(b"request-body", &body)])),
        "invoice": hex(&bytes),
        "request": hex(cat(&[&[1, 1], &bytes[1..]])),
        "text": bech32m("farthinginvoice", &bytes),
    });
    let file = stored("invoice.json", &made);

    let mints: Vec<[u8; 32]> = two_mints();
    let http = file.at("http");
    let head = ChainHead {
        sequence: file.at("head").number("sequence"),
        keyset: farthing_protocol::ids::KeysetId::from_bytes(file.at("head").array("keyset")),
    };
    let payee = Keypair::from_secret(&file.array("payee_secret"));
    let draft = InvoiceDraft {
        payee: (&payee).into(),
        amount: Amount::new(file.number("amount")).unwrap(),
        unit: Unit::new("EUR", 2).unwrap(),
        mints: mints.iter().map(|mint| AcceptedMint { mint: MintId::from_bytes(*mint), head }).collect(),
        nonce: RequestNonce::from_bytes(file.array("nonce")),
        expires_at: UnixTime::from_seconds(file.number("expires_at")),
        reusable: false,
        memo: Some(file.text("memo")),
        endpoint: Some(file.text("endpoint")),
        http: Some(HttpBinding::new(&http.text("method"), &http.text("url"), http.text("body").as_bytes())),
    };
    assert_eq!(draft.hash().as_bytes(), &file.array("hash"));
    let invoice = draft.sign(&payee).unwrap();
    assert_eq!(invoice.to_bytes(), file.bytes("invoice"));
    assert_eq!(invoice.to_text(), file.text("text"));
    let read = Invoice::from_text(&file.text("text")).unwrap();
    assert_eq!(read, invoice);
    assert_eq!(read.verify(), Ok(()));
    assert_eq!(PaymentRequest::from_bytes(&file.bytes("request")).unwrap(), PaymentRequest::Invoice(invoice));
}

pub(crate) fn transfer_body(key: &[u8; 32], mints: &[[u8; 32]], memo: &str, amount: u64) -> Vec<u8> {
    let world = world();
    let head = cat(&[&0_u64.to_le_bytes(), &world.keyset]);
    cat(&[
        &world.payee,
        key,
        &amount.to_le_bytes(),
        &text("EUR"),
        &[2],
        &u16::try_from(mints.len()).unwrap().to_le_bytes(),
        &mints.iter().flat_map(|mint| cat(&[mint, &head])).collect::<Vec<u8>>(),
        &[0x18; 16],
        &(NOW + 900).to_le_bytes(),
        &text(memo),
    ])
}

pub(crate) fn signed_transfer(body: &[u8]) -> Vec<u8> {
    let hash = hash(b"farthing/v1/transfer", &[(b"request-body", body)]);
    cat(&[&[1], body, &ed25519_sign(&world().payee_secret, &hash)])
}

#[test]
fn transfer_requests() {
    let world = world();
    let body = transfer_body(&enc(&world.Q), &two_mints(), MEMO, 370);
    let bytes = signed_transfer(&body);
    let made = json!({
        "payee_secret": hex(world.payee_secret),
        "payee": hex(world.payee),
        "Q": hex(enc(&world.Q)),
        "amount": 370,
        "unit": { "code": "EUR", "exponent": 2 },
        "mints": two_mints().iter().map(hex).collect::<Vec<_>>(),
        "head": { "sequence": 0, "keyset": hex(world.keyset) },
        "nonce": hex([0x18; 16]),
        "expires_at": NOW + 900,
        "memo": MEMO,
        "body": hex(&body),
        "hash": hex(hash(b"farthing/v1/transfer", &[(b"request-body", &body)])),
        "transfer": hex(&bytes),
        "text": bech32m("farthingrequest", &bytes),
    });
    let file = stored("transfer.json", &made);

    let head = ChainHead {
        sequence: file.at("head").number("sequence"),
        keyset: farthing_protocol::ids::KeysetId::from_bytes(file.at("head").array("keyset")),
    };
    let payee = Keypair::from_secret(&file.array("payee_secret"));
    let draft = TransferDraft {
        payee: (&payee).into(),
        key: file.part("Q"),
        amount: Amount::new(file.number("amount")).unwrap(),
        unit: Unit::new("EUR", 2).unwrap(),
        mints: two_mints().iter().map(|mint| AcceptedMint { mint: MintId::from_bytes(*mint), head }).collect(),
        nonce: RequestNonce::from_bytes(file.array("nonce")),
        expires_at: UnixTime::from_seconds(file.number("expires_at")),
        memo: Some(file.text("memo")),
    };
    assert_eq!(draft.hash().as_bytes(), &file.array("hash"));
    assert!(draft.clone().sign(&Keypair::from_secret(&[9; 32])).is_err());
    let request = draft.sign(&payee).unwrap();
    assert_eq!(request.to_bytes(), file.bytes("transfer"));
    assert_eq!(request.to_text(), file.text("text"));
    let read = TransferRequest::from_text(&file.text("text").to_uppercase()).unwrap();
    assert_eq!(read, request);
    assert_eq!(read.verify(), Ok(()));
}

pub(crate) fn offer_body(amount: u64) -> Vec<u8> {
    let world = world();
    cat(&[
        &world.mint,
        &world.payee,
        &text("EUR"),
        &amount.to_le_bytes(),
        &text("https://shop.example/article?id=7"),
        &[0x0f; 16],
        &NOW.to_le_bytes(),
        &60_u32.to_le_bytes(),
    ])
}

#[test]
fn offers() {
    let world = world();
    let body = offer_body(37);
    let made = json!({
        "mint": hex(world.mint),
        "payee": hex(world.payee),
        "asset": "EUR",
        "amount": 37,
        "resource": "https://shop.example/article?id=7",
        "nonce": hex([0x0f; 16]),
        "offered_at": NOW,
        "timeout_seconds": 60,
        "hash": hex(hash(b"farthing/v1/offer", &[(b"request-body", &body)])),
        "request": hex(cat(&[&[1, 2], &body])),
    });
    let file = stored("offer.json", &made);
    let offer = OfferDraft {
        mint: MintId::from_bytes(file.array("mint")),
        payee: farthing_protocol::identity::PayeeKey::from_bytes(file.array("payee")),
        asset: file.text("asset"),
        amount: Amount::new(file.number("amount")).unwrap(),
        resource: file.text("resource"),
        nonce: RequestNonce::from_bytes(file.array("nonce")),
        offered_at: UnixTime::from_seconds(file.number("offered_at")),
        timeout_seconds: u32::try_from(file.number("timeout_seconds")).unwrap(),
    }
    .make()
    .unwrap();
    assert_eq!(offer.hash().as_bytes(), &file.array("hash"));
    assert_eq!(offer.expires_at().seconds(), NOW + 60);
    let request = PaymentRequest::from_bytes(&file.bytes("request")).unwrap();
    assert_eq!(request.hash().as_bytes(), &file.array("hash"));
    assert_eq!(request.to_bytes(), file.bytes("request"));
    assert_eq!(request, PaymentRequest::Offer(offer));
}

pub(crate) fn receipt_bytes() -> Vec<u8> {
    let world = world();
    let body = receipt_body();
    let digest = hash(b"farthing/v1/receipt", &[(b"receipt-body", &body)]);
    cat(&[&[1], &body, &ed25519_sign(&world.payee_secret, &digest)])
}

fn receipt_body() -> Vec<u8> {
    let world = world();
    let (sequence, amount) = (0_u64.to_le_bytes(), 37_u64.to_le_bytes());
    cat(&[&[0x9a; 32], &world.payee, &amount, &NOW.to_le_bytes(), &sequence, &world.keyset])
}

/// An account's signed question.
pub(crate) fn query_bytes() -> Vec<u8> {
    let world = world();
    let secret = world.place(0, 0, 0).account_key();
    let account = crate::reference::ed25519_public(&secret);
    let digest = hash(
        b"farthing/v1/account-query",
        &[(b"account", &account), (b"mint", &world.mint), (b"time", &NOW.to_le_bytes())],
    );
    cat(&[&[1], &account, &world.mint, &NOW.to_le_bytes(), &ed25519_sign(&secret, &digest)])
}

pub(crate) fn payout_body(reference: &str, amount: u64) -> Vec<u8> {
    payout_body_to(reference, amount, &[0])
}

/// With the presence byte of another account, and the account.
pub(crate) fn payout_body_to(reference: &str, amount: u64, to: &[u8]) -> Vec<u8> {
    let world = world();
    let account = crate::reference::ed25519_public(&world.place(0, 0, 0).account_key());
    let unit = cat(&[&text("EUR"), &[2]]);
    let (amount, time) = (amount.to_le_bytes(), NOW.to_le_bytes());
    cat(&[&account, &world.mint, &[0x0b; 16], &amount, &unit, &time, &text(reference), to])
}

/// An account's signed payout request.
pub(crate) fn signed_payout(body: &[u8]) -> Vec<u8> {
    let digest = hash(b"farthing/v1/payout", &[(b"payout-body", body)]);
    cat(&[&[1], body, &ed25519_sign(&world().place(0, 0, 0).account_key(), &digest)])
}

#[test]
fn payout_requests() {
    let world = world();
    let to = world.payee;
    let body = payout_body_to("DE02 1203 0000", 370, &cat(&[&[1], &to]));
    let made = json!({
        "account_secret": hex(world.place(0, 0, 0).account_key()),
        "mint": hex(world.mint),
        "operation": hex([0x0b; 16]),
        "amount": 370,
        "unit": { "code": "EUR", "exponent": 2 },
        "requested_at": NOW,
        "reference": "DE02 1203 0000",
        "to": hex(to),
        "digest": hex(hash(b"farthing/v1/payout", &[(b"payout-body", &body)])),
        "payout": hex(signed_payout(&body)),
    });
    let file = stored("payout.json", &made);
    let payout = PayoutRequest::from_bytes(&file.bytes("payout")).unwrap();
    payout.verify(&MintId::from_bytes(file.array("mint"))).unwrap();
    let key = Keypair::from_secret(&file.array("account_secret"));
    assert_eq!(payout.draft().clone().sign(&key).unwrap().to_bytes(), file.bytes("payout"));
    let long = PayoutDraft { reference: "x".repeat(129), ..payout.draft().clone() };
    assert_eq!(long.sign(&key), Err(DecodeError::TooLong));
    let turned = PayoutDraft { reference: "a\u{202e}b".into(), ..payout.draft().clone() };
    assert_eq!(turned.sign(&key), Err(DecodeError::NonCanonicalText));
    let other = Keypair::from_secret(&[7; 32]);
    assert_eq!(payout.draft().clone().sign(&other), Err(DecodeError::OutOfRange));
}

/// A time code, and a recovery code.
pub(crate) const TIME_CODE: [u8; 5] = [1, 0x40, 0xe2, 0x01, 0];
pub(crate) const RECOVERY_CODE: [u8; 11] = [2, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9];

/// What an owner asks of his account's settings, of version 3.
pub(crate) fn settings_body(change: &[u8]) -> Vec<u8> {
    let world = world();
    let account = crate::reference::ed25519_public(&world.place(0, 0, 0).account_key());
    cat(&[&account, &world.mint, &3_u64.to_le_bytes(), &NOW.to_le_bytes(), change])
}

/// A change of the limit, with a recovery code.
pub(crate) fn limit_change(limit: &[u8]) -> Vec<u8> {
    cat(&[&[3], &text("EUR"), &[2], limit, &RECOVERY_CODE])
}

/// An account's signed settings request.
pub(crate) fn signed_settings(body: &[u8]) -> Vec<u8> {
    let digest = hash(b"farthing/v1/account-settings", &[(b"settings-body", body)]);
    cat(&[&[1], body, &ed25519_sign(&world().place(0, 0, 0).account_key(), &digest)])
}

/// A permission's purpose: a payout, by what its owner signs.
pub(crate) fn payout_purpose() -> Vec<u8> {
    cat(&[&[2], &hash(b"farthing/v1/payout", &[(b"payout-body", &payout_body("DE02 1203", 370))])])
}

/// A permission for so much.
pub(crate) fn permit_body(purpose: &[u8], amount: u64, code: &[u8]) -> Vec<u8> {
    let world = world();
    let account = crate::reference::ed25519_public(&world.place(0, 0, 0).account_key());
    let unit = cat(&[&text("EUR"), &[2]]);
    let (amount, time) = (amount.to_le_bytes(), NOW.to_le_bytes());
    cat(&[&account, &world.mint, purpose, &[0x0b; 16], &unit, &amount, &time, code])
}

/// An account's signed permission.
pub(crate) fn signed_permit(body: &[u8]) -> Vec<u8> {
    let digest = hash(b"farthing/v1/permit", &[(b"permit-body", body)]);
    cat(&[&[1], body, &ed25519_sign(&world().place(0, 0, 0).account_key(), &digest)])
}

#[test]
fn settings_and_permissions() {
    let world = world();
    let settings = settings_body(&limit_change(&cat(&[&[1], &370_u64.to_le_bytes()])));
    let permit = permit_body(&[1], 370, &TIME_CODE);
    let payout_permit = permit_body(&payout_purpose(), 370, &TIME_CODE);
    let made = json!({
        "account_secret": hex(world.place(0, 0, 0).account_key()),
        "mint": hex(world.mint),
        "version": 3,
        "requested_at": NOW,
        "unit": { "code": "EUR", "exponent": 2 },
        "limit": 370,
        "recovery_code": "WCY3-FM5U-WW3L-POFZ",
        "settings_digest": hex(hash(b"farthing/v1/account-settings", &[(b"settings-body", &settings)])),
        "settings": hex(signed_settings(&settings)),
        "operation": hex([0x0b; 16]),
        "amount": 370,
        "time_code": "123456",
        "permit_digest": hex(hash(b"farthing/v1/permit", &[(b"permit-body", &permit)])),
        "permit": hex(signed_permit(&permit)),
        "payout_digest": hex(&payout_purpose()[1..]),
        "payout_permit_digest": hex(hash(b"farthing/v1/permit", &[(b"permit-body", &payout_permit)])),
        "payout_permit": hex(signed_permit(&payout_permit)),
    });
    let file = stored("settings.json", &made);
    let (mint, key) = (MintId::from_bytes(file.array("mint")), Keypair::from_secret(&file.array("account_secret")));
    let unit = Unit::new("EUR", 2).unwrap();
    let request = SettingsRequest::from_bytes(&file.bytes("settings")).unwrap();
    request.verify(&mint).unwrap();
    let code = SecondFactor::parse(&file.text("recovery_code")).unwrap();
    let limit = Some(Amount::new(370).unwrap());
    let change = SettingsChange::Limit { unit: unit.clone(), limit, code };
    let account = AccountKey::from(&key);
    let requested_at = UnixTime::from_seconds(file.number("requested_at"));
    let draft = SettingsDraft { account, mint, version: 3, requested_at, change };
    assert!(*request.draft() == draft);
    assert_eq!(draft.clone().sign(&key).unwrap().to_bytes(), file.bytes("settings"));

    let request = PermitRequest::from_bytes(&file.bytes("permit")).unwrap();
    request.verify(&mint).unwrap();
    let permit = PermitDraft {
        account,
        mint,
        purpose: PermitPurpose::Withdrawal,
        operation: OperationId::from_bytes(file.array("operation")),
        unit,
        amount: Amount::new(370).unwrap(),
        requested_at,
        code: SecondFactor::parse(&file.text("time_code")).unwrap(),
    };
    assert!(*request.draft() == permit);
    assert_eq!(permit.clone().sign(&key).unwrap().to_bytes(), file.bytes("permit"));
    let request = PermitRequest::from_bytes(&file.bytes("payout_permit")).unwrap();
    request.verify(&mint).unwrap();
    let digest = PayoutDigest::from_bytes(file.array("payout_digest"));
    let for_payout = PermitDraft { purpose: PermitPurpose::Payout(digest), ..permit.clone() };
    assert!(*request.draft() == for_payout);
    assert_eq!(for_payout.sign(&key).unwrap().to_bytes(), file.bytes("payout_permit"));
    let other = Keypair::from_secret(&[7; 32]);
    assert_eq!(draft.sign(&other), Err(DecodeError::OutOfRange));
    assert_eq!(permit.clone().sign(&other), Err(DecodeError::OutOfRange));
    assert_eq!(PermitDraft { amount: Amount::ZERO, ..permit }.sign(&key), Err(DecodeError::OutOfRange));
}

#[test]
fn receipts_and_questions() {
    let world = world();
    let made = json!({
        "payee_secret": hex(world.payee_secret),
        "payment": hex([0x9a; 32]),
        "amount": 37,
        "accepted_at": NOW,
        "head": { "sequence": 0, "keyset": hex(world.keyset) },
        "digest": hex(hash(b"farthing/v1/receipt", &[(b"receipt-body", &receipt_body())])),
        "receipt": hex(receipt_bytes()),
        "text": bech32m("farthingreceipt", &receipt_bytes()),
        "account_secret": hex(world.place(0, 0, 0).account_key()),
        "mint": hex(world.mint),
        "account_query": hex(query_bytes()),
    });
    let file = stored("receipt.json", &made);
    let receipt = Receipt::from_bytes(&file.bytes("receipt")).unwrap();
    assert_eq!(receipt.verify(), Ok(()));
    assert_eq!(receipt.draft().payment.as_bytes(), &file.array("payment"));
    let again = receipt.draft().sign(&Keypair::from_secret(&file.array("payee_secret"))).unwrap();
    assert_eq!(again.to_bytes(), file.bytes("receipt"));
    assert_eq!(receipt.to_text(), file.text("text"));
    let query = AccountQuery::from_bytes(&file.bytes("account_query")).unwrap();
    let mint = MintId::from_bytes(file.array("mint"));
    query.verify(&mint).unwrap();
    let again = AccountQuery::sign(&Keypair::from_secret(&file.array("account_secret")), mint, query.asked_at());
    assert_eq!(again.to_bytes(), file.bytes("account_query"));
}

/// A text token of these coins: 0 bearer, with p; 1 locked, with E.
pub(crate) fn text_token(tag: u8, coins: &[Coin], memo: &str) -> Vec<u8> {
    let world = world();
    let mut bytes = cat(&[&[1], &world.mint, &world.keyset, &text(memo), &[tag, u8::try_from(coins.len()).unwrap()]]);
    for coin in coins {
        bytes.extend(coin.trace.token());
        bytes.extend(coin.ephemeral.unwrap_or_else(|| coin.secret.to_bytes()));
    }
    bytes
}

#[test]
fn text_forms() {
    let world = world();
    let bearer = text_token(0, &world.coins(20, 5), "for lunch");
    let locked = text_token(1, &world.locked_coins(21, 6), "");
    let payment = world.payment(PAY, world.coins(22, 1));
    let made = json!({
        "bearer": { "bytes": hex(&bearer), "text": bech32m("farthingtoken", &bearer) },
        "locked": { "bytes": hex(&locked), "text": bech32m("farthingtoken", &locked) },
        "payment": { "bytes": hex(&payment), "text": bech32m("farthingpayment", &payment) },
        "base64url": { "bytes": hex([0xfb, 0xff, 0xfe, 0]), "text": "-__-AA" },
        "bip350": { "bytes": "", "text": bech32m("a", &[]) },
    });
    let file = stored("text-forms.json", &made);
    // BIP-350's own first vector.
    assert_eq!(file.at("bip350").text("text"), "a1lqfn3a");

    let token = TextToken::from_text(&file.at("bearer").text("text")).unwrap();
    assert!(matches!(token.content(), TextTokenContent::Bearer(tokens) if tokens.len() == 2));
    assert_eq!(token.memo(), Some("for lunch"));
    assert_eq!((token.amount().units(), token.to_bytes()), (5, file.at("bearer").bytes("bytes")));
    assert_eq!(token.to_text(), file.at("bearer").text("text"));
    let token = TextToken::from_text(&file.at("locked").text("text").to_uppercase()).unwrap();
    assert!(matches!(token.content(), TextTokenContent::Locked(tokens) if tokens.len() == 2));
    assert_eq!((token.memo(), token.to_bytes()), (None, file.at("locked").bytes("bytes")));
    let payment = Payment::from_text(&file.at("payment").text("text")).unwrap();
    assert_eq!(payment.to_bytes(), file.at("payment").bytes("bytes"));
    let base64url = file.at("base64url");
    assert_eq!(to_base64url(&base64url.bytes("bytes")), base64url.text("text"));
    assert_eq!(from_base64url(&base64url.text("text")).unwrap(), base64url.bytes("bytes"));
    let json = serde_json::to_string(&payment).unwrap();
    assert_eq!(json, format!("\"{}\"", to_base64url(&payment.to_bytes())));
    assert_eq!(serde_json::from_str::<Payment>(&json).unwrap(), payment);
}
