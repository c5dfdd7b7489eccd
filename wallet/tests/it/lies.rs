//! A mint that lies while issuing, and two wallets of one seed.

use std::sync::{Arc, Mutex};

use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::mint_path;
use farthing_protocol::blind::wallet::UnblindError;
use farthing_wallet::{
    Event, IssueError, Lie as Found, MintError, PayError, PendingCause, ResumeError, Resumption, Stage, Step,
    StoreError, Wallet, WithdrawWhat,
};
use tempfile::TempDir;

use crate::double::{DAY, Lie, amount, unit};
use crate::http::Fault;
use crate::world::{World, protection};

/// What the wallet's own state says.
fn stored<T>(result: Result<T, IssueError>) -> Result<(), StoreError> {
    match result {
        Err(IssueError::Store(error)) => Err(error),
        _ => Ok(()),
    }
}

fn withdrawal() -> WithdrawWhat {
    WithdrawWhat::Amount(amount(37))
}

#[tokio::test]
async fn bad_commitments_are_never_answered() {
    for (lie, found) in
        [(Lie::RepeatedCommitment, UnblindError::RepeatedCommitment), (Lie::FewerCommitments, UnblindError::WrongCount)]
    {
        let (world, wallet) = World::new().await;
        world.double.with(|state| state.lie = Some(lie));
        let refused = wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await;
        let Err(IssueError::Lie { lie, evidence, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(lie, Found::Signing(found));
        assert!(evidence.exists());
        assert_eq!(world.evidence()[0]["evidence"], "session");
        assert_eq!(world.double.asked(mint_path::FINISH), 0);
        world.double.with(|state| state.lie = None);
        world.assert_settled(&wallet, 0).await;
    }
}

#[tokio::test]
async fn wrong_answers_give_no_tokens_and_lose_none() {
    for (lie, found) in [
        (Lie::WrongB, Found::Signing(UnblindError::WrongResponse)),
        (Lie::WrongY, Found::Signing(UnblindError::WrongResponse)),
        (Lie::WrongZ, Found::Signing(UnblindError::WrongResponse)),
        (Lie::FewerResponses, Found::OtherTerms),
        (Lie::OtherDebit, Found::OtherTerms),
        (Lie::OtherFunding, Found::OtherTerms),
        (Lie::OtherRecord, Found::OtherRecord),
    ] {
        let (world, wallet) = World::new().await;
        world.withdraw(&wallet, 1).await;
        world.double.with(|state| state.lie = Some(lie));
        let refused = wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await;
        let Err(IssueError::Lie { lie: told, .. }) = refused else { panic!("{lie:?}: {refused:?}") };
        assert_eq!(told, found, "{lie:?}");
        assert_eq!(world.evidence()[0]["evidence"], "record");
        assert_eq!(world.balance(&wallet).await, (1, 0));
        assert_eq!(wallet.operations().await.unwrap()[0].stage, Stage::Unanswered);
        // Asked again it gets the same request, never another challenge; an honest answer then gives the tokens.
        assert!(wallet.resume().await.unwrap()[0].result.is_err());
        assert!(wallet.resume().await.unwrap()[0].result.is_err());
        world.double.pass(1);
        assert!(wallet.resume().await.unwrap()[0].result.is_err());
        assert_eq!(world.evidence().len(), 1, "{lie:?}");
        world.double.with(|state| state.lie = None);
        assert!(matches!(wallet.resume().await.unwrap()[0].result, Ok(Resumption::Issued(_))));
        assert_eq!(world.balance(&wallet).await, (38, 0));
        world.assert_settled(&wallet, 2).await;
    }
}

fn same(a: &PendingCause, b: &PendingCause) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// Goes on three numbers at a time, until no more are drawn.
async fn resume_until_stopped(wallet: &Wallet) {
    for _ in 0..40 {
        match wallet.resume().await.unwrap().remove(0).result {
            Err(ResumeError::Issue(IssueError::Pending { .. })) => {}
            Err(ResumeError::Issue(IssueError::TooManyAbandoned { .. })) => return,
            other => panic!("{other:?}"),
        }
    }
    panic!("never stopped");
}

#[tokio::test]
async fn a_hundred_numbers_that_come_to_nothing_are_enough() {
    let (world, wallet) = World::new().await;
    world.double.with(|state| state.lie = Some(Lie::SessionGone));
    let id = world.double.id();
    let pending = wallet.withdraw(&id, &unit(), withdrawal()).await;
    let cause = PendingCause::NumbersAbandoned;
    assert!(matches!(&pending, Err(IssueError::Pending { cause: found, .. }) if same(found, &cause)), "{pending:?}");
    assert_eq!(world.double.asked(mint_path::FINISH), 3);
    resume_until_stopped(&wallet).await;
    assert_eq!(world.double.asked(mint_path::FINISH), 100);
    // Honest again, the mint gets no further number of this keyset.
    world.double.with(|state| state.lie = None);
    let stopped = wallet.resume().await.unwrap().remove(0).result;
    assert!(matches!(stopped, Err(ResumeError::Issue(IssueError::TooManyAbandoned { .. }))));
    assert_eq!(world.double.asked(mint_path::FINISH), 100);
    // The next keyset has numbers of its own.
    world.double.with(|state| state.add_keyset());
    world.double.pass(90 * DAY);
    assert!(wallet.resume().await.unwrap()[0].result.is_ok());
    assert_eq!(world.balance(&wallet).await, (37, 0));
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn what_a_hundred_numbers_stopped_can_be_given_up() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 1).await;
    world.double.with(|state| state.lie = Some(Lie::SessionGone));
    let swap = farthing_wallet::SwapWhat::Renew(amount(1));
    let pending = wallet.swap(&world.double.id(), &unit(), swap).await;
    let Err(IssueError::Pending { op, .. }) = pending else { panic!("{pending:?}") };
    resume_until_stopped(&wallet).await;
    assert_eq!(world.balance(&wallet).await, (0, 1));
    assert_eq!(wallet.give_up(op).await.unwrap(), None);
    assert_eq!(world.balance(&wallet).await, (1, 0));
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_restarted_mint_costs_a_number_only() {
    let (world, wallet) = World::new().await;
    drop(wallet);
    let wallet = world.open_until(Step::RequestStored).await;
    assert!(wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await.is_err());
    drop(wallet);
    world.double.restart();
    let wallet = world.open().await;
    assert!(wallet.resume().await.unwrap()[0].result.is_ok());
    assert_eq!(world.double.asked(mint_path::FINISH), 2);
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn an_own_winner_is_adopted() {
    let (world, wallet) = World::new().await;
    // The mint records the first number, and says it did not.
    world.double.fail_next(mint_path::FINISH, Fault::LieAfter(Problem::new(Code::SessionGone)));
    world.withdraw(&wallet, 37).await;
    assert_eq!(world.balance(&wallet).await, (37, 0));
    world.assert_settled(&wallet, 1).await;
    // Likewise for a swap, whose funding are tokens.
    world.double.fail_next(mint_path::FINISH, Fault::LieAfter(Problem::new(Code::UnknownSession)));
    let swap = farthing_wallet::SwapWhat::Renew(amount(37));
    wallet.swap(&world.double.id(), &unit(), swap).await.unwrap();
    world.assert_settled(&wallet, 1).await;
    world.withdraw(&wallet, 1).await;
}

#[tokio::test]
async fn a_record_of_other_challenges_is_not_adopted() {
    let (world, wallet) = World::new().await;
    world.double.with(|state| state.lie = Some(Lie::OtherChallengeOnce));
    // The number is abandoned, and the funding turns out to have gone to it all the same.
    world.withdraw(&wallet, 37).await;
    assert_eq!(world.double.asked(mint_path::FINISH), 3);
    world.assert_settled(&wallet, 1).await;

    world.double.with(|state| state.lie = Some(Lie::OtherChallenge));
    let refused = wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await;
    assert!(matches!(refused, Err(IssueError::Lie { lie: Found::OtherTerms, .. })), "{refused:?}");
    world.double.with(|state| state.lie = None);
    assert!(wallet.resume().await.unwrap()[0].result.is_ok());
    world.assert_settled(&wallet, 2).await;
}

/// A wallet that got its tokens after so many numbers came to nothing, and a copy of it from before the first.
async fn twins(numbers: usize) -> (World, TempDir) {
    let (world, wallet) = World::new().await;
    drop(wallet);
    let wallet = world.open_until(Step::IssueStored).await;
    assert!(wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await.is_err());
    drop(wallet);
    let copy = world.copy();
    for _ in 0..numbers {
        world.double.fail_next(mint_path::FINISH, Fault::Refuse(Code::SessionGone.into()));
    }
    let wallet = world.open().await;
    while wallet.resume().await.unwrap()[0].result.is_err() {}
    (world, copy)
}

async fn assert_stops(wallet: &Wallet) {
    let stopped = wallet.resume().await.unwrap().remove(0).result;
    assert!(matches!(stopped, Err(ResumeError::Issue(IssueError::SeedUsedElsewhere { .. }))), "{stopped:?}");
    assert_eq!(wallet.operations().await.unwrap()[0].stage, Stage::Stopped);
}

#[tokio::test]
async fn a_foreign_winner_stops_the_operation_until_its_number_comes() {
    let (world, copy) = twins(2).await;
    let other = Wallet::open(copy.path(), protection().unlock(), world.options()).await.unwrap();
    assert_stops(&other).await;
    assert_stops(&other).await;
    // The winner's number: what came of it is this operation's own.
    assert!(other.resume().await.unwrap()[0].result.is_ok());
    assert_eq!(world.balance(&other).await, (37, 0));
    assert_eq!(world.double.held().0, 10_000 - 38);
}

#[tokio::test]
async fn a_stopped_operation_asks_a_few_times_and_can_be_given_up() {
    let (world, copy) = twins(20).await;
    let other = Wallet::open(copy.path(), protection().unlock(), world.options()).await.unwrap();
    let asked = world.double.asked(mint_path::FINISH);
    for _ in 0..12 {
        assert_stops(&other).await;
    }
    assert_eq!(world.double.asked(mint_path::FINISH), asked + 10);
    let evidence = std::fs::read(copy.path().join("evidence").read_dir().unwrap().next().unwrap().unwrap().path());
    let evidence: serde_json::Value = serde_json::from_slice(&evidence.unwrap()).unwrap();
    assert_eq!(evidence["evidence"], "funding");
    let op = other.operations().await.unwrap()[0].id;
    assert_eq!(other.give_up(op).await.unwrap(), None);
    assert_eq!(other.operations().await.unwrap(), []);
    world.withdraw(&other, 5).await;
    assert_eq!(world.balance(&other).await, (5, 0));
}

#[tokio::test]
async fn an_older_copy_put_back_moves_nothing_until_it_is_resynchronised() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    drop(wallet);
    let copy = world.copy();
    let wallet = world.open().await;
    world.withdraw(&wallet, 37).await;
    world.withdraw(&wallet, 3).await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let options = world.options().observer(move |event| seen.lock().unwrap().push(event.clone()));
    let other = Wallet::open(copy.path(), protection().unlock(), options).await.unwrap();
    let stopped = Err(StoreError::WordsUsedElsewhere);
    assert_eq!(stored(other.withdraw(&id, &unit(), withdrawal()).await), stopped);
    let op = other.operations().await.unwrap()[0].id;
    assert_eq!(*events.lock().unwrap(), [Event::NumberTaken { op }, Event::NumberAbandoned { op }]);
    assert_eq!(other.used_elsewhere().await.unwrap(), [id]);
    drop(other);

    // It stays so, whatever is asked.
    let other = Wallet::open(copy.path(), protection().unlock(), world.options()).await.unwrap();
    assert_eq!(stored(other.withdraw(&id, &unit(), withdrawal()).await), stopped);
    assert!(matches!(other.pay(world.invoice(1)).await, Err(PayError::Store(StoreError::WordsUsedElsewhere))));
    assert_eq!(stored(other.renew_restored().await), stopped);
    let resumed = other.resume().await.unwrap();
    assert!(matches!(resumed[0].result, Err(ResumeError::Issue(IssueError::Store(StoreError::WordsUsedElsewhere)))));
    // Nothing was debited a second time.
    assert_eq!(world.double.held().0, 10_000 - 38 - 4);

    world.double.seal(0);
    let restored = other.resynchronise(&id).await.unwrap();
    // The withdrawals of 37 and 3.
    assert_eq!((restored.tokens, restored.suspected), (5, 0));
    assert_eq!(other.used_elsewhere().await.unwrap(), []);
    let resumed = other.resume().await.unwrap();
    assert!(matches!(resumed[0].result, Ok(Resumption::Issued(_))), "{resumed:?}");
    assert_eq!(world.double.held().0, 10_000 - 38 - 4 - 38);
    assert_eq!(other.confirm_restored().await.unwrap().amount, amount(40));
    assert_eq!(world.balance(&other).await, (77, 0));
}

#[tokio::test]
async fn what_a_refused_swap_brought_all_the_same_is_found_again() {
    for pay in [false, true] {
        let (world, wallet) = World::new().await;
        let id = world.double.id();
        world.withdraw(&wallet, 37).await;
        let lie = Fault::LieAfter(Problem::new(Code::InvalidProof));
        world.double.fail_next(mint_path::FINISH, lie);
        let swap = farthing_wallet::SwapWhat::Renew(amount(37));
        let refused = wallet.swap(&id, &unit(), swap).await;
        assert!(matches!(refused, Err(IssueError::Refused { .. })), "{refused:?}");
        if pay {
            let refused = wallet.pay(world.invoice(37)).await;
            assert!(matches!(refused, Err(PayError::TakenBack { .. })), "{refused:?}");
        } else {
            let refused = wallet.swap(&id, &unit(), swap).await;
            assert!(matches!(refused, Err(IssueError::Refused { code: Code::FundingUsed, .. })), "{refused:?}");
        }
        assert_eq!(world.balance(&wallet).await, (37, 0));
        wallet.pay(world.invoice(37)).await.unwrap();
        world.assert_settled(&wallet, 1).await;
    }
}

#[tokio::test]
async fn a_refusal_releases_what_was_reserved() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 37).await;
    world.double.fail_next(mint_path::FINISH, Fault::Refuse(Code::InvalidProof.into()));
    let swap = farthing_wallet::SwapWhat::Renew(amount(37));
    let refused = wallet.swap(&world.double.id(), &unit(), swap).await;
    assert!(matches!(refused, Err(IssueError::Refused { code: Code::InvalidProof, .. })));
    assert_eq!(world.balance(&wallet).await, (37, 0));
    world.assert_settled(&wallet, 1).await;
}

