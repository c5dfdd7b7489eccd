//! A verifier's folder.

use std::os::unix::fs::PermissionsExt;

use farthing_http::client::BaseUrl;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::derive::{MerchantIndex, Seed};
use farthing_protocol::identity::MintId;
use farthing_verifier::home::{HomeError, HomeOptions, Rotation, VerifierHome};

fn url() -> BaseUrl {
    BaseUrl::parse("http://127.0.0.1:9").unwrap()
}

#[test]
fn a_folder_is_made_once_and_keeps_its_keys() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a").join("shop");
    let mint = MintId::from_bytes([7; 32]);
    assert!(matches!(VerifierHome::open(&folder), Err(HomeError::Missing)));
    let options = HomeOptions { locked: true, ..HomeOptions::default() };
    let home = VerifierHome::init(&folder, &url(), &mint, &options).unwrap();
    assert_eq!((home.mint(), home.mint_url(), home.options()), (&mint, &url(), &options));
    for (name, mode) in [("keys.toml", 0o600), ("config.toml", 0o600), ("", 0o700)] {
        let found = std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
    assert!(matches!(VerifierHome::init(&folder, &url(), &mint, &options), Err(HomeError::Exists)));
    assert_eq!(VerifierHome::open(&folder).unwrap().payee(), home.payee());
}

#[test]
fn an_init_cut_short_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let mint = MintId::from_bytes([7; 32]);
    let home = VerifierHome::init(folder.path(), &url(), &mint, &HomeOptions::default()).unwrap();
    std::fs::remove_file(folder.path().join("config.toml")).unwrap();
    std::fs::write(folder.path().join("config.toml.unfinished"), "tok").unwrap();
    assert!(matches!(VerifierHome::open(folder.path()), Err(HomeError::Missing)));
    let again = VerifierHome::init(folder.path(), &url(), &mint, &HomeOptions::default()).unwrap();
    assert_eq!(again.payee(), home.payee());
}

#[test]
fn a_damaged_key_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mint = MintId::from_bytes([7; 32]);
    let home = VerifierHome::init(folder.path(), &url(), &mint, &HomeOptions::default()).unwrap();
    let path = folder.path().join("keys.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let secret = text.lines().find_map(|line| line.strip_prefix("secret = ")).unwrap().trim_matches('"');
    assert!(!format!("{home:?}").contains(secret));
    let lost = text.find("[[lock]]").unwrap();
    for damaged in [
        text.replace(secret, &secret[..20]),
        text.replace(secret, "?"),
        text[..lost].to_owned(),
        text.replace("index", "idx"),
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = VerifierHome::open(folder.path()).unwrap_err();
        assert!(matches!(error, HomeError::Keys));
        assert!(!format!("{error} {error:?}").contains(&secret[..20]));
    }
}

#[test]
fn a_folder_comes_back_from_its_words_with_the_same_payee_and_another_lock_key() {
    let parent = tempfile::tempdir().unwrap();
    let (seed, mint) = (Seed::from_bytes([5; 64]), MintId::from_bytes([7; 32]));
    let make = |name: &str, index: u32| {
        let at = (&seed, MerchantIndex::new(index));
        VerifierHome::init_from(&parent.path().join(name), &url(), &mint, &HomeOptions::default(), at)
    };
    let first = make("first", 0).unwrap();
    assert!(first.is_of(&seed) && !first.is_of(&Seed::from_bytes([6; 64])));
    let (now, accept_until) = (UnixTime::from_seconds(1), UnixTime::from_seconds(2));
    let rotation = Rotation { seed: &seed, new_words: false, lock: false, now, accept_until };
    let rotated = first.rotate(&rotation).unwrap();
    let back = make("back", 1).unwrap();
    assert_eq!(back.payee(), rotated.payee());
    let payees = |home: &VerifierHome| home.keys().iter().map(|key| key.payee).collect::<Vec<_>>();
    assert_eq!(payees(&back), payees(&rotated));
    // Cut short, it is gone on with for the same words; keys of others are not written over.
    std::fs::remove_file(back.folder().join("config.toml")).unwrap();
    assert!(matches!(make("back", 0), Err(HomeError::OtherKeys)));
    assert_eq!(make("back", 1).unwrap().lock_keys(), back.lock_keys());
    assert!(matches!(make("back", 1), Err(HomeError::Exists)));
}
