//! A key of the mint leaked: what the wallet claims, whatever comes between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use farthing_http::problem::Code;
use farthing_protocol::api::{RecoupState, mint_path, verifier_path};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::text::TextForm;
use farthing_protocol::token::TextToken;
use farthing_wallet::{Outcome, ReceiveError, RecoupError, RecoupView, SwapWhat, Wallet, WithdrawWhat};

use crate::claims::{Mood, WINDOW};
use crate::double::{amount, unit};
use crate::http::Fault;
use crate::world::{World, protection};

/// A wallet that holds 37 of a keyset that was revoked, and knows it.
async fn revoked() -> (World, Wallet, KeysetId) {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 37).await;
    let keyset = world.double.revoke();
    wallet.refresh_mint(&world.double.id()).await.unwrap();
    (world, wallet, keyset)
}

async fn recoup(world: &World, wallet: &Wallet, keyset: &KeysetId) -> Result<RecoupView, RecoupError> {
    wallet.recoup(&world.double.id(), keyset).await
}

/// What was waiting, paid and lost of the last recoup.
async fn stands(wallet: &Wallet) -> (u64, u64, u64) {
    let view = wallet.recoups().await.unwrap().remove(0);
    (view.waiting.units(), view.paid.units(), view.lost.units())
}

fn account(world: &World, wallet: &Wallet) -> u64 {
    let key = wallet.account(&world.double.id());
    world.double.with(|state| state.accounts[&key])
}

/// After the withdrawal of 37, whose fee is one.
const LEFT: u64 = 10_000 - 38;

#[tokio::test]
async fn tokens_are_claimed_filed_and_paid_later() {
    let (world, wallet, keyset) = revoked().await;
    let found = wallet.recoupable().await.unwrap().remove(0);
    assert_eq!((found.keyset, found.amount.units(), found.tokens, found.in_payments.units()), (keyset, 37, 3, 0));
    let view = recoup(&world, &wallet, &keyset).await.unwrap();
    assert_eq!((view.claimed.units(), view.waiting.units(), view.paid.units()), (37, 37, 0));
    assert!(wallet.recoupable().await.unwrap().is_empty());
    let asked = world.double.asked(mint_path::RECOUP_CLAIM);
    assert_eq!(asked, 3, "each token by itself");
    // As long as nothing can have become of them nobody is asked.
    wallet.resume().await.unwrap();
    assert_eq!(world.double.asked(mint_path::RECOUP_CLAIM), asked);
    assert!(matches!(recoup(&world, &wallet, &keyset).await, Err(RecoupError::Nothing)));
    world.double.pass(WINDOW);
    wallet.resume().await.unwrap();
    assert_eq!(stands(&wallet).await, (0, 37, 0));
    assert_eq!(account(&world, &wallet), LEFT + 37);
    assert_eq!(wallet.history().await.unwrap()[0].outcome, Outcome::Recouped(amount(37)));
    world.withdraw(&wallet, 37).await;
    assert_eq!(world.balance(&wallet).await, (37, 0));
    world.assert_settled(&wallet, 2).await;
}

#[tokio::test]
async fn only_what_is_revoked_is_claimed() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 3).await;
    let keyset = world.double.with(|state| *state.keysets[0].1.id());
    assert!(matches!(recoup(&world, &wallet, &keyset).await, Err(RecoupError::NotRevoked)));
    assert_eq!(world.double.asked(mint_path::RECOUP_CLAIM), 0);
    // Swapped before, its tokens are of the next keyset and none of them is shown.
    world.double.pass(1);
    let (other, wallet, keyset) = revoked().await;
    other.withdraw(&wallet, 5).await;
    let view = recoup(&other, &wallet, &keyset).await.unwrap();
    assert_eq!(view.claimed.units(), 37);
    assert_eq!(other.balance(&wallet).await.0, 5);
    drop(world);
}

/// Does what is not done yet, and says whether nothing is left to be done but to wait.
async fn go_on(world: &World, wallet: &Wallet, keyset: &KeysetId) -> Result<(), ()> {
    let resumed = wallet.resume().await.map_err(drop)?;
    if resumed.iter().any(|one| one.result.is_err()) {
        return Err(());
    }
    match recoup(world, wallet, keyset).await {
        Ok(_) | Err(RecoupError::Nothing) => Ok(()),
        Err(_) => Err(()),
    }
}

