//! Redeeming at the mint what was taken in locked tokens.

use std::net::SocketAddr;

use farthing_durable::{Engine, Options};
use farthing_http::problem::Code;
use farthing_protocol::amount::Amount;
use farthing_protocol::api::{Deposit, DepositOutcome, LockedAnswer, LockedDeposit, verifier_path};
use farthing_protocol::api::{Forgotten, RecoupWindow};
use farthing_protocol::derive::Seed;
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{Claim, RequestHash};
use farthing_protocol::keyset::Revocation;
use farthing_protocol::locked::{LockKey, deposit_request};
use farthing_protocol::payment::{Payment, PaymentKind};
use farthing_verifier::conformance::TestMint;
use farthing_verifier::home::{Rotation, run_with_clock};
use farthing_verifier::offline::LockedLimits;
use farthing_verifier::spent;
use farthing_verifier::store::StoreError;

use crate::common::{NOW, amount, keypair};
use crate::double::Mood;
use crate::offline::{Fair, worth};

#[tokio::test]
async fn what_the_mint_refuses_is_kept_and_told() {
    let mut fair = Fair::open().await;
    let (good, bad) = (fair.take(5).await.unwrap(), fair.take(6).await.unwrap());
    fair.stop().await;
    // The holder of q spent it in another way: a second store for one key, which must not be.
    let lock = fair.lock_key();
    let other = redeem_elsewhere(&fair, &lock, &bad);
    let deposit = Deposit { payment: other, claim: Claim::from_bytes([1; 32]) };
    assert_eq!(fair.mint.double.decide(vec![deposit]).await, [DepositOutcome::Accepted { accepted_at: NOW }]);

    let merchant = fair.online().await;
    for _ in 0..2 {
        let report = merchant.deposit().await.unwrap();
        assert_eq!(worth(&report.open), (0, 0));
        let [refusal] = report.refused.as_slice() else { panic!("{:?}", report.refused) };
        assert_eq!((refusal.payment, refusal.amount, refusal.code.as_str()), (bad.id(), amount(6), "double_spend"));
        assert_eq!((refusal.accepted_at, refusal.refused_at), (NOW, NOW));
    }
    assert!(fair.mint.double.find(&deposit_request(&good.id())).await.is_some());
}

#[tokio::test]
async fn a_keyset_revoked_in_between_is_told_and_can_be_tried_again() {
    let mut fair = Fair::open().await;
    let payment = fair.take(5).await.unwrap();
    fair.stop().await;
    let revoked = Revocation { keyset: *fair.mint().keyset().id(), revoked_at: NOW };
    fair.mint.double.publish(fair.list(NOW.plus(1), vec![revoked]));
    fair.mint.mood(Mood::Refuses(Code::KeysetEnded));
    let merchant = fair.online().await;
    merchant.refresh().await;
    let report = merchant.deposit().await.unwrap();
    assert_eq!((worth(&report.credited), worth(&report.open)), ((0, 0), (0, 0)));
    assert_eq!(
        report.refused.iter().map(|one| (one.payment, one.code.as_str())).collect::<Vec<_>>(),
        [(payment.id(), "keyset_ended")]
    );
    assert_eq!(merchant.deposits().await.unwrap().refused, report.refused);
    // What is filed with the mint redeems just what was accepted, and names it.
    let [(refusal, claim)] = merchant.recoup_claims().await.unwrap().try_into().unwrap();
    let (filed, locked) = (claim.payment().unwrap(), claim.locked());
    assert_eq!((refusal.payment, locked, claim.evidence().len()), (payment.id(), Some(&payment.id()), 0));
    assert_eq!((filed.kind(), *filed.request()), (PaymentKind::Pay, deposit_request(&payment.id())));
    assert_eq!((claim.mint(), claim.keyset(), filed.tokens()), (payment.mint(), payment.keyset(), payment.tokens()));
    assert_eq!((filed.payee(), filed.amount()), (payment.payee(), payment.amount()));
    let again = merchant.recoup_claims().await.unwrap().remove(0).1;
    assert_eq!(again.payment().unwrap().id(), filed.id(), "filing it again is filing it once");
    // A window for claims opened: it is kept whole, and is sent once more.
    fair.mint.mood(Mood::Honest);
    assert_eq!(merchant.reopen_refused().await, Ok(1));
    assert_eq!(worth(&merchant.deposits().await.unwrap().open), (1, 5));
    let report = merchant.deposit().await.unwrap();
    assert_eq!((worth(&report.credited), report.refused.len()), ((1, 5), 0));
    assert_eq!(merchant.reopen_refused().await, Ok(0));
}

