//! The administrator's second factor, and the journal.

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{
    AdministratorReport, BeginCopyAnswer, BeginCopyRequest, CODE_HEADER, ConfirmRequest, CopyPortionAnswer,
    CopyPortionRequest, JournalCheck, JournalReport, MoneyAnswer, MoneyRequest, NewKeysetAnswer, NewKeysetRequest,
    Nothing, RevokeAnswer, RevokeRequest, path,
};
use farthing_issuer::{Authority, FactorError, Figure, HomeError, KeyHome, LedgerError, MovementError, Who, run};
use farthing_protocol::api::{Enrolment, FactorState, SecondFactor};
use farthing_protocol::codec::from_base64url;
use serde_json::Value;

use crate::authenticator::Authenticator;
use crate::common::{Fault, World, amount, unlock};
use crate::factors;
use crate::wallet::Wallet;

/// A mint whose administrator has a second factor.
async fn guarded() -> (World, Authenticator) {
    let world = World::new().await;
    let authenticator = guard(&world).await;
    (world, authenticator)
}

async fn guard(world: &World) -> Authenticator {
    let books = world.mint().books();
    let authenticator = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    books.confirm_administrator(authenticator.first(world.now())).await.unwrap();
    world.clock.pass(60);
    authenticator
}

async fn words(world: &World) -> Vec<(Who, String)> {
    let report = world.mint().books().journal(None, 100).await.unwrap();
    report.entries.into_iter().rev().map(|entry| (entry.who, entry.act)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_needs_a_code_and_each_is_good_once() {
    let (mut world, authenticator) = guarded().await;
    let ann = Wallet::new(&world.id()).key();
    let books = world.mint().books();
    let refused = books.credit(ann, amount(5), "bank 1").await;
    assert_eq!(refused, Err(MovementError::Ledger(LedgerError::SecondFactor)));
    assert_eq!(books.prove(None).await, Err(FactorError::Required));
    assert_eq!(books.prove(Some(authenticator.wrong(world.now()))).await, Err(FactorError::Wrong));

    let code = authenticator.code(world.now());
    let authority = books.prove(Some(code.clone())).await.unwrap();
    assert_eq!(books.prove(Some(code.clone())).await, Err(FactorError::Wrong), "it was used");
    assert_eq!(books.credit_by(authority, ann, amount(5), "bank 1").await.unwrap().balance, amount(5));
    // The same after a restart, and while the mint does not run.
    world.reopen().await;
    let books = world.mint().books();
    assert_eq!(books.prove(Some(code)).await, Err(FactorError::Wrong));
    world.clock.pass(30);
    let authority = books.prove(Some(authenticator.code(world.now()))).await.unwrap();
    world.clock.pass(301);
    let late = books.credit_by(authority, ann, amount(5), "bank 2").await;
    assert_eq!(late, Err(MovementError::Ledger(LedgerError::SecondFactor)), "a proof ends");
    assert_eq!(world.balance(&ann).await, 5);
    let expected = [
        (Who::Operator, "administrator_factor_drawn"),
        (Who::Administrator, "administrator_factor_enrolled"),
        (Who::Administrator, "credited"),
    ];
    assert_eq!(words(&world).await, expected.map(|(who, act)| (who, act.to_owned())));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_is_asked_for_only_after_its_first_code() {
    let world = World::new().await;
    let (books, ann) = (world.mint().books(), Wallet::new(&world.id()).key());
    assert_eq!(
        books.confirm_administrator(Authenticator::new(drawn()).first(world.now())).await,
        Err(FactorError::Wrong)
    );
    let first = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    assert_eq!(books.administrator().await.unwrap().factor, FactorState::Pending);
    books.credit(ann, amount(1), "1").await.unwrap();
    // Another one, drawn later, takes its place.
    let second = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    assert_eq!(books.confirm_administrator(first.first(world.now())).await, Err(FactorError::Wrong));
    books.confirm_administrator(second.first(world.now())).await.unwrap();
    let report = books.administrator().await.unwrap();
    assert_eq!((report.factor, report.waiting, report.recovery_codes_left), (FactorState::Active, false, 10));
    // Its first code is used.
    assert_eq!(books.prove(Some(second.code(world.now()))).await, Err(FactorError::Wrong));

    // To change it needs the one there is; until the first code of the other one, that is the one.
    assert_eq!(books.draw_administrator(Authority::local()).await, Err(FactorError::Required));
    world.clock.pass(30);
    let authority = books.prove(Some(second.code(world.now()))).await.unwrap();
    let third = Authenticator::new(books.draw_administrator(authority).await.unwrap());
    world.clock.pass(30);
    books.prove(Some(second.code(world.now()))).await.unwrap();
    books.confirm_administrator(third.first(world.now())).await.unwrap();
    world.clock.pass(30);
    assert_eq!(books.prove(Some(second.code(world.now()))).await, Err(FactorError::Wrong));
    books.prove(Some(third.code(world.now()))).await.unwrap();
    // Recovery codes of the one that is gone are void, too.
    assert_eq!(books.prove(Some(second.recovery(0))).await, Err(FactorError::Wrong));
}

fn drawn() -> Enrolment {
    Enrolment::generate(&mut rand::rng())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_that_waits_is_void_after_an_hour_and_after_five_wrong_codes() {
    let world = World::new().await;
    let books = world.mint().books();
    let late = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    world.clock.pass(3601);
    assert_eq!(books.confirm_administrator(late.first(world.now())).await, Err(FactorError::Wrong));
    let guessed = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    for _ in 0..5 {
        let SecondFactor::Time(wrong) = guessed.wrong(world.now()) else { unreachable!() };
        assert_eq!(books.confirm_administrator(wrong).await, Err(FactorError::Wrong));
    }
    assert_eq!(books.confirm_administrator(guessed.first(world.now())).await, Err(FactorError::Wrong));
    assert_eq!(books.administrator().await.unwrap().factor, FactorState::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_lock_and_a_recovery_code_unlocks() {
    let (mut world, authenticator) = guarded().await;
    for _ in 0..4 {
        let refused = world.mint().books().prove(Some(authenticator.wrong(world.now()))).await;
        assert_eq!(refused, Err(FactorError::Wrong));
        // It is counted on the disk.
        world.reopen().await;
    }
    let books = world.mint().books();
    let locked = books.prove(Some(authenticator.wrong(world.now()))).await;
    assert_eq!(locked, Err(FactorError::Locked { seconds: 900 }));
    world.clock.pass(600);
    let still = books.prove(Some(authenticator.code(world.now()))).await;
    assert_eq!(still, Err(FactorError::Locked { seconds: 300 }));
    assert_eq!(books.administrator().await.unwrap().locked_until, Some(world.now().plus(300)));
    assert_eq!(words(&world).await.last().unwrap(), &(Who::Mint, "administrator_locked".to_owned()));

    books.prove(Some(authenticator.recovery(4))).await.unwrap();
    assert_eq!(books.prove(Some(authenticator.recovery(4))).await, Err(FactorError::Wrong), "each is good once");
    let report = books.administrator().await.unwrap();
    assert_eq!((report.locked_until, report.recovery_codes_left), (None, 9));
    let authority = books.prove(Some(authenticator.code(world.now()))).await.unwrap();
    let codes = books.renew_administrator_codes(authority).await.unwrap();
    assert_eq!(books.prove(Some(authenticator.recovery(5))).await, Err(FactorError::Wrong), "the old ones are void");
    let authority = books.prove(Some(SecondFactor::Recovery(codes[0].clone()))).await.unwrap();
    books.remove_administrator(authority).await.unwrap();
    assert_eq!(words(&world).await.last().unwrap().0, Who::AdministratorRecovered);
    books.credit(Wallet::new(&world.id()).key(), amount(1), "free again").await.unwrap();
    assert_eq!(books.remove_administrator(Authority::local()).await, Err(FactorError::NotEnrolled));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_the_keys_takes_a_lost_factor_away() {
    let (world, _lost) = guarded().await;
    let books = world.mint().books();
    let wrong = farthing_issuer::Unlock::Passphrase(farthing_issuer::Passphrase::new("incorrect donkey"));
    let keys = KeyHome::open(world.home.folder()).unwrap();
    assert!(books.prove_by_keys(keys.clone(), wrong).await.is_err());
    let others = KeyHome::open(World::new().await.home.folder()).unwrap();
    let refused = books.prove_by_keys(others, unlock()).await;
    assert!(matches!(refused, Err(HomeError::OtherKeys)), "{refused:?}");
    let authority = books.prove_by_keys(keys, unlock()).await.unwrap();
    books.remove_administrator(authority).await.unwrap();
    assert_eq!(words(&world).await.last().unwrap(), &(Who::KeyHolder, "administrator_factor_removed".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_with_an_unknown_outcome_is_not_good_twice() {
    for (fault, used) in [(Fault::NotPersisted, false), (Fault::Persisted, true)] {
        let (mut world, authenticator) = guarded().await;
        let code = authenticator.code(world.now());
        world.fail_next(fault);
        let lost = world.mint().books().prove(Some(code.clone())).await;
        assert_eq!(lost, Err(FactorError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        let again = world.mint().books().prove(Some(code)).await;
        assert_eq!(again.is_err(), used);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_that_changes_something_is_guarded() {
    let (world, authenticator) = guarded().await;
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let socket = world.home.control_socket();
    let bare = UnixClient::new(&socket).unwrap();
    let changing = [
        path::CREDIT,
        path::PAY_OUT,
        path::SETTLE_PAYOUTS,
        path::NEW_KEYSET,
        path::REVOKE,
        path::ADMINISTRATOR_DRAW,
        path::ADMINISTRATOR_CODES,
        path::ADMINISTRATOR_REMOVE,
        path::RESET_FACTOR,
        path::FORGET,
        path::WEBHOOK_SECRET,
    ];
    for path in changing {
        let refused = bare.post_json::<_, Value>(path, &Nothing {}).await.unwrap_err();
        assert_eq!(code(&refused), Some(Code::SecondFactorRequired), "{path}");
    }
    // What changes nothing needs none.
    let report: AdministratorReport = bare.get_json(path::ADMINISTRATOR).await.unwrap();
    assert_eq!(report.factor, FactorState::Active);
    bare.get_json::<Value>(path::AUDIT).await.unwrap();

    let with = |given: &str| UnixClient::with_header(&socket, CODE_HEADER, given).unwrap();
    let credit =
        MoneyRequest { account: Wallet::new(&world.id()).key(), amount: amount(7), reference: "bank".to_owned() };
    for bad in ["", "12345", "nonsense", &authenticator.wrong(world.now()).to_text()] {
        let refused = with(bad).post_json::<_, Value>(path::CREDIT, &credit).await.unwrap_err();
        assert_eq!(code(&refused), Some(Code::SecondFactorWrong), "{bad:?}");
    }
    let right = authenticator.code(world.now()).to_text();
    let answer: MoneyAnswer = with(&right).post_json(path::CREDIT, &credit).await.unwrap();
    assert_eq!(answer, MoneyAnswer { balance: amount(7), known: false });
    let again = with(&right).post_json::<_, Value>(path::CREDIT, &credit).await.unwrap_err();
    assert_eq!(code(&again), Some(Code::SecondFactorWrong));
    world.clock.pass(30);
    let right = authenticator.code(world.now()).to_text();
    let made: NewKeysetAnswer = with(&right).post_json(path::NEW_KEYSET, &NewKeysetRequest {}).await.unwrap();
    world.clock.pass(30);
    assert!(!world.home.webhook_secret_file().exists());
    let right = authenticator.code(world.now()).to_text();
    let _: Nothing = with(&right).post_json(path::WEBHOOK_SECRET, &Nothing {}).await.unwrap();
    assert!(world.home.webhook_secret_file().exists());
    assert_eq!(words(&world).await.last().unwrap(), &(Who::Administrator, "webhook_secret_made".to_owned()));
    let revoke = RevokeRequest { keyset: made.keyset, leaked_since: None, claims_seconds: None };
    let _: RevokeAnswer = with(&authenticator.recovery(0).to_text()).post_json(path::REVOKE, &revoke).await.unwrap();

    // Too many wrong ones, and the answer says how long to wait.
    for _ in 0..4 {
        with(&authenticator.wrong(world.now()).to_text())
            .post_json::<_, Value>(path::CREDIT, &credit)
            .await
            .unwrap_err();
    }
    let locked = with(&authenticator.wrong(world.now()).to_text()).post_json::<_, Value>(path::CREDIT, &credit).await;
    assert_eq!(code(&locked.unwrap_err()), Some(Code::SecondFactorLocked));

    // A new factor by the socket alone.
    let recovered = with(&authenticator.recovery(1).to_text());
    let drawn: Enrolment = recovered.post_json(path::ADMINISTRATOR_DRAW, &Nothing {}).await.unwrap();
    let other = Authenticator::new(drawn);
    let confirm = ConfirmRequest { code: other.first(world.now()) };
    let _: Nothing = bare.post_json(path::ADMINISTRATOR_CONFIRM, &confirm).await.unwrap();
    let journal: JournalReport = bare.get_json(path::JOURNAL).await.unwrap();
    let newest: Vec<&str> = journal.entries.iter().take(4).map(|entry| entry.act.as_str()).collect();
    let expected =
        ["administrator_factor_enrolled", "administrator_factor_drawn", "administrator_locked", "keyset_revoked"];
    assert_eq!(newest, expected);
    let check: JournalCheck = bare.get_json(path::JOURNAL_CHECK).await.unwrap();
    assert_eq!((check.right, check.length), (true, journal.length));
    running.stop().await.unwrap();
    world.audit().await;
}

fn code(error: &CallError) -> Option<Code> {
    error.problem().and_then(|problem| problem.known())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_says_what_was_done_and_pages() {
    let mut world = World::new().await;
    let ann = Wallet::new(&world.id()).key();
    for number in 0..5 {
        world.mint().credit(ann, amount(10), format!("bank {number}")).await.unwrap();
    }
    // A reference that is known changes nothing.
    world.mint().credit(ann, amount(10), "bank 0").await.unwrap();
    world.mint().books().pay_out(ann, amount(1), "out").await.unwrap();
    world.reopen().await;
    let books = world.mint().books();
    let all = books.journal(None, 100).await.unwrap();
    assert_eq!((all.length, all.entries.len(), all.next), (6, 6, None));
    let newest = &all.entries[0];
    assert_eq!((newest.number, newest.at, newest.act.as_str()), (5, world.now(), "paid_out"));
    let details = newest.details.as_ref().unwrap();
    let values: Vec<(&str, &str)> = details.iter().map(|field| (field.name.as_str(), field.value.as_str())).collect();
    assert_eq!(values, [("account", ann.to_text().as_str()), ("unit", "EUR"), ("amount", "1"), ("reference", "out")]);
    let page = books.journal(Some(4), 3).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(books.journal(page.next, 3).await.unwrap().entries.len(), 1);

    let check = books.check_journal(Some(all.entries[2].link.clone())).await.unwrap();
    assert_eq!((check.right, check.length, check.found), (true, 6, Some(3)));
    assert_eq!(check.link, all.entries[0].link);
    assert_eq!(books.check_journal(Some("nonsense".to_owned())).await.unwrap().found, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_the_journal_is_found() {
    let mut world = World::new().await;
    let ann = Wallet::new(&world.id()).key();
    for number in 0..4 {
        world.mint().credit(ann, amount(10), format!("bank {number}")).await.unwrap();
    }
    let key = |table: &str, number: u64| [table.as_bytes(), &number.to_be_bytes()].concat();
    let (row, details) = (key("journal/", 2), key("journal-details/", 2));
    // A byte of any part of a row, or of what belongs to it, is another one.
    for place in [1, 9, 10, 12, 40, 75] {
        let kept = row.clone();
        world.tamper(move |txn| turn(txn, &kept, place)).await;
        assert_eq!(world.differing().await, [Figure::Journal], "byte {place}");
        let kept = row.clone();
        world.tamper(move |txn| turn(txn, &kept, place)).await;
        world.audit().await;
    }
    let kept = details.clone();
    world.tamper(move |txn| turn(txn, &kept, 20)).await;
    assert_eq!(world.differing().await, [Figure::Journal], "an amount, an account, a reference");
    let kept = details.clone();
    world.tamper(move |txn| turn(txn, &kept, 20)).await;
    // The last row is taken away, with its details.
    let last = [key("journal/", 3), key("journal-details/", 3)];
    world.tamper(move |txn| last.iter().for_each(|key| txn.delete(key).unwrap())).await;
    assert_eq!(world.differing().await, [Figure::Journal]);
    assert!(!world.mint().books().check_journal(None).await.unwrap().right);
}

fn turn(txn: &mut farthing_durable::Txn<'_>, key: &[u8], place: usize) {
    let mut value = txn.get(key).unwrap().unwrap();
    value[place] ^= 1;
    txn.put(key, &value).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn details_can_be_erased_and_the_journal_holds() {
    let mut world = World::new().await;
    let ann = Wallet::new(&world.id()).key();
    world.mint().credit(ann, amount(10), "bank").await.unwrap();
    world.tamper(|txn| txn.delete(&[b"journal-details/".as_slice(), &0_u64.to_be_bytes()].concat()).unwrap()).await;
    world.audit().await;
    let report = world.mint().books().journal(None, 10).await.unwrap();
    assert_eq!((report.entries[0].act.as_str(), &report.entries[0].details), ("credited", &None));
}

/// Whoever reaches the control socket gets a copy without a code: what codes are made of is not in it, and the journal says that it was taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_without_a_code_holds_no_secret_and_is_noted() {
    let mut world = World::new().await;
    let owner = Wallet::funded(&world, 100).await;
    let authenticator = guard(&world).await;
    let owned = factors::enrol(&world, &owner.account, 10, None).await;
    let waiting = world.mint().books().prove(Some(authenticator.code(world.now()))).await.unwrap();
    let waiting = Authenticator::new(world.mint().books().draw_administrator(waiting).await.unwrap());
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let client = UnixClient::new(world.home.control_socket()).unwrap();
    let begin = async || client.post_json::<_, BeginCopyAnswer>(path::BEGIN_COPY, &BeginCopyRequest {}).await;
    let copy = begin().await.unwrap().copy;
    // As long as it is being taken nobody ends it.
    let refused = begin().await.unwrap_err();
    assert_eq!(refused.problem().and_then(|problem| problem.known()), Some(Code::Overloaded));
    let mut bytes = Vec::new();
    loop {
        let request = CopyPortionRequest { copy };
        let portion: CopyPortionAnswer = client.post_json(path::COPY_PORTION, &request).await.unwrap();
        bytes.extend(from_base64url(&portion.bytes).unwrap());
        if portion.is_last {
            break;
        }
    }
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(owner.key().as_bytes()));
    for factor in [&authenticator, &owned, &waiting] {
        assert!(!holds(factor.secret()));
        assert!(factor.recovery_codes.iter().all(|code| !holds(code.as_bytes())));
    }
    // The next one begins at once, and is in the same entry.
    assert_ne!(begin().await.unwrap().copy, copy);
    let noted: Vec<_> = words(&world).await.into_iter().filter(|(_, act)| act == "copy_taken").collect();
    assert_eq!(noted, [(Who::Operator, "copy_taken".to_owned())]);
    running.stop().await.unwrap();
    // They are good all the same, and after a start as well.
    world.mint().books().confirm_administrator(waiting.first(world.now())).await.unwrap();
    world.reopen().await;
    world.clock.pass(60);
    world.mint().books().prove(Some(waiting.code(world.now()))).await.unwrap();
    world.audit().await;
}
