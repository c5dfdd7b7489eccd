//! Copies of a mint that goes on, mints of copies, and what an old copy can do: nothing that was done already.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farthing_issuer::{
    Authority, BackupError, BackupPlan, BackupSummary, Books, BooksError, Clock, Decided, Decision, FactorError,
    FinishError, KeyHome, KeysetState, LedgerOpenError, Mint, MintError, MintHome, OpenError, OriginalFence, Proof,
    Restored, Surroundings, Who, check_backup, decide, last_backup, restore_backup, write_backup,
};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{DepositOutcome, KeysetsAnswer, OpenRequest, SecondFactor};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;

use crate::authenticator::Authenticator;
use crate::common::{TestClock, World, amount, protection, unlock};
use crate::factors;
use crate::wallet::{Coin, Wallet, deposit, operation, pay};

/// A mint with a copy and a place for others.
pub(crate) struct Scene {
    pub(crate) world: World,
    wallet: Wallet,
    folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let world = World::with_fees(0, 0).await;
        let wallet = Wallet::funded(&world, 10_000).await;
        Self { world, wallet, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn plan(&self, name: &str) -> BackupPlan {
        BackupPlan { to: self.path(name), with_keys: true, now: self.world.now() }
    }

    /// A copy of the running mint.
    pub(crate) async fn backup(&self, name: &str) -> BackupSummary {
        let mut copy = self.world.mint().books().copy_ledger();
        write_backup(&self.world.home, self.plan(name), async || copy.portion().await).await.unwrap()
    }

    pub(crate) fn restore(&self, from: &str, to: &str) -> (Restored, MintHome) {
        let restored = restore_backup(&self.path(from), &self.path(to), None, &OriginalFence::Gone).unwrap();
        (restored, MintHome::open(self.path(to)).unwrap())
    }

    pub(crate) async fn open(&self, home: &MintHome) -> Result<Mint, MintError> {
        let clock: Arc<TestClock> = Arc::clone(&self.world.clock);
        Mint::open_in(home, unlock(), Surroundings { clock, patient: false, ..Surroundings::default() }).await
    }

    async fn pay(&self, mint: &Mint, keyset: &Keyset, coins: &[Coin]) -> DepositOutcome {
        let payment = pay(keyset, coins, self.wallet.payee(), self.world.now());
        mint.deposit(vec![deposit(payment)]).await.unwrap().remove(0)
    }
}

/// Where no second factor is enrolled.
fn decided(
    home: &MintHome,
    decision: Decision,
    newest: Option<KeysetsAnswer>,
    now: UnixTime,
) -> Result<Decided, BackupError> {
    decide(home, decision, newest, Proof::Code(None), now)
}

async fn given(home: &MintHome, plan: BackupPlan) -> Result<BackupSummary, BackupError> {
    last_backup(home, plan, Proof::Code(None)).await
}

async fn answer(mint: &Mint) -> KeysetsAnswer {
    serde_json::from_slice(&mint.keysets_answer().await.unwrap()).unwrap()
}

fn accepted(outcome: &DepositOutcome) -> bool {
    matches!(outcome, DepositOutcome::Accepted { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_mint_that_goes_on_is_whole_and_goes_on_itself_when_nothing_was_lost() {
    let mut scene = Scene::new().await;
    let keyset = scene.world.keyset().await;
    let (spent, kept) = (scene.wallet.coins(&scene.world, 37).await, scene.wallet.coins(&scene.world, 5).await);
    assert!(accepted(&scene.pay(scene.world.mint(), &keyset, &spent).await));
    let summary = scene.backup("copy").await;
    let truth = scene.world.audit().await;
    let checked = check_backup(&scene.path("copy"), scene.folder.path(), Some(&summary.fingerprint)).unwrap();
    assert_eq!((&checked.summary, &checked.report.units), (&summary, &truth.units));
    scene.world.close();

    let (restored, home) = scene.restore("copy", "mint");
    assert!(!restored.went_on);
    for _ in 0..2 {
        let refused = scene.open(&home).await;
        let is_undecided =
            |error: &LedgerOpenError| matches!(error, LedgerOpenError::Undecided(at) if *at == summary.taken_at);
        assert!(matches!(&refused, Err(MintError::Ledger(error)) if is_undecided(error)), "{refused:?}");
        let refused = Books::open(&home).await;
        assert!(matches!(&refused, Err(BooksError::Ledger(error)) if is_undecided(error)), "{refused:?}");
    }
    let said = decided(&home, Decision::NothingLost, None, scene.world.now()).unwrap();
    assert!(said.revoked.is_empty());
    assert!(matches!(decided(&home, Decision::AcceptLoss, None, scene.world.now()), Err(BackupError::NothingToDecide)));
    let mint = scene.open(&home).await.unwrap();
    assert_eq!(mint.audit().await.unwrap().units, truth.units);
    assert!(matches!(scene.pay(&mint, &keyset, &spent).await, DepositOutcome::DoubleSpend { .. }));
    assert!(accepted(&scene.pay(&mint, &keyset, &kept).await));
    assert!(mint.audit().await.unwrap().is_right());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spent_after_the_copy_is_never_redeemed_again() {
    let mut scene = Scene::new().await;
    let keyset = scene.world.keyset().await;
    let (paid, swapped) = (scene.wallet.coins(&scene.world, 37).await, scene.wallet.coins(&scene.world, 8).await);
    let unspent = scene.wallet.coins(&scene.world, 4).await;
    let seen = answer(scene.world.mint()).await;
    scene.backup("copy").await;
    // All of this is not in the copy.
    assert!(accepted(&scene.pay(scene.world.mint(), &keyset, &paid).await));
    scene.wallet.swap(&scene.world, &keyset, Shape::Renew(amount(8)), &swapped).await.unwrap();
    let late = scene.wallet.coins(&scene.world, 64).await;
    scene.world.close();

    let (_, home) = scene.restore("copy", "mint");
    let said = decided(&home, Decision::AcceptLoss, None, scene.world.now()).unwrap();
    assert_eq!(said.revoked, [*keyset.id()]);
    let mint = scene.open(&home).await.unwrap();
    assert!(mint.audit().await.unwrap().is_right());
    for coins in [&paid, &swapped, &late, &unspent] {
        let outcome = scene.pay(&mint, &keyset, coins).await;
        assert!(!accepted(&outcome) && !matches!(outcome, DepositOutcome::AlreadyAccepted { .. }), "{outcome:?}");
    }
    let opened = mint.open_issuance(&OpenRequest { keyset: *keyset.id(), shape: Shape::Renew(amount(8)) }).await;
    assert!(matches!(opened, Err(OpenError::KeysetNotIssuing)), "{opened:?}");
    // Whoever had seen the original sees a list that follows, and that says what was revoked.
    scene.world.clock.pass(1);
    let now = answer(&mint).await;
    now.list.accept(mint.id(), Some(&seen.list), scene.world.now()).unwrap();
    assert_eq!(now.list.revocations().iter().map(|r| r.keyset).collect::<Vec<_>>(), [*keyset.id()]);
    assert!(seen.list.accept(mint.id(), Some(&now.list), scene.world.now()).is_err());
    // The mint goes on with another keyset, and tokens of the old ones cannot be swapped into it.
    let next = mint.new_keyset().await.unwrap();
    let states: Vec<_> = mint.keysets().iter().map(|keyset| (keyset.keyset, keyset.state)).collect();
    assert_eq!(states, [(*keyset.id(), KeysetState::Revoked), (next, KeysetState::Issuing)]);
    let next = answer(&mint).await.keysets.pop().unwrap().verify().unwrap();
    for coins in [&paid[..1], &swapped, &late, &unspent] {
        let worth = coins[0].0.value();
        let opened = mint.open_issuance(&OpenRequest { keyset: *next.id(), shape: Shape::Renew(worth) }).await.unwrap();
        let number = farthing_protocol::derive::IssuanceNumber::FIRST;
        let draft = scene.wallet.draft_as(&next, Shape::Renew(worth), &opened.opened, number);
        let refused = mint.finish(draft.by_tokens(&keyset, &coins[..1], scene.world.now())).await;
        assert!(matches!(refused, Err(FinishError::Swap(_))), "{refused:?}");
    }
    assert!(mint.audit().await.unwrap().is_right());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_original_is_never_answered_by_the_copy() {
    let mut scene = Scene::new().await;
    let keyset = scene.world.keyset().await;
    let draft = scene.wallet.draft(&scene.world, &keyset, Shape::Withdrawal(amount(5))).await;
    let request = draft.by_account(&scene.wallet.account, operation());
    scene.backup("copy").await;
    // The same session, answered by the original after the copy; and a session with other challenges for the same commitments.
    let record = scene.world.mint().finish(request.clone()).await.unwrap();
    assert_eq!(record.outputs.len(), 2);
    let other = scene.wallet.draft_as(&keyset, Shape::Withdrawal(amount(5)), &opened(&draft), farther());
    scene.world.close();
    let (_, home) = scene.restore("copy", "mint");
    decided(&home, Decision::NothingLost, None, scene.world.now()).unwrap();
    let mint = scene.open(&home).await.unwrap();
    let session = other.by_account(&scene.wallet.account, operation());
    for request in [request, session] {
        let answered = mint.finish(request).await;
        assert!(matches!(answered, Err(FinishError::UnknownSession)), "{answered:?}");
    }
}

fn opened(draft: &crate::wallet::Draft) -> farthing_protocol::blind::mint::OpenedSession {
    farthing_protocol::blind::mint::OpenedSession {
        session: draft.terms.session,
        seal: draft.seal,
        commitments: draft.terms.outputs.iter().map(|output| output.commitment).collect(),
    }
}

fn farther() -> farthing_protocol::derive::IssuanceNumber {
    farthing_protocol::derive::IssuanceNumber::new(77)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        if item.file_type().unwrap().is_dir() {
            copy_folder(&item.path(), &to.join(item.file_name()));
        } else {
            fs::copy(item.path(), to.join(item.file_name())).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_the_folder_itself_is_refused() {
    let mut scene = Scene::new().await;
    let keyset = scene.world.keyset().await;
    let coins = scene.wallet.coins(&scene.world, 37).await;
    scene.world.close();
    copy_folder(scene.world.home.folder(), &scene.path("older"));
    scene.world.reopen().await;
    assert!(accepted(&scene.pay(scene.world.mint(), &keyset, &coins).await));
    scene.world.close();
    // Somebody puts the copy back by hand.
    fs::remove_dir_all(scene.world.home.folder()).unwrap();
    copy_folder(&scene.path("older"), scene.world.home.folder());
    let refused = scene.open(&scene.world.home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::RolledBack))), "{refused:?}");
    // Or takes away the ledger alone.
    fs::remove_dir_all(scene.world.home.folder().join("ledger")).unwrap();
    let refused = scene.open(&scene.world.home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::Missing))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_in_the_place_of_a_mint_that_went_on_cannot_be_said_to_have_lost_nothing() {
    let mut scene = Scene::new().await;
    scene.backup("copy").await;
    scene.world.mint().credit(scene.wallet.key(), amount(1), "later").await.unwrap();
    scene.world.close();
    let place = scene.world.home.folder().to_owned();
    fs::remove_dir_all(&place).unwrap();
    let restored = restore_backup(&scene.path("copy"), &place, None, &OriginalFence::Configured).unwrap();
    assert!(restored.went_on);
    let home = MintHome::open(&place).unwrap();
    for _ in 0..2 {
        let refused = decided(&home, Decision::NothingLost, None, scene.world.now());
        assert!(matches!(refused, Err(BackupError::WentOn(_))), "{refused:?}");
    }
    assert!(scene.open(&home).await.is_err());
    decided(&home, Decision::AcceptLoss, None, scene.world.now()).unwrap();
    scene.open(&home).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_backup_takes_the_original_out_of_service_and_is_asked_for_each_time_it_is_put_back() {
    let mut scene = Scene::new().await;
    let keyset = scene.world.keyset().await;
    let coins = scene.wallet.coins(&scene.world, 37).await;
    let in_use = given(&scene.world.home, scene.plan("copy")).await;
    assert!(matches!(in_use, Err(BackupError::Open(LedgerOpenError::Store(_)))), "{in_use:?}");
    scene.world.close();
    let summary = given(&scene.world.home, scene.plan("copy")).await.unwrap();
    assert!(summary.is_last);
    // Repeated, because nobody knows whether it was finished.
    given(&scene.world.home, scene.plan("again")).await.unwrap();
    let refused = scene.open(&scene.world.home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::Given(_)))), "{refused:?}");
    let (restored, home) = scene.restore("copy", "mint");
    assert!(restored.summary.is_last && !restored.went_on);
    // Nobody can see whether it was put back before, so somebody must say.
    let refused = scene.open(&home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::Undecided(_)))), "{refused:?}");
    decided(&home, Decision::NothingLost, None, scene.world.now()).unwrap();
    let mint = scene.open(&home).await.unwrap();
    assert!(accepted(&scene.pay(&mint, &keyset, &coins).await));
    assert!(mint.audit().await.unwrap().is_right());
    drop(mint);
    // Put back once more, it knows nothing of what that mint answered.
    let (_, home) = scene.restore("copy", "later");
    let refused = scene.open(&home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::Undecided(_)))), "{refused:?}");
    decided(&home, Decision::AcceptLoss, None, scene.world.now()).unwrap();
    let mint = scene.open(&home).await.unwrap();
    assert!(!accepted(&scene.pay(&mint, &keyset, &coins).await));
    assert!(mint.audit().await.unwrap().is_right());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyset_that_was_published_after_the_copy_is_not_made_another_time() {
    let mut scene = Scene::new().await;
    answer(scene.world.mint()).await;
    scene.backup("copy").await;
    scene.world.clock.pass(1);
    let published = scene.world.mint().new_keyset().await.unwrap();
    let newest = answer(scene.world.mint()).await;
    scene.world.close();
    let (_, home) = scene.restore("copy", "mint");
    let refused = decided(&home, Decision::NothingLost, Some(newest.clone()), scene.world.now());
    assert!(matches!(refused, Err(BackupError::WentOn(_))), "{refused:?}");
    let mut partial = newest.clone();
    partial.keysets.pop();
    let refused = decided(&home, Decision::AcceptLoss, Some(partial), scene.world.now());
    assert!(matches!(refused, Err(BackupError::ListIncomplete)), "{refused:?}");
    let foreign = World::new().await;
    let refused = decided(&home, Decision::AcceptLoss, Some(answer(foreign.mint()).await), scene.world.now());
    assert!(matches!(refused, Err(BackupError::List(_))), "{refused:?}");
    let said = decided(&home, Decision::AcceptLoss, Some(newest.clone()), scene.world.now()).unwrap();
    assert_eq!(said.revoked.len(), 2);
    let mint = scene.open(&home).await.unwrap();
    scene.world.clock.pass(1);
    let next = mint.new_keyset().await.unwrap();
    let now = answer(&mint).await;
    now.list.accept(mint.id(), Some(&newest.list), scene.world.now()).unwrap();
    let sequences: Vec<_> = mint.keysets().iter().map(|keyset| (keyset.sequence, keyset.keyset)).collect();
    assert_eq!(sequences[1..], [(1, published), (2, next)]);
}

