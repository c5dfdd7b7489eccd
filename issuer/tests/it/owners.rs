//! What owners ask, sent again by whoever saw it, or sent in masses.

use farthing_issuer::{Authority, FactorError, FinishError, PayoutError, QuoteError, SettingsError};
use farthing_protocol::api::{
    Enrolment, PayoutDraft, PayoutRequest, PayoutState, PermitDraft, PermitPurpose, RecoveryCode, SecondFactor,
    SettingsAnswer, SettingsChange,
};
use farthing_protocol::identity::Keypair;
use farthing_protocol::ids::OperationId;

use crate::authenticator::Authenticator;
use crate::common::{World, amount};
use crate::factors::{change, draft, enrol, eur, owner, permit, show, withdraw};
use crate::payouts::{count, payout, state};
use crate::wallet::{Wallet, operation};

/// Sets a number under `[accounts]` or `[limits]`, for a mint that is opened anew.
async fn set(world: &mut World, from: &str, to: &str) {
    world.close();
    world.configure(|text| {
        assert!(text.contains(from), "{text}");
        text.replace(from, to)
    });
    world.reopen().await;
}

fn transfer(world: &World, key: &Keypair, to: &Wallet, units: u64) -> PayoutRequest {
    let draft = PayoutDraft { to: Some(to.key()), ..payout(world, key, units).draft().clone() };
    draft.sign(key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_that_was_refused_for_a_limit_or_its_time_is_never_taken() {
    let mut world = World::new().await;
    set(&mut world, "most_per_day = 0", "most_per_day = 50").await;
    set(&mut world, "most_balance = 0", "most_balance = 1000").await;
    let (ann, bob) = (Wallet::funded(&world, 1000).await, Wallet::funded(&world, 980).await);
    let key = &ann.account;
    let (day, full) = (payout(&world, key, 60), transfer(&world, key, &bob, 40));
    let early = PayoutDraft { requested_at: world.now().plus(600), ..payout(&world, key, 5).draft().clone() };
    let early = early.sign(key).unwrap();
    assert_eq!(state(&world, &day).await, Err(PayoutError::Limit));
    assert_eq!(state(&world, &full).await, Err(PayoutError::Limit));
    assert_eq!(state(&world, &early).await, Err(PayoutError::NotNow));
    assert_eq!(world.balance(&ann.key()).await, 1000);
    // Nothing of what was refused counts as having left.
    assert_eq!(state(&world, &payout(&world, key, 50)).await, Ok(PayoutState::Pending));

    // Their owner thinks that they are over. Whoever saw the bytes sends them when nothing would be against them.
    world.clock.pass(900);
    set(&mut world, "most_per_day = 50", "most_per_day = 0").await;
    set(&mut world, "most_balance = 1000", "most_balance = 0").await;
    assert_eq!(state(&world, &day).await, Err(PayoutError::Limit));
    assert_eq!(state(&world, &full).await, Err(PayoutError::Limit));
    assert_eq!(state(&world, &early).await, Err(PayoutError::NotNow));
    assert_eq!(state(&world, &transfer(&world, key, &bob, 40)).await, Ok(PayoutState::Paid));
    world.clock.pass(PayoutDraft::MAX_AGE);
    for late in [&day, &full, &early] {
        assert_eq!(state(&world, late).await, Err(PayoutError::NotNow));
    }
    assert_eq!((world.balance(&ann.key()).await, world.balance(&bob.key()).await), (910, 1020));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_write_nothing_and_an_account_has_few_refusals_at_a_time() {
    let mut world = World::new().await;
    let ann = Wallet::funded(&world, 100).await;
    let stranger = Wallet::new(&world.id());
    let refused = state(&world, &payout(&world, &stranger.account, 1)).await;
    assert_eq!(refused, Err(PayoutError::UnknownAccount));
    let code = SecondFactor::parse("123456").unwrap();
    let wanted = (PermitPurpose::Withdrawal, operation());
    let wrong = permit(&world, &stranger.account, wanted, 1, code).await;
    assert_eq!(wrong, Err(SettingsError::Factor(FactorError::Wrong)));
    assert_eq!((count(&mut world, b"refused/").await, count(&mut world, b"judged/").await), (0, 0));

    let first = payout(&world, &ann.account, 101);
    assert_eq!(state(&world, &first).await, Err(PayoutError::InsufficientFunds));
    for _ in 1..64 {
        assert_eq!(state(&world, &payout(&world, &ann.account, 101)).await, Err(PayoutError::InsufficientFunds));
    }
    // Another one is not judged, so nothing has to be remembered; what was judged is answered as before.
    for units in [1, 101] {
        assert_eq!(state(&world, &payout(&world, &ann.account, units)).await, Err(PayoutError::TooManyRefused));
    }
    assert_eq!(state(&world, &first).await, Err(PayoutError::InsufficientFunds));
    assert_eq!((count(&mut world, b"refused/").await, count(&mut world, b"refused-until/").await), (64, 64));
    let bob = Wallet::funded(&world, 100).await;
    assert_eq!(state(&world, &payout(&world, &bob.account, 1)).await, Ok(PayoutState::Pending));

    // A day later they are forgotten, by whom asks or by themselves.
    world.clock.pass(PayoutDraft::MAX_AGE + 1);
    assert_eq!(state(&world, &payout(&world, &ann.account, 1)).await, Ok(PayoutState::Pending));
    world.mint().books().forget_refusals().await.unwrap();
    assert_eq!((count(&mut world, b"refused/").await, count(&mut world, b"refused-until/").await), (0, 0));
    world.audit().await;
}

/// Buys a permission for a withdrawal of 500, and says for which operation.
async fn bought(world: &World, wallet: &Wallet, code: SecondFactor) -> OperationId {
    world.clock.pass(30);
    let op = operation();
    permit(world, &wallet.account, (PermitPurpose::Withdrawal, op), 500, code).await.unwrap();
    op
}

fn told(answer: SettingsAnswer) -> Authenticator {
    Authenticator::new(Enrolment { secret: answer.secret.unwrap(), recovery_codes: answer.recovery_codes })
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_are_void_when_the_factor_or_the_limit_is_another() {
    let (world, mut wallet, first) = owner(10_000, 0).await;
    let mut void = Vec::new();

    void.push(bought(&world, &wallet, first.recovery(0)).await);
    let limit = SettingsChange::Limit { unit: eur(), limit: Some(amount(1)), code: first.recovery(1) };
    change(&world, &wallet.account, limit).await.unwrap();
    void.push(bought(&world, &wallet, first.recovery(2)).await);
    let renew = SettingsChange::RecoveryCodes { code: first.recovery(3) };
    let codes = change(&world, &wallet.account, renew).await.unwrap().recovery_codes;
    void.push(bought(&world, &wallet, SecondFactor::Recovery(codes[0].clone())).await);
    let code = SecondFactor::Recovery(codes[1].clone());
    let another = SettingsChange::Enrol { unit: eur(), limit: amount(1), code: Some(code) };
    let second = told(change(&world, &wallet.account, another).await.unwrap());
    let confirm = SettingsChange::Confirm { code: second.first(world.now()) };
    change(&world, &wallet.account, confirm).await.unwrap();
    for op in void.drain(..) {
        assert_eq!(withdraw(&world, &mut wallet, 500, op).await, Err(FinishError::SecondFactor));
    }

    // Taken away by its owner, and by the operator: what comes later has a factor of its own.
    void.push(bought(&world, &wallet, second.recovery(0)).await);
    change(&world, &wallet.account, SettingsChange::Remove { code: second.recovery(1) }).await.unwrap();
    let third = enrol(&world, &wallet.account, 0, None).await;
    void.push(bought(&world, &wallet, third.recovery(0)).await);
    assert_eq!(world.mint().books().reset_account(Authority::local(), wallet.key()).await, Ok(true));
    let fourth = enrol(&world, &wallet.account, 0, None).await;
    for op in void {
        assert_eq!(withdraw(&world, &mut wallet, 500, op).await, Err(FinishError::SecondFactor));
    }
    // One that was bought since is good.
    let op = bought(&world, &wallet, fourth.recovery(0)).await;
    withdraw(&world, &mut wallet, 500, op).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_signed_bytes_are_judged_once() {
    let (mut world, mut wallet, authenticator) = owner(1000, 0).await;
    let op = operation();
    let good = PermitDraft {
        account: wallet.key(),
        mint: world.id(),
        purpose: PermitPurpose::Withdrawal,
        operation: op,
        unit: eur(),
        amount: amount(100),
        requested_at: world.now(),
        code: authenticator.code(world.now()),
    };
    let mistyped = PermitDraft { operation: operation(), code: authenticator.wrong(world.now()), ..good.clone() };
    let (good, mistyped) = (good.sign(&wallet.account).unwrap(), mistyped.sign(&wallet.account).unwrap());
    let version = show(&world, &wallet.account).await.unwrap().version;
    let limit = SettingsChange::Limit { unit: eur(), limit: None, code: authenticator.wrong(world.now()) };
    let limit = draft(&world, &wallet.account, version, limit).sign(&wallet.account).unwrap();

    let given = world.mint().books().permit(&good).await.unwrap();
    withdraw(&world, &mut wallet, 100, op).await.unwrap();
    let wrong = SettingsError::Factor(FactorError::Wrong);
    for _ in 0..6 {
        // Whoever saw them sends them again, until shortly before they are too old.
        assert_eq!(world.mint().books().permit(&good).await, Ok(given));
        assert_eq!(world.mint().books().permit(&mistyped).await, Err(wrong));
        assert_eq!(world.mint().books().settings(&limit).await, Err(wrong));
        world.reopen().await;
        world.clock.pass(50);
    }
    assert_eq!(show(&world, &wallet.account).await.unwrap().locked_until, None);
    // The permission was used up, and is not given anew.
    assert_eq!(withdraw(&world, &mut wallet, 100, operation()).await, Err(FinishError::SecondFactor));
    let last = bought(&world, &wallet, authenticator.code(world.now().plus(30))).await;
    withdraw(&world, &mut wallet, 500, last).await.unwrap();
    assert_eq!(world.mint().books().permit(&good).await, Err(SettingsError::NotNow));

    // That of a factor which waits for its first code, too.
    let again = SettingsChange::Enrol { unit: eur(), limit: amount(1), code: Some(authenticator.recovery(0)) };
    let drawn = change(&world, &wallet.account, again).await.unwrap();
    let (version, second) = (drawn.version, told(drawn));
    let SecondFactor::Time(code) = second.wrong(world.now()) else { panic!("a code of the authenticator") };
    let confirm = SettingsChange::Confirm { code };
    let confirm = draft(&world, &wallet.account, version, confirm).sign(&wallet.account).unwrap();
    for _ in 0..6 {
        assert_eq!(world.mint().books().settings(&confirm).await, Err(wrong));
    }
    let confirm = SettingsChange::Confirm { code: second.first(world.now()) };
    change(&world, &wallet.account, confirm).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_fills_nobody_s_journal() {
    let (world, wallet, authenticator) = owner(1000, 0).await;
    let mut codes = authenticator.recovery_codes.clone();
    let before = world.mint().books().journal(None, 1).await.unwrap().entries[0].number;
    let mut last = None;
    for round in 0..40 {
        let code = SecondFactor::Recovery(codes[0].clone());
        match change(&world, &wallet.account, SettingsChange::RecoveryCodes { code }).await {
            Ok(answer) => codes = answer.recovery_codes,
            Err(error) => last = Some((round, error)),
        }
        if last.is_some() {
            break;
        }
    }
    // One was that of the enrolment.
    let Some((15, SettingsError::TooOften(often))) = last else { panic!("{last:?}") };
    assert!(often.wait.as_secs() <= 86_400 && often.wait.as_secs() > 86_000, "{often:?}");
    // The code was not judged: it is as good as before, for a permission, and a day later.
    assert_eq!(show(&world, &wallet.account).await.unwrap().recovery_codes_left, 10);
    for _ in 0..60 {
        let wanted = (PermitPurpose::Withdrawal, operation());
        let wrong = RecoveryCode::generate(&mut rand::rng());
        permit(&world, &wallet.account, wanted, 1, SecondFactor::Recovery(wrong)).await.unwrap_err();
    }
    let newest = &world.mint().books().journal(None, 1).await.unwrap().entries[0];
    assert_eq!((newest.number - before, newest.act.as_str()), (16, "account_locked"), "one entry of the lock");
    world.clock.pass(86_400);
    let code = SecondFactor::Recovery(codes[0].clone());
    change(&world, &wallet.account, SettingsChange::RecoveryCodes { code }).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_owner_asks_is_counted_by_his_account() {
    let mut world = crate::funding::world().await;
    set(&mut world, "account_requests_per_minute = 600", "account_requests_per_minute = 4").await;
    let (ann, bob) = (Wallet::funded(&world, 100).await, Wallet::funded(&world, 100).await);
    let shown = async |wallet: &Wallet| {
        let request = draft(&world, &wallet.account, 0, SettingsChange::Show).sign(&wallet.account).unwrap();
        world.mint().settings(&request).await.map(drop)
    };
    for _ in 0..4 {
        shown(&ann).await.unwrap();
    }
    assert!(matches!(shown(&ann).await, Err(SettingsError::TooOften(_))));
    let quote = crate::funding::request(&world, &ann.account, 10);
    assert!(matches!(world.mint().request_quote(&quote).await, Err(QuoteError::TooOften(_))));
    let wanted = PermitDraft {
        account: ann.key(),
        mint: world.id(),
        purpose: PermitPurpose::Withdrawal,
        operation: operation(),
        unit: eur(),
        amount: amount(1),
        requested_at: world.now(),
        code: SecondFactor::parse("123456").unwrap(),
    };
    let wanted = wanted.sign(&ann.account).unwrap();
    assert!(matches!(world.mint().give_permission(&wanted).await, Err(SettingsError::TooOften(_))));
    shown(&bob).await.unwrap();
}
