//! What lies on the disk, and what opens it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use farthing_protocol::amount::Denomination;
use farthing_protocol::codec::{Decode, Encode, Reader, Writer};
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber};
use farthing_protocol::token::CoinKey;
use farthing_wallet::{OpenError, Passphrase, Protection, Unlock, Wallet, WordCount, Words};
use tempfile::TempDir;

use crate::double::amount;
use crate::world::{PASSPHRASE, World, protection};

const MEMO: &str = "a memo that nobody else reads";

/// Every file below a folder, with when it was changed and what is in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), (fs::metadata(&path).unwrap().modified().unwrap(), Vec::new()));
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), (fs::metadata(&path).unwrap().modified().unwrap(), fs::read(&path).unwrap()));
        }
    }
    found
}

fn is_found(folder: &Path, secret: &[u8]) -> bool {
    contents(folder).values().any(|(_, bytes)| bytes.windows(secret.len()).any(|window| window == secret))
}

/// A closed wallet that withdrew 1023 and paid 37, and its words.
async fn used_wallet(world: &World, protection: Protection) -> (TempDir, Words) {
    let folder = tempfile::tempdir().unwrap();
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let wallet = Wallet::create(folder.path(), &words, protection, world.options()).await.unwrap();
    let mint = wallet.add_mint(&world.url).await.unwrap();
    wallet.pin_mint(&mint.id).await.unwrap();
    world.double.credit(wallet.account(&mint.id), 10_000);
    world.withdraw(&wallet, 1023).await;
    let memo = Some(MEMO.to_owned());
    wallet.pay(world.invoice_with(37, |draft| draft.memo = memo)).await.unwrap();
    (folder, words)
}

fn bytes_of(part: &impl Encode) -> Vec<u8> {
    let mut out = Writer::default();
    out.part(part);
    out.finish()
}

/// The secret of each coin of the first withdrawal of 1023, and its public half.
fn coins(world: &World, words: &Words, keyset: farthing_protocol::ids::KeysetId) -> Vec<Vec<u8>> {
    let (mint, seed) = (world.double.id(), words.seed());
    let issuance = IssuanceContext { mint, keyset, number: IssuanceNumber::FIRST };
    let keys = (0..10_u8).map(|k| {
        let denomination = Denomination::new(k).unwrap();
        seed.coin_key(&CoinContext { issuance, position: k.into(), denomination })
    });
    keys.flat_map(|key| [bytes_of(&key), key.public().as_bytes().to_vec()]).collect()
}

#[tokio::test]
async fn nothing_secret_lies_on_the_disk() {
    let (world, _) = World::new().await;
    let (folder, words) = used_wallet(&world, protection()).await;
    let wallet = Wallet::open(folder.path(), protection().unlock(), world.options()).await.unwrap();
    let mint = wallet.mints().pop().unwrap();
    let keyset = mint.units[0].active.as_ref().unwrap().keyset;
    let payee = wallet.history().await.unwrap();
    assert_eq!(payee.len(), 2);
    drop(wallet);

    let phrase = words.iter().collect::<Vec<_>>().join(" ");
    let mnemonic = bip39::Mnemonic::parse(&phrase).unwrap();
    let mut secrets: Vec<(&str, Vec<u8>)> = vec![
        ("seed", mnemonic.to_seed_normalized("").to_vec()),
        ("entropy", mnemonic.to_entropy()),
        ("words", phrase.into_bytes()),
        ("passphrase", PASSPHRASE.as_bytes().to_vec()),
        ("address of the mint", world.url.strip_prefix("http://").unwrap().as_bytes().to_vec()),
        ("identity of the mint", mint.id.as_bytes().to_vec()),
        ("keyset", keyset.as_bytes().to_vec()),
        ("memo", MEMO.as_bytes().to_vec()),
    ];
    secrets.extend(coins(&world, &words, keyset).into_iter().map(|key| ("coin", key)));
    for (what, secret) in &secrets {
        assert!(!is_found(folder.path(), secret), "{what}");
        assert!(!is_found(folder.path(), &secret[..secret.len().min(12)]), "the beginning of: {what}");
    }
}

#[tokio::test]
async fn a_coin_key_is_what_the_search_takes_it_for() {
    let (world, wallet) = World::new().await;
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let keyset = wallet.mints()[0].units[0].active.as_ref().unwrap().keyset;
    for pair in coins(&world, &words, keyset).chunks(2) {
        let key = CoinKey::decode_from(&mut Reader::new(&pair[0])).unwrap();
        assert_eq!(key.public().as_bytes().as_slice(), pair[1]);
    }
}

#[tokio::test]
async fn without_a_passphrase_the_keys_lie_there_and_the_file_says_so() {
    let (world, _) = World::new().await;
    let (folder, words) = used_wallet(&world, Protection::NoPassphrase).await;
    assert!(!Wallet::needs_passphrase(folder.path()).unwrap());
    let mnemonic = bip39::Mnemonic::parse(words.iter().collect::<Vec<_>>().join(" ")).unwrap();
    assert!(is_found(folder.path(), &mnemonic.to_seed_normalized("")));
    assert!(is_found(folder.path(), b"NOT ENCRYPTED"));
    assert!(!is_found(folder.path(), MEMO.as_bytes()), "the state is encrypted all the same");
    let wallet = Wallet::open(folder.path(), Unlock::NoPassphrase, world.options()).await.unwrap();
    assert_eq!(wallet.balance().await.unwrap()[0].available, amount(1023 - 37));
    drop(wallet);
    let given = Wallet::open(folder.path(), protection().unlock(), world.options()).await;
    assert!(matches!(given, Err(OpenError::NoPassphrase)));
}

