//! A mint whose keys are with a process of their own.

mod archive;
mod ended;
mod folder;
mod lost;
mod reach;
mod rules;
mod strangers;
mod taken;
mod thief;
mod twice;

use farthing_issuer::{
    Authority, BackupPlan, Books, FinishError, HomeError, KeyHome, Mint, MintError, OpenError, SignerListen,
    SignerOptions, ValueLimits, write_backup,
};
use farthing_protocol::amount::Amount;
use farthing_protocol::api::{DepositOutcome, OpenRequest};
use farthing_protocol::shape::Shape;

use crate::authenticator::Authenticator;
use crate::common::{World, amount, hand_over, unlock};
use crate::wallet::{Wallet, deposit, operation, pay};

pub(crate) fn socket() -> SignerOptions {
    SignerOptions { listen: SignerListen::Socket, limits: ValueLimits::default() }
}

pub(crate) fn limited(withdrawn: u64, swapped: u64) -> SignerOptions {
    let limits =
        ValueLimits { withdrawn: Amount::new(withdrawn), swapped: Amount::new(swapped), ..ValueLimits::default() };
    SignerOptions { listen: SignerListen::Socket, limits }
}

pub(crate) fn tls() -> SignerOptions {
    let listen = SignerListen::Tcp { listen: "127.0.0.1:0".parse().unwrap(), address: "127.0.0.1:0".to_owned() };
    SignerOptions { listen, limits: ValueLimits::default() }
}

pub(crate) async fn opens(world: &World) -> Result<(), OpenError> {
    let (keyset, shape) = (world.keyset().await, Shape::Withdrawal(amount(1)));
    world.mint().open_issuance(&OpenRequest { keyset: *keyset.id(), shape }).await.map(drop)
}

