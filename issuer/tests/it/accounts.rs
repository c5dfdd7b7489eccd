//! Money from and to the outside, and who may ask about it.

use farthing_issuer::{AccountError, Books, Credited, MovementError};
use farthing_protocol::api::AccountQuery;
use farthing_protocol::identity::{Keypair, VoucherKey};

use crate::common::{World, amount};
use crate::wallet::Wallet;

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_credits_once() {
    let mut world = World::new().await;
    let (ann, bob) = (Wallet::new(&world.id()).key(), Wallet::new(&world.id()).key());
    let credit = async |world: &World, account, units, reference: &str| {
        world.mint().credit(account, amount(units), reference).await
    };
    assert_eq!(credit(&world, ann, 10, "a").await, Ok(Credited { balance: amount(10), known: false }));
    assert_eq!(credit(&world, ann, 10, "a").await, Ok(Credited { balance: amount(10), known: true }));
    assert_eq!(credit(&world, ann, 10, "b").await, Ok(Credited { balance: amount(20), known: false }));
    world.reopen().await;
    assert_eq!(credit(&world, ann, 10, "a").await, Ok(Credited { balance: amount(20), known: true }));
    assert_eq!(credit(&world, ann, 11, "a").await, Err(MovementError::ReferenceUsed));
    assert_eq!(credit(&world, bob, 10, "a").await, Err(MovementError::ReferenceUsed));
    assert_eq!(credit(&world, ann, 0, "c").await, Err(MovementError::Zero));
    assert_eq!(credit(&world, ann, 1, "").await, Err(MovementError::Reference));
    assert_eq!(credit(&world, ann, 1, &"x".repeat(129)).await, Err(MovementError::Reference));
    assert_eq!(world.audit().await.units[0].funded, amount(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_do_not_overflow() {
    let mut world = World::new().await;
    world.configure(|text| text.replace("most_payment = 1099511627776", "most_payment = 9223372036854775807"));
    world.reopen().await;
    let account = Wallet::new(&world.id()).key();
    world.mint().credit(account, amount((1 << 63) - 1), "all").await.unwrap();
    let more = world.mint().credit(account, amount(1), "more").await;
    assert!(matches!(more, Err(MovementError::Ledger(_))));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_goes_out_once_and_never_more_than_there_is() {
    let world = World::new().await;
    let account = Wallet::funded(&world, 100).await.key();
    let books = world.mint().books();
    assert_eq!(books.pay_out(account, amount(101), "x").await, Err(MovementError::InsufficientFunds));
    for known in [false, true] {
        assert_eq!(books.pay_out(account, amount(60), "x").await, Ok(Credited { balance: amount(40), known }));
    }
    assert_eq!(books.pay_out(account, amount(41), "y").await, Err(MovementError::InsufficientFunds));
    let report = world.audit().await.units.remove(0);
    assert_eq!((report.funded, report.paid_out, report.balances), (amount(100), amount(60), amount(40)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_is_made_once() {
    let world = World::new().await;
    let voucher = VoucherKey::from(&Keypair::generate(&mut rand::rng()));
    let books = world.mint().books();
    for _ in 0..2 {
        books.create_voucher(voucher, amount(5)).await.unwrap();
    }
    assert_eq!(books.create_voucher(voucher, amount(6)).await, Err(MovementError::ReferenceUsed));
    assert_eq!(books.create_voucher(voucher, amount(0)).await, Err(MovementError::Zero));
    assert_eq!(world.audit().await.units[0].vouchers, amount(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_alone_is_answered_and_only_now() {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, 100).await;
    let ask = async |query: AccountQuery| world.mint().answer_account(&query).await;
    for asked_at in [world.now(), world.now().plus(300), world.now().minus(300)] {
        let answer = ask(AccountQuery::sign(&wallet.account, world.id(), asked_at)).await.unwrap();
        assert_eq!(answer.balances[0].balance, amount(100));
        assert_eq!((answer.balances[0].unit.as_str(), answer.balances[0].exponent), ("EUR", 2));
    }
    for asked_at in [world.now().plus(301), world.now().minus(301)] {
        let refused = ask(AccountQuery::sign(&wallet.account, world.id(), asked_at)).await;
        assert_eq!(refused, Err(AccountError::NotNow));
    }
    let elsewhere = (&Keypair::generate(&mut rand::rng())).into();
    let refused = ask(AccountQuery::sign(&wallet.account, elsewhere, world.now())).await;
    assert_eq!(refused, Err(AccountError::InvalidSignature));
    let nobody = Wallet::new(&world.id());
    let answer = ask(AccountQuery::sign(&nobody.account, world.id(), world.now())).await.unwrap();
    assert!(answer.balances.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_need_no_key_but_must_not_be_in_use() {
    let mut world = World::new().await;
    let account = Wallet::funded(&world, 100).await.key();
    assert!(Books::open(&world.home).await.is_err(), "the mint has them open");
    world.close();
    // The books run by the real clock, which is behind the test's.
    let books = Books::open(&world.home).await;
    assert!(books.is_err(), "a clock behind is refused");
    world.reopen().await;
    assert_eq!(world.balance(&account).await, 100);
}