async fn open_dying_at(world: &World, calls: &Arc<AtomicU32>, at: u32) -> Wallet {
    let (calls, dead) = (Arc::clone(calls), AtomicBool::new(false));
    let hook = move |_| {
        let now = calls.fetch_add(1, Ordering::SeqCst) + 1 == at;
        // Once dead, it does nothing more.
        dead.fetch_or(now, Ordering::SeqCst) || now
    };
    Wallet::open(world.path(), protection().unlock(), world.options().hook(hook)).await.unwrap()
}

#[tokio::test]
async fn dying_anywhere_it_claims_once_and_is_paid_once() {
    for waits in [false, true] {
        let mut call = 1;
        loop {
            let (world, wallet, keyset) = revoked().await;
            if waits {
                // Filed already: it dies while it asks what became of it.
                recoup(&world, &wallet, &keyset).await.unwrap();
                world.double.pass(WINDOW);
            }
            drop(wallet);
            let calls = Arc::new(AtomicU32::new(0));
            let wallet = open_dying_at(&world, &calls, call).await;
            let done = go_on(&world, &wallet, &keyset).await;
            drop(wallet);
            let wallet = world.open().await;
            go_on(&world, &wallet, &keyset).await.unwrap();
            assert_eq!(wallet.recoups().await.unwrap().len(), 1, "at {call}");
            world.double.pass(WINDOW);
            wallet.resume().await.unwrap();
            assert_eq!(stands(&wallet).await, (0, 37, 0), "at {call}");
            assert_eq!(account(&world, &wallet), LEFT + 37, "at {call}");
            world.assert_settled(&wallet, 1).await;
            if done.is_ok() && calls.load(Ordering::SeqCst) < call {
                break;
            }
            call += 1;
        }
        assert!(call > 10, "only {call} steps");
    }
}

#[tokio::test]
async fn lost_messages_and_a_busy_mint_change_nothing() {
    let busy = || Fault::Refuse(Code::Overloaded.into());
    for fault in [Fault::LoseRequest, Fault::LoseAnswer, Fault::Refuse(Code::Unavailable.into()), busy()] {
        for healthy in [0, 2] {
            let (world, wallet, keyset) = revoked().await;
            world.double.with(|state| state.healthy = healthy);
            world.double.fail_next(mint_path::RECOUP_CLAIM, fault.clone());
            let pending = recoup(&world, &wallet, &keyset).await;
            assert!(matches!(pending, Err(RecoupError::Pending { .. })), "{pending:?}");
            assert_eq!(wallet.operations().await.unwrap().len(), 1);
            go_on(&world, &wallet, &keyset).await.unwrap();
            assert_eq!(stands(&wallet).await, (37, 0, 0));
            world.double.pass(WINDOW);
            world.double.with(|state| state.healthy = 0);
            world.double.fail_next(mint_path::RECOUP_CLAIM, fault.clone());
            wallet.resume().await.unwrap();
            wallet.resume().await.unwrap();
            assert_eq!(stands(&wallet).await, (0, 37, 0));
            assert_eq!(account(&world, &wallet), LEFT + 37);
            world.assert_settled(&wallet, 1).await;
        }
    }
}

#[tokio::test]
async fn a_mint_that_refuses_or_answers_nonsense_gets_nothing_thrown_away() {
    let moods =
        [Mood::Refuse(Code::KeysetNotRevoked), Mood::Refuse(Code::WrongRequest), Mood::NoTokens, Mood::TwoTokens];
    for mood in moods {
        let (world, wallet, keyset) = revoked().await;
        world.double.mood(Some(mood));
        let refused = recoup(&world, &wallet, &keyset).await;
        assert!(matches!(refused, Err(RecoupError::Refused { .. })), "{mood:?}: {refused:?}");
        assert_eq!(world.double.asked(mint_path::RECOUP_CLAIM), 3, "one that is refused costs the others nothing");
        assert_eq!(stands(&wallet).await, (37, 0, 0), "{mood:?}");
        // It is asked again, with the same bytes, and thinks better of it.
        world.double.mood(None);
        go_on(&world, &wallet, &keyset).await.unwrap();
        world.double.pass(WINDOW);
        wallet.resume().await.unwrap();
        assert_eq!(stands(&wallet).await, (0, 37, 0), "{mood:?}");
        world.assert_settled(&wallet, 1).await;
    }
}

