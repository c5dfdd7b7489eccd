//! One session, one list of challenges: no race, restart or expiry makes the mint answer twice.

use farthing_issuer::FinishError;
use farthing_protocol::api::OpenRequest;
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::derive::IssuanceNumber;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;

use crate::common::{World, amount};
use crate::wallet::{Draft, Wallet, finish, operation};

async fn open(world: &World, keyset: &Keyset, shape: Shape) -> OpenedSession {
    world.mint().open_issuance(&OpenRequest { keyset: *keyset.id(), shape }).await.unwrap().opened
}

const SHAPE: fn() -> Shape = || Shape::Withdrawal(amount(5));

/// Drafts of different challenges, issuance ids and operations for one session.
fn rivals(wallet: &Wallet, keyset: &Keyset, opened: &OpenedSession, count: u64) -> Vec<Draft> {
    (0..count).map(|n| wallet.draft_as(keyset, SHAPE(), opened, IssuanceNumber::new(n))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_many_rivals_for_a_session_one_is_answered() {
    let mut world = World::new().await;
    let wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    for round in 0..6 {
        let opened = open(&world, &keyset, SHAPE()).await;
        let drafts: Vec<Draft> =
            (0..24).map(|n| wallet.draft_as(&keyset, SHAPE(), &opened, IssuanceNumber::new(round * 100 + n))).collect();
        let asked: Vec<_> =
            drafts.iter().map(|draft| finish(world.mint(), &draft.by_account(&wallet.account, operation()))).collect();
        let mut records = 0;
        for each in asked {
            match each.await.unwrap() {
                Ok(_) => records += 1,
                Err(error) => assert_eq!(error, FinishError::SessionGone),
            }
        }
        assert_eq!(records, 1);
    }
    assert_eq!(world.balance(&wallet.key()).await, 1000 - 6 * 5);
    world.reopen().await;
    world.audit().await;
}

/// One wallet that signs different challenges for one issuance id and one session.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn one_issuance_id_with_different_challenges_has_one_record() {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let opened = open(&world, &keyset, SHAPE()).await;
    let base = wallet.draft_as(&keyset, SHAPE(), &opened, IssuanceNumber::FIRST);
    let asked: Vec<_> = rivals(&wallet, &keyset, &opened, 16)
        .into_iter()
        .map(|other| {
            let mut draft = wallet.draft_as(&keyset, SHAPE(), &opened, IssuanceNumber::FIRST);
            for (output, other) in draft.terms.outputs.iter_mut().zip(&other.terms.outputs) {
                output.challenge = other.challenge;
            }
            finish(world.mint(), &draft.by_account(&wallet.account, operation()))
        })
        .collect();
    let mut records = Vec::new();
    for each in asked {
        records.push(each.await.unwrap().unwrap());
    }
    assert!(records.iter().all(|record| *record == records[0] && record.issuance == base.terms.issuance));
    assert_eq!(world.balance(&wallet.key()).await, 995);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn one_issuance_id_in_many_sessions_has_one_record_and_one_debit() {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    for round in 0..4 {
        let mut requests = Vec::new();
        for _ in 0..16 {
            let opened = open(&world, &keyset, SHAPE()).await;
            let draft = wallet.draft_as(&keyset, SHAPE(), &opened, IssuanceNumber::new(round));
            requests.push(draft.by_account(&wallet.account, operation()));
        }
        let asked: Vec<_> = requests.iter().map(|request| finish(world.mint(), request)).collect();
        let mut records = Vec::new();
        for each in asked {
            records.push(each.await.unwrap().unwrap());
        }
        assert!(records.iter().all(|record| *record == records[0]));
    }
    assert_eq!(world.balance(&wallet.key()).await, 1000 - 4 * 5);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_answered_once_is_gone_for_everything_else() {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let opened = open(&world, &keyset, SHAPE()).await;
    let drafts = rivals(&wallet, &keyset, &opened, 3);
    let first = drafts[0].by_account(&wallet.account, operation());
    let record = world.mint().finish(first.clone()).await.unwrap();
    for other in &drafts[1..] {
        let refused = world.mint().finish(other.by_account(&wallet.account, operation())).await;
        assert_eq!(refused, Err(FinishError::SessionGone));
    }
    // The very same challenges for another issuance id.
    let mut same = wallet.draft_as(&keyset, SHAPE(), &opened, IssuanceNumber::new(7));
    same.terms.outputs.clone_from(&drafts[0].terms.outputs);
    let refused = world.mint().finish(same.by_account(&wallet.account, operation())).await;
    assert_eq!(refused, Err(FinishError::SessionGone));
    assert_eq!(world.mint().finish(first).await.unwrap(), record);
    assert_eq!(world.balance(&wallet.key()).await, 995);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_does_not_know_the_session() {
    let mut world = World::new().await;
    let wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let (answered, fresh) = (open(&world, &keyset, SHAPE()).await, open(&world, &keyset, SHAPE()).await);
    let first = wallet.draft_as(&keyset, SHAPE(), &answered, IssuanceNumber::new(0));
    let request = first.by_account(&wallet.account, operation());
    let record = world.mint().finish(request.clone()).await.unwrap();
    world.reopen().await;
    for opened in [&answered, &fresh] {
        let other = wallet.draft_as(&keyset, SHAPE(), opened, IssuanceNumber::new(1));
        let refused = world.mint().finish(other.by_account(&wallet.account, operation())).await;
        assert_eq!(refused, Err(FinishError::UnknownSession));
    }
    assert_eq!(world.mint().finish(request).await.unwrap(), record);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_ten_minutes() {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let opened = open(&world, &keyset, SHAPE()).await;
    let drafts = rivals(&wallet, &keyset, &opened, 2);
    world.clock.pass(599);
    let late = open(&world, &keyset, SHAPE()).await;
    let request = drafts[0].by_account(&wallet.account, operation());
    let record = world.mint().finish(request.clone()).await.unwrap();
    world.clock.pass(1);
    let refused = world.mint().finish(drafts[1].by_account(&wallet.account, operation())).await;
    assert_eq!(refused, Err(FinishError::SessionGone));
    // What was recorded is answered for ever.
    world.clock.pass(86_400);
    assert_eq!(world.mint().finish(request).await.unwrap(), record);
    let unused = wallet.draft_as(&keyset, SHAPE(), &late, IssuanceNumber::new(5));
    let refused = world.mint().finish(unused.by_account(&wallet.account, operation())).await;
    assert_eq!(refused, Err(FinishError::SessionGone));
    assert_eq!(world.balance(&wallet.key()).await, 995);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_past_the_claim_burns_the_session_and_leaves_nothing() {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, 4).await;
    let keyset = world.keyset().await;
    let opened = open(&world, &keyset, SHAPE()).await;
    let draft = wallet.draft_as(&keyset, SHAPE(), &opened, IssuanceNumber::FIRST);
    let request = draft.by_account(&wallet.account, operation());
    assert_eq!(world.mint().finish(request.clone()).await, Err(FinishError::InsufficientFunds));
    world.mint().credit(wallet.key(), amount(10), "more").await.unwrap();
    assert_eq!(world.mint().finish(request).await, Err(FinishError::SessionGone));
    assert_eq!(world.balance(&wallet.key()).await, 14);
    assert_eq!(world.audit().await.units[0].issued, amount(0));
}
