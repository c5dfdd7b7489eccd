//! Payouts that account owners ask for: once, never more than there is, and in the books at every step.

use farthing_issuer::control::{PayoutView, PayoutWord};
use farthing_issuer::{Authority, LedgerError, PayoutError};
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{PayoutDraft, PayoutRequest, PayoutState};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{AccountKey, Keypair, MintId};
use farthing_protocol::ids::OperationId;

use crate::common::{Fault, World, amount};
use crate::wallet::Wallet;

pub(crate) fn draft(world: &World, key: &Keypair, units: u64) -> PayoutDraft {
    PayoutDraft {
        account: AccountKey::from(key),
        mint: world.id(),
        operation: OperationId::from_bytes(rand::random()),
        amount: amount(units),
        unit: Unit::new("EUR", 2).unwrap(),
        requested_at: world.now(),
        reference: "DE02".into(),
        to: None,
    }
}

pub(crate) fn payout(world: &World, key: &Keypair, units: u64) -> PayoutRequest {
    draft(world, key, units).sign(key).unwrap()
}

pub(crate) async fn state(world: &World, request: &PayoutRequest) -> Result<PayoutState, PayoutError> {
    world.mint().books().request_payout(request).await.map(|answer| answer.state)
}

pub(crate) async fn say(world: &World, number: u64, word: PayoutWord) -> Result<PayoutView, PayoutError> {
    let said = world.mint().books().settle_payouts(Authority::local(), &[number], word).await?;
    Ok(said.into_iter().next().unwrap())
}

pub(crate) async fn approve(world: &World, number: u64) -> Result<PayoutView, PayoutError> {
    say(world, number, PayoutWord::Approve {}).await
}

pub(crate) async fn paid(world: &World, number: u64) -> Result<PayoutView, PayoutError> {
    say(world, number, PayoutWord::Paid { reference: "bank 7".to_owned() }).await
}

pub(crate) async fn reject(world: &World, number: u64) -> Result<PayoutView, PayoutError> {
    say(world, number, PayoutWord::Reject { reason: "no such bank".to_owned() }).await
}

