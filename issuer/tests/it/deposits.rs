//! Deposits: credited once, to whom the payment names, minus the fees.

use farthing_issuer::DepositError;
use farthing_protocol::api::{Deposit, DepositOutcome};
use farthing_protocol::codec::Wire;
use farthing_protocol::payment::Payment;
use farthing_protocol::shape::Shape;

use crate::common::{World, amount};
use crate::wallet::{Coin, Wallet, claim, deposit, pay, pay_for};

async fn one(world: &World, deposit: Deposit) -> DepositOutcome {
    world.mint().deposit(vec![deposit]).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn credited_once_and_the_first_claim_is_kept() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let shop = Wallet::new(&world.id());
    let coins = wallet.coins(&world, 37).await;
    let payment = pay(&keyset, &coins, shop.payee(), world.now());
    let first = deposit(payment.clone());
    let accepted_at = world.now();
    assert_eq!(one(&world, first.clone()).await, DepositOutcome::Accepted { accepted_at });
    world.clock.pass(60);
    let answers = [(first.claim, true), (claim(), false), (claim(), false), (first.claim, true)];
    for (claim, claim_matches) in answers {
        let again = one(&world, Deposit { payment: payment.clone(), claim }).await;
        assert_eq!(again, DepositOutcome::AlreadyAccepted { claim_matches, accepted_at });
        world.reopen().await;
    }
    assert_eq!(world.balance(&shop.key()).await, 37);
    let other = pay(&keyset, &coins, shop.payee(), world.now());
    let double = DepositOutcome::DoubleSpend { earlier_payment_id: payment.id() };
    assert_eq!(one(&world, deposit(other)).await, double);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_many_deposits_of_a_token_one_is_credited() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 4).await;
    let shops: Vec<Wallet> = (0..16).map(|_| Wallet::new(&world.id())).collect();
    let asked: Vec<_> = shops
        .iter()
        .map(|shop| {
            let (mint, deposit) = (world.mint().clone(), deposit(pay(&keyset, &coins, shop.payee(), world.now())));
            tokio::spawn(async move { mint.deposit(vec![deposit]).await.unwrap().remove(0) })
        })
        .collect();
    let mut accepted = 0;
    for each in asked {
        match each.await.unwrap() {
            DepositOutcome::Accepted { .. } => accepted += 1,
            outcome => assert!(matches!(outcome, DepositOutcome::DoubleSpend { .. })),
        }
    }
    assert_eq!(accepted, 1);
    let mut credited = 0;
    for shop in &shops {
        credited += world.balance(&shop.key()).await;
    }
    assert_eq!(credited, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_in_millionths_are_charged_to_the_unit_over_many_deposits() {
    // 1.2345 per mille: single units cost nothing by themselves, and their fees add up.
    let mut world = World::with_fees(0, 1_234).await;
    let mut wallet = Wallet::funded(&world, 20_000).await;
    let keyset = world.keyset().await;
    let shops = [Wallet::new(&world.id()), Wallet::new(&world.id())];
    let mut taken = [0_u64; 2];
    for round in 0..20 {
        let mut batch = Vec::new();
        for units in [1, 3, 64, 255, 400] {
            let which = (round + units as usize) % 2;
            taken[which] += units;
            let coins = wallet.coins(&world, units).await;
            batch.push(deposit(pay(&keyset, &coins, shops[which].payee(), world.now())));
        }
        let outcomes = world.mint().deposit(batch).await.unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, DepositOutcome::Accepted { .. })));
        if round == 10 {
            world.reopen().await;
        }
    }
    let mut fees = 0;
    for (shop, taken) in shops.iter().zip(taken) {
        let fee = taken * 1_234 / 1_000_000;
        assert!(fee > 0);
        assert_eq!(world.balance(&shop.key()).await, taken - fee);
        fees += fee;
    }
    let books = world.audit().await.units.remove(0);
    assert_eq!(books.fees.units(), fees);
    assert_eq!(books.funded.units(), books.balances.units() + fees + books.issued.units() - books.redeemed.units());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_of_everything_leaves_nothing_and_never_less() {
    let world = World::with_fees(0, 1_000_000).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let shop = Wallet::new(&world.id());
    let coins = wallet.coins(&world, 37).await;
    one(&world, deposit(pay(&keyset, &coins, shop.payee(), world.now()))).await;
    assert_eq!(world.balance(&shop.key()).await, 0);
    assert_eq!(world.audit().await.units[0].fees, amount(37));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_payment_costs_the_others_nothing() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let shop = Wallet::new(&world.id());
    let mut payments: Vec<Payment> = Vec::new();
    for units in [1, 2, 3, 4, 5] {
        let coins = wallet.coins(&world, units).await;
        payments.push(pay(&keyset, &coins, shop.payee(), world.now()));
    }
    // Its payee was exchanged on the way.
    let mut bytes = payments[2].to_bytes();
    let place = bytes.windows(32).position(|window| window == shop.payee().as_bytes()).unwrap();
    bytes[place] ^= 1;
    payments[2] = Payment::from_bytes(&bytes).unwrap();
    payments.push(payments[0].clone());
    let outcomes = world.mint().deposit(payments.into_iter().map(deposit).collect()).await.unwrap();
    assert_eq!(outcomes[2], DepositOutcome::Refused { code: "invalid_proof".to_owned() });
    assert!(matches!(outcomes[5], DepositOutcome::AlreadyAccepted { claim_matches: false, .. }));
    for good in [0, 1, 3, 4] {
        assert!(matches!(outcomes[good], DepositOutcome::Accepted { .. }));
    }
    assert_eq!(world.balance(&shop.key()).await, 1 + 2 + 4 + 5);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn up_to_64_at_once_and_only_payments_of_kind_pay() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 10_000).await;
    let keyset = world.keyset().await;
    let shop = Wallet::new(&world.id());
    let mut coins: Vec<Coin> = Vec::new();
    for _ in 0..5 {
        coins.extend(wallet.withdraw(&world, Shape::Bundle(0)).await.unwrap());
    }
    let payments: Vec<Deposit> =
        coins.chunks(1).map(|coin| deposit(pay(&keyset, coin, shop.payee(), world.now()))).take(65).collect();
    assert_eq!(world.mint().deposit(payments.clone()).await, Err(DepositError::Count));
    assert_eq!(world.mint().deposit(Vec::new()).await, Err(DepositError::Count));
    let outcomes = world.mint().deposit(payments[..64].to_vec()).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, DepositOutcome::Accepted { .. })));
    let draft = wallet.draft(&world, &keyset, Shape::Renew(amount(1))).await;
    let unspent = &coins[64..65];
    let request = draft.by_tokens(&keyset, unspent, world.now());
    let farthing_protocol::issuance::Funding::Tokens(swap) = request.funding() else { panic!() };
    let refused = one(&world, deposit(Payment::clone(swap))).await;
    assert_eq!(refused, DepositOutcome::Refused { code: "unsupported_kind".to_owned() });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_stays_accepted_after_the_keysets_end() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let shop = Wallet::new(&world.id());
    let (coins, late) = (wallet.coins(&world, 5).await, wallet.coins(&world, 5).await);
    let request = farthing_protocol::ids::RequestHash::from_bytes([5; 32]);
    let payment = deposit(pay_for(&keyset, &coins, shop.payee(), world.now(), request));
    let accepted_at = world.now();
    assert_eq!(one(&world, payment.clone()).await, DepositOutcome::Accepted { accepted_at });
    let until = keyset.terms().deposit_until;
    let last = deposit(pay(&keyset, &late[..1], shop.payee(), world.now()));
    world.clock.pass(until.seconds() - world.now().seconds() - 1);
    assert!(matches!(one(&world, last).await, DepositOutcome::Accepted { .. }));
    world.clock.pass(1);
    let ended = DepositOutcome::Refused { code: "keyset_ended".to_owned() };
    assert_eq!(one(&world, deposit(pay(&keyset, &late[1..], shop.payee(), world.now()))).await, ended);
    assert_eq!(one(&world, payment).await, DepositOutcome::AlreadyAccepted { claim_matches: true, accepted_at });
}
