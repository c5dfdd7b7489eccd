//! Keeping tokens ready: usual payments need no swap, nothing ends unspent, and times follow from chance alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farthing_protocol::api::mint_path;
use farthing_wallet::{
    Due, IssueError, OpenError, Options, Outcome, Pace, RefreshLimits, RefreshReport, Schedule, StockPolicy,
    UpkeepKind, Wallet, WithdrawWhat, daemon,
};
use rand::{RngExt, SeedableRng};

use crate::double::{DAY, Double, amount, unit};
use crate::http::{self, Fault};
use crate::world::{World, protection};

/// As many swaps as it takes.
fn no_limit() -> RefreshLimits {
    RefreshLimits::new().swaps(10_000)
}

/// Chance that can be had again, and the lengths of all pauses, which take no time.
fn pace(seed: u64) -> (Pace, Arc<Mutex<Vec<Duration>>>) {
    let rng = Mutex::new(rand::rngs::StdRng::seed_from_u64(seed));
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let slept = Arc::clone(&pauses);
    let pace = Pace::new(
        move || rng.lock().unwrap().random(),
        move |length| {
            slept.lock().unwrap().push(length);
            std::future::ready(())
        },
    );
    (pace, pauses)
}

fn options(world: &World) -> Options {
    world.options().pace(pace(1).0)
}

async fn reopen(world: &World, wallet: Wallet) -> Wallet {
    drop(wallet);
    Wallet::open(world.path(), protection().unlock(), options(world)).await.unwrap()
}

async fn world_with(policy: StockPolicy) -> (World, Wallet) {
    let (world, wallet) = World::new().await;
    wallet.set_stock_policy(&world.double.id(), &unit(), policy).await.unwrap();
    let wallet = reopen(&world, wallet).await;
    (world, wallet)
}

fn policy(up_to: u64, ahead: u8) -> StockPolicy {
    StockPolicy::new(amount(up_to), ahead).unwrap()
}

fn succeeded(report: &RefreshReport) {
    assert!(report.failed.is_empty(), "{report:?}");
}

#[tokio::test]
async fn after_a_refresh_usual_payments_need_no_swap() {
    let (world, wallet) = world_with(policy(100, 3)).await;
    let id = world.double.id();
    world.withdraw(&wallet, 2048).await;
    let before = wallet.stock_view(&id, &unit()).await.unwrap();
    assert_eq!((before.covers, before.available), (0, amount(2048)));
    let mut paid = 0;
    let mut rng = rand::rngs::StdRng::seed_from_u64(7);
    for round in 0..3 {
        let planned = wallet.stock_view(&id, &unit()).await.unwrap().planned_swaps;
        let report = wallet.refresh(&no_limit()).await.unwrap();
        succeeded(&report);
        assert_eq!((report.done.len(), report.is_work_left), (planned, false), "round {round}");
        let view = wallet.stock_view(&id, &unit()).await.unwrap();
        assert!(view.covers >= 3);
        assert_eq!((view.planned_swaps, view.lines.len() >= 7), (0, true));
        assert!(view.lines.iter().take(7).all(|line| line.wanted == 3 && line.attainable == 3 && line.held >= 3));
        // Nothing is left to do.
        let again = wallet.refresh(&no_limit()).await.unwrap();
        assert!(again.done.is_empty() && again.lists.is_empty() && !again.is_work_left);
        for _ in 0..3 {
            let price = rng.random_range(1..=100);
            assert_eq!(wallet.pay(world.invoice(price)).await.unwrap().swaps, 0, "{price} in round {round}");
            paid += price;
        }
    }
    assert_eq!(world.double.held().1, paid);
    world.assert_settled(&wallet, 21).await;
}

