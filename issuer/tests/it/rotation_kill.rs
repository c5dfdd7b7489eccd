//! A mint in a process of its own that is killed without warning while it drops a keyset, again and again, between portions and within them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use farthing_durable::{Options, Verdict};
use farthing_issuer::{KeysetState, Rotation};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::DepositOutcome;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;

use crate::common::{START, World, amount, mint_at};
use crate::rotation::{WINDOWS, deposited, go_to, refused, rotate, rows};
use crate::wallet::{Coin, Wallet, deposit, operation, pay};

const FOLDER: &str = "FARTHING_TEST_ROTATION_FOLDER";
const NOW: &str = "FARTHING_TEST_ROTATION_NOW";
const STEP: &str = "FARTHING_TEST_ROTATION_STEP";

/// More than two portions of issuances, and of spent records.
const MANY: usize = 600;

/// Not a test of its own: the process that is killed.
#[test]
fn the_process_that_rotates() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u32>().unwrap();
    let (seconds, last, steps) = (number(NOW), number(STEP), AtomicU32::new(0));
    let ledger = Options::new().hook(move |_| {
        if steps.fetch_add(1, Ordering::SeqCst) + 1 == last {
            Command::new("kill").args(["-9", &std::process::id().to_string()]).status().unwrap();
            loop {
                std::thread::park();
            }
        }
        Verdict::Proceed
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let now = UnixTime::from_seconds(START + u64::from(seconds));
        mint_at(Path::new(&folder), now, ledger).await.rotate().await.unwrap();
    });
}

/// Rotates in a process that is killed at a step of its ledger, and says whether it came to its end before.
fn rotate_and_die(folder: &Path, now: UnixTime, step: u32) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "rotation_kill::the_process_that_rotates"])
        .env(FOLDER, folder)
        .env(NOW, (now.seconds() - START).to_string())
        .env(STEP, step.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.code().is_none_or(|code| code == 0), "{status}");
    status.success()
}

/// Many coins of one unit each, of a keyset that issues.
async fn many(world: &World, wallet: &mut Wallet, keyset: &Keyset) -> Vec<Vec<Coin>> {
    let (mut drafts, mut tasks) = (Vec::new(), Vec::new());
    for _ in 0..MANY {
        let draft = wallet.draft(world, keyset, Shape::Withdrawal(amount(1))).await;
        let (mint, request) = (world.mint().clone(), draft.by_account(&wallet.account, operation()));
        drafts.push(draft);
        tasks.push(tokio::spawn(async move { mint.finish(request).await.unwrap() }));
    }
    let mut coins = Vec::new();
    for (draft, task) in drafts.iter().zip(tasks) {
        coins.push(wallet.adopt(keyset, draft, &task.await.unwrap()));
    }
    coins
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_that_is_killed_while_it_drops_a_keyset_goes_on_where_it_was() {
    let mut world = World::with(|options| options.windows = WINDOWS).await;
    let mut wallet = Wallet::funded(&world, 10_000).await;
    let shop = Wallet::new(&world.id());
    let first = world.keyset().await;
    let mut coins = many(&world, &mut wallet, &first).await;
    let kept = coins.pop().unwrap();
    let payments = coins.iter().map(|coins| deposit(pay(&first, coins, shop.payee(), world.now()))).collect::<Vec<_>>();
    for some in payments.chunks(50) {
        let taken = world.mint().deposit(some.to_vec()).await.unwrap();
        assert!(taken.iter().all(|outcome| matches!(outcome, DepositOutcome::Accepted { .. })));
    }
    go_to(&world, first.terms().issue_until.minus(WINDOWS.issue / 3));
    rotate(&world).await.made.unwrap();
    world.mint().seal().await.unwrap();
    go_to(&world, first.terms().deposit_until);
    let before = world.audit().await.units.remove(0);
    let (now, mut step, mut kills) = (world.now(), 1, 0);
    loop {
        world.close();
        let folder = world.home.folder().to_owned();
        let ended = tokio::task::spawn_blocking(move || rotate_and_die(&folder, now, step)).await.unwrap();
        world.reopen().await;
        let books = world.audit().await.units.remove(0);
        assert_eq!((books.issued, books.redeemed, books.balances), (before.issued, before.redeemed, before.balances));
        assert_eq!(world.balance(&shop.key()).await, (MANY - 1) as u64);
        if world.mint().keysets()[0].state == KeysetState::Buried {
            assert_eq!(books.lapsed, amount(1));
            let late = deposit(pay(&first, &kept, shop.payee(), world.now()));
            assert_eq!(deposited(&world, vec![late]).await, refused("keyset_ended"));
            assert_eq!(deposited(&world, vec![payments[0].clone()]).await, refused("keyset_ended"));
        }
        if ended {
            break;
        }
        kills += 1;
        // Each time it comes a little further before.
        step += 1;
    }
    assert!(kills >= 4, "{kills}");
    assert_eq!(rotate(&world).await, Rotation::default());
    let left = rows(&mut world, &["issuance/", "session/", "issued/", "spent/keyset/", "dropping/"]).await;
    assert_eq!(left, [0; 5]);
    world.audit().await;
}
