//! The verifier's view of a mint that is honest, behind, or cheats.

use std::path::Path;
use std::sync::atomic::Ordering;

use farthing_durable::{Engine, Options};
use farthing_http::client::HttpClient;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::KeysetsAnswer;
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::keyset::{KeysetList, KeysetTerms, ListError, ListedHead, Misconduct, Redemption, Revocation};
use farthing_verifier::conformance::TestMint;
use farthing_verifier::keyring::{Keyring, KeyringError};

use crate::common::NOW;
use crate::double::Running;

async fn open(folder: &Path, running: &Running) -> Keyring {
    open_for(folder, running, running.double.mint.id()).await
}

async fn open_for(folder: &Path, running: &Running, mint: MintId) -> Keyring {
    let engine = Engine::open(&folder.join("store"), Options::new()).unwrap();
    let client = HttpClient::builder().build().unwrap();
    Keyring::open(engine, folder.join("evidence"), client, [(mint, running.url())]).await.unwrap()
}

/// The next keyset of a mint.
fn successor(mint: &TestMint, change: impl FnOnce(&mut KeysetTerms)) -> TestMint {
    let (head, until) = (mint.keyset().head(), mint.keyset().terms().issue_until);
    TestMint::of(Keypair::from_secret(&mint.identity().secret()), NOW, |terms| {
        terms.sequence = head.sequence + 1;
        terms.predecessor = Some(head.keyset);
        terms.active_from = until;
        terms.issue_until = until.plus(1000);
        change(terms);
    })
}

fn list(mint: &TestMint, head: &TestMint, at: UnixTime, revocations: Vec<Revocation>) -> KeysetList {
    let terms = head.keyset().terms();
    let heads = vec![ListedHead { unit: terms.unit.clone(), redemption: terms.redemption, head: head.keyset().head() }];
    KeysetList::sign(mint.identity(), at, at.plus(86_400), heads, revocations).unwrap()
}

#[tokio::test]
async fn chains_are_followed_and_kept() {
    let running = Running::start(TestMint::new(NOW)).await;
    let folder = tempfile::tempdir().unwrap();
    let mint = &running.double.mint;
    let keyring = open(folder.path(), &running).await;
    assert!(matches!(keyring.view(&mint.id(), NOW), Err(KeyringError::NotCurrent)));
    keyring.refresh(&mint.id(), NOW).await.unwrap();
    assert!(keyring.known(&mint.id(), NOW).unwrap().get(mint.keyset().id()).is_some());
    assert!(matches!(keyring.refresh_soon(&mint.id(), NOW).await, Err(KeyringError::TooSoon)));
    assert_eq!(running.double.keysets_asked.load(Ordering::SeqCst), 1);

    let next = successor(mint, |_| {});
    let revoked = Revocation { keyset: *mint.keyset().id(), revoked_at: NOW.plus(7) };
    running.double.add(next.keyset().document().clone(), list(mint, &next, NOW.plus(10), vec![revoked]));
    keyring.refresh(&mint.id(), NOW.plus(10)).await.unwrap();
    assert_eq!(keyring.head_of(mint.keyset()), next.keyset().head());
    drop(keyring);

    // Kept, and known without asking.
    let keyring = open(folder.path(), &running).await;
    let known = keyring.known(&mint.id(), NOW.plus(10)).unwrap();
    assert!(known.get(next.keyset().id()).is_some());
    assert_eq!(known.get(mint.keyset().id()).unwrap().revoked_at, Some(NOW.plus(7)));
    assert!(matches!(keyring.view(&mint.id(), NOW.plus(10 + 86_400)), Err(KeyringError::NotCurrent)));

    // The older list again, which knew nothing of the revocation.
    running.double.publish(KeysetsAnswer { list: mint.list(NOW), keysets: vec![mint.keyset().document().clone()] });
    let older = keyring.refresh(&mint.id(), NOW.plus(20)).await;
    assert!(matches!(older, Err(KeyringError::List(ListError::Older))));
    // A newer one that takes the revocation back.
    running.double.publish(KeysetsAnswer {
        list: list(mint, &next, NOW.plus(15), vec![]),
        keysets: vec![mint.keyset().document().clone(), next.keyset().document().clone()],
    });
    let back = keyring.refresh(&mint.id(), NOW.plus(20)).await;
    assert!(matches!(back, Err(KeyringError::List(ListError::WentBack))));
    assert_eq!(keyring.head_of(mint.keyset()), next.keyset().head(), "what was known stays known");
}

