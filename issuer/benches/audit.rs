//! How long an audit takes, for a ledger of so many operations, and what it does to a running load:
//! `cargo bench -p farthing-issuer --bench audit [-- NUMBER]`.
//!
//! The load is eight callers who credit accounts, each credit durable before the next.
//!
//! Of each hundred operations fifteen are withdrawals of eight tokens, the others deposits of three. The rows are written as the mint writes
//! them, without its cryptography: an audit does not look at points and scalars.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement, and what it says"
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use farthing_durable::{Engine, Options, Partition, Txn};
use farthing_issuer::{Books, Cost, InitOptions, MintHome, Passphrase, Protection};
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Encode, Writer};
use farthing_protocol::identity::{AccountKey, MintId, PayeeKey};
use farthing_protocol::ids::{KeysetId, RequestHash};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::{PaymentKind, PaymentTerms, canonical_denominations, payment_id_of};
use farthing_verifier::spent;

const ACCOUNTS: u64 = 10_000;
/// 1 + 2 + 4 + … + 128, and 1 + 2 + 8.
const WITHDRAWN: u64 = 255;
const PAID: u64 = 11;
const AT: UnixTime = UnixTime::from_seconds(1_750_000_000);

fn main() {
    let number = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_000_000_u64);
    let folder = tempfile::tempdir().unwrap();
    let home = make_mint(folder.path());
    let (withdrawals, deposits) = (number * 15 / 100, number - number * 15 / 100);
    let begun = Instant::now();
    fill(&home, withdrawals, deposits);
    println!("{withdrawals} withdrawals and {deposits} deposits written in {:.1?}", begun.elapsed());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let begun = Instant::now();
        let books = Books::open(&home).await.unwrap();
        println!("opened in {:.1?}", begun.elapsed());
        for _ in 0..3 {
            let (begun, before) = (Instant::now(), cpu());
            let report = books.audit().await.unwrap();
            let (elapsed, used) = (begun.elapsed(), cpu() - before);
            assert!(report.is_right(), "{report:?}");
            assert_eq!(report.units[0].issued.units(), withdrawals * WITHDRAWN);
            println!(
                "audited in {elapsed:.2?}, {used:.2} s of processor time: {:.2} µs an operation",
                used * 1e6 / number as f64
            );
        }
        loaded("the load alone", &books, tokio::time::sleep(Duration::from_secs(5))).await;
        for _ in 0..3 {
            let report = loaded("the load beside an audit", &books, books.audit()).await.unwrap();
            assert!(report.is_right(), "{report:?}");
        }
    });
    println!("peak memory {} MiB", peak() / 1024);
}

const CALLERS: u64 = 8;

/// Runs the load as long as something else takes, and says how long its credits took.
async fn loaded<T>(what: &str, books: &Books, during: impl Future<Output = T>) -> T {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (books, over) = (books.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                    let begun = Instant::now();
                    let account = AccountKey::from_bytes(bytes(9, caller));
                    books.credit(account, Amount::new(1).unwrap(), format!("load {number}")).await.unwrap();
                    taken.push(begun.elapsed());
                }
                taken
            })
        })
        .collect();
    let begun = Instant::now();
    let result = during.await;
    let elapsed = begun.elapsed();
    over.store(true, Ordering::Relaxed);
    let mut taken = Vec::new();
    for caller in callers {
        taken.append(&mut caller.await.unwrap());
    }
    taken.sort();
    let part = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{what}: {:.2} s, {:.0} credits a second; a credit took {:.2} ms (half), {:.2} ms (99 of 100), {:.2} ms (the longest)",
        elapsed.as_secs_f64(),
        taken.len() as f64 / elapsed.as_secs_f64(),
        part(0.5),
        part(0.99),
        part(1.0)
    );
    result
}

fn make_mint(folder: &std::path::Path) -> MintHome {
    let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let protection = Protection::Passphrase { passphrase: Passphrase::new("bench"), cost };
    MintHome::init(folder.join("mint"), &InitOptions::new(Unit::new("EUR", 2).unwrap(), protection)).unwrap()
}

/// Processor time of the process so far, in seconds. Times on a machine with other work say less.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The greatest memory that the process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

struct Filling {
    mint: MintId,
    keyset: KeysetId,
    deposit_until: UnixTime,
    unit: Vec<u8>,
}

fn fill(home: &MintHome, withdrawals: u64, deposits: u64) {
    let path = std::fs::read_dir(home.folder().join("keysets")).unwrap().next().unwrap().unwrap().path();
    let keyset = Keyset::from_bytes(&std::fs::read(path).unwrap()).unwrap();
    let mut unit = Writer::default();
    unit.part(home.unit());
    let filling = Filling {
        mint: *home.mint_id(),
        keyset: *keyset.id(),
        deposit_until: keyset.terms().deposit_until,
        unit: unit.finish(),
    };
    let filling = Arc::new(filling);
    let engine = Engine::open(&home.folder().join("ledger"), Options::new().indexer(spent::indexer())).unwrap();
    for from in (0..withdrawals).step_by(1000) {
        let filling = Arc::clone(&filling);
        let until = withdrawals.min(from + 1000);
        run(&engine, move |txn| (from..until).for_each(|number| filling.withdrawal(txn, number)));
    }
    for from in (0..deposits).step_by(5000) {
        let filling = Arc::clone(&filling);
        let until = deposits.min(from + 5000);
        run(&engine, move |txn| (from..until).for_each(|number| filling.deposit(txn, number)));
    }
    run(&engine, move |txn| filling.totals(txn, withdrawals, deposits));
}

