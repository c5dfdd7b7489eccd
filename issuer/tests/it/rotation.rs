//! Keysets over time: made ahead, ended, buried, dropped; clocks that jump; mints that were off for years.

use farthing_issuer::{
    Figure, FinishError, KeysetState, LedgerError, MintError, OpenError, Rotation, RotationError, Windows, run,
};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{Deposit, DepositOutcome, OpenRequest};
use farthing_protocol::archive::IndexError;
use farthing_protocol::identity::Keypair;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;
use farthing_verifier::check::CheckError;

use crate::common::{World, amount};
use crate::wallet::{Coin, Wallet, deposit, operation, pay};

const DAY: u64 = 86_400;

/// Short lives: a third of the time that they issue, each keyset is published ahead.
pub(crate) const WINDOWS: Windows = Windows { issue: 9 * DAY, spend: 20 * DAY, deposit: 5 * DAY };

pub(crate) async fn rotate(world: &World) -> Rotation {
    world.mint().rotate().await.unwrap()
}

/// Turns the clock on until a time.
pub(crate) fn go_to(world: &World, time: UnixTime) {
    world.clock.pass(time.seconds() - world.now().seconds());
}

fn states(world: &World) -> Vec<KeysetState> {
    world.mint().keysets().iter().map(|keyset| keyset.state).collect()
}

async fn all(world: &World) -> Vec<Keyset> {
    world.keysets().await.keysets.into_iter().map(|document| document.verify().unwrap()).collect()
}

async fn open(world: &World, keyset: &Keyset) -> Result<(), OpenError> {
    let shape = Shape::Withdrawal(amount(1));
    world.mint().open_issuance(&OpenRequest { keyset: *keyset.id(), shape }).await.map(drop)
}

/// Withdraws tokens of a keyset, which need not be the last.
pub(crate) async fn coins_of(wallet: &mut Wallet, world: &World, keyset: &Keyset, units: u64) -> Vec<Coin> {
    let draft = wallet.draft(world, keyset, Shape::Withdrawal(amount(units))).await;
    let record = world.mint().finish(draft.by_account(&wallet.account, operation())).await.unwrap();
    wallet.adopt(keyset, &draft, &record)
}

/// Renews tokens of one keyset into another's.
async fn renew(wallet: &mut Wallet, world: &World, (from, into): (&Keyset, &Keyset), coins: &[Coin]) -> Vec<Coin> {
    let worth = farthing_protocol::amount::Amount::checked_sum(coins.iter().map(|(token, _)| token.value())).unwrap();
    let draft = wallet.draft(world, into, Shape::Renew(worth)).await;
    let record = world.mint().finish(draft.by_tokens(from, coins, world.now())).await.unwrap();
    wallet.adopt(into, &draft, &record)
}

pub(crate) async fn deposited(world: &World, deposits: Vec<Deposit>) -> DepositOutcome {
    world.mint().deposit(deposits).await.unwrap().remove(0)
}

pub(crate) fn refused(code: &str) -> DepositOutcome {
    DepositOutcome::Refused { code: code.to_owned() }
}

/// A mint at the end of its first keyset: it was paid with, swapped within and into the second, and given for a voucher; 96 of it
/// were never redeemed.
pub(crate) struct Life {
    pub(crate) world: World,
    pub(crate) wallet: Wallet,
    pub(crate) shop: Wallet,
    pub(crate) first: Keyset,
    pub(crate) second: Keyset,
    /// Of the first, never redeemed.
    pub(crate) kept: Vec<Coin>,
    /// Of the second, never redeemed.
    pub(crate) later: Vec<Coin>,
    pub(crate) accepted: Deposit,
}

pub(crate) const LAPSED: u64 = 37 + 9 + 50;