/// What the original had collected is lost, so that claims are collected again: longer than the original had said.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_loss_claims_on_what_had_been_revoked_are_collected_again() {
    let day = 86_400;
    for revoked_before_the_copy in [true, false] {
        let mut scene = Scene::new().await;
        let keyset = *scene.world.keyset().await.id();
        if revoked_before_the_copy {
            scene.world.mint().revoke(keyset).await.unwrap();
            scene.world.clock.pass(day);
        }
        scene.backup("copy").await;
        scene.world.clock.pass(1);
        scene.world.mint().revoke(keyset).await.unwrap();
        let window = scene.world.mint().recoups().await.unwrap().recoups.remove(0);
        let newest = answer(scene.world.mint()).await;
        scene.world.clock.pass(20 * day);
        scene.world.close();
        let (_, home) = scene.restore("copy", "mint");
        decided(&home, Decision::AcceptLoss, Some(newest), scene.world.now()).unwrap();
        let mint = scene.open(&home).await.unwrap();
        let again = mint.recoups().await.unwrap().recoups.remove(0);
        assert_eq!((again.keyset, again.revoked_at), (keyset, window.revoked_at));
        assert!(again.claims_until > window.claims_until && again.claims_until >= scene.world.now().plus(30 * day));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_with_anything_changed_or_missing_is_refused() {
    let mut scene = Scene::new().await;
    scene.wallet.coins(&scene.world, 37).await;
    scene.world.clock.pass(86_400);
    scene.world.mint().seal().await.unwrap();
    let summary = scene.backup("copy").await;
    let files = files(&scene.path("copy"));
    let has = |part: &str| files.iter().any(|file| file.to_str().unwrap().contains(part));
    assert!(
        ["ledger", "mint.toml", ".keyset", "issued-0-0", "identity.key", "manifest"].into_iter().all(has),
        "{files:?}"
    );
    for file in &files {
        for damage in 0..3 {
            let broken = scene.path("broken");
            copy_folder(&scene.path("copy"), &broken);
            let path = broken.join(file);
            let mut bytes = fs::read(&path).unwrap();
            match damage {
                0 => fs::remove_file(&path).unwrap(),
                1 => {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    fs::write(&path, bytes).unwrap();
                }
                _ => fs::write(&path, &bytes[..bytes.len() - 1]).unwrap(),
            }
            for refused in [
                check_backup(&broken, scene.folder.path(), None).map(drop),
                restore_backup(&broken, &scene.path("mint"), None, &OriginalFence::Gone).map(drop),
            ] {
                assert!(
                    matches!(refused, Err(BackupError::Damaged(_) | BackupError::NoBackup)),
                    "{file:?}: {refused:?}"
                );
            }
            fs::remove_dir_all(&broken).unwrap();
        }
    }
    let other = restore_backup(&scene.path("copy"), &scene.path("mint"), Some("another"), &OriginalFence::Gone);
    assert!(matches!(other, Err(BackupError::OtherFingerprint(is)) if is == summary.fingerprint));
    // Nothing was left behind.
    let left: Vec<_> = fs::read_dir(scene.folder.path()).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert_eq!(left, ["copy"]);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        if item.file_type().unwrap().is_dir() {
            let below = files(&item.path());
            found.extend(below.into_iter().map(|path| Path::new(&item.file_name()).join(path)));
        } else {
            found.push(item.file_name().into());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_books_are_wrong_is_told_and_not_put_back() {
    let mut scene = Scene::new().await;
    scene
        .world
        .tamper(|txn| {
            let (key, mut value) = txn.scan_prefix(b"account/", None, 1).unwrap().pop().unwrap();
            value[1] ^= 1;
            txn.put(&key, &value).unwrap();
        })
        .await;
    scene.backup("copy").await;
    for refused in [
        check_backup(&scene.path("copy"), scene.folder.path(), None).map(drop),
        restore_backup(&scene.path("copy"), &scene.path("mint"), None, &OriginalFence::Gone).map(drop),
    ] {
        assert!(matches!(refused, Err(BackupError::Books(_))), "{refused:?}");
    }
    assert!(!scene.path("mint").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_in_a_backup_on_request_only_and_a_backup_is_no_mint() {
    let scene = Scene::new().await;
    let plan = BackupPlan { with_keys: false, ..scene.plan("copy") };
    let mut copy = scene.world.mint().books().copy_ledger();
    let summary = write_backup(&scene.world.home, plan, async || copy.portion().await).await.unwrap();
    assert!(!summary.with_keys && !scene.path("copy").join("keys").exists());
    let refused = Books::open(&MintHome::open(scene.path("copy")).unwrap()).await;
    assert!(matches!(refused, Err(BooksError::Ledger(LedgerOpenError::Missing))), "{refused:?}");
    // Neither a copy nor a mint goes where something is.
    let mut copy = scene.world.mint().books().copy_ledger();
    let again = write_backup(&scene.world.home, scene.plan("copy"), async || copy.portion().await).await;
    assert!(matches!(again, Err(BackupError::NotEmpty(_))), "{again:?}");
    let restored = restore_backup(&scene.path("copy"), scene.world.home.folder(), None, &OriginalFence::Gone);
    assert!(matches!(restored, Err(BackupError::NotEmpty(_))));
    let now = scene.world.clock.now();
    assert!(decided(&scene.world.home, Decision::AcceptLoss, None, now).is_err(), "the mint is served");
}

/// A second factor of the administrator.
async fn guard(scene: &Scene) -> Authenticator {
    let books = scene.world.mint().books();
    let drawn = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    books.confirm_administrator(drawn.first(scene.world.now())).await.unwrap();
    scene.world.clock.pass(60);
    drawn
}

/// The last entries of the journal, newest first.
async fn told(mint: &Mint, count: usize) -> Vec<(Who, String)> {
    let entries = mint.books().journal(None, count).await.unwrap().entries;
    entries.into_iter().map(|entry| (entry.who, entry.act)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_is_given_away_and_put_back_by_its_administrator_alone() {
    let mut scene = Scene::new().await;
    let authenticator = guard(&scene).await;
    scene.world.close();
    let (now, wrong) = (scene.world.now(), authenticator.wrong(scene.world.now()));
    for (code, expected) in [(None, FactorError::Required), (Some(wrong), FactorError::Wrong)] {
        let refused = last_backup(&scene.world.home, scene.plan("copy"), Proof::Code(code)).await;
        assert!(matches!(&refused, Err(BackupError::Factor(error)) if *error == expected), "{refused:?}");
    }
    // Nothing was done: it is served as before.
    scene.world.reopen().await;
    scene.world.close();
    let code = Some(authenticator.code(now));
    last_backup(&scene.world.home, scene.plan("copy"), Proof::Code(code.clone())).await.unwrap();
    given(&scene.world.home, scene.plan("again")).await.unwrap();

    let (_, home) = scene.restore("copy", "mint");
    let decided_by =
        |code: Option<SecondFactor>| decide(&home, Decision::NothingLost, None, Proof::Code(code), scene.world.now());
    for code in [None, code, Some(authenticator.wrong(now))] {
        let refused = decided_by(code);
        assert!(matches!(&refused, Err(BackupError::Factor(_))), "{refused:?}");
    }
    decided_by(Some(authenticator.recovery(0))).unwrap();
    let mint = scene.open(&home).await.unwrap();
    let expected = [(Who::AdministratorRecovered, "nothing_lost"), (Who::Administrator, "given_away")];
    assert_eq!(told(&mint, 2).await, expected.map(|(who, act)| (who, act.to_owned())));
    assert!(mint.audit().await.unwrap().is_right());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_count_in_a_mint_that_was_put_back_and_its_keys_open_it_all_the_same() {
    let mut scene = Scene::new().await;
    let authenticator = guard(&scene).await;
    scene.backup("copy").await;
    scene.world.close();
    let (_, home) = scene.restore("copy", "mint");
    let now = scene.world.now();
    for wrong in 0..5 {
        let proof = Proof::Code(Some(authenticator.wrong(now)));
        let refused = decide(&home, Decision::AcceptLoss, None, proof, now);
        let expected = if wrong < 4 { FactorError::Wrong } else { FactorError::Locked { seconds: 900 } };
        assert!(matches!(&refused, Err(BackupError::Factor(error)) if *error == expected), "{refused:?}");
    }
    let proof = Proof::Code(Some(authenticator.code(now)));
    let refused = decide(&home, Decision::AcceptLoss, None, proof, now);
    assert!(matches!(refused, Err(BackupError::Factor(FactorError::Locked { .. }))), "{refused:?}");
    let keys = KeyHome::open(home.folder()).unwrap();
    let another = farthing_issuer::Unlock::Passphrase(farthing_issuer::Passphrase::new("another"));
    let wrong = Proof::Keys(keys.clone(), another);
    assert!(matches!(decide(&home, Decision::AcceptLoss, None, wrong, now), Err(BackupError::Home(_))));
    decide(&home, Decision::AcceptLoss, None, Proof::Keys(keys, unlock()), now).unwrap();
    let mint = scene.open(&home).await.unwrap();
    assert_eq!(told(&mint, 1).await, [(Who::KeyHolder, "loss_accepted".to_owned())]);
}

/// Without the keys a copy holds no secret of a factor that could be read: a recovery code is good, and one of the authenticator once they are back.
#[tokio::test(flavor = "multi_thread")]
async fn factors_come_back_with_the_keys() {
    let mut scene = Scene::new().await;
    let authenticator = guard(&scene).await;
    let keys = scene.path("keys.backup");
    let keys_of = |home: &MintHome| KeyHome::open(home.folder()).unwrap();
    keys_of(&scene.world.home).back_up(&unlock(), &protection(), &keys).unwrap();
    let mut copy = scene.world.mint().books().copy_ledger();
    let plan = BackupPlan { with_keys: false, ..scene.plan("bare") };
    write_backup(&scene.world.home, plan, async || copy.portion().await).await.unwrap();
    assert!(!scene.path("bare").join("factors.key").exists());
    scene.backup("whole").await;
    scene.world.close();
    let now = scene.world.now();
    let decided = |home: &MintHome, code| decide(home, Decision::NothingLost, None, Proof::Code(Some(code)), now);

    let (_, home) = scene.restore("whole", "whole-mint");
    decided(&home, authenticator.code(now)).unwrap();

    let (_, home) = scene.restore("bare", "bare-mint");
    let refused = decided(&home, authenticator.code(now));
    assert!(matches!(refused, Err(BackupError::Factor(FactorError::Lost))), "{refused:?}");
    decided(&home, authenticator.recovery(0)).unwrap();
    keys_of(&home).restore(&keys, &unlock(), &protection()).unwrap();
    let mint = scene.open(&home).await.unwrap();
    mint.books().prove(Some(authenticator.code(now))).await.unwrap();
    assert!(mint.audit().await.unwrap().is_right());
}

/// What was used after the copy is not known to it.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_loss_codes_that_may_have_been_used_are_void() {
    let mut scene = Scene::new().await;
    let authenticator = guard(&scene).await;
    let owner = factors::enrol(&scene.world, &scene.wallet.account, 10, None).await;
    let waits = factors::change(&scene.world, &scene.wallet.account, {
        let code = Some(owner.code(scene.world.now()));
        farthing_protocol::api::SettingsChange::Enrol { unit: factors::eur(), limit: amount(5), code }
    });
    assert!(waits.await.unwrap().waiting);
    scene.backup("copy").await;
    // The original takes a recovery code of each.
    let books = scene.world.mint().books();
    books.prove(Some(authenticator.recovery(0))).await.unwrap();
    let permit = (farthing_protocol::api::PermitPurpose::Withdrawal, operation());
    factors::permit(&scene.world, &scene.wallet.account, permit, 20, owner.recovery(0)).await.unwrap();
    scene.world.close();

    let (_, home) = scene.restore("copy", "mint");
    for used in 0..2 {
        let proof = Proof::Code(Some(authenticator.recovery(used)));
        let refused = decide(&home, Decision::AcceptLoss, None, proof, scene.world.now());
        assert!(matches!(refused, Err(BackupError::RecoveryCode)), "{refused:?}");
    }
    let now = scene.world.now();
    let (seen, ahead) = (owner.code(now), owner.code(now.plus(30)));
    let proof = Proof::Code(Some(authenticator.code(now)));
    decide(&home, Decision::AcceptLoss, None, proof, now).unwrap();
    scene.world.home = home;
    scene.world.reopen().await;
    let books = scene.world.mint().books();
    assert_eq!(books.administrator().await.unwrap().recovery_codes_left, 0);
    for code in [authenticator.recovery(0), authenticator.recovery(1), authenticator.code(now)] {
        assert_eq!(books.prove(Some(code)).await, Err(FactorError::Wrong));
    }
    for code in [owner.recovery(0), owner.recovery(1), seen, ahead] {
        let refused = factors::permit(&scene.world, &scene.wallet.account, permit, 20, code).await;
        assert_eq!(refused, Err(farthing_issuer::SettingsError::Factor(FactorError::Wrong)));
    }
    let show = factors::change(&scene.world, &scene.wallet.account, farthing_protocol::api::SettingsChange::Show);
    let answer = show.await.unwrap();
    assert_eq!((answer.waiting, answer.recovery_codes_left, answer.limits[0].limit), (false, 0, amount(10)));
    // Their authenticators are good still.
    scene.world.clock.pass(60);
    let code = owner.code(scene.world.now());
    factors::permit(&scene.world, &scene.wallet.account, permit, 20, code).await.unwrap();
    let books = scene.world.mint().books();
    let authority = books.prove(Some(authenticator.code(scene.world.now()))).await.unwrap();
    assert_eq!(books.renew_administrator_codes(authority).await.unwrap().len(), 10);
    let entries = books.journal(None, 10).await.unwrap().entries;
    assert_eq!((entries[1].who, entries[1].act.as_str()), (Who::Administrator, "loss_accepted"));
    scene.world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fence_a_backup_is_put_back_only_if_somebody_says_that_it_is_gone() {
    let mut scene = Scene::new().await;
    scene.backup("copy").await;
    let there = scene.world.home.folder().to_owned();
    let fence = fs::read_dir(there.parent().unwrap()).unwrap().map(|item| item.unwrap().path());
    let fence = fence.into_iter().find(|path| path.to_str().unwrap().contains(".mint.fence-")).unwrap();
    scene.world.mint().credit(scene.wallet.key(), amount(1), "later").await.unwrap();
    scene.world.close();
    let put = |name: &str, fence: OriginalFence| restore_backup(&scene.path("copy"), &scene.path(name), None, &fence);
    let refused = put("elsewhere", OriginalFence::Configured);
    assert!(matches!(refused, Err(BackupError::NoFence)), "{refused:?}");
    // What is named must be there, and be one.
    let (kept, text, empty) = (scene.path("kept.fence"), scene.path("notes.txt"), scene.path("empty"));
    fs::copy(&fence, &kept).unwrap();
    fs::write(&text, "bread, milk").unwrap();
    fs::write(&empty, "").unwrap();
    for wrong in [scene.path("missing"), text, PathBuf::from("kept.fence"), scene.folder.path().to_owned()] {
        let refused = put("elsewhere", OriginalFence::At(wrong));
        assert!(matches!(refused, Err(BackupError::BadFence(_) | BackupError::Io(_))), "{refused:?}");
    }
    assert!(!scene.path("elsewhere").exists());

    let restored = put("elsewhere", OriginalFence::At(kept.clone())).unwrap();
    assert!(restored.went_on);
    let home = MintHome::open(scene.path("elsewhere")).unwrap();
    let refused = decided(&home, Decision::NothingLost, None, scene.world.now());
    assert!(matches!(refused, Err(BackupError::WentOn(_))), "{refused:?}");
    decided(&home, Decision::AcceptLoss, None, scene.world.now()).unwrap();
    let before = fs::read(&kept).unwrap();
    let mint = scene.open(&home).await.unwrap();
    mint.credit(scene.wallet.key(), amount(1), "anew").await.unwrap();
    // It goes on with that fence.
    assert_ne!(fs::read(&kept).unwrap(), before);
    drop(mint);
    fs::remove_file(&kept).unwrap();
    let refused = scene.open(&home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::FenceMissing))), "{refused:?}");

    assert!(!put("gone", OriginalFence::Gone).unwrap().went_on);
    assert!(!put("none yet", OriginalFence::At(empty)).unwrap().went_on);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_that_the_backup_names_must_be_there() {
    let mut scene = Scene::new().await;
    let fence = scene.path("named.fence");
    fs::write(&fence, "").unwrap();
    scene.world.close();
    let line = format!("\n[data]\nfence = {:?}\n", fence.to_str().unwrap());
    scene.world.configure(|text| text.replace("\n[data]\n", &line));
    scene.world.reopen().await;
    scene.backup("copy").await;
    scene.world.mint().credit(scene.wallet.key(), amount(1), "later").await.unwrap();
    scene.world.close();
    let put = |name: &str| restore_backup(&scene.path("copy"), &scene.path(name), None, &OriginalFence::Configured);
    assert!(put("one").unwrap().went_on);
    fs::remove_file(&fence).unwrap();
    let refused = put("two");
    assert!(matches!(&refused, Err(BackupError::BadFence(path)) if *path == fence), "{refused:?}");
    // Of a last copy nothing is asked but what it names.
    let last = Scene::new().await;
    let Scene { mut world, folder, .. } = last;
    world.close();
    let plan = BackupPlan { to: folder.path().join("last"), with_keys: true, now: world.now() };
    given(&world.home, plan).await.unwrap();
    let to = folder.path().join("moved");
    assert!(!restore_backup(&folder.path().join("last"), &to, None, &OriginalFence::Configured).unwrap().went_on);
}
