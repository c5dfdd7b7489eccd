//! Voucher codes and quote requests.

use serde_json::json;

use super::{Case, edited};
use crate::reference::cat;
use crate::reference::texts::bech32m;
use crate::reference::world::{NOW, other, world};
use crate::vectors::funding::{quote_body, signed_quote, voucher};
use crate::vectors::hex;

pub(super) fn cases() -> Vec<Case> {
    [vouchers(), quotes()].into_iter().flatten().collect()
}

fn vouchers() -> Vec<Case> {
    let good = voucher(500, "EUR");
    let decode = |reason, refused: Vec<u8>, error| Case::new(reason, "decode voucher", &good, refused, error);
    let good_text = bech32m("farthingvoucher", &good);
    let mut damaged = good_text.clone().into_bytes();
    damaged[60] = if damaged[60] == b'q' { b'p' } else { b'q' };
    let damaged = String::from_utf8(damaged).unwrap();
    vec![
        decode("voucher-of-another-version", edited(&good, 0, &[2]), "UnsupportedVersion"),
        decode("voucher-cut-short", good[..good.len() - 1].to_vec(), "Truncated"),
        decode("voucher-trailing-byte", cat(&[&good, &[0]]), "TrailingBytes"),
        decode("voucher-of-nothing", voucher(0, "EUR"), "OutOfRange"),
        decode("voucher-amount-too-large", voucher(1 << 63, "EUR"), "OutOfRange"),
        decode("voucher-unit-empty", voucher(500, ""), "OutOfRange"),
        Case::of_text("voucher-text-damaged", "read voucher text", &good_text, &damaged),
        Case::of_text("voucher-text-of-a-token", "read voucher text", &good_text, &bech32m("farthingtoken", &good)),
    ]
}

fn quotes() -> Vec<Case> {
    let body = quote_body(2000);
    let good = signed_quote(&body);
    let verify = |reason, refused: Vec<u8>| {
        Case::new(reason, "verify quote request", &good, refused, "InvalidSignature")
            .with(json!({ "mint": hex(world().mint) }))
    };
    // account 32, mint 32, operation 16, amount 8, unit 6, time 8
    vec![
        Case::new("quote-of-nothing", "decode quote request", &good, signed_quote(&quote_body(0)), "OutOfRange"),
        Case::new("quote-trailing-byte", "decode quote request", &good, cat(&[&good, &[0]]), "TrailingBytes"),
        verify("quote-for-another-account", edited(&good, 1, &other().payee)),
        verify("quote-of-another-mint", signed_quote(&edited(&body, 32, &other().mint))),
        verify("quote-of-another-operation", edited(&good, 65, &[0])),
        verify("quote-amount-altered", edited(&good, 81, &[0xd1])),
        verify("quote-at-another-time", edited(&good, 95, &(NOW + 1).to_le_bytes())),
    ]
}
