//! The way of a token from issuance to payment.

use farthing_protocol::codec::{Decode, Reader, Wire};
use farthing_protocol::ids::RequestHash;
use farthing_protocol::payment::{CheckBinding, Payment, PaymentCheck, verify_payment, verify_payments};
use farthing_protocol::shape::Shape;

use crate::common::{Mint, Wallet, amount, pay, payee};

#[test]
fn withdraw_and_pay() {
    let mut mint = Mint::new();
    let mut wallet = Wallet::new();
    let tokens = wallet.withdraw(&mut mint, Shape::Withdrawal(amount(37)));
    assert!(tokens.iter().all(|(token, _)| token.verify(&mint.keyset).is_ok()));
    let payment = pay(&mint, &tokens, payee(), RequestHash::from_bytes([7; 32]));
    let bytes = payment.to_bytes();
    let read = Payment::from_bytes(&bytes).unwrap();
    assert_eq!(read, payment);
    let check = PaymentCheck { payment: read, keyset: &mint.keyset, binding: CheckBinding::None };
    let authentic = verify_payment(&mut rand::rng(), check).unwrap();
    assert_eq!(*authentic.id(), payment.id());
}

#[test]
fn a_bad_payment_does_not_spoil_a_batch() {
    let mut mint = Mint::new();
    let mut wallet = Wallet::new();
    let payee = payee();
    let payments: Vec<Payment> = (0..9)
        .map(|i| {
            let tokens = wallet.withdraw(&mut mint, Shape::Withdrawal(amount(5 + i)));
            pay(&mint, &tokens, payee, RequestHash::from_bytes([i as u8; 32]))
        })
        .collect();
    let mut bytes = payments[4].to_bytes();
    bytes[70] ^= 1; // request hash
    let mut payments = payments;
    payments[4] = Payment::from_bytes(&bytes).unwrap();
    let checks = payments
        .into_iter()
        .map(|payment| PaymentCheck { payment, keyset: &mint.keyset, binding: CheckBinding::None })
        .collect();
    let results = verify_payments(&mut rand::rng(), checks);
    for (i, result) in results.iter().enumerate() {
        assert_eq!(result.is_ok(), i != 4, "{i}");
    }
}

#[test]
fn a_session_is_not_answered_with_another_keysets_keys() {
    let mut mint = Mint::new();
    let stranger = Mint::new();
    let shape = Shape::Withdrawal(amount(5));
    let outputs = shape.outputs(&mint.keyset).unwrap();
    let (keyset, now) = (*mint.keyset.id(), crate::common::NOW);
    let opened = mint.sessions.open(&mut rand::rng(), &keyset, &outputs, now);
    let session =
        mint.sessions.authenticate(&opened.session, &opened.seal, &keyset, &outputs, &opened.commitments, now).unwrap();
    let challenge = farthing_protocol::blind::Challenge::decode_from(&mut Reader::new(&[1; 32]));
    let challenges = vec![challenge.unwrap_or_else(|_| unreachable!("01…01 is below ℓ")); outputs.len()];
    let claimed = mint.sessions.claim(session, challenges, now).unwrap();
    assert!(claimed.respond(&stranger.secret).is_err());
}

#[test]
fn a_payment_id_can_be_computed_from_amount_and_coins() {
    use farthing_protocol::payment::{PaymentKind, PaymentTerms, canonical_denominations, payment_id_of};
    let mut mint = Mint::new();
    let tokens = Wallet::new().withdraw(&mut mint, Shape::Withdrawal(amount(37)));
    let payment = pay(&mint, &tokens, payee(), RequestHash::from_bytes([7; 32]));
    let terms = PaymentTerms {
        kind: payment.kind(),
        mint: *payment.mint(),
        keyset: *payment.keyset(),
        request: *payment.request(),
        payee: *payment.payee(),
        amount: payment.amount(),
    };
    let denominations = canonical_denominations(PaymentKind::Pay, amount(37), 3).unwrap();
    let coins = payment.tokens().iter().map(|token| *token.coin.as_bytes());
    assert_eq!(payment_id_of(&terms, denominations.into_iter().zip(coins)), payment.id());
    let exponents = |kind, units, tokens| {
        canonical_denominations(kind, amount(units), tokens)
            .map(|all| all.iter().map(|d| d.exponent()).collect::<Vec<_>>())
    };
    assert_eq!(exponents(PaymentKind::Swap, 8, 2), Some(vec![2, 2]));
    assert_eq!(exponents(PaymentKind::Swap, 8, 1), Some(vec![3]));
    assert_eq!(exponents(PaymentKind::Swap, 6, 2), Some(vec![1, 2]));
    for (kind, units, tokens) in [(PaymentKind::Pay, 8, 2), (PaymentKind::Swap, 1, 2), (PaymentKind::Swap, 6, 3)] {
        assert_eq!(exponents(kind, units, tokens), None);
    }
    assert_eq!(exponents(PaymentKind::Pay, 0, 0), None);
}
