use std::collections::HashSet;

use farthing_durable::{Cursor, Engine, MAX_ENTRY, Options, Partition, StoreFault, Txn};

use crate::{entry, find, indexer, open, options, run};

const P: Partition = Partition(5);

fn all(txn: &Txn<'_>, step: usize) -> Result<Vec<Vec<u8>>, StoreFault> {
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let part = txn.scan_entries(P, after, step)?;
        assert!(part.len() <= step);
        let Some((last, _)) = part.last() else {
            return Ok(entries);
        };
        assert_eq!(Cursor::from_bytes(last.to_bytes()), *last);
        after = Some(*last);
        entries.extend(part.into_iter().map(|(_, entry)| entry));
    }
}

/// The same work under good fingerprints, under none at all, and under few.
fn with_fingerprints(test: impl Fn(Options)) {
    test(options());
    test(options().fingerprint(|_| u64::MAX));
    test(options().fingerprint(|key| u64::from(key.last().unwrap() % 3) << 62));
}

#[test]
fn entries_are_found_under_each_key_in_the_job_in_the_group_and_after_reopening() {
    with_fingerprints(|options| {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = Engine::open(folder.path(), options.clone()).unwrap();
        let mut expected = Vec::new();
        for round in 0..10_u64 {
            let new: Vec<Vec<u8>> =
                (0..30).map(|number| entry(&[round * 1000 + number, round * 1000 + number + 500], 200)).collect();
            expected.extend(new.clone());
            let so_far = expected.clone();
            run(&engine, move |txn| {
                for entry in &new {
                    txn.append(P, entry)?;
                    txn.append(Partition(6), b"without keys")?;
                }
                assert_eq!(all(txn, 7)?, so_far);
                assert_eq!(find(txn, 5, round * 1000 + 529)?.as_ref(), new.last());
                assert_eq!(find(txn, 5, round * 1000 + 30)?, None);
                assert_eq!(find(txn, 6, round * 1000)?, None);
                assert_eq!(find(txn, 5, 500)?.as_ref(), so_far.first());
                Ok(())
            });
            if round % 3 == 2 {
                drop(engine);
                engine = Engine::open(folder.path(), options.clone()).unwrap();
            }
        }
        run(&engine, move |txn| {
            for (number, entry) in expected.iter().enumerate() {
                let key = number as u64 / 30 * 1000 + number as u64 % 30;
                assert_eq!(find(txn, 5, key)?.as_ref(), Some(entry));
                assert_eq!(find(txn, 5, key + 500)?.as_ref(), Some(entry));
                assert_eq!(find(txn, 5, key + 10_000)?, None);
            }
            assert_eq!(all(txn, 1)?, expected);
            assert_eq!(all(txn, 1000)?, expected);
            Ok(())
        });
    });
}

#[test]
fn entries_that_share_a_key_are_offered_oldest_first_and_no_others() {
    with_fingerprints(|options| {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), options).unwrap();
        let offered = |txn: &Txn<'_>, key: u64| {
            let mut seen = Vec::new();
            txn.find(P, &key.to_be_bytes(), &mut |entry| -> Option<()> {
                seen.push(entry.len());
                None
            })
            .map(|none| {
                assert_eq!(none, None);
                seen
            })
        };
        run(&engine, |txn| {
            txn.append(P, &entry(&[1, 2], 10))?;
            txn.append(P, &entry(&[1, 1], 3000))?;
            txn.append(P, &entry(&[9], 10))
        });
        run(&engine, move |txn| {
            txn.append(P, &entry(&[1, 9], 20))?;
            assert_eq!(offered(txn, 1)?, [27, 3017, 37]);
            assert_eq!(offered(txn, 2)?, [27]);
            assert_eq!(offered(txn, 9)?, [19, 37]);
            assert_eq!(offered(txn, 3)?, [0; 0]);
            Ok(())
        });
    });
}