#[tokio::test]
async fn a_fork_is_kept_as_evidence_and_the_mint_refused_for_good() {
    let running = Running::start(TestMint::new(NOW)).await;
    let folder = tempfile::tempdir().unwrap();
    let mint = &running.double.mint;
    let keyring = open(folder.path(), &running).await;
    let first = successor(mint, |_| {});
    running.double.add(first.keyset().document().clone(), list(mint, &first, NOW, vec![]));
    keyring.refresh(&mint.id(), NOW).await.unwrap();

    let second = successor(mint, |terms| terms.issue_until = terms.issue_until.plus(1));
    running.double.publish(KeysetsAnswer {
        list: list(mint, &second, NOW.plus(1), vec![]),
        keysets: vec![mint.keyset().document().clone(), second.keyset().document().clone()],
    });
    assert!(matches!(keyring.refresh(&mint.id(), NOW.plus(1)).await, Err(KeyringError::Misconduct(_))));
    assert!(matches!(keyring.view(&mint.id(), NOW), Err(KeyringError::Refused)));
    drop(keyring);

    let files: Vec<_> = std::fs::read_dir(folder.path().join("evidence")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let bytes = std::fs::read(files[0].as_ref().unwrap().path()).unwrap();
    assert!(Misconduct::from_bytes(&bytes).unwrap().proves());
    // Honest again, after a restart: it stays refused.
    running.double.publish(KeysetsAnswer {
        list: list(mint, &first, NOW.plus(2), vec![]),
        keysets: vec![mint.keyset().document().clone(), first.keyset().document().clone()],
    });
    let keyring = open(folder.path(), &running).await;
    assert!(matches!(keyring.refresh(&mint.id(), NOW.plus(2)).await, Err(KeyringError::Refused)));
    assert!(matches!(keyring.view(&mint.id(), NOW), Err(KeyringError::Refused)));
}

#[tokio::test]
async fn answers_of_another_mint_and_unlisted_keysets_are_refused() {
    let running = Running::start(TestMint::new(NOW)).await;
    let mint = &running.double.mint;
    // Pinned: another id. The one who answers cannot sign for it.
    let folder = tempfile::tempdir().unwrap();
    let pinned = TestMint::new(NOW).id();
    let keyring = open_for(folder.path(), &running, pinned).await;
    assert!(keyring.refresh(&pinned, NOW).await.is_err());
    assert!(matches!(keyring.view(&pinned, NOW), Err(KeyringError::NotCurrent)));
    assert!(matches!(keyring.refresh(&mint.id(), NOW).await, Err(KeyringError::UnknownMint)));
    drop(keyring);

    // A second chain that the signed list does not name.
    let closed = TestMint::of(Keypair::from_secret(&mint.identity().secret()), NOW, |terms| {
        terms.redemption = Redemption::Closed(mint.id().as_payee());
    });
    running.double.add(closed.keyset().document().clone(), mint.list(NOW));
    let keyring = open(folder.path(), &running).await;
    assert!(matches!(keyring.refresh(&mint.id(), NOW).await, Err(KeyringError::Inconsistent)));
    // And a list whose head nobody has seen.
    let next = successor(mint, |_| {});
    running.double.publish(KeysetsAnswer {
        list: list(mint, &next, NOW, vec![]),
        keysets: vec![mint.keyset().document().clone()],
    });
    assert!(matches!(keyring.refresh(&mint.id(), NOW).await, Err(KeyringError::Inconsistent)));
}
