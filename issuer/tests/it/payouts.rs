//! Payouts that account owners ask for: once, never more than there is, and in the books at every step.

use farthing_issuer::{LedgerError, PayoutError};
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{PayoutDraft, PayoutRequest, PayoutState};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{AccountKey, Keypair, MintId};
use farthing_protocol::ids::OperationId;

use crate::common::{Fault, World, amount};
use crate::wallet::Wallet;

fn draft(world: &World, key: &Keypair, units: u64) -> PayoutDraft {
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

async fn state(world: &World, request: &PayoutRequest) -> Result<PayoutState, PayoutError> {
    world.mint().books().request_payout(request).await.map(|answer| answer.state)
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

    world.clock.pass(10);
    for _ in 0..2 {
        let paid = world.mint().books().settle_payout(0, true).await.unwrap();
        assert_eq!((paid.state, paid.settled_at), (PayoutState::Paid, Some(taken.taken_at.plus(10))));
        world.clock.pass(10);
    }
    assert_eq!(world.mint().books().settle_payout(0, false).await, Err(PayoutError::Settled));
    assert_eq!(world.mint().books().settle_payout(1, true).await, Err(PayoutError::Unknown));
    assert_eq!(state(&world, &request).await, Ok(PayoutState::Paid));
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
        let rejected = world.mint().books().settle_payout(0, false).await.unwrap();
        assert_eq!(rejected.state, PayoutState::Rejected);
    }
    assert_eq!(world.mint().books().settle_payout(0, true).await, Err(PayoutError::Settled));
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
    assert_eq!(world.mint().books().settle_payout(0, false).await, Err(PayoutError::Settled));
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
        world.fail_next(fault);
        let lost = world.mint().books().settle_payout(0, true).await;
        assert_eq!(lost, Err(PayoutError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        assert_eq!(world.mint().books().settle_payout(0, true).await.unwrap().state, PayoutState::Paid);
        assert_eq!(books(&world).await, [60, 0, 40]);
    }
}
