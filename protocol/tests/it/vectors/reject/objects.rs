//! Invoices, offers, receipts, recipients, issuances and text tokens.

use serde_json::json;

use super::{Case, IDENTITY, SMALL_ORDER_KEY, edited, small_order_signature, spliced, with_unreduced_s};
use crate::reference::world::{NOW, other, world};
use crate::reference::{cat, ed25519_sign, enc, hash};
use crate::vectors::hex;
use crate::vectors::issuance::{account_request, swap_issuance, voucher_request};
use crate::vectors::requests::{
    TIME_CODE, invoice_body, limit_change, offer_body, payout_body, payout_body_to, payout_purpose, permit_body,
    query_bytes, receipt_bytes, settings_body, signed_invoice, signed_payout, signed_permit, signed_settings,
    signed_transfer, text_token, transfer_body, two_mints,
};

pub(super) fn cases() -> Vec<Case> {
    [
        invoices(),
        offers(),
        receipts(),
        recipients(),
        payouts(),
        settings(),
        permits(),
        transfers(),
        issuances(),
        text_tokens(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn invoices() -> Vec<Case> {
    let body = invoice_body(&two_mints(), "a memo", 370);
    let good = signed_invoice(&body);
    let decode =
        |reason, body: Vec<u8>, error| Case::new(reason, "decode invoice", &good, signed_invoice(&body), error);
    let verify = |reason, refused: Vec<u8>| Case::new(reason, "verify invoice", &good, refused, "InvalidSignature");
    let body_of = |mints: &[[u8; 32]], memo: &str| invoice_body(mints, memo, 370);
    let reversed: Vec<_> = two_mints().into_iter().rev().collect();
    // payee 32, amount 8, unit 6, mints 2 + 2 · 72, nonce 16, expiry 8
    let reusable = 32 + 8 + 6 + 2 + 144 + 16 + 8;
    let memo = reusable + 3;
    let signature = good.len() - 64;
    vec![
        decode("invoice-mints-unordered", body_of(&reversed, "a memo"), "NonCanonicalShape"),
        decode("invoice-mint-repeated", body_of(&[world().mint, world().mint], "a memo"), "NonCanonicalShape"),
        decode("invoice-without-mints", body_of(&[], "a memo"), "Empty"),
        decode(
            "invoice-with-17-mints",
            body_of(&std::array::from_fn::<_, 17, _>(|i| [i as u8; 32]), "a memo"),
            "TooLong",
        ),
        decode("invoice-amount-zero", invoice_body(&two_mints(), "a memo", 0), "OutOfRange"),
        decode("invoice-memo-with-newline", body_of(&two_mints(), "a\nmemo"), "NonCanonicalText"),
        decode("invoice-memo-with-escape", body_of(&two_mints(), "a\u{1b}[31mmemo"), "NonCanonicalText"),
        decode("invoice-memo-with-c1-control", body_of(&two_mints(), "a\u{9b}memo"), "NonCanonicalText"),
        decode("invoice-memo-too-long", body_of(&two_mints(), &"m".repeat(281)), "TooLong"),
        decode("invoice-memo-not-utf8", edited(&body, memo, &[0xff]), "NonCanonicalText"),
        decode("invoice-reusable-2", edited(&body, reusable, &[2]), "UnknownTag"),
        decode("invoice-http-marked-2", edited(&body, body.len() - 33, &[2]), "UnknownTag"),
        verify("invoice-amount-altered", edited(&good, 33, &[0x73])),
        verify("invoice-payee-altered", edited(&good, 1, &other().payee)),
        verify(
            "invoice-signed-by-another",
            spliced(&good, signature, 64, &ed25519_sign(&other().payee_secret, &invoice_hash(&body))),
        ),
        verify("invoice-ed25519-S-not-reduced", spliced(&good, signature, 64, &with_unreduced_s(&good[signature..]))),
        verify("invoice-ed25519-key-of-small-order", {
            edited(&edited(&good, 1, &SMALL_ORDER_KEY), signature, &small_order_signature())
        }),
    ]
}

fn invoice_hash(body: &[u8]) -> [u8; 32] {
    hash(b"farthing/v1/invoice", &[(b"request-body", body)])
}

fn offers() -> Vec<Case> {
    let good = cat(&[&[1, 2], &offer_body(37)]);
    let case = |reason, refused: Vec<u8>, error| Case::new(reason, "decode request", &good, refused, error);
    vec![
        case("offer-amount-zero", cat(&[&[1, 2], &offer_body(0)]), "OutOfRange"),
        case("offer-asset-with-control", edited(&good, 2 + 64 + 2, b"\x07"), "NonCanonicalText"),
        case("offer-asset-too-long", edited(&good, 2 + 64, &17_u16.to_le_bytes()), "TooLong"),
        case("offer-resource-too-long", edited(&good, 2 + 64 + 5 + 8, &2049_u16.to_le_bytes()), "TooLong"),
        case("request-kind-3", edited(&good, 1, &[3]), "UnknownTag"),
    ]
}

fn receipts() -> Vec<Case> {
    let good = receipt_bytes();
    let case = |reason, refused: Vec<u8>| Case::new(reason, "verify receipt", &good, refused, "InvalidSignature");
    let signature = good.len() - 64;
    let query = query_bytes();
    let asked = |reason, refused: Vec<u8>| {
        Case::new(reason, "verify account query", &query, refused, "InvalidSignature")
            .with(json!({ "mint": hex(world().mint) }))
    };
    vec![
        case("receipt-payment-altered", edited(&good, 1, &[0; 32])),
        case("receipt-amount-altered", edited(&good, 65, &[38])),
        case("receipt-time-altered", edited(&good, 73, &(NOW + 1).to_le_bytes())),
        case("receipt-head-altered", edited(&good, 89, &[0; 32])),
        case("receipt-of-another-payee", edited(&good, 33, &other().payee)),
        case("receipt-ed25519-S-not-reduced", spliced(&good, signature, 64, &with_unreduced_s(&good[signature..]))),
        case("receipt-ed25519-key-of-small-order", {
            edited(&edited(&good, 33, &SMALL_ORDER_KEY), signature, &small_order_signature())
        }),
        Case::new("receipt-trailing-byte", "decode receipt", &good, cat(&[&good, &[0]]), "TrailingBytes"),
        asked("account-query-to-another-mint", edited(&query, 33, &other().mint)),
        asked("account-query-at-another-time", edited(&query, 65, &(NOW + 1).to_le_bytes())),
        asked("account-query-of-another-account", edited(&query, 1, &other().payee)),
    ]
}

fn payouts() -> Vec<Case> {
    let body = payout_body("DE02", 370);
    let good = signed_payout(&body);
    let decode = |reason, body: Vec<u8>, error| Case::new(reason, "decode payout", &good, signed_payout(&body), error);
    let verify = |reason, refused: Vec<u8>| {
        Case::new(reason, "verify payout", &good, refused, "InvalidSignature")
            .with(json!({ "mint": hex(world().mint) }))
    };
    vec![
        decode("payout-amount-zero", payout_body("DE02", 0), "OutOfRange"),
        decode("payout-reference-too-long", payout_body(&"r".repeat(129), 370), "TooLong"),
        decode("payout-reference-with-escape", payout_body("a\u{1b}[31m", 370), "NonCanonicalText"),
        Case::new("payout-trailing-byte", "decode payout", &good, cat(&[&good, &[0]]), "TrailingBytes"),
        verify("payout-of-another-account", edited(&good, 1, &other().payee)),
        verify("payout-of-another-mint", signed_payout(&edited(&body, 32, &other().mint))),
        verify("payout-of-another-operation", edited(&good, 65, &[0])),
        verify("payout-amount-altered", edited(&good, 81, &[0x73])),
        verify("payout-reference-altered", edited(&good, good.len() - 66, b"3")),
        decode("payout-to-itself", payout_body_to("DE02", 370, &cat(&[&[1], &body[..32]])), "OutOfRange"),
        decode("payout-to-marked-2", payout_body_to("DE02", 370, &[2]), "UnknownTag"),
    ]
}

fn settings() -> Vec<Case> {
    let some = cat(&[&[1], &370_u64.to_le_bytes()]);
    let body = settings_body(&limit_change(&some));
    let good = signed_settings(&body);
    let decode = |reason, change: Vec<u8>, error| {
        Case::new(reason, "decode settings", &good, signed_settings(&settings_body(&change)), error)
    };
    let verify = |reason, refused: Vec<u8>| {
        Case::new(reason, "verify settings", &good, refused, "InvalidSignature")
            .with(json!({ "mint": hex(world().mint) }))
    };
    vec![
        decode("settings-unknown-change", vec![6], "UnknownTag"),
        decode("settings-code-of-seven-digits", cat(&[&[2], &1_000_000_u32.to_le_bytes()]), "OutOfRange"),
        decode("settings-code-of-unknown-kind", vec![5, 3, 0, 0, 0, 0], "UnknownTag"),
        decode("settings-limit-marked-2", limit_change(&[2]), "UnknownTag"),
        decode("settings-recovery-code-too-short", vec![5, 2, 0, 0, 0], "Truncated"),
        Case::new("settings-trailing-byte", "decode settings", &good, cat(&[&good, &[0]]), "TrailingBytes"),
        verify("settings-of-another-account", edited(&good, 1, &other().payee)),
        verify("settings-of-another-mint", signed_settings(&edited(&body, 32, &other().mint))),
        verify("settings-of-another-version", edited(&good, 65, &[4])),
        verify("settings-limit-altered", edited(&good, 89, &[0x73])),
    ]
}

fn permits() -> Vec<Case> {
    let body = permit_body(&[1], 370, &TIME_CODE);
    let good = signed_permit(&body);
    let for_payout = signed_permit(&permit_body(&payout_purpose(), 370, &TIME_CODE));
    let decode = |reason, body: Vec<u8>, error| Case::new(reason, "decode permit", &good, signed_permit(&body), error);
    let verify = |reason, refused: Vec<u8>| {
        Case::new(reason, "verify permit", &good, refused, "InvalidSignature")
            .with(json!({ "mint": hex(world().mint) }))
    };
    vec![
        decode("permit-amount-zero", permit_body(&[1], 0, &TIME_CODE), "OutOfRange"),
        decode("permit-for-nothing-known", permit_body(&[3], 370, &TIME_CODE), "UnknownTag"),
        decode("permit-code-of-unknown-kind", permit_body(&[1], 370, &[0, 0, 0, 0, 0]), "UnknownTag"),
        Case::new("permit-trailing-byte", "decode permit", &good, cat(&[&good, &[0]]), "TrailingBytes"),
        verify("permit-of-another-account", edited(&good, 1, &other().payee)),
        verify("permit-of-another-mint", signed_permit(&edited(&body, 32, &other().mint))),
        verify("permit-for-a-payout", spliced(&good, 65, 1, &payout_purpose())),
        verify("permit-for-another-payout", edited(&for_payout, 66, &[0])),
        verify("permit-of-another-operation", edited(&good, 66, &[0])),
        verify("permit-with-another-code", edited(&good, good.len() - 68, &[0x41])),
    ]
}

fn transfers() -> Vec<Case> {
    let key = enc(&world().Q);
    let body = transfer_body(&key, &two_mints(), "a memo", 370);
    let good = signed_transfer(&body);
    let decode =
        |reason, body: Vec<u8>, error| Case::new(reason, "decode transfer", &good, signed_transfer(&body), error);
    let verify = |reason, refused: Vec<u8>| Case::new(reason, "verify transfer", &good, refused, "InvalidSignature");
    let body_of = |mints: &[[u8; 32]], memo: &str| transfer_body(&key, mints, memo, 370);
    let reversed: Vec<_> = two_mints().into_iter().rev().collect();
    let signature = good.len() - 64;
    vec![
        decode("transfer-Q-identity", transfer_body(&IDENTITY, &two_mints(), "a memo", 370), "IdentityPoint"),
        decode("transfer-mints-unordered", body_of(&reversed, "a memo"), "NonCanonicalShape"),
        decode("transfer-mint-repeated", body_of(&[world().mint, world().mint], "a memo"), "NonCanonicalShape"),
        decode("transfer-without-mints", body_of(&[], "a memo"), "Empty"),
        decode(
            "transfer-with-17-mints",
            body_of(&std::array::from_fn::<_, 17, _>(|i| [i as u8; 32]), "a memo"),
            "TooLong",
        ),
        decode("transfer-amount-zero", transfer_body(&key, &two_mints(), "a memo", 0), "OutOfRange"),
        decode("transfer-memo-with-escape", body_of(&two_mints(), "a\u{1b}[31mmemo"), "NonCanonicalText"),
        decode("transfer-memo-too-long", body_of(&two_mints(), &"m".repeat(141)), "TooLong"),
        Case::new("transfer-trailing-byte", "decode transfer", &good, cat(&[&good, &[0]]), "TrailingBytes"),
        verify("transfer-amount-altered", edited(&good, 65, &[0x73])),
        verify("transfer-Q-exchanged", edited(&good, 33, &enc(&other().Q))),
        verify("transfer-payee-altered", edited(&good, 1, &other().payee)),
        verify(
            "transfer-signed-as-an-invoice",
            spliced(&good, signature, 64, &ed25519_sign(&world().payee_secret, &invoice_hash(&body))),
        ),
    ]
}

fn recipients() -> Vec<Case> {
    let world = world();
    let record = |key: &[u8; 32], mints: &[[u8; 32]]| {
        let count = u16::try_from(mints.len()).unwrap().to_le_bytes();
        let body = cat(&[&world.payee, key, &count, &mints.concat()]);
        let digest = hash(b"farthing/v1/recipient", &[(b"recipient-body", &body)]);
        cat(&[&[1], &body, &ed25519_sign(&world.payee_secret, &digest)])
    };
    let good = record(&enc(&world.Q), &two_mints());
    let decode = |reason, refused: Vec<u8>, error| Case::new(reason, "decode recipient", &good, refused, error);
    vec![
        decode("recipient-Q-identity", record(&IDENTITY, &two_mints()), "IdentityPoint"),
        decode("recipient-without-mints", record(&enc(&world.Q), &[]), "Empty"),
        decode("recipient-with-17-mints", record(&enc(&world.Q), &[world.mint; 17]), "TooLong"),
        Case::new(
            "recipient-Q-exchanged",
            "verify recipient",
            &good,
            edited(&good, 33, &enc(&other().Q)),
            "InvalidSignature",
        ),
    ]
}

fn issuances() -> Vec<Case> {
    let (_, _, request) = account_request();
    let decode =
        |reason, refused: Vec<u8>, error| Case::new(reason, "decode issuance request", &request, refused, error);
    let verify =
        |reason, refused: Vec<u8>| Case::new(reason, "verify issuance request", &request, refused, "InvalidSignature");
    // version, mint, keyset, shape, issuance, session, seal, amount, debit
    let issuance = 1 + 32 + 32 + 9;
    let session = issuance + 32;
    let amount = session + 72 + 32;
    let count = amount + 16;
    let outputs = count + 2;
    let field = outputs + 2 * 97;
    let funding = field + 128;
    let signature = request.len() - 64;
    let spoiled = |at: usize| edited(&request, at, &[request[at] ^ 1]);
    let (_, _, by_voucher) = voucher_request();
    let (swap, funding_id, _) = swap_issuance();
    let record = swap.record(&funding_id);
    vec![
        decode("issuance-without-outputs", spliced(&request, count, 2 + 2 * 97, &[0, 0]), "Empty"),
        decode("issuance-with-257-outputs", edited(&request, count, &257_u16.to_le_bytes()), "TooLong"),
        decode("issuance-funding-unknown", edited(&request, funding, &[4]), "UnknownTag"),
        decode("issuance-A-identity", edited(&request, outputs + 1, &IDENTITY), "IdentityPoint"),
        decode("issuance-trailing-byte", cat(&[&request, &[0]]), "TrailingBytes"),
        verify("issuance-mint-altered", edited(&request, 1, &other().mint)),
        verify("issuance-keyset-altered", edited(&request, 33, &[7; 32])),
        verify("issuance-id-altered", edited(&request, issuance, &other().payee)),
        verify("issuance-session-altered", spoiled(session)),
        verify("issuance-amount-altered", spoiled(amount)),
        verify("issuance-debit-altered", spoiled(amount + 8)),
        verify("issuance-denomination-altered", spoiled(outputs)),
        verify("issuance-commitments-exchanged", edited(&request, outputs + 1, &request[outputs + 98..outputs + 162])),
        verify("issuance-challenge-altered", spoiled(outputs + 65)),
        verify("issuance-field-altered", spoiled(field)),
        verify("issuance-operation-altered", spoiled(funding + 33)),
        verify("issuance-account-altered", edited(&request, funding + 1, &other().payee)),
        verify("issuance-account-signature-altered", spoiled(funding + 49)),
        verify("issuance-signature-altered", spoiled(signature)),
        verify("issuance-funding-exchanged", spliced(&request, funding, 113, &by_voucher[funding..funding + 97])),
        verify("issuance-id-of-small-order", {
            edited(&edited(&request, issuance, &SMALL_ORDER_KEY), signature, &small_order_signature())
        }),
        Case::new(
            "record-y-zero",
            "decode issuance record",
            &record,
            edited(&record, 1 + 32 + 9 + 32 + 32 + 8 + 2 + 97 + 32, &[0; 32]),
            "ZeroScalar",
        ),
        Case::new(
            "record-with-257-outputs",
            "decode issuance record",
            &record,
            edited(&record, 1 + 32 + 9 + 32 + 32 + 8, &257_u16.to_le_bytes()),
            "TooLong",
        ),
    ]
}

fn text_tokens() -> Vec<Case> {
    let world = world();
    let coins = world.coins(80, 5);
    let good = text_token(0, &coins, "");
    let case = |reason, refused: Vec<u8>, error| Case::new(reason, "decode text token", &good, refused, error);
    let reversed: Vec<_> = coins.iter().rev().cloned().collect();
    let mut exchanged = coins.clone();
    (exchanged[0].secret, exchanged[1].secret) = (coins[1].secret, coins[0].secret);
    let mut same_coin = vec![world.coin(81, 0, 0), world.coin(81, 0, 0)];
    same_coin[1].trace.d = 1;
    let mut zero = coins.clone();
    zero[0].secret = curve25519_dalek::Scalar::ZERO;
    vec![
        case("text-token-wrong-secret", text_token(0, &exchanged, ""), "OutOfRange"),
        case("text-token-secret-zero", text_token(0, &zero, ""), "ZeroScalar"),
        case("text-token-unordered", text_token(0, &reversed, ""), "NonCanonicalShape"),
        case("text-token-coin-repeated", text_token(0, &same_coin, ""), "Repeated"),
        case("text-token-empty", text_token(0, &[], ""), "Empty"),
        case("text-token-unknown-content", text_token(2, &coins, ""), "UnknownTag"),
        case("text-token-memo-with-control", text_token(0, &coins, "a\u{0}b"), "NonCanonicalText"),
        case("text-token-memo-too-long", text_token(0, &coins, &"m".repeat(141)), "TooLong"),
        case("text-token-trailing-byte", cat(&[&good, &[0]]), "TrailingBytes"),
    ]
}
