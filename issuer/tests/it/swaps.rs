//! Swaps: canonical shapes, value for value, once.

use farthing_issuer::FinishError;
use farthing_protocol::amount::Amount;
use farthing_protocol::api::DepositOutcome;
use farthing_protocol::identity::Keypair;
use farthing_protocol::ids::RequestHash;
use farthing_protocol::shape::Shape;
use farthing_verifier::check::CheckError;

use crate::common::{World, amount, denomination};
use crate::wallet::{Coin, Wallet, deposit, finish, operation, pay};

fn worth(coins: &[Coin]) -> u64 {
    Amount::checked_sum(coins.iter().map(|(token, _)| token.value())).unwrap().units()
}

fn exponents(coins: &[Coin]) -> Vec<u8> {
    coins.iter().map(|(token, _)| token.denomination.exponent()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn split_merge_and_renew_conserve_value() {
    let world = World::with_fees(50_000, 50_000).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let eight = wallet.coins(&world, 8).await;
    let mut parts = wallet.swap(&world, &keyset, Shape::Split(denomination(3)), &eight).await.unwrap();
    assert_eq!(exponents(&parts), [0, 0, 1, 2]);
    let ones: Vec<Coin> = parts.drain(..2).collect();
    let two = wallet.swap(&world, &keyset, Shape::Merge(denomination(0)), &ones).await.unwrap();
    assert_eq!(exponents(&two), [1]);
    let six = wallet.swap(&world, &keyset, Shape::Renew(amount(6)), &parts).await.unwrap();
    assert_eq!((exponents(&six), worth(&six)), (vec![1, 2], 6));
    let books = world.audit().await.units.remove(0);
    assert_eq!((books.issued.units(), books.redeemed.units()), (8 + 8 + 2 + 6, 8 + 2 + 6));
    assert_eq!((books.balances.units(), books.fees.units()), (991, 1), "swaps are free");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_shapes_and_other_values_are_refused() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let (four, seven) = (wallet.coins(&world, 4).await, wallet.coins(&world, 7).await);
    let pair = [wallet.coins(&world, 2).await.remove(0), wallet.coins(&world, 2).await.remove(0)];
    let cases: [(&[Coin], Shape); 9] = [
        (&four, Shape::Split(denomination(3))),
        (&four, Shape::Split(denomination(1))),
        (&four, Shape::Renew(amount(5))),
        (&four, Shape::Renew(amount(3))),
        (&four, Shape::Withdrawal(amount(4))),
        (&four, Shape::Bundle(0)),
        (&seven, Shape::Merge(denomination(2))),
        (&pair, Shape::Merge(denomination(2))),
        (&pair, Shape::Renew(amount(4))),
    ];
    for (coins, shape) in cases {
        assert!(matches!(wallet.swap(&world, &keyset, shape, coins).await, Err(FinishError::Mismatch)), "{shape:?}");
    }
    // An account cannot fund a swap's shape, whatever it pays.
    let draft = wallet.draft(&world, &keyset, Shape::Split(denomination(2))).await;
    let refused = world.mint().finish(draft.by_account(&wallet.account, operation())).await;
    assert_eq!(refused, Err(FinishError::Mismatch));
    // Terms that lie about the amount, on both sides.
    for units in [3, 5] {
        let mut draft = wallet.draft(&world, &keyset, Shape::Renew(amount(4))).await;
        (draft.terms.amount, draft.terms.debit) = (amount(units), amount(units));
        let refused = world.mint().finish(draft.by_tokens(&keyset, &four, world.now())).await;
        assert_eq!(refused, Err(FinishError::Mismatch));
    }
    // Nothing of it spent a token.
    wallet.swap(&world, &keyset, Shape::Renew(amount(4)), &four).await.unwrap();
    wallet.swap(&world, &keyset, Shape::Renew(amount(7)), &seven).await.unwrap();
    wallet.swap(&world, &keyset, Shape::Merge(denomination(1)), &pair).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorization_is_for_this_issuance_only() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 4).await;
    let draft = wallet.draft(&world, &keyset, Shape::Renew(amount(4))).await;
    let (mint, now) = (world.id(), world.now());
    let request = draft.terms.issuance.swap_request();
    // The tokens' authorization taken to another session and field under the same issuance id.
    let mut other = wallet.draft(&world, &keyset, Shape::Renew(amount(4))).await;
    let funding = draft.token_funding(&keyset, &coins, now, (mint, mint.as_payee()), request);
    other.terms.issuance = draft.terms.issuance;
    other.key = Keypair::from_secret(&draft.key.secret());
    let error = world.mint().finish(other.request(funding)).await.unwrap_err();
    assert_eq!(error, FinishError::Swap(CheckError::InvalidAuthorization));
    let payee = draft.token_funding(&keyset, &coins, now, (mint, wallet.payee()), request);
    let hash = RequestHash::from_bytes([1; 32]);
    let wrong = draft.token_funding(&keyset, &coins, now, (mint, mint.as_payee()), hash);
    for (funding, error) in [(payee, CheckError::WrongPayee), (wrong, CheckError::WrongRequest)] {
        assert_eq!(world.mint().finish(draft.request(funding)).await, Err(FinishError::Swap(error)));
    }
    world.mint().finish(draft.by_tokens(&keyset, &coins, now)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_spent_once_across_swaps_and_deposits() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let payee = Wallet::new(&world.id()).payee();

    // Deposited, then swapped: the renew is refused and names the payment.
    let five = wallet.coins(&world, 5).await;
    let payment = pay(&keyset, &five, payee, world.now());
    let outcome = world.mint().deposit(vec![deposit(payment.clone())]).await.unwrap().remove(0);
    assert!(matches!(outcome, DepositOutcome::Accepted { .. }));
    let refused = wallet.swap(&world, &keyset, Shape::Renew(amount(5)), &five).await;
    assert!(matches!(refused, Err(FinishError::DoubleSpend(earlier)) if earlier == payment.id()));

    // Swapped, then deposited: refused, and the swap is named.
    let six = wallet.coins(&world, 6).await;
    let draft = wallet.draft(&world, &keyset, Shape::Renew(amount(6))).await;
    let request = draft.by_tokens(&keyset, &six, world.now());
    let farthing_protocol::issuance::Funding::Tokens(swap) = request.funding() else { panic!() };
    let (swap, payment) = (swap.id(), farthing_protocol::payment::Payment::clone(swap));
    let record = world.mint().finish(request).await.unwrap();
    // A recorded swap is no deposit, whatever is claimed of it.
    let mut recorded = deposit(payment);
    recorded.claim = farthing_protocol::ids::Claim::from_bytes(*record.issuance.as_bytes());
    let outcome = world.mint().deposit(vec![recorded]).await.unwrap().remove(0);
    assert_eq!(outcome, DepositOutcome::Refused { code: "unsupported_kind".to_owned() });
    world.reopen().await;
    let late = pay(&keyset, &six[..1], payee, world.now());
    let outcome = world.mint().deposit(vec![deposit(late)]).await.unwrap().remove(0);
    assert_eq!(outcome, DepositOutcome::DoubleSpend { earlier_payment_id: swap });

    // The same tokens for another issuance: the winner is named. A part of them: the earlier payment.
    let again = wallet.swap(&world, &keyset, Shape::Renew(amount(6)), &six).await;
    assert!(matches!(again, Err(FinishError::FundingUsed(winner)) if winner == record.issuance));
    let part = wallet.swap(&world, &keyset, Shape::Renew(amount(2)), &six[..1]).await;
    assert!(matches!(part, Err(FinishError::DoubleSpend(earlier)) if earlier == swap));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_many_swaps_of_a_token_one_wins() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 4).await;
    let mut requests = Vec::new();
    for shape in [Shape::Renew(amount(4)), Shape::Split(denomination(2))].repeat(8) {
        requests.push(wallet.draft(&world, &keyset, shape).await.by_tokens(&keyset, &coins, world.now()));
    }
    let asked: Vec<_> = requests.iter().map(|request| finish(world.mint(), request)).collect();
    let mut results = Vec::new();
    for each in asked {
        results.push(each.await.unwrap());
    }
    let winners: Vec<_> = results.iter().flatten().map(|record| record.issuance).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(results.iter().filter(|r| **r == Err(FinishError::FundingUsed(winners[0]))).count(), 15);
    let books = world.audit().await.units.remove(0);
    assert_eq!((books.issued.units(), books.redeemed.units()), (8, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_swap_leads_from_one_unit_into_another() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let euro = world.keyset().await;
    let coins = wallet.coins(&world, 4).await;
    world.close();
    let config = world.home.folder().join("mint.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("unit = \"EUR\"", "unit = \"USD\"")).unwrap();
    world.home = farthing_issuer::MintHome::open(world.home.folder()).unwrap();
    world.reopen().await;
    world.mint().new_keyset().await.unwrap();
    let dollar = world.keyset().await;
    assert_eq!((dollar.terms().unit.code(), dollar.terms().sequence), ("USD", 0));
    // The wallet's helper asks for outputs of the last keyset, which is the dollar's.
    for shape in [Shape::Renew(amount(4)), Shape::Split(denomination(2))] {
        let refused = wallet.swap(&world, &euro, shape, &coins).await;
        assert!(matches!(refused, Err(FinishError::Mismatch)), "{:?}", refused.err());
    }
    // Nor does the euro account pay for dollars.
    let refused = wallet.withdraw(&world, Shape::Withdrawal(amount(4))).await;
    assert!(matches!(refused, Err(FinishError::InsufficientFunds)));
    world.mint().credit(wallet.key(), amount(10), "dollars").await.unwrap();
    wallet.withdraw(&world, Shape::Withdrawal(amount(4))).await.unwrap();
    let balances = world.mint().account(&wallet.key()).await.unwrap().balances;
    let held: Vec<_> = balances.iter().map(|held| (held.unit.as_str(), held.balance.units())).collect();
    assert_eq!(held, [("EUR", 996), ("USD", 6)]);
    let report = world.audit().await;
    let issued: Vec<_> = report.units.iter().map(|unit| (unit.unit.as_str(), unit.issued.units())).collect();
    assert_eq!(issued, [("EUR", 4), ("USD", 4)]);
}
