//! A mint in a temporary folder, with a clock that tests turn and a store that tests make fail.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use farthing_durable::{Engine, Options, Step, Txn, Verdict};
use farthing_issuer::{
    AuditReport, Books, Clock, ClockWord, Cost, Figure, HomeError, InitOptions, Mint, MintHome, Passphrase, Protection,
    RunningSigner, SignerHome, SignerOptions, Surroundings, Unlock, run_signer_in,
};
use farthing_protocol::amount::{Amount, Denomination, Fees, Unit, UnixTime};
use farthing_protocol::api::KeysetsAnswer;
use farthing_protocol::codec::{Encode, Writer};
use farthing_protocol::identity::{AccountKey, Keypair, MintId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;
use farthing_verifier::spent;
use tempfile::TempDir;

pub(crate) const START: u64 = 1_800_000_000;

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn denomination(d: u8) -> Denomination {
    Denomination::new(d).unwrap()
}

/// A clock that stands still until it is turned.
#[derive(Debug)]
pub(crate) struct TestClock {
    wall: AtomicU64,
    since_boot: AtomicU64,
    process: AtomicU32,
}

impl Clock for TestClock {
    fn wall(&self) -> Duration {
        Duration::from_secs(self.wall.load(Ordering::SeqCst))
    }

    fn since_boot(&self) -> Duration {
        Duration::from_secs(self.since_boot.load(Ordering::SeqCst))
    }

    fn process(&self) -> u32 {
        self.process.load(Ordering::SeqCst)
    }
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self { wall: AtomicU64::new(START), since_boot: AtomicU64::new(1000), process: AtomicU32::new(1) }
    }

    /// Time goes by.
    pub(crate) fn pass(&self, seconds: u64) {
        self.wall.fetch_add(seconds, Ordering::SeqCst);
        self.since_boot.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The wall clock alone is set.
    pub(crate) fn set_wall(&self, time: UnixTime) {
        self.wall.store(time.seconds(), Ordering::SeqCst);
    }

    pub(crate) fn fork(&self) {
        self.process.fetch_add(1, Ordering::SeqCst);
    }
}

/// How the next commit fails.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    NotPersisted,
    Persisted,
}

/// Which commit fails, and how.
#[derive(Debug, Default)]
struct Faults {
    /// 0: none.
    kind: AtomicU8,
    /// So many commits succeed before.
    after: AtomicU32,
}

impl Faults {
    fn verdict(&self) -> Verdict {
        let kind = self.kind.load(Ordering::SeqCst);
        if kind == 0
            || self.after.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |after| after.checked_sub(1)).is_ok()
        {
            return Verdict::Proceed;
        }
        if kind == 1 { Verdict::FailBefore } else { Verdict::FailAfter }
    }
}

/// A mint, its folder and its clock.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) home: MintHome,
    pub(crate) clock: Arc<TestClock>,
    mint: Option<Mint>,
    fault: Arc<Faults>,
    identity: [u8; 32],
    /// How long files of the archive may be, from the next opening on.
    pub(crate) archive_file: Option<usize>,
    /// Whether it waits for a day of service before it does what cannot be undone, from the next opening on.
    pub(crate) patient: bool,
    /// The process of its own that holds the keys, if there is one.
    pub(crate) signer: Option<Apart>,
}

/// A signer, as far as it can be a process of its own in a test.
pub(crate) struct Apart {
    pub(crate) home: SignerHome,
    running: Option<RunningSigner>,
    /// If it is not that of the world.
    pub(crate) clock: Option<Arc<TestClock>>,
}

pub(crate) fn protection() -> Protection {
    // Far too cheap for real use.
    let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    Protection::Passphrase { passphrase: Passphrase::new("correct horse"), cost }
}

pub(crate) fn unlock() -> Unlock {
    protection().unlock()
}

