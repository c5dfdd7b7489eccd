//! A verifier's folder.

use std::os::unix::fs::PermissionsExt;

use farthing_http::client::BaseUrl;
use farthing_protocol::identity::MintId;
use farthing_verifier::home::{HomeError, HomeOptions, VerifierHome};

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
    for (name, mode) in [("payee.key", 0o600), ("lock.key", 0o600), ("config.toml", 0o600), ("", 0o700)] {
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
    let path = folder.path().join("payee.key");
    let secret = std::fs::read_to_string(&path).unwrap();
    assert!(!format!("{home:?}").contains(secret.trim()));
    std::fs::write(&path, &secret[..20]).unwrap();
    let error = VerifierHome::open(folder.path()).unwrap_err();
    assert!(matches!(error, HomeError::Key(_)));
    assert!(!format!("{error} {error:?}").contains(&secret[..20]));
}
