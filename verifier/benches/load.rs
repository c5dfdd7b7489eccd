//! A payee's service under load, over HTTP, with a mint that decides durably: how fast one payment is, how many are
//! accepted by one caller, by eight, by as many as it can serve, and at ten times that.
//!
//! The callers share the processors with what they call. What those who are turned away take of them is measured beside it: as many
//! callers as the service can serve, while the others are turned away by a server that does nothing else.
//!
//! Everything runs in this process, the callers too; their processor time is left out of what a payment is said to cost.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use farthing_durable::{Engine, Options};
use farthing_http::client::{BaseUrl, HttpClient};
use farthing_http::server::{Limits, harden, serve_tcp};
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{
    Deposit, DepositAnswer, DepositOutcome, DepositRequest, InvoiceRequest, KeysetsAnswer, PayRequest, mint_path,
    verifier_path,
};
use farthing_protocol::identity::Keypair;
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_verifier::check::{MintRules, check_deposits};
use farthing_verifier::conformance::TestMint;
use farthing_verifier::keyring::Keyring;
use farthing_verifier::merchant::{DEFAULT_AT_ONCE, Merchant, MerchantKeys, MerchantParts, Tokens, system_clock};
use farthing_verifier::service::public_router;
use farthing_verifier::spent;
use farthing_verifier::store::{Acceptance, ClearingStore, Outcome, SledStore, SpentStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Four tokens.
const UNITS: u64 = 15;

/// Callers who keep the service busy without being too many.
const BUSY: usize = 128;

/// Connections of those who are too many.
const MANY: usize = 512;

const FOR: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

fn main() {
    // `cargo test` runs benchmarks too, to see that they start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    let runtimes = ["mint", "verifier", "load"].map(|name| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build().unwrap()
    });
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(&runtimes, folder.path());
    println!("{BUSY} callers keep it busy; {MANY} connections overload it; payments of four tokens");
    shop.stock(2_000);
    lone(&runtimes[2], &shop);
    let mut table = BTreeMap::<&str, (Vec<f64>, Vec<f64>)>::new();
    for _ in 0..rounds {
        let mut note = |name, run: &Run| {
            println!("{name:>12}: {run}");
            let (rates, work) = table.entry(name).or_default();
            rates.push(run.accepted);
            work.push(run.work);
        };
        note("1 caller", &shop.load(&runtimes[2], 1, None));
        note("8 callers", &shop.load(&runtimes[2], 8, None));
        let busy = shop.load(&runtimes[2], BUSY, None);
        note("busy", &busy);
        note("ten times", &shop.load(&runtimes[2], MANY, Some(10.0 * busy.accepted)));
        note("aside", &shop.load_beside(&runtimes[2], 9.0 * busy.accepted));
        note("afterwards", &shop.load(&runtimes[2], BUSY, None));
    }
    println!("medians of {rounds} rounds, accepted a second:");
    for (name, (rates, work)) in &table {
        println!("{name:>12}: {:8.0}, {:5.0} µs each", median(rates.clone()), median(work.clone()));
    }
    let ratios = |name: &str| median(table[name].0.iter().zip(&table["busy"].0).map(|(a, b)| a / b).collect());
    println!("ten times the load / busy: {:.2}; afterwards / busy: {:.2}", ratios("ten times"), ratios("afterwards"));
    println!("busy with the others turned away elsewhere / busy: {:.2}", ratios("aside"));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One payment after another, with nothing else to do.
fn lone(runtime: &Runtime, shop: &Shop) {
    let mut times = runtime.block_on(async {
        let mut caller = Caller::connect(shop.address).await;
        let mut times = Vec::new();
        for _ in 0..500 {
            let order = shop.order();
            let start = Instant::now();
            assert_eq!(caller.send(&order).await, 200);
            times.push(start.elapsed());
        }
        times
    });
    times.sort();
    let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
    println!("a lone payment: {:.2} ms, nine of ten within {:.2} ms", at(50), at(90));
}

struct Shop {
    mint: Arc<TestMint>,
    merchant: Merchant,
    invoice: Invoice,
    address: SocketAddr,
    /// Where everybody is turned away.
    closed: SocketAddr,
    orders: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// What a load came to, each second.
struct Run {
    accepted: f64,
    turned_away: f64,
    batch: f64,
    request: f64,
    /// Microseconds of the processors, of verifier and mint, for each accepted one.
    work: f64,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accepted, turned_away, batch, request, work } = self;
        write!(f, "{accepted:6.0} accepted, {turned_away:6.0} turned away a second; ")?;
        write!(f, "{batch:4.1} in a batch, {request:4.1} in a request to the mint; {work:5.0} µs for each accepted")
    }
}