pub(crate) fn options() -> InitOptions {
    InitOptions::new(Unit::new("EUR", 2).unwrap(), protection())
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with_fees(withdrawal_ppm: u32, deposit_ppm: u32) -> Self {
        Self::with(|options| options.fees = Fees { withdrawal_ppm, deposit_ppm }).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut InitOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::new());
        let mut options = options();
        change(&mut options);
        let identity: [u8; 32] = rand::random();
        let keypair = Keypair::from_secret(&identity);
        let home = MintHome::init_as(folder.path().join("mint"), &options, &keypair, clock.as_ref()).unwrap();
        let fault = Arc::new(Faults::default());
        let mint = open(&home, &clock, &fault, (None, false)).await;
        Self {
            folder,
            home,
            clock,
            mint: Some(mint),
            fault,
            identity,
            archive_file: None,
            patient: false,
            signer: None,
        }
    }

    /// A mint whose keys are with a signer.
    pub(crate) async fn apart(options: SignerOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::new());
        let identity: [u8; 32] = rand::random();
        let keypair = Keypair::from_secret(&identity);
        let home = MintHome::init_as(folder.path().join("mint"), &self::options(), &keypair, clock.as_ref()).unwrap();
        let books = Books::open_by(&home, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        let signer = hand_over(folder.path().join("signer"), &books, options).await.unwrap();
        drop(books);
        let home = MintHome::open(home.folder()).unwrap();
        let signer = Some(Apart { home: signer, running: None, clock: None });
        let fault = Arc::new(Faults::default());
        let mut world =
            Self { folder, home, clock, mint: None, fault, identity, archive_file: None, patient: false, signer };
        world.start_signer().await;
        world.reopen().await;
        world
    }

    /// Hands the keys of a mint that has lived over to a signer.
    pub(crate) async fn part_from_keys(&mut self, options: SignerOptions) {
        self.close();
        let books = Books::open_by(&self.home, Arc::clone(&self.clock) as _).await.unwrap();
        let signer = hand_over(self.folder().join("signer"), &books, options).await.unwrap();
        drop(books);
        self.home = MintHome::open(self.home.folder()).unwrap();
        self.signer = Some(Apart { home: signer, running: None, clock: None });
        self.start_signer().await;
        self.reopen().await;
    }

    /// Starts the signer, as after a crash; where it listens on TCP, the mint is told where.
    pub(crate) async fn start_signer(&mut self) {
        self.stop_signer().await;
        let apart = self.signer.as_mut().unwrap();
        let clock: Arc<TestClock> = Arc::clone(apart.clock.as_ref().unwrap_or(&self.clock));
        let running = run_signer_in(apart.home.clone(), unlock(), clock, std::future::pending()).await.unwrap();
        if let Some(address) = running.local_addr {
            self.configure(|text| text.replace("127.0.0.1:0", &address.to_string()));
        }
        self.signer.as_mut().unwrap().running = Some(running);
    }

    /// Whether the signer is reached over TCP.
    pub(crate) fn signer_on_tcp(&self) -> bool {
        std::fs::read_to_string(self.home.folder().join("mint.toml")).unwrap().contains("signer_key")
    }

    pub(crate) async fn stop_signer(&mut self) {
        if let Some(running) = self.signer.as_mut().and_then(|apart| apart.running.take()) {
            running.stop().await;
        }
    }

    /// Changes `mint.toml`, for the next opening.
    pub(crate) fn configure(&mut self, change: impl FnOnce(String) -> String) {
        let path = self.home.folder().join("mint.toml");
        let text = change(std::fs::read_to_string(&path).unwrap());
        std::fs::write(&path, text).unwrap();
        self.home = MintHome::open(self.home.folder()).unwrap();
    }

    /// The mint in a folder's `mint`, so many seconds after the start.
    pub(crate) async fn in_folder(folder: TempDir, seconds: u64) -> Self {
        let clock = Arc::new(TestClock::new());
        clock.pass(seconds);
        let home = MintHome::open(folder.path().join("mint")).unwrap();
        let fault = Arc::new(Faults::default());
        let mint = open(&home, &clock, &fault, (None, false)).await;
        let identity = [0; 32];
        Self {
            folder,
            home,
            clock,
            mint: Some(mint),
            fault,
            identity,
            archive_file: None,
            patient: false,
            signer: None,
        }
    }

    /// The folder that everything is in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn mint(&self) -> &Mint {
        self.mint.as_ref().unwrap()
    }

    /// Stops the mint and opens its folder again, as after a crash: only what is on disk is left.
    pub(crate) async fn reopen(&mut self) {
        self.close();
        self.mint = Some(self.open_again().await);
    }

    /// Closes the mint, so that somebody else can open its ledger.
    pub(crate) fn close(&mut self) {
        self.fault.kind.store(0, Ordering::SeqCst);
        self.mint = None;
    }

    /// The mint, taken out; the world opens no other meanwhile.
    pub(crate) fn take(&mut self) -> Mint {
        self.mint.take().unwrap()
    }

    pub(crate) async fn open_mint(&self) -> Mint {
        open(&self.home, &self.clock, &self.fault, (None, self.patient)).await
    }

    async fn open_again(&self) -> Mint {
        open(&self.home, &self.clock, &self.fault, (self.archive_file, self.patient)).await
    }

    /// A mint of a thief who copied the folder and knows the passphrase: the same keys, and books of his own. The clock is shared.
    pub(crate) async fn stolen(&mut self) -> Self {
        self.close();
        let folder = tempfile::tempdir().unwrap();
        copy(self.home.folder(), &folder.path().join("mint"));
        self.mint = Some(self.open_again().await);
        let (home, clock) = (MintHome::open(folder.path().join("mint")).unwrap(), Arc::clone(&self.clock));
        let fault = Arc::new(Faults::default());
        let mint = Some(open(&home, &clock, &fault, (None, false)).await);
        Self {
            folder,
            home,
            clock,
            mint,
            fault,
            identity: self.identity,
            archive_file: None,
            patient: false,
            signer: None,
        }
    }

    /// The mint's own key pair.
    pub(crate) fn identity(&self) -> Keypair {
        Keypair::from_secret(&self.identity)
    }

    /// Lets the next commit fail.
    pub(crate) fn fail_next(&self, fault: Fault) {
        self.fail_after(0, fault);
    }

    /// Lets a commit fail after so many that do not.
    pub(crate) fn fail_after(&self, commits: u32, fault: Fault) {
        let code = match fault {
            Fault::NotPersisted => 1,
            Fault::Persisted => 2,
        };
        self.fault.after.store(commits, Ordering::SeqCst);
        self.fault.kind.store(code, Ordering::SeqCst);
    }

    /// Writes into the ledger behind the mint's back, and opens it again.
    pub(crate) async fn tamper(&mut self, write: impl FnOnce(&mut Txn<'_>) + Send + 'static) {
        self.close();
        let folder = self.home.folder().join("ledger");
        tokio::task::spawn_blocking(move || tamper(&folder, write)).await.unwrap();
        self.mint = Some(self.open_again().await);
    }

    /// Takes away what would tell an older ledger from the newest.
    pub(crate) fn unfence(&self) {
        for item in std::fs::read_dir(self.folder()).unwrap() {
            let path = item.unwrap().path();
            if path.to_str().unwrap().contains(".mint.fence-") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    pub(crate) fn id(&self) -> MintId {
        *self.mint().id()
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    pub(crate) async fn keysets(&self) -> KeysetsAnswer {
        serde_json::from_slice(&self.mint().keysets_answer().await.unwrap()).unwrap()
    }

    /// The last keyset of the first chain.
    pub(crate) async fn keyset(&self) -> Keyset {
        self.keysets().await.keysets.pop().unwrap().verify().unwrap()
    }

    pub(crate) async fn balance(&self, account: &AccountKey) -> u64 {
        let balances = self.mint().account(account).await.unwrap().balances;
        balances.first().map_or(0, |balance| balance.balance.units())
    }

    /// Audits, and requires that the books are right.
    pub(crate) async fn audit(&self) -> AuditReport {
        let report = self.mint().audit().await.unwrap();
        assert!(report.is_right(), "{report:?}");
        report
    }

    /// The figures that differ.
    pub(crate) async fn differing(&self) -> Vec<Figure> {
        self.mint().audit().await.unwrap().differences.iter().map(|difference| difference.figure).collect()
    }
}

/// The operator says that the clock is right, as far as he is asked: tests turn it far.
async fn open(
    home: &MintHome,
    clock: &Arc<TestClock>,
    fault: &Arc<Faults>,
    (archive_file, patient): (Option<usize>, bool),
) -> Mint {
    let fault = Arc::clone(fault);
    // As far as the store is concerned it failed either way; the difference is what a later opening finds.
    let ledger = Options::new().cache_bytes(8 << 20).hook(move |step| match step {
        Step::Apply => fault.verdict(),
        _ => Verdict::Proceed,
    });
    let clock: Arc<TestClock> = Arc::clone(clock);
    let surroundings = Surroundings { clock, ledger, archive_file, clock_word: Some(ClockWord::default()), patient };
    match home.has_signer() {
        true => Mint::open_with_signer_in(home, surroundings).await.unwrap(),
        false => Mint::open_in(home, unlock(), surroundings).await.unwrap(),
    }
}

/// A mint for a process of its own, at a time.
pub(crate) async fn mint_at(folder: &Path, now: UnixTime, ledger: Options) -> Mint {
    let clock = Arc::new(TestClock::new());
    clock.pass(now.seconds() - START);
    let clock_word = Some(ClockWord::default());
    let surroundings = Surroundings { clock, ledger, archive_file: None, clock_word, patient: false };
    Mint::open_in(&MintHome::open(folder).unwrap(), unlock(), surroundings).await.unwrap()
}

/// Makes a signer of a mint that does not run.
pub(crate) async fn hand_over(
    folder: std::path::PathBuf,
    books: &Books,
    options: SignerOptions,
) -> Result<SignerHome, HomeError> {
    let books = books.clone();
    tokio::task::spawn_blocking(move || SignerHome::init(folder, &books, &unlock(), &options)).await.unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&entry.path(), &to),
            kind if kind.is_file() => drop(std::fs::copy(entry.path(), &to).unwrap()),
            _ => {}
        }
    }
}

fn tamper(folder: &Path, write: impl FnOnce(&mut Txn<'_>) + Send + 'static) {
    let engine = Engine::open(folder, Options::new().indexer(spent::indexer())).unwrap();
    engine
        .submit(move |txn| {
            write(txn);
            Ok::<_, ()>(())
        })
        .wait()
        .unwrap()
        .unwrap();
}

/// Writes into the books that so much was issued of a keyset.
pub(crate) fn pretend_issued(txn: &mut Txn<'_>, keyset: &KeysetId, unit: &Unit, issued: Amount) {
    let mut value = Writer::default();
    value.u8(1);
    unit.encode_to(&mut value);
    issued.encode_to(&mut value);
    Amount::ZERO.encode_to(&mut value);
    txn.put(&[b"keyset/".as_slice(), keyset.as_bytes()].concat(), &value.finish()).unwrap();
}
