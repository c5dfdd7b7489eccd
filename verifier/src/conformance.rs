//! What every [`SpentStore`] is held to, as one suite that every implementation runs. For tests only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test suite, compiled for tests only"
)]

mod mint;

use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::ids::{Claim, PaymentId, RequestHash};

use crate::check::VerifiedPayment;
use crate::store::{Acceptance, Outcome, SpentStore, StoreError};

pub use mint::{Coin, TestMint};

/// Makes payments for a store under test.
pub trait TokenFactory {
    /// A fresh coin of value 2^d that the store decides over.
    fn coin(&self, d: u8) -> Coin;

    /// A payment of these coins, in ascending order of value, that the store decides over.
    fn pay(&self, coins: &[&Coin], request: RequestHash) -> VerifiedPayment;

    /// Payments that are in order, each of a class that the store does not decide over.
    fn undecided(&self) -> Vec<VerifiedPayment>;

    /// The time at which all of these payments are in order.
    fn now(&self) -> UnixTime;
}

/// Runs the whole suite. `open` opens the store or, after everything it returned was dropped, opens it **again**.
///
/// Call it on a multi-threaded runtime.
pub async fn run(open: &dyn Fn() -> Arc<dyn SpentStore>, tokens: &dyn TokenFactory) {
    accepts_once(&*open(), tokens).await;
    keeps_the_first_claim(&*open(), tokens).await;
    changes_nothing_when_one_token_is_spent(&*open(), tokens).await;
    for _ in 0..8 {
        // An order by id, or by chance, would be the right one every other time.
        decides_payments_of_one_call_in_order(&*open(), tokens).await;
    }
    refuses_what_it_does_not_decide(&*open(), tokens).await;
    one_of_many_payments_wins(open(), tokens).await;
    one_of_many_claims_wins(open(), tokens).await;
    remembers(open, tokens).await;
}

async fn accepts_once(store: &dyn SpentStore, tokens: &dyn TokenFactory) {
    let coins = [tokens.coin(0), tokens.coin(2)];
    let payment = tokens.pay(&[&coins[0], &coins[1]], request());
    assert!(store.find(payment.id()).await.unwrap().is_none());
    let claim = claim();
    let at = accepted(accept(store, &payment, claim, tokens.now()).await);
    let again = Outcome::AlreadyAccepted { accepted_at: at, claim_matches: true };
    assert_eq!(accept(store, &payment, claim, tokens.now()).await, Ok(again));
    assert_eq!(accept(store, &payment, claim, tokens.now().plus(1)).await, Ok(again), "the first time stays");
    let found = store.find(payment.id()).await.unwrap().expect("an accepted payment is found");
    assert_eq!(found.payment, *payment.id());
    assert_eq!(found.keyset, *payment.keyset().id());
    assert_eq!(found.payee, *payment.payment().payee());
    assert_eq!(found.amount, payment.payment().amount());
    assert_eq!(found.request, *payment.payment().request());
    assert_eq!(found.accepted_at, at);
    assert!(found.claim.matches(&claim));
}

async fn keeps_the_first_claim(store: &dyn SpentStore, tokens: &dyn TokenFactory) {
    let payment = tokens.pay(&[&tokens.coin(1)], request());
    let first = claim();
    let accepted_at = accepted(accept(store, &payment, first, tokens.now()).await);
    for _ in 0..2 {
        let other = accept(store, &payment, claim(), tokens.now()).await;
        assert_eq!(other, Ok(Outcome::AlreadyAccepted { accepted_at, claim_matches: false }));
    }
    let own = accept(store, &payment, first, tokens.now()).await;
    assert_eq!(own, Ok(Outcome::AlreadyAccepted { accepted_at, claim_matches: true }));
}

async fn changes_nothing_when_one_token_is_spent(store: &dyn SpentStore, tokens: &dyn TokenFactory) {
    let (spent, fresh) = (tokens.coin(1), [tokens.coin(0), tokens.coin(2)]);
    let earlier = tokens.pay(&[&spent], request());
    accepted(accept(store, &earlier, claim(), tokens.now()).await);
    let double = tokens.pay(&[&fresh[0], &spent, &fresh[1]], request());
    for _ in 0..2 {
        let outcome = accept(store, &double, claim(), tokens.now()).await;
        assert_eq!(outcome, Ok(Outcome::DoubleSpend { earlier: *earlier.id() }));
    }
    assert!(store.find(double.id()).await.unwrap().is_none(), "a refused payment is not found");
    // Had the refused payment left a trace, its fresh tokens could not be spent.
    let rest = tokens.pay(&[&fresh[0], &fresh[1]], request());
    accepted(accept(store, &rest, claim(), tokens.now()).await);
}

async fn decides_payments_of_one_call_in_order(store: &dyn SpentStore, tokens: &dyn TokenFactory) {
    let shared = tokens.coin(3);
    let first = tokens.pay(&[&shared], request());
    let second = tokens.pay(&[&tokens.coin(0), &shared], request());
    let third = tokens.pay(&[&tokens.coin(4)], request());
    let now = tokens.now();
    let all =
        [&first, &second, &third, &first].map(|payment| Acceptance { payment: payment.clone(), claim: claim(), now });
    let outcomes = store.accept(all.to_vec()).await;
    assert_eq!(outcomes.len(), 4);
    let accepted_at = accepted(outcomes[0]);
    assert_eq!(outcomes[1], Ok(Outcome::DoubleSpend { earlier: *first.id() }));
    accepted(outcomes[2]);
    assert_eq!(outcomes[3], Ok(Outcome::AlreadyAccepted { accepted_at, claim_matches: false }));
    assert!(store.accept(Vec::new()).await.is_empty());
}