/// Withdraws, swaps, pays, publishes.
async fn works(world: &mut World) {
    let mut wallet = Wallet::funded(world, 1000).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(world, 8).await;
    let coins = wallet.swap(world, &keyset, Shape::Split(coins[0].0.denomination), &coins).await.unwrap();
    assert_eq!(coins.len(), 4);
    let shop = Wallet::new(&world.id());
    let paid = world.mint().deposit(vec![deposit(pay(&keyset, &coins[1..], shop.payee(), world.now()))]).await;
    assert!(matches!(paid.unwrap()[0], DepositOutcome::Accepted { .. }));
    world.clock.pass(7200);
    let index = world.mint().seal().await.unwrap();
    index.accept(&world.id(), None, &|_| None, world.now()).unwrap();
    assert_eq!(index.keyset(keyset.id()).unwrap().segments.len(), 1);
    world.keysets().await.list.accept(&world.id(), None, world.now()).unwrap();
    assert_eq!((world.balance(&wallet.key()).await, world.balance(&shop.key()).await), (992, 7));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_that_is_lost_is_taken_away_with_the_signers_keys() {
    let mut world = World::apart(socket()).await;
    let books = world.mint().books().clone();
    let drawn = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    books.confirm_administrator(drawn.first(world.now())).await.unwrap();
    assert!(matches!(KeyHome::open(world.home.folder()), Err(HomeError::KeysApart)));
    let keys = KeyHome::open(world.signer.as_ref().unwrap().home.folder()).unwrap();
    let authority = books.prove_by_keys(keys, unlock()).await.unwrap();
    books.remove_administrator(authority).await.unwrap();
    // A copy with keys holds what factors lie under, and says that it holds no keys.
    let (to, now) = (world.folder().join("copy"), world.now());
    let mut copy = books.copy_ledger();
    let plan = BackupPlan { to: to.clone(), with_keys: true, now };
    let summary = write_backup(&world.home, plan, async || copy.portion().await).await.unwrap();
    assert!(!summary.with_keys && !to.join("keys").exists() && to.join("factors.key").exists());
    drop((books, copy));
    world.reopen().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_with_a_signer_works_and_holds_no_key() {
    let mut world = World::apart(socket()).await;
    works(&mut world).await;
    assert!(!world.home.folder().join("keys").exists());
    world.reopen().await;
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_each_side_knows_the_others_key() {
    let mut world = World::apart(tls()).await;
    works(&mut world).await;
    // Another mint's key, which the signer does not know.
    let path = world.home.folder().join("signer-tls.key");
    let own = std::fs::read(&path).unwrap();
    std::fs::write(&path, [7; 32]).unwrap();
    world.reopen().await;
    assert_eq!(opens(&world).await, Err(OpenError::SignerUnreached));
    std::fs::write(&path, own).unwrap();
    world.reopen().await;
    opens(&world).await.unwrap();
    // Another signer's key, which the mint does not know.
    let key = "signer_key = \"";
    let stranger = farthing_protocol::codec::to_base64url(&[7; 32]);
    world.configure(|text| {
        let at = text.find(key).unwrap() + key.len();
        format!("{}{stranger}{}", &text[..at], &text[at + stranger.len()..])
    });
    world.reopen().await;
    assert_eq!(opens(&world).await, Err(OpenError::SignerUnreached));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_handed_over_once_and_the_whole_way() {
    let mut world = World::apart(socket()).await;
    world.close();
    world.stop_signer().await;
    let signer = world.signer.as_ref().unwrap().home.clone();
    assert!(matches!(Mint::open(&world.home, unlock()).await, Err(MintError::Home(HomeError::KeysApart))));
    // As if it had been cut short before the mint was told, and again before its keys were removed.
    let mint = world.home.folder().to_owned();
    let books = Books::open_by(&world.home, world.clock.clone()).await.unwrap();
    let other = hand_over(mint.join("other"), &books, socket()).await;
    assert!(matches!(other, Err(HomeError::KeysApart)));
    world.configure(|text| text.split_once("# The process that holds").unwrap().0.to_owned());
    std::fs::create_dir(mint.join("keys")).unwrap();
    for entry in std::fs::read_dir(signer.folder().join("keys")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, mint.join("keys").join(path.file_name().unwrap())).unwrap();
    }
    assert!(matches!(Mint::open_with_signer(&world.home).await, Err(MintError::Home(HomeError::KeysHere))));
    hand_over(signer.folder().to_owned(), &books, socket()).await.unwrap();
    drop(books);
    assert!(!mint.join("keys").exists());
    world.configure(|text| text);
    world.start_signer().await;
    world.reopen().await;
    opens(&world).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_signer_is_gone_nothing_is_issued_and_everything_else_goes_on() {
    let mut world = World::apart(socket()).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 7).await;
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
    let request = draft.by_account(&wallet.account, operation());
    world.stop_signer().await;
    assert_eq!(opens(&world).await, Err(OpenError::SignerUnreached));
    assert_eq!(world.mint().finish(request.clone()).await, Err(FinishError::SignerUnreached));
    let shop = Wallet::new(&world.id());
    let paid = world.mint().deposit(vec![deposit(pay(&keyset, &coins, shop.payee(), world.now()))]).await;
    assert!(matches!(paid.unwrap()[0], DepositOutcome::Accepted { .. }));
    assert_eq!(world.balance(&wallet.key()).await, 993);
    world.reopen().await;
    // Another process of the signer does not know its sessions.
    world.start_signer().await;
    assert_eq!(world.mint().finish(request).await, Err(FinishError::UnknownSession));
    wallet.coins(&world, 5).await;
    assert_eq!((world.balance(&wallet.key()).await, world.balance(&shop.key()).await), (988, 7));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_mints_process_and_its_record_the_signers() {
    let mut world = World::apart(socket()).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
    let request = draft.by_account(&wallet.account, operation());
    world.reopen().await;
    let record = world.mint().finish(request.clone()).await.unwrap();
    world.start_signer().await;
    assert_eq!(world.mint().finish(request.clone()).await.unwrap(), record);
    world.stop_signer().await;
    assert_eq!(world.mint().finish(request).await.unwrap(), record);
    assert_eq!(wallet.adopt(&keyset, &draft, &record).len(), 2);
    assert_eq!(world.balance(&wallet.key()).await, 995);
    world.audit().await;
}
