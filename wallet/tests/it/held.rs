//! Tokens held to pay one payee with: nobody is asked, nothing is paid twice, nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use farthing_http::problem::Code;
use farthing_protocol::api::{PayRequest, mint_path, verifier_path};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::Keypair;
use farthing_protocol::locked::{LockKey, Recipient};
use farthing_protocol::payment::PaymentKind;
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use farthing_wallet::{
    HeldView, IssueError, MintError, NoReceipt, Outcome, PayError, ResumeError, SendError, Stage, StoreError, Wallet,
    WithdrawWhat,
};

use crate::double::{Cheat, amount, unit};
use crate::http::Fault;
use crate::restore::Lost;
use crate::world::{World, protection};

async fn hold(world: &World, wallet: &Wallet, units: u64) {
    let what = WithdrawWhat::Amount(amount(units));
    let issued = wallet.withdraw_held(&world.double.recipient(), &unit(), what).await.unwrap();
    assert_eq!(issued.amount, amount(units));
}

/// A wallet that holds a bundle for the payee: three each of 1 to 32.
async fn ready() -> (World, Wallet) {
    let (world, wallet) = World::new().await;
    wallet.withdraw_held(&world.double.recipient(), &unit(), WithdrawWhat::Bundle(0)).await.unwrap();
    (world, wallet)
}

const BUNDLE: u64 = 3 * 63;

async fn view(wallet: &Wallet) -> HeldView {
    let mut views = wallet.held().await.unwrap();
    assert_eq!(views.len(), 1);
    views.remove(0)
}

/// Payable, reserved.
async fn sums(wallet: &Wallet) -> (u64, u64) {
    let view = view(wallet).await;
    (view.payable.units(), view.reserved.units())
}

/// How often the mint was asked anything.
fn mint_asked(world: &World) -> u32 {
    let paths = [mint_path::KEYSETS, mint_path::OPEN, mint_path::FINISH, mint_path::ACCOUNT, mint_path::DEPOSIT];
    paths.iter().map(|path| world.double.asked(path)).sum()
}

#[tokio::test]
async fn held_tokens_pay_their_payee_and_nobody_is_asked() {
    let (world, wallet) = ready().await;
    let held = view(&wallet).await;
    assert_eq!((held.payable, held.tokens), (amount(BUNDLE), 18));
    assert_eq!(held.payee, *world.double.recipient().payee());
    assert_eq!(world.balance(&wallet).await, (0, 0), "they are in no balance");
    let asked = mint_asked(&world);
    // Long after the mint's list ended.
    world.double.pass(60 * 86_400);
    let paid = wallet.pay(world.invoice(37)).await.unwrap();
    assert_eq!((paid.amount, paid.swaps), (amount(37), 0));
    paid.receipt.unwrap().verify().unwrap();
    let last = world.double.with(|state| state.last_payment.clone()).unwrap();
    assert_eq!(last.payment.kind(), PaymentKind::Locked);
    assert_eq!(mint_asked(&world), asked);
    assert_eq!(sums(&wallet).await, (BUNDLE - 37, 0));
    // And again, with others.
    wallet.pay(world.invoice(37)).await.unwrap();
    assert_eq!(sums(&wallet).await, (BUNDLE - 74, 0));
    assert_eq!(world.double.with(|state| state.violations), 0);
}

#[tokio::test]
async fn held_tokens_are_of_no_other_use() {
    let (world, wallet) = World::new().await;
    hold(&world, &wallet, 12).await;
    let mint = world.double.id();
    assert!(matches!(wallet.send(&mint, &unit(), amount(4), None).await, Err(SendError::InsufficientFunds)));
    let swapped = wallet.swap(&mint, &unit(), farthing_wallet::SwapWhat::Renew(amount(12))).await;
    assert!(matches!(swapped, Err(IssueError::NoSuchTokens)));
    // Another payee gets none of them.
    let other = Keypair::generate(&mut rand::rng());
    world.double.with(|state| state.payee = other);
    assert!(matches!(wallet.pay(world.invoice(12)).await, Err(PayError::InsufficientFunds)));
    assert!(matches!(wallet.pay_by_hand(&world.invoice(12)).await, Err(PayError::NoHeldTokens)));
    assert_eq!(sums(&wallet).await, (12, 0));
    assert_eq!(wallet.expiries().await.unwrap(), []);
}

