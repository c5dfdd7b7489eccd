//! Keysets closed to a payee: decided here only if the payee has no other store.

use farthing_issuer::FinishError;
use farthing_protocol::api::DepositOutcome;
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::shape::Shape;
use farthing_verifier::check::CheckError;

use crate::common::{World, amount};
use crate::wallet::{Wallet, deposit, pay};

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_with_a_store_of_his_own_decides_himself() {
    let payee = PayeeKey::from(&Keypair::generate(&mut rand::rng()));
    let world = World::with(|options| options.redemption = Redemption::Closed(payee)).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 5).await;
    for to in [payee, wallet.payee()] {
        let outcome = world.mint().deposit(vec![deposit(pay(&keyset, &coins, to, world.now()))]).await.unwrap();
        assert_eq!(outcome, [DepositOutcome::Refused { code: "not_decided_here".to_owned() }]);
    }
    let swap = wallet.swap(&world, &keyset, Shape::Renew(amount(5)), &coins).await;
    assert!(matches!(swap, Err(FinishError::Swap(CheckError::ClosedToAnother))));
    assert_eq!(world.audit().await.units[0].redeemed, amount(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_who_shares_the_ledger_is_credited_and_nobody_else() {
    let payee = PayeeKey::from(&Keypair::generate(&mut rand::rng()));
    let world = World::with(|options| {
        options.redemption = Redemption::Closed(payee);
        options.closed_to = vec![payee];
    })
    .await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 5).await;
    let coins = wallet.swap(&world, &keyset, Shape::Renew(amount(5)), &coins).await.unwrap();
    let stranger = world.mint().deposit(vec![deposit(pay(&keyset, &coins, wallet.payee(), world.now()))]).await;
    assert_eq!(stranger.unwrap(), [DepositOutcome::Refused { code: "not_decided_here".to_owned() }]);
    let own = world.mint().deposit(vec![deposit(pay(&keyset, &coins, payee, world.now()))]).await.unwrap();
    assert!(matches!(own[0], DepositOutcome::Accepted { .. }));
    assert_eq!(world.balance(&payee.account()).await, 5);
    world.audit().await;
}