async fn refuses_what_it_does_not_decide(store: &dyn SpentStore, tokens: &dyn TokenFactory) {
    let undecided = tokens.undecided();
    assert!(!undecided.is_empty());
    for payment in undecided {
        assert!(!store.decides().covers(&payment.class()));
        assert_eq!(accept(store, &payment, claim(), tokens.now()).await, Err(StoreError::NotDecidedHere));
        assert!(store.find(payment.id()).await.unwrap().is_none());
        // In the company of a payment that it does decide over, too.
        let good = tokens.pay(&[&tokens.coin(0)], request());
        let both = [payment, good].map(|payment| Acceptance { payment, claim: claim(), now: tokens.now() });
        let outcomes = store.accept(both.to_vec()).await;
        assert_eq!(outcomes[0], Err(StoreError::NotDecidedHere));
        accepted(outcomes[1]);
    }
}

/// 64 payments that share one token.
async fn one_of_many_payments_wins(store: Arc<dyn SpentStore>, tokens: &dyn TokenFactory) {
    let shared = tokens.coin(2);
    let payments: Vec<_> = (0..64).map(|_| tokens.pay(&[&tokens.coin(1), &shared], request())).collect();
    let outcomes = race(&store, payments.iter().map(|payment| (payment.clone(), claim())), tokens.now()).await;
    let winners: Vec<PaymentId> = payments
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| matches!(outcome, Ok(Outcome::Accepted { .. })))
        .map(|(payment, _)| *payment.id())
        .collect();
    assert_eq!(winners.len(), 1, "one payment wins");
    let refused = outcomes.iter().filter(|outcome| **outcome == Ok(Outcome::DoubleSpend { earlier: winners[0] }));
    assert_eq!(refused.count(), 63, "all others are told the winner's id");
}

/// One payment, 64 claims.
async fn one_of_many_claims_wins(store: Arc<dyn SpentStore>, tokens: &dyn TokenFactory) {
    let payment = tokens.pay(&[&tokens.coin(3)], request());
    let outcomes = race(&store, (0..64).map(|_| (payment.clone(), claim())), tokens.now()).await;
    let winners = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Accepted { .. }))).count();
    let losers = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Outcome::AlreadyAccepted { claim_matches: false, .. })))
        .count();
    assert_eq!((winners, losers), (1, 63));
}

async fn remembers(open: &dyn Fn() -> Arc<dyn SpentStore>, tokens: &dyn TokenFactory) {
    let shared = tokens.coin(5);
    let payment = tokens.pay(&[&shared], request());
    let claim = claim();
    let store = open();
    let accepted_at = accepted(accept(&*store, &payment, claim, tokens.now()).await);
    let before = store.find(payment.id()).await.unwrap();
    drop(store);

    let store = open();
    let again = accept(&*store, &payment, claim, tokens.now()).await;
    assert_eq!(again, Ok(Outcome::AlreadyAccepted { accepted_at, claim_matches: true }));
    assert_eq!(store.find(payment.id()).await.unwrap(), before);
    let double = tokens.pay(&[&shared], request());
    let outcome = accept(&*store, &double, self::claim(), tokens.now()).await;
    assert_eq!(outcome, Ok(Outcome::DoubleSpend { earlier: *payment.id() }));
}

async fn race(
    store: &Arc<dyn SpentStore>,
    payments: impl Iterator<Item = (VerifiedPayment, Claim)>,
    now: UnixTime,
) -> Vec<Result<Outcome, StoreError>> {
    let payments: Vec<_> = payments.collect();
    let barrier = Arc::new(std::sync::Barrier::new(payments.len()));
    let runtime = tokio::runtime::Handle::current();
    let threads: Vec<_> = payments
        .into_iter()
        .map(|(payment, claim)| {
            let (store, barrier, runtime) = (Arc::clone(store), Arc::clone(&barrier), runtime.clone());
            std::thread::spawn(move || {
                barrier.wait();
                runtime.block_on(accept(&*store, &payment, claim, now))
            })
        })
        .collect();
    tokio::task::spawn_blocking(|| threads.into_iter().map(|thread| thread.join().unwrap()).collect()).await.unwrap()
}

async fn accept(
    store: &dyn SpentStore,
    payment: &VerifiedPayment,
    claim: Claim,
    now: UnixTime,
) -> Result<Outcome, StoreError> {
    let mut outcomes = store.accept(vec![Acceptance { payment: payment.clone(), claim, now }]).await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

fn accepted(outcome: Result<Outcome, StoreError>) -> UnixTime {
    match outcome {
        Ok(Outcome::Accepted { accepted_at }) => accepted_at,
        other => panic!("not accepted: {other:?}"),
    }
}

fn request() -> RequestHash {
    RequestHash::from_bytes(rand::random())
}

fn claim() -> Claim {
    Claim::from_bytes(rand::random())
}