#[tokio::test]
async fn claims_that_a_mint_does_not_take_can_be_given_up() {
    let (world, wallet, keyset) = revoked().await;
    world.double.mood(Some(Mood::Refuse(Code::WrongRequest)));
    let Err(RecoupError::Refused { op, .. }) = recoup(&world, &wallet, &keyset).await else { panic!("it is refused") };
    wallet.give_up(op).await.unwrap();
    assert_eq!(stands(&wallet).await, (0, 0, 37));
    assert_eq!((wallet.operations().await.unwrap(), account(&world, &wallet)), (vec![], LEFT));
    // What is filed is waited for.
    let (world, wallet, keyset) = revoked().await;
    let view = recoup(&world, &wallet, &keyset).await.unwrap();
    assert!(wallet.give_up(view.op).await.is_err());
    assert_eq!(stands(&wallet).await, (37, 0, 0));
}

#[tokio::test]
async fn what_a_mint_decides_is_told_as_it_was_decided() {
    let moods = [
        Mood::Says(RecoupState::Excluded),
        Mood::Says(RecoupState::PaidToAnother),
        Mood::Refuse(Code::IssuanceExcluded),
        // It was put back from an older copy, does not know where the tokens came from, and never will.
        Mood::Refuse(Code::InvalidProof),
        Mood::Refuse(Code::NotDecidedHere),
    ];
    for mood in moods {
        let (world, wallet, keyset) = revoked().await;
        world.double.mood(Some(mood));
        recoup(&world, &wallet, &keyset).await.unwrap();
        assert_eq!(stands(&wallet).await, (0, 0, 37), "{mood:?}");
        assert_eq!(wallet.history().await.unwrap()[0].outcome, Outcome::Recouped(amount(0)));
        assert_eq!(account(&world, &wallet), LEFT);
        assert_eq!(wallet.operations().await.unwrap(), []);
        assert!(wallet.recoupable().await.unwrap().is_empty());
    }
}

/// The mint's clock may be ahead.
#[tokio::test]
async fn that_it_is_too_late_is_believed_by_the_wallets_own_clock() {
    for mood in [Mood::Says(RecoupState::Unpaid), Mood::Refuse(Code::KeysetEnded)] {
        let (world, wallet, keyset) = revoked().await;
        world.double.mood(Some(mood));
        let refused = recoup(&world, &wallet, &keyset).await;
        assert!(matches!(refused, Err(RecoupError::Refused { .. })), "{mood:?}: {refused:?}");
        assert_eq!(stands(&wallet).await, (37, 0, 0), "{mood:?}");
        world.double.pass(2 * 366 * crate::double::DAY);
        go_on(&world, &wallet, &keyset).await.unwrap();
        assert_eq!(stands(&wallet).await, (0, 0, 37), "{mood:?}");
        assert_eq!(wallet.operations().await.unwrap(), []);
    }
}

/// A mint that says *paid* and pays nothing is believed about its own books: the account, which it shows, says otherwise.
#[tokio::test]
async fn a_mint_that_lies_about_having_paid_is_found_out_by_the_account() {
    let (world, wallet, keyset) = revoked().await;
    world.double.mood(Some(Mood::Says(RecoupState::Paid)));
    recoup(&world, &wallet, &keyset).await.unwrap();
    assert_eq!(stands(&wallet).await, (0, 37, 0));
    let balance = wallet.account_balance(&world.double.id()).await.unwrap().remove(0);
    assert_eq!(balance.balance.units(), LEFT);
}

#[tokio::test]
async fn a_mint_that_always_pays_tomorrow_is_asked_again_each_day() {
    let (world, wallet, keyset) = revoked().await;
    world.double.mood(Some(Mood::Later));
    recoup(&world, &wallet, &keyset).await.unwrap();
    let mut asked = world.double.asked(mint_path::RECOUP_CLAIM);
    for _ in 0..3 {
        wallet.resume().await.unwrap();
        assert_eq!(world.double.asked(mint_path::RECOUP_CLAIM), asked);
        world.double.pass(crate::double::DAY);
        wallet.resume().await.unwrap();
        asked += 3;
        assert_eq!(world.double.asked(mint_path::RECOUP_CLAIM), asked);
        assert_eq!(stands(&wallet).await, (37, 0, 0));
    }
    world.double.mood(None);
    world.double.pass(WINDOW);
    wallet.resume().await.unwrap();
    assert_eq!(stands(&wallet).await, (0, 37, 0));
}