#[tokio::test]
async fn only_exact_amounts_are_made_of_them() {
    let (world, wallet) = World::new().await;
    hold(&world, &wallet, 12).await;
    for units in [1, 3, 5, 13] {
        let by_hand = wallet.pay_by_hand(&world.invoice(units)).await;
        assert!(matches!(by_hand, Err(PayError::NoHeldTokens)), "{units}");
        assert!(matches!(wallet.pay(world.invoice(units)).await, Err(PayError::InsufficientFunds)), "{units}");
    }
    // Own tokens pay what they cannot.
    world.withdraw(&wallet, 5).await;
    wallet.pay(world.invoice(5)).await.unwrap();
    assert_eq!(sums(&wallet).await, (12, 0));
    wallet.pay(world.invoice(8)).await.unwrap();
    wallet.pay(world.invoice(4)).await.unwrap();
    assert_eq!(wallet.held().await.unwrap(), []);
    assert_eq!(world.double.held().1, 17);
}

#[tokio::test]
async fn records_that_must_not_be_locked_to() {
    let (world, wallet) = World::new().await;
    let what = WithdrawWhat::Amount(amount(4));
    let mut bytes = world.double.recipient().to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = Recipient::from_bytes(&bytes).unwrap();
    let refused = wallet.withdraw_held(&forged, &unit(), what).await;
    assert!(matches!(refused, Err(IssueError::Mint(MintError::InvalidRecipient))));
    let payee = Keypair::generate(&mut rand::rng());
    let key = *LockKey::generate(&mut rand::rng()).public();
    let strange = farthing_protocol::identity::MintId::from_bytes([3; 32]);
    let elsewhere = Recipient::sign(&payee, key, vec![strange]).unwrap();
    let refused = wallet.withdraw_held(&elsewhere, &unit(), what).await;
    assert!(matches!(refused, Err(IssueError::Mint(MintError::Unknown))));
    assert_eq!(wallet.operations().await.unwrap(), []);
}

#[tokio::test]
async fn a_payment_is_handed_over_and_its_receipt_taken_in() {
    let (world, wallet) = ready().await;
    let nowhere = world.invoice_with(21, |draft| draft.endpoint = None);
    let asked = mint_asked(&world);
    let handed = wallet.pay_by_hand(&nowhere).await.unwrap();
    assert!(!handed.again);
    assert_eq!(sums(&wallet).await, (BUNDLE - 21, 21));
    let operations = wallet.operations().await.unwrap();
    assert_eq!((operations.len(), operations[0].stage), (1, Stage::Handed));
    // In another life, the same.
    drop(wallet);
    let wallet = world.open().await;
    let again = wallet.pay_by_hand(&nowhere).await.unwrap();
    assert_eq!((again.text.as_str(), again.op, again.again), (handed.text.as_str(), handed.op, true));
    assert_eq!(PayRequest::from_text(&handed.text).unwrap().request.hash(), nowhere.hash());
    // Nothing is sent anywhere by itself.
    assert!(wallet.resume().await.unwrap().is_empty());
    let receipt = world.double.take(&handed.text).unwrap();
    let paid = wallet.take_receipt(receipt).await.unwrap();
    assert_eq!((paid.op, paid.amount, paid.receipt), (handed.op, amount(21), Some(receipt)));
    assert_eq!(wallet.take_receipt(receipt).await.unwrap(), paid, "once more changes nothing");
    assert_eq!(wallet.operations().await.unwrap(), []);
    assert_eq!(sums(&wallet).await, (BUNDLE - 21, 0));
    assert_eq!(wallet.history().await.unwrap()[0].outcome, Outcome::Paid(Some(receipt)));
    assert_eq!((mint_asked(&world), world.double.asked(verifier_path::PAY)), (asked, 0));
    // What is handed over once more buys nothing more.
    assert_eq!(wallet.pay_by_hand(&nowhere).await.unwrap().text, handed.text);
    assert_eq!(world.double.take(&handed.text).unwrap(), receipt);
    assert_eq!(world.double.held().1, 21);
}

