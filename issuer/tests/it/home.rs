//! A mint's folder, and its keys at rest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use farthing_issuer::{
    ArchiveTimes, Books, HomeError, InitOptions, KeyError, Mint, MintError, MintHome, Passphrase, Protection,
    ProtectionKind, Unlock, Windows, default_bundles,
};
use farthing_protocol::amount::{Amount, Unit};

use crate::common::{options, unlock};

fn key_error(result: Result<Mint, MintError>) -> KeyError {
    match result {
        Err(MintError::Home(HomeError::Keys(error))) => error,
        other => panic!("{other:?}"),
    }
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(all_files(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_made_once_and_opened_with_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("mint");
    assert!(matches!(MintHome::open(&path), Err(HomeError::NoMint)));
    let made = MintHome::init(&path, &options()).unwrap();
    assert!(matches!(MintHome::init(&path, &options()), Err(HomeError::NotEmpty)));
    let home = MintHome::open(&path).unwrap();
    assert_eq!((home.mint_id(), home.unit()), (made.mint_id(), made.unit()));
    assert_eq!(home.protection(), ProtectionKind::Passphrase);
    let wrong = Unlock::Passphrase(Passphrase::new("wrong horse"));
    assert!(matches!(key_error(Mint::open(&home, wrong).await), KeyError::WrongSecret));
    let file = Unlock::KeyFile(path.join("nothing"));
    assert!(matches!(key_error(Mint::open(&home, file).await), KeyError::NeedsPassphrase));
    let mint = Mint::open(&home, unlock()).await.unwrap();
    assert_eq!(mint.keysets().len(), 1);
    drop(mint);
    let books = Books::open(&home).await.unwrap();
    assert_eq!(books.keysets().len(), 1);
    assert!(books.audit().await.unwrap().is_right());
}

#[test]
fn nothing_secret_is_readable_and_nothing_unfinished_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let home = MintHome::init(folder.path().join("mint"), &options()).unwrap();
    let files = all_files(home.folder());
    assert_eq!(files.len(), 9, "{files:?}");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    for folder in ["keys", "keysets"] {
        assert_eq!(fs::metadata(home.folder().join(folder)).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_is_made_private_kept_and_needed() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("mint.secret");
    let unit = Unit::new("sat", 0).unwrap();
    let protection = Protection::KeyFile(key.clone());
    let home = MintHome::init(folder.path().join("mint"), &InitOptions::new(unit.clone(), protection.clone())).unwrap();
    assert_eq!(home.protection(), ProtectionKind::KeyFile);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = fs::read(&key).unwrap();
    assert_eq!(secret.len(), 32);
    drop(Mint::open(&home, Unlock::KeyFile(key.clone())).await.unwrap());
    // A second mint may use the same file, which is not replaced.
    MintHome::init(folder.path().join("other"), &InitOptions::new(unit, protection)).unwrap();
    assert_eq!(fs::read(&key).unwrap(), secret);
    assert!(matches!(key_error(Mint::open(&home, unlock()).await), KeyError::NeedsKeyFile));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let open = key_error(Mint::open(&home, Unlock::KeyFile(key.clone())).await);
    assert!(matches!(open, KeyError::ReadableByOthers));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, [7; 32]).unwrap();
    assert!(matches!(key_error(Mint::open(&home, Unlock::KeyFile(key.clone())).await), KeyError::WrongSecret));
    fs::write(&key, [7; 31]).unwrap();
    assert!(matches!(key_error(Mint::open(&home, Unlock::KeyFile(key)).await), KeyError::NoKeyFile));
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanged_and_damaged_keys_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let homes = ["a", "b"].map(|name| MintHome::init(folder.path().join(name), &options()).unwrap());
    let identity = |home: &MintHome| home.folder().join("keys/identity.key");
    let original = fs::read(identity(&homes[0])).unwrap();
    fs::write(identity(&homes[0]), fs::read(identity(&homes[1])).unwrap()).unwrap();
    assert!(matches!(key_error(Mint::open(&homes[0], unlock()).await), KeyError::Exchanged));
    fs::write(identity(&homes[0]), &original).unwrap();
    let keyset = all_files(&homes[0].folder().join("keys"));
    let keyset = keyset.iter().find(|path| !path.ends_with("identity.key")).unwrap();
    let keys = fs::read(keyset).unwrap();
    fs::write(keyset, &original).unwrap();
    assert!(matches!(key_error(Mint::open(&homes[0], unlock()).await), KeyError::Exchanged));
    fs::write(keyset, &keys[..keys.len() - 1]).unwrap();
    assert!(matches!(key_error(Mint::open(&homes[0], unlock()).await), KeyError::WrongSecret));
    fs::write(keyset, b"").unwrap();
    assert!(matches!(key_error(Mint::open(&homes[0], unlock()).await), KeyError::Damaged));
    fs::write(keyset, keys).unwrap();
    drop(Mint::open(&homes[0], unlock()).await.unwrap());
    // Another mint's ledger, and another mint's keyset.
    fs::remove_dir_all(homes[1].folder().join("ledger")).unwrap();
    fs::rename(homes[0].folder().join("ledger"), homes[1].folder().join("ledger")).unwrap();
    assert!(matches!(Mint::open(&homes[1], unlock()).await, Err(MintError::Ledger(_))));
    let foreign = all_files(&homes[1].folder().join("keysets")).remove(0);
    fs::copy(&foreign, homes[0].folder().join("keysets/x.keyset")).unwrap();
    assert!(matches!(Mint::open(&homes[0], unlock()).await, Err(MintError::Home(HomeError::Keyset))));
}

#[test]
fn impossible_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let init = |name: &str, change: fn(&mut InitOptions)| {
        let mut options = options();
        change(&mut options);
        MintHome::init(folder.path().join(name), &options).map(drop)
    };
    for (name, change) in [
        ("a", (|o| o.denominations = 0) as fn(&mut InitOptions)),
        ("b", |o| o.denominations = 64),
        ("c", |o| o.windows = Windows { issue: 0, spend: 1, deposit: 1 }),
        ("d", |o| o.windows = Windows { issue: 1, spend: 1, deposit: 0 }),
        ("e", |o| o.fees.deposit_ppm = 1_000_001),
    ] {
        assert!(matches!(init(name, change), Err(HomeError::Settings(_))), "{name}");
        assert!(matches!(MintHome::open(folder.path().join(name)), Err(HomeError::NoMint)));
    }
    let empty = init("f", |o| o.protection = Protection::passphrase(Passphrase::new("")));
    assert!(matches!(empty, Err(HomeError::Keys(KeyError::EmptyPassphrase))));
}

#[test]
fn default_bundles_are_small_change_and_more() {
    let amounts = |count| default_bundles(count).iter().map(|bundle| bundle.amount().units()).collect::<Vec<_>>();
    assert_eq!(amounts(32), [510, 8190, 131_070]);
    assert_eq!(amounts(12), [510, 8190]);
    assert_eq!(amounts(4), [30]);
    assert!(default_bundles(63).iter().all(|bundle| bundle.amount() < Amount::MAX));
}

#[test]
fn no_secret_is_printed() {
    let text = format!("{:?} {:?}", unlock(), options());
    assert!(!text.contains("horse") && text.contains("<redacted>"));
}

#[test]
fn a_mint_from_before_there_were_archives_opens() {
    let folder = tempfile::tempdir().unwrap();
    let home = MintHome::init(folder.path().join("mint"), &options()).unwrap();
    let path = home.folder().join("mint.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (before, archive) = text.split_once("[archive]").unwrap();
    assert!(archive.contains("seal_seconds = 3600") && archive.contains("filter_seconds = 86400"));
    fs::write(&path, before).unwrap();
    MintHome::open(home.folder()).unwrap();
    fs::write(&path, text.replace("filter_seconds", "other_seconds")).unwrap();
    assert!(matches!(MintHome::open(home.folder()), Err(HomeError::Toml(_))));
    // An hour would be too often for keysets that issue for three years; nobody asked for it.
    fs::write(&path, before.replace("issue_seconds = 7776000", "issue_seconds = 94608000")).unwrap();
    MintHome::open(home.folder()).unwrap();
}

#[test]
fn an_archive_that_would_soon_be_full_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // A keyset's 90 days of issuing in 20,000 segments, its 485 days in 20,000 filters.
    let least = ArchiveTimes { seal: 389, filter: 2096 };
    let with = |name: &str, seal, filter| {
        let options = InitOptions { archive: ArchiveTimes { seal, filter }, ..options() };
        MintHome::init(folder.path().join(name), &options)
    };
    for (seal, filter) in [(388, 86_400), (3600, 2095), (1, 86_400), (0, 0)] {
        assert!(matches!(with("refused", seal, filter), Err(HomeError::ArchiveTimes(said)) if said == least));
        assert!(!folder.path().join("refused").exists());
    }
    let home = with("mint", least.seal, least.filter).unwrap();
    let path = home.folder().join("mint.toml");
    let text = fs::read_to_string(&path).unwrap();
    for (name, value) in [("seal_seconds = 389", "seal_seconds = 388"), ("filter_seconds = 2096", "filter_seconds = 1")]
    {
        assert!(text.contains(name));
        fs::write(&path, text.replace(name, value)).unwrap();
        assert!(matches!(MintHome::open(home.folder()), Err(HomeError::ArchiveTimes(said)) if said == least));
    }
    // However short they live, dates of indices stay behind the clock.
    let windows = Windows { issue: 3600, spend: 3600, deposit: 3600 };
    assert_eq!(ArchiveTimes::least(&windows), ArchiveTimes { seal: 2, filter: 2 });
}

#[test]
fn the_next_keyset_is_due_before_the_last_one_ceases_to_issue_and_after_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let home = MintHome::init(folder.path().join("mint"), &options()).unwrap();
    let path = home.folder().join("mint.toml");
    let text = fs::read_to_string(&path).unwrap();
    // A mint from before it was said opens, and with a short life it is as short.
    for (name, value) in [
        ("ahead_seconds = 2592000\n", ""),
        ("ahead_seconds = 2592000\n", "ahead_seconds = 0\n"),
        ("issue_seconds = 7776000\n", "issue_seconds = 2592001\n"),
    ] {
        assert!(text.contains(name));
        fs::write(&path, text.replace(name, value)).unwrap();
        MintHome::open(home.folder()).unwrap();
    }
    fs::write(&path, text.replace("issue_seconds = 7776000", "issue_seconds = 2592000")).unwrap();
    assert!(matches!(MintHome::open(home.folder()), Err(HomeError::Ahead)));
    let options = InitOptions { ahead: Some(90 * 86_400), ..options() };
    assert!(matches!(MintHome::init(folder.path().join("other"), &options), Err(HomeError::Ahead)));
    assert!(!folder.path().join("other").exists());
    let windows = Windows { issue: 60, ..Windows::default() };
    assert_eq!((windows.usual_ahead(), Windows::default().usual_ahead()), (20, 30 * 86_400));
}
