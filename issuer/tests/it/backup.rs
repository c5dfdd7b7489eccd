//! Copies of a mint that goes on, mints of copies, and what an old copy can do: nothing that was done already.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farthing_issuer::{
    BackupError, BackupPlan, BackupSummary, Books, BooksError, Clock, Decision, FinishError, KeysetState,
    LedgerOpenError, Mint, MintError, MintHome, OpenError, Restored, Surroundings, check_backup, decide, last_backup,
    restore_backup, write_backup,
};
use farthing_protocol::api::{DepositOutcome, KeysetsAnswer, OpenRequest};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;

use crate::common::{TestClock, World, amount, unlock};
use crate::wallet::{Coin, Wallet, deposit, operation, pay};

/// A mint with a copy and a place for others.
struct Scene {
    world: World,
    wallet: Wallet,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
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
    async fn backup(&self, name: &str) -> BackupSummary {
        let mut copy = self.world.mint().books().copy_ledger();
        write_backup(&self.world.home, self.plan(name), async || copy.portion().await).await.unwrap()
    }

    fn restore(&self, from: &str, to: &str) -> (Restored, MintHome) {
        let restored = restore_backup(&self.path(from), &self.path(to), None).unwrap();
        (restored, MintHome::open(self.path(to)).unwrap())
    }

    async fn open(&self, home: &MintHome) -> Result<Mint, MintError> {
        let clock: Arc<TestClock> = Arc::clone(&self.world.clock);
        Mint::open_in(home, unlock(), Surroundings { clock, ..Surroundings::default() }).await
    }

    async fn pay(&self, mint: &Mint, keyset: &Keyset, coins: &[Coin]) -> DepositOutcome {
        let payment = pay(keyset, coins, self.wallet.payee(), self.world.now());
        mint.deposit(vec![deposit(payment)]).await.unwrap().remove(0)
    }
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
    let decided = decide(&home, Decision::NothingLost, None, scene.world.now()).unwrap();
    assert!(decided.revoked.is_empty());
    assert!(matches!(decide(&home, Decision::AcceptLoss, None, scene.world.now()), Err(BackupError::NothingToDecide)));
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
    let decided = decide(&home, Decision::AcceptLoss, None, scene.world.now()).unwrap();
    assert_eq!(decided.revoked, [*keyset.id()]);
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
    decide(&home, Decision::NothingLost, None, scene.world.now()).unwrap();
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
    let restored = restore_backup(&scene.path("copy"), &place, None).unwrap();
    assert!(restored.went_on);
    let home = MintHome::open(&place).unwrap();
    for _ in 0..2 {
        let refused = decide(&home, Decision::NothingLost, None, scene.world.now());
        assert!(matches!(refused, Err(BackupError::WentOn(_))), "{refused:?}");
    }
    assert!(scene.open(&home).await.is_err());
    decide(&home, Decision::AcceptLoss, None, scene.world.now()).unwrap();
    scene.open(&home).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_backup_takes_the_original_out_of_service_and_is_asked_for_each_time_it_is_put_back() {
    let mut scene = Scene::new().await;
    let keyset = scene.world.keyset().await;
    let coins = scene.wallet.coins(&scene.world, 37).await;
    let in_use = last_backup(&scene.world.home, scene.plan("copy")).await;
    assert!(matches!(in_use, Err(BackupError::Open(LedgerOpenError::Store(_)))), "{in_use:?}");
    scene.world.close();
    let summary = last_backup(&scene.world.home, scene.plan("copy")).await.unwrap();
    assert!(summary.is_last);
    // Repeated, because nobody knows whether it was finished.
    last_backup(&scene.world.home, scene.plan("again")).await.unwrap();
    let refused = scene.open(&scene.world.home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::Given(_)))), "{refused:?}");
    let (restored, home) = scene.restore("copy", "mint");
    assert!(restored.summary.is_last && !restored.went_on);
    // Nobody can see whether it was put back before, so somebody must say.
    let refused = scene.open(&home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::Undecided(_)))), "{refused:?}");
    decide(&home, Decision::NothingLost, None, scene.world.now()).unwrap();
    let mint = scene.open(&home).await.unwrap();
    assert!(accepted(&scene.pay(&mint, &keyset, &coins).await));
    assert!(mint.audit().await.unwrap().is_right());
    drop(mint);
    // Put back once more, it knows nothing of what that mint answered.
    let (_, home) = scene.restore("copy", "later");
    let refused = scene.open(&home).await;
    assert!(matches!(refused, Err(MintError::Ledger(LedgerOpenError::Undecided(_)))), "{refused:?}");
    decide(&home, Decision::AcceptLoss, None, scene.world.now()).unwrap();
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
    let refused = decide(&home, Decision::NothingLost, Some(newest.clone()), scene.world.now());
    assert!(matches!(refused, Err(BackupError::WentOn(_))), "{refused:?}");
    let mut partial = newest.clone();
    partial.keysets.pop();
    let refused = decide(&home, Decision::AcceptLoss, Some(partial), scene.world.now());
    assert!(matches!(refused, Err(BackupError::ListIncomplete)), "{refused:?}");
    let foreign = World::new().await;
    let refused = decide(&home, Decision::AcceptLoss, Some(answer(foreign.mint()).await), scene.world.now());
    assert!(matches!(refused, Err(BackupError::List(_))), "{refused:?}");
    let decided = decide(&home, Decision::AcceptLoss, Some(newest.clone()), scene.world.now()).unwrap();
    assert_eq!(decided.revoked.len(), 2);
    let mint = scene.open(&home).await.unwrap();
    scene.world.clock.pass(1);
    let next = mint.new_keyset().await.unwrap();
    let now = answer(&mint).await;
    now.list.accept(mint.id(), Some(&newest.list), scene.world.now()).unwrap();
    let sequences: Vec<_> = mint.keysets().iter().map(|keyset| (keyset.sequence, keyset.keyset)).collect();
    assert_eq!(sequences[1..], [(1, published), (2, next)]);
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
                restore_backup(&broken, &scene.path("mint"), None).map(drop),
            ] {
                assert!(
                    matches!(refused, Err(BackupError::Damaged(_) | BackupError::NoBackup)),
                    "{file:?}: {refused:?}"
                );
            }
            fs::remove_dir_all(&broken).unwrap();
        }
    }
    let other = restore_backup(&scene.path("copy"), &scene.path("mint"), Some("another"));
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
        restore_backup(&scene.path("copy"), &scene.path("mint"), None).map(drop),
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
    let restored = restore_backup(&scene.path("copy"), scene.world.home.folder(), None);
    assert!(matches!(restored, Err(BackupError::NotEmpty(_))));
    let now = scene.world.clock.now();
    assert!(decide(&scene.world.home, Decision::AcceptLoss, None, now).is_err(), "the mint is served");
}