#[tokio::test]
async fn a_wrong_passphrase_touches_nothing() {
    let (world, wallet) = World::new().await;
    let wrong = || Unlock::Passphrase(Passphrase::new("not this one"));
    // Not even the lock of the state is asked for.
    let opened = Wallet::open(world.path(), wrong(), world.options()).await;
    assert!(matches!(opened, Err(OpenError::WrongPassphrase)));
    drop(wallet);
    // Opening alone makes the store write; what is compared is a folder that rests.
    drop(world.open().await);
    let before = contents(world.path());
    assert!(Wallet::needs_passphrase(world.path()).unwrap());
    for (unlock, refusal) in [
        (wrong(), OpenError::WrongPassphrase),
        (Unlock::NoPassphrase, OpenError::NeedsPassphrase),
        (Unlock::Passphrase(Passphrase::new("")), OpenError::EmptyPassphrase),
    ] {
        let opened = Wallet::open(world.path(), unlock.clone(), world.options()).await.unwrap_err();
        assert_eq!(opened.to_string(), refusal.to_string());
        let (none, options) = (Protection::NoPassphrase, world.options());
        let changed = Wallet::change_passphrase(world.path(), unlock, none, &options).await.unwrap_err();
        assert_eq!(changed.to_string(), refusal.to_string());
        assert_eq!(contents(world.path()), before);
    }
    world.open().await;
}

#[tokio::test]
async fn a_passphrase_is_changed_for_a_wallet_that_nobody_has_open() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 700).await;
    let options = world.options();
    let change =
        |from: Protection, to: Protection| Wallet::change_passphrase(world.path(), from.unlock(), to, &options);
    let in_use = change(protection(), Protection::NoPassphrase).await;
    assert!(matches!(in_use, Err(OpenError::InUse)));
    drop(wallet);

    let mut other = protection();
    if let Protection::Passphrase { passphrase, .. } = &mut other {
        *passphrase = Passphrase::new("another");
    }
    let mut empty = protection();
    if let Protection::Passphrase { passphrase, .. } = &mut empty {
        *passphrase = Passphrase::new("");
    }
    assert!(matches!(change(protection(), empty).await, Err(OpenError::EmptyPassphrase)));
    change(protection(), other.clone()).await.unwrap();
    let old = Wallet::open(world.path(), protection().unlock(), world.options()).await;
    assert!(matches!(old, Err(OpenError::WrongPassphrase)));
    let wallet = Wallet::open(world.path(), other.unlock(), world.options()).await.unwrap();
    assert_eq!(world.balance(&wallet).await, (700, 0));
    drop(wallet);

    change(other, Protection::NoPassphrase).await.unwrap();
    change(Protection::NoPassphrase, protection()).await.unwrap();
    assert_eq!(world.balance(&world.open().await).await, (700, 0));
    let names: Vec<_> = fs::read_dir(world.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn keys_and_state_of_two_wallets_do_not_open() {
    let (world, wallet) = World::new().await;
    let (other, other_wallet) = World::new().await;
    drop((wallet, other_wallet));
    fs::copy(other.path().join("keys"), world.path().join("keys")).unwrap();
    let opened = Wallet::open(world.path(), protection().unlock(), world.options()).await;
    assert!(matches!(opened, Err(OpenError::KeysMismatch)));
}

#[tokio::test]
async fn a_folder_of_before_encryption_is_neither_opened_nor_made_anew() {
    let (world, _wallet) = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("seed"), "farthingseed1qqq\n").unwrap();
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let opened = Wallet::open(folder.path(), Unlock::NoPassphrase, world.options()).await;
    assert!(matches!(opened, Err(OpenError::Unencrypted)));
    let made = Wallet::create(folder.path(), &words, protection(), world.options()).await;
    assert!(matches!(made, Err(OpenError::Unencrypted)));
    assert_eq!(contents(folder.path()).len(), 1);
}

/// Whatever byte of whatever file is changed: the wallet says so, or shows what it held.
#[tokio::test]
async fn a_changed_byte_never_changes_what_the_wallet_holds() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 1023).await;
    let history = wallet.history().await.unwrap();
    drop(wallet);
    let mut refused = 0;
    for (path, (_, bytes)) in contents(world.path()) {
        let step = (bytes.len() / 40).max(1);
        for place in (0..bytes.len()).step_by(step) {
            let copy = world.copy();
            let file = copy.path().join(path.strip_prefix(world.path()).unwrap());
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            fs::write(&file, changed).unwrap();
            let Ok(wallet) = Wallet::open(copy.path(), protection().unlock(), world.options()).await else {
                refused += 1;
                continue;
            };
            match (wallet.balance().await, wallet.history().await) {
                (Ok(balance), Ok(found)) => {
                    assert_eq!(balance[0].available, amount(1023), "{} at {place}", file.display());
                    assert_eq!(found, history);
                }
                _ => refused += 1,
            }
        }
    }
    assert!(refused > 40, "every byte of `keys` at least is looked at");
}

#[tokio::test]
async fn a_wallet_whose_state_is_gone_is_no_empty_wallet() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 5).await;
    drop(wallet);
    fs::remove_dir_all(world.path().join("state")).unwrap();
    for _ in 0..2 {
        let opened = Wallet::open(world.path(), protection().unlock(), world.options()).await.map(drop);
        assert!(matches!(opened, Err(OpenError::StateMissing)), "{opened:?}");
    }
}
