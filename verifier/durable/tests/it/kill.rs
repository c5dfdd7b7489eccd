//! A writer killed at any instant: what it acknowledged is there, and each job whole or not at all.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    io::BufRead,
    path::Path,
    thread,
    time::Duration,
};

use farthing_durable::{Partition, StoreFault, Txn};

use crate::{
    child::{say, spawn},
    entry, find, open, run,
};

const WRITERS: u64 = 4;
const P: Partition = Partition(3);

fn key(kind: u8, writer: u64, number: u64) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&writer.to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn serial(writer: u64, number: u64) -> u64 {
    writer << 32 | number
}

/// The number that a writer has reached.
fn reached(txn: &Txn<'_>, writer: u64) -> Result<u64, StoreFault> {
    Ok(txn.get(&key(b'n', writer, 0))?.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap())))
}

/// One job: several keys, an entry, a large value of several pieces, and a deletion, all of which belong together.
fn step(txn: &mut Txn<'_>, writer: u64, number: u64) -> Result<(), StoreFault> {
    assert_eq!(reached(txn, writer)?, number - 1);
    txn.put(&key(b'n', writer, 0), &number.to_be_bytes())?;
    txn.put(&key(b'a', writer, number), &[1; 50])?;
    txn.put_large(&key(b'l', writer, 0), &number.to_be_bytes().repeat(1 + number as usize % 3 * 600))?;
    txn.append(P, &entry(&[serial(writer, number)], 150))?;
    if number.is_multiple_of(2) {
        txn.delete(&key(b'a', writer, number - 1))?;
    }
    Ok(())
}

/// The child: several writers until it is killed.
pub(crate) fn write_for_ever(folder: &Path) {
    let engine = open(folder);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let engine = &engine;
            scope.spawn(move || {
                let mut number = run(engine, move |txn| reached(txn, writer));
                loop {
                    number += 1;
                    run(engine, move |txn| step(txn, writer, number));
                    say(&format!("ack {writer} {number}"));
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_and_no_job_is_half_there() {
    let folder = tempfile::tempdir().unwrap();
    let random = RandomState::new();
    let mut acknowledged = BTreeMap::new();
    for round in 0..24_u64 {
        let (mut child, mut output) = spawn("write", folder.path(), &[]);
        // A third of them die at some instant of their start, the others after some answers.
        let lines = if round % 3 == 0 { 0 } else { random.hash_one((round, "lines")) % 150 };
        let mut line = String::new();
        let mut take = |line: &str| {
            if let Some((writer, number)) = line.trim_end().strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) {
                acknowledged.insert(writer.parse::<u64>().unwrap(), number.parse::<u64>().unwrap());
            }
        };
        for _ in 0..lines {
            line.clear();
            output.read_line(&mut line).unwrap();
            take(&line);
        }
        thread::sleep(Duration::from_micros(random.hash_one(round) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in output.lines() {
            take(&line.unwrap());
        }
        check(folder.path(), &acknowledged);
    }
    assert_eq!(acknowledged.len(), WRITERS as usize);
}

fn check(folder: &Path, acknowledged: &BTreeMap<u64, u64>) {
    let engine = open(folder);
    let acknowledged = acknowledged.clone();
    run(&engine, move |txn| {
        let mut entries = 0;
        for writer in 0..WRITERS {
            let reached = reached(txn, writer)?;
            assert!(reached >= acknowledged.get(&writer).copied().unwrap_or(0));
            entries += reached as usize;
            for number in 1..=reached + 1 {
                let there = number <= reached;
                let deleted = number % 2 == 1 && number < reached;
                assert_eq!(txn.get(&key(b'a', writer, number))?.is_some(), there && !deleted);
                assert_eq!(find(txn, P.0, serial(writer, number))?.is_some(), there);
            }
            let large = txn.get_large(&key(b'l', writer, 0))?;
            let expected = reached.to_be_bytes().repeat(1 + reached as usize % 3 * 600);
            assert_eq!(large, (reached > 0).then_some(expected));
        }
        assert_eq!(txn.scan_entries(P, None, usize::MAX)?.len(), entries);
        Ok(())
    });
}

#[test]
fn a_folder_whose_maker_was_killed_opens() {
    let random = RandomState::new();
    for round in 0..40_u64 {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, _output) = spawn("write", folder.path(), &[]);
        thread::sleep(Duration::from_micros(random.hash_one(round) % 25_000));
        child.kill().unwrap();
        child.wait().unwrap();
        check(folder.path(), &BTreeMap::new());
    }
}
