//! Accounts that are forgotten and references that are erased: nothing that names anybody is left, and every figure stays.

use std::fs;

use farthing_issuer::{ForgetError, MintHome, MovementError};
use farthing_protocol::identity::{AccountKey, Keypair};
use farthing_protocol::keyset::Keyset;

use crate::common::{World, amount};
use crate::wallet::{Wallet, deposit, pay};

const DAY: u64 = 86_400;

/// Whether any small value of the ledger, or its key, holds these bytes.
async fn is_named(world: &mut World, bytes: &[u8]) -> bool {
    let (found, wanted) = (std::sync::Arc::new(std::sync::Mutex::new(false)), bytes.to_vec());
    let seen = std::sync::Arc::clone(&found);
    world
        .tamper(move |txn| {
            let rows = txn.scan_prefix(b"", None, usize::MAX).unwrap();
            let has = |bytes: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
            *seen.lock().unwrap() = rows.iter().any(|(key, value)| has(key) || has(value));
        })
        .await;
    *found.lock().unwrap()
}

/// An account with something of everything, and nothing left in it but what this returns.
async fn used(world: &World, wallet: &mut Wallet, keyset: &Keyset) -> AccountKey {
    let account = wallet.key();
    wallet.coins(world, 1000).await;
    let coins = wallet.coins(world, 37).await;
    let shop = Wallet::new(&world.id());
    world.mint().deposit(vec![deposit(pay(keyset, &coins, shop.payee(), world.now()))]).await.unwrap();
    for (units, paid) in [(50, true), (60, false)] {
        let request = crate::payouts::payout(world, &wallet.account, units);
        world.mint().books().request_payout(&request).await.unwrap();
        let number = world.mint().books().payouts(false, None, 10).await.unwrap()[0].number;
        crate::payouts::approve(world, number).await.unwrap();
        let said =
            if paid { crate::payouts::paid(world, number).await } else { crate::payouts::reject(world, number).await };
        said.unwrap();
    }
    account
}