#[tokio::test]
async fn a_policy_is_kept_and_its_default_known() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    assert_eq!(wallet.stock_policy(&id, &unit()).await.unwrap(), StockPolicy::default_for(&unit()));
    let mine = policy(77, 2).withdraw_below(Some(amount(50)));
    wallet.set_stock_policy(&id, &unit(), mine).await.unwrap();
    let wallet = reopen(&world, wallet).await;
    assert_eq!(wallet.stock_policy(&id, &unit()).await.unwrap(), mine);
    let other = farthing_protocol::amount::Unit::new("XYZ", 0).unwrap();
    assert!(wallet.stock_policy(&id, &other).await.is_err());
    assert!(wallet.stock_view(&id, &other).await.is_err());
    // Nothing wanted, nothing done.
    wallet.set_stock_policy(&id, &unit(), policy(0, 0)).await.unwrap();
    world.withdraw(&wallet, 64).await;
    assert!(wallet.refresh(&no_limit()).await.unwrap().done.is_empty());
}

#[tokio::test]
async fn a_bundle_is_withdrawn_below_the_floor_once_and_never_without_being_told_to() {
    let (world, wallet) = world_with(policy(60, 3)).await;
    let id = world.double.id();
    assert!(wallet.refresh(&no_limit()).await.unwrap().done.is_empty());
    let floor = policy(60, 3).withdraw_below(Some(amount(150)));
    wallet.set_stock_policy(&id, &unit(), floor).await.unwrap();
    assert_eq!(wallet.stock_view(&id, &unit()).await.unwrap().withdrawal, Some(0));
    let report = wallet.refresh(&no_limit()).await.unwrap();
    succeeded(&report);
    assert_eq!(report.done.iter().map(|done| done.kind).collect::<Vec<_>>(), [UpkeepKind::Withdrawn]);
    assert_eq!(world.balance(&wallet).await, (189, 0));
    assert_eq!(wallet.stock_view(&id, &unit()).await.unwrap().withdrawal, None);
    assert!(wallet.refresh(&no_limit()).await.unwrap().done.is_empty());
    world.assert_settled(&wallet, 2).await;

    // An account that holds too little is asked once, and hinders nothing.
    let poor = policy(60, 3).withdraw_below(Some(amount(100_000)));
    wallet.set_stock_policy(&id, &unit(), poor).await.unwrap();
    wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(9000))).await.unwrap();
    let mut rounds = 0;
    let report = loop {
        let report = wallet.refresh(&no_limit()).await.unwrap();
        rounds += 1;
        if !report.failed.is_empty() {
            break report;
        }
        assert!(rounds < 10);
    };
    assert!(matches!(report.failed[0].error, IssueError::InsufficientFunds));
    assert_eq!(report.failed.len(), 1);
}

#[tokio::test]
async fn tokens_are_renewed_before_their_keyset_ends() {
    let (world, wallet) = world_with(policy(7, 1)).await;
    let id = world.double.id();
    wallet.withdraw(&id, &unit(), WithdrawWhat::Bundle(0)).await.unwrap();
    let first = wallet.expiries().await.unwrap();
    assert_eq!((first.len(), first[0].amount, first[0].tokens), (1, amount(189), 18));
    assert_eq!(first[0].renewed_from, None);
    // While no keyset ends later there is nothing to renew into, however near the end.
    let end = first[0].spend_until.seconds();
    assert!(wallet.expiry_warnings().await.unwrap().is_empty());
    world.double.with(|state| (0..4).for_each(|_| state.add_keyset()));
    // 61 days before the end: not yet; then they are.
    world.double.pass(end - 61 * DAY - world.double.now().seconds());
    let report = wallet.refresh(&no_limit()).await.unwrap();
    succeeded(&report);
    assert_eq!((report.lists.len(), report.done.len()), (1, 0));
    assert!(wallet.expiry_warnings().await.unwrap().is_empty());
    assert_eq!(wallet.expiries().await.unwrap()[0].renewed_from.unwrap().seconds(), end - 60 * DAY);
    world.double.pass(DAY);
    assert_eq!(wallet.expiry_warnings().await.unwrap().len(), 1);
    assert_eq!(wallet.stock_view(&id, &unit()).await.unwrap().renewals, 3);
    let report = wallet.refresh(&no_limit()).await.unwrap();
    succeeded(&report);
    assert_eq!(report.done.iter().filter(|done| done.kind == UpkeepKind::Renewed).count(), 3);
    let later = wallet.expiries().await.unwrap();
    assert_eq!((later.len(), later[0].amount), (1, amount(189)));
    assert!(later[0].spend_until.seconds() > end);
    // The time of before has passed, and nothing ended.
    world.double.pass(60 * DAY);
    assert_eq!(world.balance(&wallet).await, (189, 0));
    world.assert_settled(&wallet, 2).await;
}

