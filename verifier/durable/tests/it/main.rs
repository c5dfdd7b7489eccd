//! The store on real folders: semantics, faults, kills and system calls.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod child;
mod copies;
mod cuts;
mod damage;
mod faults;
mod kill;
mod log;
mod opening;
mod syscalls;
mod values;

use std::{path::Path, sync::Arc};

use farthing_durable::{Engine, Indexer, Options, Partition, StoreFault, Txn};

/// Entries of these tests: keys of eight bytes one after another, behind their number, before anything else.
fn indexer() -> Indexer {
    Arc::new(|_: Partition, entry: &[u8], key: &mut dyn FnMut(&[u8])| {
        let Some((count, rest)) = entry.split_first() else {
            return;
        };
        for each in rest.chunks(8).take(usize::from(*count)) {
            key(each);
        }
    })
}

fn entry(keys: &[u64], filler: usize) -> Vec<u8> {
    let mut entry = vec![u8::try_from(keys.len()).unwrap()];
    for key in keys {
        entry.extend_from_slice(&key.to_be_bytes());
    }
    entry.resize(entry.len() + filler, 0xab);
    entry
}

fn options() -> Options {
    Options::new().cache_bytes(8 << 20).indexer(indexer())
}

fn open(path: &Path) -> Engine {
    Engine::open(path, options()).unwrap()
}

/// Runs a job to its durable answer.
fn run<T: Send + 'static>(
    engine: &Engine,
    job: impl FnOnce(&mut Txn<'_>) -> Result<T, StoreFault> + Send + 'static,
) -> T {
    engine.submit(job).wait().unwrap().unwrap()
}

fn find(txn: &Txn<'_>, partition: u32, key: u64) -> Result<Option<Vec<u8>>, StoreFault> {
    txn.find(Partition(partition), &key.to_be_bytes(), &mut |entry| Some(entry.to_vec()))
}