impl Shop {
    fn open([mint_runtime, runtime, _]: &[Runtime; 3], folder: &Path) -> Self {
        let now = system_clock()();
        let mint = Arc::new(TestMint::new(now));
        let url = BaseUrl::parse(&format!("http://{}", serve_mint(mint_runtime, &mint, &folder.join("mint")))).unwrap();
        let merchant = runtime.block_on(merchant(&mint, &url, folder, now));
        let terms = InvoiceRequest {
            amount: Amount::new(UNITS).unwrap(),
            memo: None,
            expires_in: Some(86_400),
            reusable: true,
            http: None,
        };
        let invoice = merchant.invoice(terms).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve_tcp(listener, public_router(merchant.clone()), std::future::pending()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let closed = listener.local_addr().unwrap();
        let turn_away = Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE);
        runtime.spawn(serve_tcp(listener, turn_away, std::future::pending()));
        Self { mint, merchant, invoice, address, closed, orders: Arc::default() }
    }

    /// Makes as many payments as are missing.
    fn stock(&self, wanted: usize) {
        let missing = wanted.saturating_sub(self.orders.lock().unwrap().len());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..missing.div_ceil(2) {
                        let coins = self.mint.coins(Amount::new(UNITS).unwrap());
                        let coins: Vec<_> = coins.iter().collect();
                        let (payee, request) = (self.invoice.draft().payee, PaymentRequest::Invoice(self.invoice.clone()));
                        let payment = self.mint.pay(&coins, payee, request.hash(), None);
                        let body = serde_json::to_vec(&PayRequest { payment, request }).unwrap();
                        let head = format!(
                            "POST {} HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                            verifier_path::PAY,
                            body.len()
                        );
                        self.orders.lock().unwrap().push([head.as_bytes(), &body].concat());
                    }
                });
            }
        });
    }

    fn order(&self) -> Vec<u8> {
        self.orders.lock().unwrap().pop().unwrap()
    }

    /// As many callers as the service can serve, and the rest of those who are too many at a server that turns them away, together
    /// at so many attempts a second.
    fn load_beside(&self, runtime: &Runtime, rate: f64) -> Run {
        self.stock(20_000);
        let order = Arc::new(self.order());
        let ended = Arc::new(AtomicBool::new(false));
        let turn = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let calling: Vec<_> = (0..MANY - BUSY)
            .map(|_| {
                let (order, closed) = (Arc::clone(&order), self.closed);
                let (ended, turn) = (Arc::clone(&ended), Arc::clone(&turn));
                runtime.spawn(async move {
                    let mut caller = Caller::connect(closed).await;
                    while !ended.load(Ordering::Relaxed) {
                        wait_for_turn(&turn, start, rate).await;
                        assert_eq!(caller.send(&order).await, 503);
                    }
                })
            })
            .collect();
        let run = self.load(runtime, BUSY, None);
        ended.store(true, Ordering::Relaxed);
        for caller in calling {
            runtime.block_on(caller).unwrap();
        }
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let turned_away = turn.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
        Run { turned_away, ..run }
    }

    /// So many callers, each with one payment at a time; together at so many attempts a second, or as fast as they can.
    fn load(&self, runtime: &Runtime, callers: usize, rate: Option<f64>) -> Run {
        self.stock(20_000);
        let (accepted, turned_away) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (ended, turn) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (verified, cleared, before) = (self.merchant.verified(), self.merchant.cleared(), processor_time());
        let start = Instant::now();
        let calling: Vec<_> = (0..callers)
            .map(|_| {
                let (orders, address) = (Arc::clone(&self.orders), self.address);
                let (accepted, turned_away) = (Arc::clone(&accepted), Arc::clone(&turned_away));
                let (ended, turn) = (Arc::clone(&ended), Arc::clone(&turn));
                runtime.spawn(async move {
                    let mut caller = Caller::connect(address).await;
                    let mut order = None;
                    while !ended.load(Ordering::Relaxed) {
                        if let Some(rate) = rate {
                            wait_for_turn(&turn, start, rate).await;
                        }
                        let Some(bytes) = order.take().or_else(|| orders.lock().unwrap().pop()) else { return };
                        match caller.send(&bytes).await {
                            200 => accepted.fetch_add(1, Ordering::Relaxed),
                            503 => {
                                order = Some(bytes);
                                turned_away.fetch_add(1, Ordering::Relaxed)
                            }
                            other => unreachable!("{other}"),
                        };
                    }
                })
            })
            .collect();
        std::thread::sleep(FOR);
        let seconds = start.elapsed().as_secs_f64();
        let counted = [&accepted, &turned_away].map(|count| count.load(Ordering::Relaxed));
        let after = processor_time();
        ended.store(true, Ordering::Relaxed);
        for caller in calling {
            runtime.block_on(caller).unwrap();
        }
        let (now_verified, now_cleared) = (self.merchant.verified(), self.merchant.cleared());
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let each = |more: u64, of: u64| more as f64 / of.max(1) as f64;
        Run {
            accepted: each(counted[0], 1) / seconds,
            turned_away: each(counted[1], 1) / seconds,
            batch: each(now_verified.payments - verified.payments, now_verified.batches - verified.batches),
            request: each(now_cleared.payments - cleared.payments, now_cleared.requests - cleared.requests),
            work: (after - before) / each(counted[0], 1) * 1e6,
        }
    }
}

