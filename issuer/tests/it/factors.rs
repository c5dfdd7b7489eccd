//! The second factor of accounts: what leaves beyond the owner's limit needs a code, by whatever way it leaves.

use farthing_issuer::{Authority, FactorError, FinishError, LedgerError, PayoutError, SettingsError};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::{
    Enrolment, FactorState, PayoutDraft, PayoutRequest, PayoutState, PermitAnswer, PermitDraft, PermitPurpose,
    SecondFactor, SettingsAnswer, SettingsChange, SettingsDraft,
};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{AccountKey, Keypair};
use farthing_protocol::ids::{OperationId, PayoutDigest};
use farthing_protocol::issuance::IssuanceRecord;
use farthing_protocol::shape::Shape;

use crate::authenticator::Authenticator;
use crate::common::{Fault, World, amount};
use crate::payouts::payout;
use crate::wallet::{Wallet, operation};

pub(crate) fn eur() -> Unit {
    Unit::new("EUR", 2).unwrap()
}

pub(crate) fn draft(world: &World, key: &Keypair, version: u64, change: SettingsChange) -> SettingsDraft {
    SettingsDraft { account: key.into(), mint: world.id(), version, requested_at: world.now(), change }
}

pub(crate) async fn change(
    world: &World,
    key: &Keypair,
    change: SettingsChange,
) -> Result<SettingsAnswer, SettingsError> {
    let version = show(world, key).await?.version;
    let request = draft(world, key, version, change).sign(key).unwrap();
    world.mint().books().settings(&request).await
}

pub(crate) async fn show(world: &World, key: &Keypair) -> Result<SettingsAnswer, SettingsError> {
    let request = draft(world, key, 0, SettingsChange::Show).sign(key).unwrap();
    world.mint().books().settings(&request).await
}

fn told(answer: SettingsAnswer) -> Authenticator {
    Authenticator::new(Enrolment { secret: answer.secret.unwrap(), recovery_codes: answer.recovery_codes })
}

pub(crate) async fn enrol(world: &World, key: &Keypair, limit: u64, code: Option<SecondFactor>) -> Authenticator {
    let drawn = change(world, key, SettingsChange::Enrol { unit: eur(), limit: amount(limit), code }).await;
    let authenticator = told(drawn.unwrap());
    let confirm = SettingsChange::Confirm { code: authenticator.first(world.now()) };
    assert_eq!(change(world, key, confirm).await.unwrap().factor, FactorState::Active);
    world.clock.pass(60);
    authenticator
}

/// An owner with so much, of which so much may leave within a day without a code.
pub(crate) async fn owner(units: u64, limit: u64) -> (World, Wallet, Authenticator) {
    let world = World::new().await;
    let wallet = Wallet::funded(&world, units).await;
    let authenticator = enrol(&world, &wallet.account, limit, None).await;
    (world, wallet, authenticator)
}

pub(crate) async fn permit(
    world: &World,
    key: &Keypair,
    (purpose, operation): (PermitPurpose, OperationId),
    units: u64,
    code: SecondFactor,
) -> Result<PermitAnswer, SettingsError> {
    let draft = PermitDraft {
        account: key.into(),
        mint: world.id(),
        purpose,
        operation,
        unit: eur(),
        amount: amount(units),
        requested_at: world.now(),
        code,
    };
    world.mint().books().permit(&draft.sign(key).unwrap()).await
}

pub(crate) async fn withdraw(
    world: &World,
    wallet: &mut Wallet,
    units: u64,
    operation: OperationId,
) -> Result<IssuanceRecord, FinishError> {
    let keyset = world.keyset().await;
    let draft = wallet.draft(world, &keyset, Shape::Withdrawal(amount(units))).await;
    world.mint().finish(draft.by_account(&wallet.account, operation)).await
}

async fn ask(world: &World, request: &PayoutRequest) -> Result<PayoutState, PayoutError> {
    world.mint().books().request_payout(request).await.map(|answer| answer.state)
}

