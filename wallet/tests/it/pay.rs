//! Payees that cheat, invoices that must not be paid, payments whose outcome is not known.

use std::sync::Arc;

use farthing_http::problem::Code;
use farthing_protocol::api::{mint_path, verifier_path};
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{ChainHead, Revocation};
use farthing_protocol::request::Invoice;
use farthing_wallet::{
    IssueError, MintError, NoReceipt, Outcome, PayError, ResumeError, Resumption, Stage, Step, Wallet,
};

use crate::double::{Cheat, DAY, amount, unit};
use crate::http::Fault;
use crate::world::{World, protection};

async fn rich() -> (World, Wallet) {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 37).await;
    (world, wallet)
}

#[tokio::test]
async fn invoices_that_must_not_be_paid() {
    let (world, wallet) = rich().await;
    let mut bytes = world.invoice(5).to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = Invoice::from_bytes(&bytes).unwrap();
    assert!(matches!(wallet.pay(forged).await, Err(PayError::InvalidInvoice)));
    let late = world.invoice_with(5, |draft| draft.expires_at = world.double.now());
    assert!(matches!(wallet.pay(late).await, Err(PayError::Expired)));
    let nowhere = world.invoice_with(5, |draft| draft.endpoint = None);
    assert!(matches!(wallet.pay(nowhere).await, Err(PayError::NoEndpoint)));
    let strange = world.invoice_with(5, |draft| draft.endpoint = Some("file:///x".to_owned()));
    assert!(matches!(wallet.pay(strange).await, Err(PayError::NoEndpoint)));
    let foreign =
        world.invoice_with(5, |draft| draft.mints[0].mint = farthing_protocol::identity::MintId::from_bytes([3; 32]));
    assert!(matches!(wallet.pay(foreign).await, Err(PayError::NoCommonMint)));
    let dollars = world.invoice_with(5, |draft| draft.unit = farthing_protocol::amount::Unit::new("USD", 2).unwrap());
    assert!(matches!(wallet.pay(dollars).await, Err(PayError::NoCommonMint)));
    assert!(matches!(wallet.pay(world.invoice(38)).await, Err(PayError::InsufficientFunds)));
    assert_eq!(world.double.asked(verifier_path::PAY), 0);
    assert_eq!(world.balance(&wallet).await, (37, 0));
}

