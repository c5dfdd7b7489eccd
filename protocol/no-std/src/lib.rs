//! Verifies a payment without the standard library.
//!
//! Nothing calls this; that it compiles is the proof. The allocator and the panic handler come from crates made
//! for the purpose, so that there is no `unsafe` here either.
#![no_std]
#![forbid(unsafe_code)]

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::PaymentId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::{CheckBinding, Payment, PaymentCheck, verify_payment};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use panic_halt as _;
use static_alloc::Bump;

#[global_allocator]
static HEAP: Bump<[u8; 1 << 20]> = Bump::uninit();

/// Keeps the functions below in the library although nothing here calls them.
#[used]
static ENTRY_POINTS: EntryPoints = EntryPoints { payment, invoice, receipt };

#[expect(dead_code, reason = "held, never called")]
struct EntryPoints {
    payment: VerifyPayment,
    invoice: fn(&str) -> bool,
    receipt: fn(&[u8]) -> bool,
}

type VerifyPayment = fn(&[u8], &[u8], [u8; 32]) -> Option<PaymentId>;

/// The id of a payment of this keyset, if both are what they should be.
fn payment(keyset: &[u8], payment: &[u8], seed: [u8; 32]) -> Option<PaymentId> {
    let keyset = Keyset::from_bytes(keyset).ok()?;
    let payment = Payment::from_bytes(payment).ok()?;
    let check = PaymentCheck { payment, keyset: &keyset, binding: CheckBinding::None };
    verify_payment(&mut ChaCha20Rng::from_seed(seed), check).ok().map(|authentic| *authentic.id())
}

/// Whether a text is an invoice that its payee signed.
fn invoice(text: &str) -> bool {
    Invoice::from_text(text).is_ok_and(|invoice| invoice.verify().is_ok())
}

/// Whether bytes are a receipt that its payee signed.
fn receipt(bytes: &[u8]) -> bool {
    Receipt::from_bytes(bytes).is_ok_and(|receipt| receipt.verify().is_ok())
}
