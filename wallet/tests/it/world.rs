//! One wallet folder, one double, and the clock of both.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::request::{Invoice, InvoiceDraft};
use farthing_wallet::{Cost, Options, Passphrase, Protection, Step, Wallet, WithdrawWhat, WordCount, Words};
use tempfile::TempDir;

use crate::double::{Double, amount, unit};
use crate::http;

pub(crate) struct World {
    pub(crate) double: Arc<Double>,
    pub(crate) url: String,
    words: String,
    folder: TempDir,
}

/// A passphrase that costs nothing to guess.
pub(crate) fn protection() -> Protection {
    Protection::Passphrase {
        passphrase: Passphrase::new(PASSPHRASE),
        cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
    }
}

pub(crate) const PASSPHRASE: &str = "an open secret of the tests";

impl World {
    /// A wallet that has pinned the mint, whose account holds 10,000.
    pub(crate) async fn new() -> (Self, Wallet) {
        let double = Double::new();
        let url = format!("http://{}", http::serve(Arc::clone(&double)).await);
        let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
        let text = words.iter().collect::<Vec<_>>().join(" ");
        let world = Self { double, url, words: text, folder: tempfile::tempdir().unwrap() };
        let wallet = Wallet::create(world.path(), &words, protection(), world.options()).await.unwrap();
        let view = wallet.add_mint(&world.url).await.unwrap();
        assert_eq!(view.id, world.double.id());
        wallet.pin_mint(&view.id).await.unwrap();
        world.double.credit(wallet.account(&view.id), 10_000);
        (world, wallet)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// One attempt for each message, the double's clock.
    pub(crate) fn options(&self) -> Options {
        let clock = Arc::clone(&self.double.clock);
        Options::new().clock(move || UnixTime::from_seconds(clock.load(Ordering::SeqCst))).attempts(1, Duration::ZERO)
    }

    pub(crate) async fn open(&self) -> Wallet {
        Wallet::open(self.path(), protection().unlock(), self.options()).await.unwrap()
    }

    /// The wallet's folder as it is now, in another place. Nobody may have it open.
    pub(crate) fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(self.path(), copy.path());
        copy
    }

    /// An empty wallet of the same words, in a folder of its own, that has pinned the mint.
    pub(crate) async fn wallet_of_words(&self, folder: &Path, options: Options) -> Wallet {
        let words = Words::parse(&self.words).unwrap();
        let wallet = Wallet::create(folder, &words, protection(), options).await.unwrap();
        let view = wallet.add_mint(&self.url).await.unwrap();
        wallet.pin_mint(&view.id).await.unwrap();
        wallet
    }

    /// Somebody else's wallet, that has pinned the mint.
    pub(crate) async fn other_wallet(&self, folder: &Path) -> Wallet {
        let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
        let wallet = Wallet::create(folder, &words, protection(), self.options()).await.unwrap();
        let view = wallet.add_mint(&self.url).await.unwrap();
        wallet.pin_mint(&view.id).await.unwrap();
        wallet
    }

    /// Stops the wallet at the first step of this kind.
    pub(crate) async fn open_until(&self, step: Step) -> Wallet {
        let options = self.options().hook(move |at| at == step);
        Wallet::open(self.path(), protection().unlock(), options).await.unwrap()
    }

    pub(crate) async fn withdraw(&self, wallet: &Wallet, units: u64) {
        wallet.withdraw(&self.double.id(), &unit(), WithdrawWhat::Amount(amount(units))).await.unwrap();
    }

    pub(crate) fn invoice(&self, units: u64) -> Invoice {
        self.invoice_with(units, |_| {})
    }

    pub(crate) fn invoice_with(&self, units: u64, change: impl FnOnce(&mut InvoiceDraft)) -> Invoice {
        self.double.invoice(&self.url, units, change)
    }

    /// Available and reserved.
    pub(crate) async fn balance(&self, wallet: &Wallet) -> (u64, u64) {
        let balances = wallet.balance().await.unwrap();
        assert_eq!(balances.len(), 1);
        (balances[0].available.units(), balances[0].reserved.units())
    }

    /// Files of evidence.
    pub(crate) fn evidence(&self) -> Vec<serde_json::Value> {
        let Ok(folder) = std::fs::read_dir(self.path().join("evidence")) else { return Vec::new() };
        folder.map(|file| serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap()).collect()
    }

    /// Nothing is under way any more; what accounts, payee and wallet hold, and the withdrawal fees, make up what there was.
    pub(crate) async fn assert_settled(&self, wallet: &Wallet, fees: u64) {
        assert_eq!(wallet.operations().await.unwrap(), []);
        let (available, reserved) = self.balance(wallet).await;
        let (accounts, paid) = self.double.held();
        assert_eq!(reserved, 0);
        assert_eq!(available + accounts + paid + fees, 10_000);
        assert_eq!(
            self.double.with(|state| state.violations),
            0,
            "a session, number or payment was seen in two messages"
        );
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