/// Waits for the next of so many turns a second.
async fn wait_for_turn(turn: &AtomicU64, start: Instant, rate: f64) {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let at = turn.fetch_add(1, Ordering::Relaxed) as f64 / rate;
    tokio::time::sleep_until((start + Duration::from_secs_f64(at)).into()).await;
}

/// Processor seconds of this process without those of the callers' threads: of verifier and mint.
fn processor_time() -> f64 {
    let ticks = |stat: &str| -> f64 {
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
    };
    let all = ticks(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default());
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let callers: f64 = stats.filter(|stat| stat.contains("(load)")).map(|stat| ticks(&stat)).sum();
    (all - callers) / 100.0
}

/// One connection, kept.
struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Caller {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Sends a request and reads the answer whole; returns its status.
    async fn send(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the connection was closed");
            let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..end]).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if self.buffer.len() == end + 4 + length.parse::<usize>().unwrap() {
                return head[9..12].parse().unwrap();
            }
        }
    }
}

async fn merchant(mint: &TestMint, url: &BaseUrl, folder: &Path, now: UnixTime) -> Merchant {
    let engine = Engine::open(&folder.join("store"), Options::new().indexer(spent::indexer())).unwrap();
    let client = HttpClient::builder().reuse_connections(true).build().unwrap();
    let mints = [(mint.id(), url.clone())];
    let keyring = Keyring::open(engine.clone(), folder.join("evidence"), client.clone(), mints).await.unwrap();
    keyring.refresh(&mint.id(), now).await.unwrap();
    let parts = MerchantParts {
        keys: MerchantKeys::of(Keypair::generate(&mut rand::rng())),
        mint: mint.id(),
        tokens: Tokens::Open,
        unit: None,
        endpoint: None,
        keyring,
        clearing: Some(ClearingStore::new(engine.clone(), mint.id(), url, client).unwrap()),
        limits: farthing_verifier::offline::LockedLimits::default(),
        engine,
        clock: system_clock(),
        at_once: DEFAULT_AT_ONCE,
        webhooks: None,
    };
    Merchant::new(parts).unwrap()
}

/// A mint's deposits: checked, and decided by a durable store.
struct Deposits {
    mint: Arc<TestMint>,
    store: SledStore,
}

fn serve_mint(runtime: &Runtime, mint: &Arc<TestMint>, folder: &Path) -> SocketAddr {
    let store = SledStore::open_mint(folder, mint.id()).unwrap();
    let state = Arc::new(Deposits { mint: Arc::clone(mint), store });
    let router = Router::new()
        .route(mint_path::DEPOSIT, post(deposit))
        .route(mint_path::KEYSETS, get(keysets))
        .with_state(state);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(serve_tcp(listener, harden(router, Limits::default()), std::future::pending()));
    address
}

async fn keysets(State(deposits): State<Arc<Deposits>>) -> Json<KeysetsAnswer> {
    let mint = &deposits.mint;
    Json(KeysetsAnswer { list: mint.list(system_clock()()), keysets: vec![mint.keyset().document().clone()] })
}

async fn deposit(State(deposits): State<Arc<Deposits>>, Json(request): Json<DepositRequest>) -> Json<DepositAnswer> {
    let now = system_clock()();
    let (payments, claims): (Vec<_>, Vec<_>) =
        request.deposits.into_iter().map(|Deposit { payment, claim }| (payment, claim)).unzip();
    let mint = Arc::clone(&deposits.mint);
    let check = move || {
        let (id, known) = (mint.id(), mint.known());
        check_deposits(&mut rand::rng(), &MintRules { mint: &id, now, keysets: &known }, payments)
    };
    let verified = tokio::task::spawn_blocking(check).await.unwrap();
    let acceptances = verified.into_iter().zip(claims);
    let acceptances =
        acceptances.map(|(payment, claim)| Acceptance { payment: payment.unwrap(), claim, now }).collect();
    let outcomes = deposits.store.accept(acceptances).await.into_iter();
    let told = |outcome| match outcome {
        Ok(Outcome::Accepted { accepted_at }) => DepositOutcome::Accepted { accepted_at },
        other => unreachable!("{other:?}"),
    };
    Json(DepositAnswer { outcomes: outcomes.map(told).collect() })
}
