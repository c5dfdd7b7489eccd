//! A wallet that dies at any step, or loses any message, goes on where it was; value is conserved, and no session or number is
//! used twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::{mint_path, verifier_path};
use farthing_protocol::request::Invoice;
use farthing_wallet::{PayError, Wallet, WithdrawWhat};

use crate::double::{Cheat, amount, unit};
use crate::http::Fault;
use crate::world::{World, protection};

/// A withdrawal of 64, and a payment of 37 that needs a split.
struct Script {
    invoice: Invoice,
}

impl Script {
    /// Does what is not done yet. Whoever is interrupted calls it again.
    async fn run(&self, world: &World, wallet: &Wallet) -> Result<(), ()> {
        wallet.resume().await.map_err(drop)?;
        if !wallet.operations().await.map_err(drop)?.is_empty() {
            return Err(());
        }
        let (_, paid) = world.double.held();
        if world.balance(wallet).await == (0, 0) && paid == 0 {
            let what = WithdrawWhat::Amount(amount(64));
            wallet.withdraw(&world.double.id(), &unit(), what).await.map_err(drop)?;
        }
        match wallet.pay(self.invoice.clone()).await {
            Ok(_) | Err(PayError::TakenBack { .. }) => Ok(()),
            Err(_) => Err(()),
        }
    }
}

/// Runs the script with a crash at the given call of the hook, and at the one after it. Whether it came so far.
async fn with_crash_at(call: u32, cheat: Option<Cheat>) -> bool {
    let (world, wallet) = World::new().await;
    drop(wallet);
    world.double.with(|state| state.cheat = cheat);
    let script = Script { invoice: world.invoice(37) };
    let calls = Arc::new(AtomicU32::new(0));
    for _ in 0..4 {
        let (calls, dead) = (Arc::clone(&calls), AtomicBool::new(false));
        let hook = move |_| {
            let now = calls.fetch_add(1, Ordering::SeqCst) + 1;
            // Once dead, it does nothing more.
            dead.fetch_or(now == call || now == call + 1, Ordering::SeqCst) || now == call || now == call + 1
        };
        let wallet = Wallet::open(world.path(), protection().unlock(), world.options().hook(hook)).await.unwrap();
        let done = script.run(&world, &wallet).await;
        drop(wallet);
        if done.is_ok() {
            break;
        }
    }
    let wallet = world.open().await;
    script.run(&world, &wallet).await.unwrap();
    let (_, paid) = world.double.held();
    let taken_back = matches!(cheat, Some(Cheat::Refuse(_)));
    assert_eq!(paid, if taken_back { 0 } else { 37 }, "at {call}");
    world.assert_settled(&wallet, 1).await;
    calls.load(Ordering::SeqCst) >= call
}

async fn at_every_step(cheat: Option<Cheat>, at_least: u32) {
    let mut call = 1;
    while with_crash_at(call, cheat).await {
        call += 1;
    }
    assert!(call > at_least, "only {call} steps");
}

#[tokio::test]
async fn dying_anywhere_while_paying() {
    at_every_step(None, 13).await;
}

#[tokio::test]
async fn dying_anywhere_while_the_payee_refuses() {
    at_every_step(Some(Cheat::Refuse(Code::RequestTaken)), 17).await;
}

#[tokio::test]
async fn dying_anywhere_while_the_payee_refuses_and_deposits() {
    at_every_step(Some(Cheat::RefuseAndKeep(Code::RequestExpired)), 16).await;
}

#[tokio::test]
async fn losing_any_message() {
    let paths = [mint_path::OPEN, mint_path::FINISH, mint_path::ACCOUNT, verifier_path::PAY];
    let busy = || Problem::new(Code::Overloaded);
    let faults =
        [Fault::LoseRequest, Fault::LoseAnswer, Fault::Refuse(Code::Unavailable.into()), Fault::Refuse(busy())];
    for path in paths {
        for fault in &faults {
            // The first and second call of a kind, then both.
            for (healthy, failing) in [(0, 1), (1, 1), (0, 2)] {
                lose(path, fault, healthy, failing).await;
            }
        }
    }
}

async fn lose(path: &'static str, fault: &Fault, healthy: u32, failing: u32) {
    let (world, wallet) = World::new().await;
    let script = Script { invoice: world.invoice(37) };
    let before = world.double.asked(path);
    world.double.with(|state| state.healthy = before + healthy);
    for _ in 0..failing {
        world.double.fail_next(path, fault.clone());
    }
    let mut runs = 0;
    while script.run(&world, &wallet).await.is_err() {
        runs += 1;
        assert!(runs < 6, "{path} {fault:?}");
    }
    assert_eq!(world.double.held().1, 37, "{path} {fault:?}");
    world.assert_settled(&wallet, 1).await;
}