#[tokio::test]
async fn receipts_that_do_not_count_are_not_taken() {
    let (world, wallet) = ready().await;
    let invoice = world.invoice(5);
    let handed = wallet.pay_by_hand(&invoice).await.unwrap();
    for cheat in [Cheat::ForeignReceipt, Cheat::OtherReceipt, Cheat::DifferingHead] {
        world.double.with(|state| (state.cheat, state.spent) = (Some(cheat), Default::default()));
        let receipt = world.double.take(&handed.text).unwrap();
        let taken = wallet.take_receipt(receipt).await;
        match cheat {
            Cheat::OtherReceipt => {
                assert!(matches!(taken, Err(PayError::Store(StoreError::NoSuchOperation))), "{taken:?}");
            }
            _ => assert!(matches!(taken, Err(PayError::Unknown { .. })), "{taken:?}"),
        }
    }
    assert_eq!(sums(&wallet).await, (BUNDLE - 5, 5));
}

#[tokio::test]
async fn an_unknown_outcome_keeps_its_tokens_and_the_same_is_sent_again() {
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let (world, wallet) = ready().await;
        world.double.fail_next(verifier_path::PAY, fault.clone());
        let invoice = world.invoice(9);
        let Err(PayError::Unknown { op, .. }) = wallet.pay(invoice.clone()).await else { panic!("{fault:?}") };
        assert_eq!(sums(&wallet).await, (BUNDLE - 9, 9));
        assert!(matches!(wallet.pay(invoice.clone()).await, Err(PayError::InProgress { .. })));
        // It can be handed over as well: it is the same payment.
        assert_eq!(wallet.pay_by_hand(&invoice).await.unwrap().op, op);
        // Long after the invoice's time, which does not matter to what was accepted.
        if matches!(fault, Fault::LoseAnswer) {
            world.double.pass(100_000);
        }
        let resumed = wallet.resume().await.unwrap();
        assert!(resumed[0].result.is_ok(), "{fault:?}: {resumed:?}");
        assert_eq!(sums(&wallet).await, (BUNDLE - 9, 0));
        assert_eq!(world.double.held().1, 9);
        assert_eq!(world.double.with(|state| state.violations), 0);
    }
}

#[tokio::test]
async fn what_was_never_accepted_comes_back_when_its_payee_says_so() {
    let (world, wallet) = ready().await;
    world.double.fail_next(verifier_path::PAY, Fault::LoseRequest);
    assert!(matches!(wallet.pay(world.invoice(9)).await, Err(PayError::Unknown { .. })));
    world.double.pass(100_000);
    let resumed = wallet.resume().await.unwrap();
    let refused = resumed[0].result.as_ref().unwrap_err();
    assert!(matches!(refused, ResumeError::Pay(PayError::TakenBack { code: Some(Code::RequestExpired), .. })));
    assert_eq!(sums(&wallet).await, (BUNDLE, 0));
    assert_eq!(wallet.operations().await.unwrap(), []);
    wallet.pay(world.invoice(9)).await.unwrap();
}

#[tokio::test]
async fn a_refusal_gives_the_tokens_back_for_the_same_payee() {
    let (world, wallet) = World::new().await;
    hold(&world, &wallet, 12).await;
    world.double.with(|state| state.cheat = Some(Cheat::Refuse(Code::OfflineLimit)));
    let refused = wallet.pay(world.invoice(12)).await;
    assert!(matches!(refused, Err(PayError::TakenBack { code: Some(Code::OfflineLimit), .. })));
    assert_eq!(sums(&wallet).await, (12, 0));
    assert_eq!(wallet.history().await.unwrap()[0].outcome, Outcome::Failed);
    world.double.with(|state| state.cheat = None);
    wallet.pay(world.invoice(12)).await.unwrap();
    assert_eq!(world.double.held().1, 12);
}