#[tokio::test]
async fn what_the_mint_does_not_answer_stays_and_is_sent_again() {
    for (mood, cause) in [
        (Mood::LosesTheAnswer, StoreError::Unavailable),
        (Mood::Stumbles, StoreError::Unavailable),
        (Mood::Deaf, StoreError::Unavailable),
        (Mood::Busy, StoreError::Busy),
        (Mood::Babbles, StoreError::Unavailable),
    ] {
        let mut fair = Fair::open().await;
        let payment = fair.take(5).await.unwrap();
        fair.stop().await;
        fair.mint.mood(mood);
        let merchant = fair.online().await;
        let report = merchant.deposit().await.unwrap();
        assert_eq!((worth(&report.credited), worth(&report.open)), ((0, 0), (1, 5)), "{mood:?}");
        assert_eq!((report.refused.len(), report.cause), (0, Some(cause)), "{mood:?}");
        let sent = fair.mint.double.sent();
        drop(merchant);
        // In another life, the same bytes.
        fair.mint.mood(Mood::Honest);
        let merchant = fair.online().await;
        let report = merchant.deposit().await.unwrap();
        assert_eq!((worth(&report.credited), worth(&report.open)), ((1, 5), (0, 0)), "{mood:?}");
        let again = fair.mint.double.sent();
        if cause == StoreError::Unavailable {
            assert_eq!(sent.first(), again.last(), "{mood:?}");
        }
        let stored = fair.mint.double.find(&deposit_request(&payment.id())).await.unwrap();
        assert_eq!(stored.amount, amount(5));
    }
}

#[tokio::test]
async fn a_running_verifier_deposits_by_itself() {
    let mut fair = Fair::open().await;
    fair.take(5).await.unwrap();
    fair.stop().await;
    let clock = fair.now();
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let running = run_with_clock(fair.home(), listen, clock, std::future::pending()).await.unwrap();
    // Waits for the one that runs by itself, and finds nothing more to do, or does it.
    let answer: LockedAnswer =
        fair.control().post_json(verifier_path::LOCKED_DEPOSIT, &LockedDeposit { again: true }).await.unwrap();
    assert_eq!((answer.open.len(), answer.refused.len()), (0, 0));
    assert_eq!(fair.mint.asked(), 1);
    drop(running);
}

#[tokio::test]
async fn many_are_deposited_in_few_requests() {
    let mut fair = Fair::with(TestMint::new(NOW), LockedLimits::default()).await;
    let mut total = 0;
    for units in 1..=70 {
        fair.take(units).await.unwrap();
        total += units;
    }
    fair.stop().await;
    let merchant = fair.online().await;
    let report = merchant.deposit().await.unwrap();
    assert_eq!((worth(&report.credited), worth(&report.open)), ((70, total), (0, 0)));
    assert_eq!(fair.mint.asked(), 2);
}

#[tokio::test]
async fn sums_say_what_is_kept() {
    let mut fair = Fair::open().await;
    for units in [5, 9] {
        fair.take(units).await.unwrap();
    }
    fair.stop().await;
    let engine = Engine::open(&fair.folder.join("store"), Options::new().indexer(spent::indexer())).unwrap();
    let kept = engine.submit(|txn| spent::locked(txn, None, 10)).await.unwrap().unwrap();
    let sum = Amount::checked_sum(kept.iter().map(Payment::amount)).unwrap();
    assert_eq!((kept.len(), sum), (2, amount(14)));
}