async fn empty(world: &World, account: AccountKey, reference: &str) {
    let held = world.balance(&account).await;
    world.mint().books().pay_out(account, amount(held), reference).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_holds_nothing_is_forgotten_and_the_books_stay_right() {
    let mut world = World::with_fees(1000, 1234).await;
    let (mut wallet, keyset) = (Wallet::funded(&world, 10_000).await, world.keyset().await);
    let account = used(&world, &mut wallet, &keyset).await;
    let before = world.audit().await;
    assert_eq!(world.mint().books().forget(account).await, Err(ForgetError::Holds));
    empty(&world, account, "all of it").await;
    assert_eq!(world.mint().books().forget(account).await, Err(ForgetError::Recent));
    world.audit().await;
    world.clock.pass(DAY + 3600);
    let erased = world.mint().books().forget(account).await.unwrap();
    assert!(!erased.is_payee && erased.rows == 7, "{erased:?}");
    let after = world.audit().await.units.remove(0);
    assert_eq!((after.funded, after.issued, after.fees), {
        let before = &before.units[0];
        (before.funded, before.issued, before.fees)
    });
    assert!(!is_named(&mut world, account.as_bytes()).await);
    assert!(!is_named(&mut world, b"all of it").await);
    world.audit().await;
    // Again, nothing is left to erase.
    assert_eq!(world.mint().books().forget(account).await.unwrap().rows, 0);
    // What was used is not used again, and the account can begin anew.
    let again = world.mint().books().pay_out(account, amount(1), "all of it").await;
    assert_eq!(again, Err(MovementError::ReferenceErased));
    world.mint().credit(account, amount(20), "anew").await.unwrap();
    wallet.coins(&world, 5).await;
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_is_named_by_what_he_was_paid_alone_and_can_be_paid_again() {
    let mut world = World::with_fees(0, 12_345).await;
    let (mut wallet, keyset) = (Wallet::funded(&world, 10_000).await, world.keyset().await);
    let shop = Keypair::generate(&mut rand::rng());
    let (account, payee) = (AccountKey::from(&shop), (&shop).into());
    for units in [100, 37] {
        let coins = wallet.coins(&world, units).await;
        world.mint().deposit(vec![deposit(pay(&keyset, &coins, payee, world.now()))]).await.unwrap();
    }
    empty(&world, account, "rent").await;
    let erased = world.mint().books().forget(account).await.unwrap();
    assert!(erased.is_payee);
    world.audit().await;
    assert!(!is_named(&mut world, b"rent").await);
    for round in 0..3 {
        let coins = wallet.coins(&world, 81).await;
        world.mint().deposit(vec![deposit(pay(&keyset, &coins, payee, world.now()))]).await.unwrap();
        assert!(world.balance(&account).await >= 80);
        world.audit().await;
        assert_eq!(world.mint().books().forget(account).await, Err(ForgetError::Holds));
        empty(&world, account, &format!("rent {round}")).await;
        world.mint().books().forget(account).await.unwrap();
        world.audit().await;
        world.reopen().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_references_are_erased_and_credit_nothing_twice() {
    let mut world = World::new().await;
    let path = world.home.folder().join("mint.toml");
    let text = fs::read_to_string(&path).unwrap().replace("\n[data]\n", "\n[data]\nkeep_seconds = 864000\n");
    fs::write(&path, text).unwrap();
    world.home = MintHome::open(world.home.folder()).unwrap();
    world.reopen().await;
    let account = AccountKey::from(&Keypair::generate(&mut rand::rng()));
    world.mint().credit(account, amount(100), "DE02 old").await.unwrap();
    world.clock.pass(10 * DAY);
    world.mint().credit(account, amount(50), "DE02 new").await.unwrap();
    assert_eq!(world.mint().books().erase_references().await.unwrap(), 0);
    world.clock.pass(1);
    assert_eq!(world.mint().books().erase_references().await.unwrap(), 1);
    assert_eq!(world.mint().books().erase_references().await.unwrap(), 0);
    assert_eq!(world.audit().await.units[0].funded.units(), 150);
    assert!(!is_named(&mut world, b"DE02 old").await && is_named(&mut world, b"DE02 new").await);
    let again = world.mint().credit(account, amount(100), "DE02 old").await;
    assert_eq!(again, Err(MovementError::ReferenceErased));
    assert!(world.mint().credit(account, amount(50), "DE02 new").await.unwrap().known);
    // A payment to the outside may have the same reference.
    world.mint().books().pay_out(account, amount(1), "DE02 old").await.unwrap();
    assert_eq!(world.balance(&account).await, 149);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_erased_rows_came_to_is_audited_too() {
    let mut world = World::new().await;
    let (mut wallet, keyset) = (Wallet::funded(&world, 10_000).await, world.keyset().await);
    let account = wallet.key();
    let coins = wallet.coins(&world, 64).await;
    world.mint().deposit(vec![deposit(pay(&keyset, &coins, wallet.payee(), world.now()))]).await.unwrap();
    empty(&world, account, "all").await;
    world.mint().books().forget(account).await.unwrap();
    world.audit().await;
    for (prefix, figure) in [
        (b"summed/".as_slice(), farthing_issuer::Figure::AccountBalance),
        (b"summed-unit/", farthing_issuer::Figure::Funded),
    ] {
        let prefix = prefix.to_vec();
        let flip = move |txn: &mut farthing_durable::Txn<'_>| {
            let (key, mut value) = txn.scan_prefix(&prefix, None, 1).unwrap().pop().unwrap();
            value[1] ^= 1;
            txn.put(&key, &value).unwrap();
        };
        world.tamper(flip.clone()).await;
        assert!(world.differing().await.contains(&figure));
        world.tamper(flip).await;
        world.audit().await;
    }
}
