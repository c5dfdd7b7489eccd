//! Keys at rest: another passphrase, a backup, a restore.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use farthing_issuer::{
    Books, Cost, HomeError, KeyError, KeyHome, Mint, MintHome, OpenError, Passphrase, Protection, ProtectionKind,
    SignerHome, Unlock, check_home,
};
use farthing_protocol::amount::Amount;
use farthing_protocol::api::OpenRequest;
use farthing_protocol::shape::Shape;
use farthing_verifier::findings::Severity;

use crate::common::{hand_over, options, unlock};
use crate::signer::socket;

fn protection(passphrase: &str) -> Protection {
    let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    Protection::Passphrase { passphrase: Passphrase::new(passphrase), cost }
}

fn made(folder: &Path, name: &str) -> MintHome {
    MintHome::init(folder.join(name), &options()).unwrap()
}

fn keys(home: &KeyHome) -> PathBuf {
    match home {
        KeyHome::Mint(home) => home.folder().join("keys"),
        KeyHome::Signer(home) => home.folder().join("keys"),
    }
}

fn wrong(result: Result<impl std::fmt::Debug, HomeError>) -> bool {
    matches!(result, Err(HomeError::Keys(KeyError::WrongSecret)))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_passphrase_and_a_key_file_open_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let mint = made(folder.path(), "mint");
    let home = KeyHome::open(mint.folder()).unwrap();
    assert!(wrong(home.change_protection(&protection("wrong").unlock(), &protection("new"))));
    let empty = home.change_protection(&unlock(), &protection(""));
    assert!(matches!(empty, Err(HomeError::Keys(KeyError::EmptyPassphrase))));
    drop(Mint::open(&mint, unlock()).await.unwrap());
    home.change_protection(&unlock(), &protection("new")).unwrap();
    assert!(Mint::open(&mint, unlock()).await.is_err());
    let running = Mint::open(&mint, protection("new").unlock()).await.unwrap();
    let while_it_runs = home.change_protection(&protection("new").unlock(), &protection("other"));
    assert!(matches!(while_it_runs, Err(HomeError::InUse)));
    running.new_keyset().await.unwrap();
    drop(running);
    let file = folder.path().join("key");
    home.change_protection(&protection("new").unlock(), &Protection::KeyFile(file.clone())).unwrap();
    assert_eq!(fs::read(&file).unwrap().len(), 32);
    let again = MintHome::open(mint.folder()).unwrap();
    assert_eq!(again.protection(), ProtectionKind::KeyFile);
    assert!(fs::read_to_string(mint.folder().join("mint.toml")).unwrap().contains("\nprotection = \"key_file\"\n"));
    let mint = Mint::open(&again, Unlock::KeyFile(file)).await.unwrap();
    assert_eq!(mint.keysets().len(), 2);
}

