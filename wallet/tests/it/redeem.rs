//! Vouchers, honest and not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use farthing_http::problem::{Code, Problem};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::mint_path;
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::voucher::{VoucherCode, VoucherTerms};
use farthing_wallet::{IssueError, MintError, Outcome, RedeemError, Wallet, WordCount, Words, Work};

use crate::double::{DAY, START, Voucher, amount, unit};
use crate::http::Fault;
use crate::world::{World, protection};

/// The code of this key, whatever the mint's books say.
fn code(world: &World, key: [u8; 32], units: u64) -> VoucherCode {
    let terms = VoucherTerms {
        mint: world.double.id(),
        amount: amount(units),
        unit: unit(),
        expires_at: UnixTime::from_seconds(START + DAY),
    };
    VoucherCode::new(Keypair::from_secret(&key), &terms).unwrap()
}

/// A code that the mint has in its books.
fn voucher(world: &World, units: u64) -> impl Fn() -> VoucherCode {
    let key = rand::random();
    let public = code(world, key, units).public();
    world.double.with(|state| state.vouchers.insert(public, Voucher::Worth(units)));
    move || code(world, key, units)
}

#[tokio::test]
async fn a_voucher_is_redeemed_whole_without_an_account_and_once() {
    let (world, wallet) = World::new().await;
    let asked = world.double.asked(mint_path::ACCOUNT);
    let voucher = voucher(&world, 37);
    let redeemed = wallet.redeem(voucher()).await.unwrap();
    assert_eq!((redeemed.amount, redeemed.tokens, redeemed.unit), (amount(37), 3, unit()));
    assert_eq!(world.balance(&wallet).await, (37, 0));
    assert_eq!(world.double.asked(mint_path::ACCOUNT), asked, "no account is asked about");
    let history = wallet.history().await.unwrap();
    assert_eq!((history[0].work.clone(), history[0].outcome), (Work::Voucher, Outcome::Issued));

    let sent = world.double.asked(mint_path::OPEN);
    assert!(matches!(wallet.redeem(voucher()).await, Err(RedeemError::Before { op }) if op == redeemed.op));
    assert_eq!(world.double.asked(mint_path::OPEN), sent, "nothing is asked about it again");
    assert_eq!(world.balance(&wallet).await, (37, 0));
    assert_eq!(world.double.with(|state| state.violations), 0);
}

#[tokio::test]
async fn of_two_who_have_the_code_the_first_gets_the_money() {
    let (world, alice) = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let bob = Wallet::create(folder.path(), &words, protection(), world.options()).await.unwrap();
    bob.pin_mint(&bob.add_mint(&world.url).await.unwrap().id).await.unwrap();
    let voucher = voucher(&world, 5);
    alice.redeem(voucher()).await.unwrap();
    assert!(matches!(bob.redeem(voucher()).await, Err(RedeemError::Used)));
    assert_eq!(world.balance(&bob).await, (0, 0));
    assert_eq!(bob.operations().await.unwrap(), [], "nothing waits for it");
    // It is no sign that the words are used elsewhere: other money moves.
    assert!(bob.used_elsewhere().await.unwrap().is_empty());
    assert!(world.evidence().is_empty());
    world.double.credit(bob.account(&world.double.id()), 100);
    world.withdraw(&bob, 8).await;
}

#[tokio::test]
async fn what_the_mint_does_not_redeem_leaves_nothing_behind() {
    let (world, wallet) = World::new().await;
    let put = |key, in_books| {
        let public = code(&world, key, 5).public();
        world.double.with(|state| state.vouchers.insert(public, in_books));
    };
    type Judge = fn(&RedeemError) -> bool;
    let cases: [(Option<Voucher>, Judge); 3] = [
        (None, |error| matches!(error, RedeemError::Unknown)),
        (Some(Voucher::Worth(6)), |error| matches!(error, RedeemError::Unknown)),
        (Some(Voucher::Ended), |error| matches!(error, RedeemError::Ended)),
    ];
    for (number, (in_books, expected)) in (1..).zip(cases) {
        let key = [number; 32];
        if let Some(in_books) = in_books {
            put(key, in_books);
        }
        let refused = wallet.redeem(code(&world, key, 5)).await.unwrap_err();
        assert!(expected(&refused), "{number}: {refused:?}");
        assert_eq!(wallet.operations().await.unwrap(), []);
        // Should its operator put that right, the same code is good.
        put(key, Voucher::Worth(5));
        assert_eq!(wallet.redeem(code(&world, key, 5)).await.unwrap().amount, amount(5));
    }
    assert_eq!(world.balance(&wallet).await, (15, 0));
}