pub(crate) async fn life(seal: bool) -> Life {
    let world = World::with(|options| {
        options.windows = WINDOWS;
        options.fees = farthing_protocol::amount::Fees { withdrawal_ppm: 1000, deposit_ppm: 1234 };
    })
    .await;
    let mut wallet = Wallet::funded(&world, 10_000).await;
    let shop = Wallet::new(&world.id());
    let first = world.keyset().await;
    let (paid, swapped) = (wallet.coins(&world, 1000).await, wallet.coins(&world, 37).await);
    let (moved, late, kept) =
        (wallet.coins(&world, 64).await, wallet.coins(&world, 5).await, wallet.coins(&world, 9).await);
    let accepted = deposit(pay(&first, &paid, shop.payee(), world.now()));
    assert!(matches!(deposited(&world, vec![accepted.clone()]).await, DepositOutcome::Accepted { .. }));
    wallet.swap(&world, &first, Shape::Renew(amount(37)), &swapped).await.unwrap();
    let voucher = Keypair::generate(&mut rand::rng());
    world.mint().books().create_voucher((&voucher).into(), amount(50)).await.unwrap();
    let mut draft = wallet.draft(&world, &first, Shape::Withdrawal(amount(50))).await;
    // The fee was paid when it was made.
    draft.terms.debit = draft.terms.amount;
    world.mint().finish(draft.by_voucher(&voucher)).await.unwrap();
    go_to(&world, first.terms().issue_until.minus(WINDOWS.issue / 3));
    if seal {
        world.mint().seal().await.unwrap();
    }
    let second = rotate(&world).await.made.unwrap();
    go_to(&world, first.terms().issue_until);
    let second = all(&world).await.into_iter().find(|keyset| *keyset.id() == second).unwrap();
    renew(&mut wallet, &world, (&first, &second), &moved).await;
    let (paid, later) =
        (coins_of(&mut wallet, &world, &second, 100).await, coins_of(&mut wallet, &world, &second, 3).await);
    world.mint().deposit(vec![deposit(pay(&second, &paid, shop.payee(), world.now()))]).await.unwrap();
    go_to(&world, first.terms().deposit_until.minus(1));
    let late = deposited(&world, vec![deposit(pay(&first, &late, shop.payee(), world.now()))]).await;
    assert!(matches!(late, DepositOutcome::Accepted { .. }));
    if seal {
        world.mint().seal().await.unwrap();
    }
    Life { world, wallet, shop, first, second, kept, later, accepted }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_keyset_is_made_ahead_and_once() {
    let mut world = World::with(|options| options.windows = WINDOWS).await;
    let first = world.keyset().await;
    let due = first.terms().issue_until.minus(3 * DAY);
    assert_eq!(rotate(&world).await, Rotation::default());
    go_to(&world, due.minus(1));
    assert_eq!(rotate(&world).await, Rotation::default());
    world.clock.pass(1);
    // Many at once, and by hand one more would follow: no two have one number.
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let mint = world.mint().clone();
            tokio::spawn(async move { mint.rotate().await.unwrap().made })
        })
        .collect();
    let mut made = Vec::new();
    for task in tasks {
        made.extend(task.await.unwrap());
    }
    let second = world.keyset().await;
    assert_eq!(made, [*second.id()]);
    assert_eq!((second.terms().sequence, second.terms().predecessor), (1, Some(*first.id())));
    assert_eq!(second.terms().active_from, first.terms().issue_until);
    assert_eq!(states(&world), [KeysetState::Issuing, KeysetState::Announced]);
    world.reopen().await;
    assert_eq!(rotate(&world).await.made, None);
    // One issues at a time, without a gap.
    go_to(&world, first.terms().issue_until.minus(1));
    assert_eq!((open(&world, &first).await, open(&world, &second).await), (Ok(()), Err(OpenError::KeysetNotIssuing)));
    world.clock.pass(1);
    assert_eq!((open(&world, &first).await, open(&world, &second).await), (Err(OpenError::KeysetNotIssuing), Ok(())));
    assert_eq!(states(&world), [KeysetState::Spendable, KeysetState::Issuing]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_that_was_off_past_the_end_makes_one_at_once() {
    let mut world = World::with(|options| options.windows = WINDOWS).await;
    world.close();
    world.clock.pass(12 * DAY);
    world.reopen().await;
    let first = world.keyset().await;
    assert_eq!(open(&world, &first).await, Err(OpenError::KeysetNotIssuing));
    rotate(&world).await.made.unwrap();
    let second = world.keyset().await;
    assert_eq!(second.terms().active_from, world.now());
    assert_eq!(second.terms().issue_until, world.now().plus(WINDOWS.issue));
    open(&world, &second).await.unwrap();
    assert_eq!(rotate(&world).await.made, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_keyset_is_followed_by_hand_and_buried_like_any_other() {
    let mut world = World::with(|options| options.windows = WINDOWS).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    wallet.coins(&world, 7).await;
    world.mint().revoke(*first.id()).await.unwrap();
    world.clock.pass(9 * DAY);
    assert_eq!(rotate(&world).await, Rotation::default(), "whoever has the machine would have the next key as well");
    world.mint().new_keyset().await.unwrap();
    // From then on it goes by itself again.
    world.clock.pass(6 * DAY);
    assert!(rotate(&world).await.made.is_some());
    go_to(&world, first.terms().deposit_until.plus(100 * DAY));
    world.reopen().await;
    let done = rotate(&world).await;
    assert!(done.buried.contains(first.id()) && done.buried.len() > 1, "{done:?}");
    assert_eq!(states(&world)[..2], [KeysetState::Buried, KeysetState::Buried]);
    let summary = world.mint().keysets().remove(0);
    assert!(summary.revoked_at.is_some() && summary.lapsed == Some(amount(7)));
    assert_eq!(world.audit().await.units[0].lapsed, amount(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_swaps_under_way_lose_nothing() {
    let world = World::with(|options| options.windows = WINDOWS).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    let coins = wallet.coins(&world, 7).await;
    go_to(&world, first.terms().issue_until.minus(1));
    let draft = wallet.draft(&world, &first, Shape::Withdrawal(amount(5))).await;
    let swap = wallet.draft(&world, &first, Shape::Renew(amount(7))).await;
    rotate(&world).await.made.unwrap();
    world.clock.pass(599);
    rotate(&world).await;
    let second = world.keyset().await;
    open(&world, &second).await.unwrap();
    let record = world.mint().finish(draft.by_account(&wallet.account, operation())).await.unwrap();
    let five = wallet.adopt(&first, &draft, &record);
    let record = world.mint().finish(swap.by_tokens(&first, &coins, world.now())).await.unwrap();
    wallet.adopt(&first, &swap, &record);
    // Later the key is forgotten, and its tokens are renewed into the next.
    world.clock.pass(2);
    rotate(&world).await;
    renew(&mut wallet, &world, (&first, &second), &five).await;
    let books = world.audit().await.units.remove(0);
    assert_eq!((books.issued.units(), books.redeemed.units()), (7 + 5 + 7 + 5, 7 + 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_is_dropped_whole_and_the_books_still_hold() {
    let Life { mut world, mut wallet, shop, first, second, kept, later, accepted } = life(true).await;
    let before = world.audit().await.units.remove(0);
    let held = (world.balance(&wallet.key()).await, world.balance(&shop.key()).await);
    let listed = world.mint().seal().await.unwrap();
    assert!(listed.keyset(first.id()).is_some() && listed.keyset(second.id()).is_some());
    world.clock.pass(1);
    assert_eq!(states(&world)[0], KeysetState::Ended);

    let done = rotate(&world).await;
    assert_eq!((done.buried, done.dropped), (vec![*first.id()], vec![*first.id()]));
    // Nothing was made for a while: the third issues from now on.
    assert!(done.made.is_some());
    for _ in 0..2 {
        let books = world.audit().await.units.remove(0);
        assert_eq!((books.lapsed.units(), before.lapsed.units()), (LAPSED, 0));
        assert_eq!(farthing_issuer::UnitBooks { lapsed: before.lapsed, ..books }, before);
        assert_eq!((world.balance(&wallet.key()).await, world.balance(&shop.key()).await), held);
        let summary = world.mint().keysets().remove(0);
        assert_eq!((summary.state, summary.lapsed), (KeysetState::Buried, Some(amount(LAPSED))));

        let archive = world.home.folder().join("archive");
        assert!(!archive.join(first.id().to_text()).exists() && archive.join(second.id().to_text()).exists());
        let index = world.mint().seal().await.unwrap();
        assert!(index.keyset(first.id()).is_none() && index.keyset(second.id()).is_some());
        let ends = |keyset: &KeysetId| (keyset == first.id()).then_some(first.terms().deposit_until);
        index.accept(&world.id(), Some(&listed), &ends, world.now()).unwrap();
        let early = |_: &KeysetId| Some(index.issued_at().plus(1));
        assert_eq!(index.accept(&world.id(), Some(&listed), &early, world.now()), Err(IndexError::WentBack));

        // What was spent is not taken again, nor what was not, in a new payment or as what it was.
        let late = deposit(pay(&first, &kept, shop.payee(), world.now()));
        assert_eq!(deposited(&world, vec![late]).await, refused("keyset_ended"));
        assert_eq!(deposited(&world, vec![accepted.clone()]).await, refused("keyset_ended"));
        let swap = wallet.swap(&world, &first, Shape::Renew(amount(9)), &kept).await;
        assert!(matches!(swap, Err(FinishError::Swap(CheckError::KeysetEnded))));
        assert_eq!(rotate(&world).await, Rotation::default());
        world.reopen().await;
    }
    // Of the first keyset's records only the funding ids of account and voucher are left.
    let left = rows(&mut world, &["issuance/", "session/", "issued/", "funding/", "spent/keyset/", "dropping/"]).await;
    // The second has two withdrawals and a swap; the first had five withdrawals, a voucher and a swap.
    assert_eq!(left, [3, 3, 3, 3 + 6, 1, 0]);
    let renewed = deposit(pay(&second, &later, shop.payee(), world.now()));
    assert!(matches!(deposited(&world, vec![renewed]).await, DepositOutcome::Accepted { .. }));
    // The second follows in its time, and its tombstone counts what the first's tokens were swapped for.
    go_to(&world, second.terms().deposit_until);
    assert_eq!(rotate(&world).await.buried, [*second.id()]);
    assert_eq!(world.audit().await.units[0].lapsed.units(), LAPSED + 64);
}

/// How many rows there are below each of these prefixes.
pub(crate) async fn rows<const N: usize>(world: &mut World, prefixes: &[&'static str; N]) -> [usize; N] {
    let (told, counted) = std::sync::mpsc::channel();
    let prefixes = *prefixes;
    world
        .tamper(move |txn| {
            told.send(prefixes.map(|prefix| txn.scan_prefix(prefix.as_bytes(), None, 10_000).unwrap().len())).unwrap();
        })
        .await;
    counted.recv().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_revives_nothing() {
    let Life { mut world, mut wallet, shop, first, kept, accepted, .. } = life(true).await;
    world.clock.pass(1);
    rotate(&world).await;
    let now = world.now();
    // To when the first keyset issued, was spent, and could be deposited.
    for ago in [first.terms().active_from, first.terms().issue_until, first.terms().spend_until, now.minus(4)] {
        world.clock.set_wall(ago);
        assert_eq!(open(&world, &first).await, Err(OpenError::KeysetNotIssuing));
        for each in [deposit(pay(&first, &kept, shop.payee(), ago)), accepted.clone()] {
            assert_eq!(deposited(&world, vec![each]).await, refused("keyset_ended"));
        }
        assert!(rotate_error(&world).await.is_none_or(|error| error == LedgerError::ClockBehind));
    }
    world.clock.set_wall(now.minus(100 * DAY));
    let home = world.home.clone();
    world.close();
    let refused = farthing_issuer::Mint::open_in(
        &home,
        crate::common::unlock(),
        farthing_issuer::Surroundings { clock: world.clock.clone(), ..Default::default() },
    )
    .await;
    let behind = farthing_issuer::LedgerOpenError::Ledger(LedgerError::ClockBehind);
    assert!(matches!(refused, Err(MintError::Ledger(error)) if error.to_string() == behind.to_string()));
    world.clock.set_wall(now);
    world.reopen().await;
    let third = world.keyset().await;
    coins_of(&mut wallet, &world, &third, 3).await;
    world.audit().await;
}

async fn rotate_error(world: &World) -> Option<LedgerError> {
    match world.mint().rotate().await {
        Ok(_) => None,
        Err(RotationError::Ledger(error)) => Some(error),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_years_ahead_makes_and_buries_nothing() {
    let Life { mut world, mut wallet, first, second, .. } = life(true).await;
    world.clock.pass(1);
    rotate(&world).await;
    let (now, count) = (world.now(), world.mint().keysets().len());
    world.clock.set_wall(UnixTime::from_seconds(4_070_908_800));
    assert!(world.mint().rotate().await.is_err());
    world.clock.set_wall(now.plus(1));
    world.reopen().await;
    assert_eq!(rotate(&world).await, Rotation::default());
    assert_eq!(world.mint().keysets().len(), count);
    assert_eq!(states(&world)[..2], [KeysetState::Buried, KeysetState::Spendable]);
    let third = world.keyset().await;
    coins_of(&mut wallet, &world, &third, 3).await;
    world.audit().await;
    drop((first, second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_that_was_off_for_years_goes_on() {
    for (sealed, seal_first) in [(true, true), (true, false), (false, true), (false, false)] {
        let Life { mut world, mut wallet, shop, first, second, kept, later, .. } = life(sealed).await;
        let held = (world.balance(&wallet.key()).await, world.balance(&shop.key()).await);
        world.close();
        // A clock is believed two years at a time.
        for _ in 0..3 {
            world.clock.pass(2 * 365 * DAY);
            world.reopen().await;
        }
        if seal_first {
            world.mint().seal().await.unwrap();
        }
        let done = rotate(&world).await;
        let mut buried = done.buried;
        buried.sort();
        let mut ended = vec![*first.id(), *second.id()];
        ended.sort();
        assert_eq!(buried, ended);
        let index = world.mint().seal().await.unwrap();
        assert!(index.keysets().is_empty());
        assert_eq!((world.balance(&wallet.key()).await, world.balance(&shop.key()).await), held);
        assert_eq!(world.audit().await.units[0].lapsed.units(), LAPSED + 64 + 3);
        for (keyset, coins) in [(&first, &kept), (&second, &later)] {
            let late = deposit(pay(keyset, coins, shop.payee(), world.now()));
            assert_eq!(deposited(&world, vec![late]).await, refused("keyset_ended"));
        }
        let third = world.keyset().await;
        assert_eq!(done.made, Some(*third.id()));
        let coins = coins_of(&mut wallet, &world, &third, 3).await;
        world.mint().deposit(vec![deposit(pay(&third, &coins, shop.payee(), world.now()))]).await.unwrap();
        world.clock.pass(2 * DAY);
        let index = world.mint().seal().await.unwrap();
        let listed = index.keyset(third.id()).unwrap();
        assert_eq!((listed.segments.len(), listed.filters.len()), (1, 1));
        world.reopen().await;
        world.audit().await;
    }
}

/// With other settings a later keyset may end first, with tokens of the earlier one in it.
#[tokio::test(flavor = "multi_thread")]
async fn outputs_may_end_before_their_inputs() {
    let mut world = World::with(|options| options.windows = WINDOWS).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    let (moved, kept) = (wallet.coins(&world, 7).await, wallet.coins(&world, 8).await);
    world.close();
    let config = world.home.folder().join("mint.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let short = text
        .replace("spend_seconds = 1728000", "spend_seconds = 60")
        .replace("deposit_seconds = 432000", "deposit_seconds = 60");
    assert_ne!(short, text);
    std::fs::write(&config, short).unwrap();
    world.home = farthing_issuer::MintHome::open(world.home.folder()).unwrap();
    world.reopen().await;
    go_to(&world, first.terms().issue_until);
    rotate(&world).await.made.unwrap();
    let second = world.keyset().await;
    assert!(second.terms().deposit_until < first.terms().deposit_until);
    renew(&mut wallet, &world, (&first, &second), &moved).await;
    world.mint().seal().await.unwrap();
    go_to(&world, second.terms().deposit_until);
    assert_eq!(rotate(&world).await.buried, [*second.id()]);
    world.audit().await;
    world.reopen().await;
    // The inputs are spent, though nobody knows any more on what.
    let refused = world.mint().deposit(vec![deposit(pay(&first, &moved, wallet.payee(), world.now()))]).await.unwrap();
    assert!(matches!(refused[0], DepositOutcome::DoubleSpend { .. }));
    world.mint().deposit(vec![deposit(pay(&first, &kept, wallet.payee(), world.now()))]).await.unwrap();
    assert_eq!(world.audit().await.units[0].lapsed.units(), 7);
    go_to(&world, first.terms().deposit_until);
    assert!(rotate(&world).await.buried.contains(first.id()));
    assert_eq!(world.audit().await.units[0].lapsed.units(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_buried_while_the_books_are_not_right() {
    let Life { mut world, first, .. } = life(true).await;
    world.clock.pass(1);
    let flip = |txn: &mut farthing_durable::Txn<'_>| {
        let (key, mut value) = txn.scan_prefix(b"account/", None, 1).unwrap().pop().unwrap();
        value[1] ^= 1;
        txn.put(&key, &value).unwrap();
    };
    world.tamper(flip).await;
    assert!(matches!(world.mint().rotate().await, Err(RotationError::NotRight)));
    assert_eq!(states(&world)[0], KeysetState::Ended);
    assert_eq!(rows(&mut world, &["tombstone/", "dropping/"]).await, [0, 0]);
    world.tamper(flip).await;
    assert_eq!(rotate(&world).await.buried, [*first.id()]);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tombstone_is_found() {
    // A tombstone is format, unit (6), time (8), and then its amounts; what is carried has 16 bytes for each sum.
    let cases: [(&[u8], usize, Figure); 12] = [
        (b"tombstone/", 15, Figure::Lapsed),
        (b"tombstone/", 15, Figure::Issued),
        (b"tombstone/", 23, Figure::Redeemed),
        (b"tombstone/", 31, Figure::IssuanceLog),
        (b"tombstone/", 39, Figure::Fees),
        (b"tombstone/", 47, Figure::VoucherRecord),
        (b"tombstone/", 55, Figure::Tombstone),
        (b"tombstone/", 63, Figure::Swap),
        (b"carried/", 1, Figure::AccountBalance),
        (b"carried/", 33, Figure::AccountFee),
        (b"swapped/", 1, Figure::Swap),
        (b"lapsed/", 1, Figure::Lapsed),
    ];
    let Life { mut world, .. } = life(true).await;
    world.clock.pass(1);
    rotate(&world).await;
    for (prefix, place, expected) in cases {
        let flip = move |txn: &mut farthing_durable::Txn<'_>| {
            let (key, mut value) = txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap();
            value[place] ^= 1;
            txn.put(&key, &value).unwrap();
        };
        world.tamper(flip).await;
        let found = world.differing().await;
        assert!(found.contains(&expected), "{}: {expected:?} not in {found:?}", String::from_utf8_lossy(prefix));
        world.tamper(flip).await;
        world.audit().await;
    }
    world
        .tamper(|txn| {
            let (key, _) = txn.scan_prefix(b"tombstone/", None, 1).unwrap().pop().unwrap();
            txn.delete(&key).unwrap();
        })
        .await;
    assert!(world.differing().await.contains(&Figure::Issued));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_mint_rotates_by_itself() {
    let Life { mut world, first, .. } = life(true).await;
    world.clock.pass(1);
    let running = run(world.take(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let control = farthing_http::unix_client::UnixClient::new(world.home.control_socket()).unwrap();
    loop {
        let path = farthing_issuer::control::path::KEYSETS;
        let report: farthing_issuer::control::KeysetsReport = control.get_json(path).await.unwrap();
        if report.keysets.len() == 3 && report.keysets[0].state == KeysetState::Buried {
            assert_eq!((report.keysets[0].keyset, report.keysets[0].lapsed), (*first.id(), Some(amount(LAPSED))));
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    running.stop().await.unwrap();
}

/// Years in which nobody paid are no reason to take the clock for wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_mint_without_payments_for_years_takes_the_next_one() {
    let mut world = World::with(|options| options.windows = WINDOWS).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    let coins = wallet.coins(&world, 1).await;
    world.mint().deposit(vec![deposit(pay(&first, &coins, wallet.payee(), world.now()))]).await.unwrap();
    for _ in 0..40 {
        world.clock.pass(30 * DAY);
        rotate(&world).await;
    }
    world.reopen().await;
    let last = world.mint().keysets().into_iter().find(|keyset| keyset.state == KeysetState::Issuing).unwrap();
    let last = all(&world).await.into_iter().find(|keyset| *keyset.id() == last.keyset).unwrap();
    let coins = coins_of(&mut wallet, &world, &last, 3).await;
    let taken = deposited(&world, vec![deposit(pay(&last, &coins, wallet.payee(), world.now()))]).await;
    assert!(matches!(taken, DepositOutcome::Accepted { .. }), "{taken:?}");
    world.audit().await;
}