/// The last instant at which it is cut is past its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_cut_short_anywhere_leaves_one_passphrase_that_opens_the_mint() {
    for cut in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let mint = made(folder.path(), "mint");
        let home = KeyHome::open(mint.folder()).unwrap();
        let steps = AtomicU32::new(0);
        let telling = |_| match steps.fetch_add(1, Ordering::SeqCst) >= cut {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        };
        let changed = home.change_protection_telling(&unlock(), &protection("new"), &telling);
        let mut opened = Vec::new();
        for (name, unlock) in [("old", unlock()), ("new", protection("new").unlock())] {
            if let Ok(mint) = Mint::open(&mint, unlock).await {
                assert_eq!(mint.keysets().len(), 1);
                opened.push(name);
            }
        }
        assert_eq!(opened.len(), 1, "{cut}: {opened:?}");
        assert!(changed.is_err() || opened == ["new"]);
        let left: Vec<_> = fs::read_dir(mint.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("keys.")), "{cut}: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_back_from_a_backup_and_only_to_where_they_belong() {
    let folder = tempfile::tempdir().unwrap();
    let mint = made(folder.path(), "mint");
    let home = KeyHome::open(mint.folder()).unwrap();
    let file = folder.path().join("backup");
    let safe = protection("safe");
    assert!(wrong(home.back_up(&protection("wrong").unlock(), &safe, &file)));
    assert_eq!(home.back_up(&unlock(), &safe, &file).unwrap().keysets, 1);
    assert!(matches!(home.back_up(&unlock(), &safe, &file), Err(HomeError::Io(_))), "nothing is replaced");
    // Without a ledger nobody knows what was spent.
    let (ledger, aside) = (mint.folder().join("ledger"), folder.path().join("aside"));
    fs::rename(&ledger, &aside).unwrap();
    let restored = home.restore(&file, &safe.unlock(), &protection("new"));
    assert!(matches!(restored, Err(HomeError::NoLedger)));
    fs::rename(&aside, &ledger).unwrap();
    let running = Mint::open(&mint, unlock()).await.unwrap();
    assert!(matches!(home.restore(&file, &safe.unlock(), &protection("new")), Err(HomeError::InUse)));
    // A backup may be made while it runs.
    home.back_up(&unlock(), &safe, &folder.path().join("second")).unwrap();
    drop(running);
    assert!(wrong(home.restore(&file, &unlock(), &protection("new"))));
    fs::remove_dir_all(keys(&home)).unwrap();
    fs::remove_dir_all(mint.folder().join("keysets")).unwrap();
    fs::create_dir(mint.folder().join("keysets")).unwrap();
    assert!(Mint::open(&mint, unlock()).await.is_err());
    assert_eq!(home.restore(&file, &safe.unlock(), &protection("new")).unwrap().keysets, 1);
    let opened = Mint::open(&mint, protection("new").unlock()).await.unwrap();
    assert!(opened.audit().await.unwrap().is_right());
    // A keyset that is in no backup is not thrown away.
    opened.new_keyset().await.unwrap();
    drop(opened);
    let before = fs::read_dir(keys(&home)).unwrap().count();
    assert!(matches!(home.restore(&file, &safe.unlock(), &protection("x")), Err(HomeError::MoreKeys)));
    assert_eq!(fs::read_dir(keys(&home)).unwrap().count(), before);
    // Another mint's folder.
    let other = made(folder.path(), "other");
    drop(Mint::open(&other, unlock()).await.unwrap());
    let foreign = KeyHome::open(other.folder()).unwrap().restore(&file, &safe.unlock(), &protection("new"));
    assert!(matches!(foreign, Err(HomeError::Keys(KeyError::Exchanged))));
    drop(Mint::open(&other, unlock()).await.unwrap());
    // Changed, or cut.
    let bytes = fs::read(&file).unwrap();
    for place in [0, 9, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&file, &changed).unwrap();
        assert!(home.restore(&file, &safe.unlock(), &protection("new")).is_err());
    }
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("identity"), "not even names stand there in the clear");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signers_keys_are_handled_alike_and_its_mints_folder_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let mint = made(folder.path(), "mint");
    let books = Books::open(&mint).await.unwrap();
    let signer: SignerHome = hand_over(folder.path().join("signer"), &books, socket()).await.unwrap();
    drop(books);
    assert!(matches!(KeyHome::open(mint.folder()), Err(HomeError::KeysApart)));
    let home = KeyHome::open(signer.folder()).unwrap();
    let file = folder.path().join("backup");
    home.back_up(&unlock(), &protection("safe"), &file).unwrap();
    home.change_protection(&unlock(), &protection("new")).unwrap();
    let opened = farthing_issuer::run_signer(signer.clone(), unlock(), std::future::pending()).await;
    assert!(opened.is_err());
    let new = protection("new").unlock();
    let running = farthing_issuer::run_signer(signer.clone(), new.clone(), std::future::pending()).await.unwrap();
    assert!(matches!(home.change_protection(&new, &protection("other")), Err(HomeError::InUse)));
    let second = farthing_issuer::run_signer(signer.clone(), new, std::future::pending()).await;
    assert!(matches!(second, Err(farthing_issuer::SignerError::InUse)));
    running.stop().await;
    home.restore(&file, &protection("safe").unlock(), &protection("third")).unwrap();
    let third = protection("third").unlock();
    farthing_issuer::run_signer(signer, third, std::future::pending()).await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyset_without_its_key_issues_no_more_and_stops_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mint = made(folder.path(), "mint");
    let opened = Mint::open(&mint, unlock()).await.unwrap();
    let (keyset, now) = (opened.keysets()[0].keyset, opened.keysets()[0].active_from.plus(60));
    let open = OpenRequest { keyset, shape: Shape::Withdrawal(Amount::new(1).unwrap()) };
    opened.open_issuance(&open).await.unwrap();
    drop(opened);
    let file = mint.folder().join("keys").join(format!("keyset-{}.key", keyset.to_text()));
    let bytes = fs::read(&file).unwrap();
    // Damaged is another thing than missing.
    fs::write(&file, &bytes[1..]).unwrap();
    assert!(Mint::open(&mint, unlock()).await.is_err());
    fs::remove_file(&file).unwrap();
    let opened = Mint::open(&mint, unlock()).await.unwrap();
    assert_eq!(opened.open_issuance(&open).await.map(drop), Err(OpenError::KeysetNotIssuing));
    assert!(opened.audit().await.unwrap().is_right());
    opened.keysets_answer().await.unwrap();
    drop(opened);
    let found = check_home(mint.folder(), now, None);
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    assert!(found.iter().any(|finding| finding.severity == Severity::Fault && finding.message.contains(&name)));
    fs::write(&file, &bytes).unwrap();
    Mint::open(&mint, unlock()).await.unwrap().open_issuance(&open).await.unwrap();
}