#[tokio::test]
async fn the_last_days_know_no_limit() {
    let (world, wallet) = world_with(policy(7, 1)).await;
    wallet.withdraw(&world.double.id(), &unit(), WithdrawWhat::Bundle(0)).await.unwrap();
    world.double.with(|state| (0..5).for_each(|_| state.add_keyset()));
    let end = wallet.expiries().await.unwrap()[0].spend_until.seconds();
    world.double.pass(end - 30 * DAY - world.double.now().seconds());
    let report = wallet.refresh(&no_limit().swaps(1)).await.unwrap();
    assert_eq!((report.done.len(), report.is_work_left), (1, true));
    world.double.pass(28 * DAY);
    let report = wallet.refresh(&no_limit().swaps(0)).await.unwrap();
    assert_eq!(report.done.len(), 2);
    world.double.pass(3 * DAY);
    assert_eq!(world.balance(&wallet).await, (189, 0));
}

/// A second mint of the same wallet, whose account holds something, too.
async fn second_mint(wallet: &Wallet) -> Arc<Double> {
    let double = Double::new();
    let url = format!("http://{}", http::serve(Arc::clone(&double)).await);
    let view = wallet.add_mint(&url).await.unwrap();
    wallet.pin_mint(&view.id).await.unwrap();
    double.credit(wallet.account(&view.id), 10_000);
    wallet.withdraw(&view.id, &unit(), WithdrawWhat::Amount(amount(256))).await.unwrap();
    double
}

#[tokio::test]
async fn a_mint_that_fails_does_not_hinder_another() {
    for (path, renewed_list) in [(mint_path::KEYSETS, true), (mint_path::OPEN, false), (mint_path::FINISH, false)] {
        let (world, wallet) = world_with(policy(20, 2)).await;
        let other = second_mint(&wallet).await;
        world.withdraw(&wallet, 256).await;
        wallet.set_stock_policy(&other.id(), &unit(), policy(20, 2)).await.unwrap();
        if renewed_list {
            world.double.pass(2 * DAY);
        }
        for _ in 0..50 {
            other.fail_next(path, Fault::LoseRequest);
        }
        let report = wallet.refresh(&no_limit()).await.unwrap();
        assert_eq!(report.failed.len(), 1, "{path} {report:?}");
        assert_eq!(report.failed[0].mint, other.id());
        let view = wallet.stock_view(&world.double.id(), &unit()).await.unwrap();
        assert_eq!((view.planned_swaps, view.covers), (0, 2), "{path}");
        assert!(wallet.stock_view(&other.id(), &unit()).await.unwrap().covers < 2);
        // It is back.
        other.with(|state| state.faults.clear());
        succeeded(&wallet.refresh(&no_limit()).await.unwrap());
        assert!(wallet.stock_view(&other.id(), &unit()).await.unwrap().covers >= 2, "{path}");
        assert_eq!(wallet.operations().await.unwrap(), []);
    }
}

/// A refresh that renews, splits and withdraws, with a crash at the given call of the hook.
async fn with_crash_at(call: u32) -> bool {
    let (world, wallet) = world_with(policy(20, 4).withdraw_below(Some(amount(200)))).await;
    world.withdraw(&wallet, 85).await;
    world.double.with(|state| (0..5).for_each(|_| state.add_keyset()));
    world.double.pass(420 * DAY);
    drop(wallet);
    let calls = Arc::new(AtomicU32::new(0));
    let (counted, dead) = (Arc::clone(&calls), AtomicBool::new(false));
    let hook = move |_| {
        let is_it = counted.fetch_add(1, Ordering::SeqCst) + 1 == call;
        dead.fetch_or(is_it, Ordering::SeqCst) || is_it
    };
    let wallet = Wallet::open(world.path(), protection().unlock(), options(&world).hook(hook)).await.unwrap();
    let crashed = wallet.refresh(&no_limit()).await.is_err();
    drop(wallet);
    assert_eq!(crashed, calls.load(Ordering::SeqCst) >= call, "{call}");
    let wallet = Wallet::open(world.path(), protection().unlock(), options(&world)).await.unwrap();
    succeeded(&wallet.refresh(&no_limit()).await.unwrap());
    let view = wallet.stock_view(&world.double.id(), &unit()).await.unwrap();
    assert_eq!((view.planned_swaps, view.renewals, view.withdrawal), (0, 0, None));
    assert_eq!(view.available, amount(274));
    world.assert_settled(&wallet, 3).await;
    crashed
}