async fn free(world: &World, key: &AccountKey) -> Option<Amount> {
    world.mint().account(key).await.unwrap().balances[0].free
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_above_the_limit_needs_a_permission_for_this_operation_and_amount() {
    let (mut world, mut wallet, authenticator) = owner(1000, 50).await;
    assert_eq!(free(&world, &wallet.key()).await, Some(amount(50)));
    withdraw(&world, &mut wallet, 50, operation()).await.unwrap();
    assert_eq!(free(&world, &wallet.key()).await, Some(Amount::ZERO));
    let op = operation();
    assert_eq!(withdraw(&world, &mut wallet, 1, op).await, Err(FinishError::SecondFactor));
    let wanted = (PermitPurpose::Withdrawal, op);
    let wrong = permit(&world, &wallet.account, wanted, 100, authenticator.wrong(world.now())).await;
    assert_eq!(wrong, Err(SettingsError::Factor(FactorError::Wrong)));
    let code = authenticator.code(world.now());
    let given = permit(&world, &wallet.account, wanted, 100, code.clone()).await.unwrap();
    assert_eq!(given.until, world.now().plus(PermitDraft::LASTS));
    // The same again needs no other code, and nothing else is permitted by it.
    assert_eq!(permit(&world, &wallet.account, wanted, 100, code.clone()).await, Ok(given));
    let other = permit(&world, &wallet.account, (PermitPurpose::Withdrawal, operation()), 100, code.clone()).await;
    assert_eq!(other, Err(SettingsError::Factor(FactorError::Wrong)));
    world.reopen().await;
    assert_eq!(withdraw(&world, &mut wallet, 101, op).await, Err(FinishError::SecondFactor), "more");
    assert_eq!(withdraw(&world, &mut wallet, 99, op).await, Err(FinishError::SecondFactor), "less");
    assert_eq!(withdraw(&world, &mut wallet, 99, operation()).await, Err(FinishError::SecondFactor), "another");
    let same = payout_of(&world, &wallet.account, op, 50);
    assert_eq!(ask(&world, &same).await, Err(PayoutError::SecondFactor), "a payout");
    let record = withdraw(&world, &mut wallet, 100, op).await.unwrap();
    assert_eq!(record.debit, amount(100));
    // It is used up, and the operation is done.
    assert!(matches!(withdraw(&world, &mut wallet, 100, op).await, Err(FinishError::FundingUsed(_))));
    assert_eq!(withdraw(&world, &mut wallet, 1, operation()).await, Err(FinishError::SecondFactor));
    assert_eq!(world.balance(&wallet.key()).await, 850);
    world.audit().await;
}

fn payout_of(world: &World, key: &Keypair, operation: OperationId, units: u64) -> PayoutRequest {
    let draft = PayoutDraft { operation, ..payout(world, key, units).draft().clone() };
    draft.sign(key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_a_days_by_whatever_way_it_leaves() {
    let (world, mut wallet, authenticator) = owner(1000, 100).await;
    let bob = Wallet::new(&world.id());
    withdraw(&world, &mut wallet, 40, operation()).await.unwrap();
    assert_eq!(ask(&world, &payout(&world, &wallet.account, 40)).await, Ok(PayoutState::Pending));
    let moved = PayoutDraft { to: Some(bob.key()), ..payout(&world, &wallet.account, 21).draft().clone() };
    let moved = moved.sign(&wallet.account).unwrap();
    assert_eq!(ask(&world, &moved).await, Err(PayoutError::SecondFactor));
    assert_eq!(withdraw(&world, &mut wallet, 21, operation()).await, Err(FinishError::SecondFactor));
    withdraw(&world, &mut wallet, 20, operation()).await.unwrap();
    // What leaves with a code leaves the rest of the limit as it is.
    world.clock.pass(3600);
    let op = operation();
    let wanted = (PermitPurpose::Withdrawal, op);
    permit(&world, &wallet.account, wanted, 500, authenticator.code(world.now())).await.unwrap();
    withdraw(&world, &mut wallet, 500, op).await.unwrap();
    world.clock.pass(22 * 3600);
    assert_eq!(withdraw(&world, &mut wallet, 1, operation()).await, Err(FinishError::SecondFactor));
    world.clock.pass(2 * 3600);
    assert_eq!(free(&world, &wallet.key()).await, Some(amount(100)));
    withdraw(&world, &mut wallet, 100, operation()).await.unwrap();
    // Money that comes back from a rejected payout makes no room.
    let books = world.mint().books();
    let reject = farthing_issuer::control::PayoutWord::Reject { reason: "no".to_owned() };
    books.settle_payouts(Authority::local(), &[0], reject).await.unwrap();
    assert_eq!(free(&world, &wallet.key()).await, Some(Amount::ZERO));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_above_the_limit_is_taken_with_its_permission_alone() {
    let (world, wallet, authenticator) = owner(1000, 50).await;
    let request = payout(&world, &wallet.account, 60);
    assert_eq!(ask(&world, &request).await, Err(PayoutError::SecondFactor));
    // Whoever has seen the bytes cannot have it taken when the limit would let it.
    let raised = SettingsChange::Limit { unit: eur(), limit: Some(amount(100)), code: authenticator.code(world.now()) };
    change(&world, &wallet.account, raised).await.unwrap();
    assert_eq!(ask(&world, &request).await, Err(PayoutError::SecondFactor));
    world.clock.pass(30);
    let wanted = (PermitPurpose::Payout(request.draft().digest()), request.draft().operation);
    permit(&world, &wallet.account, wanted, 60, authenticator.code(world.now())).await.unwrap();
    for _ in 0..2 {
        assert_eq!(ask(&world, &request).await, Ok(PayoutState::Pending));
    }
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_permission_of_a_payout_is_for_its_amount_reference_and_account_alone() {
    let (world, wallet, authenticator) = owner(1000, 0).await;
    let (thief, request) = (Wallet::new(&world.id()), payout(&world, &wallet.account, 60));
    let shown = request.draft();
    let wanted = (PermitPurpose::Payout(shown.digest()), shown.operation);
    permit(&world, &wallet.account, wanted, 60, authenticator.code(world.now())).await.unwrap();
    // Whoever has the key signs another payout of the same operation.
    for altered in [
        PayoutDraft { reference: "DE02 elsewhere".to_owned(), ..shown.clone() },
        PayoutDraft { to: Some(thief.key()), ..shown.clone() },
        PayoutDraft { amount: amount(61), ..shown.clone() },
        PayoutDraft { amount: amount(59), ..shown.clone() },
        PayoutDraft { operation: operation(), ..shown.clone() },
    ] {
        let altered = altered.sign(&wallet.account).unwrap();
        assert_eq!(ask(&world, &altered).await, Err(PayoutError::SecondFactor));
    }
    // A permission that says another amount than its payout is for nothing.
    world.clock.pass(30);
    let other = payout(&world, &wallet.account, 70);
    let wanted = (PermitPurpose::Payout(other.draft().digest()), other.draft().operation);
    permit(&world, &wallet.account, wanted, 60, authenticator.code(world.now())).await.unwrap();
    assert_eq!(ask(&world, &other).await, Err(PayoutError::SecondFactor));
    assert_eq!(ask(&world, &request).await, Ok(PayoutState::Pending));
    assert_eq!(world.balance(&wallet.key()).await, 940);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_ends_after_a_day_and_few_are_kept() {
    let (world, mut wallet, authenticator) = owner(1000, 0).await;
    let op = operation();
    let wanted = (PermitPurpose::Withdrawal, op);
    permit(&world, &wallet.account, wanted, 10, authenticator.code(world.now())).await.unwrap();
    world.clock.pass(PermitDraft::LASTS);
    assert_eq!(withdraw(&world, &mut wallet, 10, op).await, Err(FinishError::SecondFactor));
    let mut given = Vec::new();
    for _ in 0..17 {
        world.clock.pass(30);
        let op = operation();
        let wanted = (PermitPurpose::Withdrawal, op);
        permit(&world, &wallet.account, wanted, 10, authenticator.code(world.now())).await.unwrap();
        given.push(op);
    }
    assert_eq!(withdraw(&world, &mut wallet, 10, given[0]).await, Err(FinishError::SecondFactor));
    for op in &given[1..] {
        withdraw(&world, &mut wallet, 10, *op).await.unwrap();
    }
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_changed_by_their_owner_with_a_code_and_one_version_after_another() {
    let (mut world, wallet, authenticator) = owner(1000, 50).await;
    let key = &wallet.account;
    let answer = show(&world, key).await.unwrap();
    assert_eq!((answer.factor, answer.waiting, answer.recovery_codes_left), (FactorState::Active, false, 10));
    assert_eq!((answer.secret, answer.recovery_codes), (None, Vec::new()), "it is told once");
    let limit = |units: u64, code| SettingsChange::Limit { unit: eur(), limit: Some(amount(units)), code };
    let wrong = change(&world, key, limit(70, authenticator.wrong(world.now()))).await;
    assert_eq!(wrong, Err(SettingsError::Factor(FactorError::Wrong)));
    let without = SettingsChange::Enrol { unit: eur(), limit: amount(1), code: None };
    assert_eq!(change(&world, key, without).await, Err(SettingsError::Factor(FactorError::Required)));

    // A change that was made is not made again, nor one for settings that are over.
    let code = authenticator.code(world.now());
    let request = draft(&world, key, answer.version, limit(70, code)).sign(key).unwrap();
    let made = world.mint().books().settings(&request).await.unwrap();
    assert_eq!((made.version, made.limits[0].limit), (answer.version + 1, amount(70)));
    assert_eq!(world.mint().books().settings(&request).await, Err(SettingsError::Changed));
    world.reopen().await;
    assert_eq!(show(&world, key).await.unwrap(), made);

    world.clock.pass(30);
    let dollars = Unit::new("USD", 2).unwrap();
    let foreign = SettingsChange::Limit { unit: dollars, limit: None, code: authenticator.code(world.now()) };
    assert_eq!(change(&world, key, foreign).await, Err(SettingsError::UnknownUnit));
    let renewed = change(&world, key, SettingsChange::RecoveryCodes { code: authenticator.code(world.now()) }).await;
    let renewed = renewed.unwrap();
    assert_eq!((renewed.recovery_codes.len(), &renewed.secret), (10, &None));
    let old = change(&world, key, limit(80, authenticator.recovery(0))).await;
    assert_eq!(old, Err(SettingsError::Factor(FactorError::Wrong)));
    let new = SecondFactor::Recovery(renewed.recovery_codes[0].clone());
    let none = SettingsChange::Limit { unit: eur(), limit: None, code: new.clone() };
    assert!(change(&world, key, none).await.unwrap().limits.is_empty());
    assert_eq!(free(&world, &wallet.key()).await, None);
    let again = change(&world, key, limit(80, new)).await;
    assert_eq!(again, Err(SettingsError::Factor(FactorError::Wrong)), "a recovery code is good once");

    world.clock.pass(30);
    let removed = change(&world, key, SettingsChange::Remove { code: authenticator.code(world.now()) }).await.unwrap();
    assert_eq!((removed.factor, removed.limits.len()), (FactorState::None, 0));
    let acts: Vec<String> =
        world.mint().books().journal(None, 5).await.unwrap().entries.into_iter().map(|entry| entry.act).collect();
    let expected = ["account_factor_removed", "account_limit", "account_recovery_codes", "account_limit"];
    assert_eq!(acts[..4], expected);
    assert_eq!(acts[4], "account_factor_enrolled");
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_alone_changes_settings_and_only_now() {
    let world = World::new().await;
    let (ann, bob) = (Wallet::funded(&world, 100).await, Wallet::funded(&world, 100).await);
    let settings = async |request| world.mint().books().settings(&request).await;
    let honest = draft(&world, &ann.account, 0, SettingsChange::Show).sign(&ann.account).unwrap();
    let mut bytes = honest.to_bytes();
    bytes[1..33].copy_from_slice(bob.key().as_bytes());
    let forged = Wire::from_bytes(&bytes).unwrap();
    assert_eq!(settings(forged).await, Err(SettingsError::InvalidSignature));
    let mut elsewhere = draft(&world, &ann.account, 0, SettingsChange::Show);
    elsewhere.mint = (&Keypair::generate(&mut rand::rng())).into();
    assert_eq!(settings(elsewhere.sign(&ann.account).unwrap()).await, Err(SettingsError::InvalidSignature));
    for at in [world.now().plus(301), world.now().minus(301)] {
        let mut late = draft(&world, &ann.account, 0, SettingsChange::Show);
        late.requested_at = at;
        assert_eq!(settings(late.sign(&ann.account).unwrap()).await, Err(SettingsError::NotNow));
    }
    let nobody = Wallet::new(&world.id());
    assert_eq!(show(&world, &nobody.account).await, Err(SettingsError::UnknownAccount));
    // No permission without a factor, and none of somebody else's.
    let code = SecondFactor::parse("123456").unwrap();
    let wanted = (PermitPurpose::Withdrawal, operation());
    let refused = permit(&world, &ann.account, wanted, 1, code).await;
    assert_eq!(refused, Err(SettingsError::Factor(FactorError::Wrong)));
    let enrolled = enrol(&world, &ann.account, 0, None).await;
    let refused = permit(&world, &bob.account, wanted, 1, enrolled.code(world.now())).await;
    assert_eq!(refused, Err(SettingsError::Factor(FactorError::Wrong)));
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_lock_an_account_and_the_operator_can_take_a_lost_factor_away() {
    let (mut world, mut wallet, authenticator) = owner(1000, 50).await;
    for _ in 0..4 {
        let wanted = (PermitPurpose::Withdrawal, operation());
        let wrong = permit(&world, &wallet.account, wanted, 100, authenticator.wrong(world.now())).await;
        assert_eq!(wrong, Err(SettingsError::Factor(FactorError::Wrong)));
        world.reopen().await;
    }
    let op = operation();
    let wanted = (PermitPurpose::Withdrawal, op);
    let locked = Err(SettingsError::Factor(FactorError::Locked { seconds: 900 }));
    let wrong = permit(&world, &wallet.account, wanted, 100, authenticator.wrong(world.now())).await;
    assert_eq!(wrong, locked);
    let right = permit(&world, &wallet.account, wanted, 100, authenticator.code(world.now())).await;
    assert_eq!(right, locked);
    assert_eq!(show(&world, &wallet.account).await.unwrap().locked_until, Some(world.now().plus(900)));
    // Within the limit nothing needs a code.
    withdraw(&world, &mut wallet, 10, operation()).await.unwrap();
    permit(&world, &wallet.account, wanted, 100, authenticator.recovery(0)).await.unwrap();
    withdraw(&world, &mut wallet, 100, op).await.unwrap();

    let books = world.mint().books();
    assert_eq!(books.reset_account(Authority::local(), wallet.key()).await, Ok(true));
    assert_eq!(books.reset_account(Authority::local(), wallet.key()).await, Ok(false));
    assert_eq!(show(&world, &wallet.account).await.unwrap().factor, FactorState::None);
    withdraw(&world, &mut wallet, 500, operation()).await.unwrap();
    let newest = books.journal(None, 2).await.unwrap().entries;
    let acts: Vec<&str> = newest.iter().map(|entry| entry.act.as_str()).collect();
    assert_eq!(acts, ["account_factor_reset", "account_locked"]);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_with_an_unknown_outcome_is_asked_for_again_with_the_same_code() {
    for (fault, persisted) in [(Fault::NotPersisted, false), (Fault::Persisted, true)] {
        let (mut world, mut wallet, authenticator) = owner(1000, 50).await;
        let op = operation();
        let wanted = (PermitPurpose::Withdrawal, op);
        let code = authenticator.code(world.now());
        world.fail_next(fault);
        let lost = permit(&world, &wallet.account, wanted, 100, code.clone()).await;
        assert_eq!(lost, Err(SettingsError::Factor(FactorError::Ledger(LedgerError::Unavailable))));
        world.reopen().await;
        permit(&world, &wallet.account, wanted, 100, code.clone()).await.unwrap();
        // Either the code was used then, or now: it is used.
        let other =
            permit(&world, &wallet.account, (PermitPurpose::Payout(PayoutDigest::from_bytes([7; 32])), op), 100, code)
                .await;
        assert_eq!(other, Err(SettingsError::Factor(FactorError::Wrong)), "persisted: {persisted}");
        let keyset = world.keyset().await;
        let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(100))).await;
        let request = draft.by_account(&wallet.account, op);
        world.fail_next(fault);
        let lost = world.mint().finish(request.clone()).await;
        assert_eq!(lost, Err(FinishError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        if persisted {
            world.mint().finish(request).await.unwrap();
        } else {
            withdraw(&world, &mut wallet, 100, op).await.unwrap();
        }
        assert_eq!(world.balance(&wallet.key()).await, 900);
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_factor_takes_the_place_of_the_first_with_its_first_code() {
    let (world, mut wallet, first) = owner(1000, 50).await;
    let second = enrol(&world, &wallet.account, 20, Some(first.code(world.now()))).await;
    assert_eq!(show(&world, &wallet.account).await.unwrap().limits[0].limit, amount(20));
    assert_eq!(withdraw(&world, &mut wallet, 21, operation()).await, Err(FinishError::SecondFactor));
    let op = operation();
    let wanted = (PermitPurpose::Withdrawal, op);
    let old = permit(&world, &wallet.account, wanted, 100, first.code(world.now())).await;
    assert_eq!(old, Err(SettingsError::Factor(FactorError::Wrong)));
    permit(&world, &wallet.account, wanted, 100, second.code(world.now())).await.unwrap();
    withdraw(&world, &mut wallet, 100, op).await.unwrap();
}
