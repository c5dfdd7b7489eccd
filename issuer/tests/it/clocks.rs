//! Clocks that are ahead: how far the ledger believes them, and what it does not do before it has been sure for a day.

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_http::unix_client::UnixClient;
use farthing_issuer::{
    Alarm, Authority, BatchState, Books, BooksError, ClockWord, FactorError, Leak, LedgerError, LedgerOpenError, Mint,
    MintError, MovementError, NewBatch, Surroundings, run,
};
use farthing_protocol::api::RecoupState;
use farthing_protocol::identity::{Keypair, VoucherKey};
use farthing_protocol::ids::KeysetId;
use serde_json::Value;

use crate::authenticator::Authenticator;
use crate::common::{World, amount, pretend_issued, unlock};
use crate::recoup::{claim, states, withdraw};
use crate::rotation::{WINDOWS, go_to, rotate};
use crate::wallet::Wallet;
use crate::watch::until;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_forward_is_not_believed_while_the_mint_runs() {
    let mut world = World::new().await;
    let account = Wallet::new(&world.id()).key();
    let credit = async |world: &World, reference: &str| world.mint().credit(account, amount(1), reference).await;
    world.clock.pass(DAY);
    let now = world.now();
    for ahead in [61, DAY, 365 * DAY] {
        world.clock.set_wall(now.plus(ahead));
        let refused = credit(&world, "a").await;
        assert_eq!(refused, Err(MovementError::Ledger(LedgerError::ClockAhead)));
        assert!(world.mint().rotate().await.is_err());
    }
    world.clock.set_wall(now.plus(60));
    credit(&world, "a").await.unwrap();
    // What time goes by is believed.
    world.clock.pass(40 * DAY);
    credit(&world, "b").await.unwrap();
    // Started again, it takes the clock for what it says, as far as the mint may have been off.
    let now = world.now();
    world.clock.set_wall(now.plus(DAY));
    assert!(credit(&world, "c").await.is_err());
    world.reopen().await;
    credit(&world, "c").await.unwrap();
    assert_eq!(world.balance(&account).await, 3);
}