#[tokio::test]
async fn dying_anywhere_during_a_refresh_costs_nothing() {
    let mut call = 1;
    while with_crash_at(call).await {
        call += 1;
    }
    assert!(call > 15, "only {call} steps");
}

#[tokio::test]
async fn work_left_is_said_and_done_the_next_time() {
    let (world, wallet) = world_with(policy(100, 3)).await;
    world.withdraw(&wallet, 2048).await;
    let report = wallet.refresh(&RefreshLimits::new().swaps(1)).await.unwrap();
    assert_eq!((report.done.len(), report.is_work_left), (1, true));
    let report = wallet.refresh(&no_limit()).await.unwrap();
    assert!(!report.done.is_empty() && !report.is_work_left);
}

/// The pauses of a refresh, and the next times afterwards, with these amounts in the wallet.
async fn times(units: u64, seed: u64) -> (Vec<Duration>, Vec<u64>) {
    let (world, wallet) = World::new().await;
    wallet.set_stock_policy(&world.double.id(), &unit(), policy(100, 3)).await.unwrap();
    world.withdraw(&wallet, units).await;
    drop(wallet);
    let (pace, pauses) = pace(seed);
    let wallet = Wallet::open(world.path(), protection().unlock(), world.options().pace(pace)).await.unwrap();
    wallet.refresh(&RefreshLimits::new().swaps(2)).await.unwrap();
    let mut next = Vec::new();
    for _ in 0..2 {
        next.push(wallet.refresh_due(&Schedule::default()).await.unwrap().next.seconds());
        world.double.pass(40 * DAY);
    }
    let pauses = pauses.lock().unwrap().clone();
    (pauses, next)
}

#[tokio::test]
async fn times_come_from_chance_and_not_from_amounts() {
    let first = times(2048, 1).await;
    assert_eq!(first.0.len(), 2);
    // Other tokens, another number of swaps to make: the same chance gives the same times.
    assert_eq!(times(4000, 1).await, first);
    assert_ne!(times(2048, 2).await, first);
}

#[tokio::test]
async fn it_is_not_begun_with_the_program_and_its_time_is_kept() {
    let (world, wallet) = world_with(policy(100, 3)).await;
    world.withdraw(&wallet, 64).await;
    let schedule = Schedule::default();
    let first = wallet.refresh_due(&schedule).await.unwrap();
    assert!(first.report.is_none() && first.next > world.double.now());
    // Beginning anew changes nothing.
    for _ in 0..3 {
        world.double.pass(1);
        let wallet = Wallet::open(world.path(), protection().unlock(), options(&world)).await;
        assert!(wallet.is_err(), "in use");
    }
    let wallet = reopen(&world, wallet).await;
    let again = wallet.refresh_due(&schedule).await.unwrap();
    assert_eq!((again.next, again.report.is_none()), (first.next, true));
    // Not yet.
    world.double.pass(again.wait.as_secs() - 1);
    assert!(wallet.refresh_due(&schedule).await.unwrap().report.is_none());
    // Now; and as work is left, again soon.
    world.double.pass(1);
    let done = wallet.refresh_due(&schedule).await.unwrap();
    assert_eq!(done.report.unwrap().done.len(), 1);
    assert!(done.next > world.double.now());
    assert_eq!(wallet.refresh_due(&schedule).await.unwrap().next, done.next);
    // The machine slept over its time: not at once when it wakes.
    world.double.pass(10 * DAY);
    let missed = wallet.refresh_due(&schedule).await.unwrap();
    assert!(missed.report.is_none());
    assert!(missed.next > world.double.now() && missed.wait <= Duration::from_secs(2 * 3600 + 3600));
    // A schedule that is a hundred times as fast does not wait for what another one drew.
    let next = wallet.refresh_due(&Schedule::every(Duration::from_secs(60))).await.unwrap();
    assert!(next.wait <= missed.wait);
}

