//! What the tests share.

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::ids::RequestNonce;
use farthing_protocol::payment::Payment;
use farthing_protocol::request::{AcceptedMint, Invoice, InvoiceDraft, PaymentRequest};
use farthing_verifier::conformance::TestMint;

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn keypair() -> Keypair {
    Keypair::generate(&mut rand::rng())
}

pub(crate) fn draft(payee: &Keypair, mint: &TestMint, units: u64) -> InvoiceDraft {
    InvoiceDraft {
        payee: PayeeKey::from(payee),
        amount: amount(units),
        unit: Unit::new("EUR", 2).unwrap(),
        mints: vec![AcceptedMint { mint: mint.id(), head: mint.keyset().head() }],
        nonce: RequestNonce::from_bytes(rand::random()),
        expires_at: NOW.plus(900),
        reusable: false,
        memo: None,
        endpoint: None,
        http: None,
    }
}

pub(crate) fn invoice(payee: &Keypair, mint: &TestMint, units: u64) -> Invoice {
    draft(payee, mint, units).sign(payee).unwrap()
}

/// Pays an invoice with fresh coins.
pub(crate) fn pay(mint: &TestMint, invoice: &Invoice) -> Payment {
    pay_at(mint, invoice, NOW)
}

pub(crate) fn pay_at(mint: &TestMint, invoice: &Invoice, at: UnixTime) -> Payment {
    let coins = mint.coins(invoice.draft().amount);
    mint.pay_at(&coins.iter().collect::<Vec<_>>(), invoice.draft().payee, invoice.hash(), None, at)
}

pub(crate) fn request(invoice: &Invoice) -> PaymentRequest {
    PaymentRequest::Invoice(invoice.clone())
}
