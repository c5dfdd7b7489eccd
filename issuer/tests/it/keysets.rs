//! Windows, the list, revocations, and time that never goes back.

use farthing_issuer::{FindingCode, FinishError, KeysetState, LedgerError, MovementError, OpenError, check_home};
use farthing_protocol::api::{DepositOutcome, OpenRequest};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;
use farthing_verifier::check::CheckError;
use farthing_verifier::findings::Severity;

use crate::common::{World, amount};
use crate::wallet::{Wallet, deposit, operation, pay};

async fn open(world: &World, keyset: &Keyset) -> Result<(), OpenError> {
    let shape = Shape::Withdrawal(amount(1));
    world.mint().open_issuance(&OpenRequest { keyset: *keyset.id(), shape }).await.map(drop)
}

fn until(world: &World, time: farthing_protocol::amount::UnixTime) -> u64 {
    time.seconds() - world.now().seconds()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_the_same_bytes_for_everyone_and_never_goes_back() {
    let mut world = World::new().await;
    let first = world.mint().keysets_answer().await.unwrap();
    world.clock.pass(599);
    assert_eq!(world.mint().keysets_answer().await.unwrap(), first);
    world.reopen().await;
    assert_eq!(world.mint().keysets_answer().await.unwrap(), first);
    let seen = world.keysets().await.list;
    seen.accept(&world.id(), None, world.now()).unwrap();
    world.clock.pass(1);
    let second = world.mint().keysets_answer().await.unwrap();
    assert_ne!(second, first);
    let list = world.keysets().await.list;
    list.accept(&world.id(), Some(&seen), world.now()).unwrap();
    assert_eq!(list.issued_at(), seen.issued_at().plus(600));
    // A change is told at once, within the same second too.
    world.mint().new_keyset().await.unwrap();
    let third = world.keysets().await;
    third.list.accept(&world.id(), Some(&list), world.now()).unwrap();
    assert!(third.list.issued_at() > list.issued_at());
    assert_eq!((third.list.heads()[0].head.sequence, third.keysets.len()), (1, 2));
    let bytes = world.mint().keysets_answer().await.unwrap();
    world.reopen().await;
    assert_eq!(world.mint().keysets_answer().await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_keyset_issues_at_a_time_and_a_session_may_be_finished_after_its_window() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    let coins = wallet.coins(&world, 7).await;
    world.mint().new_keyset().await.unwrap();
    let second = world.keyset().await;
    assert_eq!(second.terms().active_from, first.terms().issue_until);
    assert_eq!(second.terms().predecessor, Some(*first.id()));
    assert_eq!(open(&world, &second).await, Err(OpenError::KeysetNotIssuing));

    world.clock.pass(until(&world, first.terms().issue_until) - 1);
    let draft = wallet.draft(&world, &first, Shape::Withdrawal(amount(5))).await;
    world.clock.pass(1);
    assert_eq!(open(&world, &first).await, Err(OpenError::KeysetNotIssuing));
    open(&world, &second).await.unwrap();
    world.clock.pass(300);
    let record = world.mint().finish(draft.by_account(&wallet.account, operation())).await.unwrap();
    assert_eq!(record.keyset, *first.id());

    // Inputs of the first keyset, outputs of the second; the wallet's helper takes the last one.
    world.reopen().await;
    let renewed = wallet.swap(&world, &first, Shape::Renew(amount(7)), &coins).await.unwrap();
    assert_eq!(renewed.len(), 3);
    let states: Vec<KeysetState> = world.mint().keysets().iter().map(|keyset| keyset.state).collect();
    assert_eq!(states, [KeysetState::Spendable, KeysetState::Issuing]);
    let old = wallet.adopt(&first, &draft, &record);
    world.clock.pass(until(&world, second.terms().issue_until));
    world.mint().new_keyset().await.unwrap();
    world.clock.pass(until(&world, first.terms().spend_until));
    world.mint().new_keyset().await.unwrap();
    let late = wallet.swap(&world, &first, Shape::Renew(amount(5)), &old).await;
    assert!(matches!(late, Err(FinishError::Swap(CheckError::KeysetEnded))), "{:?}", late.err());
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_keyset_issues_swaps_and_takes_nothing() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    let (coins, accepted) = (wallet.coins(&world, 7).await, wallet.coins(&world, 7).await);
    let draft = wallet.draft(&world, &first, Shape::Withdrawal(amount(5))).await;
    let shop = Wallet::new(&world.id());
    let before = deposit(pay(&first, &accepted, shop.payee(), world.now()));
    world.mint().deposit(vec![before.clone()]).await.unwrap();
    world.clock.pass(10);
    let at = world.mint().revoke(*first.id()).await.unwrap();
    assert_eq!(world.mint().revoke(*first.id()).await.unwrap(), at);
    for _ in 0..2 {
        assert_eq!(open(&world, &first).await, Err(OpenError::KeysetNotIssuing));
        let refused = world.mint().deposit(vec![deposit(pay(&first, &coins, shop.payee(), world.now()))]).await;
        assert_eq!(refused.unwrap(), [DepositOutcome::Refused { code: "keyset_ended".to_owned() }]);
        let known = world.mint().deposit(vec![before.clone()]).await.unwrap();
        assert!(matches!(known[0], DepositOutcome::AlreadyAccepted { claim_matches: true, .. }));
        assert_eq!(world.keysets().await.list.revoked_at(first.id()), Some(at));
        let finished = world.mint().finish(draft.by_account(&wallet.account, operation())).await;
        assert!(matches!(finished, Err(FinishError::KeysetNotIssuing | FinishError::UnknownSession)));
        world.reopen().await;
    }
    // An emergency keyset issues at once.
    world.mint().new_keyset().await.unwrap();
    let second = world.keyset().await;
    open(&world, &second).await.unwrap();
    let swap = wallet.swap(&world, &first, Shape::Renew(amount(7)), &coins).await;
    assert!(matches!(swap, Err(FinishError::Swap(CheckError::KeysetRevoked))));
    assert_eq!(world.mint().keysets()[0].state, KeysetState::Revoked);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_keyset_issues_before_an_announced_one_and_never_over_it() {
    let mut world = World::new().await;
    let first = world.keyset().await;
    world.mint().new_keyset().await.unwrap();
    let announced = world.keyset().await;
    world.clock.pass(10);
    let (one, two) = (world.mint().revoke(*first.id()), world.mint().revoke(*announced.id()));
    one.await.unwrap();
    world.mint().new_keyset().await.unwrap();
    let emergency = world.keyset().await;
    assert_eq!(emergency.terms().sequence, 2);
    assert_eq!(emergency.terms().active_from, world.now());
    assert_eq!(emergency.terms().issue_until, announced.terms().active_from);
    open(&world, &emergency).await.unwrap();
    assert_eq!(open(&world, &announced).await, Err(OpenError::KeysetNotIssuing));
    // While the emergency keyset issues, the next one waits for the end of all.
    two.await.unwrap();
    world.mint().new_keyset().await.unwrap();
    let next = world.keyset().await;
    assert_eq!(next.terms().active_from, emergency.terms().issue_until);
    world.reopen().await;
    assert_eq!(world.mint().keysets().len(), 4);
    open(&world, &emergency).await.unwrap();
    assert_eq!(world.keysets().await.list.revocations().len(), 2);

    // None of it is a fault of the settings, whether the mint says what was revoked or only the windows do.
    let told = world.mint().keysets();
    for running in [Some(told.as_slice()), None] {
        let found = check_home(world.home.folder(), world.now(), running);
        let found = found.iter().find(|finding| finding.code == FindingCode::Keysets).unwrap();
        assert!(found.severity == Severity::Fine && found.message.contains("keyset 2 issues"), "{}", found.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_refuses_to_run_behind_the_time_it_has_seen() {
    let mut world = World::new().await;
    let account = Wallet::new(&world.id()).key();
    world.clock.pass(3600);
    world.mint().credit(account, amount(1), "a").await.unwrap();
    let now = world.now();
    world.clock.set_wall(now.minus(5));
    world.mint().credit(account, amount(1), "b").await.unwrap();
    world.clock.set_wall(now.minus(6));
    let refused = world.mint().credit(account, amount(1), "c").await;
    assert_eq!(refused, Err(MovementError::Ledger(LedgerError::ClockBehind)));
    world.clock.set_wall(now);
    world.reopen().await;
    world.mint().credit(account, amount(1), "c").await.unwrap();
    assert_eq!(world.balance(&account).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_years_ahead_does_not_become_the_ledgers_time() {
    let mut world = World::new().await;
    let account = Wallet::new(&world.id()).key();
    world.mint().credit(account, amount(1), "a").await.unwrap();
    let now = world.now();
    world.clock.set_wall(farthing_protocol::amount::UnixTime::from_seconds(4_070_908_800));
    let refused = world.mint().credit(account, amount(1), "b").await;
    assert_eq!(refused, Err(MovementError::Ledger(LedgerError::ClockAhead)));
    world.clock.set_wall(now.plus(1));
    world.reopen().await;
    world.mint().credit(account, amount(1), "b").await.unwrap();
    assert_eq!(world.balance(&account).await, 2);
}