#[tokio::test]
async fn the_daemon_opens_the_wallet_only_while_it_works() {
    let (world, wallet) = world_with(policy(100, 8)).await;
    world.withdraw(&wallet, 2048).await;
    // At first another process has it.
    let held = Mutex::new(Some(wallet));
    let world = Arc::new(world);
    let (path, clock) = (world.path().to_owned(), Arc::clone(&world.double.clock));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let sleeps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sleeps);
    let sleep = move |length: Duration| {
        drop(held.lock().unwrap().take());
        // While it sleeps nobody has the wallet.
        let (path, clock, counted) = (path.clone(), Arc::clone(&clock), Arc::clone(&counted));
        async move {
            drop(Wallet::open(&path, protection().unlock(), Options::new()).await.expect("not in use"));
            clock.fetch_add(length.as_secs(), Ordering::SeqCst);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    };
    let outer = Pace::new(rand::random, sleep);
    let opening = Arc::clone(&world);
    let open = move || {
        let world = Arc::clone(&opening);
        async move { Wallet::open(world.path(), protection().unlock(), options(&world)).await }
    };
    let mut stop = Some(stop);
    let (mut swaps, mut idle, mut in_use) = (0, 0, 0);
    let told = |due: Result<&Due, &OpenError>| {
        if let Err(error) = due {
            assert!(matches!(error, OpenError::InUse));
            in_use += 1;
        } else if let Some(report) = &due.unwrap().report {
            assert!(report.failed.is_empty() && report.done.len() <= 3);
            swaps += report.done.len();
            idle += u32::from(report.done.is_empty());
        }
        if idle == 2 {
            stop.take().map(|stop| stop.send(()));
        }
    };
    let stopped = async { stopped.await.unwrap() };
    let schedule = Schedule::every(Duration::from_secs(6 * 3600));
    daemon(open, &schedule, &outer, told, stopped).await.unwrap();
    assert_eq!(in_use, 1);
    assert!(swaps > 3 && sleeps.load(Ordering::SeqCst) > 3);
    let wallet = world.open().await;
    assert_eq!(wallet.stock_view(&world.double.id(), &unit()).await.unwrap().planned_swaps, 0);
    world.assert_settled(&wallet, 21).await;
}

#[tokio::test]
async fn operations_of_a_refresh_are_in_the_history_like_others() {
    let (world, wallet) = world_with(policy(7, 1)).await;
    world.withdraw(&wallet, 64).await;
    let report = wallet.refresh(&no_limit()).await.unwrap();
    let history = wallet.history().await.unwrap();
    for done in &report.done {
        let entry = history.iter().find(|entry| entry.id == done.issued.op).unwrap();
        assert_eq!(entry.outcome, Outcome::Issued);
    }
    let ids: BTreeSet<_> = report.done.iter().map(|done| done.issued.op).collect();
    assert_eq!(ids.len(), report.done.len());
}

#[tokio::test]
async fn losing_any_message_of_a_refresh_costs_nothing() {
    for path in [mint_path::KEYSETS, mint_path::OPEN, mint_path::FINISH, mint_path::ACCOUNT] {
        for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
            let (world, wallet) = world_with(policy(20, 4).withdraw_below(Some(amount(200)))).await;
            world.withdraw(&wallet, 85).await;
            world.double.pass(2 * DAY);
            world.double.fail_next(path, fault.clone());
            let report = wallet.refresh(&no_limit()).await.unwrap();
            assert_eq!(report.failed.len(), 1, "{path} {fault:?} {report:?}");
            let mut rounds = 0;
            while !wallet.refresh(&no_limit()).await.unwrap().done.is_empty() {
                rounds += 1;
                assert!(rounds < 5);
            }
            assert_eq!(world.balance(&wallet).await, (274, 0), "{path} {fault:?}");
            world.assert_settled(&wallet, 3).await;
        }
    }
}