#[tokio::test]
async fn what_cannot_be_redeemed_here_is_not_asked_about() {
    let (world, wallet) = World::new().await;
    let asked = || world.double.asked(mint_path::OPEN);
    let before = asked();
    let terms = code(&world, [1; 32], 5).terms();
    let elsewhere = VoucherTerms { mint: MintId::from_bytes([9; 32]), ..terms.clone() };
    let elsewhere = VoucherCode::new(Keypair::from_secret(&[1; 32]), &elsewhere).unwrap();
    assert!(matches!(wallet.redeem(elsewhere).await, Err(RedeemError::UnknownMint { .. })));
    let huge = VoucherTerms { amount: amount(1 << 20), ..terms.clone() };
    let huge = VoucherCode::new(Keypair::from_secret(&[1; 32]), &huge).unwrap();
    assert!(matches!(wallet.redeem(huge).await, Err(RedeemError::Issue(IssueError::Shape(_)))));
    let dollars = farthing_protocol::amount::Unit::new("USD", 2).unwrap();
    let foreign = VoucherCode::new(Keypair::from_secret(&[1; 32]), &VoucherTerms { unit: dollars, ..terms }).unwrap();
    assert!(matches!(wallet.redeem(foreign).await, Err(RedeemError::Mint(MintError::NoSuchUnit))));
    assert_eq!((asked(), wallet.operations().await.unwrap().len()), (before, 0));
}

/// Redeems, and when it was interrupted gives the same command again, as whoever has the paper does.
async fn redeem(wallet: &Wallet, code: VoucherCode) -> bool {
    matches!(wallet.redeem(code).await, Ok(_) | Err(RedeemError::Before { .. }))
}

/// Whether it came as far as this call of the hook.
async fn with_crash_at(call: u32) -> bool {
    let (world, wallet) = World::new().await;
    drop(wallet);
    let voucher = voucher(&world, 37);
    let calls = Arc::new(AtomicU32::new(0));
    for _ in 0..3 {
        let (calls, dead) = (Arc::clone(&calls), AtomicBool::new(false));
        let hook = move |_| {
            let now = calls.fetch_add(1, Ordering::SeqCst) + 1;
            let dies = now == call || now == call + 1;
            dead.fetch_or(dies, Ordering::SeqCst) || dies
        };
        let wallet = Wallet::open(world.path(), protection().unlock(), world.options().hook(hook)).await.unwrap();
        if redeem(&wallet, voucher()).await {
            break;
        }
    }
    let wallet = world.open().await;
    assert!(redeem(&wallet, voucher()).await, "at {call}");
    assert_eq!(world.balance(&wallet).await, (37, 0), "at {call}");
    assert_eq!(wallet.operations().await.unwrap(), []);
    assert_eq!(world.double.with(|state| (state.violations, state.records.len())), (0, 1), "at {call}");
    calls.load(Ordering::SeqCst) >= call
}

#[tokio::test]
async fn dying_anywhere_while_redeeming() {
    let mut call = 1;
    while with_crash_at(call).await {
        call += 1;
    }
    assert!(call > 8, "only {call} steps");
}

#[tokio::test]
async fn losing_any_message_while_redeeming() {
    let faults = [
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::Refuse(Code::Unavailable.into()),
        Fault::Refuse(Problem::new(Code::Overloaded)),
    ];
    for path in [mint_path::OPEN, mint_path::FINISH] {
        for fault in &faults {
            for failing in [1, 2] {
                let (world, wallet) = World::new().await;
                let voucher = voucher(&world, 37);
                (0..failing).for_each(|_| world.double.fail_next(path, fault.clone()));
                let mut tries = 0;
                while !redeem(&wallet, voucher()).await {
                    tries += 1;
                    assert!(tries < 5, "{path} {fault:?}");
                }
                assert_eq!(world.balance(&wallet).await, (37, 0), "{path} {fault:?}");
                assert_eq!(world.double.with(|state| (state.violations, state.records.len())), (0, 1));
            }
        }
    }
}

#[tokio::test]
async fn a_redeemed_voucher_is_forgotten_with_its_history() {
    let (world, wallet) = World::new().await;
    let voucher = voucher(&world, 4);
    wallet.redeem(voucher()).await.unwrap();
    world.double.pass(3 * DAY);
    let what = farthing_wallet::Forget { before: world.double.now(), locked: false };
    assert_eq!(wallet.forget(what, false).await.unwrap().operations, 1);
    // The mint knows.
    assert!(matches!(wallet.redeem(voucher()).await, Err(RedeemError::Used)));
    assert_eq!(world.balance(&wallet).await, (4, 0));
}
