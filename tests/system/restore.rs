//! A wallet comes back from its words, with a real mint that seals every second and is killed in between.

use std::path::Path;
use std::time::{Duration, SystemTime};

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{ArchiveAnswer, mint_path};
use farthing_wallet::{
    Options, Protection, RestoreState, Restored, SwapWhat, Wallet, WithdrawWhat, WordCount, Words, account_text,
};

use crate::harness::{Server, World, answer_of};
use crate::raw::amount;

fn unit() -> Unit {
    Unit::new("EUR", 2).unwrap()
}

/// A mint that seals and closes its filters every second.
pub(crate) fn quick_mint(world: &World) -> Server {
    world.run(&["mint", "init"]);
    hurry(world, 2, 2);
    world.mint()
}

/// From when it is started the mint seals and closes its filters every so many seconds: allowed, as it says that its next keysets live
/// for a few hours only.
pub(crate) fn hurry(world: &World, seal: u32, filter: u32) {
    let path = world.path(".farthing/mint/mint.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = [
        ("issue_seconds = 7776000", "issue_seconds = 6000"),
        ("ahead_seconds = 2592000", "ahead_seconds = 2000"),
        ("spend_seconds = 31536000", "spend_seconds = 6000"),
        ("deposit_seconds = 2592000", "deposit_seconds = 6000"),
        ("seal_seconds = 3600", &format!("seal_seconds = {seal}")),
        ("filter_seconds = 86400", &format!("filter_seconds = {filter}")),
    ]
    .into_iter()
    .fold(text, |text, (usual, quick)| text.replace(usual, quick));
    std::fs::write(&path, text).unwrap();
}

async fn wallet(folder: &Path, words: &Words, mint: &Server) -> Wallet {
    let wallet = Wallet::create(folder, words, Protection::NoPassphrase, Options::new()).await.unwrap();
    let view = wallet.add_mint(&mint.url).await.unwrap();
    wallet.pin_mint(&view.id).await.unwrap();
    wallet
}

/// Goes on until the mint has sealed everything.
async fn finished(go_on: impl AsyncFn() -> Restored) -> Restored {
    for _ in 0..600 {
        let restored = go_on().await;
        if restored.state == RestoreState::Finished {
            return restored;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the mint does not seal");
}

async fn restored(wallet: &Wallet) -> Restored {
    let mint = wallet.mints()[0].id;
    finished(async || wallet.restore(&mint).await.unwrap()).await
}

/// Waits until the mint's filters say what was spent before a time.
async fn until_filtered(mint: &Server, time: SystemTime) {
    let time = UnixTime::from_seconds(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    for _ in 0..600 {
        let (status, answer) = answer_of("GET", &mint.url, mint_path::ARCHIVE, b"").await;
        if status == 200 {
            let ArchiveAnswer { index } = serde_json::from_value(answer).unwrap();
            if index.filtered_until() > time {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the mint closes no filter");
}

/// What a wallet holds of all kinds together.
async fn held(wallet: &Wallet) -> (Amount, Amount, Amount) {
    let balance = wallet.balance().await.unwrap().pop().unwrap();
    (balance.available, balance.restored, balance.suspected)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_from_the_words_alone() {
    let world = World::new();
    let mint = quick_mint(&world);
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let first = wallet(&world.path("first"), &words, &mint).await;
    let id = first.mints()[0].id;
    let account = account_text(&first.account(&id));
    world.run(&["mint", "credit", &account, "10.00"]);
    first.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(300))).await.unwrap();
    first.withdraw(&id, &unit(), WithdrawWhat::Bundle(0)).await.unwrap();
    first.swap(&id, &unit(), SwapWhat::Renew(amount(300))).await.unwrap();
    let (before, _, _) = held(&first).await;
    let done_at = SystemTime::now();
    drop(first);

    // The mint dies, and opens with what is on its disk.
    mint.kill();
    let mint = world.mint();
    until_filtered(&mint, done_at).await;
    let second = wallet(&world.path("second"), &words, &mint).await;
    let found = restored(&second).await;
    assert!(found.tokens > 0);
    let (available, waiting, _) = held(&second).await;
    assert_eq!((available, waiting), (Amount::ZERO, before), "what the swap had spent is in a filter, the rest is not");
    let confirmed = second.confirm_restored().await.unwrap();
    assert_eq!((confirmed.amount, confirmed.spent), (before, found.suspected));
    assert_eq!(held(&second).await, (before, Amount::ZERO, Amount::ZERO));
    second.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(1))).await.unwrap();

    // A listed file that is lost is made again.
    let archive = world.path(".farthing/mint/archive");
    assert!(std::fs::read_dir(&archive).unwrap().next().is_some());
    std::fs::remove_dir_all(&archive).unwrap();
    let third = wallet(&world.path("third"), &words, &mint).await;
    restored(&third).await;
    let (_, waiting, _) = held(&third).await;
    assert_eq!(waiting, before.checked_add(amount(1)).unwrap());

    // Two live wallets of the same words are brought together again.
    for _ in 0..3 {
        third.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(1))).await.unwrap();
    }
    finished(async || second.resynchronise(&id).await.unwrap()).await;
    let (available, waiting, _) = held(&second).await;
    assert_eq!((available, waiting), (Amount::ZERO, before.checked_add(amount(4)).unwrap()));
    let confirmed = second.confirm_restored().await.unwrap();
    assert_eq!(confirmed.amount, before.checked_add(amount(4)).unwrap());
    // What the other renews now was spent.
    let confirmed = third.confirm_restored().await.unwrap();
    assert_eq!(confirmed.renewed, 0);
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_that_dies_while_it_seals_publishes_everything_once() {
    let world = World::new();
    let mut mint = quick_mint(&world);
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let first = wallet(&world.path("first"), &words, &mint).await;
    let id = first.mints()[0].id;
    world.run(&["mint", "credit", &account_text(&first.account(&id)), "10.00"]);
    for pause in [1, 200, 500, 900, 1200] {
        for _ in 0..2 {
            first.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(3))).await.unwrap();
        }
        first.swap(&id, &unit(), SwapWhat::Renew(amount(1))).await.unwrap();
        // Somewhere between deciding, writing, listing and nothing at all.
        tokio::time::sleep(Duration::from_millis(pause)).await;
        mint.kill();
        mint = world.mint();
        first.add_mint(&mint.url).await.unwrap();
    }
    let (before, _, _) = held(&first).await;
    drop(first);
    let second = wallet(&world.path("second"), &words, &mint).await;
    restored(&second).await;
    assert_eq!(held(&second).await.1, before);
    assert_eq!(second.confirm_restored().await.unwrap().amount, before);
    world.audit();
}