#[tokio::test]
async fn a_refusal_of_a_repeated_request_says_nothing_of_the_first() {
    for code in [Code::BadRequest, Code::UnknownField, Code::MalformedObject, Code::NotFound, Code::UnknownMint] {
        let (world, wallet) = World::new().await;
        world.withdraw(&wallet, 37).await;
        for swap in [false, true] {
            world.double.fail_next(mint_path::FINISH, Fault::LoseAnswer);
            let pending = match swap {
                false => wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await,
                true => {
                    let renewal = farthing_wallet::SwapWhat::Renew(amount(37));
                    wallet.swap(&world.double.id(), &unit(), renewal).await
                }
            };
            assert!(matches!(pending, Err(IssueError::Pending { .. })), "{pending:?}");
            world.double.fail_next(mint_path::FINISH, Fault::Refuse(code.into()));
            let pending = wallet.resume().await.unwrap().remove(0).result;
            assert!(matches!(pending, Err(ResumeError::Issue(IssueError::Pending { .. }))), "{code}: {pending:?}");
            assert!(wallet.resume().await.unwrap().remove(0).result.is_ok());
        }
        assert_eq!(world.balance(&wallet).await, (74, 0));
        world.assert_settled(&wallet, 2).await;
        // Of a request that never left before, it is the last word, unless no mint may have seen it.
        if code == Code::NotFound {
            continue;
        }
        world.double.fail_next(mint_path::FINISH, Fault::Refuse(code.into()));
        let refused = wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await;
        assert!(matches!(refused, Err(IssueError::Refused { code: found, .. }) if found == code), "{refused:?}");
        world.assert_settled(&wallet, 2).await;
    }
}