fn run(engine: &Engine, job: impl FnOnce(&mut Txn<'_>) + Send + 'static) {
    let done = engine.submit(move |txn| {
        job(txn);
        Ok::<_, ()>(())
    });
    done.wait().unwrap().unwrap();
}

/// 32 bytes that differ for each use and number.
fn bytes(what: u8, number: u64) -> [u8; 32] {
    let mut bytes = [what; 32];
    // The keys lie everywhere, as real ones do.
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[8..16].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn value(parts: &[&[u8]]) -> Vec<u8> {
    [&[&[1][..]], parts].concat().concat()
}

fn units(units: u64) -> [u8; 8] {
    units.to_le_bytes()
}

fn put(txn: &mut Txn<'_>, key: &[&[u8]], row: &[&[u8]]) {
    txn.put(&key.concat(), &value(row)).unwrap();
}

impl Filling {
    fn withdrawal(&self, txn: &mut Txn<'_>, number: u64) {
        let (id, account, funding) = (bytes(1, number), bytes(2, number % ACCOUNTS), bytes(3, number));
        let session = [bytes(4, number).as_slice(), &units(0), &bytes(5, number)].concat();
        let (keyset, at, worth) = (self.keyset.as_bytes().as_slice(), units(AT.seconds()), units(WITHDRAWN));
        put(txn, &[b"issuance/", &id], &[keyset, &worth, &worth, &[1], &account, &funding, &session, &at]);
        let mut record = [[1].as_slice(), keyset, &[1], &worth, &id, &funding, &worth, &8_u16.to_le_bytes()].concat();
        for denomination in 0..8_u8 {
            record.push(denomination);
            (0..6).for_each(|part| record.extend(bytes(10 + part, number)));
        }
        record.extend([0; 128]);
        txn.put_large(&[b"issuance/".as_slice(), &id].concat(), &record).unwrap();
        put(txn, &[b"session/", &session], &[&id, &bytes(6, number)]);
        put(txn, &[b"funding/", &funding], &[&id]);
        put(txn, &[b"issued/", &number.to_be_bytes()], &[keyset, &id, &at]);
    }

    fn deposit(&self, txn: &mut Txn<'_>, number: u64) {
        let amount = Amount::new(PAID).unwrap();
        let coins = [bytes(20, number), bytes(21, number), bytes(22, number)];
        let (payee, request) =
            (PayeeKey::from_bytes(bytes(2, number % ACCOUNTS)), RequestHash::from_bytes(bytes(7, number)));
        let terms =
            PaymentTerms { kind: PaymentKind::Pay, mint: self.mint, keyset: self.keyset, request, payee, amount };
        let denominations = canonical_denominations(PaymentKind::Pay, amount, 3).unwrap();
        let payment = payment_id_of(&terms, denominations.into_iter().zip(coins));
        let mut entry = Writer::default();
        entry.u8(1);
        entry.u8(PaymentKind::Pay.to_byte());
        let fields: [&dyn Fn(&mut Writer); 6] = [
            &|out| payment.encode_to(out),
            &|out| self.keyset.encode_to(out),
            &|out| payee.encode_to(out),
            &|out| amount.encode_to(out),
            &|out| AT.encode_to(out),
            &|out| out.bytes(&bytes(8, number)),
        ];
        fields.iter().for_each(|field| field(&mut entry));
        request.encode_to(&mut entry);
        entry.u8(3);
        coins.iter().for_each(|coin| entry.bytes(coin));
        txn.append(Partition(1 << 31), &entry.finish()).unwrap();
    }

    fn totals(&self, txn: &mut Txn<'_>, withdrawals: u64, deposits: u64) {
        let (issued, redeemed, credit) = (withdrawals * WITHDRAWN, deposits * PAID, 1_000_000);
        let credits = withdrawals.div_ceil(ACCOUNTS).max(1) * WITHDRAWN + credit;
        for number in 0..ACCOUNTS {
            let share = |all: u64| all / ACCOUNTS + u64::from(number < all % ACCOUNTS);
            let held = credits - share(withdrawals) * WITHDRAWN + share(deposits) * PAID;
            let account = bytes(2, number);
            put(txn, &[b"account/", &account, &self.unit], &[&units(held), &[0; 4]]);
            put(
                txn,
                &[b"credit/", format!("credit {number}").as_bytes()],
                &[&account, &self.unit, &units(credits), &units(AT.seconds())],
            );
        }
        let funded = credits * ACCOUNTS;
        let totals = [units(funded), units(0), units(funded - issued + redeemed), units(0), units(0)];
        put(txn, &[b"unit/", &self.unit], &[&totals.concat()]);
        put(txn, &[b"keyset/", self.keyset.as_bytes()], &[&self.unit, &units(issued), &units(redeemed)]);
        put(txn, &[b"meta/issued"], &[&units(withdrawals)]);
        let row = [&(1_u32 << 31).to_le_bytes()[..], &units(self.deposit_until.seconds())].concat();
        txn.put(&[b"spent/keyset/".as_slice(), self.keyset.as_bytes()].concat(), &row).unwrap();
        txn.put(b"spent/next", &((1_u32 << 31) + 1).to_le_bytes()).unwrap();
    }
}