#[tokio::test]
async fn a_payment_that_was_let_go_is_perhaps_paid() {
    let (world, wallet) = World::new().await;
    hold(&world, &wallet, 12).await;
    let handed = wallet.pay_by_hand(&world.invoice(12)).await.unwrap();
    world.double.take(&handed.text).unwrap();
    wallet.give_up(handed.op).await.unwrap();
    let held = view(&wallet).await;
    assert_eq!((held.payable, held.perhaps_paid, held.suspected), (amount(12), amount(12), amount(0)));
    // Its payee says that one of them was paid before. Which one shows when each is paid alone.
    for (units, payable, suspected) in [(12, 12, 0), (8, 4, 8), (4, 0, 12)] {
        let refused = wallet.pay(world.invoice(units)).await;
        assert!(matches!(refused, Err(PayError::TakenBack { code: Some(Code::DoubleSpend), .. })));
        let held = view(&wallet).await;
        assert_eq!((held.payable, held.suspected), (amount(payable), amount(suspected)));
    }
    assert!(matches!(wallet.pay_by_hand(&world.invoice(12)).await, Err(PayError::NoHeldTokens)));
    assert_eq!(world.double.held().1, 12);
}

#[tokio::test]
async fn a_payment_cannot_be_taken_back_from_its_payee() {
    let (world, wallet) = ready().await;
    world.double.fail_next(verifier_path::PAY, Fault::LoseAnswer);
    let Err(PayError::Unknown { op, cause: NoReceipt::Call(_) }) = wallet.pay(world.invoice(9)).await else {
        panic!("the answer came")
    };
    let asked = mint_asked(&world);
    wallet.give_up(op).await.unwrap();
    assert_eq!(mint_asked(&world), asked, "the mint has no say");
    assert_eq!(view(&wallet).await.perhaps_paid, amount(9));
}

#[tokio::test]
async fn held_tokens_come_back_from_the_words() {
    let (world, wallet) = World::new().await;
    hold(&world, &wallet, 12).await;
    world.withdraw(&wallet, 2).await;
    wallet.pay(world.invoice(4)).await.unwrap();
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let restored = lost.restore(&wallet).await;
    assert_eq!((restored.tokens, restored.perhaps_sent), (1, 0), "they are neither own nor given away");
    let held = view(&wallet).await;
    assert_eq!(held.payee, *lost.world.double.recipient().payee());
    // What was paid and deposited shows in the mint's filters.
    assert_eq!((held.payable, held.perhaps_paid, held.suspected), (amount(8), amount(8), amount(4)));
    lost.world.double.seal(0);
    lost.restore(&wallet).await;
    assert_eq!(wallet.confirm_restored().await.unwrap().renewed, 1, "nothing that is locked is renewed");
    wallet.pay(lost.world.invoice(8)).await.unwrap();
    assert_eq!(lost.world.double.held().1, 12);
}

/// A withdrawal of 37 that is held, and a payment of it.
struct Script {
    invoice: Invoice,
    begun: AtomicBool,
}

impl Script {
    /// Does what is not done yet. Whoever is interrupted calls it again.
    async fn run(&self, world: &World, wallet: &Wallet) -> Result<(), ()> {
        wallet.resume().await.map_err(drop)?;
        if !wallet.operations().await.map_err(drop)?.is_empty() {
            return Err(());
        }
        let held = wallet.held().await.map_err(drop)?;
        if held.is_empty() && world.double.held().1 == 0 {
            let what = WithdrawWhat::Amount(amount(37));
            wallet.withdraw_held(&world.double.recipient(), &unit(), what).await.map_err(drop)?;
        }
        self.begun.store(true, Ordering::SeqCst);
        wallet.pay(self.invoice.clone()).await.map(drop).map_err(drop)
    }
}