/// Accepted before the revocation, and the receipt was lost; or never accepted.
#[tokio::test]
async fn payments_without_a_receipt_are_claimed_and_told_apart() {
    for accepted in [false, true] {
        let (world, wallet) = World::new().await;
        world.withdraw(&wallet, 37).await;
        let fault = if accepted { Fault::LoseAnswer } else { Fault::LoseRequest };
        world.double.fail_next(verifier_path::PAY, fault);
        assert!(wallet.pay(world.invoice(37)).await.is_err());
        let keyset = world.double.revoke();
        wallet.refresh_mint(&world.double.id()).await.unwrap();
        let found = wallet.recoupable().await.unwrap();
        if accepted {
            // The payee is asked first, and says so.
            assert!(found.is_empty() || found[0].in_payments == found[0].amount);
            world.double.with(|state| state.cheat = Some(crate::double::Cheat::Refuse(Code::Unavailable)));
        }
        let view = recoup(&world, &wallet, &keyset).await;
        let paid = world.double.held().1;
        assert_eq!(paid, if accepted { 37 } else { 0 });
        drop(view);
        world.double.pass(WINDOW);
        world.double.with(|state| state.cheat = None);
        wallet.resume().await.unwrap();
        let history = wallet.history().await.unwrap();
        let paid_for = history.iter().any(|entry| matches!(entry.outcome, Outcome::Paid(_)));
        assert_eq!(paid_for, accepted, "{history:?}");
        assert_eq!(account(&world, &wallet), if accepted { LEFT } else { LEFT + 37 });
        assert_eq!(wallet.operations().await.unwrap(), []);
    }
}

/// A withdrawal that was on its way when the keyset was revoked is not lost: it arrives, and is claimed.
#[tokio::test]
async fn a_withdrawal_on_its_way_is_claimed_as_well() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.double.fail_next(mint_path::FINISH, Fault::LoseAnswer);
    assert!(wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(37))).await.is_err());
    let keyset = world.double.revoke();
    drop(wallet);
    let wallet = world.open().await;
    wallet.refresh_mint(&id).await.unwrap();
    let view = recoup(&world, &wallet, &keyset).await.unwrap();
    assert_eq!(view.claimed.units(), 37);
    world.double.pass(WINDOW);
    wallet.resume().await.unwrap();
    assert_eq!(account(&world, &wallet), LEFT + 37);
}

/// The sender alone can show where the tokens of a text came from. Whoever has it cannot swap it any more.
#[tokio::test]
async fn a_text_that_nobody_claimed_is_claimed_by_its_sender() {
    for reclaims in [false, true] {
        let (world, wallet) = World::new().await;
        let id = world.double.id();
        world.withdraw(&wallet, 37).await;
        let sent = wallet.send(&id, &unit(), amount(5), None).await.unwrap();
        let keyset = world.double.revoke();
        wallet.refresh_mint(&id).await.unwrap();
        if reclaims {
            assert!(wallet.reclaim(sent.op).await.is_err(), "nobody swaps it any more");
        }
        let found = wallet.recoupable().await.unwrap().remove(0);
        assert_eq!((found.amount.units(), found.in_texts.units(), found.in_payments.units()), (37, 5, 0));
        assert_eq!(recoup(&world, &wallet, &keyset).await.unwrap().claimed.units(), 37);
        assert!(wallet.sent(false).await.unwrap().is_empty());
        world.double.pass(WINDOW);
        wallet.resume().await.unwrap();
        assert_eq!((stands(&wallet).await, account(&world, &wallet)), ((0, 37, 0), LEFT + 37));
        world.assert_settled(&wallet, 1).await;
    }
}

