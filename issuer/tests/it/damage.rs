//! A ledger whose file was damaged: the mint refuses to open, or has forgotten nothing.

use std::fs;
use std::path::Path;

use farthing_issuer::{Books, BooksError, LedgerOpenError, Mint, MintError};
use farthing_protocol::api::DepositOutcome;

use crate::common::{World, unlock};
use crate::wallet::{Wallet, deposit, pay};

/// At how many places of the file a byte is changed.
const PLACES: usize = 40;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &to.join(item.file_name()));
        } else {
            fs::copy(item.path(), to.join(item.file_name())).unwrap();
        }
    }
}

fn refused(error: &LedgerOpenError) -> bool {
    matches!(error, LedgerOpenError::Incomplete(_)) && error.to_string().contains("forget spent serials")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_whose_ledger_lost_its_tail_does_not_open() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let (keyset, shop) = (world.keyset().await, Wallet::new(&world.id()));
    let coins = wallet.coins(&world, 37).await;
    let ledger = world.home.folder().join("ledger");
    world.close();
    let before = fs::read(ledger.join("db")).unwrap();
    world.reopen().await;
    let payment = pay(&keyset, &coins, shop.payee(), world.now());
    let outcome = world.mint().deposit(vec![deposit(payment)]).await.unwrap().remove(0);
    assert!(matches!(outcome, DepositOutcome::Accepted { .. }), "{outcome:?}");
    world.close();
    // As it was before the tokens were spent.
    fs::write(ledger.join("db"), before).unwrap();
    for _ in 0..2 {
        let mint = Mint::open(&world.home, unlock()).await;
        assert!(matches!(&mint, Err(MintError::Ledger(error)) if refused(error)), "{mint:?}");
        let books = Books::open(&world.home).await;
        assert!(matches!(&books, Err(BooksError::Ledger(error)) if refused(error)), "{books:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_of_the_ledger_is_harmless_or_refused() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let (keyset, shop) = (world.keyset().await, Wallet::new(&world.id()));
    for round in 0..12 {
        let coins = wallet.coins(&world, 37).await;
        let payment = pay(&keyset, &coins, shop.payee(), world.now());
        let outcome = world.mint().deposit(vec![deposit(payment)]).await.unwrap().remove(0);
        assert!(matches!(outcome, DepositOutcome::Accepted { .. }), "{outcome:?}");
        if round == 5 {
            world.reopen().await;
        }
    }
    let (truth, shops) = (world.audit().await, world.balance(&shop.key()).await);
    world.close();
    let (ledger, whole) = (world.home.folder().join("ledger"), world.home.folder().join("whole"));
    copy(&ledger, &whole);
    let bytes = fs::read(whole.join("db")).unwrap();
    // sled's file grows by segments, and the end of the last one is empty.
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut incomplete = 0;
    for place in (1..used).step_by((used / PLACES) | 1) {
        fs::remove_dir_all(&ledger).unwrap();
        copy(&whole, &ledger);
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        fs::write(ledger.join("db"), damaged).unwrap();
        match Books::open(&world.home).await {
            Ok(books) => {
                let report = books.audit().await.unwrap();
                assert!(report.is_right() && report.units == truth.units, "{report:?}");
                let balances = books.account(&shop.key()).await.unwrap().balances;
                assert_eq!(balances[0].balance.units(), shops);
            }
            Err(BooksError::Ledger(error)) if refused(&error) => incomplete += 1,
            Err(error) => panic!("{error:?} at {place}"),
        }
    }
    assert!(incomplete > 0);
}