#[tokio::test]
async fn a_higher_fee_is_never_signed_without_being_asked() {
    for sent in [false, true] {
        let (world, wallet) = World::new().await;
        drop(wallet);
        let step = if sent { Step::NumberAbandoned } else { Step::IssueStored };
        let wallet = world.open_until(step).await;
        if sent {
            world.double.fail_next(mint_path::FINISH, Fault::Refuse(Code::SessionGone.into()));
        }
        assert!(wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await.is_err());
        drop(wallet);
        world.double.with(|state| {
            let mut terms = state.next_terms();
            terms.fees.withdrawal_ppm = 500_000;
            let dearer = state.make(terms);
            state.keysets.push(dearer);
        });
        world.double.pass(90 * DAY);
        let wallet = world.open().await;
        let rose = wallet.resume().await.unwrap().remove(0).result;
        if sent {
            let cause = PendingCause::FeeRose;
            let Err(ResumeError::Issue(IssueError::Pending { op, cause: found })) = rose else { panic!("{rose:?}") };
            assert!(same(&found, &cause));
            assert_eq!(wallet.give_up(op).await.unwrap(), None);
        } else {
            assert!(matches!(rose, Err(ResumeError::Issue(IssueError::FeeRose { .. }))), "{rose:?}");
        }
        assert_eq!(world.double.asked(mint_path::FINISH), u32::from(sent));
        world.assert_settled(&wallet, 0).await;
        // Begun anew, the fee is the one that is shown.
        world.withdraw(&wallet, 2).await;
        world.assert_settled(&wallet, 1).await;
    }
}

#[tokio::test]
async fn what_was_dropped_is_not_said_to_be_pending() {
    let (world, wallet) = World::new().await;
    world.double.fail_next(mint_path::OPEN, Fault::LoseRequest);
    let dropped = wallet.withdraw(&world.double.id(), &unit(), withdrawal()).await;
    assert!(matches!(dropped, Err(IssueError::Mint(MintError::Call(_)))), "{dropped:?}");
    world.assert_settled(&wallet, 0).await;
}