#[tokio::test]
async fn dying_anywhere_while_holding_and_paying() {
    let mut steps = 0;
    for call in 1.. {
        let (world, wallet) = World::new().await;
        drop(wallet);
        let script = Script { invoice: world.invoice(37), begun: AtomicBool::new(false) };
        let calls = Arc::new(AtomicU32::new(0));
        for _ in 0..4 {
            let (calls, dead) = (Arc::clone(&calls), AtomicBool::new(false));
            let hook = move |_| {
                let now = calls.fetch_add(1, Ordering::SeqCst) + 1;
                dead.fetch_or(now == call || now == call + 1, Ordering::SeqCst) || now == call || now == call + 1
            };
            let wallet = Wallet::open(world.path(), protection().unlock(), world.options().hook(hook)).await.unwrap();
            let done = script.run(&world, &wallet).await;
            drop(wallet);
            if done.is_ok() {
                break;
            }
        }
        let wallet = world.open().await;
        script.run(&world, &wallet).await.unwrap();
        assert_eq!(world.double.held().1, 37, "at {call}");
        assert_eq!(wallet.held().await.unwrap(), []);
        // The fee of the withdrawal is one.
        world.assert_settled(&wallet, 1).await;
        if calls.load(Ordering::SeqCst) < call {
            break;
        }
        steps = call;
    }
    assert!(steps > 8, "only {steps} steps");
}

#[tokio::test]
async fn a_payee_with_a_new_key_is_paid_with_what_is_locked_to_him() {
    let (world, wallet) = ready().await;
    let before = *world.double.recipient().payee();
    let first = wallet.pay_by_hand(&world.invoice_with(5, |draft| draft.endpoint = None)).await.unwrap();
    let old = world.double.with(|state| std::mem::replace(&mut state.payee, Keypair::generate(&mut rand::rng())));
    let refused = wallet.pay_by_hand(&world.invoice(8)).await;
    assert!(matches!(refused, Err(PayError::NoHeldTokens)));
    // Another lock's record takes nothing along, nor one that its payee did not sign.
    let mine = Keypair::generate(&mut rand::rng());
    let strange = *LockKey::generate(&mut rand::rng()).public();
    let strange = Recipient::sign(&mine, strange, vec![world.double.id()]).unwrap();
    assert_eq!(wallet.follow(&strange).await.unwrap().tokens, 0);
    let mut forged = world.double.recipient().to_bytes();
    *forged.last_mut().unwrap() ^= 1;
    let forged = wallet.follow(&Recipient::from_bytes(&forged).unwrap()).await;
    assert!(matches!(forged, Err(MintError::InvalidRecipient)));

    let record = world.double.recipient();
    let found = wallet.followed_by(&record).await.unwrap();
    assert_eq!((found.before.as_slice(), found.tokens), (&[before][..], 18));
    assert_eq!(view(&wallet).await.payee, before, "asking changes nothing");
    assert_eq!(wallet.follow(&record).await.unwrap(), found);
    assert_eq!(wallet.follow(&record).await.unwrap().tokens, 0, "again changes nothing");
    let held = view(&wallet).await;
    assert_eq!((held.payee, sums(&wallet).await), (*record.payee(), (BUNDLE - 5, 5)));
    wallet.pay(world.invoice(8)).await.unwrap().receipt.unwrap().verify().unwrap();
    assert_eq!(sums(&wallet).await, (BUNDLE - 13, 5));

    // What was begun stays the same payment of the old key, who still answers it.
    world.double.with(|state| state.payee = old);
    let receipt = world.double.take(&first.text).unwrap();
    wallet.take_receipt(receipt).await.unwrap();
    assert_eq!(sums(&wallet).await, (BUNDLE - 13, 0));
}
