//! Invoices that are not paid, and texts that are none.

use farthing_protocol::amount::Unit;
use farthing_protocol::identity::{Keypair, MintId, PayeeKey};
use farthing_protocol::ids::{KeysetId, RequestNonce};
use farthing_protocol::keyset::ChainHead;
use farthing_protocol::request::{AcceptedMint, InvoiceDraft};
use farthing_protocol::text::{self, TextForm};

use super::Provoked;
use super::folder::file;
use crate::fake;
use crate::harness::World;
use crate::purse::Purse;
use crate::raw::{amount, now};

/// A merchant who signs whatever invoice is wanted.
struct Payee {
    key: Keypair,
    mint: MintId,
    head: ChainHead,
}

impl Payee {
    /// One who clears with the mint that a wallet knows.
    fn known_to(purse: &Purse<'_>) -> Self {
        let listed = purse.json("wallet-mint-list", &["mint", "list"]);
        let mint = &listed["mints"][0];
        let keyset = KeysetId::from_text(mint["units"][0]["keyset"].as_str().unwrap()).unwrap();
        let mint = MintId::from_text(mint["mint"].as_str().unwrap()).unwrap();
        Self { key: Keypair::from_secret(&rand::random()), mint, head: ChainHead { sequence: 0, keyset } }
    }

    /// An invoice over 0.64, to be paid at an address.
    fn invoice(&self, endpoint: &str, change: impl FnOnce(&mut InvoiceDraft)) -> String {
        let mut draft = InvoiceDraft {
            payee: PayeeKey::from(&self.key),
            amount: amount(64),
            unit: Unit::new("EUR", 2).unwrap(),
            mints: vec![AcceptedMint { mint: self.mint, head: self.head }],
            nonce: RequestNonce::from_bytes(rand::random()),
            expires_at: now().plus(600),
            reusable: false,
            memo: None,
            endpoint: Some(endpoint.to_owned()),
            http: None,
        };
        change(&mut draft);
        draft.sign(&self.key).unwrap().to_text()
    }
}

pub(super) fn that_are_not_paid(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::filled(&world, "alice", &mint);
    let payee = Payee::known_to(&alice);
    let nowhere = "http://127.0.0.1:1";
    let mut pay = |code: &str, invoice: &str| seen.by(code, &alice, &["pay", invoice, "--yes"]);

    let good = payee.invoice(nowhere, |_| {});
    let mut bytes = text::decode("farthinginvoice", &good).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    pay("invalid_invoice", &text::encode("farthinginvoice", &bytes));
    pay("bad_text", &good[..good.len() - 1]);
    pay("expired", &payee.invoice(nowhere, |draft| draft.expires_at = now().minus(600)));
    pay("no_endpoint", &payee.invoice(nowhere, |draft| draft.endpoint = None));
    pay("no_common_mint", &payee.invoice(nowhere, |draft| draft.mints[0].mint = MintId::from_bytes([5; 32])));
    let other = KeysetId::from_bytes([5; 32]);
    let head = |sequence| move |draft: &mut InvoiceDraft| draft.mints[0].head = ChainHead { sequence, keyset: other };
    pay("head_unknown", &payee.invoice(nowhere, head(1)));
    pay("misconduct", &payee.invoice(nowhere, head(0)));
    pay("insufficient_funds", &payee.invoice(nowhere, |draft| draft.amount = amount(9000)));
    pay("payee_not_reached", &good);
    pay("taken_back", &payee.invoice(&fake::serve(|_| Some(fake::problem(400, "wrong_request"))), |_| {}));
    let silent = payee.invoice(&fake::serve(|_| None), |_| {});
    pay("outcome_unknown", &silent);
    pay("in_progress", &silent);

    let by_hand = payee.invoice(nowhere, |_| {});
    seen.by("no_held_tokens", &alice, &["pay", &by_hand, "--by-hand", "--yes"]);

    // The first of two parts.
    let part = [&[1; 9][..], &[0, 0, 0, 2], b"piece"].concat();
    seen.by("bad_parts", &alice, &["pay", &text::encode("farthingpart", &part)]);
    let picture = file(&world, "picture.png", "none");
    seen.by("bad_image", &alice, &["pay", "--image", &picture]);
    seen.by("bad_file", &alice, &["pay", "--file", "/nowhere"]);
}