#[tokio::test]
async fn a_text_that_was_claimed_in_time_is_told_as_claimed() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.withdraw(&wallet, 37).await;
    let sent = wallet.send(&id, &unit(), amount(5), None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let other = World::other_wallet(&world, folder.path()).await;
    other.receive(TextToken::from_text(sent.text.as_str()).unwrap()).await.unwrap();
    let keyset = world.double.revoke();
    wallet.refresh_mint(&id).await.unwrap();
    recoup(&world, &wallet, &keyset).await.unwrap();
    // What the mint says is spent is not waited for.
    assert_eq!(stands(&wallet).await, (32, 0, 5));
    let history = wallet.history().await.unwrap();
    assert_eq!(history.iter().find(|entry| entry.id == sent.op).unwrap().outcome, Outcome::Claimed);
    // The other wallet holds what it swapped the text for, of the same keyset, and claims it as its own.
    other.refresh_mint(&id).await.unwrap();
    assert_eq!(recoup(&world, &other, &keyset).await.unwrap().claimed.units(), 5);
    world.double.pass(WINDOW);
    for (wallet, paid) in [(&wallet, 32), (&other, 5)] {
        wallet.resume().await.unwrap();
        assert_eq!(wallet.recoups().await.unwrap()[0].paid.units(), paid);
    }
    assert_eq!(world.double.held(), (10_000 - 1, 0));
}

/// A swap that had not reached the mint keeps nothing from being claimed; one that had is answered first.
#[tokio::test]
async fn a_swap_under_way_keeps_nothing_from_being_claimed() {
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let (world, wallet) = World::new().await;
        let id = world.double.id();
        world.withdraw(&wallet, 37).await;
        let arrived = matches!(fault, Fault::LoseAnswer);
        world.double.fail_next(mint_path::FINISH, fault);
        assert!(wallet.swap(&id, &unit(), SwapWhat::Renew(amount(37))).await.is_err());
        let keyset = world.double.revoke();
        drop(wallet);
        let wallet = world.open().await;
        wallet.refresh_mint(&id).await.unwrap();
        // What was not answered is not claimed: it may be spent on what it was swapped for.
        assert!(wallet.recoupable().await.unwrap().is_empty());
        assert_eq!(recoup(&world, &wallet, &keyset).await.unwrap().claimed.units(), 37, "arrived: {arrived}");
        world.double.pass(WINDOW);
        wallet.resume().await.unwrap();
        assert_eq!((stands(&wallet).await, account(&world, &wallet)), ((0, 37, 0), LEFT + 37));
        world.assert_settled(&wallet, 1).await;
    }
}

/// Who received a text and could not swap it in time is told that only its sender can do something about it.
#[tokio::test]
async fn a_text_that_was_not_swapped_in_time_is_told_as_what_it_is() {
    for locked in [false, true] {
        let (world, wallet) = World::new().await;
        let id = world.double.id();
        world.withdraw(&wallet, 37).await;
        let folder = tempfile::tempdir().unwrap();
        let other = world.other_wallet(folder.path()).await;
        let sent = match locked {
            false => wallet.send(&id, &unit(), amount(5), None).await.unwrap(),
            true => wallet.send_to(&other.recipient().unwrap(), &unit(), amount(5), None).await.unwrap(),
        };
        let text = || TextToken::from_text(sent.text.as_str()).unwrap();
        world.double.fail_next(mint_path::OPEN, Fault::LoseRequest);
        assert!(other.receive(text()).await.is_err());
        world.double.revoke();
        other.refresh_mint(&id).await.unwrap();
        let resumed = other.resume().await.unwrap();
        assert!(resumed.iter().all(|one| one.result.is_err()), "{resumed:?}");
        let refused = other.receive(text()).await;
        assert!(matches!(refused, Err(ReceiveError::KeysetRevoked)), "{refused:?}");
        let lost = other.unclaimable().await.unwrap().remove(0);
        let sums = (lost.received.units(), lost.received_locked.units(), lost.held.units());
        assert_eq!(sums, (5, if locked { 5 } else { 0 }, 0));
        assert!(other.recoupable().await.unwrap().is_empty());
        // Given up, it is not told any more.
        let op = other.operations().await.unwrap()[0].id;
        other.give_up(op).await.unwrap();
        assert!(other.unclaimable().await.unwrap().is_empty());
    }
}
