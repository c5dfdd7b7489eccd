//! Mints that earlier versions left open with everything that is in them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use farthing_durable::{Engine, Options, Pairs};
use farthing_issuer::{LedgerOpenError, Mint, MintError, MintHome, Surroundings};
use farthing_protocol::api::DepositOutcome;
use farthing_protocol::identity::AccountKey;
use farthing_verifier::spent;

use crate::common::{TestClock, World, amount, unlock};
use crate::wallet::{Wallet, deposit, pay};

/// The last layout that this version knows.
const LAST: u32 = 3;

/// A copy of a fixture that can be written to.
fn copy_of(layout: &str) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for item in fs::read_dir(from).unwrap() {
            let path = item.unwrap().path();
            let to = to.join(path.file_name().unwrap());
            if path.is_dir() { copy(&path, &to) } else { fs::write(to, fs::read(&path).unwrap()).unwrap() }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures")).join(layout);
    copy(&fixture, &folder.path().join("mint"));
    // Folders that are empty are no part of what is kept under version control.
    fs::create_dir(folder.path().join("mint/ledger/blobs")).unwrap();
    folder
}

/// All small values, and the number of the layout if there is one.
fn rows(folder: &Path) -> (Pairs, Option<u32>) {
    let engine = Engine::open(&folder.join("mint/ledger"), Options::new().indexer(spent::indexer())).unwrap();
    let rows = engine.submit(|txn| txn.scan_prefix(b"", None, usize::MAX)).wait().unwrap().unwrap();
    let schema = rows.iter().find(|(key, _)| key == b"meta/schema");
    let layout = schema.map(|(_, value)| u32::from_le_bytes(value[1..5].try_into().unwrap()));
    (rows, layout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_of_the_first_layout_opens_and_goes_on() {
    let folder = copy_of("layout-0");
    let (before, layout) = rows(folder.path());
    assert_eq!(layout, None);
    let mut world = World::in_folder(folder, 86_400).await;
    let books = world.audit().await.units.remove(0);
    let figures = [books.funded, books.paid_out, books.balances, books.fees, books.vouchers, books.pending];
    assert_eq!(figures.map(|amount| amount.units()), [10_100, 8, 9948, 3, 50, 4]);
    assert_eq!([books.issued, books.redeemed].map(|amount| amount.units()), [1124, 1037]);
    let payee = AccountKey::from_text("_IuYU5uLVCsutm963rSmeEA9HRakTt7dlDxDqq2liJM").unwrap();
    assert_eq!(world.balance(&payee).await, 994);
    assert_eq!(world.mint().books().payouts(true, None, 10).await.unwrap().len(), 2);
    assert_eq!(world.mint().keysets().len(), 2);
    // What was published is what it was.
    let index = world.mint().seal().await.unwrap();
    assert_eq!(index.keysets().iter().map(|keyset| (keyset.segments.len(), keyset.filters.len())).max(), Some((1, 1)));
    // Opened again, nothing is left to do.
    world.reopen().await;
    // And it goes on.
    let keyset = world.keysets().await.keysets.swap_remove(0).verify().unwrap();
    let mut wallet = Wallet::funded(&world, 500).await;
    let draft = wallet.draft(&world, &keyset, farthing_protocol::shape::Shape::Withdrawal(amount(100))).await;
    let record = world.mint().finish(draft.by_account(&wallet.account, crate::wallet::operation())).await.unwrap();
    let coins = wallet.adopt(&keyset, &draft, &record);
    let outcome = world.mint().deposit(vec![deposit(pay(&keyset, &coins, wallet.payee(), world.now()))]).await.unwrap();
    assert!(matches!(outcome[0], DepositOutcome::Accepted { .. }));
    world.audit().await;
    // Nothing of what was there has gone away.
    world.close();
    let (after, layout) = rows(world.folder());
    assert_eq!(layout, Some(LAST));
    for (key, _) in before {
        assert!(after.iter().any(|(other, _)| *other == key), "{}", String::from_utf8_lossy(&key));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_of_a_later_layout_is_refused_and_not_touched() {
    let mut world = World::new().await;
    world.close();
    let ledger = world.home.folder().join("ledger");
    let write = |layout: u32| {
        let engine = Engine::open(&ledger, Options::new().indexer(spent::indexer())).unwrap();
        let value = [&[1][..], &layout.to_le_bytes(), &[0]].concat();
        engine.submit(move |txn| txn.put(b"meta/schema", &value)).wait().unwrap().unwrap();
    };
    write(LAST + 1);
    for _ in 0..2 {
        let clock: Arc<TestClock> = Arc::clone(&world.clock);
        let refused = Mint::open_in(&world.home, unlock(), Surroundings { clock, ..Surroundings::default() }).await;
        assert!(
            matches!(refused, Err(MintError::Ledger(LedgerOpenError::Newer { found, known })) if (found, known) == (LAST + 1, LAST)),
            "{refused:?}"
        );
    }
    // A version behind this one refuses a ledger that this one has opened, as this one does the next.
    write(LAST - 1);
    world.reopen().await;
    world.close();
    assert_eq!(rows(world.folder()).1, Some(LAST));
    // The fence counts what was written behind the mint's back, and is not behind it.
    world.reopen().await;
    world.audit().await;
    MintHome::open(world.home.folder()).unwrap();
}
