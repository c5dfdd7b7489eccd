//! Many jobs that read one moment, while the store goes on.

use farthing_durable::{Cut, CutFault, Engine, Partition, StoreFault};

use crate::copies::{Dice, change_often, contents, read_contents};
use crate::{entry, find, open, run};

fn cut(engine: &Engine) -> Cut {
    Cut::of(engine, usize::MAX).wait().unwrap().unwrap()
}

#[test]
fn a_cut_shows_what_stood_at_its_moment_whatever_changes() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let mut dice = Dice(1);
    let mut cuts = Vec::new();
    for _ in 0..6 {
        change_often(&engine, &mut dice, 25);
        cuts.push((cut(&engine), contents(&engine)));
        for (cut, expected) in &cuts {
            assert!(cut.read(|txn| read_contents(txn).map_err(CutFault::from)).wait().unwrap().unwrap() == *expected);
        }
    }
    assert!(!cuts.last().unwrap().1.entries.is_empty());
    run(&engine, |txn| {
        txn.drop_partition(Partition(7), u32::MAX)?;
        (0..3000_u64).try_for_each(|number| txn.delete(&[b"s".as_slice(), &number.to_be_bytes()].concat()))
    });
    for (cut, expected) in &cuts {
        assert!(cut.read(|txn| read_contents(txn).map_err(CutFault::from)).wait().unwrap().unwrap() == *expected);
    }
    assert!(contents(&engine).entries.is_empty());
}

#[test]
fn what_is_appended_later_is_not_found_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let append = |key: u64| run(&engine, move |txn| txn.append(Partition(7), &entry(&[key], 3)));
    append(1);
    let cut = cut(&engine);
    append(2);
    let in_cut = |key: u64| cut.read(move |txn| find(txn, 7, key).map_err(CutFault::from)).wait().unwrap().unwrap();
    assert!(in_cut(1).is_some() && in_cut(2).is_none());
    assert!(run(&engine, |txn| find(txn, 7, 2)).is_some());
    // A partition that was not there at all.
    run(&engine, |txn| txn.append(Partition(8), &entry(&[3], 3)));
    let entries = cut.read(|txn| txn.scan_entries(Partition(8), None, 9).map_err(CutFault::from)).wait();
    assert_eq!(entries.unwrap().unwrap().len(), 0);
}

#[test]
fn a_cut_ends_when_more_changes_than_may_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let (small, large) = (Cut::of(&engine, 10_000).wait().unwrap().unwrap(), cut(&engine));
    let read = |cut: &Cut| cut.read(|txn| txn.get(b"a").map_err(CutFault::from)).wait().unwrap();
    for number in 0..300_u16 {
        run(&engine, move |txn| txn.put(&number.to_be_bytes(), &[0; 100]));
    }
    assert_eq!(read(&small), Err(CutFault::Ended));
    assert_eq!(read(&large), Ok(None));
    // Others are not disturbed.
    assert_eq!(run(&engine, |txn| txn.get(&[0, 1])).unwrap(), [0; 100]);
}

#[test]
fn what_fails_in_a_cut_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let failed = cut(&engine).read(|txn| txn.get(&[]).map_err(CutFault::from)).wait().unwrap();
    assert_eq!(failed, Err(CutFault::Fault(StoreFault::TooLarge)));
}
