//! Payments of four tokens accepted durably, in groups of 64: the packed log, values under random keys, and what sled
//! does by itself in three other ways. Every variant flushes and then syncs sled's file before a group counts.
//! Set TMPDIR to a folder on the disk to measure, not one in memory.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{fs::File, hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use farthing_durable::{Engine, Indexer, Options, Partition, Pending, StoreFault, Txn};
use sled::{Batch, Transactional, transaction::ConflictableTransactionError};

/// Payments to a group.
const GROUP: u64 = 64;
/// Keys of an entry: four serials and the payment's id, 32 bytes each.
const KEYS: usize = 5;
/// What is stored of a payment besides.
const REST: usize = 80;
const SPENT: Partition = Partition(1);

/// A payment's keys, as random as hashes.
fn keys(payment: u64) -> [[u8; 32]; KEYS] {
    let mut state = payment.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [(); KEYS].map(|()| {
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = state ^ payment.rotate_left(17);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            part.copy_from_slice(&(word ^ (word >> 31)).to_be_bytes());
        }
        key
    })
}

fn entry(keys: &[[u8; 32]; KEYS]) -> Vec<u8> {
    let mut entry = keys.concat();
    entry.resize(entry.len() + REST, 0x5a);
    entry
}

fn packed(txn: &mut Txn<'_>, payment: u64) -> Result<bool, StoreFault> {
    let keys = keys(payment);
    for key in &keys {
        if txn.find(SPENT, key, &mut |_| Some(()))?.is_some() {
            return Ok(false);
        }
    }
    txn.append(SPENT, &entry(&keys))?;
    Ok(true)
}

fn random_keys(txn: &mut Txn<'_>, payment: u64) -> Result<bool, StoreFault> {
    let keys = keys(payment);
    for key in &keys {
        if txn.get(key)?.is_some() {
            return Ok(false);
        }
    }
    let [id, serials @ ..] = &keys;
    for serial in serials {
        txn.put(serial, id)?;
    }
    txn.put(id, &entry(&keys))?;
    Ok(true)
}

type Work = fn(&mut Txn<'_>, u64) -> Result<bool, StoreFault>;

/// One job for each payment; the next group is queued while the previous one is made durable, as under load.
fn engine(criterion: &mut Criterion, name: &str, work: Work) {
    let folder = tempfile::tempdir().unwrap();
    let indexer: Indexer = Arc::new(|_, entry, key| {
        entry.chunks_exact(32).take(KEYS).for_each(key);
    });
    let options = Options::new().group_limit(64).cache_bytes(256 << 20).indexer(indexer);
    let engine = Engine::open(folder.path(), options).unwrap();
    let mut next = 0;
    let mut group = || -> Vec<Pending<_>> {
        let first = next;
        next += GROUP;
        (first..next).map(|payment| engine.submit(move |txn| work(txn, payment))).collect()
    };
    let mut waiting = group();
    run(criterion, name, || {
        for answer in std::mem::replace(&mut waiting, group()) {
            assert_eq!(answer.wait(), Ok(Ok(true)));
        }
    });
}

/// sled without the engine: `write` is given its three trees and a group of payments.
fn plain(criterion: &mut Criterion, name: &str, write: impl Fn([&sled::Tree; 3], std::ops::Range<u64>)) {
    let folder = tempfile::tempdir().unwrap();
    let config = sled::Config::new().path(folder.path()).flush_every_ms(None).cache_capacity(256 << 20);
    let db = config.open().unwrap();
    let [spent, payments, accounts] = ["spent", "payments", "accounts"].map(|name| db.open_tree(name).unwrap());
    let file = File::options().write(true).open(folder.path().join("db")).unwrap();
    let mut next = 0;
    run(criterion, name, || {
        let first = next;
        next += GROUP;
        write([&spent, &payments, &accounts], first..next);
        db.flush().unwrap();
        file.sync_data().unwrap();
    });
}

fn run(criterion: &mut Criterion, name: &str, mut group: impl FnMut()) {
    let mut benches = criterion.benchmark_group("payments of 4 tokens");
    benches.throughput(Throughput::Elements(GROUP)).sample_size(20);
    benches.bench_function(name, |bencher| bencher.iter(&mut group));
    benches.finish();
}

fn benches(criterion: &mut Criterion) {
    engine(criterion, "engine, packed entries", packed);
    engine(criterion, "engine, random keys", random_keys);
    plain(criterion, "sled, one tree, one batch", |[tree, ..], payments| {
        let mut batch = Batch::default();
        for payment in payments {
            let keys = keys(payment);
            let [id, serials @ ..] = &keys;
            for serial in serials {
                black_box(tree.contains_key(serial).unwrap());
                batch.insert(serial, id);
            }
            batch.insert(id, entry(&keys));
        }
        batch.insert(b"account", b"balance");
        tree.apply_batch(batch).unwrap();
    });
    plain(criterion, "sled, three trees, three batches (not atomic)", |[spent, ids, accounts], payments| {
        let [mut first, mut second, mut third] = [(); 3].map(|()| Batch::default());
        for payment in payments {
            let keys = keys(payment);
            let [id, serials @ ..] = &keys;
            for serial in serials {
                black_box(spent.contains_key(serial).unwrap());
                first.insert(serial, id);
            }
            second.insert(id, entry(&keys));
        }
        third.insert(b"account", b"balance");
        spent.apply_batch(first).unwrap();
        ids.apply_batch(second).unwrap();
        accounts.apply_batch(third).unwrap();
    });
    plain(criterion, "sled, three trees, one transaction", |[spent, ids, accounts], payments| {
        (spent, ids, accounts)
            .transaction(|(spent, ids, accounts)| {
                for payment in payments.clone() {
                    let keys = keys(payment);
                    let [id, serials @ ..] = &keys;
                    for serial in serials {
                        spent.insert(serial, id)?;
                    }
                    ids.insert(id, entry(&keys))?;
                }
                accounts.insert(b"account", b"balance")?;
                Ok::<_, ConflictableTransactionError<()>>(())
            })
            .unwrap();
    });
}

criterion_group!(all, benches);
criterion_main!(all);
