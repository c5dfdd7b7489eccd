//! Commits that fail: nothing is answered as if they had not, and after a restart all is as if it had happened once.

use farthing_issuer::{FinishError, LedgerError, MovementError};
use farthing_protocol::api::DepositOutcome;
use farthing_protocol::shape::Shape;

use crate::common::{Fault, World, amount};
use crate::wallet::{Wallet, deposit, operation, pay};

const FAULTS: [(Fault, bool); 2] = [(Fault::NotPersisted, false), (Fault::Persisted, true)];

#[tokio::test(flavor = "multi_thread")]
async fn an_issuance_with_an_unknown_outcome_is_answered_after_the_restart() {
    for (fault, persisted) in FAULTS {
        let mut world = World::new().await;
        let mut wallet = Wallet::funded(&world, 100).await;
        let keyset = world.keyset().await;
        let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(37))).await;
        let operation = operation();
        let request = draft.by_account(&wallet.account, operation);
        world.fail_next(fault);
        let lost = world.mint().finish(request.clone()).await;
        assert_eq!(lost, Err(FinishError::Ledger(LedgerError::Unavailable)));
        // Never `session_gone` while nobody knows: not for the same request, nor for another of the session.
        let again = world.mint().finish(request.clone()).await;
        assert!(matches!(again, Err(FinishError::Ledger(_))), "{again:?}");
        world.reopen().await;
        if persisted {
            let record = world.mint().finish(request).await.unwrap();
            assert_eq!(wallet.adopt(&keyset, &draft, &record).len(), 3);
        } else {
            assert_eq!(world.mint().finish(request).await, Err(FinishError::UnknownSession));
        }
        // Going on under the next number, with the same operation, never debits twice.
        let next = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(37))).await;
        let result = world.mint().finish(next.by_account(&wallet.account, operation)).await;
        if persisted {
            assert_eq!(result, Err(FinishError::FundingUsed(draft.terms.issuance)));
        } else {
            assert_eq!(wallet.adopt(&keyset, &next, &result.unwrap()).len(), 3);
        }
        assert_eq!(world.balance(&wallet.key()).await, 63);
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_with_an_unknown_outcome_is_asked_again() {
    for (fault, persisted) in FAULTS {
        let mut world = World::with_fees(0, 300_000).await;
        let mut wallet = Wallet::funded(&world, 100).await;
        let keyset = world.keyset().await;
        let shop = Wallet::new(&world.id());
        let coins = wallet.coins(&world, 37).await;
        let payment = deposit(pay(&keyset, &coins, shop.payee(), world.now()));
        world.fail_next(fault);
        let lost = world.mint().deposit(vec![payment.clone()]).await.unwrap();
        assert_eq!(lost, [DepositOutcome::Unavailable {}]);
        world.reopen().await;
        let accepted_at = world.now();
        let known = if persisted {
            DepositOutcome::AlreadyAccepted { claim_matches: true, accepted_at }
        } else {
            DepositOutcome::Accepted { accepted_at }
        };
        assert_eq!(world.mint().deposit(vec![payment]).await.unwrap(), [known]);
        assert_eq!(world.balance(&shop.key()).await, 37 - 11);
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_with_an_unknown_outcome_spends_and_issues_or_does_neither() {
    for (fault, persisted) in FAULTS {
        let mut world = World::new().await;
        let mut wallet = Wallet::funded(&world, 100).await;
        let keyset = world.keyset().await;
        let coins = wallet.coins(&world, 37).await;
        let draft = wallet.draft(&world, &keyset, Shape::Renew(amount(37))).await;
        let request = draft.by_tokens(&keyset, &coins, world.now());
        world.fail_next(fault);
        let lost = world.mint().finish(request.clone()).await;
        assert_eq!(lost, Err(FinishError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        let books = world.audit().await.units.remove(0);
        let swapped = if persisted { 37 } else { 0 };
        assert_eq!((books.issued.units(), books.redeemed.units()), (37 + swapped, swapped));
        let again = wallet.swap(&world, &keyset, Shape::Renew(amount(37)), &coins).await;
        match again {
            Ok(coins) => assert!(!persisted && coins.len() == 3),
            Err(error) => assert_eq!(error, FinishError::FundingUsed(draft.terms.issuance)),
        }
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_with_an_unknown_outcome_is_repeated() {
    for (fault, persisted) in FAULTS {
        let mut world = World::new().await;
        let account = Wallet::new(&world.id()).key();
        world.fail_next(fault);
        let lost = world.mint().credit(account, amount(10), "one").await;
        assert_eq!(lost, Err(MovementError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        let again = world.mint().credit(account, amount(10), "one").await.unwrap();
        assert_eq!((again.balance, again.known), (amount(10), persisted));
        world.audit().await;
    }
}