async fn open(world: &World, word: Option<ClockWord>) -> Result<Mint, MintError> {
    let surroundings = Surroundings { clock: world.clock.clone(), clock_word: word, ..Surroundings::default() };
    Mint::open_in(&world.home, unlock(), surroundings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_mint_was_off_for_more_than_a_month_somebody_must_say() {
    let mut world = World::new().await;
    let seen = world.now();
    world.close();
    world.clock.pass(30 * DAY);
    drop(open(&world, None).await.unwrap());
    let before = world.now();
    world.clock.pass(30 * DAY + 1);
    for _ in 0..2 {
        match open(&world, None).await {
            Err(MintError::Ledger(LedgerOpenError::ClockFarAhead { seen, now })) => {
                assert_eq!((seen, now), (before, world.now()));
            }
            other => panic!("{other:?}"),
        }
        let books = Books::open_by(&world.home, world.clock.clone()).await;
        assert!(matches!(books, Err(BooksError::Ledger(LedgerOpenError::ClockFarAhead { .. }))));
    }
    let mint = open(&world, Some(ClockWord::default())).await.unwrap();
    let journal = mint.books().journal(None, 10).await.unwrap();
    let told = |place: usize| {
        let fields = journal.entries[place].details.clone().unwrap();
        fields.into_iter().map(|field| field.value).collect::<Vec<_>>()
    };
    assert_eq!(journal.entries[0].act, "clock_believed");
    assert_eq!(told(0), [before, world.now()].map(|time| time.seconds().to_string()));
    drop(mint);
    // Said when nobody asks, it means nothing.
    let mint = open(&world, Some(ClockWord::default())).await.unwrap();
    assert_eq!(mint.books().journal(None, 10).await.unwrap().length, journal.length);
    assert!(before > seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_second_factor_the_word_needs_a_code_of_that_time() {
    let mut world = World::new().await;
    let books = world.mint().books();
    let authenticator = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    books.confirm_administrator(authenticator.first(world.now())).await.unwrap();
    let then = world.now();
    world.close();
    world.clock.pass(31 * DAY);
    let said = async |code| open(&world, Some(ClockWord { code })).await.map(drop);
    let refusal = |result: Result<(), MintError>| match result {
        Err(MintError::Ledger(LedgerOpenError::Factor(error))) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal(said(None).await), FactorError::Required);
    // The authenticator's clock is right, and the mint's is not.
    assert_eq!(refusal(said(Some(authenticator.code(then.plus(60)))).await), FactorError::Wrong);
    assert!(matches!(open(&world, None).await, Err(MintError::Ledger(LedgerOpenError::ClockFarAhead { .. }))));
    said(Some(authenticator.code(world.now()))).await.unwrap();
    open(&world, None).await.unwrap();
}

/// A mint that waits with what cannot be undone, and later has all of it to do: a keyset ends, so does a batch of vouchers, references become
/// old, and claims on a revoked keyset's tokens are due.
struct Due {
    world: World,
    holder: Wallet,
    second: KeysetId,
}

impl Due {
    async fn new() -> Self {
        let mut world = World::with(|options| options.windows = WINDOWS).await;
        world.close();
        world.configure(|text| text.replace("\n[data]\n", "\n[data]\nkeep_seconds = 864000\n"));
        world.patient = true;
        world.reopen().await;
        let books = world.mint().books().clone();
        let mut holder = Wallet::funded(&world, 100).await;
        let first = world.keyset().await;
        let tokens = withdraw(&world, &mut holder, &first, 3).await;
        let vouchers = vec![VoucherKey::from(&Keypair::generate(&mut rand::rng()))];
        let (expires_at, note) = (world.now().plus(DAY), "fair".to_owned());
        books.create_vouchers(NewBatch { vouchers, amount: amount(50), expires_at, note }).await.unwrap();
        let second = world.mint().new_keyset().await.unwrap();
        world.clock.pass(10);
        let leak = Leak { since: Some(world.now().minus(5)), window: 10 * DAY };
        books.revoke(*first.id(), leak).await.unwrap();
        let claim = claim(&first, &tokens.iter().collect::<Vec<_>>(), holder.payee(), world.now());
        assert_eq!(states(&world, &claim).await, [RecoupState::Waiting; 2]);
        books.live().await.unwrap();
        Self { world, holder, second }
    }

    /// Everything that a served mint does by itself: whether the keyset was buried, how many references were erased, what the holder has, and
    /// whether the batch still stands in the books.
    async fn run(&self) -> (bool, u64, u64, bool) {
        let books = self.world.mint().books();
        books.expire_vouchers().await.unwrap();
        books.settle_recoups().await.unwrap();
        let erased = books.erase_references().await.unwrap();
        let buried = rotate(&self.world).await.buried;
        let batch = books.vouchers(None, 10).await.unwrap().remove(0);
        // It cannot be redeemed all the same.
        assert_eq!(batch.state, BatchState::Expired);
        let held = self.world.balance(&self.holder.key()).await;
        (buried.contains(&self.second), erased, held, batch.ended_at.is_none())
    }

    async fn serve(&self, seconds: u64) {
        self.world.clock.pass(seconds);
        self.world.mint().books().live().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_waits_for_a_day_of_service() {
    let mut due = Due::new().await;
    // The mint is off until all of it is due; or its clock says so.
    due.world.close();
    due.world.clock.pass(60 * DAY);
    due.world.reopen().await;
    let nothing = (false, 0, 97, true);
    assert_eq!(due.run().await, nothing);
    for hour in 1..=24 {
        due.serve(HOUR).await;
        assert_eq!(due.run().await, nothing, "{hour}");
        // For how long it is off does not count.
        if hour % 10 == 0 {
            due.world.close();
            due.world.clock.pass(2 * DAY);
            due.world.reopen().await;
        }
    }
    due.serve(HOUR).await;
    assert_eq!(due.run().await, (true, 1, 100, false));
    due.world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_not_believed_is_told_and_is_not_healthy() {
    let world = World::new().await;
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let control = UnixClient::new(world.home.control_socket()).unwrap();
    world.clock.pass(2 * DAY);
    world.mint().credit(Wallet::new(&world.id()).key(), amount(1), "seen").await.unwrap();
    let now = world.now();
    for wrong in [now.minus(DAY), now.plus(DAY)] {
        world.clock.set_wall(wrong);
        until(async || world.mint().alarms() == [Alarm::Clock]).await;
        for at in ["/health", "/ready"] {
            let answer = control.get_json::<Value>(at).await;
            assert!(matches!(answer, Err(CallError::Refused(_, 503))), "{at}: {answer:?}");
        }
        world.clock.set_wall(now);
        until(async || world.mint().alarms().is_empty()).await;
        assert_eq!(control.get_json::<Value>("/health").await.unwrap(), serde_json::json!({ "ok": true }));
    }
    let code = LedgerError::ClockAhead.code();
    assert_eq!((code, code.outcome_unknown()), (Code::ClockAhead, false));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_an_hour_is_told() {
    let mut world = World::with(|options| options.windows = WINDOWS).await;
    let (id, unit) = (*world.keyset().await.id(), world.keyset().await.terms().unit.clone());
    world.tamper(move |txn| pretend_issued(txn, &id, &unit, amount(5))).await;
    go_to(&world, world.keyset().await.terms().deposit_until);
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    // It cannot bury what has ended, for the books are not right.
    until(async || world.mint().keysets().len() > 1).await;
    until(async || {
        world.clock.pass(HOUR);
        world.mint().alarms() == [Alarm::BooksNotRight, Alarm::TaskFails]
    })
    .await;
    running.stop().await.unwrap();
}