/// Paid out, pending, and Σ balances.
async fn books(world: &World) -> [u64; 3] {
    let report = world.audit().await.units.remove(0);
    [report.paid_out, report.pending, report.balances].map(|amount| amount.units())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_is_taken_once_and_paid_once() {
    let mut world = World::new().await;
    let wallet = Wallet::funded(&world, 100).await;
    let request = payout(&world, &wallet.account, 60);
    let taken = world.mint().books().request_payout(&request).await.unwrap();
    assert_eq!((taken.state, taken.taken_at, taken.settled_at), (PayoutState::Pending, world.now(), None));
    assert_eq!(world.mint().books().request_payout(&request).await.unwrap(), taken);
    assert_eq!(books(&world).await, [0, 60, 40]);
    world.reopen().await;
    let listed = world.mint().books().payouts(false, None, 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].number, listed[0].account), (1, 0, wallet.key()));
    assert_eq!((listed[0].amount, listed[0].reference.as_str()), (amount(60), "DE02"));

    assert_eq!(paid(&world, 0).await, Err(PayoutError::NotApproved));
    for _ in 0..2 {
        assert_eq!(approve(&world, 0).await.unwrap().state, PayoutState::Approved);
    }
    assert_eq!(state(&world, &request).await, Ok(PayoutState::Approved));
    assert_eq!(books(&world).await, [0, 60, 40]);
    world.clock.pass(10);
    for _ in 0..2 {
        let paid = paid(&world, 0).await.unwrap();
        assert_eq!((paid.state, paid.settled_at), (PayoutState::Paid, Some(taken.taken_at.plus(10))));
        assert_eq!(paid.note.as_deref(), Some("bank 7"));
        world.clock.pass(10);
    }
    let otherwise = PayoutWord::Paid { reference: "bank 8".to_owned() };
    assert_eq!(say(&world, 0, otherwise).await, Err(PayoutError::Settled));
    for word in [PayoutWord::Approve {}, PayoutWord::Reject { reason: "no".to_owned() }] {
        assert_eq!(say(&world, 0, word).await, Err(PayoutError::Settled));
    }
    assert_eq!(paid(&world, 1).await, Err(PayoutError::Unknown));
    let answer = world.mint().books().request_payout(&request).await.unwrap();
    assert_eq!((answer.state, answer.note.as_deref()), (PayoutState::Paid, Some("bank 7")));
    assert_eq!(books(&world).await, [60, 0, 40]);
    assert!(world.mint().books().payouts(false, None, 10).await.unwrap().is_empty());
    assert_eq!(world.mint().books().payouts(true, None, 10).await.unwrap().len(), 1);
    assert!(world.mint().books().payouts(true, Some(0), 10).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_that_is_rejected_is_in_the_account_again() {
    let mut world = World::new().await;
    let wallet = Wallet::funded(&world, 100).await;
    let request = payout(&world, &wallet.account, 60);
    assert_eq!(state(&world, &request).await, Ok(PayoutState::Pending));
    assert_eq!(state(&world, &payout(&world, &wallet.account, 41)).await, Err(PayoutError::InsufficientFunds));
    for _ in 0..2 {
        let rejected = reject(&world, 0).await.unwrap();
        assert_eq!((rejected.state, rejected.note.as_deref()), (PayoutState::Rejected, Some("no such bank")));
    }
    assert_eq!(approve(&world, 0).await, Err(PayoutError::Settled));
    assert_eq!(paid(&world, 0).await, Err(PayoutError::Settled));
    world.reopen().await;
    assert_eq!(state(&world, &request).await, Ok(PayoutState::Rejected), "it is not taken again");
    assert_eq!(books(&world).await, [0, 0, 100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_another_account_is_there_at_once_and_for_good() {
    let mut world = World::new().await;
    let (ann, bob) = (Wallet::funded(&world, 100).await, Wallet::new(&world.id()));
    let draft = PayoutDraft { to: Some(bob.key()), ..draft(&world, &ann.account, 60) };
    let request = draft.sign(&ann.account).unwrap();
    for _ in 0..2 {
        assert_eq!(state(&world, &request).await, Ok(PayoutState::Paid));
        world.reopen().await;
    }
    assert_eq!((world.balance(&ann.key()).await, world.balance(&bob.key()).await), (40, 60));
    assert_eq!(reject(&world, 0).await, Err(PayoutError::Settled));
    assert!(world.mint().books().payouts(false, None, 10).await.unwrap().is_empty());
    assert_eq!(world.mint().books().payouts(true, None, 10).await.unwrap()[0].to, Some(bob.key()));
    assert_eq!(books(&world).await, [0, 0, 100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_alone_asks_and_only_now() {
    let world = World::new().await;
    let (ann, bob) = (Wallet::funded(&world, 100).await, Wallet::funded(&world, 100).await);
    let honest = payout(&world, &ann.account, 1);
    // Bob's name on Ann's request.
    let mut bytes = honest.to_bytes();
    bytes[1..33].copy_from_slice(bob.key().as_bytes());
    let forged = PayoutRequest::from_bytes(&bytes).unwrap();
    assert_eq!(state(&world, &forged).await, Err(PayoutError::InvalidSignature));
    let elsewhere = PayoutDraft { mint: MintId::from_bytes([7; 32]), ..draft(&world, &ann.account, 1) };
    let elsewhere = elsewhere.sign(&ann.account).unwrap();
    assert_eq!(state(&world, &elsewhere).await, Err(PayoutError::InvalidSignature));

    let at = |requested_at| PayoutDraft { requested_at, ..draft(&world, &ann.account, 1) }.sign(&ann.account).unwrap();
    for late in [world.now().plus(PayoutDraft::MAX_SKEW + 1), world.now().minus(PayoutDraft::MAX_AGE + 1)] {
        assert_eq!(state(&world, &at(late)).await, Err(PayoutError::NotNow));
    }
    for fine in [world.now().plus(PayoutDraft::MAX_SKEW), world.now().minus(PayoutDraft::MAX_AGE)] {
        assert_eq!(state(&world, &at(fine)).await, Ok(PayoutState::Pending));
    }

    // An operation id means one payout of one account, whenever it is asked about.
    assert_eq!(state(&world, &honest).await, Ok(PayoutState::Pending));
    let other = PayoutDraft { amount: amount(2), ..honest.draft().clone() }.sign(&ann.account).unwrap();
    assert_eq!(state(&world, &other).await, Err(PayoutError::OperationUsed));
    let bobs = PayoutDraft { account: bob.key(), ..honest.draft().clone() }.sign(&bob.account).unwrap();
    assert_eq!(state(&world, &bobs).await, Ok(PayoutState::Pending));
    world.clock.pass(10 * PayoutDraft::MAX_AGE);
    assert_eq!(state(&world, &honest).await, Ok(PayoutState::Pending));
    let unit = Unit::new("USD", 2).unwrap();
    let foreign = PayoutDraft { unit, ..draft(&world, &ann.account, 1) }.sign(&ann.account).unwrap();
    assert_eq!(state(&world, &foreign).await, Err(PayoutError::InsufficientFunds));
    assert_eq!(books(&world).await, [0, 4, 196]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_take_no_more_than_there_is() {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, 100).await;
    let same = payout(&world, &wallet.account, 30);
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..32 {
        let request = if number % 2 == 0 { same.clone() } else { payout(&world, &wallet.account, 20) };
        let books = world.mint().books().clone();
        asking.spawn(async move { (number % 2, books.request_payout(&request).await) });
    }
    let (mut once, mut others) = (0, 0);
    while let Some(answer) = asking.join_next().await {
        match answer.unwrap() {
            (0, Ok(_)) => once += 1,
            (_, Ok(_)) => others += 1,
            (_, Err(error)) => assert_eq!(error, PayoutError::InsufficientFunds),
        }
    }
    // Either the one was first and left 70 for three, or it came after all was taken.
    assert!((once, others) == (16, 3) || once == 0 && others == 5 || (once > 0 && others == 3), "{once} {others}");
    let [paid_out, pending, balance] = books(&world).await;
    assert_eq!((paid_out, pending + balance), (0, 100));
    assert_eq!(pending, if once > 0 { 30 } else { 0 } + others * 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_with_an_unknown_outcome_is_asked_again() {
    for fault in [Fault::NotPersisted, Fault::Persisted] {
        let mut world = World::new().await;
        let wallet = Wallet::funded(&world, 100).await;
        let request = payout(&world, &wallet.account, 60);
        world.fail_next(fault);
        assert_eq!(state(&world, &request).await, Err(PayoutError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        assert_eq!(state(&world, &request).await, Ok(PayoutState::Pending));
        assert_eq!(books(&world).await, [0, 60, 40]);
        approve(&world, 0).await.unwrap();
        world.fail_next(fault);
        assert_eq!(paid(&world, 0).await, Err(PayoutError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        assert_eq!(paid(&world, 0).await.unwrap().state, PayoutState::Paid);
        assert_eq!(books(&world).await, [60, 0, 40]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_settled_at_once_or_none() {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, 100).await;
    for units in [10, 20, 30] {
        assert_eq!(state(&world, &payout(&world, &wallet.account, units)).await, Ok(PayoutState::Pending));
    }
    let settle =
        async |numbers: &[u64], word| world.mint().books().settle_payouts(Authority::local(), numbers, word).await;
    assert_eq!(settle(&[0, 1, 7], PayoutWord::Approve {}).await, Err(PayoutError::Unknown));
    let waiting = world.mint().books().payouts(false, None, 10).await.unwrap();
    assert!(waiting.iter().all(|payout| payout.state == PayoutState::Pending));
    assert_eq!(settle(&[0, 1], PayoutWord::Approve {}).await.unwrap().len(), 2);
    let batch = PayoutWord::Paid { reference: "batch".to_owned() };
    assert_eq!(settle(&[0, 1, 2], batch.clone()).await, Err(PayoutError::NotApproved));
    settle(&[0, 1], batch).await.unwrap();
    for bad in [String::new(), "x".repeat(257), "a\u{1b}[31m".to_owned()] {
        let word = PayoutWord::Reject { reason: bad };
        assert_eq!(settle(&[2], word).await, Err(PayoutError::Note));
    }
    assert_eq!(books(&world).await, [30, 30, 40]);
    let journal = world.mint().books().journal(None, 10).await.unwrap();
    let acts: Vec<&str> = journal.entries.iter().map(|entry| entry.act.as_str()).collect();
    assert_eq!(acts, ["payout_paid", "payout_paid", "payout_approved", "payout_approved", "credited"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_for_lack_of_funds_is_never_taken() {
    let mut world = World::new().await;
    let wallet = Wallet::funded(&world, 100).await;
    let request = payout(&world, &wallet.account, 160);
    assert_eq!(state(&world, &request).await, Err(PayoutError::InsufficientFunds));
    world.mint().credit(wallet.key(), amount(100), "more").await.unwrap();
    world.reopen().await;
    // Whoever saw the bytes sends them again, now that there is enough.
    world.clock.pass(PayoutDraft::MAX_AGE - 1);
    assert_eq!(state(&world, &request).await, Err(PayoutError::InsufficientFunds));
    world.clock.pass(2);
    assert_eq!(state(&world, &request).await, Err(PayoutError::NotNow));
    // A day later nothing has to be remembered: the next refusal makes room.
    assert_eq!(state(&world, &payout(&world, &wallet.account, 1000)).await, Err(PayoutError::InsufficientFunds));
    let left = count(&mut world, b"refused/").await;
    assert_eq!((left, count(&mut world, b"refused-until/").await), (1, 1));
    // Another request is as good as ever.
    assert_eq!(state(&world, &payout(&world, &wallet.account, 160)).await, Ok(PayoutState::Pending));
    world.audit().await;
}

/// How many rows there are under a prefix.
pub(crate) async fn count(world: &mut World, prefix: &'static [u8]) -> usize {
    let (tell, told) = std::sync::mpsc::channel();
    world.tamper(move |txn| tell.send(txn.scan_prefix(prefix, None, 1000).unwrap().len()).unwrap()).await;
    told.recv().unwrap()
}