#[tokio::test]
async fn heads_are_compared_before_paying() {
    let (world, wallet) = rich().await;
    let other = world.invoice_with(5, |draft| draft.mints[0].head.keyset = KeysetId::from_bytes([9; 32]));
    let Err(PayError::HeadDiffers { evidence }) = wallet.pay(other).await else { panic!("paid") };
    assert!(evidence.exists());
    let kept: Invoice = serde_json::from_value(world.evidence()[0]["invoice"].clone()).unwrap();
    kept.verify().unwrap();
    let unlisted = ChainHead { sequence: 1, keyset: KeysetId::from_bytes([9; 32]) };
    let ahead = world.invoice_with(5, |draft| draft.mints[0].head = unlisted);
    assert!(matches!(wallet.pay(ahead).await, Err(PayError::HeadUnknown)));
    assert_eq!(world.double.asked(verifier_path::PAY), 0);
    // A head that the mint lists is fetched.
    world.double.pass(10);
    world.double.with(|state| state.add_keyset());
    wallet.pay(world.invoice(5)).await.unwrap();
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn receipts_that_do_not_count() {
    for (cheat, cause) in [
        (Cheat::ForeignReceipt, NoReceipt::Invalid),
        (Cheat::OtherReceipt, NoReceipt::Invalid),
        (Cheat::DifferingHead, NoReceipt::Head),
    ] {
        let (world, wallet) = rich().await;
        world.double.with(|state| state.cheat = Some(cheat));
        let unknown = wallet.pay(world.invoice(5)).await;
        let Err(PayError::Unknown { cause: found, .. }) = unknown else { panic!("{cheat:?}: {unknown:?}") };
        assert_eq!(found, cause);
        assert_eq!(world.balance(&wallet).await, (32, 5));
        assert_eq!(world.evidence().len(), usize::from(cheat == Cheat::DifferingHead));
        // The mint says how it was.
        world.double.pass(901);
        let Ok(Resumption::Paid(paid)) = wallet.resume().await.unwrap().remove(0).result else { panic!("{cheat:?}") };
        assert_eq!(paid.receipt, None);
        world.assert_settled(&wallet, 1).await;
    }
}

#[tokio::test]
async fn a_refused_payment_is_taken_back_and_can_never_be_accepted() {
    for code in [Code::RequestTaken, Code::WrongRequest, Code::DoubleSpend, Code::AcceptedElsewhere, Code::UnknownMint]
    {
        let (world, wallet) = rich().await;
        world.double.with(|state| state.cheat = Some(Cheat::Refuse(code)));
        let refused = wallet.pay(world.invoice(5)).await;
        let Err(PayError::TakenBack { code: Some(found), .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(found, code);
        assert_eq!(world.balance(&wallet).await, (37, 0));
        world.double.with(|state| state.cheat = None);
        assert_eq!(world.double.replay().unwrap_err().code(), Code::DoubleSpend);
        world.assert_settled(&wallet, 1).await;
    }
}

#[tokio::test]
async fn what_is_being_settled_is_never_sent_again() {
    let (world, wallet) = rich().await;
    drop(wallet);
    world.double.with(|state| state.cheat = Some(Cheat::Refuse(Code::RequestTaken)));
    let wallet = world.open_until(Step::SettlementStored).await;
    assert!(wallet.pay(world.invoice(5)).await.is_err());
    drop(wallet);
    // Though the payee would take it now, and its time has not passed.
    world.double.with(|state| state.cheat = None);
    let wallet = world.open().await;
    assert_eq!(wallet.operations().await.unwrap()[0].stage, Stage::Settling);
    let settled = wallet.resume().await.unwrap().remove(0).result;
    assert!(matches!(settled, Ok(Resumption::TakenBack(_))), "{settled:?}");
    assert_eq!(world.double.asked(verifier_path::PAY), 1);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_payee_who_refuses_and_deposits_was_paid() {
    let (world, wallet) = rich().await;
    world.double.with(|state| state.cheat = Some(Cheat::RefuseAndKeep(Code::RequestExpired)));
    let paid = wallet.pay(world.invoice(5)).await.unwrap();
    assert_eq!(paid.receipt, None);
    assert_eq!(world.balance(&wallet).await, (32, 0));
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn nothing_sent_is_nothing_paid() {
    let (world, wallet) = rich().await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let invoice = world.invoice_with(5, |draft| draft.endpoint = Some(closed));
    assert!(matches!(wallet.pay(invoice).await, Err(PayError::NotSent(_))));
    assert_eq!(world.balance(&wallet).await, (37, 0));
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn an_unknown_payment_is_asked_again_in_time() {
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let (world, wallet) = rich().await;
        wallet.resume().await.unwrap();
        world.double.fail_next(verifier_path::PAY, fault);
        let invoice = world.invoice(5);
        let Err(PayError::Unknown { op, .. }) = wallet.pay(invoice.clone()).await else { panic!("known") };
        // Its tokens are nobody else's, and the invoice is not paid twice.
        assert_eq!(world.balance(&wallet).await, (32, 5));
        assert!(matches!(wallet.pay(invoice).await, Err(PayError::InProgress { op: other }) if other == op));
        let Ok(Resumption::Paid(paid)) = wallet.resume().await.unwrap().remove(0).result else { panic!("unpaid") };
        assert!(paid.receipt.is_some());
        world.assert_settled(&wallet, 1).await;
    }
}

#[tokio::test]
async fn an_unknown_payment_is_settled_afterwards() {
    let (world, wallet) = rich().await;
    world.double.fail_next(verifier_path::PAY, Fault::LoseRequest);
    assert!(wallet.pay(world.invoice(5)).await.is_err());
    world.double.pass(901);
    let settled = wallet.resume().await.unwrap().remove(0).result;
    assert!(matches!(settled, Ok(Resumption::TakenBack(value)) if value == amount(5)));
    assert_eq!(world.balance(&wallet).await, (37, 0));

    // Accepted meanwhile: the payee's receipt says so.
    world.double.fail_next(verifier_path::PAY, Fault::LoseAnswer);
    assert!(wallet.pay(world.invoice(5)).await.is_err());
    world.double.pass(901);
    let settled = wallet.resume().await.unwrap().remove(0).result;
    assert!(matches!(settled, Ok(Resumption::Paid(paid)) if paid.receipt.is_some()));
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_payment_can_be_given_up() {
    let (world, wallet) = rich().await;
    for (fault, back) in [(Fault::LoseRequest, true), (Fault::LoseAnswer, false)] {
        world.double.fail_next(verifier_path::PAY, fault);
        let Err(PayError::Unknown { op, .. }) = wallet.pay(world.invoice(5)).await else { panic!("known") };
        match wallet.give_up(op).await.unwrap() {
            Some(Resumption::TakenBack(_)) => assert!(back),
            Some(Resumption::Paid(paid)) => assert!(!back && paid.receipt.is_some()),
            other => panic!("{other:?}"),
        }
    }
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_reusable_invoice_is_paid_each_time() {
    let (world, wallet) = rich().await;
    let invoice = world.invoice_with(4, |draft| draft.reusable = true);
    let first = wallet.pay(invoice.clone()).await.unwrap();
    let second = wallet.pay(invoice).await.unwrap();
    assert_ne!(first.op, second.op);
    assert_eq!(world.double.held().1, 8);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn tokens_spent_by_a_copy_of_the_wallet_are_found_lost() {
    let (world, wallet) = rich().await;
    drop(wallet);
    let copy = world.copy();
    let wallet = world.open().await;
    wallet.pay(world.invoice(37)).await.unwrap();
    let other = Wallet::open(copy.path(), protection().unlock(), world.options()).await.unwrap();
    let lost = other.pay(world.invoice(37)).await;
    assert!(matches!(lost, Err(PayError::Issue(IssueError::SpentElsewhere { .. }))), "{lost:?}");
    // Of three tokens nobody says which is spent: each is tried alone.
    assert_eq!(world.balance(&other).await, (0, 37));
    let resumed = other.resume().await.unwrap();
    assert_eq!(resumed.len(), 3);
    for one in resumed {
        assert!(matches!(one.result, Err(ResumeError::Issue(IssueError::SpentElsewhere { .. }))));
    }
    assert_eq!(world.balance(&other).await, (0, 0));
    assert_eq!(other.operations().await.unwrap(), []);
}

#[tokio::test]
async fn two_payments_at_once_never_share_a_token() {
    let (world, wallet) = World::new().await;
    wallet.withdraw(&world.double.id(), &unit(), farthing_wallet::WithdrawWhat::Bundle(0)).await.unwrap();
    let payments: Vec<_> = (0..6)
        .map(|_| {
            let (wallet, invoice) = (wallet.clone(), world.invoice(21));
            tokio::spawn(async move { wallet.pay(invoice).await })
        })
        .collect();
    for payment in payments {
        payment.await.unwrap().unwrap();
    }
    assert_eq!(world.double.held().1, 126);
    world.assert_settled(&wallet, 2).await;
}

#[tokio::test]
async fn what_was_gone_on_with_is_not_gone_on_with_again_before_paying() {
    let (world, wallet) = rich().await;
    world.double.fail_next(verifier_path::PAY, Fault::LoseRequest);
    assert!(wallet.pay(world.invoice(5)).await.is_err());
    drop(wallet);
    let wallet = world.open().await;
    world.double.fail_next(verifier_path::PAY, Fault::LoseRequest);
    assert!(wallet.resume().await.unwrap()[0].result.is_err());
    let asked = world.double.asked(verifier_path::PAY);
    wallet.pay(world.invoice(32)).await.unwrap();
    assert_eq!(world.double.asked(verifier_path::PAY), asked + 1);
    assert!(wallet.resume().await.unwrap()[0].result.is_ok());
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn operations_do_not_wait_for_one_another() {
    let (world, wallet) = rich().await;
    for units in [1, 4, 32] {
        world.double.fail_next(verifier_path::PAY, Fault::LoseRequest);
        assert!(wallet.pay(world.invoice(units)).await.is_err());
    }
    let barrier = Arc::new(tokio::sync::Barrier::new(3));
    for _ in 0..3 {
        world.double.fail_next(verifier_path::PAY, Fault::Together(Arc::clone(&barrier)));
    }
    let resumed = wallet.resume().await.unwrap();
    assert!(resumed.iter().all(|one| one.result.is_ok()));
    assert!(resumed.is_sorted_by_key(|one| one.op));
    assert_eq!(world.double.held().1, 37);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_payment_is_settled_after_a_day_however_long_its_invoice_lives() {
    let (world, wallet) = rich().await;
    let long = world.invoice_with(5, |draft| draft.expires_at = world.double.now().plus(6 * DAY));
    world.double.fail_next(verifier_path::PAY, Fault::LoseRequest);
    assert!(wallet.pay(long).await.is_err());
    world.double.pass(DAY);
    let settled = wallet.resume().await.unwrap().remove(0).result;
    assert!(matches!(settled, Ok(Resumption::TakenBack(value)) if value == amount(5)), "{settled:?}");
    assert_eq!(world.double.asked(verifier_path::PAY), 1);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_settlement_that_comes_too_late_asks_the_payee_and_ends() {
    for (fault, accepted) in [(Fault::LoseRequest, false), (Fault::LoseAnswer, true)] {
        let (world, wallet) = rich().await;
        world.double.fail_next(verifier_path::PAY, fault);
        assert!(wallet.pay(world.invoice(5)).await.is_err());
        // It is being settled, though the payee's receipt cannot be had, nor the mint be asked.
        world.double.pass(901);
        world.double.fail_next("/v1/payments", Fault::LoseRequest);
        world.double.fail_next(mint_path::OPEN, Fault::LoseRequest);
        assert!(wallet.resume().await.unwrap()[0].result.is_err());
        assert_eq!(wallet.operations().await.unwrap()[0].stage, Stage::Settling);
        // The keyset ends, and the mint has no other.
        world.double.pass(455 * DAY);
        let resumed = wallet.resume().await.unwrap().remove(0).result;
        if accepted {
            assert!(matches!(resumed, Ok(Resumption::Paid(paid)) if paid.receipt.is_some()));
        } else {
            let ended =
                |result| matches!(result, Err(ResumeError::Pay(PayError::Issue(IssueError::TokensEnded { .. }))));
            assert!(ended(resumed));
            assert_eq!(world.balance(&wallet).await, (0, 5));
            world.double.pass(30 * DAY);
            assert!(ended(wallet.resume().await.unwrap().remove(0).result));
            assert_eq!(world.balance(&wallet).await, (0, 0));
            let history = wallet.history().await.unwrap();
            assert!(history.iter().any(|entry| entry.outcome == Outcome::TokensEnded));
        }
        assert_eq!(wallet.operations().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_payment_is_settled_with_a_mint_that_was_caught_cheating() {
    let (world, wallet) = rich().await;
    world.double.fail_next(verifier_path::PAY, Fault::LoseRequest);
    assert!(wallet.pay(world.invoice(5)).await.is_err());
    world.double.pass(8 * DAY);
    world.double.with(|state| {
        let (_, other) = state.make(state.next_terms_at(0, None));
        let list = state.list(world.double.now(), other.head());
        let keysets = vec![other.document().clone()];
        state.answer = Some(farthing_protocol::api::KeysetsAnswer { list, keysets });
    });
    assert!(wallet.refresh_mint(&world.double.id()).await.is_err());
    assert!(wallet.mints()[0].refused);
    world.double.with(|state| state.answer = None);
    let settled = wallet.resume().await.unwrap().remove(0).result;
    assert!(matches!(settled, Ok(Resumption::TakenBack(_))), "{settled:?}");
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_paid_invoice_stays_paid_when_its_time_has_passed() {
    let (world, wallet) = rich().await;
    let invoice = world.invoice(5);
    assert!(!wallet.read_invoice(&invoice).await.unwrap().paid);
    // Accepted, says the mint; the payee gives no receipt.
    world.double.fail_next(verifier_path::PAY, Fault::LieAfter(Code::RequestExpired.into()));
    world.double.fail_next("/v1/payments", Fault::LoseRequest);
    let paid = wallet.pay(invoice.clone()).await.unwrap();
    assert_eq!(paid.receipt, None);
    world.double.pass(901);
    assert!(wallet.read_invoice(&invoice).await.unwrap().paid);
    let again = wallet.pay(invoice.clone()).await.unwrap();
    assert_eq!(again.op, paid.op);
    again.receipt.unwrap().verify().unwrap();
    let asked = world.double.asked(verifier_path::PAY);
    // Kept now.
    world.double.with(|state| state.cheat = Some(Cheat::Refuse(Code::RequestExpired)));
    assert_eq!(wallet.pay(invoice).await.unwrap(), again);
    assert_eq!(world.double.asked(verifier_path::PAY), asked);
    let history = wallet.history().await.unwrap();
    assert!(history.iter().any(|entry| entry.outcome == Outcome::Paid(again.receipt)));
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_keyset_revoked_ahead_of_the_clock_is_not_paid_with() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 32).await;
    world.double.with(|state| state.add_keyset());
    world.double.pass(90 * DAY);
    wallet.refresh_mint(&world.double.id()).await.unwrap();
    world.withdraw(&wallet, 5).await;
    world.double.pass(10);
    world.double.with(|state| {
        let keyset = *state.keysets[1].1.id();
        state.revocations.push(Revocation { keyset, revoked_at: world.double.now().plus(100) });
    });
    wallet.refresh_mint(&world.double.id()).await.unwrap();
    assert!(wallet.mints()[0].units[0].active.is_none());
    // The older keyset's tokens are enough, not exact, and there is nothing to swap them into.
    let refused = wallet.pay(world.invoice(5)).await;
    assert!(matches!(refused, Err(PayError::Mint(MintError::NoActiveKeyset))), "{refused:?}");
    let what = farthing_wallet::WithdrawWhat::Amount(amount(1));
    let refused = wallet.withdraw(&world.double.id(), &unit(), what).await;
    assert!(matches!(refused, Err(IssueError::Mint(MintError::NoActiveKeyset))), "{refused:?}");
    assert_eq!(wallet.operations().await.unwrap(), []);
    wallet.pay(world.invoice(32)).await.unwrap();
}