#[tokio::test]
async fn what_was_taken_for_a_key_that_was_rotated_is_credited_to_the_one_in_use() {
    let mut fair = Fair::open().await;
    let begun = fair.take(5).await.unwrap();
    fair.stop().await;
    // The first deposit leaves, and its answer is lost: it stays what it is, for the key of that time.
    let before = fair.payee_key();
    let merchant = fair.online().await;
    fair.mint.mood(Mood::Stumbles);
    assert_eq!(worth(&merchant.deposit().await.unwrap().open), (1, 5));
    drop(merchant);
    fair.mint.mood(Mood::Honest);
    fair.start().await;
    let later = fair.take(9).await.unwrap();
    fair.stop().await;
    let seed = Seed::from_bytes([7; 64]);
    let rotation =
        Rotation { seed: &seed, new_words: true, lock: false, now: NOW.plus(1), accept_until: NOW.plus(1000) };
    fair.home().rotate(&rotation).unwrap();
    let merchant = fair.online().await;
    assert_eq!(worth(&merchant.deposit().await.unwrap().credited), (2, 14));
    let at_mint = async |locked: Payment| fair.mint.double.find(&deposit_request(&locked.id())).await.unwrap();
    assert_eq!(at_mint(begun).await.payee, PayeeKey::from(&before));
    assert_eq!(at_mint(later).await.payee, *merchant.payee());
    assert_ne!(*merchant.payee(), PayeeKey::from(&before));
}

#[tokio::test]
async fn nothing_is_kept_of_how_a_deposit_was_cleared_but_what_is_filed_if_it_is_forgotten() {
    let mut fair = Fair::open().await;
    let locked = fair.take(5).await.unwrap();
    fair.stop().await;
    let merchant = fair.online().await;
    assert_eq!(worth(&merchant.deposit().await.unwrap().credited), (1, 5));
    let forgotten = Some(Forgotten { since: NOW, until: NOW.plus(1) });
    let (keyset, revoked_at, ends_at) = (*locked.keyset(), NOW.plus(1), NOW.plus(2));
    let window =
        RecoupWindow { keyset, revoked_at, leaked_since: revoked_at, claims_until: ends_at, ends_at, forgotten };
    let (claims, next) = merchant.credited_claims(vec![window], None).await.unwrap();
    let [claim] = claims.try_into().unwrap();
    assert_eq!((claim.payment, next), (locked.id(), None));
    assert_eq!(claim.claim.locked(), Some(&locked.id()));
    assert_eq!(*claim.claim.payment().unwrap().request(), deposit_request(&locked.id()));
    drop(merchant);
    let engine = Engine::open(&fair.folder.join("store"), Options::new().indexer(spent::indexer())).unwrap();
    let kept = engine.submit(|txn| txn.scan_prefix(b"clear/", None, 10)).await.unwrap().unwrap();
    assert!(kept.is_empty(), "{}", kept.len());
}

/// A payment of kind `pay` of the same tokens, for something else.
fn redeem_elsewhere(fair: &Fair, lock: &LockKey, locked: &Payment) -> Payment {
    use farthing_protocol::payment::{Binding, PaymentTerms, Witness};
    let keys: Vec<_> = locked
        .tokens()
        .iter()
        .zip(locked.ephemerals())
        .map(|(token, e)| (*token, lock.open(locked.keyset(), token.denomination, &token.coin, e).unwrap()))
        .collect();
    let terms = PaymentTerms {
        kind: PaymentKind::Pay,
        mint: fair.mint().id(),
        keyset: *locked.keyset(),
        request: RequestHash::from_bytes([1; 32]),
        payee: (&keypair()).into(),
        amount: locked.amount(),
    };
    let tokens: Vec<_> = keys.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
    Payment::authorize(&mut rand::rng(), terms, &tokens, Binding::None, NOW).unwrap()
}