#[test]
fn appends_of_failed_jobs_are_taken_back() {
    with_fingerprints(|options| {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), options.clone()).unwrap();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let first = engine.submit(move |txn| {
            wait.recv().unwrap();
            txn.append(P, &entry(&[1], 100))
        });
        let failed = engine.submit(|txn| {
            for key in 2..100 {
                txn.append(P, &entry(&[key, 1], 100))?;
            }
            txn.append(Partition(77), &entry(&[2], 0))?;
            txn.drop_partition(P, 2)?;
            Err::<(), _>(StoreFault::TooLarge)
        });
        let second = engine.submit(|txn| {
            assert_eq!(find(txn, 5, 2)?, None);
            assert_eq!(find(txn, 77, 2)?, None);
            txn.append(P, &entry(&[2], 50))
        });
        let panicked = engine.submit(|txn| -> Result<(), StoreFault> {
            txn.append(P, &entry(&[3], 100))?;
            panic!("a mistake in a job");
        });
        release.send(()).unwrap();
        assert_eq!((first.wait(), second.wait()), (Ok(Ok(())), Ok(Ok(()))));
        assert!(matches!(failed.wait(), Ok(Err(StoreFault::TooLarge))));
        assert!(panicked.wait().is_err());
        let check = |txn: &mut Txn<'_>| {
            assert_eq!(all(txn, 10)?, [entry(&[1], 100), entry(&[2], 50)]);
            assert_eq!(find(txn, 5, 2)?, Some(entry(&[2], 50)));
            assert_eq!(find(txn, 5, 3)?, None);
            Ok(())
        };
        run(&engine, check);
        drop(engine);
        run(&Engine::open(folder.path(), options).unwrap(), check);
    });
}

#[test]
fn a_partition_is_dropped_in_steps_and_can_begin_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path());
    for round in 0..20_u64 {
        run(&engine, move |txn| {
            txn.append(Partition(4), &entry(&[round], 0))?;
            txn.append(P, &entry(&[round], 3400))?;
            txn.append(P, &entry(&[round + 100], 3400))
        });
    }
    let (mut steps, mut left) = (0, true);
    while left {
        let before = run(&engine, |txn| Ok(all(txn, 100)?.len()));
        left = run(&engine, |txn| txn.drop_partition(P, 7));
        steps += 1;
        let after = run(&engine, |txn| Ok(all(txn, 100)?.len()));
        assert!(before - after <= 7);
        drop(engine);
        engine = open(folder.path());
        assert_eq!(run(&engine, |txn| Ok(all(txn, 100)?.len())), after);
    }
    assert_eq!(steps, 6);
    run(&engine, |txn| {
        for round in 0..20 {
            assert_eq!(find(txn, 5, round)?, None);
            assert!(find(txn, 4, round)?.is_some());
        }
        // Appended, dropped and appended again in one job.
        txn.append(P, &entry(&[1], 0))?;
        assert!(!txn.drop_partition(P, 10)?);
        assert_eq!(find(txn, 5, 1)?, None);
        txn.append(P, &entry(&[2], 0))?;
        assert_eq!(find(txn, 5, 1)?, None);
        assert_eq!(all(txn, 10)?, [entry(&[2], 0)]);
        Ok(())
    });
    run(&engine, |txn| {
        assert_eq!(find(txn, 5, 2)?, Some(entry(&[2], 0)));
        assert_eq!(find(txn, 5, 1)?, None);
        Ok(())
    });
    drop(engine);
    assert_eq!(run(&open(folder.path()), |txn| all(txn, 10)), [entry(&[2], 0)]);
    assert!(!run(&open(folder.path()), |txn| txn.drop_partition(Partition(1234), 10)));
}

#[test]
fn entries_of_every_length_go_in_and_longer_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let lengths: Vec<usize> = (0..=MAX_ENTRY).step_by(97).chain([MAX_ENTRY - 1, MAX_ENTRY, 0, 1]).collect();
    let expected: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![0; length]).collect();
    run(&engine, move |txn| {
        for length in lengths {
            txn.append(P, &vec![0; length])?;
        }
        assert_eq!(txn.append(P, &[0; MAX_ENTRY + 1]), Err(StoreFault::TooLarge));
        Ok(())
    });
    drop(engine);
    assert_eq!(run(&open(folder.path()), |txn| all(txn, 10)), expected);
}

#[test]
fn the_index_holds_many_keys() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), Options::new().indexer(indexer())).unwrap();
    for group in 0..20_u64 {
        run(&engine, move |txn| {
            for number in 0..500 {
                let key = (group * 500 + number) * 5;
                txn.append(P, &entry(&[key, key + 1, key + 2, key + 3, key + 4], 0))?;
            }
            Ok(())
        });
    }
    drop(engine);
    let engine = open(folder.path());
    run(&engine, |txn| {
        let mut entries = HashSet::new();
        for key in (0..50_000).step_by(7) {
            entries.insert(find(txn, 5, key)?.unwrap());
        }
        assert_eq!(entries.len(), 50_000_usize.div_ceil(7));
        assert_eq!(find(txn, 5, 50_000)?, None);
        Ok(())
    });
}
